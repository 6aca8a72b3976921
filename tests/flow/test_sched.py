#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the cores ran, live: from tracefs as root, from perf as anybody, from /proc at the last.

Nothing here asserts a time of the machine's: what is published is held against what the job says of
itself, by clocks of its own.
"""
import io
import json
import os
import shutil
import signal
import subprocess

from jemtest import (BUILD, case, check, check_equal, check_in, jem, main, program, skip, spawn,
                     wait_until)
from launching import NOBODY

try:
    import cbor2
    import zstandard
    from contract import check_batch
except ImportError:
    cbor2 = zstandard = None

LOAD = os.path.join(BUILD, "tests", "flow", "sched_load")
INSTANCES = "/sys/kernel/tracing/instances"
WAIT_FLAGS = 4 | 8 | 16  # of slices whose wait is not from a wake-up on


def need_tracefs():
    if not cbor2 or not zstandard:
        skip("python3-cbor2 or python3-zstandard is not installed")
    if not os.access(INSTANCES, os.W_OK):
        skip("tracefs instances are not to be had here")


def batches(report):
    """Bodies of all batches in the folder, each checked against the schema."""
    path = os.path.join(report, "data", "sched.cbors.zst")
    with open(path, "rb") as file:
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        whole = io.BytesIO(reader.read())
    size = len(whole.getbuffer())
    while whole.tell() < size:
        begin = whole.tell()
        cbor2.load(whole)
        yield check_batch(whole.getvalue()[begin:whole.tell()], "application/cbor")


class Report:
    """The sched rows of a job's folder, by event, and what was said of the level."""

    def __init__(self, report):
        self.rows = {"slice": [], "task": [], "gap": [], "summary": []}
        self.dropped = {}
        for head, records in batches(report):
            self.dropped = head["dropped"] or self.dropped
            for record in records:
                record["ns"] = int(head["mono_ns"]) + record["dt_ns"]
                self.rows[record["event"]].append(record)
        with open(os.path.join(report, "data", "status.jsonl"), encoding="utf-8") as lines:
            status = [json.loads(line) for line in lines]
        self.levels = [r for r in status if r.get("what") == "sched"]

    def of(self, tid):
        return [s for s in self.rows["slice"] if s["tid"] == tid]

    def level(self):
        check_equal(len(self.levels), 1, "records about the level")
        return self.levels[0]["level"]


def run(folder, *words, options=(), runner=(), name="report"):
    """Runs a job under the monitor, after the level is known: its output and the report."""
    out = os.path.join(folder, name)
    # The kernel takes a while to set tracefs up, and the job does not wait for it: this one does.
    script = ('n=0; until grep -qs \'"what":"sched"\' "$0"/data/status.jsonl || [ $n -ge 200 ]; '
              'do sleep 0.1; n=$((n + 1)); done; exec "$@"')
    done = subprocess.run([*runner, program("jem"), "run", "--quiet", "--out", out, *options, "--",
                           "sh", "-c", script, out, *words], timeout=120, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True)
    check_equal(done.returncode, 0, f"exit status ({done.stderr!r})")
    return done.stdout.decode(), Report(out)


def sum_of(slices, field):
    return sum(s[field] for s in slices)


def taken_ns():
    """Time of all cores that interrupts and the host have taken: proc(5), /proc/stat."""
    with open("/proc/stat", encoding="ascii") as text:
        fields = text.readline().split()
    return sum(int(fields[i]) for i in (6, 7, 8)) * 10 ** 9 // os.sysconf("SC_CLK_TCK")


def check_spin(said, report, taken):
    """Of the process that spun: its slices make up its processor time."""
    ran, unsure = {}, {}
    for piece in report.rows["slice"]:
        tid = piece["tid"]
        ran[tid] = ran.get(tid, 0) + piece["run_ns"]
        # Some kernels do not tell of every switch; then begin or end are said to be inferred, and the
        # time that was missed stands beside it as waiting.
        if piece["flags"] & 3 or not piece["run_ns"]:
            unsure[tid] = unsure.get(tid, 0) + piece["run_ns"] + piece["wait_ns"]
    spinner = max(ran, key=ran.get)
    slack = 0.02 * int(said) + 60e6 + unsure.get(spinner, 0)
    text = (f"the spinner ran {ran[spinner]} ns by its slices and {said} by itself; {slack:.0f} may be "
            f"missing, {taken} were taken from all cores meanwhile")
    check(ran[spinner] >= int(said) - slack, text)
    # A core that the host or an interrupt has taken away is still the task's in its slices, and so is one
    # that it left by a switch which the kernel did not tell.
    check(ran[spinner] <= 1.25 * int(said) + slack + taken, text)


