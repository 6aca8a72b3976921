#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""fleet.py [NODES [SECONDS [FILES]]]: a fleet at 1 Hz into broker and receiver, which share one core.

Run in the build folder. FILES is receiver.files (default: all). The generator has the other core. Afterwards every
stream of every job is looked at: what is missing is told and makes it fail.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../flow"))
from feeding import start_broker, start_receiver, streams  # noqa: E402  pylint: disable=C0413
from jemtest import _children, end, program  # noqa: E402  pylint: disable=C0413


def cpu_s(pid):
    """Of all its threads so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as text:
        fields = text.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as text:
        return next(int(line.split()[1]) for line in text if line.startswith("VmHWM")) / 1024


def count(out):
    """Jobs, batches, missing batches and duplicates in all streams."""
    jobs = batches = missing = duplicates = 0
    for place, _, files in os.walk(out):
        if "streams.json" not in files:
            continue
        jobs += 1
        for stream in streams(place):
            batches += stream["batches"]
            duplicates += stream["duplicates"]
            missing += sum(last - first + 1 for first, last in stream["missing"])
    return jobs, batches, missing, duplicates


def run(folder, nodes, seconds, files):
    os.sched_setaffinity(0, {0})
    url = start_broker(folder)
    broker = _children[-1]
    receiver, out = start_receiver(folder, url, *(["--set", f"receiver.files={files}"] if files else []))
    before = cpu_s(broker.pid), cpu_s(receiver.pid)
    start = time.monotonic()
    fleet = subprocess.run(["taskset", "-c", str(os.cpu_count() - 1), program("tests/bench/fleet"), url,
                            str(nodes), str(seconds)], check=False, stdout=subprocess.PIPE)
    wall = time.monotonic() - start
    print(fleet.stdout.decode(), end="")
    used = cpu_s(broker.pid) - before[0], cpu_s(receiver.pid) - before[1]
    print(f"broker {used[0] / wall:.3f} cores, peak {peak_mb(broker.pid):.0f} MB; "
          f"receiver {used[1] / wall:.3f} cores, peak {peak_mb(receiver.pid):.0f} MB (files: {files or 'all'})")
    rest = time.monotonic()
    status = end(receiver, signal.SIGTERM, 600)
    jobs, batches, missing, duplicates = count(out)
    sent = int(fleet.stdout.split()[3])
    print(f"jobs {jobs} batches {batches} of {sent} missing {missing} duplicates {duplicates}; "
          f"receiver ended with {status} after {time.monotonic() - rest:.1f} s")
    return fleet.returncode == 0 and status == 0 and batches == sent and not missing


def main():
    folder = tempfile.mkdtemp(prefix="jem-bench-")
    words = sys.argv[1:] + [None] * 3
    try:
        fine = run(folder, int(words[0] or 2000), int(words[1] or 30), words[2])
    finally:
        for child in _children:
            if child.poll() is None:
                child.kill()
                child.wait()
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
