# SPDX-License-Identifier: Apache-2.0
"""The launcher's own promises: folder, names, monitors and what it tells them, what it says."""
import os
import socket
import stat
import subprocess
import tempfile

from jemtest import case, check, check_equal, check_in, jem, main, skip, wait_until
from launching import NOBODY, Place, has_real

NAMES = ["PandaID", "PANDAID", "_CONDOR_JOB_AD", "SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JEM_JOB"]


def place_of(folder, monitor="good", **options):
    return Place(tempfile.mkdtemp(prefix=f"{monitor}-", dir=folder), monitor, **options)


def words_of(place, name):
    return place.told(name, "words").splitlines()


@case
def the_command_line_is_checked_before_anything_runs(folder):
    with place_of(folder) as place:
        for words, told in ((["run"], b"no command"), (["run", "--"], b"no command"),
                            (["run", "--job"], b"--job"), (["run", "--intervall", "1", "true"],
                                                           b"did you mean --interval"),
                            (["run", "--interval", "-1", "--", "true"], b"--interval"),
                            (["run", "--set", "run.nokey=1", "--", "true"], b"nokey"),
                            (["run", "--broker", "", "--", "true"], b"--broker"),
                            (["run", "--calls", "file:[", "--", "true"], b"file:["),
                            (["run", "--calls", "f", "--set", "calls.exclude=[z-a]x[", "--", "true"],
                             b"[z-a]x["),
                            (["run", "--values", "--", "true"], b"--calls PATTERN"),
                            (["run", "--set", "calls.values=yes", "--", "true"],
                             b"--calls PATTERN")):
            got = place.run([place.jem, *words])
            check_equal(got.returncode, 125, f"exit status of {words}")
            check_equal(len(got.stderr.splitlines()), 1, f"lines of {got.stderr!r}")
            check_in(told, got.stderr, "standard error")
        check_equal((place.reports(), place.told("jemd", "pid")), ([], ""), "what was left")


@case
def values_are_taken_where_anything_names_what_to_trace(folder):
    config = os.path.join(folder, "jem.conf")
    broken = os.path.join(folder, "broken.conf")
    for path, text in ((config, "[calls]\ninclude = f\n"), (broken, "[calls]\nincldue = f\n")):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    with place_of(folder) as place:
        for words, more in ((["--calls", "f"], {}), ([], {"JEM_CALLS": "f"}),
                            (["--config", config], {}), (["--config", broken], {}),
                            (["--set", "calls.values=no"], {})):
            got = place.run([place.jem, "run", "--values", *words, "--", "true"],
                            env={**os.environ, **more})
            check_equal(got.returncode, 0, f"end with {words}: {got.stderr!r}")


@case
def help_and_version_are_printed(folder):
    for words in ((), ("--help",), ("-h",), ("help",)):
        got = jem(*words)
        check_equal((got.returncode, got.stderr), (0, b""), f"end of jem {words}")
        check_in(b"jem run", got.stdout, "help")
    for words in (("run", "--help"), ("help", "run")):
        got = jem(*words)
        check_equal((got.returncode, got.stderr), (0, b""), f"end of jem {words}")
        check_in(b"--interval", got.stdout, "help of run")
    check_in(b"jem ", jem("--version").stdout, "version")
    check_equal(jem("run", "--version").stdout, jem("--version").stdout, "version of run")
    got = jem("nonsense")
    check_equal((got.returncode, len(got.stderr.splitlines())), (64, 1), "end of jem nonsense")


@case
def every_subcommand_of_the_help_has_its_own(folder):
    if not has_real():
        skip("jem-tool is not whole")
    lines = [l.split() for l in jem("--help").stdout.decode().splitlines()]
    names = [l[1] for l in lines if l[:1] == ["jem"] and l[1] not in ("help", "--version")]
    check(len(names) >= 8, f"subcommands {names}")
    for name in names:
        got = jem("help", name)
        check_equal((got.returncode, got.stderr), (0, b""), f"end of jem help {name}")
        check_in(b"--", got.stdout, f"help of {name}")


