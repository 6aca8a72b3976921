# SPDX-License-Identifier: Apache-2.0
"""Every command that the README shows is run as it stands there."""
import glob
import os
import re
import shlex
import subprocess

from jemtest import BUILD, TOP, case, check, check_equal, end, main, program, spawn, wait_until

JOB = "#!/bin/sh\necho \"analysis starts\" >> analysis.log\n"
PROGRAM = b"""struct Fit { int run(int n); };
__attribute__((noinline)) int Fit::run(int n) { return n - 3; }
int main() { return Fit().run(3); }
"""
# Commands that run until they are told to end.
LASTING = ("receive",)


def commands():
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as text:
        lines = re.findall(r"^    (jem(?:d)? .*?)(?:\s+#.*)?$", text.read(), re.MULTILINE)
    check(len(lines) >= 8, f"only {len(lines)} commands found")
    return lines


def prepare(folder):
    with open(os.path.join(folder, "job.sh"), "w", encoding="utf-8") as script:
        script.write(JOB)
    os.chmod(os.path.join(folder, "job.sh"), 0o755)
    subprocess.run(["c++", "-g", "-finstrument-functions", "-x", "c++", "-", "-o",
                    os.path.join(folder, "program")], check=True, input=PROGRAM)
    with open(os.path.join(folder, "jem.conf"), "w", encoding="utf-8") as config:
        config.write("[metrics]\ninterval = 1\n")


def start_broker():
    child = spawn([os.path.join(BUILD, "jem-tool"), "broker", "--listen", "127.0.0.1:0"],
                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return child.stdout.readline().decode().strip()


def fill_in(command, broker, folder, job):
    """What the README leaves to the reader: the broker's address, the site's folder, the job."""
    for shown, real in (("amqp://broker.example", broker), ("/var/lib/jem", f"{folder}/site"),
                        ("jem-<job>", job)):
        command = command.replace(shown, real)
    words = shlex.split(command)
    return [program(words[0]), *words[1:]]


@case
def every_command_of_the_readme_works(folder):
    prepare(folder)
    broker = start_broker()
    environment = {**os.environ, "JEM_JOB": "readme"}
    for command in commands():
        words = fill_in(command, broker, folder, "jem-readme")
        if words[1] in LASTING:
            child = spawn(words, cwd=folder, env=environment, stderr=subprocess.PIPE)
            child.stderr.readline()
            wait_until(lambda: os.path.isdir(f"{folder}/site"), what="the receiver's folder")
            check_equal(end(child), 0, f"exit status of {command}")
            continue
        done = subprocess.run(words, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60, check=False)
        check_equal(done.returncode, 0, f"exit status of {command} ({done.stderr!r})")
        if "--calls" in words and os.path.exists(os.path.join(BUILD, "jem-symbols")):
            said = b"".join(subprocess.run([program("jem"), "log", out, "--kind", "call"], check=True,
                                           capture_output=True).stdout
                            for out in glob.glob(f"{folder}/jem-readme*"))
            check(b"Fit::run" in said, f"no call recorded by {command}")


main()
