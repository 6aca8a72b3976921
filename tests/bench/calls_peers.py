#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
calls_peers: traced calls in whole programs, beside the peers: figure 7 of the paper, and Lua.

    calls_peers.py [FIGURE.svg [LUA_SOURCE]]

Everything runs in a folder of its own, a session daemon of LTTng too, which is ended by its pid. The same
driver starts the programs in every configuration and takes their CPU time from start to end; a peer that is not
there is left out and said so. Then the same programs by their own clock of each thread, on one and two threads.
LUA_SOURCE: the unpacked source of Lua; without it that of the distribution is fetched.
"""
import glob
import json
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "flow"))
import sources  # noqa: E402  pylint: disable=wrong-import-position

BUILD = os.environ.get("top_builddir", ".")
COUNTS = [10 ** n for n in range(2, 8)]
PEERS_MAX = 10 ** 6  # calls: they write files
REPEATS = 3
DRAIN = "run.drain=60"  # a busy machine: what is on its way is waited for
NO_LIMITS = ["calls.limit=0", "calls.process_limit=0", "calls.ring_bytes=8MiB", "calls.memory=64MiB"]
NOBODY = 65534
LUA_LINES = """
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local t = {}
for i = 1, 80000 do t[i] = (i * 7919) % 80021 end
table.sort(t)
local s = {}
for i = 1, 20000 do s[#s + 1] = string.format("%d:%s", i, tostring(t[i])) end
print(fib(27), #table.concat(s, ","))
"""


def least(command, repeats, environment=None):
    """Seconds of CPU time from start to end, what it starts included, the least of some runs."""
    best = None
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, env=environment, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        best = took if best is None or took < best else best
    return best


def drive(result, repeats, commands):
    """The inside of a job: runs each command, writes how long each took."""
    # What is short is started more often: else the noise of a start is all that is seen.
    took = [least(command, repeats if place > 2 or len(commands) == 1 else 3 * repeats)
            for place, command in enumerate(commands)]
    with open(result, "w", encoding="utf-8") as file:
        json.dump(took, file)


def rounds(result, commands):
    """The inside of a job: runs each command once, writes the nanoseconds of each round that it prints."""
    printed = [subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=300).stdout.split() for command in commands]
    with open(result, "w", encoding="utf-8") as file:
        json.dump([[float(word) for word in words if word.replace(b".", b"").isdigit()]
                   for words in printed], file)


class Bench:
    """A folder with the programs in it, and ways to run them."""

    def __init__(self, folder):
        self.folder = folder
        self.runs = 0
        for name in ("calls_target", "calls_plain"):
            shutil.copy(os.path.join(BUILD, "tests/bench", name), folder)
        self.library = os.path.abspath(os.path.join(BUILD, "libjemtrace.so"))

    def program(self, name):
        return os.path.join(self.folder, name)

    def in_driver(self, commands, repeats, before=(), environment=None):
        """
        Seconds of each command, when the driver itself is started behind some words; no repeats: what each
        prints.
        """
        self.runs += 1
        result = self.program(f"times-{self.runs}.json")
        request = json.dumps([result, repeats, commands] if repeats else [result, commands])
        done = subprocess.run([*before, sys.executable, os.path.abspath(__file__),
                               "--drive" if repeats else "--rounds", request],
                              check=False, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=600)
        if done.returncode:
            raise RuntimeError(f"{before}: {done.returncode} {done.stderr.decode()[-500:]}")
        with open(result, encoding="utf-8") as file:
            return json.load(file)

    def in_job(self, commands, repeats, patterns, settings=(), values=False):
        """The same as a job; and its folder."""
        out = self.program(f"out-{self.runs}")
        words = [os.path.join(BUILD, "jem"), "run", "--out", out, "--set", DRAIN]
        words += [word for pattern in patterns for word in ("--calls", pattern)]
        words += [word for setting in settings for word in ("--set", setting)]
        words += ["--values"] if values else []
        return self.in_driver(commands, repeats, [*words, "--"]), out

    def in_lttng(self, commands, repeats, library):
        """The same under a session daemon of LTTng; None: there is none."""
        if not shutil.which("lttng-sessiond"):
            return None
        environment = dict(os.environ, HOME=self.folder, LTTNG_HOME=self.folder)
        before = []
        if os.geteuid() == 0:  # root's daemon is the machine's: be somebody else
            os.chmod(self.folder, 0o777)
            before = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        ready = subprocess.Popen([*before, "lttng-sessiond", "--no-kernel"], env=environment,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for words in (["create", "calls", "--output", self.program("lttng")],
                          ["enable-channel", "--userspace", "--subbuf-size=4M", "--num-subbuf=4", "c"],
                          ["enable-event", "--userspace", "--channel=c", "--all"], ["start"]):
                for _ in range(100):
                    done = subprocess.run([*before, "lttng", "--no-sessiond", *words], env=environment,
                                          check=False, capture_output=True, timeout=60)
                    if not done.returncode or words[0] != "create":
                        break
                    time.sleep(0.1)
                if done.returncode:
                    print(f"# lttng {words[0]}: {done.stderr.decode().strip()[-200:]}")
                    return None
            loaded = [["env", f"LD_PRELOAD={library}", *command] for command in commands]
            return self.in_driver(loaded, repeats, before, environment)
        except RuntimeError as error:
            print(f"# lttng: {error}")
            return None
        finally:
            ready.terminate()
            ready.wait(timeout=60)


def lttng_library():
    found = glob.glob("/usr/lib/*/liblttng-ust-cyg-profile.so") + glob.glob("/usr/lib*/liblttng-ust-cyg-profile.so")
    return found[0] if found else None


def figure_rows(bench):
    """Name of a configuration: seconds of the whole program for each of COUNTS."""
    def of(name, what="0", most=COUNTS[-1]):
        return [[bench.program(name), str(count), "1", "1", what] for count in COUNTS if count <= most]

    rows = {"untraced": bench.in_driver(of("calls_plain"), REPEATS),
            "library not loaded": bench.in_driver(of("calls_target"), REPEATS),
            "all disabled": bench.in_driver(of("calls_target"), REPEATS, environment=dict(
                os.environ, LD_PRELOAD=bench.library, JEM_CALLS_OFF="1"))}
    rows["all filtered"], _ = bench.in_job(of("calls_target"), REPEATS, ["no_such_function"], ["calls.patch=no"])
    rows["all patched out"], _ = bench.in_job(of("calls_target"), REPEATS, ["no_such_function"])
    rows["over the limit"], _ = bench.in_job(of("calls_target"), REPEATS, ["empty"])
    rows["all recorded"], _ = bench.in_job(of("calls_target"), REPEATS, ["empty"], NO_LIMITS)
    rows["with values"], _ = bench.in_job(of("calls_target", "good"), REPEATS, ["given"], NO_LIMITS, True)
    if shutil.which("uftrace"):
        for name, more in (("uftrace", []), ("uftrace -a", ["-a"])):
            words = ["uftrace", "record", "--no-libcall", "-d", bench.program("uftrace"), *more]
            rows[name] = bench.in_driver([words + command for command in of("calls_target", "good", PEERS_MAX)], 2)
    if lttng_library():
        took = bench.in_lttng(of("calls_target", "0", PEERS_MAX), 2, lttng_library())
        if took:
            rows["LTTng"] = took
    return rows


def own_clock(bench):
    """Name of a configuration: least and median of a call's nanoseconds, on one and on two threads."""
    def of(name, what="0"):
        return [[bench.program(name), "4000", "100", threads, what] for threads in ("1", "2")]

    def with_daemon(settings, patterns, what="0", values=False):
        took, out = bench.in_job(of("calls_target", what), 0, patterns, settings, values)
        calls, recorded = calls_of(out) if settings is NO_LIMITS else (0, 0)
        return took, f"{100 * recorded / calls:.0f} %" if calls else "-" if settings is NO_LIMITS else ""

    os.environ["JEM_BENCH_PAUSE_MS"] = "20"  # for those who read the records, of all kinds
    rows = {"untraced": (bench.in_driver(of("calls_plain"), 0), ""),
            "empty hooks of libc": (bench.in_driver(of("calls_target"), 0), ""),
            "all filtered": with_daemon(["calls.patch=no"], ["no_such_function"]),
            "all patched out": with_daemon((), ["no_such_function"]),
            "over the limit": with_daemon((), ["empty"]),
            "all recorded": with_daemon(NO_LIMITS, ["empty"]),
            "with values": with_daemon(NO_LIMITS, ["given"], "good", True)}
    if shutil.which("uftrace"):
        for name, more in (("uftrace", []), ("uftrace -a", ["-a"])):
            words = ["uftrace", "record", "--no-libcall", "-d", bench.program("uftrace"), *more]
            rows[name] = bench.in_driver([words + command for command in of("calls_target", "good")], 0), ""
    took = bench.in_lttng(of("calls_target"), 0, lttng_library()) if lttng_library() else None
    del os.environ["JEM_BENCH_PAUSE_MS"]
    return dict(rows, **({"LTTng": (took, "")} if took else {}))


def print_own_clock(rows):
    print("# ns of a call and its return by the clock of its thread: least (median) of 100 rounds of 4,000")
    print("| configuration | 1 thread | 2 threads | calls that have records |\n|---|---|---|---|")
    for name, (took, share) in rows.items():
        cells = [f"{min(ns):.1f} ({statistics.median(ns):.1f})" if ns else "-" for ns in took]
        print(f"| {name} | " + " | ".join(cells) + f" | {share} |")


def overheads(rows):
    """Nanoseconds of a call beyond the untraced program; a tenth more of the calls warm it up."""
    plain = rows["untraced"]
    return {name: [max((took - base) * 1e9 / (count * 1.1), 0.1) for took, base, count in zip(row, plain, COUNTS)]
            for name, row in rows.items() if name != "untraced"}


def print_overheads(table):
    print("# ns of a call beyond the untraced program, start and end of the process included, by calls")
    print("| configuration | " + " | ".join(f"{count:,}" for count in COUNTS) + " |")
    print("|---" * (len(COUNTS) + 1) + "|")
    for name, row in table.items():
        print(f"| {name} | " + " | ".join([f"{ns:,.1f}" if ns < 100 else f"{ns:,.0f}" for ns in row] +
                                           ["-"] * (len(COUNTS) - len(row))) + " |")


def draw(table, path):
    """The figure: both axes logarithmic, a line a configuration with its name at the end."""
    colours = ["#555", "#1b7837", "#5aae61", "#2166ac", "#f4a582", "#d6604d", "#b2182b", "#762a83", "#9970ab", "#8c510a"]
    left, top, width, height, decades = 60, 30, 460, 360, 7  # from 0.1 ns on
    lines = ['<!-- SPDX-License-Identifier: Apache-2.0 -->', f'<svg xmlns="http://www.w3.org/2000/svg" width="700" height="450" font-family="sans-serif" '
             f'font-size="12">', '<title>Overhead of a traced call against the number of calls</title>',
             '<rect width="700" height="450" fill="#fff"/>']

    def x_of(place):
        return left + width * place / (len(COUNTS) - 1)

    def y_of(ns):
        return top + height * (1 - math.log10(ns * 10) / decades)

    for power in range(decades + 1):
        y = y_of(10 ** power / 10)
        lines.append(f'<path d="M{left} {y:.1f}H{left + width}" stroke="#ddd"/>'
                     f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{10 ** power / 10:g}</text>')
    for place, count in enumerate(COUNTS):
        lines.append(f'<text x="{x_of(place):.1f}" y="{top + height + 18}" text-anchor="middle">{count:,}</text>')
    lines.append(f'<text x="{left + width / 2}" y="{top + height + 40}" text-anchor="middle">calls</text>'
                 f'<text x="{left - 45}" y="{top - 12}">ns a call and return, beyond the untraced program</text>')
    ends = []
    for (name, row), colour in zip(table.items(), colours):
        points = " ".join(f"{x_of(place):.1f},{y_of(ns):.1f}" for place, ns in enumerate(row))
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        ends.append([y_of(row[-1]), name, colour])
    ends.sort()
    for before, end in zip(ends, ends[1:]):  # names do not cover each other
        end[0] = max(end[0], before[0] + 14)
    lines += [f'<text x="{left + width + 8}" y="{y + 4:.1f}" fill="{colour}">{name}</text>' for y, name, colour in ends]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n</svg>\n")


def calls_of(out):
    """Calls and those recorded, as the last profile of each function has them."""
    last = {}
    path = os.path.join(out, "data", "profile.jsonl")
    if not os.path.exists(path):
        print(f"# no profile has arrived: {os.listdir(out)}")
        return 0, 0
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if not row.get("node"):
                last[row["function"], row.get("file"), row.get("line")] = (row["calls"], row["recorded"])
    return sum(calls for calls, _ in last.values()), sum(recorded for _, recorded in last.values())


def fetch_lua(folder):
    sources.fetch(folder, ["lua"])
    return sources.folder_of(folder, "lua")


def lua(bench, source):
    """The interpreter at -O2, traced whole."""
    script = bench.program("work.lua")
    with open(script, "w", encoding="utf-8") as file:
        file.write(LUA_LINES)
    # made when the package is built; nothing is loaded from there
    sources.write(bench.program("lua5.4-deb-multiarch.h"), '#define DEB_HOST_MULTIARCH "here"\n')
    files = [name for name in sorted(glob.glob(os.path.join(source, "src", "*.c"))) if not name.endswith("/luac.c")]
    for name, flags in (("lua_plain", []), ("lua_hooks", ["-finstrument-functions"])):
        subprocess.run(["gcc", "-O2", "-g", "-w", "-DLUA_USE_POSIX", "-I" + bench.folder, *flags, "-o",
                        bench.program(name), *files, "-lm"], check=True)
    hooks = [[bench.program("lua_hooks"), script]]
    plain = bench.in_driver([[bench.program("lua_plain"), script]], REPEATS)[0]
    rows = {"empty hooks": bench.in_driver(hooks, REPEATS)[0],
            "disabled": bench.in_driver(hooks, REPEATS, environment=dict(
                os.environ, LD_PRELOAD=bench.library, JEM_CALLS_OFF="1"))[0]}
    for name, patterns, settings in (("all filtered", ["no_such_function"], ["calls.patch=no"]),
                                     ("all patched out", ["no_such_function"], []),
                                     ("over the limit", ["*"], []), ("all recorded", ["*"], NO_LIMITS),
                                     ("with values", ["*"], NO_LIMITS)):
        times, out = bench.in_job(hooks, 2 if "*" in patterns else REPEATS, patterns, settings,
                                  name == "with values")
        rows[name] = times[0]
        if "*" in patterns:
            print("# lua, {}: {:,} calls in {} runs, {:,} recorded".format(name, calls_of(out)[0], 2, calls_of(out)[1]))
    if shutil.which("uftrace"):
        words = ["uftrace", "record", "--no-libcall", "-d", bench.program("uftrace-lua")]
        rows["uftrace record"] = bench.in_driver([words + hooks[0]], 1)[0]
    if lttng_library():
        took = bench.in_lttng(hooks, 1, lttng_library())
        rows.update({"LTTng": took[0]} if took else {})
    print(f"# lua -O2, {plain:.3f} s untraced\n| configuration | s | factor |\n|---|---|---|")
    for name, took in rows.items():
        print(f"| {name} | {took:.2f} | {took / plain:.1f} |")


def main():
    if sys.argv[1:2] in (["--drive"], ["--rounds"]):
        {"--drive": drive, "--rounds": rounds}[sys.argv[1]](*json.loads(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder)
        table = overheads(figure_rows(bench))
        print_overheads(table)
        if len(sys.argv) > 1:
            draw(table, sys.argv[1])
        print_own_clock(own_clock(bench))
        try:
            lua(bench, sys.argv[2] if len(sys.argv) > 2 else fetch_lua(folder))
        except sources.Unavailable as error:
            print(f"# lua: {error}")


if __name__ == "__main__":
    main()
