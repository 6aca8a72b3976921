# SPDX-License-Identifier: Apache-2.0
"""The job comes first: what a job is given and how it ends is the same plain and under jem run.

Every case runs with monitors that work, with fake ones that fail in every way we know, and, once
the build has them, with the real ones.
"""
import json
import os
import resource
import signal
import subprocess
import tempfile
import time

from jemtest import Failed, case, check, check_equal, check_in, main, program, skip, wait_until
from launching import (BROKEN, DRAIN_S, NOBODY, PROBE, START_WAIT_S, Place, monitors, same_end,
                       wait_status)

# Signals that end a process by default; SIGKILL among them.
DEADLY = [s for s in list(range(1, 32)) + [34, 40, 64]
          if s not in (signal.SIGCHLD, signal.SIGCONT, signal.SIGSTOP, signal.SIGTSTP,
                       signal.SIGTTIN, signal.SIGTTOU, signal.SIGURG, signal.SIGWINCH)]


def place_of(folder, monitor, **options):
    return Place(tempfile.mkdtemp(prefix=f"{monitor}-", dir=folder), monitor, **options)


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@case
def exit_codes_are_the_jobs(folder):
    for monitor in monitors():
        with place_of(folder, monitor) as place:
            for code in (0, 1, 2, 7, 77, 125, 126, 127, 128, 130, 200, 254, 255):
                same_end(*place.both(["sh", "-c", f"exit {code}"]), f"exit {code}")


@case
def the_parent_sees_the_same_signal(folder):
    for monitor in monitors():
        with place_of(folder, monitor) as place:
            for sig in DEADLY:
                words = [PROBE, "die", str(sig)]
                options = {"preexec_fn": no_core, "cwd": place.work,
                           "env": place.environment()}
                check_equal(wait_status([*place.prefix(), *words], **options),
                            wait_status(words, **options), f"wait status of signal {sig}")


@case
def no_second_core_file_is_written(folder):
    with open("/proc/sys/kernel/core_pattern") as file:
        pattern = file.read().strip()
    with place_of(folder, "good") as place:
        plain, monitored = place.both(
            ["sh", "-c", f"ulimit -c unlimited 2>/dev/null; exec {PROBE} die 11"])
        check_equal(monitored.returncode, plain.returncode, "exit status")
        cores = [e for e in os.listdir(place.work) if "core" in e]
        if not pattern.startswith(("|", "/")):
            check(len(cores) <= 2, f"core files {cores}: plain and monitored make one each")
            check(not any(".jem" in e for e in cores), f"the launcher dumped core: {cores}")


def with_core():
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


@case
def the_flag_of_a_core_file_is_the_jobs(folder):
    report, places = os.path.join(folder, "report"), [os.path.join(folder, p) for p in "ab"]
    words = [PROBE, "die", str(int(signal.SIGSEGV))]
    for place in places:
        os.mkdir(place)
    with open("/proc/sys/kernel/core_pattern") as file:
        pattern = file.read().strip()
    plain = wait_status(words, cwd=places[0], preexec_fn=with_core)
    if "/" in pattern or pattern.startswith("|") or not os.WCOREDUMP(plain):
        skip("core files get no plain name here")
    got = wait_status([program("jem"), "run", "--quiet", "--out", report, "--", *words], cwd=places[1],
                      preexec_fn=with_core)
    check_equal(got, plain, "wait status")
    check_equal(len(os.listdir(places[1])), 1, "files in the job's folder")
    wait_until(lambda: not any(e.startswith(".end") for e in os.listdir(report)),
               what="the launcher's own page of core to be taken away")
    with open(os.path.join(report, "data/status.jsonl"), encoding="utf-8") as lines:
        ended = [r for r in map(json.loads, lines) if r["state"] == "ended"]
    check_equal([r["core"] for r in ended], [True], "core")


@case
def commands_that_cannot_run_are_told_as_env_does(folder):
    for monitor in monitors():
        with place_of(folder, monitor) as place:
            path = os.path.join(place.work, "plain-file")
            with open(path, "w") as file:
                file.write("#!/nonexistent/interpreter\n")
            for word, mode in (("no-such-command-here", 0o644), ("./plain-file", 0o644),
                               ("./plain-file", 0o755), ("/", 0o644), ("", 0o644)):
                os.chmod(path, mode)
                wanted = place.run(["env", word] if word else ["env", "./"])
                got = place.run([*place.prefix(), word])
                wanted = wanted.returncode if word else 127
                check_equal(got.returncode, wanted, f"exit status for {word!r} {mode:o}")
                check_in(b"cannot run", got.stderr, "standard error")


