#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The programs of doc/foreign-clients.md: they hear every kind, and what they publish is filed."""
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import threading

from feeding import Feed, batch, data, head, start_broker, start_receiver, topic
from jemtest import (BUILD, TOP, Failed, case, check, check_equal, end, jem, main, program, skip,
                     spawn, wait_until)
from rabbitmq import QUEUE, RabbitMQ
from spooling import only_job, said

PYTHON, NODE = "python", "javascript"
MODULES = os.path.join(BUILD, "node_modules")
EVERY_KIND = {"alert", "call", "log", "metric", "profile", "sched", "status"}
JOB = """
struct point { int x; const char *name; };
static int leaf(int a, struct point *p) { return a + p->x; }
int main(void) { struct point p = { 7, "seven" }; int s = 0;
                 for (int i = 0; i < 500; i++) s += leaf(i, &p); return s == 0; }
"""
RULES = "[rule broken-file]\nlog = cannot open (?<path>\\S+)\nlevel = error\nseverity = critical\n" \
        "text = input ${path} is missing\n"


def need(language):
    if language == NODE:
        if not shutil.which("node") or not os.path.isdir(os.path.join(MODULES, "rhea")):
            skip("Node.js or the modules that bootstrap installs are missing")
        return
    try:
        import cbor2, jsonschema, proton, zstandard
    except ImportError as missing:
        skip(f"{missing}")


def program_of(folder, language, name):
    """The command of a program of the page, written out as it stands there."""
    with open(os.path.join(TOP, "doc", "foreign-clients.md"), encoding="utf-8") as page:
        blocks = re.findall(rf"^```{language}\n(.*?)^```$", page.read(), re.M | re.S)
    [text] = [block for block in blocks if re.match(rf"(#|//) {name}\.", block)]
    path = os.path.join(folder, re.match(r"\S+ (\S+)", text).group(1))
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    if language == PYTHON:
        return ["/usr/bin/python3", path]
    if not os.path.islink(os.path.join(folder, "node_modules")):
        os.symlink(MODULES, os.path.join(folder, "node_modules"))
    return ["node", path]


def schemas(folder):
    """A folder of all schemas, as they are installed."""
    place = os.path.join(folder, "schemas")
    os.makedirs(place, exist_ok=True)
    for top in (TOP, BUILD):
        for name in os.listdir(os.path.join(top, "schemas")):
            if name.endswith(".schema.json"):
                shutil.copy(os.path.join(top, "schemas", name), place)
    return place


