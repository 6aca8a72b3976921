#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proton's example broker in Python as a foreign peer: it has queues by exact names, and no patterns."""
import os
import signal
import socket
import subprocess

from contract import check_report
from feeding import start_receiver
from jemtest import case, check, check_equal, end, jem, main, skip, spawn, wait_until
from spooling import check_whole, only_job, said

EXAMPLE = "/usr/share/proton/examples/python/broker.py"


def start_example(port):
    """On a port that was free a moment ago: it cannot be told to choose, nor says that it listens."""
    if not os.path.exists(EXAMPLE):
        skip("no example broker here (Debian package libqpid-proton11-dev-examples)")
    child = spawn(["/usr/bin/python3", EXAMPLE, "--address", f"127.0.0.1:{port}"],
                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def listens():
        check(child.poll() is None, "the example broker runs")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listens, what="the example broker")
    return child


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def receive_kind(folder, url, kind):
    """The files of a receiver that reads the queue of one kind of the job."""
    place = os.path.join(folder, kind)
    os.mkdir(place)
    receiver, out = start_receiver(place, url, "--queue", f"jem.site.user.mine.node.{kind}")
    wait_until(lambda: any("streams.json" in files for _, _, files in os.walk(out)), 30,
               f"batches of {kind}")
    check_equal(end(receiver, signal.SIGTERM), 0, "exit status of the receiver")
    return only_job(out)


def run_job(folder, url):
    done = jem("run", "--quiet", "--job", "mine", "--broker", url, "--log", "app.log", "--set",
               f"spool.dir={folder}/spool", "--set", "identity.site=site", "--set",
               "identity.user=user", "--set", "identity.node=node", "--set", "run.drain=20", "--",
               "sh", "-c", "for i in 0 1 2 3 4; do echo line $i; done >>app.log; exit 6",
               cwd=folder)
    check_equal(done.returncode, 6, f"exit status: {said(done)}")


@case
def a_job_goes_through_its_queues(folder):
    port = free_port()
    start_example(port)
    url = f"amqp://127.0.0.1:{port}"
    run_job(folder, url)
    check(not os.path.exists(os.path.join(folder, "spool")), "nothing is left on disk")
    place = receive_kind(folder, url, "log")
    check_whole(place)
    check_equal([r["text"] for r in check_report(place)["log"] if r["text"].startswith("line")],
                [f"line {i}" for i in range(5)], "lines")
    place = receive_kind(folder, url, "status")
    check_whole(place)
    check_equal([r["exit_code"] for r in check_report(place)["status"] if r["state"] == "ended"],
                [6], "the end of the job")


@case
def what_it_could_not_take_comes_later_and_once(folder):
    """It is away while the job runs, which keeps all; back again, it gets each record once."""
    port = free_port()
    end(start_example(port), signal.SIGKILL)
    url = f"amqp://127.0.0.1:{port}"
    done = jem("run", "--quiet", "--job", "mine", "--broker", url, "--set",
               f"spool.dir={folder}/spool", "--set", "identity.site=site", "--set",
               "identity.user=user", "--set", "identity.node=node", "--set", "run.drain=1", "--",
               "true", cwd=folder)
    check_equal(done.returncode, 0, f"exit status: {said(done)}")
    start_example(port)
    sent = jem("spool", "send", "--broker", url, os.path.join(folder, "spool"))
    check_equal(sent.returncode, 0, f"exit status of send: {said(sent)}")
    place = receive_kind(folder, url, "status")
    check_whole(place)
    ends = [r for r in check_report(place)["status"] if r["state"] == "ended"]
    check_equal(len(ends), 1, "ends of the job")


main()
