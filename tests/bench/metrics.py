#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What watching costs: the daemon, and the job it watches.

    tests/bench/metrics.py [cost] [run] [ticks] [stall] [harm]      default: all

Takes under four minutes. More is had by BENCH_ROUNDS (of stall and harm: 3) and BENCH_SECONDS (of cost: 20;
run takes half as many more, a round of stall a fifth). Needs the build (top_builddir), `make
bench-metrics` builds what it runs. Peers that are installed (collectd, prometheus-node-exporter) run
beside us, in the same seconds. Everything listens on loopback or on sockets in a private folder, and
is ended by its pid.
"""
import http.client
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("top_builddir", os.path.join(TOP, "build"))
PAYLOAD = os.path.join(BUILD, "tests/bench/payload")
PROBE = os.path.join(BUILD, "tests/flow/metrics_probe")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
COST_S = float(os.environ.get("BENCH_SECONDS", "20"))
STALL_S = max(4, round(COST_S / 5))

COLLECTD = """
BaseDir "{folder}"
PIDFile "{folder}/pid"
PluginDir "/usr/lib/collectd"
TypesDB "/usr/share/collectd/types.db"
Interval 1
LoadPlugin cpu
LoadPlugin memory
LoadPlugin swap
LoadPlugin load
LoadPlugin disk
LoadPlugin df
LoadPlugin interface
LoadPlugin vmem
LoadPlugin contextswitch
LoadPlugin processes
LoadPlugin csv
<Plugin processes>
  ProcessMatch "payload" "payload"
</Plugin>
<Plugin csv>
  DataDir "{folder}/csv"
</Plugin>
"""


def cpu_s(pid):
    """Processor time of all threads, in nanoseconds of the scheduler's own count."""
    total = 0
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as text:
            total += int(text.read().split()[0])
    return total / 1e9