class Listener:
    """A listening program of the page, once it is subscribed, and the records that it printed."""

    def __init__(self, folder, language, url, source, *credentials):
        self.language = language
        self.seen = []
        words = [*program_of(folder, language, "listen"), url, source, schemas(folder),
                 *credentials]
        self.child = spawn(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
        line = self.child.stderr.readline().decode()
        if line != f"listening to {source}\n":
            self.child.kill()
            raise Failed(f"{language}: {line}{self.child.stderr.read().decode()}")
        for stream, keep in ((self.child.stdout, self.seen.append), (self.child.stderr, print)):
            threading.Thread(target=self._read, args=(stream, keep), daemon=True).start()

    @staticmethod
    def _read(stream, keep):
        for line in stream:
            keep(json.loads(line) if keep is not print else f"# {line}")

    def kinds(self):
        return {record["kind"] for record in list(self.seen) if "kind" in record}

    def wait_for_all(self):
        try:
            wait_until(lambda: self.kinds() == EVERY_KIND and self.faults() and any(
                r.get("state") == "monitor_ended" for r in list(self.seen)), 30)
        except Failed as fault:
            raise Failed(f"{self.language} heard {self.kinds()}, {self.faults()}") from fault

    def faults(self):
        return [record["fault"] for record in list(self.seen) if "fault" in record]


def sched_batch():
    """Two slices as a daemon encodes them."""
    import cbor2
    array = lambda tag, form, *items: cbor2.CBORTag(tag, struct.pack(f"<2{form}", *items))
    index = array(70, "I", 0, 1)
    name = lambda *entries: {"dict": list(entries), "idx": index}
    columns = {"dt_ns": array(71, "Q", 0, 1 << 33), "event": name("slice", "slice"),
               "run_ns": array(70, "I", 5, 6), "wait_ns": array(71, "Q", 7, 8),
               "cpu": array(64, "B", 0, 255), "flags": array(64, "B", 0, 1), "tid": name(1, 2),
               "pid": name(1, 1), "comm": name("a", "b"), "end": name("sleep", "exit"),
               "waker_tid": name(None, 1), "waker_cpu": name(None, 0), "from_cpu": name(None, 1),
               "move": name("stayed", "balanced")}
    return cbor2.dumps({"head": head(kind="sched", n=2), "cols": columns})


def run_job(folder, url, *login):
    """A job with something of every kind but scheduling."""
    binary, config = os.path.join(folder, "leaf"), os.path.join(folder, "jem.conf")
    subprocess.run(["gcc", "-g", "-O0", "-finstrument-functions", "-x", "c", "-", "-o", binary],
                   check=True, input=JOB.encode())
    with open(config, "w", encoding="ascii") as file:
        file.write(RULES)
    done = jem("run", "--quiet", "--config", config, "--job", "mine", "--broker", url, *login,
               "--calls", "leaf", "--values", "--set", "calls.wait=50s", "--log", "app.log", "--set",
               "run.drain=30", "--",
               "sh", "-c", f"echo 'cannot open /data/x.root' >>app.log; exec {binary}", cwd=folder)
    check_equal(done.returncode, 0, f"exit status: {said(done)}")


def hear_every_kind(folder, url, source, login, send):
    """Both languages hear the same, all of it by the schemas; what is not is told apart."""
    listeners = [Listener(folder, language, url, source, *login[1:]) for language in (PYTHON, NODE)]
    run_job(folder, url, *login)
    send(sched_batch(), topic("sched"))
    send(batch([{"dt_ns": 0, "text": 7}], kind="log"), topic("log"))
    for listener in listeners:
        listener.wait_for_all()
        check_equal(len(listener.faults()), 1, f"batches against a schema: {listener.faults()}")
    wait_until(lambda: len(listeners[0].seen) == len(listeners[1].seen), what="the same number")
    ours, theirs = ([r for r in one.seen if "kind" in r] for one in listeners)
    key = lambda record: json.dumps(record, sort_keys=True)
    for record, other in zip(sorted(ours, key=key), sorted(theirs, key=key)):
        check_equal(other, record, "what JavaScript makes of a record")
    arguments = [r["args"] for r in ours if r["kind"] == "call" and r.get("args")]
    check(arguments, "values of arguments are heard")
    check_equal(arguments[0][1]["value"]["to"]["x"], 7, "behind the pointer")
    for listener in listeners:
        end(listener.child, signal.SIGTERM)


def publish(folder, language, url, target, *credentials):
    done = subprocess.run([*program_of(folder, language, "publish"), url, target, *credentials],
                          input="first\nsecond: é\n".encode(), capture_output=True, timeout=60,
                          check=False)
    check_equal(done.stdout.decode(), "ACCEPTED\n", f"{language} says {said(done)[:500]}; its line")


def check_filed(folder, out):
    for language in (PYTHON, NODE):
        place = os.path.join(out, "local", "guest", language)
        wait_until(lambda at=place: len(data(at)) == 2, what=f"the lines of {language}")
        check_equal([r["text"] for r in data(place)], ["first", "second: é"], "lines")
        check_equal([r["offset"] for r in data(place)], [0, 6], "offsets")


@case
def every_kind_is_heard_through_our_broker(folder):
    need(PYTHON), need(NODE)
    child = spawn([program("jem-tool"), "broker", "--listen", "127.0.0.1:0"],
                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    url = child.stdout.readline().decode().strip()
    hear_every_kind(folder, url, "jem.#", [], Feed(url).send)


@case
def every_kind_is_heard_through_rabbitmq(folder):
    need(PYTHON), need(NODE)
    with RabbitMQ(folder) as broker:
        login = ["--credentials", broker.credentials]
        hear_every_kind(folder, broker.url, "/topic/jem.#", login,
                        Feed(broker.url, broker.credentials).send)


@case
def what_they_publish_is_filed_through_our_broker(folder):
    need(PYTHON), need(NODE)
    child = spawn([program("jem-tool"), "broker", "--listen", "127.0.0.1:0"],
                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    url = child.stdout.readline().decode().strip()
    receiver, out = start_receiver(folder, url)
    for language in (PYTHON, NODE):
        publish(folder, language, url, "")
    check_filed(folder, out)
    check_equal(end(receiver, signal.SIGTERM), 0, "exit status of the receiver")


@case
def what_they_publish_is_filed_through_rabbitmq(folder):
    need(PYTHON), need(NODE)
    with RabbitMQ(folder) as broker:
        for language in (PYTHON, NODE):
            publish(folder, language, broker.url, "/exchange/amq.topic", broker.credentials)
        receiver, out = start_receiver(folder, broker.url, "--credentials", broker.credentials,
                                       "--queue", QUEUE)
        check_filed(folder, out)
        check_equal(end(receiver, signal.SIGTERM), 0, "exit status of the receiver")


main()