@case
def subcommands_go_to_jem_tool(folder):
    with place_of(folder) as place:
        place.start([place.jem, "watch", "a b", "--raw"]).wait()
        check_equal(words_of(place, "jem")[1:], ["watch", "a b", "--raw"], "its words")
    with place_of(folder, "missing") as place:
        got = place.run([place.jem, "watch"])
        check_equal((got.returncode, len(got.stderr.splitlines())), (69, 1), "end")


@case
def programs_are_found_beside_and_in_libexec(folder):
    with place_of(folder) as place:
        libexec = os.path.join(place.folder, "libexec", "jem")
        os.makedirs(libexec)
        os.rename(os.path.join(place.programs, "jem-tool"), os.path.join(libexec, "jem-tool"))
        link = os.path.join(place.work, "somewhere-else")
        os.symlink(place.jem, link)
        got = place.run([link, "run", "--quiet", "--", "true"])
        check_equal((got.returncode, got.stderr), (0, b""), "end")
        check_in("finish", place.told("jem-tool", "log"), "what the collector was told")


@case
def monitors_are_lesser_and_apart(folder):
    with place_of(folder) as place:
        plain = ["bash", "-c", "exec 5</dev/null 201</dev/null; trap '' TERM USR1; exec \"$@\"", "-"]
        got = place.run([*plain, *place.prefix(), "cat"], stdin=None, input=b"text",
                        env=place.environment(LD_PRELOAD="/nonexistent.so"))
        check_equal((got.returncode, got.stdout), (0, b"text"), "end")
        for name in ("jemd", "jem-tool"):
            told = place.told(name, "state").splitlines()
            facts = dict(l.split(None, 1) for l in told if not l.startswith("fd"))
            fds = [int(l.split()[1]) for l in told if l.startswith("fd")]
            check_equal(int(facts["nice"]), min(os.nice(0) + 10, 19), f"nice of {name}")
            check_equal(facts["session"], facts["pid"], f"session of {name}")
            check_equal(facts["core"], "0", f"core limit of {name}")
            blocked, ignored = int(facts["SigBlk:"], 16), int(facts["SigIgn:"], 16)
            # 32 and 33 are libc's own; it resets them for nobody.
            check_equal((blocked, ignored & ~(3 << 31)), (0, 0), f"signals of {name}")
            check_equal(fds[:3], [0, 1, 2], f"streams of {name}")
            check_equal(len(fds), {"jemd": 4, "jem-tool": 6}[name], f"descriptors of {name} {fds}")
            check(min(fds[3:]) >= 200, f"descriptors of {name} {fds}")
            if os.geteuid() == 0:
                check_equal(place.told(name, "oom"), "1000\n", f"oom_score_adj of {name}")


@case
def monitors_get_the_options(folder):
    with place_of(folder) as place:
        config = os.path.join(place.work, "jem.ini")
        open(config, "w").close()
        options = ["--interval=2", "--log", "a b.log", "--tee", "--set", "metrics.pss=off",
                   "--set=log.poll=3", "--set", "run.job=other", "--config", config,
                   "--job", "my job", "--out", "report", "--quiet"]
        got = place.run([place.jem, "run", *options, "sh", "-c", "echo $JEM_JOB $JEM_FOLDER"],
                        stdout=subprocess.PIPE)
        check_equal(got.returncode, 0, f"exit status ({got.stderr})")
        name, report = got.stdout.decode().split()
        check_in("my_job-", name, "JEM_JOB")
        check_equal(report, os.path.join(place.work, "report"), "JEM_FOLDER")
        check_equal(place.told("jemd", "folder"), report + "\n", "jemd's JEM_FOLDER")
        common = ["--set", "run.job=my job", "--set", "metrics.interval=2", "--set",
                  "log.files=a b.log", "--set", "run.tee=yes", "--set", "metrics.pss=off", "--set",
                  "log.poll=3", "--config", config, "--set", "run.quiet=yes"]
        words = words_of(place, "jemd")
        check_equal([w.split("=")[0] for w in words[1:3]], ["--launcher-fd", "--pid"], "jemd's words")
        check_equal(words[3:5], ["--collector", f"unix:{report}/broker.sock"],
                    "jemd's way to the collector")
        check_equal(words[-len(common):], common, "jemd's options")
        words = words_of(place, "jem-tool")
        check_equal(words[1], "collect", "the collector's words")
        check_equal(words[4], f"--folder={report}", "the collector's folder")
        check_equal(words[5:], common, "the collector's options")


