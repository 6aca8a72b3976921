#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Daemon, RabbitMQ and receiver are killed, stopped and filled up: every line is there once, and no gap is.

The seed is printed; JEM_TEST_SEED gives it, JEM_TEST_LONG makes 100 kills.
"""
import os
import random
import resource
import signal
import subprocess
import time

from contract import check_report
from feeding import Collector, start_receiver
from jemtest import (LONG, case, check, check_equal, end, main, program, skip, spawn,
                     wait_until)
from rabbitmq import QUEUE, RabbitMQ
from spooling import (Writer, check_whole, only_job, start_daemon, texts, wait_for_spool)


class Site:
    """A job's daemon that publishes to RabbitMQ, and a receiver that reads the durable queue."""

    def __init__(self, folder, broker, rate=200, *options):
        self.folder = folder
        self.broker = broker
        self.writer = Writer(folder, rate)
        self.sleeper = spawn(["sleep", "100000"])
        self.options = options
        self.must = 0
        self.daemon = self.receiver = None
        self.out = os.path.join(folder, "out")

    def start(self):
        self.start_daemon()
        wait_for_spool(self.folder)
        self.writer.start()
        self.start_receiver()
        return self

    def start_daemon(self):
        self.daemon = start_daemon(self.folder, self.writer, self.sleeper.pid, self.broker.url,
                                   "--credentials", self.broker.credentials, *self.options)

    def start_receiver(self):
        """It may be that nobody listens yet."""
        self.receiver = spawn(
            [program("jem-tool"), "receive", "--broker", self.broker.url, "--credentials",
             self.broker.credentials, "--queue", QUEUE, "--out", self.out],
            stdin=subprocess.DEVNULL, stderr=open(os.path.join(self.folder, "receive.log"), "ab"))

    def kill(self, names):
        """All of them at once, then they are started again."""
        if "daemon" in names:
            self.must = max(self.must, self.writer.before(time.monotonic() - 1))
            self.daemon.kill()
        if "receiver" in names:
            self.receiver.kill()
        if "broker" in names:
            self.broker.kill()
        if "daemon" in names:
            self.daemon.wait()
            self.start_daemon()
        if "receiver" in names:
            self.receiver.wait()
            self.start_receiver()
        if "broker" in names:
            self.broker.start()

    def finish(self):
        """Until all is in the files: the place of the job's folder."""
        self.writer.stop()
        self.sleeper.kill()
        check_equal(self.daemon.wait(120), 0, "exit status of the daemon")
        check(not os.path.exists(os.path.join(self.folder, "spool")), "nothing is left on disk")
        wait_until(lambda: self.broker.queues().get(QUEUE) == 0, 120, "the queue to be empty")
        check_equal(end(self.receiver, signal.SIGTERM), 0, "exit status of the receiver")
        return only_job(self.out)

    def check_lines(self, place):
        """No gap, no line twice, and every line that was older than a second when a daemon was killed."""
        check_whole(place)
        got = texts(place)
        check_equal(len(got), len(set(got)), "lines, each once")
        lacking = {f"line {i}" for i in range(self.must)} - set(got)
        check_equal(sorted(lacking), [], "lines lost that were older than a second")


def wait_for_lines(writer, count, seconds=120):
    written = writer.count
    wait_until(lambda: writer.count > written + count, seconds, "more lines")


@case
def kills_anywhere_lose_nothing_that_is_older_than_a_second(folder):
    seed = int(os.environ.get("JEM_TEST_SEED", "11"))
    print(f"# seed {seed}", flush=True)
    chance = random.Random(seed)
    everyone = ("daemon", "broker", "receiver")
    with RabbitMQ(folder) as broker:
        site = Site(folder, broker).start()
        for kill in range(100 if LONG else 4):
            until = time.monotonic() + chance.uniform(0.3, 2)
            wait_until(lambda: time.monotonic() > until, what="a random moment")
            names = everyone if kill % 4 == 3 else (everyone[kill % 4],)
            site.kill(names)
        wait_for_lines(site.writer, 400)
        site.check_lines(site.finish())


@case
def a_receiver_killed_with_unsettled_messages_gets_them_again(folder):
    """RabbitMQ delivers again what was not settled; the next receiver knows what it has by the files."""
    chance = random.Random(5)
    with RabbitMQ(folder) as broker:
        site = Site(folder, broker, 2000).start()
        for _ in range(25 if LONG else 5):
            journal = os.path.join(folder, "receive.log")
            wait_for_lines(site.writer, chance.randrange(500, 3000))
            before = os.path.getsize(journal)
            # Stopped, it takes in what it does not settle.
            site.receiver.send_signal(signal.SIGSTOP)
            wait_for_lines(site.writer, 500)
            site.kill(("receiver",))
            wait_until(lambda: os.path.getsize(journal) > before, 60, "the receiver")
        place = site.finish()
        check_whole(place)
        check(texts(place) == [f"line {i}" for i in range(site.writer.count)], "every line, once")


