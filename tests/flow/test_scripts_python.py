#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Python scripts that are followed: they run as ever, and all that they do is told."""
import json
import os
import re
import shutil

from jemtest import case, check, check_equal, check_in, jem, main
from contract import validator
from python_corpus import SCRIPTS
from python_following import PYTHON, Listener, follow, plain_folder, run, tree

# Addresses, and process and thread numbers, differ from run to run.
VARYING = re.compile(rb"0x[0-9a-f]+|Thread-\d+|SpawnPoolWorker-\d+")


def outcome(name, folder, socket_path=None, **settings):
    """Exit status, both streams and the files, of a script that runs in a folder of its own."""
    os.makedirs(folder)
    with open(os.path.join(folder, "x.py"), "w", encoding="utf-8") as file:
        file.write(SCRIPTS[name])
    done = run([PYTHON, "x.py"], folder, socket_path, **settings)
    return done.returncode, VARYING.sub(b"?", done.stdout), VARYING.sub(b"?", done.stderr), tree(folder)


def compare(folder, **settings):
    differing, told = [], 0
    for name in SCRIPTS:
        # At the same place, because tracebacks name it.
        place = os.path.join(folder, "corpus", name)
        wanted = outcome(name, place)
        shutil.rmtree(place)
        listener = Listener(folder)
        got = outcome(name, place, listener.path, **settings)
        told += bool(listener.finish())
        if got != wanted:
            differing.append((name, wanted[:3], got[:3]))
    return differing, told


@case
def awkward_scripts_run_as_they_do_alone(folder):
    check(len(SCRIPTS) >= 40, "at least forty scripts")
    differing, told = compare(folder)
    check_equal(differing, [], "scripts that run otherwise")
    # One does not compile: nothing of it runs.
    check_equal(told, len(SCRIPTS) - 1, "scripts that told something")


STRUCTURE = """
class A:
    def m(self, x):
        return self.n(x) + 1
    def n(self, x):
        return 2 * x
def gen():
    yield 1
    yield 2
def deep(k):
    return {}[k]
def cleans(k):
    try:
        return deep(k)
    finally:
        after()
def after():
    pass
def main():
    A().m(3)
    sum(gen())
    try:
        cleans("k")
    except KeyError:
        pass
    after()
main()
raise RuntimeError("end")
"""

# Lines of a call: where the function begins; of an exception: where it was raised, or came by.
EXPECTED = """
call <module> 1
call A 1
return A
call main 18
call m 2
call n 4
return n
return m
call gen 6
return gen
call gen 6
return gen
call gen 6
return gen
call cleans 11
call deep 9
raised deep 10 KeyError
return deep
call after 16
return after
return cleans
handled main 22 KeyError
call after 16
return after
return main
raised <module> 27 RuntimeError
return <module>
unhandled <module> 27 RuntimeError
"""


def lines_of(records):
    """The records as the expectations are written."""
    ret = []
    for r in records:
        # The class is told from CPython 3.11 on.
        event, name = r["event"], r.get("function", "").rpartition(".")[2]
        if event == "exception":
            word = {None: "raised", True: "handled", False: "unhandled"}[r.get("handled")]
            ret.append(f"{word} {name} {r['line']} {r['type']}")
        else:
            ret.append(f"{event} {name}" + (f" {r['line']}" if event == "call" else ""))
    return ret


@case
def every_call_return_and_exception_is_told_in_order(folder):
    done, records = follow(STRUCTURE.lstrip("\n"), folder)
    check_equal(done.returncode, 1, "exit status")
    got = lines_of(records)
    check_equal(got, EXPECTED.strip().splitlines(), "what was told")
    times = [r["t"] for r in records]
    check_equal(times, sorted(times), "times in order")
    depths = [r["depth"] for r in records if r["event"] == "call"][:5]
    check_equal(depths, [0, 1, 1, 2, 3], "depths")


