# SPDX-License-Identifier: Apache-2.0
"""Writes trace.dat files (trace-cmd.dat.v6(5), trace-cmd.dat.v7(5)) of events that a test makes up.

    trace = Trace(version=7, compression="zstd", clock="mono")
    sh, job = Task(100, "sh"), Task(101, "job")
    trace.switch(0, 1_000_000, IDLE, sh)            # core, ns, who leaves, who comes
    trace.wakeup(0, 2_000_000, sh, job, target=1)   # core, ns, who wakes, whom, where to
    trace.switch(1, 2_050_000, IDLE, job)
    trace.lost(1, 17)                               # events lost before the next one of core 1
    trace.switch(1, 9_000_000, job, IDLE, "S")
    trace.write(path)

Events of a core are written in the order in which they are told; their times must not go back.
Everything is a parameter: page size, long of 4 or 8 bytes, old or new layout of events, several
buffers (`trace.buffer("name")`), any core numbers, how many cores the file claims, which events it
describes.
"""
import collections
import io
import struct
import zlib

Task = collections.namedtuple("Task", "pid comm")
IDLE = Task(0, "swapper")

STATES = {"R": 0, "S": 1, "D": 2, "T": 4, "t": 8, "X": 16, "Z": 32, "P": 64, "I": 128, "R+": 256}
COMMON = [("unsigned short", "common_type", 2, 0), ("unsigned char", "common_flags", 1, 0),
          ("unsigned char", "common_preempt_count", 1, 0), ("int", "common_pid", 4, 1)]
TIME_EXTEND, TIME_STAMP, PADDING = 30, 31, 29
CHUNK_PAGES = 10


def fixed(name):
    return ("char", f"{name}[16]", 16, 0)


def located(name):
    return ("__data_loc char[]", name, 4, 0)


def pid(name):
    return ("pid_t", name, 4, 1)


def integer(name):
    return ("int", name, 4, 1)


def layouts(is_old, long_size):
    """system, event -> number and fields, as Linux 6.18 has them, or as 4.19 did."""
    text = fixed if is_old else located
    wake = [fixed("comm"), pid("pid"), integer("prio")]
    wake += [integer("success")] * is_old + [integer("target_cpu")]
    rename = [pid("pid"), fixed("oldcomm"), fixed("newcomm"), ("short", "oom_score_adj", 2, 1)]
    return {
        ("sched", "sched_switch"): (310, [
            fixed("prev_comm"), pid("prev_pid"), integer("prev_prio"),
            ("long", "prev_state", long_size, 1), fixed("next_comm"), pid("next_pid"),
            integer("next_prio")]),
        ("sched", "sched_waking"): (311, wake),
        ("sched", "sched_wakeup"): (312, wake),
        ("sched", "sched_wakeup_new"): (313, wake),
        ("sched", "sched_migrate_task"): (314, [
            text("comm"), pid("pid"), integer("prio"), integer("orig_cpu"), integer("dest_cpu")]),
        ("sched", "sched_process_fork"): (315, [
            text("parent_comm"), pid("parent_pid"), text("child_comm"), pid("child_pid")]),
        ("sched", "sched_process_exec"): (316, [located("filename"), pid("pid"), pid("old_pid")]),
        ("sched", "sched_process_exit"): (317, [fixed("comm"), pid("pid"), integer("prio")]),
        ("sched", "sched_process_free"): (318, [text("comm"), pid("pid"), integer("prio")]),
        ("sched", "sched_swap_numa"): (319, [
            pid("src_pid"), integer("src_cpu"), pid("dst_pid"), integer("dst_cpu")]),
        ("sched", "sched_move_numa"): (320, [pid("pid"), integer("src_cpu"), integer("dst_cpu")]),
        ("task", "task_newtask"): (201, [
            pid("pid"), fixed("comm"), ("unsigned long", "clone_flags", long_size, 0),
            ("short", "oom_score_adj", 2, 1)]),
        ("task", "task_rename"): (202, rename),
        ("irq", "irq_handler_entry"): (150, [integer("irq")]),  # none of ours: to be passed over
    }


