#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `jem run` adds to /bin/true: start, end and ru_maxrss, beside the bare command.

    tests/bench/launch.py [BUILD] [COUNT]

The plain command and every way to run it take turns, so that what else the machine does hits all
alike. Prints medians and 95th percentiles in milliseconds, and the goal of DESIGN section 8.
"""
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

GOAL_MS = 10


def run(words, environment):
    before = time.monotonic_ns()
    pid = os.posix_spawn(words[0], words, environment, file_actions=[
        (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"{words} ended with wait status {status}")
    return (time.monotonic_ns() - before) / 1e6, usage.ru_utime + usage.ru_stime


def place(folder, build, is_fake):
    """jem with fake monitors that answer at once: the launcher's own part; or with the real ones."""
    os.mkdir(folder)
    shutil.copy(os.path.join(build, "jem"), folder)
    for name in ("jemd", "jem-tool"):
        source = "tests/flow/fake_monitor" if is_fake else name
        shutil.copy(os.path.join(build, source), os.path.join(folder, name))
    return os.path.join(folder, "jem")


def begin_broker(build, folder):
    """`jem broker` on a unix socket, or None where this build has none."""
    path = os.path.join(folder, "broker.sock")
    broker = subprocess.Popen([os.path.join(build, "jem-tool"), "broker", "--listen",
                               f"unix:{path}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(path)
            return broker, f"unix:{path}"
        except OSError:
            time.sleep(0.02)
        finally:
            client.close()
        if broker.poll() is not None:
            break
    return None, None


def measure(ways, count, environment):
    figures = {name: [] for name in ways}
    for i in range(count + 5):
        for name, words in ways.items():
            took = run(words, environment)
            if i >= 5:
                figures[name].append(took)
    return figures


def report(figures):
    floor = statistics.median(t for t, _ in figures["/bin/true"])
    print(f"{'':34}{'median ms':>11}{'p95 ms':>9}{'beyond ms':>11}{'CPU ms':>9}")
    for name, rows in figures.items():
        times = sorted(t for t, _ in rows)
        cpu = statistics.median(c for _, c in rows) * 1e3
        middle = statistics.median(times)
        print(f"{name:34}{middle:11.2f}{times[int(len(times) * 0.95)]:9.2f}"
              f"{middle - floor:11.2f}{cpu:9.2f}")
    print(f"goal: jem run --broker {GOAL_MS} ms beyond the bare command")


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    folder = tempfile.mkdtemp(prefix="jem-bench-")
    broker = None
    try:
        os.chdir(folder)
        alone = place(os.path.join(folder, "alone"), build, True)
        ways = {"/bin/true": ["/bin/true"],
                "the launcher, monitors missing": None,
                "the launcher, monitors that answer": [
                    alone, "run", "--quiet", "--broker", "unix:/nowhere", "--", "/bin/true"],
                "the same with a folder": [alone, "run", "--quiet", "--", "/bin/true"]}
        os.mkdir("bare")
        shutil.copy(os.path.join(build, "jem"), "bare")
        ways["the launcher, monitors missing"] = [
            os.path.join(folder, "bare", "jem"), "run", "--quiet", "--broker", "unix:/nowhere", "--",
            "/bin/true"]
        broker, url = begin_broker(build, folder)
        if broker:
            true = place(os.path.join(folder, "true"), build, False)
            ways["jem run --broker"] = [true, "run", "--quiet", "--broker", url, "--", "/bin/true"]
        report(measure(ways, count, {"PATH": os.environ["PATH"]}))
    finally:
        if broker:
            broker.terminate()
            broker.wait()
        os.chdir("/")
        shutil.rmtree(folder)


main()
