# SPDX-License-Identifier: Apache-2.0
"""The story of RR-9498 section 3, small: recordings of an application that a scheduler treats badly.

Eight tasks, `ua.x`, on eight cores of two sockets (even and odd numbers, as some machines count) meet
in barriers every 9 ms. Times are from the end of the `sleep` that stands before the application:

  0.27 s  kworker/3:1 takes core 3 for 3 ms: its task is late, and all others wait for it in idleness
  0.29 s  kworker/0:1 takes core 0; load balancing brings the task from there to core 5, which had
          finished early, on the other socket
  0.30 s  the others find their cores taken one after the other: task 5 goes to core 7, 7 to 1, 1 to
          3; and task 3, woken by task 6, is placed on core 6, where that one runs, while core 0 is idle
  then    the two share core 6 until `mended`, and every barrier waits for both

    files = write(folder)       # {"fast": path, "slow": path, "topology": path}
"""
import os

from trace_dat import IDLE, Task, Trace

MS = 1_000_000
US = 1_000
SHELL, SLEEP = Task(100, "sh"), Task(101, "sleep")
WORKERS = {3: Task(33, "kworker/3:1"), 0: Task(30, "kworker/0:1")}
FIRST = 200  # pid of the first task of the application
CORES = 8
PLACED = {5: 7, 7: 1, 1: 3, 3: 6}  # task -> core, when their own are taken