@case
def a_script_without_interpreter_line_runs(folder):
    with place_of(folder, "good") as place:
        path = os.path.join(place.work, "script")
        with open(path, "w") as file:
            file.write("echo ran; exit 5\n")
        os.chmod(path, 0o755)
        got = place.run([*place.prefix(), "./script"])
        check_equal((got.returncode, got.stdout), (5, b"ran\n"), "end")


@case
def streams_pass_byte_for_byte(folder):
    noise = os.urandom(1 << 20)
    for monitor in monitors():
        with place_of(folder, monitor) as place:
            for script in ("cat", "cat >&2", "cat | tee /dev/stderr"):
                same_end(*place.both(["sh", "-c", script], stdin=None, input=noise), script)
            with open(os.path.join(place.work, "noise"), "wb") as file:
                file.write(noise)
            with open(os.path.join(place.work, "noise"), "rb") as file:
                got = place.run([*place.prefix(), "cat"], stdin=file)
            check_equal(got.stdout == noise, True, "a file as standard input passes")


def state_of(place, prefix, wrap=(), **options):
    """What the probe tells, without the lines that name the run itself."""
    got = place.run([*wrap, *prefix, PROBE, "state"], **options)
    check_equal(got.returncode, 0, f"exit status of {got.args} ({got.stderr!r})")
    lines = got.stdout.decode(errors="surrogateescape").splitlines()
    ours = [l for l in lines if l.startswith(("env JEM_JOB=", "env JEM_FOLDER="))]
    kept = []
    for line in lines:
        if line in ours or line.startswith("env _="):
            continue
        words = line.split(" ", 3)
        if words[0].startswith("fd") and words[-1].startswith(("pipe:", "/dev/null")):
            line = " ".join(words[:3])
        kept.append(line)
    return kept, ours


def compare_state(place, wrap=(), options=(), **run_options):
    plain, _ = state_of(place, [], wrap, **run_options)
    monitored, ours = state_of(place, place.prefix(*options), wrap, **run_options)
    # A shell leads its own session; the wrap is a new process in each of the two runs.
    plain = [l for l in plain if not l.startswith("session")]
    monitored = [l for l in monitored if not l.startswith("session")]
    for line in sorted(set(plain) ^ set(monitored)):
        side = "only plain" if line in plain else "only monitored"
        raise Failed(f"{side}: {line!r}")
    check_equal(monitored, plain, "state")
    check_equal(len(ours), 2, f"variables of ours {ours}")


WRAPS = {
    "as it is": [],
    "umask, nice and another folder": ["sh", "-c", 'umask 037; cd /; exec nice -n 3 "$@"', "-"],
    "ignored signals": ["sh", "-c", "trap '' HUP INT QUIT USR1 PIPE CHLD TSTP; exec \"$@\"", "-"],
    "odd descriptors": ["bash", "-c", 'exec 3</dev/zero 9>/dev/full 250<>/dev/null; exec "$@"',
                        "-"],
    "closed streams": ["bash", "-c", 'exec 0<&- 2>&-; exec "$@"', "-"],
    "few descriptors": ["bash", "-c", 'ulimit -n 64; exec "$@"', "-"],
    "limits": ["bash", "-c", 'ulimit -S -c 0 -s 4096 -u 5000 -f 1000000; exec "$@"', "-"],
    "a strange environment": ["env", "-i", "PATH=" + os.environ["PATH"], "EMPTY=", "X=a\nb",
                              "JEM_TEST_MONITOR=good", "LD_PRELOAD="],
    "an ordinary user": NOBODY,
}


@case
def a_job_is_given_what_it_would_be_given(folder):
    for monitor in monitors():
        with place_of(folder, monitor, is_for_all=True) as place:
            os.chmod(folder, 0o755)
            for what, wrap in WRAPS.items():
                out = os.path.join(place.work, what.replace(" ", "-"))
                wrap = list(wrap)
                if monitor == "real" and what == "a strange environment":
                    wrap.remove("JEM_TEST_MONITOR=good")
                try:
                    compare_state(place, wrap, ("--out", out))
                except Failed as fault:
                    raise Failed(f"{monitor}, {what}: {fault}") from fault
            compare_state(place, (), ("--tee", "--out", os.path.join(place.work, "tee")))


