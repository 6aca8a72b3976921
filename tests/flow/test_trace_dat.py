#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trace.dat files: every kind that trace-cmd writes is read to the event, damage costs what it hits."""
import itertools
import os
import random
import re
import shutil
import subprocess

from jemtest import LONG, case, check, check_equal, check_in, main, program, skip
from trace_dat import IDLE, STATES, Task, Trace
from tracecmd import record

STATES_OF_SWITCH = ["R", "S", "D", "T", "Z", "R+"]


def dump(path, *words):
    done = subprocess.run([program("tests/flow/sched_dump"), *words, path], timeout=120, check=False,
                          capture_output=True, encoding="latin-1")
    if done.returncode not in (0, 65):
        raise AssertionError(f"{path}: exit {done.returncode}, {done.stderr}")
    lines = done.stdout.splitlines()
    about = dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", lines[0])) if lines else {}
    return done.returncode, about, lines[1:], done.stderr


class Told:
    """A trace that notes what a reader must make of each event."""

    def __init__(self, **options):
        self.trace = Trace(**options)
        self.lines = []

    def note(self, cpu, ns, text):
        self.lines.append((ns, cpu, len(self.lines), text))

    def switch(self, cpu, ns, leaves, comes, state, **more):
        self.trace.switch(cpu, ns, leaves, comes, state, **more)
        self.note(cpu, ns, f"switch {leaves.pid} {comes.pid} {STATES[state]} "
                           f'"{leaves.comm}" "{comes.comm}"')

    def wakeup(self, cpu, ns, waker, task, target):
        self.trace.wakeup(cpu, ns, waker, task, target)
        self.note(cpu, ns, f'wakeup {waker.pid} {task.pid} {target} "-" "{task.comm}"')

    def migrate(self, cpu, ns, mover, task, source, target):
        self.trace.migrate(cpu, ns, mover, task, source, target)
        self.note(cpu, ns, f"migrate {mover.pid} {task.pid} {source << 16 | target} "
                           f'"-" "{task.comm}"')

    def fork(self, cpu, ns, parent, child):
        self.trace.fork(cpu, ns, parent, child, flags=0x1200011)
        self.note(cpu, ns, f'newtask {parent.pid} {child.pid} {0x1200011} "-" "{child.comm}"')
        self.note(cpu, ns, f'fork {parent.pid} {child.pid} 0 "{parent.comm}" "{child.comm}"')

    def exec(self, cpu, ns, task, path):
        self.trace.exec(cpu, ns, task, path)
        self.note(cpu, ns, f'exec {task.pid} {task.pid} 0 "-" "-"')

    def other(self, cpu, ns, task):
        self.trace.event(cpu, ns, "irq_handler_entry", task, irq=9)

    def sorted(self):
        return [f"{ns} {cpu} {text}" for ns, cpu, _, text in sorted(self.lines)]


def random_trace(seed, cpus, events=400, **options):
    rng = random.Random(seed)
    told = Told(**options)
    tasks = [Task(pid, f"task {pid}"[:15]) for pid in range(100, 130)]
    clocks = {cpu: rng.randrange(1 << 40) for cpu in cpus}
    for _ in range(events):
        cpu = rng.choice(cpus)
        clocks[cpu] += rng.choice([0, 1, 700, 50_000, 1 << 28, 1 << 33])
        ns, task, other = clocks[cpu], rng.choice(tasks), rng.choice(tasks)
        kind = rng.randrange(7)
        if kind < 3:
            told.switch(cpu, ns, task, rng.choice([other, IDLE]), rng.choice(STATES_OF_SWITCH),
                        is_absolute=rng.randrange(5) == 0)
        elif kind == 3:
            told.wakeup(cpu, ns, task, other, rng.choice(cpus))
        elif kind == 4:
            told.migrate(cpu, ns, task, other, rng.choice(cpus), rng.choice(cpus))
        elif kind == 5:
            told.exec(cpu, ns, task, "/bin/" + "x" * rng.randrange(40))
            told.other(cpu, ns, task)
        else:
            told.fork(cpu, ns, task, other)
    return told


FILES = [(6, "none"), (7, "none"), (7, "zlib"), (7, "zstd")]


