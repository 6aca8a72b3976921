#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plans of real programs: gdb stops in every hook, the plan runs, and both must see the same."""
import json
import os
import shutil
import struct
import subprocess
import sys

from jemtest import case, check, check_equal, main, program, skip

HERE = os.path.dirname(os.path.abspath(__file__))
PLANS = os.path.join(HERE, "plans")
RING = os.path.join(os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(HERE))), "schemas/ring.h")
sys.path.insert(0, PLANS)
import image as images  # noqa: E402  pylint: disable=wrong-import-position

CXX = {"gcc": "g++", "clang": "clang++"}
STRING, ELEMENTS, NODE, POINTEE = images.STRING, images.ELEMENTS, images.NODE, images.POINTEE


def build(folder, source, compiler, *flags):
    command = CXX[compiler] if source.endswith(".cc") else compiler
    if not shutil.which(command) or not shutil.which("gdb"):
        skip(f"{command} or gdb is not here")
    path = os.path.join(folder, f"{source}-{compiler}{''.join(flags)}")
    subprocess.run([command, "-g", "-w", "-finstrument-functions", *flags, "-o", path,
                    os.path.join(PLANS, source)], check=True, timeout=120)
    return path


def make_image(path, depth, items):
    with open(path, "rb") as module, open(path + ".image", "w+b") as output:
        files = (module.fileno(), output.fileno())
        subprocess.run([program("jem-symbols"), "--module", str(files[0]), "--path", path, "--output",
                        str(files[1]), "--include", "*", "--values", "--depth", str(depth),
                        "--string-bytes", "64", "--items", str(items), "--object-bytes", "256"],
                       pass_fds=files, check=True, timeout=60)
    return path + ".image"


def compare(path, depth=1, items=8, **settings):
    """What gdb and the plans said: counts by place and outcome, faults, cells."""
    out = path + ".json"
    env = dict(os.environ, PLANS_IMAGE=make_image(path, depth, items), PLANS_RING=RING, PLANS_OUT=out,
               PLANS_STOPS="20000", PLANS_SITE="4", LC_ALL="C", **settings)
    subprocess.run(["gdb", "-q", "-nx", "-batch", "-x", os.path.join(PLANS, "compare.py"), path], env=env,
                   check=True, timeout=180, stdin=subprocess.DEVNULL, capture_output=True)
    with open(out, encoding="utf-8") as file:
        return json.load(file)


def count(result, outcome):
    return sum(counts.get(outcome, 0) for where, counts in result["counts"].items()
               if "entry value" not in where)


def agree(folder, source, compiler, least, *levels):
    for level in levels:
        late = {"PLANS_LATE": "1"} if (compiler, level) == ("clang", "-O0") else {}
        result = compare(build(folder, source, compiler, level), **late)
        faults = "; ".join(result["faults"][:3])
        check_equal(count(result, "differ"), 0, f"{compiler} {level}: {faults}")
        check_equal(result["counts"].get("sites", {}).get("fault", 0), 0, f"{compiler} {level}: {faults}")
        equal = count(result, "equal")
        check(equal >= least, f"{compiler} {level}: only {equal} values are equal")
        if level == "-O0":
            arguments = result["counts"]["enter argument"]
            check_equal(set(arguments), {"equal"}, f"{compiler} -O0: arguments on entry")
            check_equal(set(result["counts"]["return"]), {"equal"}, f"{compiler} -O0: return values")


@case
def agrees_with_gdb_on_c_by_gcc(folder):
    agree(folder, "subject.c", "gcc", 60, "-O0", "-Og", "-O1", "-O2", "-O3")


@case
def agrees_with_gdb_on_c_by_clang(folder):
    agree(folder, "subject.c", "clang", 40, "-O0", "-O1", "-O2")


@case
def agrees_with_gdb_on_cplusplus_by_gcc(folder):
    agree(folder, "subject.cc", "gcc", 200, "-O1", "-O2")


@case
def reads_dwarf_4_and_code_without_frame_pointers_or_pie(folder):
    for flags in (("-O2", "-gdwarf-4"), ("-O1", "-no-pie"), ("-O2", "-fno-omit-frame-pointer"),
                  ("-O2", "-fstack-protector-all")):
        result = compare(build(folder, "subject.c", "gcc", *flags))
        check_equal((count(result, "differ"), result["faults"]), (0, []), str(flags))
        check(count(result, "equal") >= 40, f"{flags}: {result['counts']}")


