# SPDX-License-Identifier: Apache-2.0
"""Reads an image (tracer/symbols/image.h) and runs its plans (schemas/ring.h), after the headers alone."""
import re
import struct

SECTIONS = ("strings", "functions", "sites", "callsites", "code", "slots", "types", "members")
LAYOUT = {
    "functions": ("<6IQ2I", ("name", "signature", "linkage_name", "file", "line", "flags", "address",
                             "return_type", "reserved")),
    "sites": ("<Q10I", ("pc", "function", "flags", "caller", "caller_file", "caller_line", "code",
                        "code_count", "slot", "slot_count", "fixed_words")),
    "callsites": ("<Q8I", ("pc", "function", "file", "line", "code", "code_count", "slot",
                           "slot_count", "fixed_words")),
    "slots": ("<2I2BH2BH4I", ("name", "type", "role", "missing", "fixed", "words", "shift", "parent", "offset",
                            "size", "line", "entry")),
    "types": ("<I2BH6I", ("name", "kind", "is_incomplete", "reserved", "size", "target", "count",
                          "members", "member_count", "where")),
    "members": ("<2Iq2I", ("name", "type", "offset", "bits", "flags")),
}
IN_CELL = 0xffff
ENTRY_OF_FRAME = 0x80000000
SITE_EXIT, SITE_TAIL, SITE_INLINED = 2, 4, 64
ARGUMENT, LOCAL, RETURN, CALLER_LOCAL, POINTEE, STRING, ELEMENTS, NODE = range(1, 9)
MISSING = ("", "optimised out", "unreadable", "truncated", "uninitialised", "not yet planned",
           "unsupported", "redacted", "value at entry")
ENTRY_VALUE = 8
KINDS = ("unknown signed unsigned bool char float float128 complex enum pointer reference function "
         "member_pointer array struct union void string string_view vector span list set map "
         "smart_pointer optional bit_vector").split()


class Row:
    """One element of a table, with its names."""
    def __init__(self, names, values):
        self.__dict__.update(zip(names, values))


class Image:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = file.read()
        assert self.bytes[:8] == b"JEMIMG01", path
        # magic, version, flags, file_bytes, build_id_len, build_id[32], note, padding
        at = 8 + 4 + 4 + 8 + 4 + 32 + 4
        places = struct.unpack_from("<16Q", self.bytes, at)
        self.places = dict(zip(SECTIONS, zip(places[::2], places[1::2])))
        offset, count = self.places["strings"]
        self.strings = self.bytes[offset:offset + count]
        for name in LAYOUT:
            setattr(self, name, self.table(name))
        offset, count = self.places["code"]
        self.code = [struct.unpack_from("<4Bi", self.bytes, offset + 8 * i) for i in range(count)]
        self.words = struct.unpack_from("<%dq" % count, self.bytes, offset)
        self.site_at = {site.pc: site for site in self.sites}
        self.callsite_at = {site.pc: site for site in self.callsites}

    def table(self, name):
        layout, names = LAYOUT[name]
        offset, count = self.places[name]
        size = struct.calcsize(layout)
        return [Row(names, struct.unpack_from(layout, self.bytes, offset + size * i))
                for i in range(count)]

    def text(self, offset):
        return self.strings[offset:self.strings.index(b"\0", offset)].decode()

    @staticmethod
    def missing(slot):
        return MISSING[slot.missing]

    def slots_of(self, plan):
        return self.slots[plan.slot:plan.slot + plan.slot_count]


def opcodes(header):
    """The names of the machine's ops, in order."""
    with open(header, encoding="utf-8") as file:
        return re.findall(r"\tPLAN_OP\((\w+),", file.read())


MASK = (1 << 64) - 1
STEPS = 4096


def signed(value):
    return value - (1 << 64) if value >> 63 else value


class Fault(Exception):
    """The plan is wrong."""


class Run:
    """What a plan left: fixed words (None: not read) and cells."""
    def __init__(self):
        self.fixed = []
        self.cells = []  # slot, status, total, address, bytes
        self.caller = None  # registers of the caller, where the plan ends in CALLER
        self.steps = 0


def divide(a, b):
    if not b:
        return 0
    q = abs(signed(a)) // abs(signed(b))
    return q if (signed(a) < 0) == (signed(b) < 0) else -q


ARITHMETIC = {
    "ADD": lambda a, b: a + b, "SUB": lambda a, b: a - b, "MUL": lambda a, b: a * b,
    "DIV": divide, "MOD": lambda a, b: a % b if b else 0,
    "AND": lambda a, b: a & b, "OR": lambda a, b: a | b, "XOR": lambda a, b: a ^ b,
    "SHL": lambda a, b: a << b if b < 64 else 0, "SHR": lambda a, b: a >> b if b < 64 else 0,
    "SAR": lambda a, b: signed(a) >> min(b, 63),
    "NEG": lambda a, b: -a, "NOT": lambda a, b: ~a,
    "EQ": lambda a, b: int(a == b), "LT": lambda a, b: int(signed(a) < signed(b)),
    "BELOW": lambda a, b: int(a < b),
}