@case
def blocked_signals_and_timers_are_handed_on(folder):
    def prepare():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGTERM, 40})
        signal.setitimer(signal.ITIMER_REAL, 3600, 5)
        signal.setitimer(signal.ITIMER_PROF, 7200)

    with place_of(folder, "good") as place:
        compare_state(place, preexec_fn=prepare)
        lines, _ = state_of(place, place.prefix(), preexec_fn=prepare)
        check_in("timer0 60 5", lines, "the job's timers")


@case
def an_alarm_set_before_strikes_the_job(folder):
    def prepare():
        signal.setitimer(signal.ITIMER_REAL, 0.3)

    with place_of(folder, "good") as place:
        plain, monitored = place.both(["sleep", "30"], preexec_fn=prepare)
        same_end(plain, monitored, "a job with an alarm")
        check_equal(monitored.returncode, -signal.SIGALRM, "exit status")


def probe_wait(place, words):
    got = place.run([PROBE, "wait", *words])
    fields = got.stderr.decode().split()
    return dict(zip(fields[::2], map(int, fields[1::2])))


@case
def the_launcher_does_not_show_in_ru_maxrss(folder):
    if "-fsanitize" in os.environ.get("CFLAGS", "") or is_sanitized():
        return
    for monitor in monitors():
        with place_of(folder, monitor) as place:
            plain = min(probe_wait(place, ["/bin/true"])["maxrss"] for _ in range(5))
            ours = [probe_wait(place, [*place.prefix(), "/bin/true"]) for _ in range(5)]
            check_equal([o["status"] for o in ours], [0] * 5, "status")
            least = min(o["maxrss"] for o in ours)
            check(least <= max(1600, plain + 100), f"ru_maxrss {least} kB, plain {plain} kB")


def is_sanitized():
    with open(os.path.join(os.environ.get("top_builddir", "."), "Makefile")) as file:
        return any(line.startswith("SAN_FLAGS = -") for line in file)


@case
def the_launcher_needs_libc_only(folder):
    if is_sanitized():
        return
    got = subprocess.run(["readelf", "-d", program("jem")], stdout=subprocess.PIPE, check=True)
    needed = [line for line in got.stdout.decode().splitlines() if "(NEEDED)" in line]
    check(all("libc.so" in line for line in needed), f"jem needs {needed}")


@case
def no_broken_monitor_changes_the_end(folder):
    for monitor in BROKEN:
        with place_of(folder, monitor) as place:
            for words in (["sh", "-c", "echo out; echo err >&2; exit 9"], [PROBE, "die", "15"]):
                plain, monitored = place.both(words, preexec_fn=no_core)
                same_end(plain, monitored, f"{words} beside a monitor of kind {monitor}")


@case
def no_broken_monitor_costs_more_than_its_time(folder):
    for monitor in BROKEN:
        with place_of(folder, monitor) as place:
            before = time.monotonic()
            place.run([*place.prefix(), "true"])
            took = time.monotonic() - before
            check(took < DRAIN_S + START_WAIT_S + 1.0, f"{monitor}: {took:.2f} s")


@case
def an_unwritable_folder_costs_the_report_only(folder):
    with place_of(folder, "good", is_for_all=True) as place:
        for out in ("/proc/nowhere", "/nonexistent/dir", "/dev/null/x", "x" * 300):
            got = place.run([*place.prefix("--out", out, is_quiet=False), "sh", "-c", "exit 4"])
            check_equal(got.returncode, 4, f"exit status with --out {out[:20]}")
            check_equal(len(got.stderr.splitlines()), 1, f"lines of {got.stderr!r}")
            check_in(b"--out", got.stderr, "the remedy")
        os.mkdir(os.path.join(place.work, "locked"), 0o555)
        os.chmod(folder, 0o755)
        got = place.run([*NOBODY, *place.prefix("--out", "locked/r", is_quiet=False), "sh", "-c",
                         "exit 4"])
        check_equal(got.returncode, 4, "exit status of an ordinary user")
        check_in(b"Permission denied", got.stderr, "standard error")