def memory_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as text:
        lines = dict(line.split(":", 1) for line in text)
    return tuple(int(lines[k].split()[0]) for k in ("RssAnon", "VmHWM"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Peers:
    def __init__(self, folder):
        self.children = {}
        self.scraper, self.stopping = None, threading.Event()
        if shutil.which("collectd"):
            config = os.path.join(folder, "collectd.conf")
            with open(config, "w", encoding="ascii") as out:
                out.write(COLLECTD.format(folder=folder))
            self.children["collectd"] = subprocess.Popen(
                ["collectd", "-f", "-C", config], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
        if shutil.which("prometheus-node-exporter"):
            port = free_port()
            self.children["node_exporter, scraped"] = subprocess.Popen(
                ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.scraper = threading.Thread(target=self.scrape, args=(port,))
            self.scraper.start()

    def scrape(self, port):
        while not self.stopping.wait(1):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/metrics")
                connection.getresponse().read()
                connection.close()
            except OSError:
                pass

    def end(self):
        self.stopping.set()
        if self.scraper:
            self.scraper.join()
        for child in self.children.values():
            child.send_signal(signal.SIGTERM)
            child.wait()


def print_cost(seconds, before, children):
    print(f"{'':28}  % of a core  RssAnon MB  VmHWM MB")
    for name, child in children.items():
        used = cpu_s(child.pid) - before[name]
        anon, peak = memory_kb(child.pid)
        print(f"{name:28}  {100 * used / seconds:11.3f}  {anon / 1024:10.2f}  {peak / 1024:8.1f}")


def bench_cost():
    """The daemon at 1 Hz beside an 8-process job, AMQP on, and its peers in the same seconds."""
    folder = tempfile.mkdtemp(prefix="jem-bench-")
    job = subprocess.Popen([PAYLOAD, "eight", str(COST_S + 20)])
    broker = subprocess.Popen(
        [os.path.join(BUILD, "jem-tool"), "broker", "--listen", f"unix:{folder}/b"],
        stdout=subprocess.PIPE)
    broker.stdout.readline()
    daemon = subprocess.Popen([os.path.join(BUILD, "jemd"), "--pid", str(job.pid),
                               "--broker", f"unix:{folder}/b"], stderr=subprocess.DEVNULL)
    peers = Peers(folder)
    children = {"jemd, AMQP on": daemon, **peers.children}
    try:
        time.sleep(5)  # all have started
        before = {name: cpu_s(child.pid) for name, child in children.items()}
        start = time.monotonic()
        time.sleep(COST_S)
        print_cost(time.monotonic() - start, before, children)
    finally:
        peers.end()
        for child in (daemon, broker, job):
            child.terminate()
            child.wait()
        shutil.rmtree(folder)


def private_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as text:
        return sum(int(line.split()[1]) for line in text if line.startswith("Private_"))


def read_words(path):
    try:
        with open(path, "rb") as text:
            return text.read().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def find_parts(launcher, folder):
    """What `jem run` started besides the job, by name: its daemons bear the folder's name."""
    parts = {"jem run": launcher}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        words = read_words(f"/proc/{pid}/cmdline")
        if folder in words and ("/jemd " in words or "/jem-tool " in words):
            parts["jemd" if "/jemd " in words else "jem-tool collect"] = int(pid)
    children = read_words(f"/proc/{launcher}/task/{launcher}/children").split()
    for child in map(int, children):
        if os.readlink(f"/proc/{child}/exe") == os.readlink(f"/proc/{launcher}/exe"):
            parts["its sentinel"] = child
    return parts


def bench_run():
    """All that `jem run` starts, with page and graphs drawn as they are."""
    folder = tempfile.mkdtemp(prefix="jem-bench-")
    report = os.path.join(folder, "report")
    seconds = 1.5 * COST_S
    job = subprocess.Popen([os.path.join(BUILD, "jem"), "run", "--quiet", "--out", report, "--",
                            PAYLOAD, "eight", str(seconds + 15)])
    time.sleep(5)  # all have started
    parts = find_parts(job.pid, report)
    before = {name: cpu_s(pid) for name, pid in parts.items()}
    start = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - start
    rows = [(name, 100 * (cpu_s(pid) - before[name]) / elapsed, private_kb(pid) / 1024,
             memory_kb(pid)[1] / 1024) for name, pid in parts.items()]
    job.wait()
    shutil.rmtree(folder)
    print(f"{'':18}  % of a core  private MB  VmHWM MB   over {elapsed:.0f} s")
    for row in rows:
        print("{:18}  {:11.3f}  {:10.2f}  {:8.1f}".format(*row))
    print("{:18}  {:11.3f}  {:10.2f}".format("all", *(sum(r[i] for r in rows) for i in (1, 2))))


def probe_cost(payload, *options, interval=0.1):
    """Processor time a tick, in us, without start and end, by two lengths."""
    costs = []
    for seconds in (1, 4):
        done = subprocess.run(
            [PROBE, "--interval", str(interval), "--quiet", "--cost", *options, "--", PAYLOAD,
             *payload, str(seconds)], stderr=subprocess.PIPE, check=True)
        _, ticks, used, _ = done.stderr.split()
        costs.append((int(ticks), float(used)))
    (ticks_a, used_a), (ticks_b, used_b) = costs
    return (used_b - used_a) / (ticks_b - ticks_a) * 1e6


def opens_a_tick(payload, *options):
    """System calls that open a file, in a tick, from strace; None without it."""
    if not shutil.which("strace"):
        return None
    counts = []
    for seconds in (2, 4):
        with tempfile.NamedTemporaryFile("r") as log:
            subprocess.run(
                ["strace", "-f", "-qq", "-e", "trace=openat,newfstatat,getdents64", "-o", log.name,
                 PROBE, "--interval", "0.5", "--quiet", *options, "--", PAYLOAD, *payload,
                 str(seconds)], check=True, stderr=subprocess.DEVNULL)
            counts.append(sum('"/proc' in line for line in log))
    return (counts[1] - counts[0]) / 4


def bench_ticks():
    print(f"{'processes':>10}  {'us a tick':>10}  {'no records':>10}  {'with PSS':>9}  "
          f"{'files of /proc opened':>21}")
    for count in (8, 128):
        payload = ["many", str(count)]
        opened = opens_a_tick(payload, "--no-pss")
        print(f"{count + 1:10}  {probe_cost(payload, '--no-pss'):10.0f}  "
              f"{probe_cost(payload, '--no-pss', '--no-perf'):10.0f}  "
              f"{probe_cost(payload):9.0f}  "
              f"{'?' if opened is None else round(opened, 1):>21}")


def read_rollup(stopping, pid_of):
    """What other monitors do: smaps_rollup, once a second."""
    while not stopping.wait(1):
        try:
            with open(f"/proc/{pid_of()}/smaps_rollup", encoding="ascii") as text:
                text.read()
        except OSError:
            pass


def stall_run(child, watcher):
    """p50, p99.9 and longest wait of the payload; `watcher` is given its process and returns an
    ending."""
    end = watcher(child)
    child.stdin.write(b"\n")
    child.stdin.flush()
    line = child.stdout.readline()
    end()
    return tuple(float(number) for number in line.split())


def watch_by_nobody(_child):
    return lambda: None


def watch_by_us(child):
    """jemd as `jem run` starts it, without a broker."""
    folder = tempfile.mkdtemp(prefix="jem-bench-")
    daemon = subprocess.Popen(
        ["nice", "-n", "10", os.path.join(BUILD, "jemd"), "--pid", str(child.pid), "--interval",
         "1", "--filename", f"{folder}/t", "--json-summary", f"{folder}/j"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end():
        daemon.terminate()
        daemon.wait()
        with open(f"{folder}/t", encoding="ascii") as text:
            rows = [line.split("\t") for line in text.read().splitlines()]
        column = rows[0].index("pss")
        # what was measured has to have happened
        watch_by_us.read |= max(int(row[column]) for row in rows[1:]) > 1 << 20
        shutil.rmtree(folder)

    return end


watch_by_us.read = False


def watch_by_rollup(child):
    stopping = threading.Event()
    reader = threading.Thread(target=read_rollup, args=(stopping, lambda: child.pid))
    reader.start()

    def end():
        stopping.set()
        reader.join()

    return end


def bench_stall():
    with open("/proc/meminfo", encoding="ascii") as text:
        free_mib = next(int(l.split()[1]) for l in text if l.startswith("MemAvailable")) // 1024
    mib = min(4096, free_mib // 2)
    watchers = {"control": watch_by_nobody, "jemd, PSS on": watch_by_us,
                "smaps_rollup at 1 Hz": watch_by_rollup}
    # Other load comes when it likes, so they take turns; the least and the median of the longest
    # waits tell what the readings cost.
    print(f"map, touch, unmap a page beside {mib} MiB for {STALL_S} s, ms; {ROUNDS} rounds in turn")
    print(f"{'':36} {'p99.9':>8} {'longest: least':>15} {'median':>8} {'greatest':>9}")
    for mappings in (1, 64):
        runs = {name: [] for name in watchers}
        with subprocess.Popen([PAYLOAD, "stall", str(mib), str(mappings), str(STALL_S)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            for _ in range(ROUNDS):
                for name, watcher in watchers.items():
                    runs[name].append(stall_run(child, watcher))
            child.stdin.close()
        for name, got in runs.items():
            longest = sorted(g[2] for g in got)
            print(f"{mappings:4} mappings  {name:22} "
                  f"{statistics.median(g[1] for g in got):8.3f} {longest[0]:15.2f} "
                  f"{statistics.median(longest):8.2f} {longest[-1]:9.2f}", flush=True)
        print(f"{'':15}PSS was {'read' if watch_by_us.read else 'NOT READ'} by jemd")
        watch_by_us.read = False


def payload_us(what, count, *options, watched=True):
    command = [PAYLOAD, what, str(count)]
    if watched:
        command = [PROBE, "--quiet", *options, "--"] + command
    # the best of some: other load on the machine only ever adds
    return min(float(subprocess.run(command, stdout=subprocess.PIPE, check=True)
                     .stdout.split()[-1]) for _ in range(ROUNDS))


def bench_harm():
    print(f"{'us':24}  {'alone':>8}  {'by perf':>8}  {'by the connector':>16}  {'no records':>10}")
    for what, count in (("fork", 3000), ("thread", 5000), ("switch", 50000)):
        print(f"{what:24}  {payload_us(what, count, watched=False):8.2f}  "
              f"{payload_us(what, count, '--task-perf'):8.2f}  "
              f"{payload_us(what, count, '--connector'):16.2f}  "
              f"{payload_us(what, count, '--no-perf'):10.2f}")
    print(f"{'perf on so many processors':28}  {'fork':>8}  {'thread':>8}   us")
    for events in (0, 2, 16, 64, 128):
        runs = [subprocess.run([PAYLOAD, "events", "1000", "2000", str(events)],
                               stdout=subprocess.PIPE, check=True).stdout.split()
                for _ in range(ROUNDS)]
        print(f"{events:28}  {min(float(r[0]) for r in runs):8.2f}  "
              f"{min(float(r[1]) for r in runs):8.2f}")


BENCHES = {"cost": bench_cost, "run": bench_run, "ticks": bench_ticks, "stall": bench_stall, "harm": bench_harm}


def main():
    for name in sys.argv[1:] or BENCHES:
        print(f"== {name}", flush=True)
        BENCHES[name]()
        sys.stdout.flush()


main()