class Machine:
    """`read(address, size)` gives the bytes that are there, fewer at the end of what is mapped."""
    def __init__(self, image, names, read):
        self.image, self.names, self.read = image, names, read

    def number(self, address, size):
        data = self.read(address & MASK, size)
        return int.from_bytes(data, "little") if len(data) == size else None

    def run(self, plan, regs, xmm, bias):
        """`regs`: 0 to 16 of the frame; `xmm`: pairs of words or None."""
        run = Run()
        r = list(regs) + [0] * (64 - len(regs))
        at, end, failed = plan.code, plan.code + plan.code_count, False
        while True:
            if not plan.code <= at < end or run.steps >= STEPS:
                raise Fault("left the plan at %d after %d steps" % (at - plan.code, run.steps))
            run.steps += 1
            op, a, b, c, imm = self.image.code[at]
            name = self.names[op]
            at += 1
            if name == "END":
                return run
            if name in ARITHMETIC:
                r[a] = ARITHMETIC[name](r[b], r[c]) & MASK
            elif name == "LEA":
                r[a] = (r[b] + imm) & MASK
            elif name in ("LOAD", "LOAD_SIGNED"):
                value = self.number(r[b] + imm, c)
                failed |= value is None
                value = value or 0
                if name == "LOAD_SIGNED" and value >> (8 * c - 1):
                    value -= 1 << (8 * c)
                r[a] = value & MASK
            elif name == "CONST":
                r[a] = imm & MASK
            elif name == "CONST64":
                r[a] = (self.image.words[at] + (bias if b else 0)) & MASK
                at += 1
            elif name == "JUMP":
                at += imm
            elif name == "JUMP_ZERO":
                at += 0 if r[a] else imm
            elif name == "JUMP_NONZERO":
                at += imm if r[a] else 0
            elif name == "JUMP_FAILED":
                at += imm if failed else 0
                failed = False
            elif name == "CALLER":
                run.caller = r[32:49]
                return run
            elif name == "UNWIND":
                run.caller = self.unwind(r, b, imm, self.image.words[at] & MASK)
                return run
            elif name == "EMIT_BLOCK":
                run.fixed += [self.number(r[b] + imm + 8 * i, 8) for i in range(a)]
            elif name.startswith("EMIT"):
                self.emit(run, name, r, xmm, (a, b, c, imm))
            else:
                self.cell(run, name, r, (a, b, c, imm))

    def unwind(self, r, base, offset, places):
        cfa = (r[base] + offset) & MASK
        caller = [0] * 17
        caller[7], caller[16] = cfa, self.number(cfa - 8, 8) or 0
        for reg in (3, 6, 12, 13, 14, 15):
            words = places & 0xff
            caller[reg] = (self.number(cfa - 8 * words, 8) or 0) if words else r[reg]
            places >>= 8
        return caller

    def emit(self, run, name, r, xmm, op):
        a, b, c, imm = op
        if name == "EMIT":
            run.fixed.append(r[a])
        elif name == "EMIT_MEMORY":
            run.fixed.append(self.number(r[b] + imm, c))
        elif name == "EMIT_XMM":
            run.fixed.append(xmm[a][c] if xmm else None)
        else:
            run.fixed.append(None)

    def cell(self, run, name, r, op):
        a, b, c, imm = op
        slot, most = imm >> 16 & 0xffff, imm & 0xffff
        address = r[b]
        total = most
        if name == "CELL_VALUE":
            run.cells.append((slot, 0, 8, 0, r[b].to_bytes(8, "little")))
            return
        if name == "CELL_COUNT":
            total = r[c] << a
        elif name == "CELL_ARRAY":
            total = r[c] * r[a]
        data = self.read(address, min(total, most))
        if name == "CELL_STRING" and b"\0" in data:
            data = data[:data.index(b"\0")]
        status = 1 if not data and total else 0
        run.cells.append((slot, status, r[c] if "COUNT" in name or "ARRAY" in name else total,
                          address, data))


def value_of(run, number, slot):
    """The bytes of a top-level slot, or the reason why there are none."""
    if slot.missing:
        return MISSING[slot.missing]
    if slot.fixed == IN_CELL:
        for cell in run.cells:
            if cell[0] == number:
                return cell[4][:slot.size] if not cell[1] else "unreadable"
        return "no cell"
    words = run.fixed[slot.fixed:slot.fixed + slot.words]
    if not words or any(word is None for word in words):
        return "unreadable"
    return b"".join(word.to_bytes(8, "little") for word in words)[slot.shift:slot.shift + slot.size]
