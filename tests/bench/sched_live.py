#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What live scheduling costs, beside trace-cmd and perf, as root; prints tables for RESULTS.md.

    sched_live.py [SECONDS] [ROUNDS]      from the build folder

The load switches as often as it can (stress-ng --switch, on every core). Ratios are of rounds that take turns.
"""
import io
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flow"))
import cbor2        # noqa: E402
import zstandard    # noqa: E402
import tracecmd     # noqa: E402

SECONDS = sys.argv[1] if len(sys.argv) > 1 else "3"
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
CORES = os.cpu_count()
STORM = ["stress-ng", "--switch", str(CORES), "-t", SECONDS, "--metrics-brief"]
MESSAGING = ["perf", "bench", "sched", "messaging", "-g", "4", "-l", "2000"]
WAIT = ('n=0; until grep -qs \'"what":"sched"\' "$0"/data/status.jsonl || [ $n -ge 100 ]; '
        'do sleep 0.1; n=$((n + 1)); done; exec "$@"')


def ops(text):
    """Bogo operations a second of real time."""
    return float(re.search(r"\] switch +\d+ +\S+ +\S+ +\S+ +(\S+)", text).group(1))


def cpu_ns(pid, name=None):
    """Processor time of a process, or of its threads of that name."""
    total = 0
    try:
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/comm", encoding="utf-8") as comm:
                if name and comm.read().strip() != name:
                    continue
            with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as stat:
                total += int(stat.read().split()[0])
    except (OSError, ValueError, IndexError):
        return 0
    return total


def daemon_of(report):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as data:
                words = data.read().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"/jemd") and any(report.encode() in word for word in words):
            return int(pid)
    return None


def summaries(report):
    """Of the node, a second each; and how many slices and bytes there are."""
    path = os.path.join(report, "data", "sched.cbors.zst")
    with open(path, "rb") as file:
        whole = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()
    body, found, slices, dropped = io.BytesIO(whole), [], 0, {}
    while body.tell() < len(whole):
        batch = cbor2.load(body)
        dropped = batch["head"]["dropped"] or dropped
        columns = batch["cols"]
        if "run_ns" in columns:
            slices += batch["head"]["n"]
        if "scope" in columns:
            for row, scope in enumerate(columns["scope"]):
                if scope == "node":
                    found.append({name: column[row] for name, column in columns.items()
                                  if isinstance(column, list)})
    return found, slices, os.path.getsize(path), dropped


def observed(command):
    """One run under jem: its output, what it cost, what was seen."""
    folder = tempfile.mkdtemp()
    report = os.path.join(folder, "r")
    job = subprocess.Popen(["./jem", "run", "--quiet", "--sched", "node", "--out", report, "--", "sh",
                            "-c", WAIT, report, *command], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    daemon, reader, both = None, 0, 0
    while job.poll() is None:
        daemon = daemon or daemon_of(report)
        if daemon:
            reader = max(reader, cpu_ns(daemon, "jem-sched"))
            both = max(both, cpu_ns(daemon))
        time.sleep(0.1)
    text = job.stdout.read().decode()
    found, slices, size, dropped = summaries(report)
    events = sum(s["events"] for s in found)
    best = max((s["events"] / s["span_ns"] * 1e9 for s in found), default=0)
    shutil.rmtree(folder)
    return {"text": text, "events": events, "rate": best, "slices": slices,
            "lost": sum(s["lost"] for s in found), "dropped": dropped, "bytes": size / max(events, 1),
            "reader_ns": reader / max(events, 1), "daemon_ns": both / max(events, 1)}


def bare():
    return ops(subprocess.run(STORM, capture_output=True, text=True, check=True).stderr)


def with_trace_cmd():
    folder = tempfile.mkdtemp()
    out = os.path.join(folder, "out")
    tracecmd.record(os.path.join(folder, "t.dat"), [], ["sh", "-c", f'"$@" 2>{out}', "sh", *STORM])
    with open(out, encoding="utf-8") as text:
        got = ops(text.read())
    shutil.rmtree(folder)
    return got


def with_perf():
    folder = tempfile.mkdtemp()
    done = subprocess.run(["perf", "sched", "record", "-o", os.path.join(folder, "p"), *STORM],
                          capture_output=True, text=True, check=True)
    shutil.rmtree(folder)
    return ops(done.stdout + done.stderr)


def storm():
    rates = {"untraced": [], "jem run --sched node": [], "trace-cmd record": [], "perf sched record": []}
    seen = []
    for _ in range(ROUNDS):
        rates["untraced"].append(bare())
        seen.append(observed(STORM))
        rates["jem run --sched node"].append(ops(seen[-1]["text"]))
        for name, run in (("trace-cmd record", with_trace_cmd), ("perf sched record", with_perf)):
            try:
                rates[name].append(run())
            except Exception as fault:  # a peer that cannot run here is a dash in the table
                print(f"# {name}: {fault}", file=sys.stderr)
    base = statistics.median(rates["untraced"])
    print("| the load under | switches a second | part of untraced |\n|---|---|---|")
    for name, got in rates.items():
        if got:
            print(f"| {name} | {statistics.median(got):,.0f} | {statistics.median(got) / base:.2f} |")
        else:
            print(f"| {name} | - | - |")
    tell(seen, "storm")


def tell(seen, name):
    def median(key):
        return statistics.median(s[key] for s in seen)

    print(f"\n| {name} | |\n|---|---|")
    print(f"| events a second, best second | {max(s['rate'] for s in seen):,.0f} |")
    print(f"| events, slices | {median('events'):,.0f}, {median('slices'):,.0f} |")
    print(f"| lost by the kernel | {[s['lost'] for s in seen]} |")
    print(f"| dropped on the way | {[s['dropped'] for s in seen]} |")
    print(f"| reader, ns of a core an event | {median('reader_ns'):.0f} |")
    print(f"| whole daemon, ns an event | {median('daemon_ns'):.0f} |")
    print(f"| packed bytes an event | {median('bytes'):.2f} |")


def idle():
    folder = tempfile.mkdtemp()
    report = os.path.join(folder, "r")
    job = subprocess.Popen(["./jem", "run", "--quiet", "--sched", "node", "--out", report, "--",
                            "sleep", "14"], stdin=subprocess.DEVNULL)
    time.sleep(3)
    daemon = daemon_of(report)
    before, began = cpu_ns(daemon, "jem-sched"), time.monotonic()
    time.sleep(10)
    used, span = cpu_ns(daemon, "jem-sched") - before, time.monotonic() - began
    job.wait()
    found, _, _, _ = summaries(report)
    rate = statistics.median(s["events"] / s["span_ns"] * 1e9 for s in found)
    print(f"\nAside of a sleeping job, {rate:,.0f} events a second on the node: the reader takes "
          f"{used / span * 1e-7:.3f} % of a core.")
    shutil.rmtree(folder)


if __name__ == "__main__":
    storm()
    tell([observed(MESSAGING) for _ in range(ROUNDS)], "perf bench sched messaging")
    idle()
    print(json.dumps({"load": os.getloadavg(), "kernel": os.uname().release, "cores": CORES}))
