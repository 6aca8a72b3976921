# SPDX-License-Identifier: Apache-2.0
"""The programs in doc/records.md do what the page says."""
import json
import os
import re
import subprocess
import threading
import time

from jemtest import (BUILD, TOP, case, check, check_equal, end, jem, main, program, skip, spawn,
                     wait_until)

try:
    import cbor2
    import proton
    import zstandard
except ImportError:
    cbor2 = proton = zstandard = None


def programs(folder):
    """Writes each Python program of the page under the name in its first line."""
    with open(os.path.join(TOP, "doc", "records.md"), encoding="utf-8") as page:
        text = page.read()
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S):
        name = re.match(r"# (\w+\.py)", block).group(1)
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            out.write(block)


def check_times(feed, before):
    """All of this run, however long a busy machine took for it."""
    times = [record["t"] for record in feed.seen]
    check(before - 1 <= min(times) and max(times) <= time.time() + 1,
          f"times from {min(times)} to {max(times)} that are not of this run, from {before} on")


class Lines:
    """The lines of JSON that a child prints."""

    def __init__(self, argv):
        self.seen = []
        self.child = spawn(argv, stdout=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            self.seen.append(json.loads(line))


@case
def the_client_of_the_page_reads_a_live_feed(folder):
    if not proton:
        skip("python3-qpid-proton, python3-cbor2 or python3-zstandard is not installed")
    programs(folder)
    before = time.time()
    broker = spawn([program("jem-tool"), "broker", "--listen", "127.0.0.1:0"],
                   stdout=subprocess.PIPE)
    url = broker.stdout.readline().decode().strip()
    feed = Lines(["/usr/bin/python3", os.path.join(folder, "feed.py"), url, "jem.*.*.j1.#"])
    log = os.path.join(folder, "job.log")
    job = spawn(["bash", "-c", "read go; (printf %0100000d 7; echo; echo done) >>" + log],
                stdin=subprocess.PIPE)
    with open(log, "w", encoding="utf-8"):
        pass
    daemon = spawn([program("jemd"), "--broker", url, "--pid", str(job.pid), "--log", log,
                    "--set", "run.job=j1", "--set", "metrics.interval=0.1"])
    wait_until(lambda: any(r["kind"] == "metric" for r in feed.seen), seconds=60, what="a metric")
    job.communicate(b"go\n")
    wait_until(lambda: any(r.get("state") == "monitor_ended" for r in feed.seen), what="the end")
    check_equal(daemon.wait(20), 0)
    # streams are told in no order among each other
    wait_until(lambda: sum(r["kind"] == "log" for r in feed.seen) >= 2, what="the lines")
    lines = [r["text"] for r in feed.seen if r["kind"] == "log" and r["file"].endswith("job.log")]
    check_equal([(len(text), text[-1]) for text in lines], [(100000, "7"), (4, "e")],
                "a line in parts and a short one")
    check_times(feed, before)
    check_equal(end(broker), 0)


JOB = """
struct point { int x; const char *name; };
static int leaf(int a, struct point *p) { return a + p->x; }
int main(void) { struct point p = { 7, "seven" }; int s = 0;
                 for (int i = 0; i < 2000; i++) s += leaf(i, &p); return s == 0; }
"""


@case
def the_client_of_the_page_reads_calls(folder):
    if not proton:
        skip("python3-qpid-proton, python3-cbor2 or python3-zstandard is not installed")
    if not os.path.exists(os.path.join(BUILD, "jem-symbols")):
        skip("jem-symbols is not built")
    programs(folder)
    before = time.time()
    job = os.path.join(folder, "job")
    subprocess.run(["gcc", "-g", "-O0", "-finstrument-functions", "-x", "c", "-", "-o", job],
                   check=True, input=JOB.encode())
    broker = spawn([program("jem-tool"), "broker", "--listen", "127.0.0.1:0"],
                   stdout=subprocess.PIPE)
    url = broker.stdout.readline().decode().strip()
    feed = Lines(["/usr/bin/python3", os.path.join(folder, "feed.py"), url, "jem.*.*.j1.#"])
    probe = spawn([program("jem"), "run", "--quiet", "--job", "j1", "--broker", url, "--", "cat"],
                  stdin=subprocess.PIPE)
    wait_until(lambda: any(r["kind"] == "status" for r in feed.seen), seconds=60, what="the subscription")
    probe.communicate(b"")
    done = jem("run", "--quiet", "--job", "j1", "--broker", url, "--calls", "leaf", "--values",
               "--set", "calls.limit=0", "--set", "calls.process_limit=0",
               "--set", "calls.ring_bytes=8MiB", "--set", "calls.memory=64MiB",
               "--set", "calls.wait=50s", "--", job, cwd=folder)
    check_equal(done.returncode, 0)
    wait_until(lambda: sum(r["kind"] == "call" for r in feed.seen) == 4000, 90, "all calls")
    enters = [r for r in feed.seen if r["kind"] == "call" and r["event"] == "enter"]
    check_equal([r["args"][0]["value"] for r in enters], list(range(2000)), "values of a")
    check_equal(enters[7]["args"][1]["value"]["to"]["x"], 7, "behind the pointer")
    check_times(feed, before)
    check_equal(end(broker), 0)


main()
