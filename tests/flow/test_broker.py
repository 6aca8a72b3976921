#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""jem broker against foreign clients, strangers, liars and the lazy."""
import os
import signal
import socket
import struct
import subprocess
import threading
import time

from jemtest import (TOP, case, check, check_equal, check_in, end, main, program, skip, spawn,
                     wait_until)

try:
    from proton import Message, symbol
    from proton.handlers import MessagingHandler
    from proton.reactor import Container
except ImportError:
    Message = None

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"


class Broker:
    """A broker of the case's own; `url` is where it listens."""

    def __init__(self, folder, *options, listen=("127.0.0.1:0",), **popen):
        words = [word for address in listen for word in ("--listen", address)]
        self.child = spawn([program("jem-tool"), "broker", *words, *options],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=open(os.path.join(folder, "broker.log"), "ab"), **popen)
        self.urls = [self.child.stdout.readline().decode().strip() for _ in listen]
        self.url = self.urls[0]
        check(self.url, "the broker prints where it listens")

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    def rss(self):
        with open(f"/proc/{self.child.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

    def check_growth(self, before, bound):
        """A sanitizer keeps freed memory for a while: then the figure says nothing."""
        with open(program("jem-tool"), "rb") as file:
            is_sanitized = b"__asan_init" in file.read()
        grown = self.rss() - before
        check(is_sanitized or grown < bound, f"the broker grew by {grown} bytes")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


if Message:
    class Client(MessagingHandler):
        """A foreign client in a thread of its own; ends with stop()."""

        def __init__(self, url, source=None, target=None, messages=(), credit=100, **options):
            super().__init__(prefetch=0, auto_accept=True)
            self.url, self.source, self.target = url, source, target
            self.to_send, self.credit, self.options = list(messages), credit, options
            self.received, self.outcomes, self.errors = [], [], []
            self.is_attached = threading.Event()
            self.is_stopped = False
            self.container = Container(self)
            self.thread = threading.Thread(target=self.container.run, daemon=True)
            self.thread.start()

        def on_start(self, event):
            self.connection = event.container.connect(self.url, reconnect=False, **self.options)
            if self.source:
                receiver = event.container.create_receiver(self.connection, self.source)
                receiver.flow(self.credit)
            if self.target is not None:
                self.sender = event.container.create_sender(self.connection, self.target or None)
            event.container.schedule(0.05, self)

        def on_timer_task(self, event):
            if self.is_stopped:
                self.connection.close()
            else:
                event.container.schedule(0.05, self)

        def on_link_opened(self, event):
            self.is_attached.set()

        def on_sendable(self, event):
            while self.to_send and event.sender.credit:
                event.sender.send(self.to_send.pop(0))

        def on_message(self, event):
            self.received.append(event.message)

        def on_accepted(self, event):
            self.outcomes.append("accepted")

        def on_rejected(self, event):
            self.outcomes.append("rejected")

        def on_transport_error(self, event):
            self.errors.append(str(event.transport.condition))
            self.is_attached.set()

        def on_link_error(self, event):
            self.errors.append(str(event.link.remote_condition))
            self.is_attached.set()

        def attached(self):
            check(self.is_attached.wait(20), f"{self.url} does not attach")
            return self

        def stop(self):
            self.is_stopped = True
            self.thread.join(20)
            check(not self.thread.is_alive(), "the foreign client does not end")


def need_proton():
    if not Message:
        skip("python3-qpid-proton is not installed")


def text_message(topic, text, **fields):
    message = Message(body=text.encode(), address=topic, subject=topic, **fields)
    message.inferred = True
    return message


def bodies(client):
    return [bytes(message.body) for message in client.received]


@case
def serves_foreign_clients_with_wildcards(folder):
    need_proton()
    broker = Broker(folder)
    everything = Client(broker.url, source="jem.#").attached()
    metrics = Client(broker.url, source="jem.*.me.*.*.metric").attached()
    sender = Client(broker.url, target="", messages=[
        text_message("jem.s.me.1.n.metric", "one"),
        text_message("jem.s.me.1.n.log", "two"),
        text_message("jem.s.you.1.n.metric", "three"),
        text_message("other.topic", "four")])
    wait_until(lambda: len(sender.outcomes) == 4, what="four outcomes")
    check_equal(set(sender.outcomes), {"accepted"})
    wait_until(lambda: len(everything.received) == 3 and len(metrics.received) == 1)
    check_equal(bodies(everything), [b"one", b"two", b"three"])
    check_equal(bodies(metrics), [b"one"])
    for client in (everything, metrics, sender):
        client.stop()
    check_equal(end(broker.child), 0, "exit status of the broker")


@case
def takes_a_topic_as_the_target_of_a_link(folder):
    need_proton()
    broker = Broker(folder)
    receiver = Client(broker.url, source="a.*").attached()
    sender = Client(broker.url, target="a.b", messages=[Message(body="text")])
    wait_until(lambda: receiver.received, what="the message")
    check_equal(receiver.received[0].body, "text")
    receiver.stop()
    sender.stop()


@case
def gives_the_last_status_to_late_subscribers(folder):
    need_proton()
    broker = Broker(folder)
    sender = Client(broker.url, target="", messages=[
        text_message("jem.s.me.1.n.status", "starting", properties={"n": 1}),
        text_message("jem.s.me.1.n.status", "running", properties={"n": 1}),
        text_message("jem.s.me.1.n.status", "heartbeat", properties={"n": 0}),
        text_message("jem.s.me.2.n.status", "ended", properties={"n": 1}),
        text_message("jem.s.me.1.n.metric", "gone", properties={"n": 1})])
    wait_until(lambda: len(sender.outcomes) == 5)
    late = Client(broker.url, source="jem.s.me.#")
    wait_until(lambda: len(late.received) == 2, what="two kept messages")
    check_equal(bodies(late), [b"running", b"ended"])
    check_equal(late.received[0].instructions, {symbol("x-opt-jem-retained"): 1})
    late.stop()
    sender.stop()


@case
def refuses_addresses_that_are_none(folder):
    need_proton()
    broker = Broker(folder)
    for wrong in ({"source": "a..b/c"}, {"source": "a b"}, {"target": "a.#"}):
        client = Client(broker.url, **wrong)
        wait_until(lambda client=client: client.errors, what="the refusal")
        check_in("amqp:invalid-field", client.errors[0])
        client.stop()
    sender = Client(broker.url, target="", messages=[text_message("no/topic", "x"),
                                                    text_message("a.b", "y")])
    wait_until(lambda: len(sender.outcomes) == 2)
    check_equal(sender.outcomes, ["rejected", "accepted"])
    sender.stop()


@case
def drops_the_oldest_for_one_that_gives_no_credit(folder):
    need_proton()
    broker = Broker(folder, "--set", "listen.queue_bytes=1MiB")
    count, size = 400, 16384
    lazy = Client(broker.url, source="a.#", credit=1).attached()
    keen = Client(broker.url, source="a.#", credit=100000).attached()
    before = broker.rss()
    sender = Client(broker.url, target="", messages=[
        text_message("a.b", f"{i:06d}" + "x" * size) for i in range(count)])
    wait_until(lambda: len(sender.outcomes) == count, what="all outcomes")
    wait_until(lambda: len(keen.received) == count, what="all messages")
    check_equal([int(body[:6]) for body in bodies(keen)], list(range(count)))
    check_equal(len(lazy.received), 1, "messages without credit")
    broker.check_growth(before, 8 << 20)
    for client in (lazy, keen, sender):
        client.stop()


@case
def tells_a_slow_subscriber_what_it_missed(folder):
    need_proton()
    broker = Broker(folder, "--set", "listen.queue_bytes=64KiB")

    class Slow(Client):
        def on_message(self, event):
            super().on_message(event)
            if len(self.received) == 1:
                self.receiver = event.receiver

        def on_timer_task(self, event):
            if getattr(self, "wants_more", False):
                self.wants_more = False
                self.receiver.flow(1000)
            super().on_timer_task(event)

    slow = Slow(broker.url, source="a.#", credit=1).attached()
    sender = Client(broker.url, target="", messages=[
        text_message("a.b", f"{i:06d}" + "x" * 8000) for i in range(50)])
    wait_until(lambda: len(sender.outcomes) == 50)
    slow.wants_more = True
    wait_until(lambda: slow.received and slow.received[-1].body[:6] == b"000049")
    numbers = [int(body[:6]) for body in bodies(slow)]
    check_equal(numbers, sorted(numbers), "order")
    notices = [message.instructions[symbol("x-opt-jem-dropped")]
               for message in slow.received if message.instructions]
    check_equal(notices, sorted(notices), "growth of the notices")
    check_equal(notices[-1:], [50 - len(numbers)], "last notice")
    slow.stop()
    sender.stop()


def tail(folder):
    with open(os.path.join(folder, "broker.log"), encoding="utf-8") as log:
        return log.read()


@case
def refuses_another_user_without_credentials(folder):
    if os.geteuid() != 0:
        skip("only root can be another user")
    need_proton()
    code = ("import sys; from proton.utils import BlockingConnection\n"
            "try:\n BlockingConnection(sys.argv[1], timeout=20)\n"
            "except Exception as e:\n print('refused', e); sys.exit(7)\n")
    broker = Broker(folder, listen=("127.0.0.1:0", "[::1]:0"))
    os.chmod(folder, 0o755)
    for url in broker.urls:
        ours = subprocess.run(["/usr/bin/python3", "-c", code, url], timeout=60, check=False,
                              capture_output=True)
        check_equal(ours.returncode, 0, f"our own connection, {ours.stdout}")
    owned_by_nobody = Broker(folder, listen=("127.0.0.1:0",),
                             user=65534, group=65534, extra_groups=[])
    # uid 65533 knocks at a broker of uid 65534; root may come in.
    stranger = subprocess.run(
        ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups", "/usr/bin/python3", "-c",
         code, owned_by_nobody.url], timeout=60, check=False, capture_output=True)
    check_equal(stranger.returncode, 7, f"the stranger, {stranger.stdout}{stranger.stderr}")
    check_in(b"uthentication", stranger.stdout)
    root = subprocess.run(["/usr/bin/python3", "-c", code, owned_by_nobody.url], timeout=60,
                          check=False, capture_output=True)
    check_equal(root.returncode, 0, f"root, {root.stdout}")


