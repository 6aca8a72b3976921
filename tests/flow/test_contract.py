# SPDX-License-Identifier: Apache-2.0
"""The schemas are what the programs send, and refuse what they must not send."""
import copy
import json
import os
import re
import struct
import subprocess
import time

import cbor2
import jsonschema

import contract
from contract import KINDS, SCHEMA, Recorder, check_batch, decode_columns, validator
from jemtest import TOP, Failed, case, check, check_equal, check_in, end, main, program, spawn

HEAD = {
    "v": 1, "kind": "log", "schema": 1,
    "src": {"site": "T2_XY", "user": "jane", "job": "job7", "node": "wn1_x-0a1b2c",
            "names": {"node": "wn1.x"}},
    "epoch": "0123456789abcdef", "seq": 12, "first": 340, "n": 1, "t0_us": 1700000000123456,
    "mono_ns": "9223372036854775807", "boot_id": "c0ffee00-1234-5678-9abc-def012345678",
    "dropped": {"queue_full": 7}, "final": False,
}

GOLDEN = {
    "log": {"dt_ns": 0, "file": "analysis.log", "file_id": "8:1:77", "offset": 10, "text": "é x",
            "length": 2000000, "level": "error", "rule": "failed",
            "fields": {"code": "7", "where": ""}},
    "alert": {"dt_ns": 5, "rule": "memory", "severity": "critical", "text": "rss_bytes > 1e9",
              "values": {"rss_bytes": 1.5e9}, "file": "a", "offset": 0, "suppressed": 3},
    "metric": {"dt_ns": 5, "scope": "process", "pid": 42, "ppid": 1, "comm": "a\nb", "state": "S",
               "wchan": "do_wait", "values": {"cpu_user_s": 1.25, "rss_bytes": 4096,
                                              "later_metric_s": -1}},
    "profile": {"dt_ns": 5, "lang": "c", "function": "f(int)", "file": "a.c", "line": 3, "calls": 4,
                "returns": 3, "recorded": 2, "total_ns": 9, "self_ns": 8, "min_ns": 1, "max_ns": 5,
                "callers": [{"function": "", "calls": 4, "total_ns": 9, "self_ns": 8}]},
    "status": {"dt_ns": 5, "state": "ended", "text": "ended by signal 9 (KILL)", "pid": 42,
               "signal": 9, "core": False, "wall_s": 1.5, "cpu_user_s": 1, "processes": 3},
}

STATUS = [
    {"state": "running", "text": "x", "command": "sh -c 'exit 7'", "folder": "/tmp"},
    {"state": "stopped", "text": "x", "signal": 20},
    {"state": "ended", "text": "x", "exit_code": 7},
    {"state": "ended", "text": "ended, exit status not known"},
    {"state": "observing", "text": "x", "what": "processes", "level": "task records"},
    {"state": "degraded", "text": "x", "what": "log", "file": "a", "from": 0, "to": 7},
    {"state": "environment", "text": "x", "fields": {
        "cpu_count": 2, "limits": [{"name": "core", "soft": 0, "hard": "unlimited"}],
        "folders": [{"name": "work", "path": "/tmp", "mount": "/", "type": "ext4"}],
        "variables": {"LANG": "C", "X509_USER_PROXY": "***"}, "later": None}},
    {"state": "credential", "text": "x", "name": "X509_USER_PROXY", "remaining_s": -5},
    {"state": "clock", "text": "x", "step_s": -0.5, "offset_s": 1},
    {"state": "epoch", "text": "x", "previous": "00000000000000ff", "last": {"log": 7}},
    {"state": "later_state", "text": "a state of a later version", "more": {}},
]


def batch(kind, *records, **changes):
    records = [dict({"dt_ns": 0}, **record) for record in records]
    return {"head": dict(copy.deepcopy(HEAD), kind=kind, n=len(records), **changes),
            "records": records}


def faults(value, kind):
    return [fault.message for fault in validator(kind).iter_errors(value)]


def codec(verb, body):
    return subprocess.run([program("tests/flow/codec"), verb], input=body, check=False,
                          stdout=subprocess.PIPE, timeout=20)


@case
def schemas_are_valid_themselves(folder):
    for name, schema in SCHEMA.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        check_equal(schema["$id"], f"https://jem.invalid/1/{name}.schema.json")


def table(name, macro):
    with open(os.path.join(TOP, "schemas", f"{name}.def"), encoding="utf-8") as text:
        return re.findall(rf"^{macro}\((\w+),", text.read(), re.M)


@case
def schemas_name_what_the_tables_name(folder):
    defs = SCHEMA["head"]["$defs"]
    kinds = table("kinds", "KIND")
    check(len(kinds) >= 9, "kinds.def was not understood")
    check_equal(defs["head"]["properties"]["kind"]["enum"], kinds, "kinds of head")
    check_equal(SCHEMA["streams"]["$defs"]["stream"]["properties"]["kind"]["enum"], kinds)
    check_equal(list(defs["dropped"]["properties"]), table("causes", "CAUSE"), "causes")
    values = SCHEMA["metric"]["$defs"]["values"]["properties"]
    check_equal(list(values), table("metrics", "METRIC"), "metrics")
    for name, about in values.items():
        check(about["description"] and about["unit"] and about["source"], f"{name} is not told")
        check(about["unit"] in ("count", "load", "cores", "packets")
              or name.endswith({"s": "_s", "bytes": "_bytes", "bytes/s": "_bytes_per_s"}
                               [about["unit"]]), f"{name} does not end in {about['unit']}")


