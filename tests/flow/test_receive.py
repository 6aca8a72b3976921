#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The receiver as a program: folders of jobs, hostile batches, kills, a full disk."""
import json
import os
import random
import re
import resource
import signal
import struct
import subprocess
import time

import cbor2

from contract import check_report
from feeding import (EPOCH, Collector, Feed, batch, data, head, lines, start_broker, start_receiver,
                     streams, topic)
from jemtest import (LONG, case, check, check_equal, check_in, end, jem, main, skip, wait_until)

STATUS = [{"dt_ns": 0, "state": "running", "text": "the job runs", "pid": 7,
           "command": "analyse <b>&amp; \"x\"</b>"}]
SAMPLE = [{"dt_ns": 0, "scope": "node", "values": {"cpu_user_s": 1, "cpu_count": 2, "load1": 0.5}},
          {"dt_ns": 0, "scope": "job", "values": {"cpu_user_s": 1, "rss_bytes": 1048576}}]


def tree(folder):
    return sorted(os.path.relpath(os.path.join(place, name), folder)
                  for place, folders, files in os.walk(folder) for name in folders + files)


@case
def makes_a_folder_for_each_job_and_an_index(folder):
    url = start_broker(folder)
    receiver, out = start_receiver(folder, url)
    feed = Feed(url)
    for job in ("one", "two"):
        feed.send(batch(STATUS, kind="status", job=job), topic("status", job))
        feed.send(batch(SAMPLE, kind="metric", job=job), topic("metric", job))
        feed.send_lines(4, 40, 3, job=job)
    check_equal(set(feed.wait()), {"accepted"}, "outcomes")
    place = os.path.join(out, "site", "user", "one")
    wait_until(lambda: os.path.exists(os.path.join(place, "index.html")), what="the page")
    check_equal(end(receiver, signal.SIGTERM), 0, "exit status")
    for job in ("one", "two"):
        report = check_report(os.path.join(out, "site", "user", job))
        check_equal([len(report[kind]) for kind in ("status", "metric", "log")], [1, 2, 3], "lines")
    check_equal([s["before_join"] for s in streams(place) if s["kind"] == "log"], [4], "join")
    check_equal([s["missing"] for s in streams(place)], [[]] * 3, "missing")
    with open(os.path.join(out, "index.html"), encoding="utf-8") as text:
        index = text.read()
    check_in("site/user/one/index.html", index, "the index")
    check_in("site/user/two/index.html", index, "the index")
    check("analyse <b>" not in index, "HTML is escaped")
    check_equal(os.stat(place).st_mode & 0o7777, 0o700, "mode of the folder")
    check_equal(os.stat(os.path.join(place, "job.log")).st_mode & 0o7777, 0o600, "mode of a file")


@case
def a_burst_out_of_order_is_neither_missing_nor_doubled(folder):
    """ActiveMQ changes the order within bursts, by up to 479 messages: job.log mends it, data/ need not."""
    burst, per_batch, count = 480, 3, 2400
    chance = random.Random(3)
    order = list(range(count))
    for begin in range(0, count, burst):
        part = order[begin:begin + burst]
        chance.shuffle(part)
        order[begin:begin + burst] = part
    check(order != sorted(order), "the order is another")
    collector = Collector(folder).start()
    feed = Feed(collector.url)
    for seq in order:
        feed.send_lines(seq, seq * per_batch, per_batch)
    check_equal(set(feed.wait(60)), {"accepted"}, "outcomes")
    collector.finish()
    [log] = [s for s in streams(collector.out) if s["kind"] == "log"]
    check_equal((log["missing"], log["duplicates"], log["records_missing"], log["records"]),
                ([], 0, 0, count * per_batch), "missing, duplicates, records missing and there")
    came = [record["seq"] for record in data(collector.out)]
    check(came == [seq for seq in order for _ in range(per_batch)], "data/ is as it came")
    with open(os.path.join(collector.out, "job.log"), encoding="utf-8") as text:
        shown = [int(number) for number in re.findall(r"line (\d+)$", text.read(), re.M)]
    check(shown == list(range(count * per_batch)), "job.log is in the order of time")


