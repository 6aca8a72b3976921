# SPDX-License-Identifier: Apache-2.0
"""Calls of one run of a program as uftrace saw them and as JEM did, in one form that can be compared.

    theirs = by_uftrace(folder, argv)     # Trace: .threads, .counts, .contexts
    ours = by_jem(folder, argv)           # the same, and .profile, .nodes, .values

A thread is a list of (is an exit, name, depth). Names are qualified, without parameters, template arguments
and what the compiler appends to copies: both tools have them thus far alike.
"""
import collections
import json
import os
import re
import subprocess

import cbor2

from contract import decode_columns
from jemtest import Failed, jem

COPY = re.compile(r"\.(constprop|part|isra|cold|lto_priv|llvm)\..*$")
DUMPED = re.compile(r"^\s*[\d.]+\s+(\d+): \[(entry|exit |lost )\] (.*)\([0-9a-f]+\) depth: (\d+)$")
RINGS = ("calls.limit=0", "calls.process_limit=0", "calls.ring_bytes=64MiB", "calls.memory=1GiB",
         "calls.wait=50s", "report.max_bytes=8GiB")


def without_brackets(text, opening, closing):
    """The text without what stands between such brackets; `->` and operators are left alone."""
    kept, level, at = [], 0, 0
    while at < len(text):
        operator = re.compile(r"operator *(\(\)|->\*?|<=>|<<=?|>>=?|[<>]=?)").match(text, at)
        if operator and not level:
            kept.append(operator.group(0))
            at = operator.end()
            continue
        letter = text[at]
        level += letter == opening
        if not level:
            kept.append(letter)
        level -= letter == closing and level > 0
        at += 1
    return "".join(kept)


def plain_name(name):
    """A demangled name as a qualified one without parameters."""
    name = re.sub(r" \[clone [^]]*\]|\[abi:[^]]*\]|\(anonymous namespace\)::|\b__cxx11::", "", name)
    name = without_brackets(without_brackets(name, "<", ">"), "(", ")").strip()
    name = re.sub(r" (const|volatile|&&?)$", "", name)
    scope, operator, symbol = name.partition("operator")
    scope = scope.rsplit(" ", 1)[-1]  # a template's name has the type that it returns before it
    if symbol.startswith(" ") and not symbol.startswith((" new", " delete")):
        symbol = " TYPE"  # a conversion: with typedefs in debug data, without in symbols
    return COPY.sub("", scope + operator + symbol)


class Names:
    """Plain names of mangled ones, by one process for all of them."""

    def __init__(self):
        self.known = {}

    def learn(self, names):
        new = sorted(set(names) - set(self.known))
        said = subprocess.run(["c++filt"], input="\n".join(COPY.sub("", name) for name in new), check=True,
                              capture_output=True, text=True).stdout.splitlines()
        self.known.update(zip(new, map(plain_name, said)))

    def __getitem__(self, name):
        return self.known[name]


def mend(events, jumps):
    """After a jump uftrace gives exits the wrong names: who never returns was left for those it jumps to."""
    stack, mended = [], []
    for is_exit, name, _ in events:
        if is_exit:
            target = jumps.get(stack[-1])
            while target and stack[-1] != target:
                stack.pop()
            name = stack.pop()
            mended.append((True, name, len(stack)))
        else:
            mended.append((False, name, len(stack)))
            stack.append(name)
    return mended


def aliases(program, names):
    """Functions of one code have one address (gcc folds equal ones): the first name stands for all of them."""
    said = subprocess.run(["nm", program], check=True, capture_output=True, text=True).stdout
    symbols = [line.split() for line in said.splitlines() if re.match(r"[0-9a-f]+ [tTwWiu] ", line)]
    names.learn([name for _, _, name in symbols])
    places = collections.defaultdict(set)
    for address, _, name in symbols:
        places[address].add(names[name])
    return {name: min(group) for group in places.values() if len(group) > 1 for name in group}


