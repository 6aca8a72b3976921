#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What waits on disk: no broker, an outage, kills, bounds. Nothing is lost or doubled, and it is said."""
import fcntl
import json
import os
import random
import re
import signal
import time

from contract import check_report
from feeding import Collector, start_broker, start_receiver, streams
from jemtest import LONG, case, check, check_equal, check_in, end, jem, main, spawn, wait_until
from spooling import Writer, check_whole, only_job, said, start_daemon, texts, wait_for_spool


@case
def keeps_all_of_a_job_without_a_broker(folder):
    done = jem("run", "--set", "run.drain=1", "--broker", "amqp://127.0.0.1:1", "--",
               "sh", "-c", "echo out; exit 3", cwd=folder)
    check_equal(done.returncode, 3, "exit status")
    check_equal(done.stdout, b"out\n", "standard output")
    found = re.search(r"(\d+) batches wait on disk, send them with: jem spool send (\S+)",
                      said(done))
    check(found, f"the end line tells where they wait: {said(done)}")
    spool = os.path.join(folder, found[2])
    check_equal(os.stat(spool).st_mode & 0o7777, 0o700, "mode of the spool")
    listed = jem("spool", "list", spool)
    check_in(f"{found[1]} batches", said(listed), "the list")
    check_in("status", said(listed), "the list")
    check_in("0 faults", said(jem("spool", "check", spool)), "the check")
    url = start_broker(folder)
    receiver, out = start_receiver(folder, url)
    sent = jem("spool", "send", "--broker", url, spool)
    check_equal(sent.returncode, 0, f"exit status of send: {said(sent)}")
    check_in(f"{found[1]} batches sent, 0 left", said(sent), "what send says")
    check(not os.path.exists(spool), "an empty spool goes")
    wait_until(lambda: any("streams.json" in files for _, _, files in os.walk(out)),
               what="the job's folder")
    check_equal(end(receiver, signal.SIGTERM), 0, "exit status of the receiver")
    place = only_job(out)
    check_whole(place)
    check_equal([r["exit_code"] for r in check_report(place)["status"] if r["state"] == "ended"],
                [3], "the end of the job")


@case
def a_spool_that_is_not_there_is_said(folder):
    for words in (["list", folder], ["check", folder], ["send", "--broker", "unix:/x", folder]):
        done = jem("spool", *words)
        check_equal(done.returncode, 66, "exit status")
        check_in("holds no spool", said(done), "the line")
    check_equal(jem("spool", "burn", folder).returncode, 64, "exit status of a wrong verb")
    check_equal(jem("spool", "send", folder).returncode, 64, "exit status without a broker")
    check_equal(jem("spool", "send", "--wait", "no", "--broker", "unix:/x", folder).returncode, 64,
                "exit status of a bad --wait")


@case
def sends_what_is_left_next_time(folder):
    jem("run", "--set", "run.drain=0.5", "--set", f"spool.dir={folder}/s", "--broker",
        "unix:/nowhere", "--", "true", cwd=folder)
    done = jem("spool", "send", "--wait", "1", "--broker", "unix:/nowhere", f"{folder}/s")
    check_equal(done.returncode, 69, "exit status")
    check_in("0 batches sent", said(done), "what it says")
    check(not re.search(" 0 left", said(done)), f"something is left: {said(done)}")


def fill_spool(folder):
    jem("run", "--job", "job", "--set", "identity.site=site", "--set", "identity.user=user",
        "--set", "identity.node=node", "--set", "run.drain=0.5", "--set", f"spool.dir={folder}/s",
        "--broker", "unix:/nowhere", "--", "true", cwd=folder)


