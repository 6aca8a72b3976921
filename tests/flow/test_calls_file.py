#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A traced program without a daemon writes its calls into a file; jem expand makes a folder of it."""
import glob
import json
import os
import random
import signal
import subprocess
import sys
import time

from jemtest import (BUILD, TOP, case, check, check_equal, check_in, jem, main, program, skip,
                     spawn, wait_until)

LIBRARY = next((path for path in (os.path.join(BUILD, place, "libjemtrace.so")
                                  for place in ("", "tracer/preload")) if os.path.exists(path)), None)

WALK = """
#include <stdio.h>
static int leaf(int a) { return a + 1; }
int walk(int n) { int s = 0; for (int i = 0; i < n; i++) s += leaf(i); return s; }
int main(void) { printf("%d\\n", walk(10)); return 3; }
"""

MANY = """
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static int leaf(int a) { return a + 1; }
static void *thread(void *n) { for (long i = 0; i < (long)n; i++) leaf((int)i); return 0; }
int main(int argc, char **argv)
{
	pthread_t t[3];
	long n = atol(argv[1]);
	for (int i = 0; i < 3; i++) pthread_create(&t[i], 0, thread, (void *)n);
	for (int i = 0; i < 3; i++) pthread_join(t[i], 0);
	if (argc > 2) { if (!fork()) { leaf(1); _exit(0); } wait(0); raise(SIGKILL); }
	return 0;
}
"""

PLUGIN = "static int inner(int a) { return a * 2; } int plugin(int a) { return inner(a); }"
HOST = """
#include <dlfcn.h>
int main(void)
{
	for (int i = 0; i < 3; i++) {
		void *lib = dlopen("./plugin.so", RTLD_NOW);
		((int (*)(int))dlsym(lib, "plugin"))(i);
		dlclose(lib);
	}
	return 0;
}
"""


def build(folder, name, source, *options):
    if not LIBRARY or not os.path.exists(os.path.join(BUILD, "jem-symbols")):
        skip("libjemtrace.so or jem-symbols is not built")
    path = os.path.join(folder, name)
    subprocess.run(["gcc", "-g", "-O0", "-finstrument-functions", "-x", "c", "-", "-o", path,
                    "-lpthread", *options], check=True, input=source.encode())
    return path


def traced(folder, *words, **settings):
    """Runs a program that writes its calls into files of folder."""
    return subprocess.run(list(words), check=False, cwd=folder, capture_output=True, timeout=60,
                          env={**os.environ, "LD_PRELOAD": LIBRARY,
                               "JEM_CALLS_FILE": "calls-%p.ring", **settings})


def files(folder):
    return sorted(glob.glob(os.path.join(folder, "calls-*.ring")))


def expand(folder, *words):
    return jem("expand", *words, cwd=folder)


def records(folder, out, kind):
    said = jem("log", out, "--kind", kind, "--json", cwd=folder)
    return [json.loads(line) for line in said.stdout.splitlines()]


@case
def names_and_times_every_call(folder):
    job = build(folder, "job", WALK)
    before = time.time()
    done = traced(folder, job)
    after = time.time()
    check_equal((done.returncode, done.stdout, done.stderr), (3, b"55\n", b""))
    check_equal(len(files(folder)), 1, "files")
    said = expand(folder, files(folder)[0], "out")
    check_equal((said.returncode, said.stdout, said.stderr), (0, b"out: 24 records of calls\n", b""))
    calls = records(folder, "out", "call")
    check_equal([(c["function"], c["event"], c["depth"]) for c in calls],
                [("main", "enter", 0), ("walk", "enter", 1)] +
                [("leaf", event, 2) for _ in range(10) for event in ("enter", "exit")] +
                [("walk", "exit", 1), ("main", "exit", 0)])
    check_equal(calls[2]["caller"]["function"], "walk")
    check_equal(calls[2]["line"], 3)
    check(all(before <= c["t"] <= after for c in calls), "times that are not of the run")
    check(calls[-1]["duration_ns"] >= calls[-2]["duration_ns"] > 0, "durations")
    last = {p["function"]: p for p in records(folder, "out", "profile") if "node" not in p}
    check_equal({name: (p["calls"], p["returns"]) for name, p in last.items()},
                {"main": (1, 1), "walk": (1, 1), "leaf": (10, 10)})
    check_equal([c["function"] for c in last["leaf"]["callers"]], ["walk"])
    with open(os.path.join(folder, "out", "index.html"), encoding="utf-8") as page:
        check_in("</html>", page.read())


