# SPDX-License-Identifier: Apache-2.0
"""Runs inside gdb: at every n-th hook hit what gdb prints of the arguments of the call, for tests of values.

Settings in the environment: SAMPLE_OUT (JSON lines [number of the hit, function, {name: value}]), SAMPLE_EVERY,
SAMPLE_MOST (hits), SAMPLE_ARGS, SAMPLE_STDIN, SAMPLE_ONLY (a function: hits are its
beginnings after the prologue). A value is there when a run that is not this one has the same:
integers, floating point, enums by name, characters, booleans, texts; of other pointers only whether they are null.
"""
import json
import os

import gdb  # pylint: disable=import-error

WHOLE = (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR)


def text_of(value):
    try:
        return {"text": value.string("latin-1", length=-1)}
    except gdb.error:
        return None


def form(value):
    """A value as it can be told, or None."""
    if value.is_optimized_out:
        return None
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_BOOL:
        return {"bool": bool(value)}
    if kind.code in WHOLE:
        return {"whole": int(value), "size": kind.sizeof}
    if kind.code == gdb.TYPE_CODE_ENUM:
        return {"enum": str(value), "whole": int(value)}
    if kind.code == gdb.TYPE_CODE_FLT and kind.sizeof in (4, 8):
        return {"float": repr(float(value))}
    if kind.code == gdb.TYPE_CODE_PTR:
        if int(value) == 0:
            return {"null": True}
        target = kind.target().strip_typedefs()
        if target.code in WHOLE and target.sizeof == 1 and target.is_signed:
            return text_of(value)
        return {"null": False}
    return None


def arguments(frame):
    found = {}
    try:
        block = frame.block()
    except RuntimeError:
        return found
    while block.function is None and block.superblock is not None:
        block = block.superblock
    for symbol in block:
        if not symbol.is_argument:
            continue
        try:
            said = form(symbol.value(frame))
        except (gdb.error, gdb.MemoryError):
            said = None
        if said is not None:
            found[symbol.name] = said
    return found


class Hook(gdb.Breakpoint):
    """Both hooks: in glibc they are one function, and what tells them apart is who calls. Or one function."""

    hits = 0
    lines = []

    def stop(self):
        number = Hook.hits
        Hook.hits += 1
        if number % int(os.environ["SAMPLE_EVERY"]) == 0:
            frame = gdb.newest_frame()
            frame = frame if "SAMPLE_ONLY" in os.environ else frame.older()
            Hook.lines.append([number, frame.name(), arguments(frame)])
        return Hook.hits >= int(os.environ["SAMPLE_MOST"])


def main():
    for setting in ("confirm off", "pagination off", "print inferior-events off", "width 0",
                    "debuginfod enabled off", "print frame-arguments none"):
        gdb.execute("set " + setting, to_string=True)
    gdb.execute("break main", to_string=True)
    gdb.execute("run %s > /dev/null < %s" % (os.environ.get("SAMPLE_ARGS", ""), os.environ["SAMPLE_STDIN"]),
                to_string=True)
    gdb.execute("delete 1", to_string=True)
    if "SAMPLE_ONLY" in os.environ:
        places = {os.environ["SAMPLE_ONLY"]}
    else:
        places = {"*%#x" % int(gdb.parse_and_eval("(long)&__cyg_profile_func_" + name))
                  for name in ("enter", "exit")}
    for place in places:
        Hook(place, internal=True)
    gdb.execute("continue", to_string=True)
    with open(os.environ["SAMPLE_OUT"], "w", encoding="utf-8") as out:
        for line in Hook.lines:
            out.write(json.dumps(line) + "\n")
    if gdb.selected_inferior().pid:
        gdb.execute("kill", to_string=True)
    gdb.execute("quit")


main()