@case
def reads_every_kind_of_file_to_the_event(folder):
    path = os.path.join(folder, "trace.dat")
    kinds = itertools.product(FILES, (False, True), (4, 8), (512, 4096, 1 << 19),
                              ([0], [0, 1, 2, 3], [2, 7, 130]))
    for seed, ((version, compression), is_old, long_size, page_bytes, cpus) in enumerate(kinds):
        told = random_trace(seed, cpus, version=version, compression=compression, is_old=is_old,
                            long_size=long_size, page_bytes=page_bytes)
        told.trace.write(path)
        status, about, lines, said = dump(path)
        kind = f"version {version} {compression} old={is_old} long={long_size} page={page_bytes}"
        check_equal((status, said), (0, ""), kind)
        check_equal(lines, told.sorted(), kind)
        check_equal((about["version"], about["compression"], about["clock"], about["cpus"]),
                    (str(version), compression, "mono", str(max(cpus) + 1)), kind)
        check_equal((about["damaged"], about["truncated"], about["warning"]), ("0", "0", ""), kind)
        check_equal(about["records"], str(sum(told.trace.counts.values())), kind)


@case
def reads_a_large_file_through_many_chunks(folder):
    path = os.path.join(folder, "trace.dat")
    told = random_trace(1, list(range(16)), events=60_000, compression="zstd")
    told.trace.write(path)
    check_equal(dump(path)[2], told.sorted(), "events")


def report(path):
    """What trace-cmd says of switches: time, core, who leaves, who comes."""
    if not shutil.which("trace-cmd"):
        skip("trace-cmd is not installed")
    done = subprocess.run(["trace-cmd", "report", "-t", "-R", path], timeout=120, check=False,
                          capture_output=True, encoding="latin-1")
    check_equal(done.returncode, 0, done.stderr)
    return done.stdout


LINE = re.compile(r"^(?:\w+:)? *(.*)-(\d+) +\[(\d+)\] +(\d+)\.(\d{9}): (\w+):")
SWITCH = re.compile(r"prev_pid=(\d+) .*next_pid=(\d+)")


def compare_with_report(path):
    lines = [line for line in report(path).splitlines() if LINE.match(line)]
    status, about, events, said = dump(path)
    check_equal((status, said), (0, ""), path)
    check_equal(about["records"], str(len(lines)), "number of events")
    theirs = []
    for line in lines:
        _, _, cpu, seconds, ns, event = LINE.match(line).groups()
        if event == "sched_switch":
            theirs.append((int(seconds) * 10**9 + int(ns), int(cpu),
                           *map(int, SWITCH.search(line).groups())))
    ours = [(int(ns), int(cpu), int(leaves), int(comes)) for ns, cpu, leaves, comes in
            re.findall(r"^(\d+) (\d+) switch (-?\d+) (-?\d+) ", "\n".join(events), re.M)]
    check_equal(len(ours), len(theirs), "number of switches")
    check_equal(sorted(ours), sorted(theirs), "switches")
    return len(ours)


@case
def agrees_with_trace_cmd_report_on_written_files(folder):
    path = os.path.join(folder, "trace.dat")
    for version, compression in ((6, "none"), (7, "none"), (7, "zstd")):
        told = random_trace(7, [0, 1, 5], version=version, compression=compression)
        told.trace.write(path)
        check(compare_with_report(path) > 100, "switches")


@case
def agrees_with_trace_cmd_report_on_recorded_files(folder):
    load = ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do /bin/true & done; wait"]
    for number, words in enumerate((["--file-version", "6"], ["--compression", "none"],
                                    ["--compression", "zstd"])):
        path = os.path.join(folder, f"trace{number}.dat")
        record(path, ["-C", "mono", *words], load)
        check(compare_with_report(path) > 9, "switches")
        check_equal(dump(path)[1]["clock"], "mono", "clock")


