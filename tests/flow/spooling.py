# SPDX-License-Identifier: Apache-2.0
"""Daemons with a spool, logs that grow, and whether all of it arrived: what tests of delivery share."""
import os
import subprocess
import threading
import time

from contract import check_report
from feeding import streams
from jemtest import check_equal, program, spawn, wait_until


def only_job(out):
    """The folder of the only job below `out`."""
    places = [place for place, _, files in os.walk(out) if "streams.json" in files]
    check_equal(len(places), 1, f"folders of jobs in {out}")
    return places[0]


FIRE_HOSE = ("call", "sched")


def check_whole(place, may_miss=()):
    """No stream of the folder misses anything, but of these kinds, and no record is there twice."""
    for stream in streams(place):
        if stream["kind"] in may_miss:
            continue
        check_equal(stream["missing"], [], f"missing of {stream['kind']} {stream['epoch']}")
    for kind, records in check_report(place).items():
        numbers = [(r["epoch"], r["seq"], r["i"]) for r in records]
        check_equal(len(numbers), len(set(numbers)), f"records of {kind}, each once")


def texts(place):
    return [r["text"] for r in check_report(place).get("log", []) if r["text"].startswith("line ")]


def said(done):
    return done.stdout.decode() + done.stderr.decode()


class Writer:
    """Appends numbered lines to a log, `rate` a second; the file appears when it starts."""

    def __init__(self, folder, rate):
        self.path = os.path.join(folder, "job.txt")
        self.rate = rate
        self.count = 0
        self.times = []
        self.is_over = False
        self.thread = threading.Thread(target=self._write, daemon=True)

    def _write(self):
        begin = time.monotonic()
        with open(self.path, "a", encoding="utf-8") as file:
            while not self.is_over:
                due = int((time.monotonic() - begin) * self.rate)
                for number in range(self.count, due):
                    file.write(f"line {number}\n")
                    self.times.append(time.monotonic())
                self.count = max(self.count, due)
                file.flush()
                time.sleep(0.01)

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.is_over = True
        self.thread.join()

    def before(self, moment):
        """How many lines were written before that moment."""
        return sum(t < moment for t in self.times)


def start_daemon(folder, writer, pid, url, *options, wrap=(), **how):
    return spawn([*wrap, program("jemd"), f"--pid={pid}", "--job=job", f"--log={writer.path}",
                  f"--broker={url}", "--set", f"spool.dir={folder}/spool",
                  "--set", f"log.offsets={folder}/offsets", "--set", "identity.site=site",
                  "--set", "identity.user=user", "--set", "identity.node=node", *options],
                 stdin=subprocess.DEVNULL, stderr=open(os.path.join(folder, "jemd.log"), "ab"),
                 **how)


def wait_for_spool(folder):
    """Until the daemon runs: what it looks for from then on appears late, and is read whole."""
    place = os.path.join(folder, "spool", "broker")
    wait_until(lambda: os.path.isdir(place) and any(n.endswith(".seg") for n in os.listdir(place)),
               what="the spool")
    wait_until(lambda: os.path.exists(os.path.join(folder, "offsets")), what="the logs' start")
