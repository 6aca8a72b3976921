# SPDX-License-Identifier: Apache-2.0
"""The contract, checked: every message and every data file that a test sees goes through here.

    from contract import Recorder, check_batch, check_report

    with Recorder(url) as recorder:             # subscribes, checks every message as it comes
        ...
        recorder.wait(lambda seen: any(r["state"] == "ended" for r in seen.records("status")))
    check_report(folder)                        # data/*.jsonl and streams.json

Beyond the JSON Schemas, which allow what later versions may add, our own programs are held to what
the schemas of this version name: a field, state or metric that is not described there is a fault.
"""
import json
import os
import re
import subprocess
import threading

import cbor2
import zstandard
import jsonschema

from jemtest import BUILD, TOP, Failed, program, spawn, wait_until

SCHEMAS = os.path.join(TOP, "schemas")
KINDS = ("alert", "log", "metric", "profile", "script", "status")
COLUMN_KINDS = ("call", "sched")
RECORDS_CHECKED = 2000  # of a batch; validation costs 0.2 ms a record

# RFC 8746: tag -> struct letter
TYPED_ARRAYS = {64: "B", 69: "H", 70: "I", 71: "Q", 72: "b", 77: "h", 78: "i", 79: "q",
                85: "f", 86: "d"}


def _load(name):
    folder = os.path.join(BUILD, "schemas") if name == "metric" else SCHEMAS
    with open(os.path.join(folder, f"{name}.schema.json"), encoding="utf-8") as text:
        return json.load(text)


SCHEMA = {name: _load(name) for name in (*KINDS, *COLUMN_KINDS, "head", "streams")}
_STORE = {schema["$id"]: schema for schema in SCHEMA.values()}
_VALIDATORS = {}


def validator(name, pointer=""):
    """The validator of a schema, or of one of its definitions: ("log", "/$defs/line")."""
    key = (name, pointer)
    if key not in _VALIDATORS:
        uri = SCHEMA[name]["$id"]
        resolver = jsonschema.RefResolver(uri, SCHEMA[name], store=_STORE)
        schema = {"$ref": f"{uri}#{pointer}"} if pointer else SCHEMA[name]
        _VALIDATORS[key] = jsonschema.Draft202012Validator(schema, resolver=resolver)
    return _VALIDATORS[key]


def _check(value, name, pointer, what):
    fault = jsonschema.exceptions.best_match(validator(name, pointer).iter_errors(value))
    if fault:
        path = "/".join(str(step) for step in fault.absolute_path)
        raise Failed(f"{what} is against {name}{pointer} at /{path}: {fault.message[:300]}")


