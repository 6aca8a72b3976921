# SPDX-License-Identifier: Apache-2.0
"""Runs inside gdb: at every stop in a hook runs the plan and compares with what gdb itself says.

Settings in the environment: PLANS_IMAGE, PLANS_RING (schemas/ring.h), PLANS_OUT (JSON), PLANS_STOPS
(most stops), PLANS_SITE (most comparisons at one site), PLANS_CELLS (note what was followed), PLANS_LATE (ask gdb for the arguments at the
function's first statement only: clang -O0 has not stored them when it calls the hook). The state is the same stop of the same
process on both sides, so that even what is not initialised must be equal.
"""
import collections
import json
import os
import struct
import sys
import traceback

import gdb  # pylint: disable=import-error

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import image as images  # noqa: E402  pylint: disable=wrong-import-position

REGS = "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15".split()
KNOWN = {"rbx", "rbp", "r12", "r13", "r14", "r15", "rdx", "rcx", "r8", "r9", "r10", "r11"}
SCALARS = {gdb.TYPE_CODE_INT, gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_ENUM, gdb.TYPE_CODE_BOOL,
           gdb.TYPE_CODE_CHAR}


class Counts:
    def __init__(self):
        self.by = collections.defaultdict(collections.Counter)
        self.faults = []

    def add(self, what, outcome):
        self.by[what][outcome] += 1

    def fault(self, text):
        if len(self.faults) < 40 and text not in self.faults:
            self.faults.append(text)


def gdb_bytes(value, memory):
    """A value's bytes as gdb has it; None where gdb has not all of it or it is not flat."""
    if value.is_optimized_out:
        return None
    kind = value.type.strip_typedefs()
    if kind.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        address = value.referenced_value().address
        return None if address is None else int(address).to_bytes(8, "little")
    if value.address is not None:
        data = memory(int(value.address), kind.sizeof)
        return data if len(data) == kind.sizeof else None
    if kind.code in SCALARS:
        size = kind.sizeof
        number = int(value.cast(gdb.lookup_type("unsigned long"))) if size == 8 else int(value)
        return (number & ((1 << (8 * size)) - 1)).to_bytes(size, "little")
    if kind.code == gdb.TYPE_CODE_FLT and kind.sizeof in (4, 8):
        return struct.pack("<f" if kind.sizeof == 4 else "<d", float(value))
    if kind.code == gdb.TYPE_CODE_STRUCT:
        return struct_bytes(value, kind, memory)
    return None


