#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Calls and profiles through a real receiver: calls.log, profile.csv, drawings, jem calls."""
import csv
import io
import json
import os
import re
import stat
import subprocess
import threading
import time

from feeding import Collector, Feed, batch, call_batch, data, start_broker, topic
from jemtest import case, check, check_equal, check_in, end, jem, main, program, spawn

HOSTILE = "f</script><b>\u202e\x1b[31m::\"'&;"


def call(event, ms, depth, function, tid=12, **more):
    return dict({"dt_ns": ms * 1000000, "pid": 11, "tid": tid, "event": event, "depth": depth,
                 "function": function, "file": "/src/fit.cc", "line": 41}, **more)


def named(**values):
    return [{"name": name, "type": "t", "value": value} for name, value in values.items()]


CALLS = [
    call("enter", 0, 0, "main", caller={"function": "_start"}),
    call("enter", 1, 1, "fit::Fit::run", args=named(n=3, track={"pt": 1.5, "hits": [1, 2]}),
         caller={"function": "main", "file": "/src/main.cc", "line": 12}),
    call("enter", 2, 0, HOSTILE, tid=13),
    call("exit", 3, 1, "fit::Fit::run", duration_ns=2000000, locals=named(chi2={"missing": "optimised out"}),
         **{"return": {"type": "double", "value": 3.5}}),
    call("exit", 4, 0, HOSTILE, tid=13, duration_ns=2000000),
    call("enter", 5, 1, "write"),
]


def profile(function, self_ns, total_ns, node=None, parent=None, calls=1):
    record = {"dt_ns": 0, "lang": "c", "function": function, "file": "/src/a,b.cc", "line": 7,
              "calls": calls, "returns": calls, "total_ns": total_ns, "self_ns": self_ns,
              "min_ns": 1, "max_ns": total_ns}
    return dict(record, node=node, parent=parent) if node else record


PROFILE = [
    profile("main", 1000000, 9000000), profile("fit::Fit::run", 8000000, 8000000, calls=2),
    profile("main", 1000000, 9000000, 1, 0), profile("fit::Fit::run", 8000000, 8000000, 2, 1, 2),
    profile(HOSTILE, 1000000, 1000000, 3, 0),
]


def record_job(folder):
    collector = Collector(folder).start()
    feed = Feed(collector.url)
    feed.send(call_batch(CALLS[:3], seq=0, first=0), topic("call"))
    feed.send(call_batch(CALLS[3:], seq=1, first=3, t0_us=1700000000000000,
                         mono_ns="5000000000"), topic("call"))
    feed.send(call_batch(CALLS[3:], seq=1, first=3, t0_us=1700000000000000,
                         mono_ns="5000000000"), topic("call"))  # again
    feed.send(batch(PROFILE[:2], kind="profile", seq=0, first=0), topic("profile"))
    feed.send(batch(PROFILE[2:], kind="profile", seq=1, first=2), topic("profile"))
    check_equal(set(feed.wait()), {"accepted"}, "outcomes")
    collector.finish()
    return collector.out


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as text:
        return text.read()


def told(*words, status=0):
    ran = jem(*words)
    check_equal((ran.returncode, ran.stderr), (status, b""), f"status and errors of {words}")
    return ran.stdout.decode()


LINES = """11/12  main()  fit.cc:41
11/12    fit::Fit::run(n=3, track={pt=1.5, hits=[1, 2]})  fit.cc:41, from main.cc:12
11/13  f</script><b>\\u202e\\x1b[31m::"'&;()  fit.cc:41
11/12    <- fit::Fit::run  2.00 ms  return 3.5  [chi2=<optimised out>]
11/13  <- f</script><b>\\u202e\\x1b[31m::"'&;  2.00 ms
11/12    write()  fit.cc:41
"""


