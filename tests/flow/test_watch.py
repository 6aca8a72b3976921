#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""jem watch: lines in a pipe, JSON, and the screen in a terminal that tmux keeps."""
import itertools
import json
import os
import re
import select
import shutil
import signal
import subprocess
import time

from feeding import Collector, Feed, batch, call_batch, lines, start_broker, topic
from jemtest import (case, check, check_equal, check_in, end, jem, main, program, skip, spawn,
                     wait_until)

STATUS = {"dt_ns": 0, "state": "running", "text": "the job runs", "command": "analyse -n 5"}
ENDED = {"dt_ns": 0, "state": "ended", "text": "ended with exit status 0", "exit_code": 0,
         "wall_s": 60, "cpu_user_s": 50, "cpu_system_s": 1, "peak_rss_bytes": 3 << 30,
         "memory_limit_bytes": 4 << 30}


def start_collector(folder):
    """With its socket in the folder, where jem run puts it."""
    collector = Collector(folder).start()
    os.makedirs(collector.out, exist_ok=True)
    os.link(collector.path, os.path.join(collector.out, "broker.sock"))
    return collector


def sample(second):
    return [{"dt_ns": 0, "scope": "node", "values": {"cpu_count": 2, "load1": 1.5,
                                                     "work_free_bytes": 9 << 30}},
            {"dt_ns": 0, "scope": "job",
             "values": {"cpu_user_s": second * 0.9, "cpu_system_s": 0, "cpu_cores": 0.9,
                        "rss_bytes": (second + 1) << 25, "peak_rss_bytes": 3 << 30,
                        "memory_limit_bytes": 4 << 30, "rchar_bytes": second << 20,
                        "rchar_bytes_per_s": 1 << 20, "processes": 3, "threads": 4}}]


def send_minute(feed, job="job"):
    """A minute of a job's life, with an alert at its end."""
    t0_us = 1700000000000000
    feed.send(batch([STATUS], kind="status", t0_us=t0_us, job=job), topic("status", job))
    for second in range(60):
        feed.send(batch(sample(second), kind="metric", seq=second, first=2 * second,
                        t0_us=t0_us + second * 1000000, job=job), topic("metric", job))
    feed.send(batch(lines(0, 40), t0_us=t0_us, job=job), topic("log", job))
    feed.send(batch([{"dt_ns": 0, "rule": "memory", "severity": "warning",
                      "text": "resident set over 0.9 of the limit", "values": {}}],
                    kind="alert", t0_us=t0_us + 59000000, job=job), topic("alert", job))


class Screen:
    """A terminal of tmux with a server of its own."""

    def __init__(self, folder, command, width=80, height=24):
        if not shutil.which("tmux"):
            skip("tmux is not installed")
        self.base = ["tmux", "-S", os.path.join(folder, "tmux"), "-f", "/dev/null"]
        shell = f"{command}; code=$?; stty -a | grep -c ' echo '; echo ended with $code; read x"
        self.server = spawn([*self.base, "-D"], stdin=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(os.path.join(folder, "tmux")), what="tmux")
        self.tmux("new-session", "-d", "-x", str(width), "-y", str(height), shell,
                  env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"})

    def tmux(self, *words, **options):
        ran = subprocess.run([*self.base, *words], capture_output=True, timeout=20, check=False,
                             **options)
        check_equal(ran.returncode, 0, f"tmux {words}: {ran.stderr}")
        return ran.stdout.decode()

    def lines(self):
        return self.tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def wait(self, part, seconds=20):
        """Until `part` is on the screen: its lines."""
        shown = []

        def is_there():
            shown[:] = self.lines()
            return part in "\n".join(shown)

        try:
            wait_until(is_there, seconds, part)
        except Exception:
            print("# " + "\n# ".join(shown))
            raise
        return shown

    def key(self, *keys):
        self.tmux("send-keys", *keys)

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))


