#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The shape of the tree: who includes whom, and how long files and functions are.

    check_layers.py               checks the tree (TAP), and that planted violations are found
    check_layers.py --report      the longest files and functions
    check_layers.py --faults DIR  one line per fault of another tree, exit 1 if there is any

schemas < common < tracer, broker-client < daemon, receiver < tools: a layer includes from itself
and from those before it, never from beside or above. The preloaded part of the tracer includes
nothing of ours but the ring's layout; no qpid-proton type leaves broker-client; what the launcher
is made of includes libc only; a module reads its own header first.
"""
import ast
import os
import re
import sys
import tempfile

TOP = os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

FILE_LINES = 600
FUNCTION_LINES = 60       # reported
FUNCTION_LINES_MAX = 100  # a fault

# Folder -> folders that it may include from. The longest folder that fits a file counts.
LAYERS = {
    "schemas": {"schemas"},
    "common": {"common", "schemas"},
    "tracer": {"tracer", "common", "schemas"},
    "tracer/preload": {"tracer/preload"},
    "broker-client": {"broker-client", "common", "schemas"},
    "daemon": {"daemon", "broker-client", "tracer", "common", "schemas"},
    "receiver": {"receiver", "broker-client", "common", "schemas"},
    "tools": {"tools", "daemon", "receiver", "broker-client", "tracer", "common", "schemas"},
    "tools/run": {"tools/run", "tools", "common", "schemas"},
}
ONE_FILE_MORE = {"tracer/preload": {"schemas/ring.h"}}
FOREIGN = re.compile(r"(uv|ini|pcre2|zlib|zstd|json|ft2build|cbor)\.h|"
                     r"(proton|openssl|freetype2?|elfutils|dwarf|traceevent|tracefs)/")
PROTON = re.compile(r"proton/")
LAUNCHER = ("tools/jem.c", "tools/run/")
SOURCES = ("schemas", "common", "tracer", "broker-client", "daemon", "receiver", "tools", "tests",
           "examples")
SPDX = "SPDX-License-Identifier: Apache-2.0"
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)


def source_files(top, endings):
    for folder in SOURCES:
        for where, folders, names in os.walk(os.path.join(top, folder)):
            folders[:] = sorted(f for f in folders if f not in ("corpus", "__pycache__"))
            for name in sorted(names):
                path = os.path.join(where, name)
                if name.endswith(endings) and not os.path.islink(path):
                    yield os.path.relpath(path, top)


def read(top, path):
    with open(os.path.join(top, path), encoding="utf-8") as file:
        return file.read()


def layer_of(path):
    fits = [layer for layer in LAYERS if path.startswith(layer + "/")]
    return max(fits, key=len, default=None)


def includes(text):
    """(line number, ours, foreign) of each include; one of the two is None."""
    for found in INCLUDE.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, found[1], found[2]


def include_faults(top, path, text):
    layer = layer_of(path)
    own = os.path.splitext(path)[0] + ".h"
    first = True
    for line, ours, foreign in includes(text):
        if path.endswith(".c") and first and os.path.exists(os.path.join(top, own)) and ours != own:
            yield f"{path}:{line}: includes its own header \"{own}\" not first"
        first = False
        if foreign and PROTON.match(foreign) and not path.startswith(("broker-client/", "tests/")):
            yield f"{path}:{line}: <{foreign}>: qpid-proton stays in broker-client"
        if not ours or not layer:
            continue
        if not os.path.exists(os.path.join(top, ours)):
            continue  # made by the build
        target = layer_of(ours)
        if target in LAYERS[layer] or ours in ONE_FILE_MORE.get(layer, ()):
            continue
        if layer == "tools" and target == "tools/run":
            continue
        yield f"{path}:{line}: \"{ours}\": {layer} must not include from {target or 'there'}"


def header_faults(top, path, text):
    """A header of broker-client is seen by others: proton stays in its own .c and private headers."""
    if not path.endswith(".h") or not re.fullmatch(r"broker-client/[^/]+", path):
        return
    for line, _, foreign in includes(text):
        if foreign and PROTON.match(foreign):
            yield f"{path}:{line}: <{foreign}> in a header that other layers include"


def launcher_faults(top):
    """What the launcher's files include, through our headers, is libc."""
    waiting = [p for p in source_files(top, (".c", ".h")) if p.startswith(LAUNCHER)]
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        for line, ours, foreign in includes(read(top, path)):
            if foreign and FOREIGN.match(foreign):
                yield f"{path}:{line}: <{foreign}>: the launcher is libc only"
            if ours and ours not in seen and os.path.exists(os.path.join(top, ours)):
                seen.add(ours)
                waiting.append(ours)


def c_functions(text):
    """(name, first line, length) of functions in our format: braces in column 0."""
    start = None
    name = "?"
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
            back = number - 2
            while back >= 0 and lines[back][:1] in ("\t", " "):
                back -= 1
            found = re.search(r"CASE\((\w+)|(\w+)\(", "".join(lines[back:number - 1]))
            name = (found[1] or found[2]) if found else "?"
        elif line == "}" and start:
            yield name, start, number - start + 1
            start = None


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def functions(path, text):
    if path.endswith(".py"):
        return python_functions(text)
    return c_functions(text) if path.endswith((".c", ".h", ".cc", ".cpp")) else ()