@case
def with_a_broker_only_the_daemon_runs(folder):
    with place_of(folder) as place:
        broker = ["--broker", "amqp://localhost:1", "--job", "x"]
        got = place.run([*place.prefix(*broker, is_quiet=False), "sh", "-c",
                         "echo ${JEM_FOLDER-none}"], env=place.environment(JEM_FOLDER="/outer"))
        check_equal((got.returncode, got.stdout), (0, b"none\n"), "end")
        check_in(b"job x, published to amqp://localhost:1", got.stderr, "the first line")
        check_equal((place.reports(), place.told("jem-tool", "pid")), ([], ""), "what was made")
        check_equal(place.told("jemd", "folder"), "none\n", "jemd's JEM_FOLDER")
        check_equal(words_of(place, "jemd")[3:5], ["--set", "run.job=x"], "jemd's words")
    with place_of(folder) as place:
        place.run([*place.prefix(*broker, "--out", "r"), "true"])
        check("finish" in place.told("jem-tool", "log"), "with --out there is a collector")
    with place_of(folder) as place:
        config = os.path.join(place.work, "jem.ini")
        with open(config, "w") as file:
            file.write("[broker]\nurl = amqp://localhost:1\n[run]\nquiet = yes\n")
        got = place.run([place.jem, "run", "--config", config, "--", "true"])
        check_equal((got.returncode, got.stderr), (0, b""), "end with a configuration file")
        check_equal(place.reports(), [], "reports")


@case
def the_folder_is_new_private_and_locked(folder):
    with place_of(folder) as place:
        place.run([*place.prefix("--out", "r"), "sh", "-c",
                   "umask >../umask; flock -n r/lock true || echo locked >../lock"])
        for path, mode in (("r", 0o700), ("r/lock", 0o600), ("r/broker.sock", 0o600),
                           ("r/monitor.log", 0o600)):
            found = os.lstat(os.path.join(place.work, path))
            check_equal(stat.S_IMODE(found.st_mode), mode, f"mode of {path}")
        with open(os.path.join(place.folder, "lock")) as file:
            check_equal(file.read(), "locked\n", "the lock while the job runs")
        with open(os.path.join(place.folder, "umask")) as file:
            check_equal(file.read(), f"{os.umask(os.umask(0o22)):04o}\n", "umask of the job")
        with open(os.path.join(place.work, "r", "keep"), "w") as file:
            file.write("mine")
        for number in (2, 3):
            place.run([*place.prefix("--out", "r/"), "true"])
            check(os.path.exists(os.path.join(place.work, f"r-{number}", "index.html")),
                  f"the folder r-{number}")
        check_equal(sorted(os.listdir(os.path.join(place.work, "r"))),
                    ["broker.sock", "index.html", "keep", "lock", "monitor.log"], "the first folder")


@case
def an_empty_folder_named_by_a_person_is_taken(folder):
    with place_of(folder) as place:
        for name, mode, taken in (("mine", 0o750, "mine"), ("open", 0o777, "open-2")):
            os.mkdir(os.path.join(place.work, name))
            os.chmod(os.path.join(place.work, name), mode)
            place.run([*place.prefix("--out", name), "true"])
            check(os.path.exists(os.path.join(place.work, taken, "index.html")), taken)
        os.symlink("/etc", os.path.join(place.work, "link"))
        place.run([*place.prefix("--out", "link"), "true"])
        check(os.path.exists(os.path.join(place.work, "link-2", "index.html")), "link-2")


@case
def default_folders_are_named_after_the_job(folder):
    with place_of(folder) as place:
        environment = {k: v for k, v in place.environment().items() if k not in NAMES}
        environment["SLURM_JOB_ID"] = "4711"
        for wanted in ("jem-4711", "jem-4711-2", "jem-4711-3"):
            place.run([*place.prefix(), "true"], env=environment)
            check_in(wanted, place.reports(), "folders")
        environment["JEM_JOB"] = "given"
        place.run([*place.prefix(), "true"], env=environment)
        check_in("jem-given", place.reports(), "folders")
        place.run([*place.prefix("--job", "said"), "true"], env=environment)
        check_in("jem-said", place.reports(), "folders")