class Layout:
    """Offsets of an event's fields, and the text that describes them."""

    def __init__(self, event, number, fields):
        self.number = number
        self.fields = {}
        self.size = 0
        lines = []
        for index, (kind, name, size, signed) in enumerate(COMMON + fields):
            alone = name.split("[")[0]
            align = 1 if "[" in name else size
            self.size = -(-self.size // align) * align
            lines.append(f"\tfield:{kind} {name};\toffset:{self.size};\tsize:{size};"
                         f"\tsigned:{signed};\n" + ("\n" if index == len(COMMON) - 1 else ""))
            self.fields[alone] = (self.size, size, signed, kind)
            self.size += size
        flags = ", ".join(f'{{ 0x{value:08x}, "{letter}" }}' for letter, value in STATES.items()
                          if letter not in ("R", "R+"))
        shown = " ".join(f"{n}=%s" if "char" in k else f"{n}=%d" for n, (_, _, _, k)
                         in self.fields.items() if not n.startswith("common_"))
        args = ", ".join(f"__get_str({n})" if "__data_loc" in k else f"REC->{n}"
                         for n, (_, _, _, k) in self.fields.items()
                         if not n.startswith("common_"))
        if event == "sched_switch":
            mask = "(((0x0000 | 0x0001 | 0x0040) + 1) << 1) - 1"
            args = args.replace("REC->prev_state", f"(REC->prev_state & ({mask})) ? "
                                f'__print_flags(REC->prev_state & ({mask}), "|", {flags}) : "R"')
            shown = shown.replace("prev_state=%d", "prev_state=%s")
        self.text = (f"name: {event}\nID: {number}\nformat:\n" + "".join(lines) +
                     f'\nprint fmt: "{shown}", {args}\n').encode()

    def pack(self, values):
        data = bytearray(self.size)
        for name, value in dict(values, common_type=self.number).items():
            if name not in self.fields:
                continue  # older kernels have fewer
            offset, size, signed, kind = self.fields[name]
            if "__data_loc" in kind:
                text = value.encode("latin-1") + b"\0"
                struct.pack_into("<HH", data, offset, len(data), len(text))
                data += text + bytes(-len(text) % 4)
            elif "char" == kind:
                data[offset:offset + 16] = value.encode("latin-1")[:15].ljust(16, b"\0")
            else:
                data[offset:offset + size] = (value % (1 << 8 * size)).to_bytes(size, "little")
        return bytes(data)


class Core:
    """Pages of one core's ring buffer."""

    def __init__(self, page_bytes, long_size):
        self.page_bytes = page_bytes
        self.long_size = long_size
        self.room = page_bytes - 8 - long_size
        self.pages = []
        self.data = bytearray()
        self.start = self.last = None
        self.missed = None
        self.next_missed = None

    def end_page(self):
        if self.start is None:
            return
        commit = len(self.data)
        body = bytes(self.data)
        if self.missed is not None:
            commit |= 1 << 31
            if self.missed and len(body) + self.long_size <= self.room:
                commit |= 1 << 30
                body += self.missed.to_bytes(self.long_size, "little")
        self.pages.append(struct.pack("<Q", self.start) + commit.to_bytes(self.long_size, "little")
                          + body.ljust(self.room, b"\0"))
        self.data = bytearray()
        self.start = self.missed = None

    def lost(self, count):
        self.end_page()
        self.next_missed = count

    def add(self, ns, payload, is_absolute=False):
        padded = payload + bytes(-len(payload) % 4)
        words = len(padded) // 4
        long = words > 28
        size = 4 + 4 * long + len(padded)
        if self.start is not None and len(self.data) + size + 8 + self.long_size > self.room:
            self.end_page()
        if self.start is None:
            self.start = self.last = ns
            self.missed, self.next_missed = self.next_missed, None
        if is_absolute:
            self.data += struct.pack("<II", TIME_STAMP | (ns & 0x7ffffff) << 5,
                                     ns >> 27 & 0xffffffff)
            self.last = ns
        delta = ns - self.last
        if delta >> 27:
            self.data += struct.pack("<II", TIME_EXTEND | (delta & 0x7ffffff) << 5, delta >> 27)
            delta = 0
        self.data += struct.pack("<I", (0 if long else words) | delta << 5)
        if long:
            self.data += struct.pack("<I", len(padded) + 4)
        self.data += padded
        self.last = ns

    def pad(self, size):
        """A record that was discarded: `size` bytes to be passed over."""
        self.data += struct.pack("<II", PADDING | 1 << 5, size + 4) + bytes(size)
        self.last += 1


class Buffer:
    def __init__(self, trace, clock):
        self.trace = trace
        self.clock = clock
        self.cores = {}

    def core(self, cpu):
        if cpu not in self.cores:
            self.cores[cpu] = Core(self.trace.page_bytes, self.trace.long_size)
        return self.cores[cpu]

    def event(self, cpu, ns, name, task, is_absolute=False, **values):
        layout = self.trace.layouts[name]
        self.core(cpu).add(ns, layout.pack(dict(values, common_pid=task.pid)), is_absolute)
        self.trace.counts[name] += 1

    def lost(self, cpu, count=0):
        """Events were lost here; 0: the page does not say how many."""
        self.core(cpu).lost(count)

    def switch(self, cpu, ns, leaves, comes, state="R", **more):
        self.event(cpu, ns, "sched_switch", leaves, prev_comm=leaves.comm, prev_pid=leaves.pid,
                   prev_prio=120, prev_state=STATES[state], next_comm=comes.comm,
                   next_pid=comes.pid, next_prio=120, **more)

    def wake(self, name, cpu, ns, waker, task, target):
        self.event(cpu, ns, name, waker, comm=task.comm, pid=task.pid, prio=120, success=1,
                   target_cpu=cpu if target is None else target)

    def waking(self, cpu, ns, waker, task, target=None):
        self.wake("sched_waking", cpu, ns, waker, task, target)

    def wakeup(self, cpu, ns, waker, task, target=None):
        self.wake("sched_wakeup", cpu, ns, waker, task, target)

    def wakeup_new(self, cpu, ns, waker, task, target=None):
        self.wake("sched_wakeup_new", cpu, ns, waker, task, target)

    def migrate(self, cpu, ns, mover, task, source, target):
        self.event(cpu, ns, "sched_migrate_task", mover, comm=task.comm, pid=task.pid, prio=120,
                   orig_cpu=source, dest_cpu=target)

    def move_numa(self, cpu, ns, mover, task, source, target):
        self.event(cpu, ns, "sched_move_numa", mover, pid=task.pid, src_cpu=source,
                   dst_cpu=target)

    def fork(self, cpu, ns, parent, child, flags=0):
        """As the kernel tells it: the new task, then who made it."""
        self.event(cpu, ns, "task_newtask", parent, pid=child.pid, comm=child.comm,
                   clone_flags=flags, oom_score_adj=0)
        self.event(cpu, ns, "sched_process_fork", parent, parent_comm=parent.comm,
                   parent_pid=parent.pid, child_comm=child.comm, child_pid=child.pid)

    def exec(self, cpu, ns, task, filename, old_pid=None):
        self.event(cpu, ns, "sched_process_exec", task, filename=filename, pid=task.pid,
                   old_pid=task.pid if old_pid is None else old_pid)

    def rename(self, cpu, ns, task, comm):
        self.event(cpu, ns, "task_rename", task, pid=task.pid, oldcomm=task.comm, newcomm=comm,
                   oom_score_adj=0)

    def exit(self, cpu, ns, task):
        self.event(cpu, ns, "sched_process_exit", task, comm=task.comm, pid=task.pid, prio=120)

    def free(self, cpu, ns, freer, task):
        self.event(cpu, ns, "sched_process_free", freer, comm=task.comm, pid=task.pid, prio=120)


class Trace(Buffer):
    """A file; itself its top buffer."""

    def __init__(self, version=7, compression="none", clock="mono", page_bytes=4096, long_size=8,
                 is_old=False, cpus=None, big_endian=False, events=None):
        self.version = version
        self.compression = compression
        self.page_bytes = page_bytes
        self.long_size = long_size
        self.big_endian = big_endian
        self.cpus = cpus
        self.counts = collections.Counter()
        self.described = {key: value for key, value in layouts(is_old, long_size).items()
                          if not events or key[1] in events}
        self.layouts = {event: Layout(event, number, fields)
                        for (_, event), (number, fields) in self.described.items()}
        self.buffers = {"": self}
        self.options = []  # more of them: (number, bytes)
        super().__init__(self, clock)

    def buffer(self, name, clock=None):
        if name not in self.buffers:
            self.buffers[name] = Buffer(self, clock or self.clock)
        return self.buffers[name]

    def cpustat(self, cpu, overrun):
        self.options.append((2, f"CPU: {cpu}\nentries: 0\noverrun: {overrun}\ncommit overrun: 5\n"
                                f"dropped events: 0\n\0".encode()))

    # What both versions have, in their own frames.
    def header_info(self):
        n = self.long_size
        page = (f"\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
                f"\tfield: local_t commit;\toffset:8;\tsize:{n};\tsigned:1;\n"
                f"\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
                f"\tfield: char data;\toffset:{8 + n};\tsize:{self.page_bytes - 8 - n};"
                f"\tsigned:0;\n").encode()
        event = (b"# compressed entry header\n\ttype_len    :    5 bits\n\ttime_delta  :   27 bits"
                 b"\n\tarray       :   32 bits\n\n\tpadding     : type == 29\n\ttime_extend : "
                 b"type == 30\n\ttime_stamp : type == 31\n\tdata max type_len  == 28\n")
        return (b"header_page\0" + struct.pack("<Q", len(page)) + page + b"header_event\0" +
                struct.pack("<Q", len(event)) + event)

    def formats(self):
        systems = collections.defaultdict(list)
        for system, event in self.described:
            systems[system].append(self.layouts[event].text)
        data = struct.pack("<I", len(systems))
        for system, texts in sorted(systems.items()):
            data += system.encode() + b"\0" + struct.pack("<I", len(texts))
            data += b"".join(struct.pack("<Q", len(text)) + text for text in texts)
        return data

    def clock_text(self, clock):
        return " ".join(f"[{c}]" if c == clock else c
                        for c in sorted({"local", "global", "mono", "x86-tsc", clock})).encode()

    def start(self):
        return (b"\x17\x08\x44tracing" + str(self.version).encode() + b"\0" +
                bytes([self.big_endian, self.long_size]) + struct.pack("<I", self.page_bytes))

    def core_count(self):
        most = max((cpu + 1 for b in self.buffers.values() for cpu in b.cores), default=0)
        return self.cpus or most

    def align(self, out):
        out.write(bytes(-out.tell() % self.page_bytes))

    def to_bytes(self):
        for buffer in self.buffers.values():
            for core in buffer.cores.values():
                core.end_page()
        return self.version_6() if self.version == 6 else self.version_7()

    def write(self, path):
        with open(path, "wb") as file:
            file.write(self.to_bytes())

    def pack_option(self, number, data):
        return struct.pack("<HI", number, len(data)) + data

    # Version 6: one part after the other; the places of data are filled in at the end.
    def version_6(self):
        out = io.BytesIO()
        out.write(self.start() + self.header_info() + struct.pack("<I", 0) + self.formats())
        out.write(struct.pack("<IIQ", 0, 0, 0) + struct.pack("<I", self.core_count()))
        out.write(b"options  \0" + self.pack_option(4, b""))
        for number, data in self.options:
            out.write(self.pack_option(number, data))
        places = {}
        for name in self.buffers:
            if name:
                out.write(struct.pack("<HI", 3, 8 + len(name) + 1))
                places[name] = out.tell()
                out.write(bytes(8) + name.encode() + b"\0")
        out.write(struct.pack("<H", 0))
        for name, buffer in self.buffers.items():
            if name:
                here = out.tell()
                out.seek(places[name])
                out.write(struct.pack("<Q", here))
                out.seek(here)
                # an instance begins with options of its own, however few
                out.write(b"options  \0" + struct.pack("<H", 0))
            self.data_6(out, buffer, has_clock=not name)
        return out.getvalue()

    def data_6(self, out, buffer, has_clock):
        out.write(b"flyrecord\0")
        table = out.tell()
        out.write(bytes(16 * self.core_count()))
        if has_clock:
            clock = self.clock_text(buffer.clock)
            out.write(struct.pack("<Q", len(clock)) + clock)
        for cpu in range(self.core_count()):
            self.align(out)
            data = b"".join(buffer.cores[cpu].pages) if cpu in buffer.cores else b""
            here = out.tell()
            out.write(data)
            end = out.tell()
            out.seek(table + 16 * cpu)
            out.write(struct.pack("<QQ", here, len(data)))
            out.seek(end)

    # Version 7: sections that options point to.
    def pack(self, data):
        if self.compression == "zlib":
            return zlib.compress(data)
        import zstandard
        return zstandard.ZstdCompressor(level=3).compress(data)

    def section(self, out, number, data):
        place = out.tell()
        packed = self.compression != "none"
        if packed:
            small = self.pack(data)
            data = struct.pack("<II", len(small), len(data)) + small
        out.write(struct.pack("<HHIQ", number, packed, 0, len(data)) + data)
        return place

    def version_7(self):
        out = io.BytesIO()
        out.write(self.start() + self.compression.encode() + b"\x001.0\0")
        pointer = out.tell()
        out.write(bytes(8))
        options = b""
        empty_text = struct.pack("<I", 0)
        for number, data in ((16, self.header_info()), (17, empty_text), (18, self.formats()),
                             (19, empty_text), (20, empty_text), (21, struct.pack("<Q", 0))):
            options += self.pack_option(number, struct.pack("<Q", self.section(out, number, data)))
        options += self.pack_option(8, struct.pack("<I", self.core_count()))
        options += self.pack_option(4, self.clock_text(self.clock) + b"\0")
        for number, data in self.options:
            options += self.pack_option(number, data)
        first = out.tell()
        # two sections of options, as trace-cmd writes them: the second has the buffers
        done = struct.pack("<HI", 0, 8)
        size = len(options) + len(done) + 8
        out.write(struct.pack("<HHIQ", 0, 0, 0, size) + options + done)
        link = out.tell()
        out.write(bytes(8))
        buffers = b"".join(self.data_7(out, name, b) for name, b in self.buffers.items())
        second = out.tell()
        buffers += done + bytes(8)
        out.write(struct.pack("<HHIQ", 0, 0, 0, len(buffers)) + buffers)
        for place, value in ((pointer, first), (link, second)):
            out.seek(place)
            out.write(struct.pack("<Q", value))
        return out.getvalue()

    def data_7(self, out, name, buffer):
        place = out.tell()
        packed = self.compression != "none"
        out.write(struct.pack("<HHIQ", 3, packed, 0, 0))
        cores = b""
        for cpu, core in sorted(buffer.cores.items()):
            self.align(out)
            here = out.tell()
            size = self.chunks(out, core.pages) if packed else out.write(b"".join(core.pages))
            cores += struct.pack("<IQQ", cpu, here, size)
        end = out.tell()
        out.seek(place + 8)
        out.write(struct.pack("<Q", end - place - 16))
        out.seek(end)
        return self.pack_option(3, struct.pack("<Q", place) + name.encode() + b"\0" +
                                buffer.clock.encode() + b"\0" +
                                struct.pack("<II", self.page_bytes, len(buffer.cores)) + cores)

    def chunks(self, out, pages):
        """trace-cmd's size of them leaves out the count before them; so does this."""
        groups = [b"".join(pages[i:i + CHUNK_PAGES]) for i in range(0, len(pages), CHUNK_PAGES)]
        out.write(struct.pack("<I", len(groups)))
        size = 0
        for group in groups:
            small = self.pack(group)
            size += out.write(struct.pack("<II", len(small), len(group)) + small)
        return size