@case
def a_receiver_makes_log_profile_drawings_and_page(folder):
    out = record_job(folder)
    log = read(out, "calls.log")
    check_equal("".join(line[24:] + "\n" for line in log.splitlines()), LINES, "calls.log")
    check(log.startswith("2023-11-14 22:13:20.000 11/12  main"), log)
    rows = list(csv.reader(io.StringIO(read(out, "profile.csv"))))
    check_equal(rows, [["function", "file", "line", "calls", "total_ns", "self_ns", "min_ns", "max_ns"],
                       ["fit::Fit::run", "/src/a,b.cc", "7", "2", "8000000", "8000000", "1", "8000000"],
                       ["main", "/src/a,b.cc", "7", "1", "9000000", "1000000", "1", "9000000"]],
                "profile.csv")
    for name in ("calls.log", "profile.csv", "graphs/flame.svg", "graphs/calls.svg", "graphs/flame.png"):
        check_equal(stat.S_IMODE(os.stat(os.path.join(out, name)).st_mode), 0o600, name)
    for name in ("index.html", "graphs/flame.svg", "graphs/calls.svg"):
        text = read(out, name)
        check("<b>" not in text and "\u202e" not in text and "\x1b" not in text, f"{name} escapes")
        check_in("main" if name == "graphs/calls.svg" else "fit::Fit::run", text, name)
    check_in("Where it is now", read(out, "index.html"), "the page")
    check_equal(len(data(out, "profile")), len(PROFILE), "lines of profile.jsonl")
    check(not os.path.exists(os.path.join(out, "job.log")), "neither kind is in job.log")


@case
def calls_prints_the_tree_with_values(folder):
    out = record_job(folder)
    text = told("calls", out)
    check_equal(text, read(out, "calls.log"), "the same as calls.log")
    check_equal("".join(line[24:] + "\n" for line in told("calls", out, "--function", "^fit").splitlines()),
                "".join(LINES.splitlines(keepends=True)[i] for i in (1, 3)), "calls of a function")
    check_equal(told("calls", out, "--function", "none", status=1), "", "no call")
    check_equal(told("calls", out, "--since", "2023-11-14 22:13:21"), "", "calls from later on")
    log = told("log", out, "--kind", "call").splitlines()
    check_equal(log[0], "2023-11-14 22:13:20.000 call    11/12  main()  fit.cc:41", "jem log")


@case
def profile_and_tree_count_every_call(folder):
    out = record_job(folder)
    table = told("calls", out, "--profile").splitlines()
    check_equal(table[0].split(), ["self", "%", "total", "calls", "mean", "shortest", "longest",
                                   "function"], "heading")
    check_equal(table[1].split(), ["8.00", "ms", "88.9", "8.00", "ms", "2", "4.00", "ms", "1", "ns",
                                   "8.00", "ms", "fit::Fit::run", "/src/a,b.cc:7"], "the first function")
    check_equal(len(table), 3, "functions")
    tree = told("calls", out, "--tree")
    shown = [line.split("  ", 8)[-1] for line in tree.splitlines()]
    check(tree.index(" all\n") < tree.index("  main\n") < tree.index("    fit::Fit::run\n"), shown)
    check_in("\\u202e\\x1b[31m", tree, "a hostile name")
    check_equal(told("calls", out, "--folded", "-").splitlines(),
                ["f</script><b>\\u202e\\x1b[31m::\"'&: 1000", "main 1000", "main;fit::Fit::run 8000"],
                "folded stacks")
    check_equal(told("calls", out, "--folded", "-", "--function", "Fit").splitlines(),
                ["main 1000", "main;fit::Fit::run 8000"], "those of a function")
    check_equal(told("calls", out, "--tree", "--function", "nothing", status=1).splitlines()[1:], [],
                "no function")


def check_nesting(events):
    """Begins and ends of each thread nest, times never fall."""
    open_calls = {}
    for event in events:
        stack, last = open_calls.setdefault((event["pid"], event["tid"]), ([], [0]))
        if event["ph"] == "M":
            continue
        check(event["ts"] >= last[0] or event["ph"] == "X", f"times of {event}")
        last[0] = event["ts"]
        if event["ph"] == "B":
            stack.append(event["name"])
        elif event["ph"] == "E":
            check(stack, f"an end without a begin: {event}")
            stack.pop()
    return {key: stack for key, (stack, _) in open_calls.items()}