@case
def takes_another_user_with_the_right_password(folder):
    if os.geteuid() != 0:
        skip("only root can be another user")
    need_proton()
    secrets = os.path.join(folder, "secrets")
    with open(secrets, "w", encoding="ascii") as file:
        file.write("# users\nother:pass:word\n")
    os.chmod(secrets, 0o644)
    refused = subprocess.run([program("jem-tool"), "broker", "--listen", "127.0.0.1:0",
                              "--credentials", secrets], timeout=60, check=False,
                             capture_output=True)
    check_equal(refused.returncode, 78, "exit status with an open file")
    check_in(b"chmod 600", refused.stderr)
    check(b"pass:word" not in refused.stderr, "the password is told")
    os.chmod(secrets, 0o600)
    os.chown(secrets, 65534, 65534)
    os.chmod(folder, 0o755)
    broker = Broker(folder, "--credentials", secrets, user=65534, group=65534, extra_groups=[])
    code = ("import sys; from proton.utils import BlockingConnection\n"
            "try:\n BlockingConnection(sys.argv[1], timeout=20, user=sys.argv[2] or None, "
            "password=sys.argv[3] or None, allow_insecure_mechs=True)\n"
            "except Exception as e:\n sys.exit(7)\n")

    def knock(user, password):
        return subprocess.run(
            ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups", "/usr/bin/python3",
             "-c", code, broker.url, user, password], timeout=60, check=False,
            capture_output=True).returncode

    check_equal(knock("other", "pass:word"), 0, "the right password")
    check_equal(knock("other", "pass:worD"), 7, "a wrong password")
    check_equal(knock("othe", "pass:word"), 7, "a wrong user")
    check_equal(knock("", ""), 7, "no password")
    check("pass:word" not in tail(folder), "the password is in the log")