@case
def a_full_disk_costs_the_report_only(folder):
    with place_of(folder, "good") as place:
        disk = os.path.join(place.folder, "disk")
        os.mkdir(disk)
        script = ('mount -t tmpfs -o size=64k,nr_inodes=%d none "$1" && shift && cd "$1" && shift && '
                  'dd if=/dev/zero of=fill bs=4k count=99 2>/dev/null; "$@"; echo "status $?"')
        for inodes in (2, 3, 4, 5, 100):
            got = place.run(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                             script % inodes, "-", disk, disk,
                             *place.prefix("--out", "report"), "sh", "-c", "exit 6"])
            if b"mount" in got.stderr:
                skip("no private mount namespace")
            check_equal(got.stdout, b"status 6\n", f"end with {inodes} inodes")


@case
def a_job_runs_where_nothing_is_left_to_watch_it_with(folder):
    os.chmod(folder, 0o755)
    for monitor in monitors():
        with place_of(folder, monitor, is_for_all=True) as place:
            for count in (4, 6, 8, 10, 16, 20, 24):
                got = place.run(["bash", "-c", f'ulimit -n {count}; exec "$@"', "-",
                                 *place.prefix(), "sh", "-c", "echo ran; exit 3"])
                check_equal((got.returncode, got.stdout), (3, b"ran\n"), f"{count} descriptors")
            got = place.run([*NOBODY, "prlimit", "--nproc=1:1", *place.prefix(is_quiet=False), PROBE,
                             "die", "15"])
            check_equal(got.returncode, -15, "exit status without a process to be had")
            if os.geteuid() == 0:
                check_in(b"it runs on its own", got.stderr, "standard error")


@case
def an_ordinary_user_is_served_alike(folder):
    os.chmod(folder, 0o755)
    for monitor in monitors():
        with place_of(folder, monitor, is_for_all=True) as place:
            for words in (["sh", "-c", "echo out; echo err >&2; exit 9"], [PROBE, "die", "9"],
                          ["cat", "/etc/shadow"], ["sh", "-c", "kill -TERM $$"]):
                same_end(*place.both(words, wrap=NOBODY), f"{words}")
            check(place.reports(), "there are reports")


@case
def process_1_of_a_container_is_a_fine_launcher(folder):
    with place_of(folder, "good") as place:
        wrap = ["unshare", "--pid", "--fork", "--mount-proc"]
        for words, status in ((["sh", "-c", "(sleep 0.05 &); exit 3"], 3),
                              ([PROBE, "die", "15"], 128 + 15)):
            got = place.run([*wrap, *place.prefix(), *words])
            if b"unshare" in got.stderr:
                skip("no private process namespace")
            check_equal(got.returncode, status, "exit status")


@case
def a_daemonised_descendant_does_not_delay_the_end(folder):
    script = "(setsid sh -c 'sleep 60' </dev/null >/dev/null 2>&1 & echo $!) & wait; exit 3"
    for monitor in monitors():
        with place_of(folder, monitor) as place:
            before = time.monotonic()
            got = place.run([*place.prefix(), "sh", "-c", script])
            check_equal(got.returncode, 3, "exit status")
            check(time.monotonic() - before < 10, "the end was delayed")
            os.kill(int(got.stdout), signal.SIGKILL)


@case
def a_reader_sees_the_end_of_a_stream_the_job_closed(folder):
    for monitor in monitors():
        with place_of(folder, monitor) as place:
            child = place.start([*place.prefix(), "sh", "-c", "exec >&-; read line; exit 2"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            check_equal(child.stdout.read(), b"", "standard output") # ends while the job runs
            check_equal(child.poll(), None, "the job runs on")
            child.stdin.close()
            check_equal(child.wait(timeout=20), 1 + 1, "exit status")
            child.stdout.close()


@case
def a_writer_gets_sigpipe_when_the_job_closes_its_input(folder):
    with place_of(folder, "good") as place:
        child = place.start([*place.prefix(), "sh", "-c", "exec <&-; echo closed; sleep 30"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        check_equal(child.stdout.readline(), b"closed\n", "standard output")
        try:
            child.stdin.write(b"x" * 200000)
            child.stdin.flush()
            raise Failed("the write went through")
        except BrokenPipeError:
            pass
        child.kill()
        child.wait()
        child.stdout.close()


main()
