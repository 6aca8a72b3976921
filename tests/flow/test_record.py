#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""jem record: the machine's scheduling as trace.dat, the command as it would be without."""
import glob
import os
import re
import shutil
import signal
import subprocess
import time

from jemtest import (case, check, check_equal, check_in, jem, main, program, skip, spawn,
                     wait_until)

INSTANCES = "/sys/kernel/tracing/instances"


def need_tracefs(folder):
    """Root who may make an instance; jem record itself mounts what is not mounted."""
    if os.geteuid() != 0:
        skip("only root may trace")
    done = jem("record", "--trace", os.path.join(folder, "try.dat"), "--", "true")
    if done.returncode == 125 and not os.path.isdir(INSTANCES):
        skip(f"no tracefs: {done.stderr.decode()}")


def dump(path):
    done = subprocess.run([program("tests/flow/sched_dump"), path], timeout=60, check=True,
                          capture_output=True, encoding="latin-1")
    lines = done.stdout.splitlines()
    return dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", lines[0])), lines[1:]


def instances_of(pid):
    return glob.glob(f"{INSTANCES}/jem-{pid}-*")


def wait_for_instance(child, is_there):
    wait_until(lambda: bool(instances_of(child.pid)) == is_there,
               what=f"the instance to be {'there' if is_there else 'gone'}")


@case
def records_what_the_command_runs(folder):
    need_tracefs(folder)
    probe = os.path.join(folder, "jem-probe")
    shutil.copy("/bin/true", probe)
    path = os.path.join(folder, "trace.dat")
    begin = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    done = jem("record", "--trace", path, "--", "sh", "-c", f"{probe}; {probe}; sleep 0.05")
    end = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    check_equal(done.returncode, 0, done.stderr)
    about, lines = dump(path)
    check_equal((about["version"], about["clock"], about["damaged"], about["warning"]),
                ("7", "mono", "0", ""), "what the file is")
    times = [int(line.split()[0]) for line in lines]
    check(times == sorted(times) and begin < times[0] and times[-1] < end, "times of the events")
    named = [line for line in lines if '"jem-probe"' in line]
    check_equal(len([line for line in named if " rename " in line]), 2, "programs that were run")
    check(any(" switch " in line for line in named), "switches of the probe")
    for kind in ("switch", "wakeup", "fork", "newtask", "exec", "rename", "death"):
        check(any(f" {kind} " in line for line in lines), f"events of kind {kind}")


@case
def writes_what_trace_cmd_reports_alike(folder):
    if not shutil.which("trace-cmd"):
        skip("trace-cmd is not installed")
    need_tracefs(folder)
    path = os.path.join(folder, "trace.dat")
    check_equal(jem("record", "--trace", path, "--", "sh", "-c",
                    "for i in 1 2 3 4 5 6; do /bin/true & done; wait").returncode, 0)
    done = subprocess.run(["trace-cmd", "report", "-t", path], timeout=60, check=True,
                          capture_output=True, encoding="latin-1")
    theirs = re.findall(r" \[(\d+)\] +(\d+)\.(\d{9}): sched_switch: ", done.stdout)
    _, lines = dump(path)
    ours = [line.split()[:2] for line in lines if " switch " in line]
    check(len(ours) > 12, f"{len(ours)} switches")
    check_equal(sorted((int(ns), int(cpu)) for ns, cpu in ours),
                sorted((int(s) * 10**9 + int(ns), int(cpu)) for cpu, s, ns in theirs), "switches")
    about = subprocess.run(["trace-cmd", "dump", "--options", path], timeout=60, check=True,
                           capture_output=True, encoding="latin-1").stdout
    check_in("[Option CPUSTAT", about)
    check_in("jem ", about)


@case
def tells_the_topology_beside_it(folder):
    need_tracefs(folder)
    path = os.path.join(folder, "trace.dat")
    check_equal(jem("record", "--trace", path, "--", "true").returncode, 0)
    with open(path + ".topology", encoding="ascii") as file:
        cores = re.findall(r"^cpu=(\d+) socket=\d+ node=\d+ llc=\d+ core=\d+$", file.read(), re.M)
    check(set(map(int, cores)) >= os.sched_getaffinity(0), f"cores {cores}")
    for made in (path, path + ".topology"):
        check_equal(os.stat(made).st_mode & 0o777, 0o600, f"mode of {made}")