@case
def prints_lines_in_a_pipe_and_ends_with_the_job(folder):
    collector = start_collector(folder)
    watch = spawn([program("jem"), "watch", collector.out], stdout=subprocess.PIPE)
    feed = Feed(collector.url)
    feed.send(batch([STATUS], kind="status"), topic("status"))
    seen = watch.stdout.readline().decode()
    check_in("status  running: the job runs command=\"analyse -n 5\"", seen, "the first line")
    feed.send_lines(0, 0, 2)
    check_in("log     a.log: line 0", watch.stdout.readline().decode(), "a line")
    check_in("log     a.log: line 1", watch.stdout.readline().decode(), "a line")
    collector.finish()
    check_equal(watch.stdout.read(), b"", "what came after")
    check_equal(watch.wait(20), 0, "exit status")


@case
def prints_json_with_topics(folder):
    url = start_broker(folder)
    watch = spawn([program("jem"), "watch", "job", "--broker", url, "--raw", "--kind", "log,metric"],
                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    feed = Feed(url)

    def is_heard():  # what came before its subscription is not told
        feed.send_lines(feed.count, 2 * feed.count, 2)
        return select.select([watch.stdout], [], [], 0.1)[0]

    wait_until(is_heard, what="a line")
    first = json.loads(watch.stdout.readline())
    check_equal(first["topic"], "jem.site.user.job.node.log", "topic")
    check_equal(sorted(first), sorted(["topic", "t", "epoch", "seq", "i", "dt_ns", "file", "offset",
                                       "text"]), "members")
    check_equal(end(watch, signal.SIGINT), 0, "exit status")


@case
def replays_a_folder_as_it_was_recorded(folder):
    collector = Collector(folder).start()
    feed = Feed(collector.url)
    send_minute(feed)
    feed.wait()
    collector.finish()
    text = jem("watch", collector.out).stdout.decode().splitlines()
    check_equal(len(text), 42, "lines without samples")
    raw = [json.loads(line) for line in jem("watch", collector.out, "--raw").stdout.splitlines()]
    check_equal(len(raw), 42 + 120, "records")
    check_equal({line["topic"] for line in raw},
                {topic(kind) for kind in ("status", "metric", "log", "alert")}, "topics")


@case
def shows_a_tidy_screen_and_gives_the_terminal_back(folder):
    collector = start_collector(folder)
    feed = Feed(collector.url)
    send_minute(feed)
    feed.wait()
    screen = Screen(folder, f"'{program('jem')}' watch '{collector.out}'")
    shown = screen.wait("line 39")
    text = "\n".join(shown)
    check_equal(len(shown), 24, "rows")
    check(all(len(line) <= 80 for line in shown), "no line is wider than the terminal")
    check_in("job of user at site on node", shown[0], "the first row")
    check_in("running for ", shown[1], "the second row")
    for part in ("0.90 cores of 2", "peak 3.00 GiB", "75 % of 4.00 GiB", "1.00 MiB/s", "processes 3",
                 "memory: resident set over 0.9 of the limit", "a.log: line 38", "q: quit"):
        check_in(part, text, "the screen")
    check(any(set(line) & set("▁▂▃▄▅▆▇█") for line in shown), "there are curves")
    feed.send_lines(1, 40, 1)
    screen.wait("line 40")
    for width, height in ((40, 10), (20, 5), (200, 50), (80, 24)):
        screen.resize(width, height)
        shown = screen.wait("UTC")
        check(len(shown) <= height and all(len(line) <= width for line in shown),
              f"{width} x {height}")
    feed.send(batch([ENDED], kind="status", seq=1, first=1, t0_us=1700000060000000), topic("status"))
    screen.wait("ended with exit status 0 after 1 min")
    collector.finish()
    screen.wait("recorded, ")
    screen.key("q")
    shown = screen.wait("ended with 0")
    check_equal([line for line in shown if line][:2], ["1", "ended with 0"],
                "the terminal as it was, with its echo")


def send_profile(feed, second, **calls):
    """What a daemon tells of functions in a second of the job."""
    rows = [{"dt_ns": 0, "lang": "c", "function": name, "file": "/a.c", "line": 1, "calls": n,
             "returns": n, "total_ns": n * 10, "self_ns": n * 10, "min_ns": 1, "max_ns": 99}
            for name, n in calls.items()]
    feed.send(batch(rows, kind="profile", seq=second, first=second * len(rows),
                    t0_us=int(time.time() * 1e6) + second * 1000), topic("profile"))


@case
def shows_a_line_of_calls(folder):
    collector = start_collector(folder)
    feed = Feed(collector.url)
    feed.send(batch([STATUS], kind="status", t0_us=int(time.time() * 1e6)), topic("status"))
    send_profile(feed, 0, leaf=300, walk=100)
    feed.wait()
    # Both come into the model: what the folder has, and what comes live.
    screen = Screen(folder, f"'{program('jem')}' watch '{collector.out}'", width=120)
    shown = screen.wait("calls ")
    check_in("calls    400 in all of 2 functions, most time in leaf (75 %)", "\n".join(shown))
    row = {"dt_ns": 0, "pid": 1, "tid": 1, "event": "enter", "depth": 0, "function": "leaf"}
    seconds = itertools.count(1)

    def is_live():  # what comes between the folder's end and the subscription is in the next profile
        second = next(seconds)
        send_profile(feed, second, leaf=300, walk=800 + 100 * second, other=100)
        feed.send(call_batch([row], seq=second, first=second,
                             dropped={"queue_full": 4, "rate_limited": 31}), topic("call"))
        shown = "\n".join(screen.lines())
        return re.search(r"^calls    [\d.k ]+/s, \d+ in all of 3 functions, most time in walk \(\d\d %\); "
                         r"no record of: 4 queue_full, 31 rate_limited$", shown, re.MULTILINE)

    wait_until(is_live, what="the line of calls")
    feed.wait()
    feed.send(batch([ENDED], kind="status", seq=1, first=1, t0_us=int(time.time() * 1e6)), topic("status"))
    collector.finish()
    screen.wait("recorded, ")
    check_in("no record of: 4 queue_full, 31 rate_limited", "\n".join(screen.lines()), "once it has ended")
    screen.key("q")
    screen.wait("ended with 0")


@case
def survives_suspension_and_ends_on_signals(folder):
    collector = start_collector(folder)
    feed = Feed(collector.url)
    send_minute(feed)
    feed.wait()
    screen = Screen(folder, "PS1='here> ' bash --norc -i")
    screen.wait("here>")
    screen.key(f"'{program('jem')}' watch '{collector.out}'", "Enter")
    screen.wait("line 39")
    screen.key("C-z")
    shown = screen.wait("Stopped")
    check("line 39" not in "\n".join(shown), "the shell's own screen is back")
    screen.key("fg", "Enter")
    screen.wait("line 39")
    screen.key("C-c")
    screen.wait("here>")
    screen.key("exit", "Enter")
    screen.wait("ended with 0")


@case
def lists_the_jobs_of_a_broker(folder):
    url = start_broker(folder)
    screen = Screen(folder, f"'{program('jem')}' watch --broker '{url}'")
    screen.wait("0 jobs")
    feed = Feed(url)
    for job in ("one", "two"):
        send_minute(feed, job)
    feed.wait()
    shown = screen.wait("2 jobs")
    rows = [line for line in screen.wait("two") if line.startswith(("one ", "two "))]
    check_equal(len(rows), 2, "jobs")
    check_in("running", rows[0], "a job's row")
    check(len(shown) == 24, "rows")
    screen.key("q")
    screen.wait("ended with 0")


@case
def writes_no_control_character_of_a_job_to_the_terminal(folder):
    collector = Collector(folder).start()
    feed = Feed(collector.url)
    evil = "\u001b]0;title\u0007\u001b[2J\u001b[H\u009b31m\u202egone \u6f22\u5b57\u0301"
    feed.send(batch([dict(STATUS, text=evil, command=evil)], kind="status"), topic("status"))
    feed.send(batch([{"dt_ns": 0, "file": evil, "offset": 0, "text": evil}]), topic())
    feed.wait()
    collector.finish()
    screen = Screen(folder, f"'{program('jem')}' watch '{collector.out}'")
    text = "\n".join(screen.wait("gone"))
    check_in("\\x1b]0;title\\a\\x1b[2J", text, "the screen")
    screen.key("q")
    screen.wait("ended with 0")


main()
