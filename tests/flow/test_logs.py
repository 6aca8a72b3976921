# SPDX-License-Identifier: Apache-2.0
"""Logs through the whole of jemd: every line on the wire, through rotations and restarts."""
import collections
import os
import signal
import subprocess
import threading
import time

from contract import Recorder
from jemtest import LONG, case, check, check_equal, check_in, end, main, program, spawn, wait_until

ROTATIONS = 1000 if LONG else 150
LINES = 25  # of a file


class Writer(threading.Thread):
    """Writes numbered lines and renames the file now and then, whoever reads."""

    def __init__(self, folder, rotations, pause_s):
        super().__init__(daemon=True)
        self.path = os.path.join(folder, "job.log")
        self.rotations = rotations
        self.pause_s = pause_s
        self.count = 0

    def run(self):
        for number in range(self.rotations):
            with open(self.path, "a", encoding="ascii") as log:
                for _ in range(LINES):
                    log.write(f"line {self.count} of the job\n")
                    log.flush()
                    self.count += 1
            os.rename(self.path, f"{self.path}.{number + 1}")
            time.sleep(self.pause_s)  # the pace of the writer, not a wait for anything


def start(folder):
    path = os.path.join(folder, "b.sock")
    broker = spawn([program("jem-tool"), "broker", "--listen", f"unix:{path}"],
                   stdout=subprocess.PIPE)
    broker.stdout.readline()
    job = spawn(["sleep", "300"])
    return f"unix:{path}", job


def start_daemon(folder, url, job, *options):
    return spawn([program("jemd"), "--broker", url, "--pid", str(job.pid), "--log", "job.log",
                  "--set", "run.job=j", "--set", f"log.offsets={folder}/offsets", *options],
                 cwd=folder)


def numbers(recorder):
    return collections.Counter(int(r["text"].split()[1]) for r in recorder.records("log")
                               if r["file"] == "job.log")


def observing(recorder):
    return sum(r["state"] == "observing" and r["what"] == "log"
               for r in recorder.records("status"))


def run(folder, sig, wanted_restarts, pause_s):
    url, job = start(folder)
    with Recorder(url) as recorder:
        daemon = start_daemon(folder, url, job)
        recorder.wait(lambda seen: observing(seen) == 1, what="the start")
        writer = Writer(folder, ROTATIONS, pause_s)
        writer.start()
        restarts = 0
        while writer.is_alive() or restarts < wanted_restarts:
            have = len(numbers(recorder))
            wait_until(lambda: len(numbers(recorder)) >= have + 10 * LINES
                       or not writer.is_alive(), what="lines")
            end(daemon, sig)
            daemon = start_daemon(folder, url, job)
            restarts += 1
            recorder.wait(lambda seen: observing(seen) > restarts, what="the next start")
        recorder.wait(lambda seen: len(numbers(seen)) == writer.count, what="all lines")
        end(daemon)
        found = numbers(recorder)
        check_equal(sorted(found), list(range(writer.count)), "lines")
        recorder.check_streams()
        return found


@case
def loses_and_doubles_no_line_over_restarts(folder):
    found = run(folder, signal.SIGTERM, 3, 0.01)
    doubled = [number for number, times in found.items() if times > 1]
    check_equal(doubled, [], "doubled lines")


@case
def loses_no_line_when_it_is_killed(folder):
    run(folder, signal.SIGKILL, 3, 0.01)


@case
def tells_a_loss_as_a_range_of_bytes(folder):
    url, job = start(folder)
    path = os.path.join(folder, "job.log")
    with Recorder(url) as recorder:
        daemon = start_daemon(folder, url, job)
        recorder.wait(lambda seen: observing(seen) == 1, what="the start")
        with open(path, "wb") as log:
            log.write(b"seen\n")
        recorder.wait(lambda seen: seen.records("log"), what="the first line")
        # While the daemon stands still, lines come and are cut away.
        daemon.send_signal(signal.SIGSTOP)
        with open(path, "ab") as log:
            log.write(b"never seen\n" * 1000)
        os.truncate(path, 0)
        with open(path, "ab") as log:
            log.write(b"after\n")
        daemon.send_signal(signal.SIGCONT)
        recorder.wait(lambda seen: any(r["text"] == "after" for r in seen.records("log")),
                      what="the line after the cut")
        loss = [r for r in recorder.records("status") if r["state"] == "degraded"]
        check_equal([(r["file"], r["from"]) for r in loss], [("job.log", 5)], "losses")
        check_in("was cut at byte 5", loss[0]["text"])
        end(daemon)


@case
def carries_hostile_lines(folder):
    url, job = start(folder)
    path = os.path.join(folder, "job.log")
    lines = [b"nul \0 byte", b"broken \xff\xfe utf-8", b"x" * (1 << 20), b"\x1b[31mred <b>&amp;",
             b"", b"y" * (3 << 20), b"last"]
    with Recorder(url) as recorder:
        daemon = start_daemon(folder, url, job)
        recorder.wait(lambda seen: observing(seen) == 1, what="the start")
        with open(path, "wb") as log:
            log.write(b"\n".join(lines) + b"\n")
        recorder.wait(lambda seen: any(r.get("text") == "last" for r in seen.records("log")),
                      what="the last line")
        end(daemon)
        got = recorder.records("log")
        check_equal(sum("text" in r for r in got) + sum(r.get("part") == 0 for r in got),
                    len(lines), "lines, whole or in parts")
        texts = [r["text"] for r in got if "text" in r]
        check_equal(texts, ["nul \0 byte", "broken \ufffd\ufffd utf-8", "\x1b[31mred <b>&amp;", "",
                            "last"], "short lines")
        check(any(r.get("part") == r.get("parts", 0) - 1 for r in got), "no line in parts")


main()
