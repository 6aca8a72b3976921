# SPDX-License-Identifier: Apache-2.0
"""--tee: what passes through the copier is whole, followed, and safe when the copier dies."""
import json
import os
import pty
import signal
import subprocess
import tempfile
import time

from jemtest import case, check, check_equal, check_in, main, skip, wait_until
from launching import PROBE, Place, children, has_real, same_end

OPTIONS = ("--tee", "--out", "r")


def place_of(folder, monitor="good"):
    return Place(tempfile.mkdtemp(prefix=f"{monitor}-", dir=folder), monitor)


def copy(place, stream):
    with open(os.path.join(place.work, "r", f"memory_{stream}.log"), "rb") as file:
        return file.read()


def copier_of(launcher):
    def find():
        for pid in children(launcher):
            try:
                with open(f"/proc/{pid}/comm") as file:
                    if file.read().strip() == "jem-tee":
                        return pid
            except FileNotFoundError:
                pass
        return None
    return wait_until(find, 20, "the copier")


@case
def streams_pass_and_are_copied(folder):
    noise = os.urandom(1 << 20)
    with place_of(folder) as place:
        plain = place.run(["sh", "-c", "tee /dev/stderr; exit 7"], stdin=None, input=noise)
        got = place.run([*place.prefix(*OPTIONS), "sh", "-c", "tee /dev/stderr; exit 7"],
                        stdin=None, input=noise)
        same_end(plain, got, "the job")
        check_equal(copy(place, "stdout") == noise, True, "the copy of standard output is whole")
        check_equal(copy(place, "stderr") == noise, True, "the copy of standard error is whole")
        words = place.told("jemd", "words")
        for stream in ("stdout", "stderr"):
            path = os.path.join(place.work, "r", f"memory_{stream}.log")
            check_in(f"--{stream}-copy\n{path}\n", words, "jemd's words")


@case
def what_passes_becomes_log_records(folder):
    if not has_real():
        skip("the real monitors are not whole")
    with place_of(folder, "real") as place:
        place.run([*place.prefix(*OPTIONS), "sh", "-c", "echo to out; echo to err >&2"])
        with open(os.path.join(place.work, "r", "data", "log.jsonl")) as file:
            records = [json.loads(line) for line in file]
        check_equal(sorted((r["file"], r["text"]) for r in records),
                    [("stderr", "to err"), ("stdout", "to out")], "log records")


@case
def regular_files_and_closed_streams_are_left_alone(folder):
    with place_of(folder) as place:
        with open(os.path.join(place.work, "out"), "wb") as file:
            got = place.run([*place.prefix(*OPTIONS), PROBE, "state"], stdout=file)
        with open(os.path.join(place.work, "out")) as file:
            check_in(os.path.join(place.work, "out") + "\n", file.read(), "the job's descriptors")
        check(not os.path.exists(os.path.join(place.work, "r", "memory_stdout.log")), "no copy")
        got = place.run(["bash", "-c", 'exec >&-; exec "$@"', "-", *place.prefix("--tee"), PROBE,
                         "die", "9"])
        check_equal(got.returncode, -9, "exit status without standard output")


@case
def streams_that_are_one_keep_their_order(folder):
    with place_of(folder) as place:
        words = [PROBE, "lines", "500", "100"]
        plain = place.run(words, stderr=subprocess.STDOUT)
        got = place.run([*place.prefix(*OPTIONS), *words], stderr=subprocess.STDOUT)
        same_end(plain, got, "lines on both")
        check_equal(copy(place, "stdout"), plain.stdout, "the copy")
        check(not os.path.exists(os.path.join(place.work, "r", "memory_stderr.log")), "one copy")