@case
def an_exception_comes_with_traceback_source_and_values(folder):
    text = "def f(a, b):\n    c = [a, 'x', None]\n    raise ValueError('bad ' + b)\nf(1, 'two')\n"
    _, records = follow(text, folder)
    raised = [r for r in records if r["event"] == "exception"][0]
    check_equal(raised["message"], "bad two", "message")
    check_equal(raised["text"], "raise ValueError('bad ' + b)", "source line")
    check_equal([t.split(", ", 1)[1] for t in raised["traceback"]], ["line 4, in <module>", "line 3, in f"], "traceback")
    check_equal([(v["name"], v["type"], v["value"]) for v in raised["locals"]],
                [("a", "int", "1"), ("b", "str", "two"), ("c", "list", "[1, 'x', None]")], "values in scope")


@case
def a_thread_that_fails_is_told_as_unhandled(folder):
    text = ("import threading\ndef f(): raise OSError(5, 'broken')\n"
            "t = threading.Thread(target=f); t.start(); t.join()\n")
    _, records = follow(text, folder)
    exceptions = [r for r in records if r["event"] == "exception"]
    check_equal([r.get("handled") for r in exceptions], [None, False], "how it ended")
    check(exceptions[0]["tid"] != exceptions[0]["pid"], "another thread")


@case
def calls_beyond_the_limit_are_counted(folder):
    text = "def f(): pass\nfor _ in range(5000): f()\n"
    _, records = follow(text, folder, JEM_SCRIPTS_PLACE="10")
    mine = [r for r in records if r.get("function") == "f"]
    check_equal(sum(r["event"] == "call" for r in mine), 10, "recorded calls")
    check_equal(sum(r["event"] == "return" for r in mine), 10, "recorded returns")
    counts = [r for r in mine if r["event"] == "count"]
    check_equal(sum(r["n"] for r in counts), 4990, "counted calls")
    check(all(r["min_ns"] <= r["total_ns"] / r["n"] <= r["max_ns"] for r in counts), "times of what was counted")


@case
def a_daemon_that_takes_nothing_holds_no_script_up(folder):
    """The script ends, and what its buffers hold is all that is kept."""
    import socket
    path = os.path.join(folder, "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(path)
        listening.listen(4)
        name = os.path.join(folder, "x.py")
        with open(name, "w", encoding="utf-8") as file:
            file.write("def f(x): return x\nfor i in range(5000): f('x' * 400)\nprint('done')\n")
        done = run([PYTHON, name], folder, path, JEM_SCRIPTS_PLACE="0")
        check_equal((done.returncode, done.stdout), (0, b"done\n"), "the script")
        connection, _ = listening.accept()
        listener_text = b""
        while packet := connection.recv(65536):
            listener_text += packet
        connection.close()
    check(0 < listener_text.count(b'"event":"call"') < 5001, "some were taken")


@case
def losses_are_told_once_there_is_room_again(folder):
    text = ("import os, sys\ndef f(x): return x\nfor i in range(5000): f('x' * 400)\n"
            "open('filled', 'w').close()\nwhile not os.path.exists('go'): pass\nf('last')\n")
    import json
    import socket
    from jemtest import spawn, wait_until
    path, name = os.path.join(folder, "s"), os.path.join(folder, "x.py")
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)
    from python_following import FOLDER
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(path)
        listening.listen(4)
        child = spawn([PYTHON, name], cwd=folder, env=dict(os.environ, PYTHONPATH=FOLDER, JEM_SCRIPTS_SOCKET=path,
                                                            JEM_SCRIPTS_PLACE="0"))
        wait_until(lambda: os.path.exists(os.path.join(folder, "filled")), 60, "full buffers")
        connection, _ = listening.accept()
        connection.settimeout(60)
        packets = [connection.recv(65536)]
        with open(os.path.join(folder, "go"), "w", encoding="utf-8"):
            pass
        while packet := connection.recv(65536):
            packets.append(packet)
        connection.close()
        check_equal(child.wait(60), 0, "exit status")
    records = [json.loads(line) for packet in packets for line in packet.splitlines()]
    lost = sum(r["n"] for r in records if r["event"] == "lost")
    mine = [r for r in records if r.get("function") == "f"]
    check(lost > 0, "something was lost")
    # 5001 calls with their returns, and the module's own.
    check_equal(len(mine) + lost + sum(r.get("function") == "<module>" for r in records), 10004, "told and lost")


