#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tracing of calls from launcher to broker: what the job is given, dead ends, control, records."""
import ctypes.util
import json
import os
import shutil
import stat
import struct
import subprocess
import sys

from contract import Recorder
from feeding import start_broker
from jemtest import (BUILD, TOP, case, check, check_equal, check_in, jem, main, program, skip, spawn,
                     wait_until)

FAKE_TRACED = os.path.join(TOP, "tests", "flow", "fake_traced.py")


def library():
    """libjemtrace.so of the build, or None."""
    for place in ("", "tracer/preload"):
        path = os.path.join(BUILD, place, "libjemtrace.so")
        if os.path.exists(path):
            return path
    return None


class Place:
    """jem and its monitors in a folder of their own, with a library in the place of the tracer."""

    def __init__(self, folder, has_library=True):
        self.folder = folder
        self.programs = os.path.join(folder, "bin")
        os.mkdir(self.programs)
        for name in ("jem", "jemd", "jem-tool"):
            shutil.copy(program(name), self.programs)
        self.library = os.path.join(self.programs, "libjemtrace.so")
        if has_library:
            shutil.copy(find_library("m"), self.library)  # does nothing on its own

    def run(self, *words, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([os.path.join(self.programs, "jem"), *words], check=False,
                              cwd=self.folder, capture_output=True, timeout=60, **options)


def find_library(name):
    """The path of a system library, as the loader finds it."""
    soname = ctypes.util.find_library(name)
    said = subprocess.run(["ldconfig", "-p"], check=True, capture_output=True,
                          env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}).stdout.decode()
    return next(line.split("=> ")[1] for line in said.splitlines() if soname in line)


