# SPDX-License-Identifier: Apache-2.0
"""jemd as the drop-in for prmon: its files read the way PanDA's pilot reads them."""
import json
import os
import signal
import subprocess
import sys

from jemtest import (case, check, check_equal, check_in, end, main, program, spawn, wait_until)

COLUMNS = {"Time", "wtime", "pss", "rss", "swap", "vmem", "rchar", "read_bytes", "wchar",
           "write_bytes", "rx_bytes", "rx_packets", "tx_bytes", "tx_packets", "stime", "utime",
           "nprocs", "nthreads"}
HOLD = "memory = bytearray({mb} << 20)\n"
JOB = [sys.executable, "-c", HOLD.format(mb=64) + """
import sys
out = open("/dev/null", "wb", buffering=0)
for _ in range(50): out.write(bytes(1 << 20))
print("held", flush=True)
sys.stdin.read()
"""]


def prmon(folder, *words, **options):
    """The daemon under the other's name."""
    name = os.path.join(folder, "prmon")
    if not os.path.exists(name):
        os.symlink(program("jemd"), name)
    options.setdefault("cwd", folder)
    options.setdefault("stderr", subprocess.PIPE)
    return spawn([name, *words], **options)


def read_text(path):
    """As the pilot: by the names of the header, whatever their order."""
    with open(path, encoding="ascii") as text:
        line = text.readline()
        if not line.endswith("\n"):
            return []  # not written yet
        header = line.rstrip("\n").split("\t")
        rows = [dict(zip(header, map(int, line.rstrip("\n").split("\t"))))
                for line in text if line.endswith("\n")]
    check_equal(set(header), COLUMNS, "columns")
    return rows


def read_json(path):
    with open(path, encoding="utf-8") as text:
        summary = json.load(text)
    for block in ("Avg", "Max", "HW", "Units", "prmon"):
        check_in(block, summary)
    return summary


def start_job():
    job = spawn(JOB, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    job.stdout.readline()
    return job


def ends_cleanly_on(folder, sig):
    job = start_job()
    daemon = prmon(folder, "--pid", str(job.pid), "--filename", "m.txt", "--json-summary", "m.json",
                   "--interval", "0.2")
    text, final, snapshot = (os.path.join(folder, n) for n in ("m.txt", "m.json",
                                                               "m.json_snapshot"))
    wait_until(lambda: os.path.exists(text) and len(read_text(text)) >= 4, what="four lines")
    # Pages shared with others are counted when there is time for it; the summary has it then.
    wait_until(lambda: read_text(text)[-1]["pss"] > 64 << 10, what="a reading of PSS")
    live = read_json(snapshot)
    check(live["Max"]["rss"] > 64 << 10, "the snapshot has no resident set")
    check(not os.path.exists(final), "a summary before the end")
    check_equal(end(daemon, sig), 0, "exit status")
    check(not os.path.exists(snapshot), "the snapshot is still there")
    check(not os.path.exists(final + "_tmp"), "the temporary file is still there")
    summary = read_json(final)
    check(64 << 10 < summary["Max"]["rss"] < 100 << 10, f"Max.rss is {summary['Max']['rss']}")
    check(64 << 10 < summary["Max"]["pss"] < 100 << 10, f"Max.pss is {summary['Max']['pss']}")
    check(summary["Max"]["wchar"] >= 50 << 20, f"Max.wchar is {summary['Max']['wchar']}")
    wall = summary["Max"]["wtime"]
    rate = summary["Avg"]["wchar"]
    check((50 << 20) / (wall + 1.5) < rate < (51 << 20) / max(wall - 0.5, 0.2),
          f"Avg.wchar is {rate} after {wall} s")
    check_equal(summary["Max"]["nprocs"], 1, "Max.nprocs")
    check(job.poll() is None, "the job did not outlive the monitor")


@case
def ends_cleanly_on_sigusr1(folder):
    ends_cleanly_on(folder, signal.SIGUSR1)


@case
def ends_cleanly_on_sigterm(folder):
    ends_cleanly_on(folder, signal.SIGTERM)


@case
def writes_both_files_when_the_job_ends(folder):
    job = start_job()
    daemon = prmon(folder, "--pid", str(job.pid), "--interval", "0.2", "--units", "--fast-memmon",
                   "--log-filename", "log", "-n", "lo")
    text = os.path.join(folder, "prmon.txt")
    wait_until(lambda: os.path.exists(text) and read_text(text), what="a line")
    job.stdin.close()
    check_equal(daemon.wait(timeout=20), 0, "exit status")
    check_equal(read_json(os.path.join(folder, "prmon.json"))["Max"]["nprocs"], 1, "Max.nprocs")


@case
def runs_a_command_and_ends_with_its_exit_status(folder):
    for script, status in (("exit 7", 7), ("kill -9 $$", 137), ("exit 0", 0)):
        daemon = prmon(folder, "--interval", "1", "--", "sh", "-c", script)
        check_equal(daemon.wait(timeout=20), status, script)
        read_json(os.path.join(folder, "prmon.json"))
    daemon = prmon(folder, "--", "/nowhere/at/all")
    check_equal(daemon.wait(timeout=20), 127, "a command that is not there")


@case
def sees_the_peak_of_a_job_shorter_than_an_interval(folder):
    daemon = prmon(folder, "--interval", "60", "--", sys.executable, "-c",
                   HOLD.format(mb=200) + "del memory")
    check_equal(daemon.wait(timeout=20), 0, "exit status")
    summary = read_json(os.path.join(folder, "prmon.json"))
    # it is our own child: its peak is in what is left of it until we wait for it
    check(summary["Max"]["wtime"] < 60, f"it took {summary['Max']['wtime']} s")
    check(summary["Max"]["rss"] > 200 << 10, f"Max.rss is {summary['Max']['rss']}")
    check_equal(len(read_text(os.path.join(folder, "prmon.txt"))) >= 1, True, "has a line")


@case
def says_which_file_it_cannot_write(folder):
    job = start_job()
    daemon = prmon(folder, "--pid", str(job.pid), "--filename", "/nowhere/m.txt")
    _, said = daemon.communicate(timeout=20)
    check(daemon.returncode != 0, "exit status 0")
    check_in(b"/nowhere/m.txt", said)


main()