def profile_at(second, **calls):
    """What a daemon tells of functions a second, in the batch of that number."""
    rows = [profile(name, n * 1000, n * 2000, calls=n) for name, n in calls.items()]
    return batch(rows, kind="profile", seq=second, first=len(rows) * second,
                 t0_us=1700000000000000 + second * 1000000)


@case
def status_tells_a_line_of_calls(folder):
    out = record_job(folder)
    text = told("status", out).splitlines()
    check_equal(len(text), 6, "lines")
    check_equal(text[4], "calls   3 in all of 2 functions, most time in fit::Fit::run (89 %)", "the line")
    other = os.path.join(folder, "other")
    os.mkdir(other)
    collector = Collector(other).start()
    feed = Feed(collector.url)
    for second in range(3):
        feed.send(profile_at(second, walk=1, leaf=10 + 400 * second), topic("profile"))
    feed.send(call_batch(CALLS, seq=0, first=0, dropped={"rate_limited": 12, "queue_full": 3}),
              topic("call"))
    feed.wait()
    collector.finish()
    check_equal(told("status", collector.out).splitlines()[4],
                "calls   811 in all of 2 functions, most time in leaf (100 %); no record of: "
                "3 queue_full, 12 rate_limited", "the line")
    text = told("report", "--text", collector.out)
    check_in("calls   811 in all", text, "the report")


@case
def status_tells_calls_that_a_broker_has(folder):
    url = start_broker(folder)
    feed = Feed(url)
    asking = None
    for second in range(1000):
        now = time.time()
        feed.send(batch([{"dt_ns": 0, "state": "running", "text": "it runs"}], kind="status",
                        seq=second, first=second, t0_us=int(now * 1e6)), topic("status"))
        rows = [profile("leaf", 1000, 1000, calls=1000 * (second + 1))]
        feed.send(batch(rows, kind="profile", seq=second, first=second, t0_us=int(now * 1e6)),
                  topic("profile"))
        feed.send(batch([{"dt_ns": 0, "scope": "job", "values": {"cpu_cores": 1}}], kind="metric",
                        seq=second, first=second, t0_us=int(now * 1e6)), topic("metric"))
        feed.send(call_batch(CALLS, seq=second, first=6 * second, dropped={"queue_full": second + 7}),
                  topic("call"))
        feed.wait()
        if not asking:
            asking = spawn([program("jem"), "status", "--broker", url, "--job", "job"],
                           stdout=subprocess.PIPE)
        if asking.poll() is not None:
            break
    text = asking.stdout.read().decode().splitlines()
    check_equal(len(text), 6, f"lines of {text}")
    got = re.fullmatch(r"calls   ([\d.k ]+)/s, .* in all of 1 function, most time in leaf \(100 %\); "
                       r"no record of: .* queue_full", text[4])
    check(got, text[4])


@case
def trace_events_nest_and_have_values(folder):
    out = record_job(folder)
    path = os.path.join(folder, "trace.json")
    check_equal(told("calls", out, "--chrome", path), "", "nothing is printed")
    events = json.loads(read(path))["traceEvents"]
    check_equal(check_nesting(events), {(11, 12): ["main", "write"], (11, 13): []}, "open calls")
    begin = next(e for e in events if e["ph"] == "B" and e["name"] == "fit::Fit::run")
    check_equal(begin["args"], {"n": 3, "track": {"pt": 1.5, "hits": [1, 2]}, "(file)": "/src/fit.cc",
                                "(line)": 41}, "arguments")
    check_equal(begin["ts"], 5001000, "time of an enter")
    end = next(e for e in events if e["ph"] == "E" and "args" in e and e["tid"] == 12)
    check_equal((end["ts"], end["args"]),
                (5003000, {"(return)": 3.5, "chi2": {"missing": "optimised out"}}), "an exit")
    names = [e["args"]["name"] for e in events if e["ph"] == "M"]
    check_equal(names, ["process 11", "thread 12", "thread 13"], "names")
    check_in(HOSTILE, {e.get("name") for e in events}, "names are the job's own")


