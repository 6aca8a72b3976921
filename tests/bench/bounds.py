#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a daemon holds in memory: before a broker that does not answer, and with much on disk.

bounds.py [SECONDS [MEGABYTES]], run in the build folder. A log grows as fast as it can be written for SECONDS before
a socket that nobody reads; then, stopped and started again on a spool of MEGABYTES, how long until the first
batch is at the broker, and by how much the daemon has grown.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../flow"))
from feeding import start_broker  # noqa: E402  pylint: disable=C0413
from jemtest import _children, program, spawn, wait_until  # noqa: E402  pylint: disable=C0413
from spooling import start_daemon, wait_for_spool  # noqa: E402  pylint: disable=C0413


def private_mb(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as text:
        return sum(int(line.split()[1]) for line in text
                   if line.startswith(("Private_Clean", "Private_Dirty"))) / 1024


def spool_mb(folder):
    place = os.path.join(folder, "spool", "broker")
    return sum(os.path.getsize(os.path.join(place, n)) for n in os.listdir(place)) / 1048576


class Log:
    """Stands for a writer: lines of 100 bytes, as many as the disk takes."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "job.txt")
        self.block = b"".join(b"line %090d\n" % i for i in range(1000))

    def write(self):
        with open(self.path, "ab") as file:
            file.write(self.block)


def fill(folder, daemon, log, is_over):
    peak = 0
    while not is_over():
        for _ in range(20):
            log.write()
        time.sleep(0.02)
        peak = max(peak, private_mb(daemon.pid))
    return peak


def frozen(folder, log, sleeper, seconds, megabytes):
    """A broker that takes connections and says nothing."""
    path = os.path.join(folder, "frozen.sock")
    options = ("--set", f"spool.max_bytes={megabytes + 64}MiB", "--set", "spool.min_free=0")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        daemon = start_daemon(folder, log, sleeper.pid, f"unix:{path}", *options)
        wait_for_spool(folder)
        begin = private_mb(daemon.pid)
        until = time.monotonic() + seconds
        peak = fill(folder, daemon, log, lambda: time.monotonic() > until)
        print(f"a broker that does not answer, {seconds} s of fire hose, {spool_mb(folder):.0f} MB on disk: "
              f"private memory {begin:.1f} MB, at most {peak:.1f} MB")
        until = time.monotonic() + 300
        fill(folder, daemon, log,
             lambda: spool_mb(folder) >= megabytes or time.monotonic() > until)
        daemon.kill()
        daemon.wait()
    return options


def restarted(folder, log, sleeper, options):
    url = start_broker(folder)
    socket_path = url.removeprefix("unix:")
    watch = spawn([program("jem-tool"), "watch", "--raw", "--broker", url], stdin=subprocess.DEVNULL,
                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wait_until(lambda: socket_path in open("/proc/net/unix", encoding="utf-8").read(), what="it")
    time.sleep(1)  # its subscription; what it costs is not measured
    size = spool_mb(folder)
    start = time.monotonic()
    daemon = start_daemon(folder, log, sleeper.pid, url, *options)
    watch.stdout.readline()
    first = time.monotonic() - start
    peak = begin = private_mb(daemon.pid)
    while time.monotonic() < start + 10 and daemon.poll() is None:
        peak = max(peak, private_mb(daemon.pid))
        time.sleep(0.02)
    print(f"restart with {size:.0f} MB on disk: first batch after {first:.2f} s, private memory {begin:.1f} MB "
          f"then, at most {peak:.1f} MB in ten seconds, {spool_mb(folder):.0f} MB left")
    daemon.send_signal(signal.SIGKILL)


def main():
    folder = tempfile.mkdtemp(prefix="jem-bench-")
    seconds, megabytes = (int(word) for word in (sys.argv[1:] + ["20", "1024"][len(sys.argv) - 1:]))
    sleeper = spawn(["sleep", "1000"])
    log = Log(folder)
    try:
        restarted(folder, log, sleeper, frozen(folder, log, sleeper, seconds, megabytes))
    finally:
        for child in _children:
            if child.poll() is None:
                child.kill()
                child.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
