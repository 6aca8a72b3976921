#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our AMQP client against brokers that are not ours, frozen, silent, killed or refusing."""
import os
import re
import signal
import socket
import subprocess
import threading
import time

from jemtest import BUILD, case, check, check_equal, check_in, end, main, program, skip, spawn, \
    wait_until

EXAMPLE_BROKER = "/usr/share/proton/examples/python/broker.py"


class Program:
    """wire_client, its lines and its end."""

    def __init__(self, *words, idle_ms=30000):
        self.child = spawn([os.path.join(BUILD, "tests/flow/wire_client"), *map(str, words)],
                           env=dict(os.environ, WIRE_IDLE_MS=str(idle_ms)),
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.child.stdout:
            self.lines.append(line.decode().rstrip("\n"))

    def text(self):
        return "\n".join(self.lines)

    def until(self, part, seconds=30):
        wait_until(lambda: part in self.text(), seconds, f"{part!r} in {self.lines[-5:]}")

    def stop(self):
        self.child.stdin.close()
        return self.end()

    def end(self, seconds=60):
        status = self.child.wait(timeout=seconds)
        self.reader.join(10)
        return status

    def rss(self):
        with open(f"/proc/{self.child.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def is_sanitized():
    """A sanitizer keeps freed memory for a while: then sizes say nothing."""
    with open(os.path.join(BUILD, "tests/flow/wire_client"), "rb") as file:
        return b"__asan_init" in file.read()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def example_broker(folder):
    if not os.path.exists(EXAMPLE_BROKER):
        skip("libqpid-proton11-dev-examples is not installed")
    port = free_port()
    child = spawn(["/usr/bin/python3", EXAMPLE_BROKER, "-a", f"127.0.0.1:{port}"],
                  stdout=subprocess.DEVNULL,
                  stderr=open(os.path.join(folder, "example.log"), "wb"))
    wait_until(lambda: listens(port), what="the example broker")
    return child, f"amqp://127.0.0.1:{port}"


def our_broker(*options, listen="127.0.0.1:0"):
    child = spawn([program("jem-tool"), "broker", "--listen", listen, *options],
                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return child, child.stdout.readline().decode().strip()


@case
def works_with_a_foreign_broker(folder):
    _, url = example_broker(folder)
    receiver = Program("subscribe", url, "jem.a", 50)
    receiver.until("state " + url)
    sender = Program("publish", url, "jem.a", 50, 20)
    check_equal(sender.end(), 0)
    check_equal(receiver.end(), 0)
    check_in("done 50 accepted", sender.text())
    check_equal(receiver.text().count("body " + "x" * 20), 50, "bodies")


@case
def large_messages_pass_a_foreign_broker(folder):
    _, url = example_broker(folder)
    receiver = Program("subscribe", url, "jem.a", 10)
    receiver.until("state " + url)
    check_equal(Program("publish", url, "jem.a", 10, 1 << 20).end(), 0)
    check_equal(receiver.end(), 0)


@case
def sends_again_what_a_killed_broker_had_not_accepted(folder):
    broker, url = our_broker(listen=f"127.0.0.1:{free_port()}")
    # A subscriber that settles nothing makes no difference: a topic is live.
    sender = Program("publish", url, "jem.a", 300000, 2000)
    sender.until("state " + url)
    broker.send_signal(signal.SIGKILL)
    broker.wait()
    sender.until("retrying in")
    check(sender.child.poll() is None, "the client waits")
    _, again = our_broker(listen=url[len("amqp://"):])
    check_equal(again, url)
    check_equal(sender.end(), 0)
    check_in("done 300000 accepted", sender.text())


@case
def a_frozen_broker_costs_bounded_memory(folder):
    broker, url = our_broker()
    for size in (300, 65000, 1 << 20):
        sender = Program("publish", url, "jem.a", 10 ** 9, size)
        sender.until("state " + url)
        time_of = time.monotonic()
        wait_until(lambda t=time_of: time.monotonic() - t > 0.5)  # it is under way
        broker.send_signal(signal.SIGSTOP)
        sizes = []
        for _ in range(20):
            time_of = time.monotonic()
            wait_until(lambda t=time_of: time.monotonic() - t > 0.1)
            sizes.append(sender.rss())
        check(is_sanitized() or max(sizes) < 16 << 20, f"size {size}: {max(sizes)} bytes")
        check(sizes[-1] <= sizes[5], f"size {size} still grows: {sizes}")
        check_equal(sender.stop(), 0)
        found = re.search(r"stopped .* (\d+) in flight", sender.text())
        check(int(found[1]) <= (4 << 20) + 1024, found[0])
        broker.send_signal(signal.SIGCONT)


@case
def a_broker_that_stops_and_goes_costs_bounded_memory(folder):
    """Proton keeps the buffers of deliveries: any of them may have held a large message once."""
    broker, url = our_broker()
    sender = Program("publish", url, "jem.a", 10 ** 9, "mixed")
    sender.until("state " + url)
    sizes = []
    for _ in range(60):
        start = time.monotonic()
        wait_until(lambda t=start: time.monotonic() - t > 0.02)
        broker.send_signal(signal.SIGSTOP)
        start = time.monotonic()
        wait_until(lambda t=start: time.monotonic() - t > 0.04)
        sizes.append(sender.rss())
        broker.send_signal(signal.SIGCONT)
    check(is_sanitized() or max(sizes) < 16 << 20, f"{max(sizes)} bytes")
    check_equal(sender.stop(), 0)


@case
def a_frozen_broker_is_given_up_after_the_idle_time(folder):
    broker, url = our_broker()
    idle = Program("publish", url, "jem.a", 1, 1, idle_ms=4000)
    wait_until(lambda: idle.child.poll() is not None)  # one message and gone
    waiting = Program("subscribe", url, "jem.a", 1, idle_ms=4000)
    waiting.until(f"state {url}\nstate {url}")  # connecting, open
    broker.send_signal(signal.SIGSTOP)
    start = time.monotonic()
    waiting.until("idle-timeout expired, retrying in")
    check(1.5 < time.monotonic() - start < 10, "after four seconds")
    broker.send_signal(signal.SIGCONT)
    wait_until(lambda: waiting.lines[-1:] == [f"state {url}"] and len(waiting.lines) >= 5,
               what="the connection made anew")
    check_equal(waiting.stop(), 0)


@case
def a_silent_broker_is_given_up(folder):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        sender = Program("publish", f"amqp://127.0.0.1:{listener.getsockname()[1]}", "jem.a", 1, 1)
        start = time.monotonic()
        sender.until("no answer within 10 s, retrying in")
        check(8 < time.monotonic() - start < 20, "after ten seconds")
        check_equal(sender.stop(), 0)


@case
def a_broker_that_talks_nonsense_is_left(folder):
    for nonsense in (b"HTTP/1.1 400 Bad Request\r\n\r\n", os.urandom(2000),
                     b"AMQP\x03\x01\x00\x00" + b"\x00" * 100, b""):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(8)
            url = f"amqp://127.0.0.1:{listener.getsockname()[1]}"
            sender = Program("publish", url, "jem.a", 1, 1)
            peer, _ = listener.accept()
            with peer:
                peer.recv(8)
                peer.sendall(nonsense)
                peer.shutdown(socket.SHUT_WR)
                sender.until("retrying in")
            line = next(line for line in sender.lines if "retrying" in line)
            check(all(31 < ord(c) for c in line), f"control characters in {line!r}")
            check_equal(sender.stop(), 0)


@case
def a_password_stays_within_the_machine(folder):
    secrets = os.path.join(folder, "secrets")
    with open(secrets, "w", encoding="ascii") as file:
        file.write("me:s3cret\n")
    os.chmod(secrets, 0o600)
    ours = next((line.split()[3].split("/")[0] for line in subprocess.run(
        ["ip", "-o", "-4", "addr", "show", "scope", "global"], capture_output=True, text=True,
        check=False).stdout.splitlines()), None)
    if not ours:
        skip("this machine has no address beyond loopback")
    with socket.socket() as listener:
        listener.bind((ours, 0))
        listener.listen(8)
        sender = Program("publish", f"amqp://{ours}:{listener.getsockname()[1]}", "jem.a", 1, 1,
                         secrets)
        sender.until("a password is not sent without TLS beyond loopback")
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(20)
            check_equal(peer.recv(4096), b"", "what was sent")
        sender.stop()


main()