@case
def trace_events_nest_whatever_was_dropped(folder):
    collector = Collector(folder).start()
    feed = Feed(collector.url)
    rows = [call("enter", 0, 0, "a"), call("enter", 1, 1, "b"), call("enter", 2, 1, "c"),  # b's exit
            call("enter", 3, 3, "e"), call("exit", 4, 0, "a", duration_ns=4000000),  # d, and exits
            call("exit", 5, 2, "x", duration_ns=1000000), call("exit", 6, 1, "y")]  # both enters
    feed.send(call_batch(rows), topic("call"))
    check_equal(set(feed.wait()), {"accepted"}, "outcomes")
    collector.finish()
    events = json.loads(told("calls", collector.out, "--chrome", "-"))["traceEvents"]
    check_equal(check_nesting(events), {(11, 12): []}, "open calls")
    check_equal([(e["ph"], e.get("name")) for e in events if e["ph"] != "M"],
                [("B", "a"), ("B", "b"), ("E", None), ("B", "c"), ("B", "e"), ("E", None),
                 ("E", None), ("E", None), ("X", "x")], "events")


@case
def watch_shows_calls_where_they_are_asked_for(folder):
    out = record_job(folder)
    shown = told("watch", out, "--kind", "call").splitlines()
    check_equal(shown[0], "2023-11-14 22:13:20.000 call    11/12  main()  fit.cc:41", "recorded")
    check_equal(told("watch", out), "", "not by themselves")
    url = start_broker(folder)
    feed = Feed(url)
    child = spawn([program("jem"), "watch", "job", "--broker", url, "--kind", "call", "--raw"],
                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    heard = []
    thread = threading.Thread(target=lambda: heard.append(child.stdout.readline()), daemon=True)
    thread.start()
    seq = 0
    while not heard:  # what came before its subscription is not told
        feed.send(call_batch(CALLS, seq=seq, first=seq * len(CALLS)), topic("call"))
        feed.wait()
        thread.join(0.2)
        seq += 1
        check(seq < 300, "watch hears nothing")
    line = json.loads(heard[0])
    check_equal((line["topic"], line["function"], line["event"], line["i"]),
                ("jem.site.user.job.node.call", "main", "enter", 0), "a row as JSON")
    end(child)


@case
def report_draws_them_again(folder):
    out = record_job(folder)
    profile_csv, flame = read(out, "profile.csv"), read(out, "graphs/flame.svg")
    for name in ("profile.csv", "graphs/flame.svg", "graphs/calls.svg", "index.html"):
        os.unlink(os.path.join(out, name))
    told("report", out)
    check_equal(read(out, "profile.csv"), profile_csv, "profile.csv")
    check_equal(read(out, "graphs/flame.svg"), flame, "flame.svg")
    check_in("id=\"calls\"", read(out, "index.html"), "the page")
    check(os.path.exists(os.path.join(out, "graphs/calls.svg")), "calls.svg")


@case
def says_what_is_wrong(folder):
    out = record_job(folder)
    for words, status, text in (
            (["calls", os.path.join(folder, "none")], 66, "No such file"),
            (["calls", folder], 66, "no folder of a job"),
            (["calls", out, "--tree", "--profile"], 64, "only one of"),
            (["calls", out, "--function", "("], 64, "("),
            (["calls", out, "--chrome", os.path.join(folder, "no/file")], 73, "No such file")):
        ran = jem(*words)
        check_equal(ran.returncode, status, f"status of {words}")
        check_in(text, ran.stderr.decode(), f"errors of {words}")


main()