@case
def under_a_panda_pilot_the_looping_job_detector_is_spared(folder):
    with place_of(folder) as place:
        for number in ("", "-2"):
            got = place.run([*place.prefix(is_quiet=False), "sh", "-c", "echo $JEM_FOLDER"],
                            env=place.environment(PANDAID="6001"))
            link = os.path.join(place.work, "jem-6001" + number)
            check_equal(os.readlink(link), "memory_jem-6001" + number, "link")
            check(os.path.exists(os.path.join(link, "index.html")), "the page")
            check_in(f"report in jem-6001{number}/index.html".encode(), got.stderr, "the line")
            check_equal(got.stdout.decode().strip(),
                        os.path.join(place.work, "memory_jem-6001" + number), "JEM_FOLDER")
        place.run([*place.prefix("--out", "mine"), "true"], env=place.environment(PANDAID="6001"))
        check(not os.path.islink(os.path.join(place.work, "mine")), "--out is taken as it is")


@case
def a_long_path_has_a_socket_too(folder):
    with place_of(folder) as place:
        deep = os.path.join(place.work, *["d" * 100] * 3)
        os.makedirs(deep)
        place.run([*place.prefix("--out", os.path.join(deep, "r")), "true"])
        check(stat.S_ISSOCK(os.lstat(os.path.join(deep, "r", "broker.sock")).st_mode), "socket")


@case
def the_socket_listens_before_the_job_runs(folder):
    script = "import socket,sys,os; s=socket.socket(socket.AF_UNIX); " \
             "s.connect(os.environ['JEM_FOLDER']+'/broker.sock'); print('connected')"
    with place_of(folder) as place:
        got = place.run([*place.prefix(), "/usr/bin/python3", "-c", script])
        check_equal(got.stdout, b"connected\n", "standard output")


@case
def where_the_folder_is_not_writable_the_report_goes_to_tmpdir(folder):
    with place_of(folder, is_for_all=True) as place:
        os.chmod(place.work, 0o755)
        temporary = os.path.join(place.folder, "tmp")
        os.mkdir(temporary)
        os.chmod(temporary, 0o777)
        os.chmod(folder, 0o755)
        got = place.run([*NOBODY, *place.prefix("--job", "j", is_quiet=False), "true"],
                        env=place.environment(TMPDIR=temporary))
        check_equal(got.returncode, 0, "exit status")
        check_in(f"report in {temporary}/jem-j/index.html".encode(), got.stderr, "the line")


@case
def faults_are_told_once_and_the_job_runs(folder):
    with place_of(folder, "fault") as place:
        config = os.path.join(place.work, "broken.ini")
        with open(config, "w") as file:
            file.write("[metrics]\nnokey = 1\ninterval = never\n")
        got = place.run([*place.prefix("--config", config, is_quiet=False), "sh", "-c", "exit 3"],
                        env=place.environment(JEM_RUN_NOTHING="1"))
        lines = got.stderr.decode().splitlines()
        check_equal(got.returncode, 3, "exit status")
        for part in ("broken.ini:2", "broken.ini:3", "JEM_RUN_NOTHING", "jem.ini:3", "jem.ini:4"):
            check_equal(sum(part in line for line in lines), 1, f"lines about {part} of {lines}")
        check(all(line.startswith("jem: ") for line in lines), f"every line is ours: {lines}")
        got = place.run([*place.prefix("--config", config), "true"])
        check_equal(got.stderr, b"", "standard error with --quiet")


@case
def strict_makes_a_fault_fatal(folder):
    marker = ["sh", "-c", "echo ran"]
    for monitor in ("fault", "exit", "stop", "mute", "missing"):
        with place_of(folder, monitor) as place:
            got = place.run([*place.prefix("--strict"), *marker])
            check_equal((got.returncode, got.stdout), (125, b""), f"end beside {monitor}")
            check_in(b"the job is not started", got.stderr, "standard error")
    with place_of(folder) as place:
        got = place.run([*place.prefix("--strict"), *marker])
        check_equal((got.returncode, got.stdout), (0, b"ran\n"), "end of a whole run")
        got = place.run([*place.prefix("--strict", "--out", "/proc/x"), *marker])
        check_equal((got.returncode, got.stdout), (125, b""), "end without a folder")