class Trace:
    def __init__(self, threads):
        self.threads = threads
        self.profile = self.nodes = self.values = None

    @property
    def counts(self):
        return collections.Counter(name for thread in self.threads for is_exit, name, _ in thread if not is_exit)

    @property
    def contexts(self):
        """Calls by the path from the outermost: what a calling context tree counts."""
        paths = collections.Counter()
        for thread in self.threads:
            stack = []
            for is_exit, name, depth in thread:
                if not is_exit:
                    del stack[depth:]
                    stack.append(name)
                    paths[tuple(stack)] += 1
        return paths


# --- uftrace ---


def imported(program):
    """What the program calls of others: uftrace follows that too, for what setjmp and longjmp do."""
    said = subprocess.run(["nm", "-D", "--undefined-only", program], check=True, capture_output=True,
                          text=True).stdout
    return {line.split()[-1].split("@")[0] for line in said.splitlines()}


class Thread:
    """Events of uftrace as a list; of calls of libraries it has only the depth, which goes off again."""

    def __init__(self, libcalls):
        self.events, self.others, self.libcalls = [], [], libcalls

    def add(self, is_exit, name, depth):
        while self.others and self.others[-1] >= depth + (not is_exit or name not in self.libcalls):
            self.others.pop()  # left by a jump
        if name in self.libcalls:
            if not is_exit:
                self.others.append(depth)
            elif self.others and self.others[-1] == depth:
                self.others.pop()
            return
        self.events.append((is_exit, name, depth - len(self.others)))


def record_by_uftrace(data, argv, stdin, cwd, follows_jumps):
    """Now and then a program that opens and closes plugins dies of uftrace: then once more."""
    for _ in range(5):
        with open(stdin, "rb") as source:
            done = subprocess.run(["uftrace", "record", "--no-event", "-b", "16M", "-d", data,
                                   *([] if follows_jumps else ["--no-libcall"]), *argv],
                                  check=False, stdin=source, cwd=cwd, timeout=300,
                                  capture_output=True)
        if b"LOST" in done.stderr:
            raise Failed(f"uftrace has lost records: {done.stderr[-300:]}")
        if done.stdout or done.returncode == 0:
            return done
        print(f"# uftrace ended {os.path.basename(argv[0])} with {done.returncode}: "
              f"{done.stderr[-200:]!r}")
    raise Failed("uftrace ends the program every time")


def by_uftrace(folder, argv, stdin=os.devnull, cwd=None, follows_jumps=False, jumps=None):
    """`follows_jumps`: longjmp is told by uftrace itself; `jumps`: by who jumps, and who is jumped to."""
    data = os.path.join(folder, "uftrace")
    done = record_by_uftrace(data, argv, stdin, cwd, follows_jumps)
    libcalls = imported(argv[0])
    threads, ids = collections.defaultdict(lambda: Thread(libcalls)), {}
    with subprocess.Popen(["uftrace", "dump", "--demangle=no", "-d", data], stdout=subprocess.PIPE,
                          text=True) as dump:
        for line in dump.stdout:
            match = DUMPED.match(line)
            if not match:
                continue
            tid, event, name, depth = match.groups()
            if event == "lost ":
                raise Failed("uftrace has lost records")
            threads[int(tid)].add(event == "exit ", ids.setdefault(name, name), int(depth))
    names = Names()
    names.learn(ids)
    same = aliases(argv[0], names)
    trace = Trace([[(is_exit, same.get(names[name], names[name]), depth) for is_exit, name, depth in thread.events]
                   for thread in threads.values() if thread.events])
    if jumps:
        trace.threads = [mend(thread, jumps) for thread in trace.threads]
    trace.done = done
    return trace


# --- JEM ---


def batches_of(folder):
    """The bodies of data/call.cbors.zst, and of its segments before it."""
    names = sorted(name for name in os.listdir(folder) if re.match(r"call\.(\d+\.)?cbors\.zst$", name))
    with subprocess.Popen(["zstd", "-dcq", *(os.path.join(folder, name) for name in names)], stdout=subprocess.PIPE) as unpacked:
        decoder = cbor2.CBORDecoder(unpacked.stdout)
        while True:
            try:
                yield decoder.decode()
            except (EOFError, cbor2.CBORDecodeEOF):
                return


