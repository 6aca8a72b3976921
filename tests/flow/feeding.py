# SPDX-License-Identifier: Apache-2.0
"""Batches for a receiver, and the receivers they go to: what its tests share."""
import json
import os
import socket
import struct
import subprocess
import threading

from jemtest import Failed, check, check_equal, program, spawn, wait_until

EPOCH = "0123456789abcdef"
BOOT = "00000000-0000-0000-0000-000000000000"


def head(kind="log", seq=0, first=0, n=0, job="job", **changes):
    whole = {"v": 1, "kind": kind, "schema": 1,
             "src": {"site": "site", "user": "user", "job": job, "node": "node"},
             "epoch": EPOCH, "seq": seq, "first": first, "n": n,
             "t0_us": 1700000000000000 + first * 1000, "mono_ns": str(5000000000 + first * 1000000),
             "boot_id": BOOT, "dropped": {}, "final": False}
    whole.update(changes)
    return whole


def batch(records, **fields):
    return json.dumps({"head": head(n=len(records), **fields), "records": records}).encode()


# Of schemas/call.schema.json: columns that are typed arrays, their tags (RFC 8746) and widths.
_ARRAYS = {"dt_ns": (71, "<%dQ"), "pid": (70, "<%dI"), "tid": (70, "<%dI"), "depth": (70, "<%dI"),
           "line": (70, "<%dI")}
_DICTS = ("event", "function", "signature", "file", "caller")
_LISTS = ("args", "caller_locals", "locals", "return", "duration_ns", "note")


def call_batch(records, **fields):
    """A batch of kind call from its rows, as a daemon encodes it."""
    import cbor2  # Debian package python3-cbor2
    columns = {}
    for name, (tag, form) in _ARRAYS.items():
        values = [record.get(name, 0) for record in records]
        columns[name] = cbor2.CBORTag(tag, struct.pack(form % len(values), *values))
    for name in _DICTS:
        values = [record.get(name) for record in records]
        entries = [value for i, value in enumerate(values) if value not in values[:i]]
        columns[name] = {"dict": entries, "idx": cbor2.CBORTag(
            70, struct.pack(f"<{len(values)}I", *[entries.index(value) for value in values]))}
    for name in _LISTS:
        columns[name] = [record.get(name) for record in records]
    fields.setdefault("kind", "call")
    return cbor2.dumps({"head": head(n=len(records), **fields), "cols": columns})


def lines(first, n, file="a.log"):
    return [{"dt_ns": i * 1000, "file": file, "offset": (first + i) * 10, "text": f"line {first + i}"}
            for i in range(n)]


def topic(kind="log", job="job"):
    return f"jem.site.user.{job}.node.{kind}"


class Feed:
    """Sends bodies to a broker; `outcomes` has what became of each, by number."""

    def __init__(self, url, *credentials):
        self.outcomes = {}
        self.released = 0
        self.count = 0
        self.child = spawn([program("tests/flow/feed"), url, *credentials], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in iter(self.child.stdout.readline, b""):
            number, outcome = line.decode().split()
            if outcome == "released":
                self.released += 1
            else:
                self.outcomes[int(number)] = outcome

    def send(self, body, where=None):
        self.child.stdin.write(f"{where or topic()} {len(body)}\n".encode() + body)
        self.child.stdin.flush()
        self.count += 1
        return self.count - 1

    def send_lines(self, seq, first, n, **fields):
        return self.send(batch(lines(first, n), seq=seq, first=first, **fields),
                         topic(job=fields.get("job", "job")))

    def wait(self, seconds=30):
        """Until every message has its outcome: they are in the order of the messages."""
        wait_until(lambda: len(self.outcomes) == self.count, seconds, "the outcomes")
        return [self.outcomes[i] for i in range(self.count)]


class Collector:
    """jem-tool collect on a folder; its socket is ours, so it may be killed and started anew."""

    def __init__(self, folder, *options, job="job", wrap=()):
        self.out = os.path.join(folder, "out")
        self.path = os.path.join(folder, "b.sock")
        self.url = f"unix:{self.path}"
        self.log = os.path.join(folder, "collect.log")
        self.wrap = list(wrap)
        self.options = ["--set", "identity.site=site", "--set", "identity.user=user",
                        "--set", "identity.node=node", "--set", f"run.job={job}", *options]
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(self.path)
        self.socket.listen(64)
        self.child = None
        self.link = None

    def start(self):
        """We are its launcher; the link lives as long as this process of it."""
        fd = self.socket.fileno()
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.child = spawn([*self.wrap, program("jem-tool"), "collect", f"--listen-fd={fd}",
                                f"--launcher-fd={theirs.fileno()}", f"--folder={self.out}",
                                *self.options],
                               pass_fds=[fd, theirs.fileno()], stdin=subprocess.DEVNULL,
                               stderr=open(self.log, "ab"))
        return self

    def kill(self):
        self.child.kill()
        self.child.wait()
        self.link.close()

    def finish(self):
        self.link.send(b"finish")
        check_equal(self.child.wait(60), 0, "exit status of the collector")
        self.link.close()

    def said(self):
        with open(self.log, encoding="utf-8") as text:
            return text.read()


def start_broker(folder):
    path = os.path.join(folder, "b.sock")
    child = spawn([program("jem-tool"), "broker", "--listen", f"unix:{path}"],
                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                  stderr=open(os.path.join(folder, "broker.log"), "ab"))
    check(child.stdout.readline(), "the broker prints where it listens")
    return f"unix:{path}"


def start_receiver(folder, url, *options):
    """jem receive, once it has subscribed; returns it and OUT."""
    out = os.path.join(folder, "out")
    log = os.path.join(folder, "receive.log")
    child = spawn([program("jem-tool"), "receive", "--broker", url, "--out", out, *options],
                  stdin=subprocess.DEVNULL, stderr=open(log, "ab"))

    def is_ready():
        if child.poll() is not None:
            raise Failed(f"jem receive ended: {open(log, encoding='utf-8').read()}")
        return "receiving from" in open(log, encoding="utf-8").read()

    wait_until(is_ready, what="the subscription")
    return child, out


def data(folder, kind="log"):
    """All lines of data/KIND.jsonl and its finished segments, parsed, in order."""
    found = []
    place = os.path.join(folder, "data")
    names = sorted(n for n in (os.listdir(place) if os.path.isdir(place) else [])
                   if n.startswith(f"{kind}.") and ".jsonl" in n and not n.endswith(".tmp"))
    names.sort(key=lambda n: (n == f"{kind}.jsonl", n))
    for name in names:
        path = os.path.join(place, name)
        if name.endswith(".zst"):
            text = subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout
        else:
            with open(path, "rb") as file:
                text = file.read()
        found += [json.loads(line) for line in text.splitlines(keepends=True)
                  if line.endswith(b"\n")]
    return found


def streams(folder):
    with open(os.path.join(folder, "streams.json"), encoding="utf-8") as text:
        return json.load(text)["streams"]