def columns(seq, first, n):
    """A batch of calls as any CBOR library writes it."""
    return cbor2.dumps({
        "head": head("call", seq, first, n, mono_ns="7000000001"),
        "cols": {"dt_ns": cbor2.CBORTag(70, struct.pack(f"<{n}I", *range(first, first + n))),
                 "tid": cbor2.CBORTag(69, struct.pack(f"<{n}H", *range(n))),
                 "function": {"dict": ["f", "g(int)"],
                              "idx": cbor2.CBORTag(64, bytes(i % 2 for i in range(n)))},
                 "args": [[{"name": "x", "value": first + i}] for i in range(n)]}})


def pack(body):
    return subprocess.run(["zstd", "-qc"], input=body, check=True, capture_output=True).stdout


@case
def keeps_columns_as_they_came_and_shows_their_rows(folder):
    bodies = [columns(0, 0, 3), columns(1, 3, 2), columns(3, 9, 1)]
    collector = Collector(folder).start()
    feed = Feed(collector.url)
    feed.send(bodies[0], topic("call"))
    feed.send(pack(bodies[1]), topic("call"))
    feed.send(pack(bodies[0]), topic("call"))
    check_equal(feed.wait(), ["accepted"] * 3, "outcomes")
    collector.kill()
    collector.start()
    feed = Feed(collector.url)
    for body in (bodies[1], bodies[2], batch(lines(0, 1), kind="call", seq=9), bodies[2][:-1]):
        feed.send(body, topic("call"))
    check_equal(feed.wait(), ["accepted", "accepted", "rejected", "rejected"], "outcomes")
    collector.finish()
    path = os.path.join(collector.out, "data", "call.cbors.zst")
    stored = subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout
    check_equal(stored, b"".join(bodies), "the sequence of bodies")
    account = [s for s in streams(collector.out) if s["kind"] == "call"][0]
    check_equal((account["batches"], account["records"], account["missing"],
                 account["records_missing"]), (3, 6, [[2, 2]], 4), "account")
    check(account["duplicates"] >= 1, "the duplicate after the kill is counted")
    told = jem("log", collector.out, "--kind", "call", "--json").stdout.decode().splitlines()
    rows = [json.loads(line) for line in told]
    check_equal([(r["seq"], r["i"], r["tid"], r["args"][0]["value"]) for r in rows],
                [(0, 0, 0, 0), (0, 1, 1, 1), (0, 2, 2, 2), (1, 0, 0, 3), (1, 1, 1, 4),
                 (3, 0, 0, 9)], "rows")
    check_equal({(r["kind"], r["node"], r["epoch"]) for r in rows}, {("call", "node", EPOCH)},
                "what they share")
    check_in('{"kind":"call","node":"node","t":1700000000.003000,"epoch":"0123456789abcdef",'
             '"seq":1,"i":1,"mono_s":7.000000005,"dt_ns":4,"tid":1,"function":"g(int)",', told[4],
             "a line")


@case
def goes_on_where_it_was_and_keeps_the_index(folder):
    url = start_broker(folder)
    receiver, out = start_receiver(folder, url)
    feed = Feed(url)
    feed.send(batch(STATUS, kind="status"), topic("status"))
    feed.send_lines(0, 0, 3)
    feed.wait()
    wait_until(lambda: len(data(os.path.join(out, "site/user/job"))) == 3, what="the lines")
    end(receiver, signal.SIGTERM)
    os.remove(os.path.join(folder, "receive.log"))
    receiver, _ = start_receiver(folder, url)
    feed.send_lines(0, 0, 3)
    feed.send_lines(1, 3, 2)
    feed.send(batch(STATUS, kind="status", job="other", epoch="f" * 16), topic("status", "other"))
    feed.wait()
    other = os.path.join(out, "site/user/other/data/status.jsonl")
    wait_until(lambda: os.path.exists(other), what="the other job")
    check_equal(end(receiver, signal.SIGTERM), 0, "exit status")
    place = os.path.join(out, "site/user/job")
    check_equal([line["text"] for line in data(place)], [f"line {i}" for i in range(5)], "lines")
    log = [s for s in streams(place) if s["kind"] == "log"][0]
    check_equal((log["batches"], log["records"], log["duplicates"]), (2, 5, 1), "account")
    with open(os.path.join(out, "index.html"), encoding="utf-8") as text:
        index = text.read()
    check_in("site/user/job/index.html", index, "the index")
    check_in("site/user/other/index.html", index, "the index")