@case
def slices_make_up_the_processor_time_of_a_job(folder):
    need_tracefs()
    taken = taken_ns()
    said, report = run(folder, LOAD, "spin", "1500")
    check_equal(report.level(), "tracefs", "level")
    check_spin(said, report, taken_ns() - taken)
    of_job = [s for s in report.rows["summary"] if s["scope"] == "job"]
    of_node = [s for s in report.rows["summary"] if s["scope"] == "node"]
    check_equal(len(of_job), len(of_node), "summaries of the job, and of the node")
    ran = sum(s["running"] * s["span_ns"] for s in of_job)
    sliced = sum_of(report.rows["slice"], "run_ns")
    check(abs(ran - sliced) < 1000, f"the job ran {ran} ns by its summaries, {sliced} by its slices")
    check(all(s["lost"] == 0 for s in of_node), "events were lost")
    check_equal(report.dropped, {}, "losses in the heads")
    out = os.path.join(folder, "report")
    with open(os.path.join(out, "index.html"), encoding="utf-8") as page:
        check_in('id="scheduling"', page.read(), "the page")
    lines = jem("log", out, "--kind", "sched").stdout.decode().splitlines()
    check(sum(": ran " in line and ", waited " in line for line in lines) >= len(
        report.rows["slice"]), "slices are not told to people")
    check(any("job: running " in line for line in lines), "no summary is told to people")
    for name in ("cores.svg", "running.svg", "cores.png", "running.png"):
        os.unlink(os.path.join(out, "graphs", name))
    check_equal(jem("report", out).returncode, 0, "exit status of jem report")
    for name in ("cores.svg", "running.svg", "cores.png", "running.png"):
        check(os.path.getsize(os.path.join(out, "graphs", name)) > 1000, f"no {name}")


@case
def only_the_jobs_tasks_are_in_its_slices(folder):
    need_tracefs()
    said, report = run(folder, LOAD, "family")
    grandchild, thread = (int(line) for line in said.split())
    tasks = {t["tid"]: t for t in report.rows["task"]}
    check_equal(tasks[thread]["pid"], grandchild, "process of the thread")
    check_equal(tasks[thread]["parent_tid"], grandchild, "who made the thread")
    check_equal(tasks[thread]["comm"], "jem-thread", "its name")
    check(all(t["of_job"] for t in tasks.values()), "a task of somebody else")
    known = {"jem-thread", "jem-grandchild", "jem-child", "sched_load", "jem", "sh", "sleep", "grep"}
    names = {s["comm"] for s in report.rows["slice"]}
    # Of the first row on: a name may be that of the program that starts another.
    check(not names - known, f"names that no task of the job bears: {names - known}")
    check(report.of(thread) and report.of(grandchild), "no slice of thread or grandchild")
    lives = [t["life"] for t in report.rows["task"] if t["tid"] == thread]
    check_in("born", lives, "what was told of the thread")
    check_in("died", lives, "what was told of the thread")


@case
def the_node_is_shown_without_names_of_others(folder):
    need_tracefs()
    other = spawn(["sh", "-c", "while read x; do echo $x; done"], stdin=subprocess.PIPE,
                  stdout=subprocess.PIPE)
    reports = []
    for foreign in ("other", "comm"):
        feeder = spawn(["sh", "-c", f"while sleep 0.02; do echo x; done >/proc/{other.pid}/fd/0"])
        reports.append(run(folder, LOAD, "spin", "300", name=foreign,
                           options=["--sched", "node", "--set", f"privacy.foreign={foreign}"])[1])
        feeder.kill()
    hidden, shown = ({s["comm"] for s in report.of(other.pid)} for report in reports)
    check_equal(hidden, {"other"}, "names of a process outside the job")
    check_equal(shown, {"sh"}, "its name where that is asked for")
    check_in("sched_load", {s["comm"] for s in reports[0].rows["slice"]}, "names of the job's own")


