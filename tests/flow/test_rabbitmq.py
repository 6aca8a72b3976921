#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real RabbitMQ between daemon and receiver: addresses, kills, wrong passwords, forbidden topics."""
import os
import re
import signal
import subprocess

from contract import check_report
from feeding import start_receiver, streams
from jemtest import (case, check, check_equal, check_in, end, jem, main, program, spawn, wait_until)
from rabbitmq import QUEUE, RabbitMQ
from spooling import FIRE_HOSE, Writer, check_whole, only_job, said, start_daemon, texts, wait_for_spool


@case
def a_job_goes_through_a_durable_queue(folder):
    with RabbitMQ(folder) as broker:
        done = jem("run", "--broker", broker.url, "--credentials", broker.credentials, "--",
                   "sh", "-c", "exit 5", cwd=folder)
        check_equal(done.returncode, 5, "exit status")
        check("wait on disk" not in said(done), f"all was delivered: {said(done)}")
        receiver, out = start_receiver(folder, broker.url, "--credentials", broker.credentials,
                                       "--queue", QUEUE)
        wait_until(lambda: broker.queues()[QUEUE] == 0 and any(
            "streams.json" in files for _, _, files in os.walk(out)), 60, "the queue to be empty")
        check_equal(end(receiver, signal.SIGTERM), 0, "exit status of the receiver")
        place = only_job(out)
        check_whole(place)
        ends = [r for r in check_report(place)["status"] if r["state"] == "ended"]
        check_equal([r["exit_code"] for r in ends], [5], "the end of the job")
        check_equal([s["before_join"] for s in streams(place)], [0] * len(streams(place)),
                    "before_join")
        watched = jem("check", "--set", f"broker.url={broker.url}", "--set",
                      f"broker.credentials={broker.credentials}")
        check_in("yes", said(watched), "what jem check says")


