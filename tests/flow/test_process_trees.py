# SPDX-License-Identifier: Apache-2.0
"""The metrics source against jobs that are hard to follow (trees.c), as root and as anybody.

The truth is what each process says of itself just before it ends. Where the kernel lets us have
task records every process must be found, else every one older than two intervals; processor
time is right to 1 % either way.
"""
import json
import os
import shutil
import subprocess

from contract import check_batch
from jemtest import case, check, check_equal, jem, main, program, skip

INTERVAL = 0.5
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
COMM_BYTES = 15


class Seen:
    """What the source published, and what the processes said of themselves."""

    def __init__(self, batches, facts):
        self.processes, self.jobs, self.status, self.times = {}, [], [], []
        for batch in batches:
            for record in batch["records"]:
                scope = record.get("scope")
                if scope == "process":
                    self.processes.setdefault(record["pid"], []).append(record)
                elif scope == "job":
                    self.jobs.append(record["values"])
                    self.times.append(int(batch["head"]["mono_ns"]) + record["dt_ns"])
                elif batch["head"]["kind"] == "status":
                    self.status.append(record)
        self.facts = []
        for line in facts.splitlines():
            pid, cpu_ns, peak_kb, name = line.split(b" ", 3)
            self.facts.append((int(pid), int(cpu_ns) / 1e9, int(peak_kb) * 1024, name))
        self.final = self.jobs[-1]
        self.truth_s = None
        self.has_task_records = any(r.get("level") == "task records" for r in self.status)

    def cpu_s(self):
        return self.final["cpu_user_s"] + self.final["cpu_system_s"]

    def age_s(self, pid):
        return self.processes[pid][-1]["values"]["wall_s"]