@case
def reads_all_buffers_of_a_file(folder):
    path = os.path.join(folder, "trace.dat")
    sh, job = Task(100, "sh"), Task(101, "job")
    for version, compression in FILES:
        trace = Trace(version=version, compression=compression)
        one, two = trace.buffer("one"), trace.buffer("two")
        one.switch(0, 1000, IDLE, sh)
        one.switch(1, 3000, IDLE, job)
        two.wakeup(0, 2000, sh, job, 1)
        two.switch(1, 3007, IDLE, job)  # told by `one` already
        trace.write(path)
        _, about, lines, _ = dump(path)
        check_equal(about["buffers"], "3", "buffers")
        check_equal(lines, ['1000 0 switch 0 100 0 "swapper" "sh"',
                            '2000 0 wakeup 100 101 1 "-" "job"',
                            '3000 1 switch 0 101 0 "swapper" "job"'], f"{version} {compression}")


@case
def leaves_out_a_buffer_with_another_clock(folder):
    path = os.path.join(folder, "trace.dat")
    sh, job = Task(100, "sh"), Task(101, "job")
    trace = Trace(clock="local")
    trace.switch(0, 1000, IDLE, sh)
    trace.buffer("two", clock="boot").wakeup(0, 2000, sh, job)
    trace.write(path)
    _, about, lines, _ = dump(path)
    check_equal(lines, ['1000 0 switch 0 100 0 "swapper" "sh"'], "events")
    check_in('buffer "two" has clock boot, not local', about["warning"])


@case
def tells_what_was_lost_and_where(folder):
    path = os.path.join(folder, "trace.dat")
    sh, job = Task(100, "sh"), Task(101, "job")
    for (version, compression), long_size in itertools.product(FILES, (4, 8)):
        trace = Trace(version=version, compression=compression, long_size=long_size)
        trace.switch(0, 1000, IDLE, sh)
        trace.lost(0, 17)
        trace.switch(0, 5000, sh, job, "S")
        trace.lost(0)
        trace.switch(0, 9000, job, IDLE, "S")
        trace.cpustat(0, 40)
        trace.cpustat(1, 2)
        trace.write(path)
        _, about, lines, _ = dump(path)
        lost = [line for line in lines if " lost " in line]
        check_equal(lost, ['5000 0 lost -1 -1 17 "-" "-"', '9000 0 lost -1 -1 0 "-" "-"'], "lost")
        check_equal(about["overrun"], "42", "what the kernel counted")


@case
def converts_cycles_where_the_file_says_how(folder):
    path = os.path.join(folder, "trace.dat")
    for version, compression in FILES:
        trace = Trace(version=version, compression=compression, clock="x86-tsc")
        trace.switch(0, 2_000_000, IDLE, Task(100, "sh"))
        trace.write(path)
        check_in("counts processor cycles", dump(path)[1]["warning"])
        # half a nanosecond a cycle, from 1000 on
        trace.options.append((14, (1 << 31).to_bytes(4, "little") + (32).to_bytes(4, "little") +
                              (1000).to_bytes(8, "little")))
        trace.write(path)
        _, about, lines, _ = dump(path)
        check_equal((lines[0].split()[0], about["warning"]), ("1001000", ""), "time and warning")


@case
def passes_over_options_that_it_does_not_know(folder):
    path = os.path.join(folder, "trace.dat")
    for version, compression in FILES:
        told = random_trace(3, [0, 1], version=version, compression=compression)
        told.trace.options += [(900, b"x" * 5000), (11, b"12345678"), (12, b"")]
        told.trace.write(path)
        check_equal(dump(path)[2], told.sorted(), "events")


@case
def refuses_what_it_cannot_read_with_one_line(folder):
    path = os.path.join(folder, "trace.dat")
    whole = random_trace(1, [0]).trace.to_bytes()

    def versioned(version):
        return whole[:10] + version + whole[11:]

    # a table that names the data of core 0 for core 1 and 2 too
    shared = Trace(version=6, cpus=3)
    for number in range(1500):
        shared.switch(0, number, IDLE, Task(100, "sh"))
    shared = bytearray(shared.to_bytes())
    table = shared.index(b"flyrecord\0") + 10
    shared[table + 16:table + 48] = shared[table:table + 16] * 2
    strange = Trace()
    strange.compression = "lz77"
    strange.pack = lambda data: data
    for data, part in ((b"", "not a file of trace-cmd"), (b"hello\n" * 9, "not a file of trace-cmd"),
                       (versioned(b"5"), "version 5"), (Trace(big_endian=True).to_bytes(),
                                                        "big-endian"),
                       (strange.to_bytes(), "compression lz77"),
                       (bytes(shared), "overlap"), (whole[:12], "end"),
                       (whole[:2000], "end")):
        with open(path, "wb") as file:
            file.write(data)
        status, _, lines, said = dump(path)
        check_equal((status, lines, said.count("\n")), (65, [], 1), said)
        check_in(part, said)
        check(said.startswith(path + ": "), said)
    status, _, _, said = dump(folder)
    check_equal((status, said), (65, f"{folder}: not a regular file\n"))