def last_profile(path):
    """Function and node records, the last of each."""
    functions, nodes = {}, {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                if "node" in record:
                    nodes[record["epoch"], record["node"]] = record
                elif "part" not in record:
                    functions[record["function"], record.get("file"), record.get("line")] = record
    return functions, nodes


def contexts_of(nodes, name_of):
    """Calls by path, of the nodes of a profile."""
    paths = collections.Counter()

    def path(epoch, number):
        record = nodes[epoch, number]
        above = path(epoch, record["parent"]) if record["parent"] > 0 else ()
        return above + (name_of(record["function"]),)

    for (epoch, number), record in nodes.items():
        paths[path(epoch, number)] += record["calls"]
    return paths


def by_jem(folder, argv, stdin=os.devnull, cwd=None, settings=(), values=False, rows=None,
           include="*"):
    """`rows` is called with every row as a dictionary, in the order of the stream."""
    out = os.path.join(folder, "jem-values" if values else "jem")
    words = [word for setting in (*RINGS, *settings) for word in ("--set", setting)]
    with open(stdin, "rb") as source:
        done = jem("run", "--quiet", "--out", out, "--calls", include, *(["--values"] if values else []), *words,
                   "--", *argv, stdin=source, cwd=cwd, timeout=600)
    threads, names = collections.defaultdict(list), {}
    same = aliases(argv[0], Names())

    def name_of(function):
        name = plain_name(function)
        return same.get(name, name)

    dropped = {}
    for batch in batches_of(os.path.join(out, "data")):
        head, records = decode_columns(cbor2.dumps(batch))
        dropped = head["dropped"]
        for row in records:
            name = names.get(row["function"]) or names.setdefault(row["function"],
                                                                  name_of(row["function"]))
            threads[row["pid"], row["tid"]].append((row["event"] == "exit", name, row["depth"]))
            if rows:
                rows(row)
    if dropped:
        raise Failed(f"JEM has lost records: {dict(dropped)}")
    trace = Trace(list(threads.values()))
    functions, nodes = last_profile(os.path.join(out, "data", "profile.jsonl"))
    trace.profile = collections.Counter()
    trace.returns = collections.Counter()
    for (name, _, _), record in functions.items():
        trace.profile[name_of(name)] += record["calls"]
        trace.returns[name_of(name)] += record["returns"]
    trace.nodes = contexts_of(nodes, name_of)
    trace.has_elsewhere = any(record["parent"] < 0 for record in nodes.values())
    trace.done = done
    return trace


# --- both ---


def first_difference(theirs, ours):
    """Where two lists differ first, with what is before it; None: nowhere."""
    for at, (one, other) in enumerate(zip(theirs, ours)):
        if one != other:
            return f"at event {at}: uftrace {one}, ours {other}, after {theirs[max(0, at - 3):at]}"
    if len(theirs) != len(ours):
        return f"lengths {len(theirs)} and {len(ours)}"
    return None


def difference(theirs, ours, form=lambda event: event):
    """Threads have no number that is the same in two runs: those that are equal belong together."""
    left = [list(map(form, thread)) for thread in theirs.threads]
    right = [list(map(form, thread)) for thread in ours.threads]
    for thread in list(right):
        if thread in left:
            left.remove(thread)
            right.remove(thread)
    if not left and not right:
        return None
    if len(left) != len(right):
        return f"{len(left)} threads of uftrace's and {len(right)} of ours have no equal"
    left.sort(key=len)
    right.sort(key=len)
    return first_difference(left[0], right[0])


def difference_of_counts(theirs, ours):
    return {name: (theirs[name], ours[name]) for name in {*theirs, *ours} if theirs[name] != ours[name]}
