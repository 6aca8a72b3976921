#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""jem log, status and report on recorded folders; what they say when there is none."""
import json
import os
import shutil

from feeding import Collector, Feed, batch, lines, start_broker, topic
from jemtest import case, check, check_equal, check_in, jem, main, spawn, program, end

T0 = 1700000000  # of feeding.head, in seconds


def records(kind, first):
    """A record of a kind at T0 + first seconds, so that kinds can be interleaved."""
    about = {"status": {"state": "running", "text": f"status at {first}"},
             "log": {"file": "/w/a.log", "offset": 0, "text": f"log at {first}"},
             "alert": {"rule": "memory", "severity": "critical", "text": f"alert at {first}",
                       "values": {"rss_bytes": 5}},
             "metric": {"scope": "job", "values": {"cpu_user_s": first, "rss_bytes": 1 << 20,
                                                   "cpu_cores": 0.5}}}
    return [dict(about[kind], dt_ns=0)]


def record_job(folder):
    """A job of interleaved kinds, whose batches arrive kind by kind: its folder."""
    collector = Collector(folder, "--set", "metrics.interval=1").start()
    feed = Feed(collector.url)
    for number, kind in enumerate(("log", "status", "metric", "alert")):
        for seq in range(5):
            second = number + 4 * seq
            feed.send(batch(records(kind, second), kind=kind, seq=seq, first=seq,
                            t0_us=(T0 + second) * 1000000), topic(kind))
    ended = {"dt_ns": 0, "state": "ended", "text": "ended with exit status 3", "exit_code": 3,
             "wall_s": 21.5, "cpu_user_s": 20, "cpu_system_s": 1, "peak_rss_bytes": 3 << 20,
             "memory_limit_bytes": 4 << 20}
    feed.send(batch([ended], kind="status", seq=5, first=5, t0_us=(T0 + 22) * 1000000),
              topic("status"))
    check_equal(set(feed.wait()), {"accepted"}, "outcomes")
    collector.finish()
    return collector.out


def told(*words, status=0, **options):
    ran = jem(*words, **options)
    check_equal((ran.returncode, ran.stderr), (status, b""), f"status and errors of {words}")
    return ran.stdout.decode()


@case
def log_sorts_all_kinds_by_time(folder):
    out = record_job(folder)
    text = told("log", out).splitlines()
    check_equal(len(text), 21, "lines")
    check_equal([line[:23] for line in text], sorted(line[:23] for line in text), "times")
    check_equal(text[0], "2023-11-14 22:13:20.000 log     a.log: log at 0", "the first line")
    check_in("alert   CRITICAL memory: alert at 3 rss_bytes=5", text[3], "an alert")
    check_in("metric  job cpu_user_s=2 ", text[2], "a sample")
    found = [json.loads(line) for line in told("log", out, "--json").splitlines()]
    check_equal([line["t"] for line in found], sorted(line["t"] for line in found), "times")
    check_equal({line["kind"] for line in found}, {"log", "status", "metric", "alert"}, "kinds")
    check_equal({line["node"] for line in found}, {"node"}, "nodes")


@case
def log_prints_what_is_asked_for(folder):
    out = record_job(folder)
    check_equal(len(told("log", out, "--kind", "log,alert").splitlines()), 10, "of two kinds")
    check_equal(len(told("log", "--kind=status", "--since", "2023-11-14 22:13:35", out).splitlines()),
                2, "from a time on")
    check_equal(told("log", out, "--grep", r"at 1[23]$").count("\n"), 2, "that match")
    check_equal(told("log", out, "--grep", "nothing of this", status=1), "", "of no match")
    for words, part in ((("--kind", "logs"), "there is no kind 'logs'"),
                        (("--since", "soon"), "'soon' is no time"),
                        (("--grep", "a(b"), "is wrong at character 4"),
                        (("--jsn",), "did you mean --json?")):
        ran = jem("log", out, *words)
        check_equal(ran.returncode, 64, f"exit status of {words}")
        check_in(part, ran.stderr.decode(), f"what {words} is told")


