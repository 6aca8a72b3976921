#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Numbers of trace.dat files: exact on files with known answers, and equal to what an independent
reading of `trace-cmd report` gives on recorded ones."""
import collections
import json
import os
import random
import re
import shutil
import subprocess

from jemtest import LONG, case, check, check_equal, check_in, main, program, skip
from trace_dat import IDLE, Task, Trace
from tracecmd import record

KINDS = [(6, "none"), (6, "zlib"), (7, "none"), (7, "zlib"), (7, "zstd")]
US = 1000
BASE = 5_000_000_000  # the clock of a machine that has run for a while

Slice = collections.namedtuple("Slice", "cpu tid start run wait end flags waker comm")
START_INFERRED, END_INFERRED = 1, 2


def run(*words):
    done = subprocess.run([program("tests/flow/sched_numbers"), *words], timeout=120, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True)
    check_equal(done.returncode, 0, f"exit status, with {done.stderr!r}")
    return done.stdout.decode()


def numbers(path):
    return json.loads(run(path))


def slices(path):
    found = []
    for line in run("--slices", path).splitlines():
        cpu, tid, start, run_ns, wait, end, flags, waker, comm = line.split(" ", 8)
        found.append(Slice(int(cpu), int(tid), int(start), int(run_ns), int(wait), end, int(flags),
                           int(waker), comm))
    return found


def of_task(found, tid):
    return sorted((one for one in found if one.tid == tid), key=lambda one: one.start)


def at(us):
    return BASE + us * US


def each_kind(folder, fill, look):
    """The same answers whatever the file is like."""
    for version, compression in KINDS:
        if (version, compression) == (6, "zlib"):
            continue  # version 6 has no compression
        trace = Trace(version=version, compression=compression, clock="mono")
        fill(trace)
        path = os.path.join(folder, f"{version}-{compression}.dat")
        trace.write(path)
        look(path)


@case
def a_planted_overload_is_told_exactly(folder):
    """Three tasks on core 0 of 4 for 3 ms, each in its turn, while cores 2 and 9 have nothing to do."""
    one, two, three, other = (Task(100 + i, f"work{i}") for i in range(4))

    def fill(trace):
        for cpu, task in ((0, one), (1, other), (2, IDLE), (9, IDLE)):
            if task is IDLE:
                trace.switch(cpu, at(0), other, IDLE, "S")
            else:
                trace.switch(cpu, at(0), IDLE, task)
        for task in (two, three):
            trace.waking(0, at(1000), one, task, 0)
            trace.wakeup(0, at(1000), one, task, 0)
        trace.switch(0, at(2000), one, two, "R")
        trace.switch(0, at(3000), two, three, "R+")
        trace.switch(0, at(4000), three, one, "S")
        trace.switch(0, at(5000), one, two, "S")
        trace.switch(0, at(6000), two, IDLE, "S")
        trace.switch(1, at(7000), other, IDLE, "X")

    def look(path):
        told = numbers(path)
        check_equal([told["switches"], told["events"], told["lost_events"]], [10, 14, 0], "counts")
        tasks = {task["pid"]: task for task in told["tasks"]}
        check_equal([tasks[pid]["run_ns"] // US for pid in (100, 101, 102)], [3000, 2000, 1000],
                    "run")
        check_equal([tasks[pid]["wait_ns"] // US for pid in (100, 101, 102)], [2000, 3000, 2000],
                    "wait")
        check_equal([tasks[pid]["slices"] for pid in (100, 101, 102)], [2, 2, 1], "slices")
        overload = told["overload"]
        check_equal([overload["episodes"], overload["runnable_while_idle_s"]], [1, 0.004],
                    "overload")
        worst = overload["worst"][0]
        check_equal([worst["start_s"], worst["end_s"], worst["tasks"]], [0.001, 0.005, 3], "worst")
        check_equal([worst["wait_cpus"], worst["idle_cpus"]], [[0], [2, 9]], "cores")
        check_equal(worst["text"], "3 tasks waited up to 2.0 ms on core 0 while cores 2,9 were "
                    "idle; the longest was work2 102, woken by work0 100 on core 0", "words")

    each_kind(folder, fill, look)


@case
def a_number_that_comes_back_and_a_new_name_are_told_apart(folder):
    shell, child, again, named = (Task(50, "sh"), Task(60, "sh"), Task(60, "sh"),
                                  Task(60, "sleep"))

    def fill(trace):
        trace.switch(0, at(0), IDLE, shell)
        trace.fork(0, at(10), shell, child)
        trace.wakeup_new(0, at(11), shell, child, 1)
        trace.switch(1, at(20), IDLE, child)
        trace.exit(1, at(90), child)
        trace.switch(1, at(100), child, IDLE, "Z")
        trace.fork(0, at(200), shell, again)
        trace.wakeup_new(0, at(201), shell, again, 1)
        trace.switch(1, at(220), IDLE, again)
        trace.rename(1, at(225), again, "sleep")
        trace.exec(1, at(226), named, "/bin/sleep")
        trace.switch(1, at(240), named, IDLE, "S")
        trace.switch(0, at(300), shell, IDLE, "S")

    def look(path):
        told = numbers(path)
        check_equal(told["inferred"], 0, "inferred")
        tasks = sorted((task["comm"], task["run_ns"] // US, task["wait_ns"] // US)
                       for task in told["tasks"] if task["pid"] == 60)
        check_equal(tasks, [("sh", 80, 9), ("sleep", 20, 19)], "the two tasks of number 60")
        commands = {command["comm"]: command for command in told["commands"]}
        check_equal([commands["sh"]["pids"], commands["sh"]["switches"]], [2, 2], "sh")
        check_equal(commands["sleep"]["first_s"], 0.00022, "first execution of sleep")

    each_kind(folder, fill, look)


@case
def nothing_is_made_up_where_pages_are_lost(folder):
    one, two = Task(100, "one"), Task(101, "two")

    def fill(trace):
        trace.switch(0, at(0), IDLE, one)
        trace.switch(1, at(0), IDLE, two)
        trace.switch(0, at(10), one, two, "S")
        trace.lost(0, 17)
        trace.switch(0, at(500), one, IDLE, "S")
        trace.switch(1, at(900), two, IDLE, "S")

    def look(path):
        told = numbers(path)
        check_equal([told["lost_events"], told["gaps"]], [17, 1], "losses")
        found = slices(path)
        for piece in found:
            check(piece.cpu or piece.start + piece.run <= at(10) or piece.start >= at(500),
                  f"drawn over the loss: {piece}")
        # It is on the core after the loss, since when is not known.
        check_equal([(piece.start, piece.run, piece.flags & (START_INFERRED | END_INFERRED))
                     for piece in of_task(found, 100)],
                    [(at(0), 10 * US, 0), (at(500), 0, START_INFERRED)], "slices of one")

    each_kind(folder, fill, look)


# A file of version 6 has its times in nanoseconds, without a point.
LINE = re.compile(r"^(?:\w+:)? *.*-(\d+) +\[(\d+)\] *(\d+)\.?(\d{9}): (\w+):")
SWITCH = re.compile(r"prev_pid=(\d+) .*next_pid=(\d+)")
UNSURE = object()


class Reading:
    """Run time of each task from the text alone: a core runs what the last switch has named. Where two
    switches of a core do not fit together, the time between is nobody's, but may be that of any task
    that was seen on the core meanwhile."""

    def __init__(self):
        self.run = collections.Counter()
        self.slices = collections.Counter()
        self.maybe = collections.Counter()
        self.cores = {}  # core -> task or UNSURE, since when, who was seen
        self.where = {}  # task -> core
        self.events = self.switches = 0
        self.begin = self.end = None

    def unsure(self, cpu, ns, *more):
        task, since, seen = self.cores[cpu]
        for one in seen.union(more) | ({task} - {UNSURE}):
            self.maybe[one] += ns - since

    def switch(self, cpu, ns, leaves, comes):
        task, since, _ = self.cores[cpu]
        if task == leaves:
            self.run[leaves] += ns - since
            self.slices[leaves] += 1
        else:
            self.unsure(cpu, ns, leaves)
            self.slices[leaves] += 1
        other = self.where.get(comes)
        if comes and other not in (None, cpu) and self.cores[other][0] == comes:
            # It cannot be on both: it has left the other at some time.
            self.unsure(other, ns)
            self.cores[other] = (UNSURE, ns, set())
        self.cores[cpu] = (comes, ns, set())
        self.where[comes] = cpu

    def line(self, text):
        found = LINE.match(text)
        if not found:
            return
        pid, cpu, seconds, fraction, event = found.groups()
        ns, cpu = int(seconds) * 10**9 + int(fraction), int(cpu)
        self.begin = ns if self.begin is None else self.begin
        self.end = ns
        self.events += 1
        self.cores.setdefault(cpu, (UNSURE, self.begin, set()))[2].add(int(pid))
        if event == "sched_switch":
            self.switches += 1
            self.switch(cpu, ns, *map(int, SWITCH.search(text).groups()))

    def finish(self):
        for task, since, seen in self.cores.values():
            if task is UNSURE or seen - {task}:
                for one in seen | ({task} - {UNSURE}):
                    self.maybe[one] += self.end - since
            if task is not UNSURE:
                self.run[task] += self.end - since
                self.slices[task] += 1
        del self.run[0]


def compare(path):
    if not shutil.which("trace-cmd"):
        skip("trace-cmd is not installed")
    done = subprocess.run(["trace-cmd", "report", "-t", "-R", path], timeout=300, check=False,
                          capture_output=True, encoding="latin-1")
    check_equal(done.returncode, 0, done.stderr[-500:])
    theirs = Reading()
    for text in done.stdout.splitlines():
        theirs.line(text)
    theirs.finish()
    told = numbers(path)
    check_equal(told["switches"], theirs.switches, "number of switches")
    check_equal(told["events"], theirs.events, "number of events")
    ours = collections.Counter()
    for task in told["tasks"]:
        ours[task["pid"]] += task["run_ns"]
    worst = 0
    for task in ours.keys() | theirs.run.keys():
        off = abs(ours[task] - theirs.run[task])
        allowed = 1000 * theirs.slices[task] + theirs.maybe[task]
        worst = max(worst, off - theirs.maybe[task])
        check(off <= allowed, f"task {task} ran {ours[task]} ns, by the text {theirs.run[task]}, "
              f"{allowed} may be off")
    print(f"# {told['events']} events, {told['switches']} switches, {len(ours)} tasks, "
          f"{told['inferred']} inferred, unsure {sum(theirs.maybe.values())} ns; "
          f"greatest difference of a task beyond that {worst} ns", flush=True)
    return told


@case
def agrees_with_the_text_of_trace_cmd_on_recorded_files(folder):
    load = ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do (/bin/true; sleep 0.01; head -c 2000000 "
            "/dev/zero | cksum >/dev/null) & done; wait"]
    for number, words in enumerate((["-C", "mono"], ["--file-version", "6"],
                                    ["--compression", "none"])):
        path = os.path.join(folder, f"trace{number}.dat")
        record(path, words, load)
        told = compare(path)
        check(told["switches"] > 50, "switches")
        names = {command["comm"] for command in told["commands"]}
        check_in("cksum", names, "names")


def storm(seed, path, cores=8, events=20_000):
    """A file of random but sound scheduling."""
    dice = random.Random(seed)
    trace = Trace(version=7, compression="zstd", clock="mono")
    tasks = [Task(1000 + i, f"job{i % 5}") for i in range(3 * cores)]
    asleep, queues = set(tasks), {cpu: [] for cpu in range(cores)}
    current = dict.fromkeys(range(cores), IDLE)
    ns = BASE
    for _ in range(events):
        ns += dice.randrange(1, 8000)
        cpu = dice.randrange(cores)
        if asleep and dice.random() < 0.5:
            task = dice.choice(sorted(asleep))
            asleep.remove(task)
            target = dice.randrange(cores)
            trace.waking(cpu, ns, current[cpu], task, target)
            trace.wakeup(cpu, ns, current[cpu], task, target)
            queues[target].append(task)
        elif current[cpu] is not IDLE or queues[cpu]:
            leaves, state = current[cpu], dice.choice("RSD")
            if leaves is not IDLE and state == "R":
                queues[cpu].append(leaves)
            elif leaves is not IDLE:
                asleep.add(leaves)
            current[cpu] = queues[cpu].pop(0) if queues[cpu] else IDLE
            trace.switch(cpu, ns, leaves, current[cpu], "R" if leaves is IDLE else state)
    trace.write(path)


@case
def agrees_with_the_text_of_trace_cmd_on_made_up_files(folder):
    for seed in range(20 if LONG else 2):
        path = os.path.join(folder, "trace.dat")
        storm(seed, path)
        told = compare(path)
        check(told["inferred"] <= 8, "nothing but the beginning of a core is inferred")


main()