def size_faults(path, text):
    count = text.count("\n")
    if count > FILE_LINES:
        yield f"{path}: {count} lines, {FILE_LINES} are the bound; split it by what it does"
    for name, line, length in functions(path, text):
        if length > FUNCTION_LINES_MAX:
            yield f"{path}:{line}: {name} has {length} lines, {FUNCTION_LINES_MAX} are the bound"


def licence_faults(path, text):
    if SPDX not in "\n".join(text.split("\n")[:3]):
        yield f"{path}:1: no line \"{SPDX}\" on top"


def faults(top):
    for path in source_files(top, (".c", ".h", ".cc", ".cpp", ".def", ".py", ".sh", ".mk", ".js")):
        text = read(top, path)
        yield from licence_faults(path, text)
        yield from size_faults(path, text)
        if path.endswith((".c", ".h", ".cc", ".cpp")):
            yield from include_faults(top, path, text)
            yield from header_faults(top, path, text)
    yield from launcher_faults(top)


def report(top):
    files = []
    long_functions = []
    for path in source_files(top, (".c", ".h", ".cc", ".cpp", ".py", ".js")):
        text = read(top, path)
        files.append((text.count("\n"), path))
        long_functions += [(length, f"{path}:{line} {name}")
                           for name, line, length in functions(path, text)
                           if length > FUNCTION_LINES]
    for count, path in sorted(files, reverse=True)[:10]:
        print(f"{count:5} {path}")
    print(f"functions over {FUNCTION_LINES} lines: {len(long_functions)}")
    for length, where in sorted(long_functions, reverse=True):
        print(f"{length:5} {where}")


# A violation planted in an empty tree, and a part of the one fault that it must give.
HEAD = f"/* {SPDX} */\n"
PLANTED = {
    "common including daemon": (
        {"common/a.c": '#include "daemon/b.h"\n', "daemon/b.h": ""}, "common must not include"),
    "receiver including daemon": (
        {"receiver/a.c": '#include "daemon/b.h"\n', "daemon/b.h": ""}, "receiver must not include"),
    "broker-client including tools": (
        {"broker-client/wire/a.h": '# include "tools/b.h"\n', "tools/b.h": ""},
        "broker-client must not include"),
    "the preloaded part including common": (
        {"tracer/preload/a.c": '#include "common/b.h"\n', "common/b.h": ""},
        "tracer/preload must not include"),
    "proton in the daemon": (
        {"daemon/a.c": "#include <proton/engine.h>\n"}, "qpid-proton stays"),
    "proton in a public header": (
        {"broker-client/a.h": "#include <proton/engine.h>\n"}, "other layers include"),
    "libuv reaching the launcher": (
        {"tools/run/a.c": '#include "common/b.h"\n', "common/b.h": "#include <uv.h>\n"},
        "the launcher is libc only"),
    "own header not first": (
        {"common/a.c": '#include <stdio.h>\n#include "common/a.h"\n', "common/a.h": ""},
        "not first"),
    "an endless file": ({"common/a.c": "\n" * FILE_LINES}, "are the bound; split"),
    "an endless function": (
        {"common/a.c": "int f(void)\n{\n" + "\t;\n" * FUNCTION_LINES_MAX + "}\n"},
        "f has 102 lines"),
    "an endless Python function": (
        {"tests/a.py": "def f():\n" + "    pass\n" * FUNCTION_LINES_MAX}, "f has 101 lines"),
    "a file without its licence line": ({"common/a.c": None}, "on top"),
}


def planted_is_found(files, part):
    with tempfile.TemporaryDirectory(prefix="jem-layers-") as top:
        for path, text in files.items():
            os.makedirs(os.path.join(top, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(top, path), "w", encoding="utf-8") as file:
                head = f"# {SPDX}\n" if path.endswith(".py") else HEAD
                file.write("int x;\n" if text is None else head + text)
        found = list(faults(top))
    if len(found) == 1 and part in found[0]:
        return True
    print(f"# wanted one fault with {part!r}, got {found}")
    return False


def main():
    print(f"1..{1 + len(PLANTED)}")
    found = list(faults(TOP))
    for line in found:
        print("#", line)
    print("not ok" if found else "ok", "1 - the tree keeps its layers and sizes")
    good = not found
    for number, (name, (files, part)) in enumerate(PLANTED.items(), 2):
        is_found = planted_is_found(files, part)
        good = good and is_found
        print("ok" if is_found else "not ok", number, "- finds", name)
    return 0 if good else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["--report"]:
        report(TOP)
    elif sys.argv[1:2] == ["--faults"] and len(sys.argv) == 3:
        lines = list(faults(sys.argv[2]))
        print("\n".join(lines), end="\n" if lines else "")
        sys.exit(1 if lines else 0)
    else:
        sys.exit(main())