def watch(folder, tree, *options, runner=()):
    os.chmod(folder, 0o777)
    facts = os.path.join(folder, "facts")
    done = subprocess.run(
        [*runner, program("tests/flow/metrics_probe"), "--interval", str(INTERVAL), *options, "--",
         program("tests/flow/trees"), facts, tree],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    check_equal(done.returncode, 0, f"exit status of {tree} ({done.stderr!r})")
    for line in done.stdout.splitlines():
        check_batch(line)
    with open(facts, "rb") as text:
        seen = Seen([json.loads(line) for line in done.stdout.splitlines()], text.read())
    if b"truth" in done.stderr:
        seen.truth_s = float(done.stderr.split()[1])
    os.remove(facts)
    return seen


def check_names(seen):
    for pid, _, _, name in seen.facts:
        if name == b"main" or pid not in seen.processes:
            continue
        wanted = name.replace(b"|", b"\n").decode("utf-8", "replace")
        check_equal(seen.processes[pid][-1]["comm"], wanted[:COMM_BYTES], f"name of {pid}")


def check_found(seen, lifetimes):
    for pid, _, _, name in seen.facts:
        lives_long = lifetimes.get(name.split(b"-")[0], 0) > 2 * INTERVAL
        if seen.has_task_records or lives_long:
            check(pid in seen.processes, f"{name!r} ({pid}) was not found")
    if seen.has_task_records:
        check_equal(len(seen.processes), len(seen.facts), "processes found")
        check_equal(seen.final["processes_seen"], len(seen.facts), "processes_seen")


def check_time(seen):
    truth = sum(cpu_s for _, cpu_s, _, _ in seen.facts)
    # a process cannot tell what its own end costs: a few ms when it gives back 60 MB
    slack = 0.01 * truth + 0.004 + 0.001 * len(seen.facts)
    check(abs(seen.cpu_s() - truth) <= slack, f"{seen.cpu_s()} s of processor time, not {truth}")
    for before, after in zip(seen.jobs, seen.jobs[1:]):
        for name in ("cpu_user_s", "cpu_system_s", "wchar_bytes", "processes_seen"):
            check(after[name] >= before[name], f"{name} fell from {before[name]} to {after[name]}")


# name of the process: how long it lives at least
TREES = {
    "thread": {b"thread": 2.5, b"main": 2.5},
    "daemon": {b"daemonised": 3.0, b"main": 3.0},
    "churn": {b"main": 3.0},
    "names": {b"my job 7": 2.5, b"a) R 1 (": 2.5, b"((": 2.5, b"))": 2.5, b"two|lines": 2.5,
              b") S 1 1 1 1": 2.5, b"\xff\xfe": 2.5, b"a\tb\\\"": 2.5},
}


def check_tree(folder, tree, *options, runner=()):
    seen = watch(folder, tree, *options, runner=runner)
    check_names(seen)
    check_found(seen, TREES[tree])
    check_time(seen)
    return seen


def need_root():
    if os.getuid() or not shutil.which("setpriv"):
        skip("only root can be somebody else")


@case
def follows_every_tree_as_the_user_who_runs_it(folder):
    for tree in TREES:
        check_tree(folder, tree)


@case
def follows_every_tree_without_task_records(folder):
    for tree in TREES:
        check(not check_tree(folder, tree, "--no-perf").has_task_records, "there are task records")


def check_trees_by_connector(folder, *options, runner=()):
    for tree in TREES:
        seen = check_tree(folder, tree, "--connector", *options, runner=runner)
        text = next(r["text"] for r in seen.status if r.get("what") == "processes")
        # a container has none: then it is said, and check_tree asked for less
        check(("connector" if seen.has_task_records else "parents' times") in text,
              f"how processes are seen: {text}")


@case
def follows_every_tree_by_the_proc_connector(folder):
    check_trees_by_connector(folder)


@case
def follows_every_tree_by_the_proc_connector_as_an_ordinary_user(folder):
    need_root()
    check_trees_by_connector(folder, runner=NOBODY)


@case
def finds_daemons_of_a_job_beside_us_by_task_records(folder):
    for options in (("--beside", "--connector"), ("--beside",)):
        seen = watch(folder, "daemon", *options)
        if seen.has_task_records:
            check_found(seen, TREES["daemon"])


@case
def follows_every_tree_as_an_ordinary_user(folder):
    need_root()
    for tree in TREES:
        check_tree(folder, tree, runner=NOBODY)


@case
def follows_every_tree_as_an_ordinary_user_without_task_records(folder):
    need_root()
    for tree in TREES:
        check_tree(folder, tree, "--no-perf", runner=NOBODY)


@case
def the_final_time_is_what_wait4_tells_to_a_millisecond(folder):
    for options in (("--truth",), ("--truth", "--no-perf")):
        for tree in ("daemon", "churn"):
            seen = watch(folder, tree, *options)
            check(abs(seen.cpu_s() - seen.truth_s) < 0.001,
                  f"{tree}: {seen.cpu_s()} s, but wait4 told {seen.truth_s}")


@case
def the_report_of_a_whole_run_has_every_process(folder):
    facts, report = os.path.join(folder, "facts"), os.path.join(folder, "report")
    done = jem("run", "--quiet", "--interval", str(INTERVAL), "--out", report, "--",
               program("tests/flow/trees"), facts, "names")
    check_equal(done.returncode, 0, f"exit status ({done.stderr!r})")
    with open(os.path.join(report, "data/metric.jsonl"), encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    with open(os.path.join(report, "data/status.jsonl"), encoding="utf-8") as lines:
        status = [json.loads(line) for line in lines]
    batches = [{"head": {"mono_ns": "0", "kind": "metric"},
                "records": [{**r, "dt_ns": 0} for r in records]},
               {"head": {"kind": "status"}, "records": status}]
    with open(facts, "rb") as text:
        seen = Seen(batches, text.read())
    check_names(seen)
    check_found(seen, TREES["names"])
    check_time(seen)
    known = [values for values in seen.jobs if "pss_bytes" in values]
    check(known, "PSS was not read")
    for values in known:
        check(values["pss_error_bytes"] >= 0 and values["pss_age_s"] >= 0, f"PSS: {values}")
    # each is small and was read: nothing is left open
    check(any(values["pss_error_bytes"] == 0 for values in known), "PSS was never exact")


@case
def sees_a_spike_between_two_samples(folder):
    for options in ((), ("--no-perf",)):
        seen = watch(folder, "spike", *options)
        peak = seen.final["peak_rss_bytes"]
        truth = max(f[2] for f in seen.facts)
        check(truth <= peak <= 1.01 * truth + 2e6, f"peak of {peak}, not {truth}")


@case
def no_process_inherits_the_peak_of_its_parent(folder):
    for options in ((), ("--no-perf",)):
        seen = watch(folder, "inherit", *options)
        for pid, records in seen.processes.items():
            if pid == seen.facts[-1][0]:  # the large one itself
                continue
            for record in records:
                peak = record["values"].get("peak_rss_bytes", 0)
                check(peak < 20e6, f"{record['comm']} has a peak of {peak}")
        check(seen.final["peak_rss_bytes"] < 215e6,
              f"the job has a peak of {seen.final['peak_rss_bytes']}")


@case
def counts_what_children_write_that_lived_between_samples(folder):
    for options in ((), ("--no-perf",)):
        seen = watch(folder, "write", *options)
        check(abs(seen.final["wchar_bytes"] - 30 * (4 << 20)) < 4096,
              f"{seen.final['wchar_bytes']} bytes written")
        # ten times 4 MiB a second for three seconds: samples within it show just that rate
        rates = [j["wchar_bytes_per_s"] for j in seen.jobs if "wchar_bytes_per_s" in j][1:5]
        for rate in rates:
            check(abs(rate / (40 << 20) - 1) < 0.25, f"rates of {rates}")
        check(abs(sum(rates) / len(rates) / (40 << 20) - 1) < 0.1, f"rates of {rates}")


@case
def keeps_the_time_between_samples(folder):
    seen = watch(folder, "names")
    spacings = sorted((b - a) / 1e9 for a, b in zip(seen.times, seen.times[1:-1]))
    check(len(spacings) >= 3, "too few samples")
    check(abs(spacings[len(spacings) // 2] - INTERVAL) < 0.005, f"spacings of {spacings}")
    drift = (seen.times[-2] - seen.times[0]) / 1e9 / len(spacings) - INTERVAL
    check(abs(drift) < 0.01, f"drifts by {drift} s a sample")


@case
def finds_what_a_job_beside_us_makes(folder):
    for tree in ("thread", "names"):
        for options in (("--beside",), ("--beside", "--no-perf")):
            seen = watch(folder, tree, *options)
            check_names(seen)
            check_found(seen, TREES[tree])


main()
