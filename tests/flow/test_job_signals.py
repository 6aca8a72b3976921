# SPDX-License-Identifier: Apache-2.0
"""Signals of a job under jem run: as many, to the same processes, with the same effect."""
import ctypes
import os
import signal
import subprocess
import tempfile
import time

from jemtest import Failed, case, check, check_equal, check_in, main, wait_until
from launching import (PROBE, Place, Signals, children, is_alive, monitors, state,
                       wait_for_state)

libc = ctypes.CDLL(None, use_errno=True)
COUNTED = [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP, signal.SIGQUIT,
           signal.SIGCONT, signal.SIGWINCH, signal.SIGCHLD, signal.SIGPIPE, signal.SIGALRM, 34, 64]


def place_of(folder, monitor="good"):
    return Place(tempfile.mkdtemp(prefix=f"{monitor}-", dir=folder), monitor)


def job_of(launcher):
    """The job's process: the launcher's only child but the sentinel."""
    def find():
        found = []
        for pid in children(launcher):
            with open(f"/proc/{pid}/comm") as file:
                if file.read().strip() not in ("jem-sentinel", "jem-tee", "jem"):
                    found.append(pid)
        return found[0] if found else None
    return wait_until(find, 20, "the job's process")


def sentinel_of(launcher):
    for pid in children(launcher):
        with open(f"/proc/{pid}/comm") as file:
            if file.read().strip() == "jem-sentinel":
                return pid
    raise Failed("there is no sentinel")


@case
def signals_to_the_process_arrive_once(folder):
    for monitor in monitors():
        with place_of(folder, monitor) as place:
            probe = Signals(place, place.prefix())
            for sig in COUNTED:
                for _ in range(4):
                    probe.child.send_signal(sig)
                    check_equal(probe.wait_for(1), [f"signal {int(sig)} value 0"], "what came")
                check_equal(probe.mark(), [], f"surplus of signal {sig}")
            check_equal(probe.end(), 0, "exit status")


@case
def signals_to_the_group_arrive_once(folder):
    for monitor in monitors():
        with place_of(folder, monitor) as place:
            probe = Signals(place, place.prefix())
            for sig in COUNTED:
                for _ in range(4):
                    os.killpg(probe.child.pid, sig)
                    check_equal(probe.wait_for(1), [f"signal {int(sig)} value 0"], "what came")
                    if sig == signal.SIGCHLD: # looked at after reading: it is a child's mostly
                        settle(probe)
                settle(probe)
                check_equal(probe.mark(), [], f"surplus of signal {sig}")
            check_equal(probe.end(), 0, "exit status")


def settle(probe):
    """Until the launcher has handled what it was sent: a signal of its own goes through it."""
    probe.child.send_signal(35)
    check_equal(probe.wait_for(1), ["signal 35 value 0"], "the settling signal")


@case
def both_kinds_in_turn_are_told_apart(folder):
    with place_of(folder) as place:
        probe = Signals(place, place.prefix())
        for _ in range(20):
            for send in (probe.child.send_signal, lambda s: os.killpg(probe.child.pid, s)):
                send(signal.SIGTERM)
                check_equal(probe.wait_for(1), ["signal 15 value 0"], "what came")
                settle(probe)
        check_equal(probe.mark(), [], "surplus")
        check_equal(probe.end(), 0, "exit status")


@case
def a_batch_system_that_signals_every_process_counts_once(folder):
    with place_of(folder) as place:
        probe = Signals(place, place.prefix())
        sentinel = sentinel_of(probe.child.pid)
        for order in ([probe.child.pid, sentinel, probe.pid],
                      [probe.pid, sentinel, probe.child.pid]):
            for _ in range(5):
                for pid in order:
                    os.kill(pid, signal.SIGTERM)
                check_equal(probe.wait_for(1), ["signal 15 value 0"], "what came")
                settle(probe)
                check_equal(probe.mark(), [], "surplus")
        check_equal(probe.end(), 0, "exit status")