def by_core(lines):
    cores = {}
    for line in lines:
        if " lost " not in line:
            cores.setdefault(line.split()[1], []).append(line)
    return cores


@case
def reads_what_is_whole_of_a_file_that_was_cut_off(folder):
    path = os.path.join(folder, "trace.dat")
    rng = random.Random(5)
    kept = 0
    for version, compression in FILES:
        told = random_trace(11, [0, 1, 2], events=3000, version=version, compression=compression)
        data = told.trace.to_bytes()
        whole = by_core(told.sorted())
        if version == 7:  # the places of the data stand behind them: without these nothing is known
            data = options_first(data)
        for size in sorted(rng.sample(range(len(data)), 60)):
            with open(path, "wb") as file:
                file.write(data[:size])
            status, about, lines, said = dump(path)
            if status:
                check_equal(said.count("\n"), 1, said)
                continue
            check_equal(about["truncated"] == "1", bool(about["warning"]), about)
            for core, events in by_core(lines).items():
                check_equal(events, whole[core][:len(events)], f"cut at {size}: core {core}")
                kept += len(events)
    check(kept > 20_000, f"{kept} events were read of the cut files")


def options_first(data):
    """The same file as it would be if its places of data had been written before them."""
    first = int.from_bytes(data[data.index(b"1.0\0") + 4:][:8], "little")
    size = int.from_bytes(data[first + 8:first + 16], "little")
    options = data[first + 16:first + 16 + size - 14]  # without DONE
    second = int.from_bytes(data[first + 16 + size - 8:first + 16 + size], "little")
    more = data[second + 16:]
    # In front of everything nothing may move: the joined section goes into room that is made for it.
    joined = options + more
    head = data.index(b"1.0\0") + 4
    room = 4096 * 20
    body = bytearray(data[:head] + (head + 8).to_bytes(8, "little"))
    body += b"\0" * 8 + len(joined).to_bytes(8, "little") + joined
    check(len(body) < room, "room for the options")
    return shifted(data, head + 8, bytes(body).ljust(room, b"\0"), joined)


def shifted(data, start, front, joined):
    """`data` from start on behind `front`, whose options point `len(front)` - start further."""
    by = len(front) - start
    at = front.index(joined)
    moved = bytearray(front)
    place = at

    def move(where):
        value = int.from_bytes(moved[where:where + 8], "little")
        moved[where:where + 8] = (value + by).to_bytes(8, "little")

    while True:
        number = int.from_bytes(moved[place:place + 2], "little")
        size = int.from_bytes(moved[place + 2:place + 6], "little")
        body = place + 6
        if number == 0:
            return bytes(moved) + data[start:]
        if number == 3:
            move(body)
            table = moved.index(b"\0", moved.index(b"\0", body + 8) + 1) + 9
            for cpu in range(int.from_bytes(moved[table - 4:table], "little")):
                move(table + 20 * cpu + 4)
        elif number >= 16:
            move(body)
        place = body + size


@case
def survives_any_damage(folder):
    path = os.path.join(folder, "trace.dat")
    rng = random.Random(17)
    statuses = set()
    for version, compression in FILES:
        data = random_trace(13, [0, 1], events=600, version=version,
                            compression=compression).trace.to_bytes()
        for _ in range(1000 if LONG else 60):
            damaged = bytearray(data)
            for _ in range(rng.choice([1, 1, 2, 20])):
                damaged[rng.randrange(len(data))] = rng.randrange(256)
            with open(path, "wb") as file:
                file.write(damaged)
            status, _, _, said = dump(path, "--count")
            check_equal(said.count("\n"), 1 if status else 0, said)
            statuses.add(status)
    check_equal(statuses, {0, 65}, "exit statuses")


main()