@case
def socket_files_are_private_and_replaced_only_when_stale(folder):
    path = os.path.join(folder, "deep" * 20, "er" * 60)
    os.makedirs(path)
    address = "unix:" + os.path.join(path, "broker.sock")
    broker = Broker(folder, listen=(address,))
    check_equal(broker.url, address)
    check_equal(os.stat(address[5:]).st_mode & 0o7777, 0o600, "mode of the socket")
    second = subprocess.run([program("jem-tool"), "broker", "--listen", address], timeout=60,
                            check=False, capture_output=True)
    check_equal(second.returncode, 69, "exit status of a second broker")
    check_in(b"listening already", second.stderr)
    end(broker.child, signal.SIGKILL)
    check(os.path.exists(address[5:]), "a killed broker leaves its file")
    broker = Broker(folder, listen=(address,))
    check_equal(end(broker.child), 0)
    check(not os.path.exists(address[5:]), "the file goes with the broker")
    with open(address[5:], "w", encoding="ascii") as file:
        file.write("precious")
    third = subprocess.run([program("jem-tool"), "broker", "--listen", address], timeout=60,
                           check=False, capture_output=True)
    check_equal(third.returncode, 69)
    with open(address[5:], encoding="ascii") as file:
        check_equal(file.read(), "precious")


