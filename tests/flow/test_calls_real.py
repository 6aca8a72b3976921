#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Real programs of the distribution, traced end to end, beside uftrace (calls) and gdb (values)."""
import fcntl
import json
import os
import shutil
import struct
import subprocess

import calltrace
import sources
from jemtest import BUILD, LONG, TOP, case, check, check_equal, main, program, skip

REAL = os.path.join(TOP, "tests", "flow", "real")
CACHE = os.environ.get("JEM_TEST_SOURCES") or os.path.join(BUILD, "tests", "sources")
# Lua leaves calls by longjmp out of one function into another.
JUMPS = {"lua": {"luaD_throw": "luaD_rawrunprotected"}}
SIZE = {"lua": 8, "threads": 40, "tinyxml2": 2} if LONG else {}


def tools(*names):
    for name in (*names, "nm", "c++filt", "zstd"):
        if not shutil.which(name):
            skip(f"{name} is not here")
    for name in ("jem-symbols", "libjemtrace.so"):
        program(name)


def built(name, compiler, level, size=None):
    """The program, its arguments, input and folder; fetched and built where it is not there yet."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            sources.fetch(CACHE, [name])
            path = sources.build(CACHE, name, compiler, level)
        except (sources.Unavailable, OSError, subprocess.TimeoutExpired) as fault:
            skip(f"{name} by {compiler} cannot be had: {str(fault)[:300]}")
    arguments, stdin, cwd = sources.run_of(CACHE, name, SIZE.get(name, 1) if size is None else size)
    return [path, *arguments], stdin, cwd


def agree(theirs, ours, what, has_tree=True, without=()):
    """Counts, order and depth of calls, the profile and the tree of calls; how many calls that were."""
    check_equal((ours.done.returncode, ours.done.stdout), (theirs.done.returncode, theirs.done.stdout),
                f"{what}: outcome")
    check_equal(calltrace.difference_of_counts(theirs.counts, ours.counts), {}, f"{what}: calls that differ")
    check_equal(calltrace.difference_of_counts(theirs.counts, ours.profile), {},
                f"{what}: calls of the profile that differ")
    form = (lambda event: event) if has_tree else (lambda event: (event[0], event[0] or event[1]))
    check_equal(calltrace.difference(theirs, ours, form), None, f"{what}: order of calls")
    if has_tree:
        exits = sum(is_exit for thread in ours.threads for is_exit, _, _ in thread)
        check_equal(sum(ours.returns.values()), exits, f"{what}: returns of the profile")
        agree_contexts(theirs, ours, what, without)
    calls = sum(theirs.counts.values())
    check(calls > 1000, f"{what}: only {calls} calls")
    print(f"# {what}: {calls} calls of {len(theirs.counts)} functions in {len(theirs.threads)} threads, "
          f"{len(theirs.contexts) if has_tree else 'no'} paths", flush=True)


def agree_contexts(theirs, ours, what, without):
    differ = calltrace.difference_of_counts(theirs.contexts, ours.nodes)
    differ = {path: both for path, both in differ.items() if not set(path) & set(without)}
    if ours.has_elsewhere:
        # No room for some paths: none has more calls than there were, and in all none is missing.
        more = {path: both for path, both in differ.items() if len(path) > 1 and both[0] and both[1] > both[0]}
        check_equal(more, {}, f"{what}: paths with too many calls")
        check_equal(sum(ours.nodes.values()), sum(theirs.counts.values()), f"{what}: calls of the tree")
    else:
        check_equal(dict(list(differ.items())[:4]), {}, f"{what}: paths that differ")


def compare(folder, name, *builds):
    tools("uftrace")
    for compiler, level in builds:
        argv, stdin, cwd = built(name, compiler, level)
        place = os.path.join(folder, f"{compiler}-{level}")
        os.mkdir(place)
        theirs = calltrace.by_uftrace(place, argv, stdin, cwd, jumps=JUMPS.get(name))
        ours = calltrace.by_jem(place, argv, stdin, cwd)
        agree(theirs, ours, f"{name} {compiler} -{level}")
        shutil.rmtree(place)


ALL = (("gcc", "O0"), ("gcc", "O2"), ("clang", "O0"))


@case
def calls_of_lua_are_those_that_uftrace_sees(folder):
    compare(folder, "lua", *ALL)


@case
def calls_of_threads_in_zlib_are_those_that_uftrace_sees(folder):
    compare(folder, "threads", *ALL)


@case
def calls_of_tinyxml2_are_those_that_uftrace_sees(folder):
    compare(folder, "tinyxml2", *ALL)


@case
def calls_of_pugixml_are_those_that_uftrace_sees(folder):
    compare(folder, "pugixml", *ALL)


@case
def calls_of_sqlite_are_those_that_uftrace_sees(folder):
    if not LONG:
        print("# only in the long tests: it takes long to build", flush=True)
        return
    compare(folder, "sqlite", *ALL)


# --- a program of our own ---


def build_own(folder, compiler, level, *options):
    command = sources.CXX[compiler]
    if not shutil.which(command):
        skip(f"{command} is not here")
    path = os.path.join(folder, f"own-{compiler}-{level}{len(options)}")
    plugin = os.path.join(folder, "plugin.so")
    subprocess.run(["gcc", "-g", "-fPIC", "-shared", "-finstrument-functions", "-o", plugin,
                    os.path.join(REAL, "plugin.c")], check=True, timeout=60)
    subprocess.run([command, "-g", "-w", f"-{level}", "-finstrument-functions", *options, "-o", path,
                    os.path.join(REAL, "jumps.cc"), "-ldl", "-lpthread"], check=True, timeout=120)
    return [path, plugin, "2000" if LONG else "50"]


# What a plugin's functions do before its symbols are read begins at the root of the tree of calls.
PLUGIN = ("plugin_call", "twice")


def compare_own(folder, compiler, level, has_tree, *options):
    argv = build_own(folder, compiler, level, *options)
    place = argv[0] + ".traces"
    os.mkdir(place)
    agree(calltrace.by_uftrace(place, argv, follows_jumps=True), calltrace.by_jem(place, argv),
          f"own {compiler} -{level}", has_tree, without=PLUGIN)


@case
def threads_exceptions_jumps_and_plugins_are_what_uftrace_sees(folder):
    tools("uftrace")
    for level in ("O0", "O2"):
        compare_own(folder, "gcc", level, True, "-DSAME_FRAMES")


@case
def calls_with_bigger_frames_after_a_jump_are_counted_right(folder):
    # Their depth is too large until their caller returns. clang tells nothing of calls that an exception ends.
    tools("uftrace")
    compare_own(folder, "gcc", "O0", False)
    compare_own(folder, "gcc", "O2", False)
    compare_own(folder, "clang", "O0", False)


# --- values ---


def by_gdb(folder, argv, stdin, cwd, every, most, only=None):
    out = os.path.join(folder, "gdb.jsonl")
    env = dict(os.environ, SAMPLE_OUT=out, SAMPLE_EVERY=str(every), SAMPLE_MOST=str(most), LC_ALL="C",
               SAMPLE_ARGS=" ".join(argv[1:]), SAMPLE_STDIN=stdin, **({"SAMPLE_ONLY": only} if only else {}))
    subprocess.run(["gdb", "-q", "-nx", "-batch", "-x", os.path.join(REAL, "sample.py"), argv[0]], env=env,
                   cwd=cwd, check=True, timeout=600, stdin=subprocess.DEVNULL, capture_output=True)
    with open(out, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def is_equal_text(ours, theirs, length):
    """Up to `length` where that is known: what follows may be anything."""
    cut = isinstance(ours, dict)
    text = ours.get("text") if cut else ours
    if not isinstance(text, str) or any(ord(letter) > 126 for letter in theirs):
        return None
    if length is not None and length <= len(theirs):
        theirs, text = theirs[:length], text[:length]
    return theirs.startswith(text) if cut else theirs == text


def is_equal(ours, theirs, length=None):
    """None: one of both has no value, or none that two runs have alike."""
    if isinstance(ours, dict) and "missing" in ours and "text" not in ours:
        return None
    if "null" in theirs:
        return (ours is None) == theirs["null"]
    if "text" in theirs:
        return is_equal_text(ours, theirs["text"], length)
    if "bool" in theirs:
        return ours == theirs["bool"]
    if "float" in theirs:
        wanted = float(theirs["float"])
        return float(ours) == wanted or struct.pack("<f", float(ours)) == struct.pack("<f", wanted)
    if "enum" in theirs:
        return ours in (theirs["enum"], theirs["enum"].split("::")[-1], theirs["whole"])
    if theirs["size"] == 1 and isinstance(ours, str):
        return ord(ours) == theirs["whole"] if 0 <= theirs["whole"] < 128 and len(ours) == 1 else None
    if theirs["size"] == 1:
        return (int(ours) - theirs["whole"]) % 256 == 0  # a byte beyond ASCII: as a number it is 128 to 255
    return int(ours) == theirs["whole"]


def agree_values(rows, samples, what, least, exits_only=False):
    # gdb may have stopped in `main` before or after its hook.
    first = next(shift for shift in (0, 1) if all(
        calltrace.plain_name(rows[number + shift]["function"]) == calltrace.plain_name(name)
        for number, name, _ in samples[:50]))
    equal, faults, names = 0, [], 0
    for number, name, values in samples:
        row = rows[number + first]
        is_same = calltrace.plain_name(row["function"]) == calltrace.plain_name(name)
        names += is_same
        if not is_same or (exits_only and row["event"] == "enter"):
            continue
        ours = {item["name"]: item["value"] for item in row.get("args") or []}
        for argument, value in values.items():
            length = values.get("l", {}).get("whole") if row["event"] == "enter" else 0
            same = is_equal(ours[argument], value, length) if argument in ours else None
            equal += same is True
            if same is False:
                faults.append(f"{number} {row['event']} {name}({argument}): gdb {value}, ours {ours[argument]!r}")
    # Code that two inlined functions share has one name in debug data, and for us that of the call that ends.
    check(names * 100 >= len(samples) * 99, f"{what}: {names} of {len(samples)} stops in the same function")
    check_equal(faults[:4], [], f"{what}: {len(faults)} of {equal + len(faults)} values differ")
    check(equal >= least, f"{what}: only {equal} values are equal")
    print(f"# {what}: {len(samples)} stops, {equal} values equal", flush=True)


# What follows here is of runs of their own size: gdb stops some thousand times a second.
def compare_values(folder, name, compiler, level, least, only=None):
    most = 8000 if LONG else 2000
    every = 1 if only else 3
    argv, stdin, cwd = built(name, compiler, level, size=1)
    place = os.path.join(folder, f"{name}-{compiler}-{level}{only}")
    os.mkdir(place)
    samples = by_gdb(place, argv, stdin, cwd, every, most, only)
    rows = []
    keep = {number + shift for number, _, _ in samples for shift in (0, 1)}

    def take(row, count=[0]):  # noqa: B006  pylint: disable=dangerous-default-value
        if only and row["event"] == "exit":
            return
        rows.append(row if count[0] in keep else None)
        count[0] += 1

    # Everything behind every pointer would be more than a queue holds.
    calltrace.by_jem(place, argv, stdin, cwd, values=True, rows=take, include=only or "*",
                     settings=() if only else ("calls.depth=0",))
    # clang -O0 stores arguments after the call of the hook: gdb sees them at the exit only
    agree_values(rows, samples, f"{name} {compiler} -{level}", least, (compiler, level) == ("clang", "O0"))


@case
def values_in_c_are_what_gdb_prints(folder):
    tools("gdb")
    compare_values(folder, "lua", "gcc", "O0", 1000, only="luaS_hash")
    # called by its address only: inlined nowhere, where gdb would stop in the caller
    compare_values(folder, "lua", "gcc", "O2", 1000, only="l_alloc")
    if LONG:
        compare_values(folder, "lua", "gcc", "O0", 1000, only="l_alloc")


@case
def values_in_cplusplus_are_what_gdb_prints(folder):
    tools("gdb")
    compare_values(folder, "tinyxml2", "gcc", "O0", 300)
    if LONG:
        compare_values(folder, "tinyxml2", "gcc", "O2", 300)


main()