@case
def damage_costs_what_is_damaged_and_keeps_nothing_back(folder):
    """A frame's header and another's body are changed: all others arrive, and the spool goes."""
    fill_spool(folder)
    place = os.path.join(folder, "s", "broker")
    [name] = [n for n in os.listdir(place) if n.startswith("human-") and n.endswith(".seg")]
    with open(os.path.join(place, name), "r+b") as segment:
        whole = segment.read()
        frames = [m.start() for m in re.finditer(b"JFRM", whole)]
        for at in (frames[2] + 20, frames[4] + 70):
            segment.seek(at)
            segment.write(bytes([whole[at] ^ 0xff]))
    check_equal(jem("spool", "check", f"{folder}/s").returncode, 1, "exit status of check")
    collector = Collector(folder).start()
    sent = jem("spool", "send", "--broker", collector.url, f"{folder}/s")
    collector.finish()
    check_equal(sent.returncode, 1, f"exit status of send: {said(sent)}")
    check_in(f"{len(frames) - 2} batches sent, 0 left, 2 damaged", said(sent), "what send says")
    check_in("1 batches of the human lane are lost by damage", said(sent), "what send says")
    check(not os.path.exists(f"{folder}/s"), "the spool goes")


@case
def what_a_broker_refuses_is_kept_and_counted(folder):
    """The collector of another job takes none of it."""
    fill_spool(folder)
    collector = Collector(folder, job="other").start()
    sent = jem("spool", "send", "--broker", collector.url, f"{folder}/s")
    collector.finish()
    check_equal(sent.returncode, 1, f"exit status of send: {said(sent)}")
    found = re.search(r"0 batches sent, 0 left, (\d+) refused by the broker", said(sent))
    check(found, f"what send says: {said(sent)}")
    kept = [n for n in os.listdir(f"{folder}/s/broker") if n.startswith("rejected-")]
    check_equal(len(kept), int(found[1]), "files of refused batches")