@case
def refuses_to_listen_beyond_loopback(folder):
    for address in ("0.0.0.0:0", "[::]:0", "10.1.2.3:0", "example.org:0"):
        broker = subprocess.run([program("jem-tool"), "broker", "--listen", address], timeout=60,
                                check=False, capture_output=True)
        check_equal(broker.returncode, 69, address)
        check_in(b"beyond loopback", broker.stderr, address)
        check_equal(broker.stdout, b"")
        check_equal(broker.stderr.count(b"\n"), 1, "lines")


@case
def a_port_in_use_is_told_in_one_line(folder):
    broker = Broker(folder)
    second = subprocess.run([program("jem-tool"), "broker", "--listen", f"127.0.0.1:{broker.port}"],
                            timeout=60, check=False, capture_output=True)
    check_equal(second.returncode, 69)
    check_in(b"another program listens there", second.stderr)


def frame(performative, channel=0, kind=0):
    return struct.pack(">IBBH", len(performative) + 8, 2, kind, channel) + performative


@case
def survives_malformed_bytes(folder):
    broker = Broker(folder)
    opened = AMQP_HEADER + frame(b"\x00\x53\x10\xc0\x04\x01\xa1\x01x")
    floods = [
        b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 64, b"AMQP\x09\x09\x09\x09", os.urandom(4096),
        SASL_HEADER + b"\xff" * 64, AMQP_HEADER + b"\xff" * 64,
        AMQP_HEADER + struct.pack(">IBBH", 0x7fffffff, 2, 0, 0) + b"x" * 100,
        AMQP_HEADER + struct.pack(">IBBH", 4, 2, 0, 0),
        AMQP_HEADER + frame(b"\x00\x53\x10" + b"\xc0\xff\xff"),
        opened + frame(b"\x00\x53\x14\xc0\x02\x01\x43"),                    # transfer, no session
        opened + frame(b"\x00\x53\x11\xc0\x05\x04\x40\x43\x43\x43") * 300,  # sessions
        opened + frame(b"\x00" * 4000),
        opened + frame(b"\x00\x53\x11" + b"\xd0\x00\x00\x00\x08\x7f\xff\xff\xff\x40\x40\x40\x40"),
    ]
    for flood in floods:
        with broker.connect() as peer:
            peer.settimeout(20)
            try:
                peer.sendall(flood)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65536):
                    pass
            except ConnectionError:
                pass
    check_equal(broker.child.poll(), None, "the broker")
    need_proton()
    receiver = Client(broker.url, source="a.#").attached()
    sender = Client(broker.url, target="a.b", messages=[Message(body="still there")])
    wait_until(lambda: receiver.received)
    receiver.stop()
    sender.stop()
    check_equal(end(broker.child), 0)