@case
def wakeups_are_on_the_clock_of_the_job(folder):
    need_tracefs()
    said, report = run(folder, LOAD, "wake", "300")
    numbers = [[int(word) for word in line.split()] for line in said.splitlines()]
    (parent, child), brackets = numbers[0], numbers[1:]
    woken = [s["ns"] - s["wait_ns"] for s in report.of(child)
             if s["waker_tid"] == parent and not s["flags"] & WAIT_FLAGS]
    check(len(woken) >= len(brackets) / 2, f"{len(woken)} wake-ups of {len(brackets)}")
    off = []
    for at in woken:
        before, after = min(brackets, key=lambda b: abs(b[0] - at))
        off.append(before - at if at < before else max(at - after, 0))
    # The child's first is its birth, before all; of one that the kernel did not tell another is taken.
    off = sorted(off)[:len(off) * 97 // 100]
    rms = (sum((ns * 1e-3) ** 2 for ns in off) / len(off)) ** 0.5
    check(rms <= 1, f"wake-ups are {rms:.3f} us (rms) outside of the time that the waker tells")


def daemon_of(report):
    """The pid of the job's jemd once it has an instance."""
    for name in os.listdir(INSTANCES):
        try:
            with open(f"/proc/{name.split('-')[1]}/cmdline", "rb") as data:
                if name.startswith("jem-") and report.encode() in data.read():
                    return int(name.split("-")[1])
        except (IndexError, OSError):
            continue
    return None


def has_instance(daemon):
    return any(name.startswith(f"jem-{daemon}-") for name in os.listdir(INSTANCES))


def start(report, *words, options=()):
    """A job that waits, and its daemon, which observes."""
    job = spawn([program("jem"), "run", "--quiet", "--out", report, *options, "--", LOAD, *words],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check_equal(job.stdout.readline(), b"ready\n", "the job's first line")
    wait_until(lambda: b'"what":"sched"' in status_of(report), what="the level")
    daemon = daemon_of(report)
    check(daemon, "there is no instance")
    return job, daemon


def status_of(report):
    try:
        with open(os.path.join(report, "data", "status.jsonl"), "rb") as data:
            return data.read()
    except FileNotFoundError:
        return b""


@case
def losses_are_counted_alike_everywhere(folder):
    need_tracefs()
    out = os.path.join(folder, "report")
    job, daemon = start(out, "switch", "20000",
                        options=["--sched", "node", "--set", "sched.buffer=64KiB"])
    os.kill(daemon, signal.SIGSTOP)  # nobody reads
    job.stdin.write(b"\n")
    job.stdin.flush()
    check_equal(job.stdout.readline(), b"done\n", "the job's second line")
    os.kill(daemon, signal.SIGCONT)
    job.stdin.write(b"\n")
    job.stdin.close()
    check_equal(job.wait(timeout=60), 0, "exit status of the job")
    report = Report(out)
    lost = sum(s["lost"] for s in report.rows["summary"] if s["scope"] == "node")
    check(lost >= 20000, f"{lost} events were lost of more than 80,000")
    check_equal(report.dropped, {"truncated": lost}, "losses in the heads")
    check(report.rows["gap"], "no gap is told")


@case
def the_monitors_own_threads_are_in_a_sum_only(folder):
    need_tracefs()
    out = os.path.join(folder, "report")
    job, daemon = start(out, "switch", "1000", options=["--sched", "node"])
    job.stdin.write(b"\n")
    job.stdin.flush()
    check_equal(job.stdout.readline(), b"done\n", "the job's second line")
    job.stdin.write(b"\n")
    job.stdin.close()
    check_equal(job.wait(timeout=60), 0, "exit status of the job")
    report = Report(out)
    check(report.rows["slice"], "no slice of anybody")
    check_equal([s for s in report.rows["slice"] if s["pid"] == daemon], [], "the daemon's slices")
    check(sum(s["monitor_ns"] for s in report.rows["summary"] if s["scope"] == "node") > 0,
          "what the monitor ran is not told")


@case
def a_killed_daemon_leaves_no_instance_and_the_job_alone(folder):
    need_tracefs()
    job, daemon = start(os.path.join(folder, "report"), "wait")
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: not has_instance(daemon), what="the end of the instance")
    check(job.poll() is None, "the job has ended with its monitor")
    job.stdin.close()
    check_equal(job.wait(timeout=60), 7, "exit status of the job")


@case
def an_ended_job_leaves_no_instance(folder):
    need_tracefs()
    before = set(os.listdir(INSTANCES))
    run(folder, LOAD, "spin", "10")
    wait_until(lambda: not [n for n in set(os.listdir(INSTANCES)) - before
                            if n.startswith("jem-") and not os.path.exists(
                                f"/proc/{n.split('-')[1]}")], what="the end of the instance")


# --- without tracefs ---------------------------------------------------------------------------

def place_for_all(folder):
    os.chmod(folder, 0o755)
    open_to_all = os.path.join(folder, "all")
    os.mkdir(open_to_all)
    os.chmod(open_to_all, 0o777)
    return open_to_all


def anybody():
    if not cbor2 or not zstandard:
        skip("python3-cbor2 or python3-zstandard is not installed")
    if os.getuid():
        return []
    if not shutil.which("setpriv"):
        skip("setpriv is not installed")
    return NOBODY


def need_perf():
    with open("/proc/sys/kernel/perf_event_paranoid", encoding="ascii") as text:
        if int(text.read()) > 2:
            skip("kernel.perf_event_paranoid is over 2")


def check_switches(folder, runner):
    taken = taken_ns()
    said, report = run(folder, LOAD, "spin", "800", runner=runner)
    check_equal(report.level(), "switches", "level")
    check_in("wake-up cannot be seen", report.levels[0]["text"], "what is said of it")
    check(report.levels[0]["remedy"], "no remedy is told")
    check_spin(said, report, taken_ns() - taken)
    check(all(s["waker_tid"] is None for s in report.rows["slice"]), "a waker that nobody saw")
    check(all(s["latency_p50_ns"] is None and s["scope"] == "job" for s in report.rows["summary"]),
          "a summary tells more than is seen")
    own = {"jem", "sh", "sched_load", "sleep", "grep"}  # the first until the job's program runs
    check_equal({s["comm"] for s in report.rows["slice"]} - own, set(), "names of somebody else")


@case
def anybody_sees_the_switches_of_the_own_job(folder):
    need_perf()
    check_switches(place_for_all(folder), anybody())


@case
def without_tracefs_root_sees_the_jobs_switches(folder):
    if os.getuid() or not cbor2:
        skip("only root can hide tracefs")
    hide = ["unshare", "--mount", "sh", "-c",
            "mount -t tmpfs none /sys/kernel/tracing && mount -t tmpfs none /sys/kernel/debug && "
            'exec "$@"', "hide"]
    if subprocess.run([*hide, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        skip("tracefs cannot be hidden here")
    check_switches(folder, hide)


@case
def without_perf_tasks_are_sampled(folder):
    runner = [*anybody(), "/usr/bin/python3", "-c", DENY_PERF]
    if subprocess.run([*runner, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        skip("system calls cannot be filtered here")
    said, report = run(place_for_all(folder), LOAD, "spin", "2500", runner=runner)
    check_equal(report.level(), "sampling", "level")
    check_in("perf_event_open", report.levels[0]["text"], "what stands against more")
    check_equal(report.rows["slice"], [], "slices that nobody saw")
    ran = sum(s["running"] * s["span_ns"] for s in report.rows["summary"]
              if s["running"] is not None)
    check(ran <= 1.05 * int(said) + 500e6, f"by the summaries the job ran {ran} ns, by itself {said}")
    check(ran >= 0.3 * int(said), f"by the summaries the job ran {ran} ns, by itself {said}")


# A filter (seccomp(2)) that lets perf_event_open fail with EACCES, as distributions do it; x86-64 only.
DENY_PERF = r"""
import ctypes, os, platform, struct, sys
if platform.machine() != "x86_64":
    sys.exit(1)
PERF_EVENT_OPEN, EACCES = 298, 13
code = [(0x20, 0, 0, 0), (0x15, 0, 1, PERF_EVENT_OPEN), (0x06, 0, 0, 0x00050000 | EACCES),
        (0x06, 0, 0, 0x7fff0000)]
filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
program = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(filters))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0):
    sys.exit(1)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@case
def off_is_off(folder):
    out = os.path.join(folder, "report")
    done = jem("run", "--quiet", "--sched", "off", "--out", out, "--", LOAD, "spin", "50")
    check_equal(done.returncode, 0, "exit status")
    check(not os.path.exists(os.path.join(out, "data", "sched.cbors.zst")), "there is a feed")


main()