@case
def two_receivers_share_a_queue(folder):
    """Each record is with one of them; together they have all."""
    with RabbitMQ(folder) as broker:
        login = ("--credentials", broker.credentials, "--queue", QUEUE)
        places = [os.path.join(folder, name) for name in ("one", "other")]
        for place in places:
            os.mkdir(place)
        receivers = [start_receiver(place, broker.url, *login) for place in places]
        writer = Writer(folder, 1000)
        sleeper = spawn(["sleep", "300"])
        daemon = start_daemon(folder, writer, sleeper.pid, broker.url, *login[:2])
        wait_for_spool(folder)
        writer.start()
        wait_for_lines(writer, 3000)
        writer.stop()
        sleeper.kill()
        check_equal(daemon.wait(60), 0, "exit status of the daemon")
        wait_until(lambda: broker.queues()[QUEUE] == 0, 60, "the queue to be empty")
        for receiver, _ in receivers:
            check_equal(end(receiver, signal.SIGTERM), 0, "exit status of a receiver")
        reports = [check_report(only_job(out)) for _, out in receivers]
        for kind in set(reports[0]) | set(reports[1]):
            numbers = [(r["epoch"], r["seq"], r["i"]) for report in reports
                       for r in report.get(kind, [])]
            check_equal(len(numbers), len(set(numbers)), f"records of {kind}, each once")
        halves = [[r["text"] for r in report.get("log", [])] for report in reports]
        check(all(halves), "both have lines")
        check(sorted(halves[0] + halves[1]) == sorted(f"line {i}" for i in range(writer.count)),
              "together every line, once")


@case
def a_broker_that_stands_still_loses_nothing(folder):
    """SIGSTOP for a while: the daemon waits, the job writes on, and all comes in the end."""
    with RabbitMQ(folder) as broker:
        site = Site(folder, broker, 1000).start()
        wait_for_lines(site.writer, 1000)
        broker.signal(signal.SIGSTOP)
        try:
            wait_for_lines(site.writer, 120000 if LONG else 4000, 300)
        finally:
            broker.signal(signal.SIGCONT)
        wait_for_lines(site.writer, 1000)
        place = site.finish()
        check_whole(place)
        check(texts(place) == [f"line {i}" for i in range(site.writer.count)], "every line, once")


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (200 << 10, 200 << 10))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def outlive_a_full_disk(folder, wrap=(), **how):
    """The spool gets no more; what is in memory is sent once somebody listens."""
    collector = Collector(folder)  # it does not answer yet
    writer = Writer(folder, 2000)
    sleeper = spawn(["sleep", "300"])
    journal = os.path.join(folder, "jemd.log")
    daemon = start_daemon(folder, writer, sleeper.pid, collector.url, "--set",
                          f"spool.dir={folder}/disk/spool", wrap=wrap, **how)
    wait_until(lambda: os.path.exists(os.path.join(folder, "offsets")), what="the logs' start")
    writer.start()
    wait_until(lambda: b"cannot write" in open(journal, "rb").read(), 60, "a full disk")
    wait_for_lines(writer, 4000)
    check(daemon.poll() is None, "the daemon goes on")
    collector.start()
    wait_for_lines(writer, 2000)
    writer.stop()
    sleeper.kill()
    check_equal(daemon.wait(60), 0, "exit status of the daemon")
    collector.finish()
    check_whole(collector.out)
    check(texts(collector.out) == [f"line {i}" for i in range(writer.count)], "every line, once")
    with open(journal, encoding="utf-8") as text:
        check_equal(text.read().count("cannot write"), 1, "times that it is said")


@case
def a_full_file_system_under_the_spool_costs_nothing(folder):
    if os.geteuid() != 0:
        skip("only root mounts a small file system")
    disk = os.path.join(folder, "disk")
    os.mkdir(disk)
    mounts = ["unshare", "-m", "sh", "-c",
              f'mount -t tmpfs -o size=256k tmpfs "{disk}" && exec "$@"', "-"]
    if subprocess.run([*mounts, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        skip("no mount namespace of our own here")
    outlive_a_full_disk(folder, wrap=mounts)


@case
def a_limit_on_files_under_the_spool_costs_nothing(folder):
    """What an ordinary user can have: writing fails, by the limit on the size of a file."""
    os.mkdir(os.path.join(folder, "disk"))
    outlive_a_full_disk(folder, preexec_fn=limit_files)


main()