@case
def log_reads_finished_segments_and_passes_damage_over(folder):
    collector = Collector(folder).start()
    feed = Feed(collector.url)
    for seq in range(130):
        feed.send(batch([dict(line, text=line["text"] + " " + "y" * 900)
                         for line in lines(seq * 100, 100)], seq=seq, first=seq * 100))
    feed.wait()
    collector.finish()
    check(any(".0001." in name for name in os.listdir(os.path.join(collector.out, "data"))),
          "a segment was finished")
    text = told("log", collector.out, "--kind", "log").splitlines()
    check_equal([int(line.split()[5]) for line in text], list(range(13000)), "lines")
    with open(os.path.join(collector.out, "data", "log.jsonl"), "ab") as data:
        data.write(b"no line of ours\n{\"t\":1}\ntorn")
    ran = jem("log", collector.out, "--kind", "log")
    check_equal((ran.returncode, ran.stdout.count(b"\n")), (0, 13000), "status and lines")
    check_in("2 damaged lines, ignoring", ran.stderr.decode(), "what it says")


@case
def log_ends_quietly_when_nobody_reads_on(folder):
    out = record_job(folder)
    child = spawn(["sh", "-c", f"'{program('jem')}' log '{out}'; echo $? >&2"], stdout=-1, stderr=-1)
    child.stdout.close()
    check_in(child.stderr.read(), (b"0\n", b"141\n"), "errors and exit status: SIGPIPE, or none")
    end(child)


@case
def status_tells_five_lines(folder):
    out = record_job(folder)
    text = told("status", out).splitlines()
    check_equal(len(text), 5, "lines")
    check_equal(text[0], "job     job of user at site on node: ended with exit status 3 after 21.5 s",
                "the first")
    check_equal(text[2], "memory  peak 3.00 MiB, limit 4.00 MiB (75 %)", "the third")
    check_equal(text[4], "last    critical memory: alert at 19", "the fifth")


@case
def status_asks_a_broker_too(folder):
    url = start_broker(folder)
    feed = Feed(url)
    feed.send(batch(records("status", 1), kind="status"), topic("status"))
    feed.wait()
    text = told("status", "--broker", url, "--job", "job").splitlines()
    check_in("job of user at site", text[0], "the first line")
    ran = jem("status", "--broker", url, "--job", "another")
    check_equal(ran.returncode, 1, "exit status for a job that nobody knows")
    check_in("nothing was heard of another within 3 s", ran.stderr.decode(), "what it says")
    ran = jem("status", "--broker", f"unix:{folder}/none", "--job", "job")
    check_equal(ran.returncode, 69, "exit status without a broker")


@case
def report_draws_again_what_was_lost(folder):
    out = record_job(folder)
    with open(os.path.join(out, "index.html"), "rb") as page:
        size = len(page.read())
    os.remove(os.path.join(out, "index.html"))
    shutil.rmtree(os.path.join(out, "graphs"))
    check_equal(told("report", out), f"{out}/index.html\n", "what it prints")
    with open(os.path.join(out, "index.html"), "rb") as page:
        check(abs(len(page.read()) - size) < size / 10, "the page is about as it was")
    names = os.listdir(os.path.join(out, "graphs"))
    check({"graphs.pdf", "memory.png", "memory.svg"} <= set(names), f"graphs: {names}")
    text = told("report", out, "--text")
    check_in("alerts: 5\n", text, "the text")
    check_in("log      node 0123456789abcdef: 5 records in 5 batches, 0 missing", text, "the text")


@case
def a_folder_that_is_none_gets_one_clear_line(folder):
    for tool in ("log", "status", "report", "watch"):
        ran = jem(tool, folder)
        check_equal(ran.returncode, 66, f"exit status of {tool}")
        check_in("is no folder of a job: it has no data/; name one that jem run", ran.stderr.decode(),
                 f"what {tool} says")
        ran = jem(tool, os.path.join(folder, "none"))
        check_equal(ran.returncode, 66, f"exit status of {tool}")
        check_in("none: No such file or directory", ran.stderr.decode(), f"what {tool} says")
    for tool in ("log", "report"):
        check_equal(jem(tool).returncode, 64, f"exit status of {tool} alone")
        check_equal(jem(tool, "--help").returncode, 0, f"exit status of {tool} --help")


main()