def statuses(folder, name="out"):
    with open(os.path.join(folder, name, "data", "status.jsonl"), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def dead_ends(folder):
    return [s for s in statuses(folder) if s["state"] == "observing" and s["what"] == "calls"]


def only_dead_end(folder, text):
    found = dead_ends(folder)
    check_equal(len(found), 1, f"records about calls in {found}")
    check_in(text, found[0]["text"])
    check(found[0]["remedy"], "a dead end has no remedy")


def need_tracer():
    if not library() or not os.path.exists(os.path.join(BUILD, "jem-symbols")):
        skip("libjemtrace.so or jem-symbols is not built")


def wait_for_all_calls(recorder):
    recorder.wait(lambda seen: {"call", "profile"} <= {m.head["kind"] for m in seen.messages
                                                       if m.head["final"]}, what="all calls")
    recorder.check_streams()


def totals(recorder):
    """What the last profile says of each function."""
    return {p["function"]: p for p in recorder.records("profile") if "node" not in p}


@case
def gives_the_job_what_the_tracer_needs(folder):
    place = Place(folder)
    done = place.run("run", "--out", "out", "--calls", "f(a, b)", "--calls", "file:x*", "--values",
                     "--set", "calls.ring_bytes=1MiB", "--set", "calls.wait=500ms",
                     "--set", "calls.guard=readv", "--", "env",
                     env={**os.environ, "LD_PRELOAD": "/nowhere/other.so", "JEM_CALLS": "old",
                          "JEM_CALLS_INCLUDE": "older"})
    given = dict(line.split("=", 1) for line in done.stdout.decode().splitlines() if "=" in line)
    check_equal(given["LD_PRELOAD"], f"{place.library}:/nowhere/other.so")
    check_equal(given["JEM_CALLS"], "f(a\\, b),file:x*")
    check_equal(given["JEM_CALLS_SOCKET"], os.path.join(os.path.realpath(folder), "out/calls.sock"))
    check_equal((given["JEM_CALLS_VALUES"], given["JEM_CALLS_RING_BYTES"], given["JEM_CALLS_WAIT"],
                 given["JEM_CALLS_GUARD"]), ("1", str(1 << 20), "0.5", "readv"))
    check("JEM_CALLS_INCLUDE" not in given, "the long form is given too: the list would be double")
    check("JEM_CALLS_DEPTH" not in given, "a default was given")
    check(not os.path.exists(os.path.join(folder, "out", "calls.sock")), "the socket stays")


@case
def gives_nothing_where_calls_are_not_asked_for(folder):
    place = Place(folder)
    for extra, environment in (((), {}), (("--calls", "f"), {"JEM_CALLS_OFF": "1"})):
        done = place.run("run", "--out", "out", *extra, "--", "env",
                         env={**os.environ, **environment})
        check("LD_PRELOAD" not in done.stdout.decode(), "LD_PRELOAD was set")
        check("JEM_CALLS_SOCKET" not in done.stdout.decode(), "JEM_CALLS_SOCKET was set")
        shutil.rmtree(os.path.join(folder, "out"))


@case
def takes_the_patterns_from_the_environment_too(folder):
    place = Place(folder)
    done = place.run("run", "--out", "out", "--", "env", env={**os.environ, "JEM_CALLS": "f,g"})
    check_in("JEM_CALLS=f,g\n", done.stdout.decode())
    check_in(f"LD_PRELOAD={place.library}\n", done.stdout.decode())


@case
def finds_a_socket_however_long_the_path(folder):
    place = Place(folder)
    deep = os.path.join(folder, *["d" * 60] * 4)
    os.makedirs(deep)
    done = place.run("run", "--out", os.path.join(deep, "out"), "--calls", "f", "--", "env")
    address = next(line for line in done.stdout.decode().splitlines()
                   if line.startswith("JEM_CALLS_SOCKET=")).split("=", 1)[1]
    check(address.startswith("@jem-calls-") and len(address) > 40, address)


def compile_program(folder, name, *options, source="int main(void){return 7;}"):
    path = os.path.join(folder, name)
    subprocess.run(["gcc", "-g", "-x", "c", "-", "-o", path, *options], check=True,
                   input=source.encode())
    return path


@case
def tells_of_static_programs(folder):
    place = Place(folder)
    job = compile_program(folder, "job", "-static")
    done = place.run("run", "--out", "out", "--calls", "main", "--", job)
    check_equal(done.returncode, 7)
    check_in("statically linked", done.stderr.decode())
    only_dead_end(folder, "statically linked")
    strict = place.run("run", "--strict", "--out", "strict", "--calls", "main", "--", job)
    check_equal(strict.returncode, 125, "exit status with --strict")


@case
def tells_of_programs_with_other_rights(folder):
    if os.geteuid() != 0:
        skip("only root can make a program of another user's")
    place = Place(folder)
    job = compile_program(folder, "job")
    os.chown(job, 65534, 65534)
    os.chmod(job, 0o4755)
    os.chmod(folder, 0o755)
    done = place.run("run", "--out", "out", "--calls", "main", "--", job)
    check_equal(done.returncode, 7)
    only_dead_end(folder, "rights of another user")


@case
def tells_of_foreign_programs(folder):
    place = Place(folder)
    job = os.path.join(folder, "job")
    # An ELF header of 32 bits: the kernel refuses it, or runs it, as without us.
    with open(job, "wb") as file:
        file.write(b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack("<HHI", 2, 3, 1) + bytes(40))
    os.chmod(job, os.stat(job).st_mode | stat.S_IXUSR)
    done = place.run("run", "--out", "out", "--calls", "main", "--", job)
    check_in("another architecture", done.stderr.decode())
    only_dead_end(folder, "another architecture")


@case
def tells_of_a_library_that_is_missing_or_cannot_be_named(folder):
    place = Place(folder, has_library=False)
    done = place.run("run", "--out", "out", "--calls", "main", "--", "sh", "-c", "exit 5")
    check_equal(done.returncode, 5)
    only_dead_end(folder, "libjemtrace.so is missing")
    spaced = os.path.join(folder, "with blank")
    os.mkdir(spaced)
    done = Place(spaced).run("run", "--out", "out", "--calls", "main", "--", "sh", "-c", "exit 5")
    check_equal(done.returncode, 5)
    only_dead_end(spaced, "has a blank or a colon")


@case
def tells_of_programs_without_hooks(folder):
    place = Place(folder)
    job = compile_program(folder, "job")
    done = place.run("run", "--out", "out", "--calls", "main", "--", job)
    check_equal((done.returncode, done.stderr.decode().count("calls are not traced")), (7, 0))
    only_dead_end(folder, "not built with -finstrument-functions")


@case
def tells_of_programs_without_debug_data(folder):
    need_tracer()
    job = os.path.join(folder, "job")
    subprocess.run(["gcc", "-finstrument-functions", "-x", "c", "-", "-o", job], check=True,
                   input=SOURCE.encode())
    done = jem("run", "--quiet", "--out", "out", "--calls", "walk", "--values", "--", job, cwd=folder)
    check_equal((done.returncode, done.stdout), (3, b"115\n"))
    told = [s for s in dead_ends(folder) if s.get("remedy")]
    check_equal(len(told), 1, f"dead ends in {told}")
    check_in("no debug data", told[0]["text"])
    check_in(job, told[0]["text"])
    check_in("-g", told[0]["remedy"])
    said = jem("log", "out", "--kind", "call", "--json", cwd=folder).stdout
    check_equal([json.loads(line)["function"] for line in said.splitlines()], ["walk"] * 2)


def told_with_remedy(folder, job, *options, place=None):
    """Runs an instrumented job, and the dead ends that its records tell of."""
    run = place.run if place else lambda *words: jem(*words, cwd=folder)
    done = run("run", "--quiet", "--out", "out", *options, "--", job)
    check_equal((done.returncode, done.stdout), (3, b"115\n"))
    return [s for s in dead_ends(folder) if s.get("remedy")]


def only_remedy(told, text, job):
    check_equal(len(told), 1, f"dead ends in {told}")
    check_in(text, told[0]["text"])
    check_in(job, told[0]["text"])
    return told[0]


@case
def tells_of_debug_data_of_another_build(folder):
    need_tracer()
    job = compile_program(folder, "job", "-O0", "-finstrument-functions", source=SOURCE)
    other = compile_program(folder, "other", "-O1", "-finstrument-functions", source=SOURCE)
    subprocess.run("objcopy --only-keep-debug other job.debug && strip -g job && "
                   "objcopy --add-gnu-debuglink=job.debug job", shell=True, cwd=folder, check=True)
    os.unlink(other)
    told = told_with_remedy(folder, job, "--calls", "walk", "--values")
    check_equal(only_remedy(told, "of another build", job)["level"], "names")
    said = jem("log", "out", "--kind", "call", "--json", cwd=folder).stdout
    check_equal([json.loads(line)["function"] for line in said.splitlines()], ["walk"] * 2)


@case
def tells_of_damaged_debug_data(folder):
    need_tracer()
    job = compile_program(folder, "job", "-O0", "-finstrument-functions", source=SOURCE)
    subprocess.run("objcopy -O binary --only-section=.debug_info --set-section-flags "
                   ".debug_info=alloc job info && truncate -s -40 info && "
                   "objcopy --update-section .debug_info=info job", shell=True, cwd=folder,
                   check=True)
    told = told_with_remedy(folder, job, "--calls", "walk", "--values")
    check_equal(only_remedy(told, "damaged or too large", job)["level"], "part")


@case
def tells_of_symbols_that_cannot_be_read(folder):
    need_tracer()
    place = Place(folder, has_library=False)
    shutil.copy(library(), place.library)
    helper = os.path.join(place.programs, "jem-symbols")
    with open(helper, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexit 1\n")
    os.chmod(helper, 0o755)
    job = compile_program(folder, "job", "-O0", "-finstrument-functions", source=SOURCE)
    told = told_with_remedy(folder, job, "--calls", "walk", place=place)
    check_equal(only_remedy(told, "could not be read", job)["level"], "addresses")


PARTS = """
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
extern char **environ;
int helper(int n);
static int walk(int n) { return n ? helper(n) + walk(n - 1) : 0; }
int main(int argc, char **argv) {
    pid_t pid;
    if (argc < 4) {
        char *words[] = { argv[0], "x", "x", "x", 0 };
        for (int i = 0; i < 3; i++)
            if (!posix_spawn(&pid, argv[0], 0, 0, words, environ)) waitpid(pid, 0, 0);
        printf("115\\n");
    }
    return walk(2);
}
"""


@case
def tells_of_patterns_that_take_nothing(folder):
    need_tracer()
    subprocess.run(["gcc", "-g", "-finstrument-functions", "-shared", "-fPIC", "-x", "c", "-", "-o",
                    "libhelper.so"], cwd=folder, check=True,
                   input=b"int helper(int n) { return n; }")
    job = compile_program(folder, "job", "-finstrument-functions", "-x", "none",
                          os.path.join(folder, "libhelper.so"), f"-Wl,-rpath,{folder}", source=PARTS)
    told = told_with_remedy(folder, job, "--calls", "walk", "--calls", "helper", "--calls", "wlak",
                            "--calls", "file:*.f90", "--calls", "module:libhelper.so",
                            "--set", "calls.exclude=no_such_function")
    # Once for a pattern, whatever number of processes runs the program.
    check_equal(sorted(s["text"].split("'")[1] for s in told), ["file:*.f90", "wlak"])
    for status in told:
        check_in(job, status["text"])
        check_in("qualified", status["remedy"])
    check_equal({s["level"] for s in told}, {"part"})


@case
def refuses_a_list_in_one_pattern(folder):
    place = Place(folder)
    for words in (("--calls", "f,g"), ("--calls", "f", "--set", "calls.exclude=a,b"),
                  ("--set", "calls.include=ns::f,g(int, int)")):
        done = place.run("run", "--out", "out", *words, "--", "env")
        check_equal((done.returncode, done.stdout), (125, b""), f"end with {words}")
        check_in("two patterns", done.stderr.decode())
        check(not os.path.exists(os.path.join(folder, "out")), "a folder was made")


@case
def tells_of_programs_that_report_nothing(folder):
    need_tracer()
    job = compile_program(folder, "job", "-finstrument-functions", source="""
        int never(void) { return 1; }
        __attribute__((no_instrument_function)) int main(int n, char **v) {
            (void)v; return n > 9 ? never() : 7; }""")
    done = jem("run", "--quiet", "--out", "out", "--calls", "*", "--", job, cwd=folder)
    check_equal(done.returncode, 7)
    only_dead_end(folder, "LD_PRELOAD was taken out of its environment")


@case
def looks_through_a_script_at_its_interpreter(folder):
    place = Place(folder)
    script = os.path.join(folder, "job.sh")
    with open(script, "w", encoding="utf-8") as file:
        file.write("#!/bin/bash\necho $LD_PRELOAD\n")
    os.chmod(script, 0o755)
    done = place.run("run", "--out", "out", "--calls", "main", "--", script)
    check_equal(done.stdout.decode(), place.library + "\n")


@case
def says_that_a_running_job_cannot_be_preloaded(folder):
    url = start_broker(folder)
    job = spawn(["cat"], stdin=subprocess.PIPE)
    with Recorder(url) as recorder:
        spawn([program("jemd"), "--broker", url, "--pid", str(job.pid), "--set", "calls.include=f"])
        recorder.wait(lambda seen: any(r.get("what") == "calls" and "runs already" in r["text"]
                                       for r in seen.records("status")), what="the dead end")
        job.stdin.close()
        recorder.wait(lambda seen: any(r["state"] == "monitor_ended"
                                       for r in seen.records("status")), what="the end")


def with_fake_job(folder, *options):
    """A job that is traced without the library: python makes rings, plan and hello by hand."""
    place = Place(folder)
    child = spawn([os.path.join(place.programs, "jem"), "run", "--quiet", "--job", "mine", *options,
                   "--calls", "f", "--", sys.executable, FAKE_TRACED], cwd=folder,
                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    check_equal(child.stdout.readline(), b"ready\n")
    return place, child


def ask(child, wanted):
    """Waits until the job sees this state of its plan; how long that took in it, in seconds."""
    child.stdin.write(f"{wanted}\n".encode())
    child.stdin.flush()
    return float(child.stdout.readline())


@case
def control_changes_what_is_traced(folder):
    place, child = with_fake_job(folder, "--out", "out")
    changed = place.run("control", "out", "--set", "calls.off=yes", "--set", "calls.process_limit=7")
    check_equal((changed.returncode, changed.stdout), (0, b"changed\n"))
    ask(child, "off 1")
    ask(child, "limit 7")
    check_equal(place.run("control", os.path.join(folder, "out"), "--set",
                          "calls.off=no").returncode, 0)
    ask(child, "off 0")
    check_equal(place.run("control", "out", "--set", "calls.values=yes").returncode, 0)
    ask(child, "values 1")
    child.stdin.close()
    check_equal(child.wait(30), 0)
    gone = place.run("control", "out", "--set", "calls.off=yes")
    check_equal(gone.returncode, 69)
    check_in("no monitored job", gone.stderr.decode())


@case
def control_refuses_what_cannot_be_changed(folder):
    place, child = with_fake_job(folder, "--out", "out")
    for setting, told in (("calls.memory=1MiB", "calls.include"), ("run.drain=1", "calls.include"),
                          ("calls.limit=many", "digits"), ("calls.include=[x", "["),
                          ("calls.depth=99", "8")):
        done = place.run("control", "out", "--set", setting)
        check_equal((done.returncode, done.stdout), (1, b""), f"end of {setting}")
        check_equal(len(done.stderr.splitlines()), 1, f"lines about {setting}")
        check_in(told, done.stderr.decode())
    check_equal(place.run("control", "out").returncode, 64)
    check_equal(place.run("control", "out", "--set", "nonsense").returncode, 64)
    child.stdin.close()
    check_equal(child.wait(30), 0)
    other = Place(os.path.join(folder, "bin"))
    child = spawn([os.path.join(other.programs, "jem"), "run", "--quiet", "--out", "plain", "--",
                   "cat"], cwd=folder, stdin=subprocess.PIPE)
    wait_until(lambda: os.path.exists(os.path.join(folder, "plain", "control.sock")))
    done = other.run("control", os.path.join(folder, "plain"), "--set", "calls.off=yes")
    check_equal(done.returncode, 1)
    check_in("start it by jem run --calls", done.stderr.decode())
    child.stdin.close()
    check_equal(child.wait(30), 0)


@case
def control_finds_a_job_without_a_folder_by_its_name(folder):
    url = start_broker(folder)
    name = f"job-{os.getpid()}"
    place, child = with_fake_job(folder, "--job", name, "--broker", url)
    check_equal(place.run("control", name, "--set", "calls.off=yes").returncode, 0)
    ask(child, "off 1")
    child.stdin.close()
    check_equal(child.wait(30), 0)


SOURCE = """
#include <stdio.h>
struct point { int x; const char *name; };
static int leaf(int a, struct point *p) { return a + p->x; }
int walk(int n, struct point *p) { int s = 0; for (int i = 0; i < n; i++) s += leaf(i, p); return s; }
int main(void) { struct point p = { 7, "seven" }; printf("%d\\n", walk(10, &p)); return 3; }
"""


def check_account(recorder):
    """What the monitor tells of its tracing: complete, and in the sum what happened."""
    values = [r["values"] for r in recorder.records("metric") if r["scope"] == "monitor"][-1]
    told = {name[6:]: value for name, value in values.items() if name.startswith("calls_")}
    check_equal((told["processes"], told["records"]), (1, 22))
    check_equal(told["seen"], told["records"] + told["unselected"] + told["ring_full"] +
                told["limited"] + told["broken"], "what became of the calls")
    check_equal([told[name] for name in ("unslotted", "unwound", "edges_lost", "profile_lost",
                                         "modules_lost", "plan_faults")], [0] * 6, "losses")
    check(told["drain_s"] > 0, told)


@case
def traces_a_program_and_publishes_its_calls(folder):
    need_tracer()
    url = start_broker(folder)
    job = compile_program(folder, "job", "-O0", "-finstrument-functions", source=SOURCE)
    with Recorder(url) as recorder:
        # Long enough for any machine; events before the plan would have no values.
        done = jem("run", "--broker", url, "--calls", "walk", "--calls", "leaf", "--values",
                   "--set", "calls.limit=0", "--set", "calls.wait=50s", "--", job, cwd=folder)
        check_equal((done.returncode, done.stdout), (3, b"115\n"))
        recorder.wait(lambda seen: any(r["state"] == "monitor_ended"
                                       for r in seen.records("status")), what="the end")
        wait_for_all_calls(recorder)
        calls = recorder.records("call")
        check_equal([c["event"] for c in calls].count("enter"), 11, "enters")
        check_equal([c["event"] for c in calls].count("exit"), 11, "exits")
        check_equal({c["function"] for c in calls}, {"walk", "leaf"})
        enters = [c for c in calls if c["function"] == "leaf" and c["event"] == "enter"]
        check_equal([c["args"][0]["value"] for c in enters], list(range(10)), "values of a")
        check_equal(enters[0]["args"][1]["value"]["to"]["x"], 7, "behind the pointer")
        check_equal({c["caller"]["function"] for c in enters}, {"walk"})
        check_equal({c["depth"] for c in enters}, {1})
        exits = [c for c in calls if c["function"] == "walk" and c["event"] == "exit"]
        check_equal(exits[0]["return"]["value"], 115)
        check(exits[0]["duration_ns"] > 0, "no duration")
        last = totals(recorder)
        check_equal((last["leaf"]["calls"], last["leaf"]["returns"], last["walk"]["calls"]),
                    (10, 10, 1), "profile")
        check_equal([c["function"] for c in last["leaf"]["callers"]], ["walk"])
        check_account(recorder)


@case
def takes_members_by_the_file_that_defines_them(folder):
    need_tracer()
    sources = {"fit.h": "struct Fit {\n\n int run(int n);\n int inside(int n) { return n; }\n};\n",
               "fit.cc": '#include "fit.h"\n\n\n\nint Fit::run(int n) { return inside(n); }\n',
               "main.cc": '#include "fit.h"\nint main() { return Fit().run(0); }\n'}
    for name, text in sources.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    for number, (compiler, level) in enumerate((("g++", "-O0"), ("g++", "-O2"),
                                                ("clang++", "-O0"))):
        if not shutil.which(compiler):
            skip(f"{compiler} is missing")
        subprocess.run([compiler, level, "-g", "-finstrument-functions", "fit.cc", "main.cc", "-o",
                        "job"], cwd=folder, check=True)
        out = f"out{number}"
        done = jem("run", "--quiet", "--out", out, "--calls", "file:*.cc", "--set",
                   "calls.wait=50s", "--", "./job", cwd=folder)
        check_equal(done.returncode, 0)
        said = jem("log", out, "--kind", "profile", "--json", cwd=folder).stdout
        found = {r["function"]: (os.path.basename(r["file"]), r["line"])
                 for r in map(json.loads, said.splitlines()) if "node" not in r}
        check_equal(found, {"main": ("main.cc", 2), "Fit::run": ("fit.cc", 5)},
                    f"what {compiler} {level} has")


@case
def counts_and_names_what_was_called_before_the_plan_was_there(folder):
    need_tracer()
    url = start_broker(folder)
    job = compile_program(folder, "job", "-O0", "-finstrument-functions", source=SOURCE)
    with Recorder(url) as recorder:
        done = jem("run", "--broker", url, "--calls", "leaf", "--", job, cwd=folder)
        check_equal((done.returncode, done.stdout), (3, b"115\n"))
        wait_for_all_calls(recorder)
        calls = recorder.records("call")
        check_equal([(c["function"], c["event"]) for c in calls],
                    [("leaf", "enter"), ("leaf", "exit")] * 10)
        last = totals(recorder)
        check_equal((last["leaf"]["calls"], last["leaf"]["returns"]), (10, 10), "profile")


MANY_SOURCE = """
static int leaf(int a) { return a + 1; }
static int other(int a) { return leaf(a) - 1; }
int main(void) { int n = 0; for (int i = 0; i < 20000; i++) n += other(leaf(i)) & 1; return n > 20000; }
"""


@case
def counts_in_the_profile_what_was_called_before_the_plan_and_has_no_record(folder):
    need_tracer()
    job = compile_program(folder, "job", "-O0", "-finstrument-functions", source=MANY_SOURCE)
    for name, *settings in (("limited", "calls.process_limit=20"),
                            ("full", "calls.process_limit=0", "calls.limit=0",
                             "calls.ring_bytes=64KiB")):
        words = [word for setting in settings for word in ("--set", setting)]
        done = jem("run", "--quiet", "--out", name, "--calls", "leaf", *words, "--", job, cwd=folder)
        check_equal(done.returncode, 0)
        said = jem("log", name, "--kind", "profile", "--json", cwd=folder).stdout
        last = {r["function"]: r for r in map(json.loads, said.splitlines()) if "node" not in r}
        check_equal(set(last), {"leaf"}, f"functions of {name}")
        check_equal((last["leaf"]["calls"], last["leaf"]["returns"]), (40000, 40000), name)
        check(last["leaf"]["recorded"] < 40000, f"all calls of {name} have records")
        check(last["leaf"]["total_ns"] > 0, f"{name} has no times")


LONG_SOURCE = """
#include <unistd.h>
static int leaf(int a) { usleep(1000); return a + 1; }
int walk(int n) { while (access("stop", F_OK)) n = leaf(n); return n & 1; }
int main(void) { return walk(2) > 1; }
"""


@case
def puts_calls_under_those_that_began_before_the_plan_was_there(folder):
    need_tracer()
    url = start_broker(folder)
    job = compile_program(folder, "job", "-O2", "-fno-inline", "-finstrument-functions",
                          source=LONG_SOURCE)
    with Recorder(url) as recorder:
        run = spawn([program("jem"), "run", "--broker", url, "--calls", "main", "--calls", "walk",
                     "--calls", "leaf", "--", job], cwd=folder)
        # The thread has the plan once its calls are in nodes of the tree.
        recorder.wait(lambda seen: any(p["function"] == "leaf" for p in seen.records("profile")),
                      what="a profile of leaf")
        recorder.wait(lambda seen: sum(p.get("recorded", 0) for p in seen.records("profile")[-9:])
                      > 100, what="some calls")
        with open(os.path.join(folder, "stop"), "w", encoding="utf-8"):
            pass
        check_equal(run.wait(60), 0)
        wait_for_all_calls(recorder)
        records = recorder.records("profile")
        last = {p["function"]: p for p in records if "node" not in p}
        nodes = {p["function"]: p for p in records if p.get("node")}
        for name in ("main", "walk"):
            check_equal((last[name]["calls"], last[name]["returns"]), (1, 1), name)
            check(last[name]["self_ns"] < last[name]["total_ns"] / 2,
                  f"{name}'s own time: {last[name]}")
        check_equal(nodes["walk"]["parent"], nodes["main"]["node"], "the parent of walk")
        check_equal(nodes["leaf"]["parent"], nodes["walk"]["node"], "the parent of leaf")


main()