@case
def a_pattern_hears_a_job_live_and_leaves_no_queue(folder):
    with RabbitMQ(folder, expires_ms=1000) as broker:
        for _ in range(3):
            watch = spawn([program("jem-tool"), "watch", "--raw", "--broker", broker.url,
                           "--credentials", broker.credentials, "--job", "mine"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
            wait_until(lambda: any(q.startswith("amq.gen") for q in broker.queues()), 60,
                       "the subscription")
            jem("run", "--job", "mine", "--broker", broker.url, "--credentials",
                broker.credentials, "--", "true", cwd=folder)
            line = watch.stdout.readline()
            check_in(b'.mine.', line, "what is heard")
            check_equal(end(watch, signal.SIGTERM), 0, "exit status of jem watch")
        wait_until(lambda: not any(q.startswith("amq.gen") for q in broker.queues()), 60,
                   "the end of the queues of subscriptions")


@case
def a_killed_broker_loses_nothing(folder):
    """SIGKILL in the middle; what it had accepted is in its durable queue, the rest comes again."""
    with RabbitMQ(folder) as broker:
        writer = Writer(folder, 1000)
        sleeper = spawn(["sleep", "300"])
        daemon = start_daemon(folder, writer, sleeper.pid, broker.url, "--credentials",
                              broker.credentials, "--set", "run.drain=60")
        wait_for_spool(folder)
        writer.start()
        wait_until(lambda: broker.queues()[QUEUE] > 10, 60, "batches")
        broker.kill()
        written = writer.count
        wait_until(lambda: writer.count > written + 2000, 60, "more lines")
        broker.start()
        written = writer.count
        wait_until(lambda: writer.count > written + 1000, 60, "more lines")
        writer.stop()
        sleeper.kill()
        check_equal(daemon.wait(60), 0, "exit status of the daemon")
        check(not os.path.exists(os.path.join(folder, "spool")), "nothing is left on disk")
        receiver, out = start_receiver(folder, broker.url, "--credentials", broker.credentials,
                                       "--queue", QUEUE)
        wait_until(lambda: broker.queues()[QUEUE] == 0, 60, "the queue to be empty")
        check_equal(end(receiver, signal.SIGTERM), 0, "exit status of the receiver")
        place = only_job(out)
        # Batches of the fire hose are not durable: those that the broker had are named as missing.
        check_whole(place, may_miss=FIRE_HOSE)
        check(texts(place) == [f"line {i}" for i in range(writer.count)], "every line, once")


@case
def a_stopped_broker_is_waited_for(folder):
    """SIGSTOP: no error, no answer. The job ends in time, and what is left is sent afterwards."""
    with RabbitMQ(folder) as broker:
        broker.signal(signal.SIGSTOP)
        try:
            done = jem("run", "--set", "run.drain=1", "--set", f"spool.dir={folder}/s", "--broker",
                       broker.url, "--credentials", broker.credentials, "--", "true", cwd=folder)
        finally:
            broker.signal(signal.SIGCONT)
        check_equal(done.returncode, 0, "exit status")
        check_in("wait on disk", said(done), "the last line")
        sent = jem("spool", "send", "--broker", broker.url, "--credentials", broker.credentials,
                   os.path.join(folder, "s"))
        check_equal(sent.returncode, 0, f"exit status of send: {said(sent)}")
        check(broker.queues()[QUEUE] > 0, "it is there")


@case
def refusals_are_one_clear_line(folder):
    with RabbitMQ(folder) as broker:
        wrong = os.path.join(folder, "wrong")
        with open(os.open(wrong, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write("jem:wrong\n")
        checked = jem("check", "--set", f"broker.url={broker.url}", "--set",
                      f"broker.credentials={wrong}")
        check_equal(checked.returncode, 78, "exit status with a wrong password")
        check(re.search("uthenti|refused|failed", said(checked)), f"it says so: {said(checked)}")
        # The broker confines this user to topics of another site's user.
        url = broker.url.replace("jem@", "job42@")
        done = jem("run", "--set", "run.drain=2", "--set", f"spool.dir={folder}/s", "--broker", url, "--credentials",
                   broker.credentials, "--", "true", cwd=folder)
        check_equal(done.returncode, 0, "exit status")
        check_in("wait on disk", said(done), "nothing is lost by it")
        sent = jem("spool", "send", "--wait", "2", "--broker", url, "--credentials",
                   broker.credentials, os.path.join(folder, "s"))
        check_equal(sent.returncode, 69, "exit status of send")
        check_in("unauthorized-access", said(sent), "the broker's reason")


@case
def a_confined_user_publishes_its_own_and_hears_nothing(folder):
    """The broker's rights: topics of one user of the site may be written, none may be heard."""
    with RabbitMQ(folder) as broker:
        url = broker.url.replace("jem@", "job42@")
        login = ["--broker", url, "--credentials", broker.credentials]
        done = jem("run", *login, "--set", "identity.site=local", "--set", "identity.user=nobody",
                   "--set", "run.drain=30", "--", "true", cwd=folder)
        check_equal(done.returncode, 0, "exit status")
        check("wait on disk" not in said(done), f"its own is taken: {said(done)}")
        check(broker.queues()[QUEUE] > 0, "it is there")
        log = os.path.join(folder, "receive.log")
        receiver = spawn([program("jem-tool"), "receive", *login, "--out", f"{folder}/out"],
                         stdin=subprocess.DEVNULL, stderr=open(log, "ab"))
        wait_until(lambda: "no broker" in open(log, encoding="utf-8").read(), 30, "a line of it")
        end(receiver, signal.SIGTERM)
        with open(log, encoding="utf-8") as text:
            told = text.read()
        check_equal(told.count("no broker"), 1, f"lines, in {told}")
        check("receiving from" not in told, "it does not claim to receive")
        check(not os.path.exists(f"{folder}/out/local"), "nothing is heard")


main()
