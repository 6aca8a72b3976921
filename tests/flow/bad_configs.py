# SPDX-License-Identifier: Apache-2.0
"""Fifty wrong configurations: what stands in the file, where the fault is, what the remedy says.

A row is (name, text, line, part): the text of jem.conf, the line that the fault must name (0: the
file as a whole), and a part of the one line that tells it. {folder} stands for the folder of the
test, which furnish() fills.
"""
import os

CASES = [
    # the form of a file
    ("key before any section", "out = x\n", 1, "put [run] or another above it"),
    ("section without its end", "[run\nout = x\n", 1, "write [NAME] and nothing behind"),
    ("text behind a section", "[run] # mine\nout = x\n", 1, "write [NAME] and nothing behind"),
    ("empty section", "[]\n", 1, "write [NAME]"),
    ("misspelt section", "[metric]\ninterval = 1\n", 1, "did you mean [metrics]?"),
    ("unknown section", "[frobnicator]\nspeed = 1\n", 1, "see jem.conf(5)"),
    ("line without an equals sign", "[run]\n\nquiet yes\n", 3, "NAME = VALUE"),
    ("value without a key", "[run]\n= yes\n", 2, "write NAME = VALUE"),
    ("colon in place of an equals sign", "[run]\nquiet: yes\n", 2, "NAME = VALUE"),
    ("misspelt key", "[metrics]\nintervall = 1\n", 2, "did you mean metrics.interval?"),
    ("key of another section", "[run]\ninterval = 1\n", 2, "did you mean metrics.interval?"),
    ("unknown key", "[run]\nzzzzzzzzzz = 1\n", 2, "see jem.conf(5)"),
    ("key that stands twice", "[run]\ndrain = 1\ndrain = 2\n", 3, "first in line 2; keep one"),
    ("key twice in two sections of a name", "[run]\ndrain = 1\n[log]\n[run]\ndrain = 2\n", 5,
     "first in line 2"),
    ("empty value", "[run]\nout =\n", 2, "leave it out for the default"),
    ("quoted value", '[run]\nout = "a folder"\n', 2, "write it bare"),
    ("endless line", "[run]\nout = " + "x" * 9000 + "\n", 2, "8192 are allowed, shorten it"),
    ("endless value", "[run]\nout = " + "x" * 5000 + "\n", 2, "4095 are allowed, shorten it"),
    ("NUL byte", b"[run]\nout = a\0b\n", 2, "take it out"),
    ("control character", b"[run]\nout = a\x1b[31mb\n", 2, "(0x1b) in it; take it out"),
    ("Latin-1 text", b"[run]\nout = Universit\xe4t\n", 2, "is not UTF-8 from byte 16 on; convert"),
    ("UTF-16 file", "[run]\n".encode("utf-16"), 1, "convert it to UTF-8"),
    # values of the wrong type
    ("word for a time", "[metrics]\ninterval = often\n", 2, "write seconds"),
    ("unknown unit of time", "[metrics]\ninterval = 3 fortnights\n", 2, "with ms, s, m, h or d"),
    ("negative time", "[run]\ndrain = -1\n", 2, "write seconds"),
    ("comment behind a value", "[run]\ndrain = 2 # seconds\n", 2, "write seconds"),
    ("time too short", "[metrics]\ninterval = 1us\n", 2, "give 0.05 to 3600 s"),
    ("time too long", "[run]\ndrain = 1h\n", 2, "give 0 to 600 s"),
    ("word for a size", "[report]\nmax_bytes = large\n", 2, "KiB, MiB, GiB"),
    ("size too large", "[log]\nline_max = 2MiB\n", 2, "give 256 bytes to 1 MiB"),
    ("fraction for a number", "[listen]\nconnections = 2.5\n", 2, "write digits only"),
    ("number out of range", "[listen]\nconnections = 0\n", 2, "give 1 to 4096"),
    ("neither yes nor no", "[run]\ntee = perhaps\n", 2, "write yes or no"),
    ("no such choice", "[sched]\nlevel = kernel\n", 2, "write one of off|job|node"),
    ("too many brokers", "[broker]\n" + "".join(f"url = unix:/{i}\n" for i in range(17)), 18,
     "take some out"),
    # what values name
    ("URL of another protocol", "[broker]\nurl = http://example.org\n", 2, "amqp"),
    ("password in a URL", "[broker]\nurl = amqp://user:secret@example.org\n", 2, "password"),
    ("relative socket", "[broker]\nurl = unix:\n", 2, "unix:"),
    ("address to listen on", "[listen]\naddress = http://x\n", 2, "listen.address: "),
    ("broker given twice", "[broker]\nurl = unix:/a\nurl = unix:/a\n", 3, "keep one"),
    ("credentials that others may read", "[broker]\ncredentials = {folder}/open\n", 2,
     "chmod 600"),
    ("no file of credentials", "[broker]\ncredentials = {folder}/none\n", 2, "check the path"),
    ("empty credentials", "[broker]\ncredentials = {folder}/empty\n", 2, "USER:PASSWORD"),
    ("report under a file", "[run]\nout = {folder}/file/report\n", 2, "choose another folder"),
    ("folder to follow", "[log]\nfiles = {folder}/sub\n", 2, "name files in it"),
    ("folder that is none", "[metrics]\nfolders = {folder}/none\n", 2,
     "name a folder that is there"),
    ("pattern of the redactor", "[privacy]\nredact = ([a-z]+\n", 2,
     "mend it, all text is hidden"),
    # rules
    ("rule without a name", "[rule]\nlog = x\n", 1, "write [rule NAME]"),
    ("rule with a strange name", "[rule ../../etc]\nlog = x\n", 2, "A-Z, a-z, 0-9, _ and -"),
    ("rule about nothing", "[rule a]\nseverity = info\n", 1, "add the one it is about"),
    ("rule about both", "[rule a]\nlog = x\nwhen = load1 > 1\n", 1, "make two rules of it"),
    ("rule that stands twice", "[rule a]\nlog = x\n[rule a]\nlog = y\n", 3, "rename one"),
    ("misspelt key of a rule", "[rule a]\nlog = x\nserverity = info\n", 3,
     "did you mean severity?"),
    ("no such severity", "[rule a]\nlog = x\nseverity = fatal\n", 3,
     "write one of info|warning|critical"),
    ("broken pattern", "\n[rule a]\nlog = (unclosed\nlevel = error\n", 2, "mend it"),
    ("text of no capture", "[rule a]\nlog = x\nseverity = info\ntext = ${y}\n", 1,
     "write (?<y>...) in it"),
    ("text without an alert", "[rule a]\nlog = x\ntext = y\n", 1, "add severity"),
    ("threshold on nothing known", "[rule a]\nwhen = rss_byte > 1GiB\n", 1, "rss_byte"),
    ("threshold without a bound", "[rule a]\nwhen = rss_bytes >\n", 1, "[rule a] when: "),
    ("level on a threshold", "[rule a]\nwhen = load1 > 9\nlevel = error\n", 1, "take it out"),
    # contradictions
    ("values of no calls", "[calls]\nvalues = yes\n", 2, "name what to trace there"),
    ("stall bound of what is off", "[metrics]\npss = off\npss_stall = 1ms\n", 3,
     "take one of them out"),
    ("process period below the interval", "[metrics]\ninterval = 2\nprocess_every = 1\n", 3,
     "make it at least as long"),
    ("matched without a rule", "[log]\nfiles = a.log\npublish = matched\n", 3, "or write all"),
    ("file of no receiver", "[receiver]\nfiles = pictures\n", 2, "write one of log|data|metrics"),
]


def furnish(folder):
    """What the wrong configurations name."""
    os.mkdir(os.path.join(folder, "sub"))
    for name, text, mode in (("file", "x\n", 0o600), ("open", "user:secret\n", 0o644),
                             ("empty", "", 0o600), ("closed", "user:secret\n", 0o600)):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)


def write_config(folder, text):
    path = os.path.join(folder, "jem.conf")
    if isinstance(text, str):
        text = text.replace("{folder}", folder).encode()
    with open(path, "wb") as file:
        file.write(text)
    return path


def plain_environment(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("JEM_")}
    return {**kept, **more}