def hostile_bodies():
    """Bodies with topics; none of them may leave more than folders of valid names."""
    names = ["../../escape", "..", ".", "/tmp/escape", "a/b", "a\\b", "x\u0000y", "x" * 49, "x" * 70000,
             "", "caf\u00e9", "<script>alert(1)</script>", "a\nb", "\ud83d\ude00", "%2e%2e%2f", "-rf *",
             "$(touch escape)", "a b", "con.", 7, None, [], {"a": 1}]
    for level in ("site", "user", "job", "node"):
        for name in names:
            source = {"site": "site", "user": "user", "job": "job", "node": "node"}
            source[level] = name
            yield json.dumps({"head": head(src=source), "records": []}).encode(), topic()
    good = head(n=1)
    for field, values in {"v": [0, 2, "1"], "kind": ["../log", "nothing", 3], "seq": [-1, 1.5, "0", 2**64],
                          "first": [2**53], "n": [0, 2, -1, 10**9], "epoch": ["", "../../../../x", "F" * 16],
                          "t0_us": [-5, 1e300], "mono_ns": [5, "-1", "x"], "dropped": [[], {"x": -1}],
                          "final": [1, "no"], "schema": [0, 99], "boot_id": ["x" * 400]}.items():
        for value in values:
            yield (json.dumps({"head": dict(good, **{field: value}), "records": lines(0, 1)}).encode(),
                   topic())
    yield b"", topic()
    yield b"\x00" * 1000, topic()
    yield b"{" * 100000, topic()
    yield b'{"head":' + b"[" * 60000 + b"]" * 60000 + b"}", topic()
    yield json.dumps({"head": good, "records": [{"dt_ns": 0, "t": 1}]}).encode(), topic()
    yield json.dumps({"head": good, "records": [{"dt_ns": 0, "part": 1, "parts": 10**9,
                                                 "json": "x"}]}).encode(), topic()
    yield batch(lines(0, 1))[:-5], topic()
    yield batch(lines(0, 1)).replace(b"line 0", b"line \xff\xfe"), topic()
    yield batch(lines(0, 1)), "jem.site.user.other.node.log"
    yield b"\xa2\x64head\xa0\x64cols\xa0", topic()


@case
def hostile_batches_change_nothing_but_are_counted(folder):
    url = start_broker(folder)
    receiver, out = start_receiver(folder, url)
    before = [name for name in tree(folder) if not name.startswith("out")]
    feed = Feed(url)
    count = 0
    for body, where in hostile_bodies():
        feed.send(body, where)
        count += 1
    marker = feed.send_lines(0, 0, 1, job="last")
    wait_until(lambda: marker in feed.outcomes, what="the last batch")
    wait_until(lambda: data(os.path.join(out, "site/user/last")), what="its line")
    check_equal(end(receiver, signal.SIGTERM), 0, "exit status")
    check_equal([name for name in tree(folder) if not name.startswith("out")], before,
                "files beside OUT")
    check_equal(sorted(os.listdir(os.path.join(out, "site/user"))), ["last"], "jobs")
    check_equal(sorted(os.listdir(out)), ["index.html", "site"], "OUT")
    with open(os.path.join(folder, "receive.log"), encoding="utf-8") as text:
        check_in(f" {count} refused", text.read(), "what it said at the end")