@case
def include_exclude_and_lines_choose(folder):
    text = "import json\ndef f():\n    x = 1\n    return x\ndef g(): return f()\njson.loads('[1]'); g()\n"
    _, records = follow(text, folder)
    check(not [r for r in records if r.get("file", "").endswith("decoder.py")], "the standard library is left out")
    _, records = follow(text, folder, JEM_SCRIPTS_INCLUDE="decoder.py")
    check_equal({os.path.basename(r["file"]) for r in records if r["event"] == "call"}, {"decoder.py"}, "included files")
    _, records = follow(text, folder, JEM_SCRIPTS_EXCLUDE="f,nothing")
    check_equal([r["function"] for r in records if r["event"] == "call"], ["<module>", "g"], "functions")
    _, records = follow(text, folder, JEM_SCRIPTS_LINES="f")
    check_equal([(r["line"], r["text"]) for r in records if r["event"] == "line"], [(3, "x = 1"), (4, "return x")], "lines")


@case
def the_users_own_sitecustomize_runs(folder):
    own = os.path.join(folder, "own")
    os.mkdir(own)
    with open(os.path.join(own, "sitecustomize.py"), "w", encoding="utf-8") as file:
        file.write("import sys\nprint('mine', __name__, __file__, file=sys.stderr)\nhere = 1\n")
    text = "import sitecustomize, sys\nprint(sitecustomize.here, sys.modules['sitecustomize'] is sitecustomize)\n"
    with open(os.path.join(folder, "alone.py"), "w", encoding="utf-8") as file:
        file.write(text)
    alone = run([PYTHON, "alone.py"], folder, PYTHONPATH=own)
    done, records = follow(text, folder, PYTHONPATH=own)
    check_equal((done.stdout, done.stderr), (alone.stdout, alone.stderr), "streams")
    check(records, "it was followed")


@case
def without_the_extension_plain_python_follows(folder):
    done, records = follow(STRUCTURE.lstrip("\n"), folder, path=plain_folder(folder))
    check_equal(done.returncode, 1, "exit status")
    wanted = [line for line in EXPECTED.strip().splitlines() if not line.startswith(("handled", "unhandled"))]
    check_equal([(r["event"].replace("exception", "raised"), r["function"].rpartition(".")[2]) for r in records],
                [tuple(line.split()[:2]) for line in wanted], "what was told")


@case
def isolated_interpreters_run_unfollowed(folder):
    for flag in ("-I", "-E", "-S"):
        done, records = follow("print(1)\n", folder, argv=(PYTHON, flag))
        check_equal((done.returncode, done.stdout, records), (0, b"1\n", []), flag)


@case
def nothing_listening_is_no_harm(folder):
    with open(os.path.join(folder, "x.py"), "w", encoding="utf-8") as file:
        file.write("import sys\nprint(sys.gettrace(), sys.getprofile())\n")
    done = run([PYTHON, "x.py"], folder, os.path.join(folder, "none"))
    check_equal((done.returncode, done.stdout, done.stderr), (0, b"None None\n", b""), "the script")
    check_in(b"None", done.stdout)


@case
def jem_run_follows_python_into_the_report(folder):
    with open(os.path.join(folder, "job.py"), "w", encoding="utf-8") as file:
        file.write("def f(password, n):\n    raise ValueError('no ' + n)\nf('hunter2', 'luck')\n")
    report = os.path.join(folder, "report")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "JEM_"))}
    done = jem("run", "--out", report, "--scripts", "--", PYTHON, "job.py", cwd=folder, env=env)
    check_equal(done.returncode, 1, f"exit status: {done.stderr}")
    with open(os.path.join(report, "data", "script.jsonl"), encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    check_equal([(r["event"], r["function"], r.get("handled")) for r in records if r["lang"] == "python"],
                [("call", "<module>", None), ("call", "f", None), ("exception", "f", None), ("return", "f", None),
                 ("return", "<module>", None), ("exception", "<module>", False)], "records")
    raised = [r for r in records if r["event"] == "exception"][0]
    check_equal((raised["type"], raised["message"], raised["line"]), ("ValueError", "no luck", 2), "exception")
    check_equal([(v["name"], v["value"]) for v in raised["locals"]], [("password", "***"), ("n", "luck")], "values")
    for record in records:
        validator("script", "/$defs/line").validate(record)


main()