def _named(schema):
    """All names of properties in a definition and in what it leads to."""
    names = set(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        names |= _named(part.get("then", {}))
        reference = part.get("then", {}).get("$ref", "")
        if reference.startswith("#/$defs/"):
            names |= _named(SCHEMA["status"]["$defs"][reference[8:]])
    return names


_FIELDS = {kind: _named(SCHEMA[kind]["$defs"]["fields"]) for kind in (*KINDS, *COLUMN_KINDS)}
_VALUES = SCHEMA["metric"]["$defs"]["values"]
_STATES = SCHEMA["status"]["$defs"]["states"]["enum"]
_HEAD = SCHEMA["head"]["$defs"]


def _metric_scopes(name):
    if name in _VALUES["properties"]:
        return _VALUES["properties"][name]["scopes"]
    for pattern, about in _VALUES["patternProperties"].items():
        if re.search(pattern, name):
            return about["scopes"]
    raise Failed(f"metric {name} is in no schema")


def check_described(kind, record, what):
    """Our own programs send nothing that this version's schema does not name."""
    own = {"dt_ns", "t", "epoch", "seq", "i", "mono_s"}
    if "part" in record:
        return
    unknown = set(record) - _FIELDS[kind] - own
    if unknown:
        raise Failed(f"{what}: fields in no schema: {sorted(unknown)}")
    if kind == "metric":
        for name in record["values"]:
            if record["scope"] not in _metric_scopes(name):
                raise Failed(f"{what}: {name} is not of scope {record['scope']}")
    if kind == "status" and record["state"] not in _STATES:
        raise Failed(f"{what}: state {record['state']} is in no schema")


# What columns of calls are made of; all others are lists of items.
CALL_NUMBERS = {"dt_ns": (70, 71), "pid": (70,), "tid": (70,), "depth": (70,), "line": (70,)}
CALL_NAMES = ("event", "function", "signature", "file", "caller")


# The same of slices, and of the other events of scheduling.
SLICE_NUMBERS = {"dt_ns": (70, 71), "run_ns": (70, 71), "wait_ns": (70, 71), "cpu": (64, 69),
                 "flags": (64,)}
SLICE_NAMES = ("event", "tid", "pid", "comm", "end", "waker_tid", "waker_cpu", "from_cpu", "move")


def _check_columns(kind, columns):
    numbers, names = CALL_NUMBERS, CALL_NAMES
    if kind == "sched":
        is_slice = "end" in columns
        numbers = SLICE_NUMBERS if is_slice else {"dt_ns": (71,)}
        names = SLICE_NAMES if is_slice else ("event",)
    for name, column in columns.items():
        if name in numbers:
            good = isinstance(column, cbor2.CBORTag) and column.tag in numbers[name]
        elif name in names:
            good = isinstance(column, dict) and set(column) == {"dict", "idx"}
        else:
            good = isinstance(column, list)
        if not good:
            raise Failed(f"column {name} of {kind} is a {type(column).__name__}")


def _column(column, n):
    if isinstance(column, cbor2.CBORTag):
        letter = TYPED_ARRAYS[column.tag]
        return list(memoryview(column.value).cast(letter))
    if isinstance(column, dict):
        return [column["dict"][i] for i in _column(column["idx"], n)]
    return column


def decode_columns(body):
    """A CBOR body as (head, records): what a foreign client does, with stock libraries."""
    batch = cbor2.loads(body)
    head = batch["head"]
    columns = {name: _column(column, head["n"]) for name, column in batch["cols"].items()}
    for name, values in columns.items():
        if len(values) != head["n"]:
            raise Failed(f"column {name} has {len(values)} values, n is {head['n']}")
    return head, [dict(zip(columns, row)) for row in zip(*columns.values())]


def _no_doubles(pairs):
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise Failed(f"a name twice in one object: {names}")
    return dict(pairs)


def _no_constant(text):
    raise Failed(f"{text} is not JSON")


def loads(text):
    """Strict JSON: no NaN, no name twice."""
    return json.loads(text, object_pairs_hook=_no_doubles, parse_constant=_no_constant)


def unpack(body):
    """The body without its zstd frame, if it is one."""
    if body[:4] == b"\x28\xb5\x2f\xfd":
        return zstandard.ZstdDecompressor().decompress(body, max_output_size=1 << 20)
    return body


def check_head(head):
    """The head alone: of columns that are of no kind."""
    _check(head, "head", "", "head")


def check_batch(body, content_type="application/json"):
    """Decodes and checks the body of a message: (head, records), or Failed with the place."""
    body = unpack(body)
    if content_type == "application/cbor":
        head, records = decode_columns(body)
        _check(head, "head", "", "head")
        kind = head["kind"]
        if kind in COLUMN_KINDS:
            _check_columns(kind, cbor2.loads(body)["cols"])
            what = f"{kind} {head['seq']}"
            _check({"head": head, "records": records[:RECORDS_CHECKED]}, kind, "", what)
            for record in records:
                check_described(kind, record, what)
        return head, records
    batch = loads(body.decode("utf-8"))
    _check(batch, "head", "/$defs/batch", "batch")
    head, records = batch["head"], batch["records"]
    if head["n"] != len(records):
        raise Failed(f"head.n is {head['n']}, there are {len(records)} records")
    kind = head["kind"]
    if kind not in KINDS:
        raise Failed(f"{kind} is not a kind of JSON batches")
    what = f"{kind} {head['seq']}"
    _check(dict(batch, records=records[:RECORDS_CHECKED]), kind, "", what)
    for record in records:
        check_described(kind, record, what)
    return head, records


class Message:
    """One message: properties as the wire had them, head and records decoded."""

    def __init__(self, about, body):
        self.about = about
        self.body = body
        self.head, self.records = check_batch(body, about["content_type"])
        self._check_about()

    def _check_about(self):
        head, about, source = self.head, self.about, self.head["src"]
        names = [source[name] for name in ("site", "user", "job", "node")]
        wanted = {
            "topic": ".".join(["jem", *names, head["kind"]]),
            "message_id": f"{source['node']}/{head['epoch']}/{source['job']}/{head['kind']}"
                          f"/{head['seq']}",
        }
        for name, value in wanted.items():
            if about[name] != value:
                raise Failed(f"{name} is {about[name]}, the head says {value}")
        encoding = "zstd" if self.body[:4] == b"\x28\xb5\x2f\xfd" else ""
        if (about.get("content_encoding") or "") != encoding:
            raise Failed(f"content-encoding is {about['content_encoding']}, not {encoding}")
        for name in ("kind", "epoch", "seq", "n", "schema"):
            if name in about["properties"] and about["properties"][name] != head[name]:
                raise Failed(f"property {name} is {about['properties'][name]}, the head says "
                             f"{head[name]}")


class Recorder:
    """Subscribes to a broker (amqp:// or unix:) and checks every message."""

    def __init__(self, url, pattern="jem.#"):
        self.messages = []
        self._seen = {}
        self.fault = None
        self._is_ready = threading.Event()
        self._child = spawn([program("tests/flow/capture"), url, pattern],
                            stdout=subprocess.PIPE)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        if not self._is_ready.wait(20):
            raise Failed(f"no subscription at {url}")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()
        if kind is None and self.fault:
            raise self.fault

    def _read(self):
        stream = self._child.stdout
        try:
            for line in iter(stream.readline, b""):
                about = json.loads(line)
                if "ready" in about:
                    self._is_ready.set()
                    continue
                body = stream.read(about["len"] + 1)[:-1]
                self._take(Message(about, body))
        except Exception as fault:  # told where the test waits, or at the end
            self.fault = self.fault or fault
            while stream.read(1 << 16):
                pass

    def _take(self, message):
        """What comes again after a kill is the same again, and is known by its number."""
        head = message.head
        key = (head["src"]["node"], head["epoch"], head["src"]["job"], head["kind"], head["seq"])
        if key not in self._seen:
            self._seen[key] = message.body
            self.messages.append(message)
        elif self._seen[key] != message.body:
            raise Failed(f"{key} came twice, and not the same")

    def wait(self, condition, seconds=30, what="the messages"):
        """Waits for condition(self); a fault of the contract ends the wait at once."""
        wait_until(lambda: self.fault or condition(self), seconds, what)
        if self.fault:
            raise self.fault

    def records(self, kind):
        return [record for message in list(self.messages) if message.head["kind"] == kind
                for record in message.records]

    def bytes(self):
        """All that was on the wire, unpacked, for those who look for what must not be there."""
        return b"\n".join(json.dumps(m.about, ensure_ascii=False).encode() + unpack(m.body)
                          for m in list(self.messages))

    def check_streams(self):
        """No batch missing, double or out of place in any stream that was seen from its start."""
        streams = {}
        for message in self.messages:
            head = message.head
            key = (head["src"]["node"], head["epoch"], head["src"]["job"], head["kind"])
            streams.setdefault(key, []).append(head)
        for key, heads in streams.items():
            heads.sort(key=lambda head: head["seq"])
            for before, head in zip(heads, heads[1:]):
                if head["seq"] != before["seq"] + 1:
                    raise Failed(f"{key}: batch {head['seq']} follows {before['seq']}")
                if head["first"] != before["first"] + before["n"]:
                    raise Failed(f"{key}: record {head['first']} follows "
                                 f"{before['first']} + {before['n']}")

    def close(self):
        if self._child.poll() is None:
            self._child.terminate()
        self._thread.join(20)
        self._child.wait(20)


def data_lines(folder, kind):
    """The checked lines of data/KIND.jsonl."""
    path = os.path.join(folder, "data", f"{kind}.jsonl")
    if not os.path.exists(path):
        return []
    lines = []
    with open(path, "rb") as data:
        for number, text in enumerate(data, 1):
            line = loads(text.decode("utf-8"))
            what = f"data/{kind}.jsonl:{number}"
            if number <= RECORDS_CHECKED:
                _check(line, kind, "/$defs/line", what)
            check_described(kind, line, what)
            lines.append(line)
    return lines


def check_streams_file(folder):
    with open(os.path.join(folder, "streams.json"), encoding="utf-8") as text:
        streams = loads(text.read())
    _check(streams, "streams", "", "streams.json")
    return streams["streams"]


def check_report(folder):
    """Data files and streams.json of a job's folder: {kind: lines}."""
    check_streams_file(folder)
    return {kind: data_lines(folder, kind) for kind in KINDS}