def texts(cells, role, path):
    return [bytes.fromhex(data).decode() for kind, where, _, data in cells if (kind, where) == (role, path)]


def numbers(cells, role, path, layout):
    return [struct.unpack("<" + layout, bytes.fromhex(data))
            for kind, where, _, data in cells if (kind, where) == (role, path)]


@case
def follows_what_the_standard_library_keeps(folder):
    cells = compare(build(folder, "subject.cc", "gcc", "-O0"), depth=2, PLANS_CELLS="1")["cells"]
    text = cells["text"]
    check_equal(texts(text, STRING, "by_reference/0/0"), ["a text that is longer than sixteen bytes"], "string")
    check_equal(texts(text, STRING, "by_value/0"), ["short"], "string in the object")
    check_equal(texts(text, STRING, "view/0"), ["text"], "string_view")
    some = cells["sequences"]
    check_equal(numbers(some, ELEMENTS, "numbers/0/0", "3i"), [(10, 20, 30)], "vector")
    check_equal([texts(some, STRING, f"words/0/0/{at}")[0] for at in (0, 32, 64)],
                ["one", "two and a rather long one", "three"], "vector of strings")
    check_equal(numbers(some, NODE, "list/0/0", "i"), [(4,), (5,), (6,)], "list")
    check_equal(numbers(some, NODE, "forward/0/0", "i"), [(7,), (8,)], "forward_list")
    check_equal(numbers(some, NODE, "deque/0/0", "q"), [(i,) for i in range(62, 70)], "deque over two blocks")
    check_equal(numbers(some, ELEMENTS, "bits/0/0", "B"), [(0b1101,)], "vector of bits")
    tree = cells["associations"]
    check_equal([row[0] for row in numbers(tree, NODE, "map/0/0", "i36x")], list(range(6)), "map in order")
    check_equal(texts(tree, STRING, "map/0/0/8"), [f"value {i}" for i in range(6)], "texts in the map")
    check_equal([row[0] for row in numbers(tree, NODE, "set/0/0", "i")], [0, 1, 2, 3, 5, 6], "set")
    check_equal(numbers(tree, NODE, "hash/0/0", "2i"), [(1, 10)], "unordered_map")
    behind = cells["pointers"]
    check_equal(numbers(behind, POINTEE, "unique/0/0", "2i"), [(1, 2)], "unique_ptr")
    check_equal(numbers(behind, POINTEE, "shared/0", "2i"), [(3, 4)], "shared_ptr")
    check_equal(numbers(behind, POINTEE, "plain/0", "2i"), [(8, 9)], "pointer")
    check_equal(texts(behind, STRING, "maybe/0"), ["perhaps"], "optional")
    check(not any(path.startswith("none") for _, path, _, _ in behind), "a null pointer was followed")


@case
def marks_where_a_walk_ended_before_the_elements_did(folder):
    path = build(folder, "subject.cc", "gcc", "-O0")
    for items, deque, forward in ((1, [62, None], [7, None]), (2, [62, 63, None], [7, 8]),
                                  (7, [*range(62, 69), None], [7, 8]), (8, [*range(62, 70)], [7, 8])):
        cells = compare(path, depth=1, items=items, PLANS_CELLS="1")["cells"]["sequences"]
        for name, layout, wanted in (("deque", "q", deque), ("forward", "i", forward)):
            found = [struct.unpack("<" + layout, bytes.fromhex(data))[0] if data else None
                     for kind, where, _, data in cells if (kind, where) == (NODE, f"{name}/0/0")]
            check_equal(found, wanted, f"{name}, {items} items at most")


@case
def shows_strings_behind_pointers_to_the_depth_only(folder):
    path = build(folder, "subject.cc", "gcc", "-O0")
    for depth, role in ((0, None), (1, POINTEE), (2, STRING)):
        cells = compare(path, depth=depth, PLANS_CELLS="1")["cells"].get("Square::area", [])
        deepest = max((cell[0] for cell in cells if cell[1].startswith("this")), default=None)
        check_equal(deepest, role, f"depth {depth}: {cells}")


main()