@case
def the_job_never_notices_that_copiers_die(folder):
    """Every line but those just read by a copier comes through, in order."""
    count = 40000
    script = f"i=0; while [ $i -lt {count} ]; do echo line $i; i=$((i + 1)); done; exit 5"
    with place_of(folder) as place:
        child = place.start([*place.prefix(*OPTIONS), "sh", "-c", script],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        killed = 0
        text = b""
        while True:
            chunk = os.read(child.stdout.fileno(), 65536)
            if not chunk:
                break
            text += chunk
            if killed < 5 and len(text) > (killed + 1) * 50000:
                os.kill(copier_of(child.pid), signal.SIGKILL)
                killed += 1
        check_equal(child.wait(timeout=30), 5, "exit status")
        child.stderr.close()
        child.stdout.close()
        numbers = [int(l.split()[1]) for l in text.split(b"\n")
                   if l.startswith(b"line ") and l[5:].isdigit()]
        check_equal(numbers[-1], count - 1, "the last line")
        check(len(text) >= sum(6 + len(str(i)) for i in range(count)) - killed * 65536,
              f"{len(text)} bytes came through {killed} dead copiers")


@case
def a_reader_that_goes_away_gives_the_job_sigpipe(folder):
    with place_of(folder) as place:
        script = f"{{ {' '.join(place.prefix(*OPTIONS))} yes; echo $? >&2; }} | head -n 1"
        got = place.run(["sh", "-c", script])
        check_equal((got.stdout, got.stderr), (b"y\n", b"141\n"), "end")


@case
def output_is_whole_when_the_reader_is_slow(folder):
    with place_of(folder) as place:
        child = place.start([*place.prefix("--set", "run.drain=0.1", *OPTIONS), PROBE, "lines",
                             "3000", "100"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        # Job and drain are over before anything is read: the launcher must wait as a pipe does.
        wait_until(lambda: not any(comm == "probe" for comm in comms(child.pid)), 20, "the job")
        time.sleep(0.3) # a time that must not matter
        check_equal(len(child.stdout.read()), 150000, "bytes")
        check_equal(child.wait(timeout=20), 0, "exit status")
        child.stdout.close()


def comms(pid):
    found = []
    for child in children(pid):
        try:
            with open(f"/proc/{child}/comm") as file:
                found.append(file.read().strip())
        except FileNotFoundError:
            pass
    return found


@case
def a_daemon_of_the_job_writes_on(folder):
    with place_of(folder) as place:
        child = place.start([*place.prefix(*OPTIONS), "sh", "-c",
                             "(setsid sh -c 'read x; echo late' <fifo &) ; echo early"],
                            stdout=subprocess.PIPE, env=place.environment(),
                            preexec_fn=lambda: os.mkfifo("fifo"))
        check_equal(child.wait(timeout=20), 0, "exit status") # while the daemon lives
        with open(os.path.join(place.work, "fifo"), "w") as file:
            file.write("go\n")
        check_equal(child.stdout.read(), b"early\nlate\n", "standard output")
        child.stdout.close()


@case
def what_a_killed_group_wrote_last_comes_through(folder):
    with place_of(folder) as place:
        child = place.start([*place.prefix(*OPTIONS), "sh", "-c", "echo last words; kill -9 0"],
                            stdout=subprocess.PIPE, process_group=0)
        check_equal(child.stdout.read(), b"last words\n", "standard output")
        check_equal(child.wait(timeout=20), -9, "exit status")
        child.stdout.close()


@case
def the_copy_is_bounded_and_the_stream_is_not(folder):
    with place_of(folder) as place:
        got = place.run([*place.prefix("--set", "report.max_bytes=1MiB", *OPTIONS,
                                       is_quiet=False), "head", "-c", "2000000", "/dev/zero"])
        check_equal((got.returncode, len(got.stdout)), (0, 2000000), "end")
        check(len(copy(place, "stdout")) <= 1 << 18, "size of the copy")
        check_in(b"memory_stdout.log is full", got.stderr, "standard error")


@case
def a_terminal_is_still_written_to(folder):
    with place_of(folder) as place:
        main_end, other = pty.openpty()
        child = place.start([*place.prefix(*OPTIONS), "sh", "-c", "echo text; [ -t 1 ]"],
                            stdout=other, stderr=other, stdin=subprocess.DEVNULL)
        check_equal(child.wait(timeout=20), 1, "exit status: it is a pipe, as the manual says")
        check_equal(os.read(main_end, 100), b"text\r\n", "what the terminal got")
        os.close(main_end)
        os.close(other)
        check_equal(copy(place, "stdout"), b"text\n", "the copy")


@case
def without_a_folder_the_streams_are_left_alone(folder):
    with place_of(folder) as place:
        got = place.run([*place.prefix("--tee", "--broker", "amqp://localhost:1", is_quiet=False),
                         "echo", "text"])
        check_equal((got.returncode, got.stdout), (0, b"text\n"), "end")
        check_in(b"--tee: it needs a report folder", got.stderr, "standard error")


main()
