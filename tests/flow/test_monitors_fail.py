# SPDX-License-Identifier: Apache-2.0
"""The real jemd and collector are killed or stopped in the middle: the job is none the wiser."""
import os
import signal
import subprocess

from jemtest import case, check, check_equal, check_in, main, program, spawn, wait_until

DRAIN_S = 1.0
JOB = "echo begin; read -r line; echo \"end $line\"; exit 9"


def monitor_of(report, name):
    """The pid of jemd or of the collector of this report."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as data:
                words = data.read().split(b"\0")
        except OSError:
            continue
        if os.path.basename(words[0]) == name.encode() and any(
                report.encode() in word for word in words):
            return int(pid)
    return None


def start(folder, *options):
    report = os.path.join(folder, "report")
    job = spawn([program("jem"), "run", "--quiet", "--out", report, "--set",
                 f"run.drain={DRAIN_S}", *options, "--", "bash", "-c", JOB], cwd=folder,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check_equal(job.stdout.readline(), b"begin\n", "first line")
    wait_until(lambda: os.path.exists(os.path.join(report, "data", "status.jsonl")),
               what="the first records")
    return report, job


def check_end(job):
    """The job goes on where it was, and the end waits no longer than it may."""
    out, err = job.communicate(b"of input\n", timeout=30)  # a wait for ever fails here
    check_equal(job.returncode, 9, "exit status")
    check_equal(out, b"end of input\n", "standard output")
    check_equal(err, b"", "standard error")


def strike(folder, names, sig):
    report, job = start(folder)
    pids = [monitor_of(report, name) for name in names]
    check(all(pids), f"{names} are not all there: {pids}")
    for pid in pids:
        os.kill(pid, sig)
    try:
        check_end(job)
    finally:
        for pid in pids:
            if sig == signal.SIGSTOP:
                os.kill(pid, signal.SIGKILL)
    return report


@case
def a_killed_daemon_costs_the_rest_of_the_report(folder):
    strike(folder, ["jemd"], signal.SIGKILL)


@case
def a_killed_collector_costs_the_rest_of_the_report(folder):
    strike(folder, ["jem-tool"], signal.SIGKILL)


@case
def both_may_be_killed(folder):
    strike(folder, ["jemd", "jem-tool"], signal.SIGKILL)


@case
def a_stopped_daemon_delays_the_end_by_the_drain_at_most(folder):
    strike(folder, ["jemd"], signal.SIGSTOP)


@case
def a_stopped_collector_delays_the_end_by_the_drain_at_most(folder):
    strike(folder, ["jem-tool"], signal.SIGSTOP)


@case
def an_unreachable_broker_delays_the_end_by_the_drain_at_most(folder):
    job = spawn([program("jem"), "run", "--quiet", "--broker",
                 f"unix:{folder}/nobody.sock", "--set", f"run.drain={DRAIN_S}", "--",
                 "bash", "-c", JOB], cwd=folder, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check_equal(job.stdout.readline(), b"begin\n", "first line")
    check_end(job)


@case
def what_came_before_the_kill_is_in_the_report(folder):
    report = strike(folder, ["jemd", "jem-tool"], signal.SIGKILL)
    with open(os.path.join(report, "data", "status.jsonl"), encoding="utf-8") as data:
        text = data.read()
    check_in('"state":"starting"', text, "status records")
    done = subprocess.run([program("jem"), "report", report], timeout=60, check=False,
                          capture_output=True)
    check_equal(done.returncode, 0, f"exit status of jem report ({done.stderr!r})")
    check(os.path.exists(os.path.join(report, "index.html")), "no page was drawn")


main()