@case
def shows_html_from_the_wire_as_text(folder):
    evil = "<script>document.title='gone'</script><img src=x onerror=alert(1)>\"'&"
    collector = Collector(folder).start()
    feed = Feed(collector.url)
    source = {"site": "site", "user": "user", "job": "job", "node": "node",
              "names": {name: evil for name in ("site", "user", "job", "node")}}
    status = [dict(STATUS[0], text=evil, command=evil, folder=evil)]
    log = [{"dt_ns": 0, "file": evil, "offset": 0, "text": evil + "\u001b]0;gone\u0007\u009b31m\u202e"}]
    alert = [{"dt_ns": 0, "rule": evil, "severity": "critical", "text": evil, "values": {}}]
    for kind, records in (("status", status), ("log", log), ("alert", alert)):
        feed.send(json.dumps({"head": head(kind=kind, n=1, src=source), "records": records}).encode(),
                  topic(kind))
    check_equal(feed.wait(), ["accepted"] * 3, "outcomes")
    collector.finish()
    with open(os.path.join(collector.out, "index.html"), encoding="utf-8") as text:
        page = text.read()
    check("<img src=x" not in page and "document.title" in page, "the page shows it as text")
    check(evil not in page, "nothing of it is markup")
    with open(os.path.join(collector.out, "job.log"), "rb") as text:
        check(not set(text.read()) & (set(range(32)) - {10}), "no control character in job.log")
    told = jem("status", collector.out).stdout + jem("log", collector.out).stdout
    check(not set(told) & (set(range(32)) - {10}), "no control character on a terminal")
    check(b"\xc2\x9b" not in told and "\u202e".encode() not in told, "nothing that steers it")


@case
def keeps_every_record_once_though_it_is_killed(folder):
    seed = int(os.environ.get("JEM_TEST_SEED", time.time()))
    print(f"# JEM_TEST_SEED={seed}", flush=True)
    chance = random.Random(seed)
    collector = Collector(folder).start()
    feed = Feed(collector.url)
    first = 0
    for seq in range(400):
        n = chance.choice((0, 1, 7, 60))
        feed.send_lines(seq, first, n)
        first += n
        if seq % (10 if LONG else 40) == 39 % (10 if LONG else 40):
            wanted = len(feed.outcomes) + chance.randrange(1, 30)
            wait_until(lambda: len(feed.outcomes) >= min(wanted, feed.count) or
                       chance.random() < 0.05, what="some outcomes")
            collector.kill()
            collector.start()
    check_equal(set(feed.wait(120)), {"accepted"}, "outcomes")
    collector.finish()
    found = data(collector.out)
    check_equal(sorted(int(line["text"][5:]) for line in found), list(range(first)), "the lines")
    stream = streams(collector.out)[0]
    check_equal((stream["missing"], stream["records_missing"], stream["records"]), ([], 0, first),
                "the account")
    with open(os.path.join(collector.out, "job.log"), encoding="utf-8") as text:
        shown = [line.rsplit(" ", 1)[1] for line in text if " log " in line]
    check_equal(sorted(map(int, shown)), list(range(first)), "job.log")