@case
def ends_a_peer_that_ignores_its_credit(folder):
    broker = Broker(folder)
    with open(os.path.join(TOP, "tests/fuzz/corpus/amqp_broker/life_open"), "rb") as file:
        opening = file.read()[1:]  # connection, session, a link to publish to jem.a
    with broker.connect() as peer:
        peer.settimeout(20)
        peer.sendall(opening)
        flood = b"".join(
            frame(b"\x00\x53\x14\xc0\x0c\x05\x43\x70" + struct.pack(">I", i) +
                  b"\xa0\x01x\x43\x42" + b"\x00\x53\x75\xa0\x01x") for i in range(20000))
        answer = b""
        try:
            peer.sendall(flood)
            while more := peer.recv(65536):
                answer += more
        except ConnectionError:
            pass
    check_in(b"amqp:link:transfer-limit-exceeded", answer, "the answer")
    check_equal(broker.child.poll(), None, "the broker")


@case
def ends_a_hand_shake_that_does_not_come(folder):
    broker = Broker(folder)
    silent = broker.connect()
    slow = broker.connect()
    start = time.monotonic()
    dripped = iter(SASL_HEADER + b"\x00" * 100)
    open_sockets = {silent, slow}
    while open_sockets:
        check(time.monotonic() - start < 25, "a silent peer is still there after 25 s")
        for peer in list(open_sockets):
            peer.settimeout(0.25)
            try:
                if peer is slow:
                    peer.sendall(bytes([next(dripped)]))
                if not peer.recv(4096):
                    open_sockets.discard(peer)
            except socket.timeout:
                pass
            except ConnectionError:
                open_sockets.discard(peer)
    check(time.monotonic() - start > 8, "the hand-shake has ten seconds")
    for peer in (silent, slow):
        peer.close()


@case
def refuses_connections_beyond_the_limit_and_recovers(folder):
    broker = Broker(folder, "--set", "listen.connections=20")
    peers = [broker.connect() for _ in range(500)]

    def is_open(peer):
        peer.setblocking(False)
        try:
            return peer.recv(1) != b""
        except BlockingIOError:
            return True
        except ConnectionError:
            return False

    wait_until(lambda: sum(map(is_open, peers)) == 20, what="20 of 500 connections")
    broker.check_growth(0, 40 << 20)
    for peer in peers:
        peer.close()
    need_proton()

    def can_connect():
        client = Client(broker.url, source="a.#").attached()
        client.stop()
        return not client.errors
    wait_until(can_connect, what="a free place")


@case
def a_stopped_subscriber_costs_others_nothing(folder):
    need_proton()
    broker = Broker(folder, "--set", "listen.queue_bytes=4MiB")
    code = ("import sys; from proton.utils import BlockingConnection\n"
            "r = BlockingConnection(sys.argv[1], timeout=60).create_receiver('a.#', credit=100000)\n"
            "print('ready', flush=True)\nwhile True: r.receive(timeout=60)\n")
    stopped = spawn(["/usr/bin/python3", "-c", code, broker.url], stdout=subprocess.PIPE)
    check_equal(stopped.stdout.readline(), b"ready\n")
    stopped.send_signal(signal.SIGSTOP)
    keen = Client(broker.url, source="a.#", credit=100000).attached()
    before = broker.rss()
    for turn in range(20):  # each less than a queue holds: the keen one loses nothing
        sender = Client(broker.url, target="", messages=[
            text_message("a.b", "x" * 65000) for _ in range(50)])
        wait_until(lambda sender=sender: len(sender.outcomes) == 50, what="outcomes")
        wait_until(lambda turn=turn: len(keen.received) == 50 * (turn + 1), what="messages")
        sender.stop()
    broker.check_growth(before, 24 << 20)
    stopped.send_signal(signal.SIGCONT)
    keen.stop()


main()