class Story:
    def __init__(self, mended, phases):
        self.mended = mended
        self.phases = phases
        self.runs = {core: [] for core in range(CORES)}  # (from, to, task, state)
        self.events = []  # (ns, order, core, function of the trace)
        self.home = {task: task for task in range(CORES)}

    def run(self, core, start, end, task, state):
        self.runs[core].append((start, end, task, state))

    def tell(self, ns, core, act):
        self.events.append((ns, len(self.events), core, act))

    @staticmethod
    def task(number):
        return Task(FIRST + number, "ua.x")

    def begin(self):
        """The shell makes sleep, then the application; returns when its tasks are there."""
        self.run(0, 1 * MS, 2 * MS, SHELL, "S")
        self.tell(1500 * US, 0, lambda t: (t.fork(0, 1500 * US, SHELL, SLEEP),
                                           t.wakeup_new(0, 1501 * US, SHELL, SLEEP, 1)))
        self.run(1, 1510 * US, 1800 * US, SLEEP, "S")
        self.tell(100 * MS, 1, lambda t: t.wakeup(1, 100 * MS, IDLE, SLEEP, 1))
        self.run(1, 100 * MS + 5 * US, 101 * MS, SLEEP, "X")
        self.tell(101 * MS - 2 * US, 1, lambda t: t.exit(1, 101 * MS - 2 * US, SLEEP))
        start = 101 * MS + 10 * US
        self.tell(101 * MS - 1 * US, 1, lambda t: t.wakeup(1, 101 * MS - 1 * US, SLEEP, SHELL, 0))
        self.run(0, start, start + 900 * US, SHELL, "S")
        for number in range(CORES):
            ns = start + 100 * US * (number + 1) - 50 * US
            child = self.task(number)
            self.tell(ns, 0, lambda t, ns=ns, child=child, number=number: (
                t.fork(0, ns, SHELL, child), t.wakeup_new(0, ns + US, SHELL, child, number)))
        return start + 900 * US

    def wake(self, ns, waker, number, core):
        """The waker's core tells it; to another core it is a placement."""
        by, target, old, where = self.task(waker), self.task(number), self.home[number], self.home[waker]
        self.tell(ns, where, lambda t: t.waking(where, ns, by, target, old))
        if core != old:
            self.tell(ns + 200, where, lambda t: t.migrate(where, ns + 200, by, target, old, core))
            self.home[number] = core
        self.tell(ns + 400, where, lambda t: t.wakeup(where, ns + 400, by, target, core))

    def share(self, core, start, works):
        """Tasks of one core take turns of a millisecond until each has done its work."""
        left = dict(works)
        ends = {}
        while left:
            for number in list(left):
                length = min(MS, left[number])
                left[number] -= length
                if not left[number]:
                    del left[number]
                    ends[number] = start + length
                self.run(core, start, start + length, self.task(number),
                         "R" if number in left else "S")
                start += length
        return ends

    def disturb(self, phase, core, number, start, work):
        """A kernel thread comes in between: True when it does, with the end of the task."""
        worker = WORKERS.get(core)
        if (phase, core) not in ((30, 3), (32, 0)):
            return None
        middle = start + 4 * MS
        self.run(core, start, middle, self.task(number), "R")
        self.run(core, middle, middle + 3 * MS, worker, "S")
        self.tell(middle - 2 * US, core, lambda t: t.wakeup(core, middle - 2 * US,
                                                            self.task(number), worker, core))
        if phase == 30:
            end = middle + 3 * MS + work - 4 * MS
            self.run(core, middle + 3 * MS, end, self.task(number), "S")
            return end
        moved = middle + 1 * MS  # core 5 is idle by then
        self.tell(moved, 5, lambda t: t.migrate(5, moved, IDLE, self.task(number), core, 5))
        self.run(5, moved + 10 * US, moved + 4 * MS, self.task(number), "S")
        self.home[number] = 5
        return moved + 4 * MS

    def work(self, phase, number):
        if phase == 32:
            return {5: 4 * MS, 6: 9_500 * US}.get(number, 8 * MS)
        return 9 * MS - (number * 37 + phase * 13) % 11 * 60 * US

    def phase(self, phase, start, waker):
        starts = {}
        for place, number in enumerate(n for n in range(CORES) if n != waker):
            ns = start + place * 2 * US
            core = self.home[number]
            if phase == 33:
                core = PLACED.get(number, core)
            if phase >= self.mended and number == 3 and self.home[3] == 6:
                core = 0
            if phase:
                self.wake(ns, waker, number, core)
            starts[number] = ns + 5 * US
        starts[waker] = start
        ends = {}
        for core in range(CORES):
            here = sorted((n for n in range(CORES) if self.home[n] == core and n not in ends),
                          key=lambda n: starts[n])
            if len(here) > 1:
                ends.update(self.share(core, starts[here[0]],
                                       [(n, self.work(phase, n)) for n in here]))
                continue
            for number in here:
                work = self.work(phase, number)
                end = self.disturb(phase, core, number, starts[number], work)
                if end is None:
                    end = starts[number] + work
                    self.run(core, starts[number], end, self.task(number), "S")
                ends[number] = end
        last = max(ends, key=ends.get)
        return ends[last], last

    def finish(self, trace):
        for core, runs in self.runs.items():
            runs.sort(key=lambda run: run[:2])
            before = None
            for start, end, task, state in runs:
                if before and before[1] == start and before[2] == task:
                    before = (start, end, task, state)  # it went on
                    continue
                if before and before[1] < start:
                    self.switch(core, before[1], before[2], IDLE, before[3])
                comes_from = before if before and before[1] == start else None
                self.switch(core, start, comes_from[2] if comes_from else IDLE, task,
                            comes_from[3] if comes_from else "R")
                before = (start, end, task, state)
            if before:
                self.switch(core, before[1], before[2], IDLE, before[3])
        for _, _, _, act in sorted(self.events, key=lambda event: event[:2]):
            act(trace)

    def switch(self, core, ns, leaves, comes, state):
        self.tell(ns, core, lambda t: t.switch(core, ns, leaves, comes, state))

    def tell_all(self, trace):
        start, waker = self.begin(), 0
        for phase in range(self.phases):
            start, waker = self.phase(phase, start, waker)
        self.finish(trace)


def write(folder, version=7, compression="zstd"):
    paths = {}
    for name, mended in (("fast", 36), ("slow", 52)):
        trace = Trace(version=version, compression=compression, cpus=CORES)
        Story(mended, 60).tell_all(trace)
        paths[name] = os.path.join(folder, f"ua-{name}.dat")
        trace.write(paths[name])
    paths["topology"] = os.path.join(folder, "ua.topology")
    with open(paths["topology"], "w", encoding="utf-8") as out:
        for core in range(CORES):
            out.write(f"cpu={core} socket={core % 2} node={core % 2} llc={core % 2} "
                      f"core={core // 2}\n")
    return paths