@case
def a_signals_value_is_passed_on(folder):
    with place_of(folder) as place:
        probe = Signals(place, place.prefix())
        for value in (0, 1, 12345, -7):
            libc.sigqueue(probe.child.pid, 36, ctypes.c_void_p(value & 0xffffffff))
            check_equal(probe.wait_for(1), [f"signal 36 value {value}"], "what came")
        check_equal(probe.end(), 0, "exit status")


@case
def a_dead_sentinel_costs_no_signal(folder):
    with place_of(folder) as place:
        probe = Signals(place, place.prefix())
        sentinel = sentinel_of(probe.child.pid)
        os.kill(sentinel, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{sentinel}"), 20, "the sentinel's end")
        probe.child.send_signal(signal.SIGTERM)
        check_equal(probe.wait_for(1), ["signal 15 value 0"], "what came")
        check_equal(probe.end(), 0, "exit status")


@case
def sigkill_to_the_launcher_kills_the_job(folder):
    for monitor in monitors():
        with place_of(folder, monitor) as place:
            probe = Signals(place, place.prefix())
            launched = [probe.pid, sentinel_of(probe.child.pid)]
            probe.child.kill()
            check_equal(probe.child.wait(timeout=20), -9, "exit status")
            wait_until(lambda: not any(map(is_alive, launched)), 20, "the end of job and sentinel")
            for name in ("jemd", "jem-tool") if monitor == "good" else ():
                pid = int(place.told(name, "pid"))
                wait_until(lambda: not is_alive(pid), 20, f"the end of {name}")
                check_in("(gone)", place.told(name, "log"), f"what {name} saw")


def stopped_by(child):
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    check(os.WIFSTOPPED(status), f"wait status {status:x} is no stop")
    return os.WSTOPSIG(status)


def finish(child, sig=signal.SIGTERM):
    child.send_signal(sig)
    check_equal(child.wait(timeout=20), -sig, "exit status")


@case
def a_stop_is_the_parents_to_see(folder):
    for monitor in monitors():
        for sig in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
            with place_of(folder, monitor) as place:
                child = place.start([*place.prefix(), "sleep", "60"], process_group=0)
                job = job_of(child.pid)
                child.send_signal(sig) # aimed at one process: passed on
                check_equal(stopped_by(child), sig, "stop signal")
                check_equal(state(job), "T", "state of the job")
                child.send_signal(signal.SIGCONT)
                wait_for_state(job, "SR", "the job to go on")
                wait_for_state(child.pid, "SR", "the launcher to go on")
                finish(child)


@case
def a_group_stops_and_goes_on(folder):
    with place_of(folder) as place:
        child = place.start([*place.prefix(), "sleep", "60"], process_group=0)
        job = job_of(child.pid)
        for sig in (signal.SIGSTOP, signal.SIGTSTP):
            os.killpg(child.pid, sig)
            check_equal(stopped_by(child), sig, "stop signal")
            wait_for_state(job, "T", "the job to stop")
            os.killpg(child.pid, signal.SIGCONT)
            wait_for_state(job, "SR", "the job to go on")
            wait_for_state(child.pid, "SR", "the launcher to go on")
        finish(child)
        check_in("stop sig=20", place.told("jemd", "log"), "what jemd was told")
        check_in("cont mono_ns=", place.told("jemd", "log"), "what jemd was told")


@case
def the_launcher_goes_on_when_only_the_job_is_continued(folder):
    with place_of(folder) as place:
        child = place.start([*place.prefix(), "sh", "-c", "kill -STOP $$; exit 5"],
                            process_group=0)
        job = job_of(child.pid)
        check_equal(stopped_by(child), signal.SIGSTOP, "stop signal")
        os.kill(job, signal.SIGCONT) # the inner process alone
        check_equal(child.wait(timeout=20), 5, "exit status")


@case
def the_launcher_goes_on_when_a_stopped_job_is_killed(folder):
    with place_of(folder) as place:
        child = place.start([*place.prefix(), "sleep", "60"], process_group=0)
        job = job_of(child.pid)
        os.kill(job, signal.SIGSTOP)
        check_equal(stopped_by(child), signal.SIGSTOP, "stop signal")
        os.kill(job, signal.SIGKILL)
        check_equal(child.wait(timeout=20), -9, "exit status")


@case
def a_signal_before_the_release_strikes_the_job(folder):
    with place_of(folder, "mute") as place:
        child = place.start([place.jem, "run", "--quiet", "--set", "run.start_wait=10", "--set",
                             "run.drain=0.2", "--", "sleep", "60"], process_group=0)
        wait_until(lambda: place.told("jemd", "pid"), 20, "the monitor")
        child.send_signal(signal.SIGTERM)
        # The job holds it blocked until it is let go; nothing of it may be lost.
        started = time.monotonic()
        check_equal(child.wait(timeout=30), -signal.SIGTERM, "exit status")
        check(time.monotonic() - started < 20, "the end came late")


@case
def a_second_signal_ends_the_drain(folder):
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with place_of(folder, "deaf") as place:
            child = place.start([place.jem, "run", "--quiet", "--set", "run.drain=60", "--", "sh",
                                 "-c", "exit 6"], process_group=0)
            wait_until(lambda: "exit pid=" in place.told("jemd", "log"), 20, "the job's end")
            before = time.monotonic()
            child.send_signal(sig)
            check_equal(child.wait(timeout=20), 6, "exit status")
            check(time.monotonic() - before < 5, "it was waited for the monitor")


@case
def timeout_1_works(folder):
    for monitor in monitors():
        with place_of(folder, monitor) as place:
            plain = place.run(["timeout", "0.3", "sleep", "60"])
            got = place.run(["timeout", "0.3", *place.prefix(), "sleep", "60"])
            check_equal(got.returncode, plain.returncode, "exit status")
            got = place.run([*place.prefix(), "timeout", "0.3", "sleep", "60"])
            check_equal(got.returncode, plain.returncode, "exit status within")


@case
def orphans_are_reaped_and_told(folder):
    script = "for i in 1 2 3 4 5; do (sh -c ':' &); done; " \
             "while [ $(cat /proc/$PPID/task/$PPID/children | wc -w) -gt 2 ]; do :; done; exit 0"
    with place_of(folder) as place:
        got = place.run([*place.prefix(), "sh", "-c", script])
        check_equal((got.returncode, got.stderr), (0, b""), "end")
        reaped = [l for l in place.told("jemd", "log").splitlines() if l.startswith("reap ")]
        check_equal(len(reaped), 5, "reaped orphans")
        check_in("utime_us=", reaped[0], "a reap message")
        check_in("exit pid=", place.told("jemd", "log"), "what jemd was told")


@case
def nothing_of_a_flood_of_orphans_is_lost(folder):
    """The daemon does not read: what it could not be told one by one comes as sums."""
    script = "i=0; while [ $i -lt 1500 ]; do (:  &); i=$((i + 1)); done; sleep 0.2"
    with place_of(folder, "stop-late") as place:
        child = place.start([place.jem, "run", "--quiet", "--set", "run.drain=10", "--", "sh",
                             "-c", script])
        jemd = int(wait_until(lambda: place.told("jemd", "pid"), 20, "jemd"))
        wait_for_state(jemd, "T", "jemd to stop")
        wait_until(lambda: len(children(child.pid)) <= 1, 40, "the job's end")
        for name in ("jemd", "jem-tool"):
            os.kill(int(place.told(name, "pid")), signal.SIGCONT)
        check_equal(child.wait(timeout=30), 0, "exit status")
        total = 0
        for line in place.told("jemd", "log").splitlines():
            if line.startswith("reap "):
                total += int(line.rsplit("count=", 1)[1])
        check(total >= 1500, f"{total} processes told of 1500")


main()