def struct_bytes(value, kind, memory):
    data = bytearray(kind.sizeof)
    for field in kind.fields():
        if not hasattr(field, "bitpos") or field.bitsize or field.artificial:
            return None
        part = gdb_bytes(value[field], memory)
        if part is None:
            return None
        data[field.bitpos // 8:field.bitpos // 8 + len(part)] = part
    return bytes(data)


def symbols(frame):
    """name, line -> symbol of the arguments and of the locals of the frame's function."""
    found = {}
    try:
        block = frame.block()
    except RuntimeError:
        return found
    while block is not None:
        for symbol in block:
            if symbol.is_argument or symbol.is_variable:
                found.setdefault((symbol.name, symbol.line), symbol)
        if block.function is not None:
            break
        block = block.superblock
    return found


class Compare:
    def __init__(self):
        env = os.environ
        self.image = images.Image(env["PLANS_IMAGE"])
        self.machine = images.Machine(self.image, images.opcodes(env["PLANS_RING"]), self.read)
        self.stops_left = int(env.get("PLANS_STOPS", "2000"))
        self.most = int(env.get("PLANS_SITE", "20"))
        self.tails = {site.pc for site in self.image.sites if site.flags & images.SITE_TAIL}
        self.hits = collections.Counter()
        self.counts = Counts()
        self.memory = None
        self.bias = 0
        self.stack = []  # CFA, slots' values of the enter record
        self.cells = {} if "PLANS_CELLS" in env else None

    def start(self):
        pid = gdb.selected_inferior().pid
        self.memory = os.open("/proc/%d/mem" % pid, os.O_RDONLY)
        with open("/proc/%d/maps" % pid, encoding="utf-8") as maps:
            program = gdb.current_progspace().filename
            base = next(int(line.split("-")[0], 16) for line in maps if line.rstrip().endswith(program))
        with open(program, "rb") as file:
            self.bias = base if file.read(17)[16] == 3 else 0

    def read(self, address, size):
        data = b""
        try:
            data = os.pread(self.memory, size, address)
        except (OSError, OverflowError, ValueError):
            pass
        return data

    def registers(self, frame):
        regs = [0] * 17
        for number, name in enumerate(REGS):
            if name in KNOWN:
                regs[number] = int(frame.read_register(name)) & images.MASK
        sp = int(frame.read_register("rsp")) & images.MASK
        regs[7] = sp + 8
        regs[16] = int.from_bytes(self.read(sp, 8), "little")
        return regs

    def xmm(self, frame):
        pairs = []
        for number in range(8):
            value = frame.read_register("xmm%d" % number)["v2_int64"]
            pairs.append((int(value[0]) & images.MASK, int(value[1]) & images.MASK))
        return pairs

    # --- one stop ---

    def hit(self):
        frame = gdb.newest_frame()
        regs = self.registers(frame)
        site = self.image.site_at.get(regs[16] - self.bias)
        function = int(frame.read_register("rdi")) - self.bias
        if site is None and function in self.tails:
            self.counts.add("sites", "tail")
            return
        if site is None or not site.code_count:
            self.counts.add("sites", "unknown" if site is None else "no plan")
            return
        is_exit = bool(site.flags & images.SITE_EXIT)
        run = self.machine.run(site, regs, self.xmm(frame), self.bias)
        is_inlined = bool(site.flags & images.SITE_INLINED)
        self.keep_stack(regs, site, run, is_exit, is_inlined, frame)
        if self.cells is not None and not is_exit:
            self.keep_cells(site, run)
        self.hits[site.pc] += 1
        if self.hits[site.pc] > self.most:
            return
        hooked = frame.older()
        what = "exit" if is_exit else "inlined enter" if is_inlined else "enter"
        if what == "enter" and "PLANS_LATE" in os.environ:
            line = gdb.find_pc_line(regs[16])
            Once(self, line.last + 1 if line.last else regs[16],
                 lambda: self.compare("enter", site, run, gdb.newest_frame(), None))
        else:
            self.compare(what, site, run, hooked, None)
        if is_exit and not is_inlined:
            self.expect_return(site, run)
        if not is_exit and run.caller:
            self.caller(run, hooked.older())

    def keep_cells(self, site, run):
        """What was followed, by the slots' names: role, path, offset in the parent, number, bytes."""
        slots = self.image.slots_of(site)
        name = self.image.text(self.image.functions[site.function].name)

        def path(number):
            slot = slots[number]
            return path(slot.parent - 1) + "/%d" % slot.offset if slot.parent else self.image.text(slot.name)

        self.cells.setdefault(name, [
            [slots[number].role, path(number), total, data.hex() if not status else None]
            for number, status, total, _, data in run.cells])

    def keep_stack(self, regs, site, run, is_exit, is_inlined, frame):
        while self.stack and self.stack[-1][0] <= regs[7]:
            self.stack.pop()  # frames that have ended
        if is_exit or is_inlined or not run.caller:
            return
        while self.stack and self.stack[-1][0] <= run.caller[7]:
            self.stack.pop()  # those that ended by a jump
        slots = self.image.slots_of(site)
        arguments = [images.value_of(run, i, slot) for i, slot in enumerate(slots)
                     if slot.role == images.ARGUMENT]
        seen = self.seen_at_entry(frame.older(), slots) if self.hits[site.pc] < 2 * self.most else []
        self.stack.append((run.caller[7], run.caller[16], arguments, seen))

    def seen_at_entry(self, frame, slots):
        """What gdb says of the arguments now, for later: of values at entry it may guess wrong."""
        known = symbols(frame)
        seen = []
        for slot in slots:
            if slot.role == images.ARGUMENT and not slot.parent:
                symbol = known.get((self.image.text(slot.name), slot.line))
                try:
                    seen.append(gdb_bytes(symbol.value(frame), self.read) if symbol else None)
                except (gdb.error, gdb.MemoryError):
                    seen.append(None)
        return seen

    def caller(self, run, frame):
        callsite = self.image.callsite_at.get(run.caller[16] - self.bias)
        if callsite is None or not callsite.code_count or frame is None:
            return
        regs = list(run.caller)
        there = self.machine.run(callsite, regs, None, self.bias)
        above = self.stack[-2] if len(self.stack) > 1 else None
        self.compare("caller", callsite, there, frame, above)

    def entry_of(self, slot, frame_record, data):
        if slot.missing != images.ENTRY_VALUE or not frame_record:
            return data
        arguments = frame_record[2]
        index = slot.entry & ~images.ENTRY_OF_FRAME
        return arguments[index] if index < len(arguments) else data

    def compare(self, what, plan, run, frame, above):
        known = {}
        for number, slot in enumerate(self.image.slots_of(plan)):
            if slot.parent or slot.role == images.RETURN:
                continue
            if slot.role == images.CALLER_LOCAL and what != "caller":
                where, label = frame.older(), "inlined caller"
            else:
                where, label = frame, what
            if where is None:
                continue
            if label not in known:
                known[label] = symbols(where)
            symbol = known[label].get((self.image.text(slot.name), slot.line))
            if symbol is None:
                self.counts.add(label, "not in gdb")
                continue
            label += " argument" if symbol.is_argument else " local"
            data = images.value_of(run, number, slot)
            at_entry = None
            if slot.missing == images.ENTRY_VALUE:
                # by the record of this frame's enter, as the daemon does it
                record = above if what == "caller" else self.stack[-1] if self.stack else None
                data = self.entry_of(slot, record, data)
                index = slot.entry & ~images.ENTRY_OF_FRAME
                at_entry = record[3][index] if record and index < len(record[3]) else None
                label += " by entry value"
            self.one(label, plan, slot, symbol, where, data, at_entry)

    def is_x87(self, slot):
        kind = self.image.types[slot.type]
        return images.KINDS[kind.kind] == "float" and kind.size == 16

    def one(self, label, plan, slot, symbol, frame, data, at_entry):
        try:
            theirs = gdb_bytes(symbol.value(frame) if symbol.needs_frame else symbol.value(), self.read)
        except (gdb.error, gdb.MemoryError):
            theirs = None
        if self.is_x87(slot) and not isinstance(data, str):
            data, theirs = data[:10], theirs and theirs[:10]  # the rest is padding
        if isinstance(data, str):
            self.counts.add(label, "neither" if theirs is None else "only gdb: " + data)
            if theirs is not None and "PLANS_VERBOSE" in os.environ:
                self.counts.fault("%s %s at %#x: only gdb, %s" % (label, symbol.name, plan.pc, data))
        elif theirs is None:
            self.counts.add(label, "only ours")
        elif data == theirs[:len(data)] and (len(data) == len(theirs) or len(data) >= 256):
            self.counts.add(label, "equal")
        elif at_entry is not None and data == at_entry[:len(data)]:
            self.counts.add(label, "as gdb said at entry")
        else:
            self.counts.add(label, "differ")
            self.counts.fault("%s %s at %#x: ours %s, gdb %s" % (label, symbol.name, plan.pc,
                                                                 data.hex(), theirs.hex()))

    # --- return values ---

    def expect_return(self, site, run):
        for number, slot in enumerate(self.image.slots_of(site)):
            if slot.role != images.RETURN or not self.stack:
                continue
            data = images.value_of(run, number, slot)
            kind = images.KINDS[self.image.types[slot.type].kind]
            if isinstance(data, str):
                self.counts.add("return", data)
                continue
            cfa, back = self.stack[-1][:2]
            Once(self, back, lambda kind=kind, data=data, cfa=cfa:
                 self.returned(kind, data, cfa, site.pc))

    def returned(self, kind, data, cfa, pc):
        frame = gdb.newest_frame()
        if int(frame.read_register("rsp")) & images.MASK != cfa:
            return
        if kind == "float" and len(data) <= 8:
            low = int(frame.read_register("xmm0")["v2_int64"][0]) & images.MASK
        elif len(data) <= 8 and kind not in ("struct", "union"):
            low = int(frame.read_register("rax")) & images.MASK
        elif len(data) > 16:
            low = None
            real = self.read(int(frame.read_register("rax")) & images.MASK, len(data))
        else:
            return
        if low is not None:
            real = low.to_bytes(8, "little")[:len(data)]
        self.counts.add("return", "equal" if real == data else "differ")
        if real != data:
            self.counts.fault("return at %#x: ours %s, real %s" % (pc, data.hex(), real.hex()))


class Once(gdb.Breakpoint):
    """Calls something at an address, once."""
    def __init__(self, owner, address, call):
        super().__init__("*%#x" % address, internal=True)
        self.owner, self.call, self.is_done = owner, call, False

    def stop(self):
        if self.is_done:
            return False
        self.is_done = True
        try:
            self.call()
        except gdb.error as error:
            self.owner.counts.fault("once: %s" % error)
        gdb.post_event(self.remove)
        return False

    def remove(self):
        if self.is_valid():
            self.delete()


class Hook(gdb.Breakpoint):
    def __init__(self, owner, address):
        super().__init__("*%#x" % address, internal=True)
        self.owner = owner

    def stop(self):
        try:
            self.owner.hit()
        except Exception:  # pylint: disable=broad-except
            self.owner.counts.add("sites", "fault")
            self.owner.counts.fault(traceback.format_exc())
        self.owner.stops_left -= 1
        return self.owner.stops_left <= 0


def main():
    for setting in ("confirm off", "pagination off", "print inferior-events off",
                    "breakpoint pending on", "width 0"):
        gdb.execute("set " + setting)
    for setting in ("internal-error quit no", "internal-error corefile no", "internal-error backtrace off"):
        gdb.execute("maint set " + setting, to_string=True)  # an answer that gdb does not have
    gdb.execute("set debuginfod enabled off", to_string=True)
    gdb.execute("break main", to_string=True)
    gdb.execute("run" + " " + os.environ.get("PLANS_ARGS", "") + " > /dev/null", to_string=True)
    compare = Compare()
    compare.start()
    # in glibc both are one function
    for address in {int(gdb.parse_and_eval("(long)&__cyg_profile_func_" + name))
                    for name in ("enter", "exit")}:
        Hook(compare, address)
    gdb.execute("delete 1", to_string=True)
    # a fault of gdb's own ends a `continue` before its time
    for _ in range(100):
        if compare.stops_left <= 0 or not gdb.selected_inferior().pid:
            break
        try:
            gdb.execute("continue", to_string=True)
        except gdb.error:
            pass
    with open(os.environ["PLANS_OUT"], "w", encoding="utf-8") as out:
        json.dump({"counts": compare.counts.by, "faults": compare.counts.faults,
                   "stops": int(os.environ.get("PLANS_STOPS", "2000")) - compare.stops_left,
                   "sites": len(compare.hits), "cells": compare.cells}, out, indent=1)
    if gdb.selected_inferior().pid:
        gdb.execute("kill", to_string=True)
    gdb.execute("quit")


main()