@case
def does_what_the_page_says(folder):
    job = build(folder, "program", WALK)
    with open(os.path.join(TOP, "doc", "calls.md"), encoding="utf-8") as page:
        block = page.read().split("Without any daemon")[1]
    commands = [line[4:] for line in block.splitlines() if line.startswith("    ")]
    check_equal(len(commands), 3, "commands on the page")
    check_in("./program", commands[0])
    run = commands[0].replace("/usr/lib/jem/libjemtrace.so", LIBRARY)
    done = subprocess.run(["sh", "-c", run], cwd=folder, check=False, capture_output=True, timeout=60)
    check_equal((done.returncode, done.stdout), (3, b"55\n"), f"end of {run} ({job})")
    number = files(folder)[0].rsplit("-", 1)[1].split(".")[0]
    for command in commands[1:]:
        words = command.replace("1234", number).split()
        check_equal(words[0], "jem")
        check_equal(jem(*words[1:], cwd=folder).returncode, 0, command)
    check_equal(len(records(folder, f"calls-{number}", "call")), 24)


@case
def takes_only_what_is_asked_for(folder):
    job = build(folder, "job", WALK)
    traced(folder, job)
    for number, (words, wanted) in enumerate(((["--function", "leaf"], {"leaf"}),
                                              (["--function", "walk", "--function", "main"],
                                               {"walk", "main"}),
                                              (["--function", "module:job"],
                                               {"main", "walk", "leaf"}),
                                              (["--function", "nobody"], set()))):
        check_equal(expand(folder, files(folder)[0], f"out{number}", *words).returncode, 0)
        check_equal({c["function"] for c in records(folder, f"out{number}", "call")}, wanted)
    bad = expand(folder, files(folder)[0], "bad", "--function", "[")
    check_equal((bad.returncode, len(bad.stderr.splitlines())), (64, 1))
    check(not os.path.exists(os.path.join(folder, "bad")), "a folder stays")


@case
def reads_what_threads_children_and_the_dead_have_left(folder):
    job = build(folder, "job", MANY)
    done = traced(folder, job, "100", "killed")
    check_equal(done.returncode, -signal.SIGKILL)
    check_equal(len(files(folder)), 2, "files of parent and child")
    counts = []
    for number, path in enumerate(files(folder)):
        check_equal(expand(folder, path, f"out{number}").returncode, 0)
        calls = records(folder, f"out{number}", "call")
        check_equal({c["pid"] for c in calls}, {int(path.rsplit("-", 1)[1].split(".")[0])})
        counts.append((sum(c["function"] == "leaf" and c["event"] == "enter" for c in calls),
                       len({c["tid"] for c in calls})))
    check_equal(sorted(counts), [(1, 1), (300, 4)], "calls of leaf and threads")


@case
def names_functions_of_libraries_that_were_closed(folder):
    build(folder, "plugin.so", PLUGIN, "-shared", "-fPIC")
    job = build(folder, "job", HOST, "-ldl")
    check_equal(traced(folder, job).returncode, 0)
    check_equal(expand(folder, files(folder)[0], "out").returncode, 0)
    calls = [c["function"] for c in records(folder, "out", "call") if c["event"] == "enter"]
    check_equal(calls[0], "main")
    check_equal(set(calls), {"main", "plugin", "inner"})


@case
def counts_what_found_no_room(folder):
    job = build(folder, "job", MANY)
    traced(folder, job, "100000", JEM_CALLS_RING_BYTES="64KiB", JEM_CALLS_PROCESS_LIMIT="0")
    said = expand(folder, files(folder)[0], "out").stdout.decode()
    written = int(said.split("out: ")[1].split()[0])
    dropped = int(said.splitlines()[1].split()[0])
    check_in("buffers full", said)
    check_equal(written + dropped, 2 * (1 + 3 + 300000), "records and losses")
    traced(folder, job, "100000")
    newest = max(files(folder), key=os.path.getmtime)
    check_in("JEM_CALLS_PROCESS_LIMIT", expand(folder, newest, "limited").stdout.decode())


@case
def says_so_when_the_program_has_changed(folder):
    job = build(folder, "job", WALK)
    traced(folder, job)
    build(folder, "job", WALK.replace("leaf", "another"))
    done = expand(folder, files(folder)[0], "out")
    check_equal(done.returncode, 0)
    check_in("not the file", done.stderr.decode())
    calls = records(folder, "out", "call")
    check_equal(len(calls), 24)
    check(all(c["function"].startswith("0x") for c in calls), "names of another build")


@case
def refuses_what_is_no_such_file(folder):
    job = build(folder, "job", WALK)
    traced(folder, job)
    ring = files(folder)[0]
    done = expand(folder, job, "out")
    check_equal((done.returncode, len(done.stderr.splitlines())), (65, 1))
    check_equal(expand(folder, os.path.join(folder, "missing"), "out").returncode, 66)
    os.mkdir(os.path.join(folder, "out"))
    check_equal(expand(folder, ring, "out").returncode, 73, "end where the folder is there")
    check_equal(os.listdir(os.path.join(folder, "out")), [], "what is written to a strange folder")


