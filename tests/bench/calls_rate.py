#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
calls_rate: what is lost of calls at a steady rate, with all that `jem run` starts: daemon, broker, receiver.

    calls_rate.py [CALLS_A_SECOND [SECONDS [RUNS [OPTION...]]]]

A million calls a second are two million events. Rings of 8 MB, no limits. Every hook call has to be a record in the
job's folder or counted as dropped: else the end is 2. Anything lost in the median of the runs: 1. The options
are those of `jem run`, such as --values.

On a machine that is busy with other things this measures the machine. So the daemon (not the job, not the
receiver) is given a processor when it needs one, by SCHED_RR, where that is permitted; JEM_BENCH_SHARED=1: it is not.
"""
import glob
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("top_builddir", ".")
SETTINGS = ["calls.limit=0", "calls.process_limit=0", "calls.ring_bytes=8MiB", "calls.memory=64MiB", "run.drain=60s"]


def own_values(out):
    """What the monitor told of itself last."""
    last = {}
    with open(os.path.join(out, "data", "metric.jsonl"), encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["scope"] == "monitor":
                last = record["values"]
    return last


def stored(out):
    """Records of calls in the folder, and those that are said to be missing."""
    with open(os.path.join(out, "streams.json"), encoding="utf-8") as file:
        streams = [s for s in json.load(file)["streams"] if s["kind"] == "call"]
    return sum(s["records"] for s in streams), sum(s["records_missing"] for s in streams)


def daemon_of(out):
    """The pid of the daemon whose job has that folder; None: it is not there (yet)."""
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file, open(path.replace("environ", "comm"), "rb") as name:
                if name.read() == b"jemd\n" and f"JEM_FOLDER={out}".encode() in file.read().split(b"\0"):
                    return int(path.split("/")[2])
        except OSError:
            pass
    return None


def give_processor(out):
    """Whether it was permitted. Threads that it makes later inherit it."""
    pid = daemon_of(out)
    if not pid or os.environ.get("JEM_BENCH_SHARED"):
        return False
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            os.sched_setscheduler(int(task), os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        return False
    return True


def one_run(folder, number, rate, seconds, options):
    out = os.path.join(os.path.realpath(folder), f"out-{number}")
    words = [os.path.join(BUILD, "jem"), "run", "--quiet", "--out", out, "--calls", "*"]
    words += [word for setting in SETTINGS for word in ("--set", setting)] + options
    # The shell waits for a line: by then the daemon is there.
    words += ["--", "sh", "-c", "echo; read line; exec \"$@\"", "sh", os.path.join(BUILD, "tests/bench/calls_pace")]
    begin = time.monotonic()
    with subprocess.Popen([*words, str(rate), str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as job:
        job.stdout.readline()
        is_given = give_processor(out)
        said = job.communicate(b"\n", timeout=60 + 20 * seconds)[0]
    if job.returncode:
        raise RuntimeError(f"jem run ended with {job.returncode}")
    calls, took = said.split()[:2]
    values = own_values(out)
    records, missing = stored(out)
    hooks = 2 * int(calls)
    cpu_s = values["cpu_user_s"] + values["cpu_system_s"]
    return {"hooks": hooks, "rate": hooks / float(took), "records": records, "missing": missing,
            "ring_full": int(values["calls_ring_full"]), "batches": int(values["batches_dropped"]),
            "drain_ns": values["calls_drain_s"] * 1e9 / max(values["calls_records"], 1),
            "daemon_ns": cpu_s * 1e9 / max(values["calls_records"], 1),
            "wall_s": time.monotonic() - begin, "given": "yes" if is_given else "no"}


def main():
    rate = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 4
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    lost = []
    is_counted = True
    print(f"# {2 * rate:,} events a second for {seconds:g} s, load {os.getloadavg()[0]:.1f}\n"
          "| events/s | in data/ | lost in rings | lost behind | ns a record: drain | daemon in all | s to the end "
          "| processor given |\n|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(runs):
            run = one_run(folder, number, rate, seconds, sys.argv[4:])
            lost.append(1 - run["records"] / run["hooks"])
            is_counted &= run["records"] + run["missing"] + run["ring_full"] == run["hooks"]
            print("| {rate:,.0f} | {records:,} | {ring_full:,} | {missing:,} | {drain_ns:.0f} | {daemon_ns:.0f} "
                  "| {wall_s:.1f} | {given} |".format(**run), flush=True)
    median = statistics.median(lost)
    print(f"# lost in the median: {median:.2%}; {'every' if is_counted else 'NOT every'} hook call is accounted for")
    sys.exit(0 if is_counted and not median else 1 if is_counted else 2)


if __name__ == "__main__":
    main()
