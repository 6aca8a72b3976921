#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What python3-qpid-proton costs through the same broker: wire_peer.py URL"""
import resource
import sys
import time

from proton import Message
from proton.handlers import MessagingHandler
from proton.reactor import Container

COUNT = 20000
TOPIC = "jem.local.someone.1234567.node-17.metric"


def cpu_us():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1e6


class Sender(MessagingHandler):
    def __init__(self, url):
        super().__init__()
        self.url, self.sent, self.settled = url, 0, 0

    def on_start(self, event):
        event.container.create_sender(self.url, None)

    def on_sendable(self, event):
        while event.sender.credit and self.sent < COUNT:
            message = Message(body=b"x" * 300, address=TOPIC, subject=TOPIC,
                              content_type="application/json",
                              id=f"node-17/0123456789abcdef/1234567/metric/{self.sent}",
                              properties={"kind": "metric", "seq": self.sent, "n": 10})
            message.inferred = True
            event.sender.send(message)
            self.sent += 1

    def on_accepted(self, event):
        self.settled += 1
        if self.settled == COUNT:
            event.connection.close()


try:
    start, cpu = time.monotonic(), cpu_us()
    Container(Sender(sys.argv[1])).run()
    seconds = time.monotonic() - start
    print(f"   300 B python3-qpid-proton {COUNT / seconds:9.0f} msg/s   publisher "
          f"{(cpu_us() - cpu) / COUNT:.1f} us/msg")
except Exception as fault:
    print(f"python3-qpid-proton: not measured, {fault}")