@case
def ends_as_the_command_does(folder):
    need_tracefs(folder)
    path = os.path.join(folder, "trace.dat")
    shut = os.path.join(folder, "shut")
    with open(shut, "w", encoding="ascii"):
        pass
    for words, status in ((["true"], 0), (["sh", "-c", "exit 7"], 7),
                          (["sh", "-c", "exit 255"], 255),
                          (["sh", "-c", "kill -TERM $$"], -signal.SIGTERM),
                          (["sh", "-c", "kill -KILL $$"], -signal.SIGKILL),
                          ([os.path.join(folder, "none")], 127), ([shut], 126)):
        done = jem("record", "--trace", path, "--", *words)
        check_equal(done.returncode, status, f"{words}: {done.stderr}")
        check(dump(path)[1], "events")


@case
def passes_streams_and_arguments_on(folder):
    need_tracefs(folder)
    path = os.path.join(folder, "trace.dat")
    done = jem("record", "-t", path, "sh", "-c", 'cat; echo "$0 $1"; ls /proc/$$/fd', "-t",
               "a  b", input=b"in\n", stdin=None)
    check_equal(done.stdout, b"in\n-t a  b\n0\n1\n2\n", "output of the command")


@case
def passes_signals_on_and_removes_its_instance(folder):
    need_tracefs(folder)
    path = os.path.join(folder, "trace.dat")
    ready = os.path.join(folder, "ready")
    child = spawn([program("jem"), "record", "--trace", path, "--", "sh", "-c",
                   f"trap 'exit 9' TERM; : >{ready}; while :; do sleep 0.05; done"],
                  stderr=subprocess.DEVNULL)
    wait_until(lambda: os.path.exists(ready), what="the command")
    wait_for_instance(child, True)
    child.send_signal(signal.SIGTERM)
    check_equal(child.wait(timeout=30), 9, "exit status")
    wait_for_instance(child, False)
    check(dump(path)[1], "events")


@case
def leaves_no_instance_when_it_is_killed(folder):
    need_tracefs(folder)
    end_of_command, ours = os.pipe()
    child = spawn([program("jem"), "record", "--trace", os.path.join(folder, "trace.dat"), "--",
                   "cat"], stdin=end_of_command, stderr=subprocess.DEVNULL)
    os.close(end_of_command)
    wait_for_instance(child, True)
    child.kill()
    child.wait(timeout=30)
    wait_for_instance(child, False)
    os.close(ours)  # the command, which ran on, ends with its input


@case
def needs_root_and_says_so_in_one_line(folder):
    path = os.path.join(folder, "trace.dat")
    ran = os.path.join(folder, "ran")
    options = {}
    if os.geteuid() == 0:
        os.chmod(folder, 0o777)
        options = {"user": 65534, "group": 65534, "extra_groups": []}
    done = jem("record", "--trace", path, "--", "touch", ran, cwd="/", **options)
    check_equal((done.returncode, done.stderr.count(b"\n")), (125, 1), done.stderr)
    check_in(b"only root may", done.stderr)
    check(not os.path.exists(ran) and not os.path.exists(path), "nothing was run or written")


@case
def tells_wrong_usage(folder):
    for words, part in ((["--", "true"], b"--trace FILE is missing"),
                        (["--trace", "f"], b"a word is missing"),
                        (["--trace", "f", "--buffer", "0", "--", "true"], b"between 1 and 4096"),
                        (["--trace", "f", "--buffer", "2x", "--", "true"], b"between 1 and 4096")):
        done = jem("record", *words, cwd=folder)
        check_equal((done.returncode, done.stderr.count(b"\n")), (64, 1), done.stderr)
        check_in(part, done.stderr)
    check_equal(os.listdir(folder), [], "files")


@case
def tells_where_the_file_cannot_be(folder):
    need_tracefs(folder)
    ran = os.path.join(folder, "ran")
    done = jem("record", "--trace", os.path.join(folder, "none", "trace.dat"), "--", "touch", ran)
    check_equal((done.returncode, done.stderr.count(b"\n")), (125, 1), done.stderr)
    check(not os.path.exists(ran), "the command was not run")


main()