@case
def golden_examples_are_taken(folder):
    for kind, record in GOLDEN.items():
        value = batch(kind, record)
        check_equal(faults(value, kind), [], kind)
        check_equal(codec("json", json.dumps(value).encode()).returncode, 0, kind)
    check_equal(faults(batch("status", *STATUS), "status"), [])
    for kind in KINDS:
        part = {"part": 0, "parts": 2, "json": "{\"dt_ns\":0,"}
        check_equal(faults(batch(kind, part), kind), [], f"part of {kind}")
        check_equal(faults(batch(kind, final=True, later=[1]), kind), [], f"heartbeat of {kind}")


# What must not pass: a path into the batch, and the value that is put there (DEL: taken away).
DEL = object()
HEAD_FAULTS = [
    (["v"], 2), (["v"], DEL), (["kind"], "logs"), (["schema"], 2), (["schema"], "1"),
    (["src", "site"], "a.b"), (["src", "user"], ""), (["src", "job"], "a" * 49),
    (["src", "node"], DEL), (["src", "names"], []), (["src", "names", "job"], ""),
    (["epoch"], "0123456789ABCDEF"), (["epoch"], "0123"), (["seq"], -1), (["seq"], 1.5),
    (["seq"], 2 ** 53), (["first"], "0"), (["n"], None), (["t0_us"], DEL), (["mono_ns"], 5),
    (["mono_ns"], "05"), (["mono_ns"], "-5"), (["boot_id"], "x"), (["dropped"], []),
    (["dropped", "queue_full"], -1), (["final"], 0), (["final"], DEL),
]
RECORD_FAULTS = [
    ("log", ["dt_ns"], DEL), ("log", ["dt_ns"], -1), ("log", ["dt_ns"], "0"), ("log", ["t"], 1),
    ("log", ["epoch"], "x"), ("log", ["seq"], 1), ("log", ["i"], 1),
    ("log", ["file"], DEL), ("log", ["offset"], -1), ("log", ["text"], None),
    ("log", ["level"], "Error!"), ("log", ["fields"], {"a": 1}), ("log", ["length"], "1"),
    ("alert", ["severity"], "fatal"), ("alert", ["rule"], ""), ("alert", ["values"], {"a": "1"}),
    ("alert", ["values"], DEL), ("alert", ["text"], 7),
    ("metric", ["scope"], "host"), ("metric", ["pid"], DEL), ("metric", ["pid"], 0),
    ("metric", ["values"], {}), ("metric", ["values", "rss_bytes"], "1"),
    ("metric", ["values", "rss_bytes"], -1), ("metric", ["values", "Bad Name"], 1),
    ("metric", ["state"], "SS"),
    ("status", ["state"], "Ended!"), ("status", ["state"], DEL), ("status", ["text"], ""),
    ("status", ["exit_code"], 0), ("status", ["signal"], 65), ("status", ["wall_s"], -1),
    ("status", ["pid"], "42"), ("status", ["core"], 1),
]
STATUS_FAULTS = [
    {"state": "stopped", "text": "x"}, {"state": "ended", "text": "x", "exit_code": 256},
    {"state": "ended", "text": "x", "core": True}, {"state": "observing", "text": "x"},
    {"state": "environment", "text": "x"},
    {"state": "environment", "text": "x", "fields": {"cpu_count": -1}},
    {"state": "environment", "text": "x", "fields": {"limits": [{"name": "core", "soft": "x",
                                                                 "hard": 0}]}},
    {"state": "environment", "text": "x", "fields": {"variables": {"LANG": 1}}},
    {"state": "credential", "text": "x"},
    {"state": "clock", "text": "x", "step_s": "1"}, {"state": "epoch", "text": "x"},
    {"state": "epoch", "text": "x", "previous": "zz"},
    {"part": 2, "parts": 2}, {"part": 0, "parts": 1, "json": ""},
    {"part": 0, "parts": 2, "json": {}},
]


def mutate(value, path, change):
    for step in path[:-1]:
        value = value[step]
    if change is DEL:
        del value[path[-1]]
    else:
        value[path[-1]] = change


@case
def faults_are_refused_by_schema_and_decoder_alike(folder):
    for path, change in HEAD_FAULTS:
        value = batch("log", GOLDEN["log"])
        mutate(value["head"], path, change)
        check(faults(value, "log"), f"the schema took {change!r} at {path}")
        check_equal(codec("json", json.dumps(value).encode()).returncode, 1,
                    f"the decoder took {change!r} at {path}: it")


