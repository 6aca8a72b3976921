#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Three RabbitMQ in a cluster, of which the leader of the durable queue is killed in the middle."""
import os
import signal

from feeding import start_receiver
from jemtest import case, check, check_equal, end, main, spawn, wait_until
from rabbitmq import QUEUE, Cluster
from spooling import Writer, check_whole, only_job, start_daemon, texts, wait_for_spool


@case
def a_killed_leader_loses_and_doubles_nothing(folder):
    """The daemon's first broker is the leader: it goes on with the next of its list."""
    with Cluster(folder) as cluster:
        leader, *others = cluster.leader_first()
        login = ["--credentials", cluster.credentials]
        more = [word for node in others for word in ("--broker", node.url)]
        writer = Writer(folder, 500)
        sleeper = spawn(["sleep", "300"])
        daemon = start_daemon(folder, writer, sleeper.pid, leader.url, *more, *login, "--set",
                              "run.drain=60")
        wait_for_spool(folder)
        writer.start()
        wait_until(lambda: others[0].queues().get(QUEUE, 0) > 5, 60, "batches")
        leader.kill()
        written = writer.count
        wait_until(lambda: cluster.leader_first()[0] in others, 60, "another leader")
        wait_until(lambda: writer.count > written + 1000, 60, "more lines")
        writer.stop()
        sleeper.kill()
        check_equal(daemon.wait(90), 0, "exit status of the daemon")
        check(not os.path.exists(os.path.join(folder, "spool")), "nothing is left on disk")
        with open(os.path.join(folder, "jemd.log"), encoding="utf-8") as log:
            told = log.read()
        check(any(f":{node.port}" in told for node in others), f"it went on with another: {told}")
        receiver, out = start_receiver(folder, others[0].url, *login, "--queue", QUEUE)
        wait_until(lambda: others[0].queues()[QUEUE] == 0, 60, "the queue to be empty")
        check_equal(end(receiver, signal.SIGTERM), 0, "exit status of the receiver")
        place = only_job(out)
        check_whole(place)
        check(texts(place) == [f"line {i}" for i in range(writer.count)], "every line, once")


main()
