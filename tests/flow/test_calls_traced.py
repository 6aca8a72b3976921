#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The corpus of tests/flow/calls under the real tracer, with plans, values and a daemon.

Every program runs alone and as a part of one job under `jem run --calls '*' --values`, each guard
in turn: what it prints, how it ends and what a core file would tell must agree, one daemon lives
through all of them, and no call is lost that is not counted.
"""
import io
import os
import subprocess
import sys

import cbor2

from contract import check_report, check_streams_file, decode_columns
from jemtest import LONG, TOP, Failed, case, check, check_equal, main, program, skip
from launching import NOBODY

SAFETY = program("tests/flow/calls/safety")
DEATH = program("tests/flow/calls/death")
DRIVE = os.path.join(TOP, "tests", "flow", "calls", "drive.py")
SECONDS = 300

PROGRAMS = subprocess.run([SAFETY], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
# What is told of a stack that is full depends on who meets its end: see test_calls_safety.py.
AT_ITS_END = "full_stack_of_a_handler"
# Of a part of the programs only with the dear guard.
SOME = ["null_pointer", "handler_jumps", "guard_pages", "broken_nodes", "broken_containers",
        "structures_without_end", "stacks_that_come_and_go", "strict_seccomp", "children_of_fork",
        "text_that_goes", "chain_of_exec", "threads_by_hundreds"]


def outcomes(folder, names):
    def read(name, what):
        with open(os.path.join(folder, f"{name}.{what}"), "rb") as file:
            return file.read()
    ends = {name: tuple(read(name, what) for what in ("out", "err", "end")) for name in names}
    if AT_ITS_END in ends:
        out, err, told = ends[AT_ITS_END]
        ends[AT_ITS_END] = out, err, told.split(b" code ")[0]
    return ends


def drive(folder, which, names, before=(), as_user=()):
    """Runs the programs under the words of `before`; what each did."""
    place = os.path.join(folder, which)
    os.mkdir(place)
    os.chmod(place, 0o777)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LD_", "JEM_"))}
    done = subprocess.run([*as_user, *before, sys.executable, DRIVE, place, DEATH, SAFETY, *names],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=SECONDS, check=False, cwd=place,
                          env=environment)
    check_equal((done.returncode, done.stdout), (0, b""), f"the job: {done.stderr.decode()}")
    return outcomes(place, names)


def check_same(traced, plain):
    differing = [f"{name}: {traced[name]}, untraced {plain[name]}"
                 for name in plain if traced[name] != plain[name]]
    check(not differing, f"{len(differing)} programs differ: " + "\n".join(differing))
    for name, (_, _, told) in plain.items():
        check(b"ended 9" not in told, f"{name} cannot run here: {told}")


class Report:
    """What a job's folder tells of its calls."""

    def __init__(self, folder):
        kinds = check_report(folder)
        self.status = kinds["status"]
        streams = {s["kind"]: s for s in check_streams_file(folder)}
        if "call" not in streams:
            with open(os.path.join(folder, "monitor.log"), encoding="utf-8") as log:
                raise Failed(f"no calls came: {streams}, {self.status}, {log.read()}")
        for kind, stream in streams.items():
            check(stream["final"], f"{kind} has no end: {stream}")
        # What a full queue has cost on the way is among what was dropped.
        self.records = streams["call"]["records"]
        self.dropped = streams["call"]["dropped"]
        functions = {(p["function"], p.get("file"), p.get("line")): p
                     for p in kinds["profile"] if "node" not in p}
        self.functions = {p["function"] for p in functions.values()}
        self.calls = sum(p["calls"] for p in functions.values())
        self.returns = sum(p["returns"] for p in functions.values())
        packed = os.path.join(folder, "data", "call.cbors.zst")
        self.bytes = subprocess.run(["zstd", "-dcq", packed], check=True,
                                    stdout=subprocess.PIPE).stdout

    def __str__(self):
        return (f"{self.records} records, {sum(self.dropped.values())} lost {self.dropped}, "
                f"{self.calls} calls, {self.returns} returns")

    def all_calls(self):
        stream = io.BytesIO(self.bytes)
        while stream.tell() < len(self.bytes):
            yield from decode_columns(cbor2.dumps(cbor2.CBORDecoder(stream).decode()))[1]


def trace(folder, names, guard, as_user=()):
    """What each did under the tracer, and what was told of it."""
    out = os.path.join(folder, "report")
    traced = drive(folder, "traced", names, [
        program("jem"), "run", "--quiet", "--out", out, "--calls", "*", "--values",
        "--set", "calls.limit=0", "--set", "calls.process_limit=0",
        "--set", "calls.wait=20s", "--set", "run.drain=100s", "--set", f"calls.guard={guard}", "--"], as_user)
    return traced, Report(out)


def run_as_ever(folder, names, guard, as_user=()):
    os.chmod(folder, 0o777)
    plain = drive(folder, "plain", names, as_user=as_user)
    traced, report = trace(folder, names, guard, as_user)
    print(f"# {guard}: {report}")
    check_same(traced, plain)
    check("work" in report.functions, "work is not in the profile")
    check(any(c.get("args") for c in report.all_calls()), "no record has values")
    check_equal([s["state"] for s in report.status][-1], "monitor_ended", "the last of the monitor")


@case
def programs_run_as_ever_under_the_tracer(folder):
    run_as_ever(folder, PROGRAMS, "fault")


@case
def programs_run_as_ever_when_memory_is_read_by_the_kernel(folder):
    run_as_ever(folder, PROGRAMS if LONG else SOME, "readv")


@case
def programs_run_as_ever_beside_a_victim(folder):
    run_as_ever(folder, PROGRAMS if LONG else SOME, "victim")


@case
def programs_of_an_ordinary_user_run_as_ever(folder):
    if os.geteuid() != 0:
        skip("this user is an ordinary one")
    run_as_ever(folder, PROGRAMS if LONG else SOME, "fault", NOBODY)


@case
def every_call_is_a_record_or_counted(folder):
    """Ordinary programs: the account is exact to the call."""
    names = ["freed_pointers", "nodes_in_rings", "whole_containers", "threads_by_hundreds",
             "broken_nodes", "structures_without_end", "strict_seccomp", "children_of_vfork"]
    _, report = trace(folder, names, "fault")
    print(f"# {report}")
    check(set(report.dropped) <= {"queue_full", "no_memory"}, "lost by strange causes")
    # What found no slot (no_memory) is in no tree of calls either.
    check_equal(report.records + report.dropped.get("queue_full", 0),
                report.calls + report.returns, f"records and losses of {report}")


main()