@case
def tells_readers_of_folders_what_to_do_with_a_file(folder):
    with open(os.path.join(folder, "calls.ring"), "wb"):
        pass
    for words in (("log",), ("report",)):
        done = jem(*words, "calls.ring", cwd=folder)
        check(done.returncode != 0, f"jem {words[0]} takes a file")
        check_in("jem expand FILE DIR", done.stderr.decode(), words[0])


@case
def shows_a_file_as_it_shows_a_folder(folder):
    job = build(folder, "job", WALK)
    traced(folder, job)
    ring = files(folder)[0]
    check_equal(expand(folder, ring, "out").returncode, 0)
    places = os.path.join(folder, "places")
    os.mkdir(places)
    environment = {**os.environ, "TMPDIR": places}
    for view in ((), ("--tree",), ("--profile",), ("--folded", "-"), ("--chrome", "-"),
                 ("--function", "^leaf$")):
        of_folder = jem("calls", "out", *view, cwd=folder)
        of_file = jem("calls", ring, *view, cwd=folder, env=environment)
        check_equal((of_file.returncode, of_file.stdout, of_file.stderr),
                    (0, of_folder.stdout, b""), f"what {view} shows")
        check_in(b"leaf", of_file.stdout)
        check_equal(os.listdir(places), [], "what is left of the temporary folder")
    for path, status in ((job, 65), ("missing", 66)):
        bad = jem("calls", path, cwd=folder, env=environment)
        check_equal((bad.returncode, len(bad.stderr.splitlines())), (status, 1), path)
        check_equal(os.listdir(places), [], "what is left of the temporary folder")
    check_equal(jem("calls", ring, "--function", "^nobody$", cwd=folder).returncode, 1)
    nowhere = jem("calls", ring, cwd=folder, env={**environment, "TMPDIR": folder + "/none"})
    check_equal(nowhere.returncode, 73, "end without a place for a temporary folder")


@case
def tells_what_a_file_has_not(folder):
    job = build(folder, "job", MANY)
    traced(folder, job, "100000", JEM_CALLS_RING_BYTES="64KiB", JEM_CALLS_PROCESS_LIMIT="0")
    said = jem("calls", files(folder)[0], "--profile", cwd=folder)
    check_in(b"buffers full", said.stderr)


@case
def leaves_no_temporary_folder_when_it_is_killed(folder):
    job = build(folder, "job", MANY)
    traced(folder, job, "5000")
    places = os.path.join(folder, "places")
    os.mkdir(places)
    for sig in (signal.SIGKILL, signal.SIGTERM, signal.SIGPIPE):
        child = spawn([program("jem"), "calls", files(folder)[0]], cwd=folder,
                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                      env={**os.environ, "TMPDIR": places})
        child.stdout.read(1)  # more than a pipe holds is still to come
        check_equal(len(os.listdir(places)), 1, "temporary folders")
        if sig == signal.SIGPIPE:
            child.stdout.close()
        else:
            child.send_signal(sig)
        check_equal(child.wait(20), -sig, "end")
        wait_until(lambda: not os.listdir(places), what="the folder to be removed")


@case
def survives_whatever_a_file_holds(folder):
    job = build(folder, "job", WALK)
    traced(folder, job, JEM_CALLS_RING_BYTES="64KiB", JEM_CALLS_MEMORY="1MiB")
    with open(files(folder)[0], "rb") as file:
        whole = file.read()
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"# seed {seed}", file=sys.stderr)
    dice = random.Random(seed)
    for number in range(24):
        bytes_ = bytearray(whole[:dice.choice((len(whole), len(whole), 4096, 128, 5000))])
        for _ in range(dice.choice((1, 4, 64))):
            # header, modules, threads, records: all lie in the first part
            bytes_[dice.randrange(min(len(bytes_), dice.choice((128, 4096, 200000))))] = \
                dice.randrange(256)
        with open(os.path.join(folder, "bad"), "wb") as file:
            file.write(bytes_)
        done = expand(folder, "bad", f"out{number}")
        check(done.returncode in (0, 65), f"ended with {done.returncode}: {done.stderr}")


@case
def reads_a_file_that_is_still_written(folder):
    job = build(folder, "job", """
#include <unistd.h>
static int leaf(int a) { return a + 1; }
int main(void) { char c; for (int i = 0; i < 5; i++) leaf(i); (void)!write(1, "x", 1);
                 return (int)read(0, &c, 1); }""")
    child = spawn([job], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                  env={**os.environ, "LD_PRELOAD": LIBRARY, "JEM_CALLS_FILE": "calls-%p.ring"})
    check_equal(child.stdout.read(1), b"x")
    check_equal(expand(folder, files(folder)[0], "out").returncode, 0)
    calls = records(folder, "out", "call")
    check_equal([c["event"] for c in calls], ["enter"] + ["enter", "exit"] * 5)
    child.stdin.close()
    check_equal(child.wait(20), 0)


main()