@case
def forty_changed_records_are_refused(folder):
    for kind, path, change in RECORD_FAULTS:
        value = batch(kind, GOLDEN[kind])
        mutate(value["records"][0], path, change)
        check(faults(value, kind), f"{kind} took {change!r} at {path}")
    for record in STATUS_FAULTS:
        check(faults(batch("status", record), "status"), f"status took {record}")
    check(len(RECORD_FAULTS) + len(STATUS_FAULTS) >= 40)


@case
def what_no_schema_names_is_told_of_our_own_programs(folder):
    own = {"log": {"colour": "red"}, "metric": {"values": {"later_metric_s": 1}},
           "status": {"state": "later_state"}}
    for kind, change in own.items():
        value = batch(kind, dict(GOLDEN[kind], **change))
        check_equal(faults(value, kind), [], kind)
        try:
            check_batch(json.dumps(value).encode())
        except Failed as fault:
            check_in("in no schema", str(fault))
        else:
            raise Failed(f"{change} of {kind} was not told")
    for text in (b'{"head":{},"head":{}}', b'{"head":NaN}'):
        try:
            check_batch(text)
        except Failed:
            continue
        raise Failed(f"{text} was taken")


@case
def stock_libraries_read_our_columns(folder):
    body = codec("write-cbor", b"").stdout
    head, records = decode_columns(body)
    contract.check_head(head)
    check_equal(head["src"]["names"], {"job": "job€"})
    check_equal(head["mono_ns"], "123456789012345678")
    check_equal(records, [
        {"dt_ns": 0, "comm": {"x": [1, None]}, "delta": -1, "load": 0.5, "real": 0.1,
         "args": None},
        {"dt_ns": 1000, "comm": "swapper", "delta": -2 ** 63, "load": -0.25, "real": 1e300,
         "args": ["€"]},
        {"dt_ns": 4000000000, "comm": {"x": [1, None]}, "delta": 2 ** 63 - 1, "load": 3,
         "real": 0, "args": True},
    ])
    lines = [json.loads(line) for line in codec("cbor", body).stdout.splitlines()]
    check_equal(lines, [head, *records], "what our own reader says")


@case
def we_read_the_columns_of_stock_libraries(folder):
    head = dict(HEAD, kind="call", n=3)
    columns = {
        "dt_ns": cbor2.CBORTag(69, struct.pack("<3H", 1, 2, 3)),
        "function": {"idx": cbor2.CBORTag(64, b"\0\1\0"), "dict": ["f(int)", {"name": "g"}]},
        "args": [None, [{"name": "x", "value": 1.5}], {"missing": "optimised out"}],
        "value": cbor2.CBORTag(86, struct.pack("<3d", 1, float("nan"), -1e-5)),
    }
    done = codec("cbor", cbor2.dumps({"head": head, "cols": columns}))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    check_equal(lines[0], head)
    check_equal(lines[1:], [
        {"dt_ns": 1, "function": "f(int)", "args": None, "value": 1},
        {"dt_ns": 2, "function": {"name": "g"}, "args": [{"name": "x", "value": 1.5}],
         "value": None},
        {"dt_ns": 3, "function": "f(int)", "args": {"missing": "optimised out"}, "value": -1e-5},
    ])
    columns["dt_ns"] = cbor2.CBORTag(65, struct.pack(">3H", 1, 2, 3))
    done = codec("cbor", cbor2.dumps({"head": head, "cols": columns}))
    check_equal((done.returncode, b"not a typed array of the contract" in done.stdout), (1, True))


@case
def every_message_of_a_daemon_is_in_the_contract(folder):
    url = f"unix:{folder}/broker.sock"
    broker = spawn([program("jem-tool"), "broker", "--listen", url], stdout=subprocess.PIPE)
    broker.stdout.readline()
    log = os.path.join(folder, "job.log")
    script = f"echo started >{log}; read go; for i in $(seq 300); do echo line $i; done >>{log}; " \
             "sleep 1.2; exit 3"
    job = spawn(["bash", "-c", script], stdin=subprocess.PIPE)
    with Recorder(url) as recorder:
        daemon = spawn([program("jemd"), "--broker", url, "--pid", str(job.pid), "--log", log,
                        "--set", "run.job=j-1"])
        recorder.wait(lambda seen: seen.records("status"), what="a status record")
        job.stdin.write(b"go\n")
        job.stdin.close()
        recorder.wait(lambda seen: any(r["state"] == "monitor_ended"
                                       for r in seen.records("status")), what="the end")
        check_equal(daemon.wait(20), 0)
        # streams are told in no order among each other
        recorder.wait(lambda seen: {"log", "metric", "status"} <= {m.head["kind"] for m in seen.messages
                                                                   if m.head["final"]}, what="all streams")
        recorder.check_streams()
        texts = [r["text"] for r in recorder.records("log") if r["file"].endswith("job.log")]
        check_equal(texts[-300:], [f"line {i}" for i in range(1, 301)], "lines")
        check({"node", "job", "monitor"} <= {r["scope"] for r in recorder.records("metric")})
    check_equal(end(broker), 0)


main()