@case
def the_end_is_told_as_it_was(folder):
    for script, told in (("exit 3", "ended with exit status 3 after "),
                         ("kill -TERM $$", "was ended by SIGTERM after "),
                         ("kill -40 $$", "was ended by signal 40 after ")):
        with place_of(folder) as place:
            got = place.run([*place.prefix("--job", "j", is_quiet=False), "sh", "-c", script])
            lines = got.stderr.decode().splitlines()
            check_equal(lines[0], "jem: job j, report in jem-j/index.html, watch with: jem watch "
                        "jem-j", "the first line")
            check_in("jem: job j " + told, lines[1], "the last line")
            check_equal(len(lines), 2, f"lines {lines}")
    with place_of(folder, "deaf") as place:
        got = place.run([*place.prefix("--job", "j", is_quiet=False), "true"])
        check_in(b"the report is not finished, draw it with: jem report jem-j", got.stderr, "the end")


@case
def garbage_from_a_monitor_is_harmless(folder):
    with place_of(folder, "garbage") as place:
        got = place.run([*place.prefix(is_quiet=False), "sh", "-c", "exit 3"])
        check_equal(got.returncode, 3, "exit status")
        text = got.stderr.decode(errors="replace")
        check(not any(ord(c) < 0x20 and c != "\n" for c in text), f"control characters in {text!r}")
    with place_of(folder, "flood") as place:
        got = place.run([*place.prefix(is_quiet=False), "sh", "-c", "sleep 0.3; exit 3"])
        check_equal(got.returncode, 3, "exit status")
        check(len(got.stderr.splitlines()) < 12, f"lines beside a flood: {got.stderr!r}")


@case
def a_full_standard_error_delays_nothing(folder):
    with place_of(folder) as place:
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        try:
            while True:
                os.write(writer, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(writer, True)
        got = place.run([*place.prefix(is_quiet=False), "sh", "-c", "exit 3"], stderr=writer)
        check_equal(got.returncode, 3, "exit status")
        os.close(reader)
        os.close(writer)


@case
def the_daemon_is_told_the_story(folder):
    with place_of(folder) as place:
        place.run([*place.prefix(), "sh", "-c", "kill -TERM $PPID; exit 1"])
        verbs = [line.split()[0] for line in place.told("jemd", "log").splitlines()]
        check_equal(verbs, ["exec", "flush", "exit"], "messages")
    with place_of(folder) as place:
        place.run([*place.prefix(), "no-such-command-here"])
        check_equal(place.told("jemd", "log").splitlines()[0], "execfail errno=2", "message")


@case
def drain_comes_from_the_daemon_too(folder):
    """The configuration file's run.drain, in case the launcher could not read it."""
    with place_of(folder, "garbage") as place: # says absurd values first
        got = place.run([*place.prefix(), "true"])
        check_equal(got.returncode, 0, "exit status")


@case
def a_reused_name_is_reduced(folder):
    with place_of(folder) as place:
        got = place.run([*place.prefix("--job", "../../etc/<b>"), "sh", "-c", "echo $JEM_JOB"])
        name = got.stdout.decode().strip()
        check(all(c.isalnum() or c in "_-" for c in name), f"name {name}")
        check_equal(place.reports(), ["jem-" + name], "folders")
        check_in("run.job=../../etc/<b>", words_of(place, "jemd"), "jemd is told the true name")


@case
def nothing_is_left_behind(folder):
    with place_of(folder) as place:
        for words in (["true"], ["no-such-command-here"], ["sh", "-c", "kill -9 $$"]):
            place.run([*place.prefix(), *words])
        for name in ("jemd", "jem-tool"):
            for pid in place.told(name, "pid").split():
                wait_until(lambda p=pid: not os.path.exists(f"/proc/{p}"), 20, f"the end of {name}")


main()