@case
def a_spool_that_is_in_use_is_not_sent(folder):
    jem("run", "--set", "run.drain=0.5", "--set", f"spool.dir={folder}/s", "--broker",
        "unix:/nowhere", "--", "true", cwd=folder)
    with open(f"{folder}/s/broker/lock", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = jem("spool", "send", "--broker", "unix:/nowhere", f"{folder}/s")
    check_equal(done.returncode, 66, "exit status")
    check_in("another process uses it", said(done), "the line")


@case
def without_spool_and_broker_the_loss_is_said(folder):
    """At the start what is wrong, at the end what it has cost; --strict starts no job."""
    options = ["--set", "spool.dir=/proc/none", "--set", "run.drain=0.3", "--broker", "unix:/none"]
    done = jem("run", *options, "--", "sh", "-c", "exit 3", cwd=folder)
    check_equal(done.returncode, 3, "exit status")
    check(re.search(r"spool /proc/none/broker: .*batches wait in memory only", said(done)),
          f"the fault is told: {said(done)}")
    check(re.search(r"exit status 3 .*; [0-9]+ batches were not delivered and are lost", said(done)),
          f"the loss is told: {said(done)}")
    check_equal(jem("run", "--strict", *options, "--", "true", cwd=folder).returncode, 125,
                "exit status with --strict")


@case
def a_broker_that_cannot_be_used_costs_no_record(folder):
    """Wrong files of TLS, or a wrong URL in the configuration: all is on disk for a better broker."""
    bad = os.path.join(folder, "bad.conf")
    with open(bad, "w", encoding="ascii") as file:
        file.write("[broker]\nurl = nonsense\n")
    for i, options in enumerate((["--set", "tls.ca=/none", "--broker", "amqps://127.0.0.1:1"],
                                 ["--config", bad])):
        spool = os.path.join(folder, f"s{i}")
        done = jem("run", "--set", f"spool.dir={spool}", *options, "--", "true", cwd=folder)
        check_in("batches wait on disk", said(done), "the last line")
        check_in("0 faults", said(jem("spool", "check", spool)), "the check")
        check_in("status", said(jem("spool", "list", spool)), "the list")


@case
def an_outage_costs_nothing(folder):
    """Lines are written on while nobody listens; then they come, in order and once."""
    collector = Collector(folder).start()
    writer = Writer(folder, 1000)
    sleeper = spawn(["sleep", "100"])
    daemon = start_daemon(folder, writer, sleeper.pid, collector.url)
    wait_for_spool(folder)
    writer.start()
    log = os.path.join(collector.out, "data", "log.jsonl")
    wait_until(lambda: os.path.exists(log) and os.path.getsize(log) > 10000, what="lines")
    collector.kill()
    written = writer.count
    wait_until(lambda: writer.count > written + (60000 if LONG else 3000), 120, "more lines")
    collector.start()
    written = writer.count
    wait_until(lambda: writer.count > written + 1000, what="more lines")
    writer.stop()
    sleeper.kill()
    check_equal(daemon.wait(30), 0, "exit status of the daemon")
    collector.finish()
    check_whole(collector.out)
    check(texts(collector.out) == [f"line {i}" for i in range(writer.count)], "every line, once")
    check(not os.path.exists(os.path.join(folder, "spool")), "nothing is left on disk")


@case
def kills_lose_nothing_that_is_older_than_a_second(folder):
    """Daemon and collector are killed at random points; what was written a second before is there."""
    chance = random.Random(7)
    collector = Collector(folder).start()
    writer = Writer(folder, 200)
    sleeper = spawn(["sleep", "1000"])
    daemon = start_daemon(folder, writer, sleeper.pid, collector.url)
    wait_for_spool(folder)
    writer.start()
    must = 0
    for kill in range(100 if LONG else 4):
        until = time.monotonic() + chance.uniform(0.3, 1.5)
        wait_until(lambda: time.monotonic() > until, what="a random moment")
        who = kill % 3
        if who != 1:
            must = max(must, writer.before(time.monotonic() - 1))
            daemon.kill()
            daemon.wait()
        if who != 0:
            collector.kill()
            collector.start()
        if who != 1:
            daemon = start_daemon(folder, writer, sleeper.pid, collector.url)
    written = writer.count
    wait_until(lambda: writer.count > written + 400, what="more lines")
    writer.stop()
    sleeper.kill()
    check_equal(daemon.wait(60), 0, "exit status of the daemon")
    collector.finish()
    check_whole(collector.out)
    got = texts(collector.out)
    twice = sorted({text for text in got if got.count(text) > 1}) if len(got) != len(set(got)) else []
    check_equal(twice, [], "lines that are there twice")
    got = set(got)
    lost = [i for i in range(must) if f"line {i}" not in got]
    check_equal(lost, [], "lines lost that were older than a second")
    epochs = {s["epoch"] for s in streams(collector.out)}
    told = {r["previous"] for r in check_report(collector.out)["status"] if r["state"] == "epoch"}
    check(told <= epochs, "the epochs that were told are known")


@case
def what_the_bounds_take_is_told_exactly(folder):
    """No broker and a small spool: the missing ranges are just the batches that were evicted."""
    writer = Writer(folder, 5000)
    sleeper = spawn(["sleep", "100"])
    collector = Collector(folder)
    daemon = start_daemon(folder, writer, sleeper.pid, "unix:/nowhere", "--set",
                          "spool.max_bytes=1MiB", "--set", "run.drain=0.5")
    wait_for_spool(folder)
    writer.start()
    wait_until(lambda: writer.count > 40000, 60, "lines")
    writer.stop()
    sleeper.kill()
    check_equal(daemon.wait(30), 0, "exit status of the daemon")
    collector.start()
    sent = jem("spool", "send", "--broker", collector.url, os.path.join(folder, "spool"))
    check_equal(sent.returncode, 0, f"exit status of send: {said(sent)}")
    collector.finish()
    [log] = [s for s in streams(collector.out) if s["kind"] == "log"]
    check(log["missing"], "something is missing")
    with open(os.path.join(collector.out, "data", "log.jsonl"), encoding="utf-8") as file:
        kept = [json.loads(line) for line in file]
    check_equal(log["records_missing"], writer.count - len(kept), "records missing")
    check_equal(log["missing"][0][0], 0, "the oldest went first")
    check_equal(len(log["missing"]), 1, "ranges")
    check([r["text"] for r in kept] ==
          [f"line {i}" for i in range(writer.count - len(kept), writer.count)], "the rest, once")


main()