@case
def accepts_nothing_that_it_cannot_write_and_goes_on(folder):
    # No file over 300 KiB, which fails as a full disk does.
    limit = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh", "prlimit", "--fsize=307200:unlimited"]
    collector = Collector(folder, wrap=limit).start()
    feed = Feed(collector.url)
    for seq in range(60):
        feed.send(batch([dict(line, text=line["text"] + " " + "x" * 900)
                         for line in lines(seq * 20, 20)], seq=seq, first=seq * 20))
        if seq == 4:
            feed.wait()
    wait_until(lambda: "cannot write the files" in collector.said(), what="the warning")
    wait_until(lambda: feed.released > 0, what="a released batch")
    check(len(feed.outcomes) < 60, "not everything can be accepted")
    check_equal(set(feed.outcomes.values()), {"accepted"}, "outcomes")
    check_equal(collector.child.poll(), None, "it goes on")
    place = collector.out
    held = {line["text"].split()[1] for line in data(place)}
    check_equal(len(held), 20 * len({n for n in feed.outcomes}), "only what was accepted is there")
    resource.prlimit(collector.child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    check_equal(set(feed.wait(60)), {"accepted"}, "outcomes with room again")
    found = [int(line["text"].split()[1]) for line in data(place)]
    check_equal(sorted(found), list(range(1200)), "the lines")
    check_equal(collector.said().count("cannot write the files"), 1, "warnings")
    collector.finish()


@case
def takes_a_twentieth_of_the_free_space(folder):
    if os.geteuid() != 0:
        skip("a private mount needs root")
    out = os.path.join(folder, "out")
    os.mkdir(out, 0o700)
    mount = ["unshare", "-m", "sh", "-c",
             f"mount -t tmpfs -o size=40m tmpfs '{out}' && exec \"$@\"", "sh"]
    if subprocess.run([*mount, "true"], check=False, capture_output=True).returncode:
        skip("no private mounts here")
    collector = Collector(folder, "--set", "receiver.files=data", wrap=mount).start()
    feed = Feed(collector.url)
    noise = random.Random(1)
    for seq in range(250):
        feed.send(batch([dict(line, text=line["text"] + " " + noise.randbytes(500).hex())
                         for line in lines(seq * 20, 20)], seq=seq, first=seq * 20))
    check_equal(set(feed.wait()), {"accepted"}, "outcomes")
    place = f"/proc/{collector.child.pid}/root{out}"
    size = sum(os.lstat(os.path.join(place, name)).st_size for name in tree(place)
               if os.path.isfile(os.path.join(place, name)))
    check(size <= 2 << 20, f"the folder takes {size} bytes")
    found = {int(line["text"].split()[1]) for line in data(place)}
    gone = {seq for first, last in streams(place)[0]["evicted"] for seq in range(first, last + 1)}
    check(gone and 0 in gone and 249 not in gone, "the oldest are gone")
    check_equal(found, {i for i in range(5000) if i // 20 not in gone}, "the lines")
    collector.finish()


@case
def one_folder_that_cannot_be_had_costs_the_others_nothing(folder):
    url = start_broker(folder)
    out = os.path.join(folder, "out")
    os.makedirs(os.path.join(out, "site", "user"), 0o700)
    with open(os.path.join(out, "site", "user", "taken"), "w", encoding="ascii"):
        pass
    receiver, _ = start_receiver(folder, url)
    feed = Feed(url)
    feed.send_lines(0, 0, 1, job="taken")
    feed.send_lines(0, 0, 1, job="free")
    wait_until(lambda: data(os.path.join(out, "site/user/free")), what="the other job's line")
    check_equal(end(receiver, signal.SIGTERM), 0, "exit status")
    with open(os.path.join(folder, "receive.log"), encoding="utf-8") as text:
        check_in("job site/user/taken: cannot open its folder: Not a directory", text.read(), "log")


@case
def says_what_is_wrong_with_its_command_line(folder):
    for words, status, told in (
            (["--out", "x"], 64, "no broker is given"),
            (["--broker", "amqp://127.0.0.1:1"], 64, "no folder is given"),
            (["--broker", "nonsense", "--out", "x"], 64, "nonsense"),
            (["--broker", "unix:/x", "--out", "/proc/nowhere"], 73, "cannot write into /proc/nowhere"),
            (["--broker", "unix:/x", "--out", "x", "--job", "jem..x"], 64, "is no pattern"),
            (["--broker", "unix:/x", "--out", "x", "word"], 64, "one word too many")):
        ran = jem("receive", *words, cwd=folder)
        check_equal(ran.returncode, status, f"exit status of {words}")
        check_in(told, ran.stderr.decode(), f"what {words} is told")
        check_equal(ran.stderr.count(b"\n"), 1, f"lines told for {words}")


main()
