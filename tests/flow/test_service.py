# SPDX-License-Identifier: Apache-2.0
"""jemd alone: beside a job that runs already, and as the service of a node."""
import json
import os
import shutil
import signal
import socket
import subprocess

from jemtest import (BUILD, TOP, case, check, check_equal, check_in, end, main, program, skip, spawn,
                     wait_until)


def start_broker(folder):
    path = os.path.join(folder, "b.sock")
    child = spawn([os.path.join(BUILD, "jem-tool"), "broker", "--listen", f"unix:{path}"],
                  stdout=subprocess.PIPE)
    child.stdout.readline()
    return f"unix:{path}", child


def start_receiver(folder, url):
    out = os.path.join(folder, "out")
    spawn([os.path.join(BUILD, "jem-tool"), "receive", "--broker", url, "--out", out])
    return out


def status_lines(out):
    found = []
    for folder, _, names in os.walk(out):
        if "status.jsonl" in names:
            with open(os.path.join(folder, "status.jsonl"), encoding="utf-8") as data:
                found += [json.loads(line) for line in data if line.endswith("\n")]
    return found


def states(out):
    return [line["state"] for line in status_lines(out)]


@case
def tells_the_service_manager_when_it_is_ready_and_when_it_stops(folder):
    path = os.path.join(folder, "notify")
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(path)
    notify.settimeout(20)
    try:
        daemon = spawn([program("jemd")], env={**os.environ, "NOTIFY_SOCKET": path})
        check_equal(notify.recv(100), b"READY=1")
        check_equal(end(daemon), 0, "exit status after SIGTERM")
        check_in(notify.recv(100), (b"STOPPING=1",), "what came at the end")
    finally:
        notify.close()


@case
def publishes_the_node_and_ends_in_order(folder):
    url, _ = start_broker(folder)
    out = start_receiver(folder, url)
    daemon = spawn([program("jemd"), "--broker", url])
    wait_until(lambda: states(out), what="the first status record")
    check_equal(end(daemon), 0, "exit status")
    wait_until(lambda: "monitor_ended" in states(out), what="the last status record")


@case
def watches_a_job_by_its_pid_and_ends_with_it(folder):
    url, _ = start_broker(folder)
    out = start_receiver(folder, url)
    job = spawn(["cat"], stdin=subprocess.PIPE)
    daemon = spawn([program("jemd"), "--broker", url, "--pid", str(job.pid), "--job", "beside"])
    wait_until(lambda: "running" in states(out), what="the running job")
    job.stdin.close()
    check_equal(daemon.wait(timeout=20), 0, "exit status")
    wait_until(lambda: "ended" in states(out), what="the end of the job")
    check(os.path.isdir(os.path.join(out, "local")), "no folder of the site")
    check_in("beside", os.listdir(next(f for f, d, _ in os.walk(out) if "beside" in d)))


@case
def refuses_a_pid_that_is_not_there(folder):
    done = subprocess.run([program("jemd"), "--pid", "2147483647"], stderr=subprocess.PIPE,
                          timeout=20, check=False)
    check_equal(done.returncode, 1, "exit status")
    check_in(b"no process 2147483647 to watch", done.stderr)


@case
def refuses_wrong_words_in_one_line(folder):
    for words in (["--pid", "x"], ["--pid=0"], ["--nonsense"], ["word"], ["--interval", "never"]):
        done = subprocess.run([program("jemd"), *words], stderr=subprocess.PIPE, timeout=20,
                              check=False)
        check_equal(done.returncode, 64, f"exit status of {words}")
        check_equal(done.stderr.count(b"\n"), 1, f"lines for {words}")


@case
def outlives_its_broker(folder):
    url, broker = start_broker(folder)
    daemon = spawn([program("jemd"), "--broker", url, "--set", "broker.idle_timeout=4"],
                   stderr=subprocess.PIPE)
    line = daemon.stderr.readline()
    while b"publishing to" not in line:
        line = daemon.stderr.readline()
    broker.send_signal(signal.SIGKILL)
    while b"retrying" not in line:
        line = daemon.stderr.readline()
        check(line, "the daemon has ended")
    check_equal(end(daemon), 0, "exit status")


PROGRAM = b"""struct Fit { int run(int n); };
__attribute__((noinline)) int Fit::run(int n) { return n - 3; }
int main() { return Fit().run(3); }
"""


def commands_of_the_page():
    """The block of doc/calls.md on a daemon without `jem run`: what starts it, what is traced."""
    with open(os.path.join(TOP, "doc", "calls.md"), encoding="utf-8") as page:
        block = page.read().split("## Without `jem run`")[1].split("\nThe folder of")[0]
    lines = "\n".join(line[4:] for line in block.splitlines() if line.startswith("    "))
    return lines.replace("\\\n", " ").splitlines()


@case
def traces_calls_without_jem_run_as_the_page_says(folder):
    library = os.path.join(BUILD, "libjemtrace.so")
    if not os.path.exists(library) or not os.path.exists(os.path.join(BUILD, "jem-symbols")):
        skip("libjemtrace.so or jem-symbols is not built")
    subprocess.run(["c++", "-g", "-finstrument-functions", "-x", "c++", "-", "-o",
                    os.path.join(folder, "program")], check=True, input=PROGRAM)
    url, _ = start_broker(folder)
    out = start_receiver(folder, url)
    run = os.path.join(folder, "run")
    os.mkdir(run, 0o700)
    commands = commands_of_the_page()
    check_equal(len(commands), 2, f"commands in {commands}")
    for shown, real in (("/run/user/1000", run), ("amqp://broker.example", url),
                        ("/usr/lib/jem/libjemtrace.so", library), (" jemd ", f" exec {program('jemd')} ")):
        commands = [command.replace(shown, real) for command in commands]
    check(commands[0].endswith("&"), commands[0])
    daemon = spawn(["sh", "-c", commands[0][:-1]])
    wait_until(lambda: os.path.exists(os.path.join(run, "calls.sock")), what="the socket")
    wait_until(lambda: states(out), what="the first status record")

    def has_calls():
        done = subprocess.run(["sh", "-c", commands[1]], cwd=folder, timeout=60, check=False)
        check_equal(done.returncode, 0, f"end of {commands[1]}")
        profiles = [os.path.join(place, name) for place, _, names in os.walk(out) for name in names
                    if name == "profile.jsonl"]
        return profiles and "Fit::run" in open(profiles[0], encoding="utf-8").read()

    wait_until(has_calls, 60, "a profile of the program")
    check_equal(end(daemon), 0, "exit status of the daemon")


def under_leak_check():
    """What to start jemd with so that it tells of memory that is left, and its environment."""
    with open(program("jemd"), "rb") as file:
        if b"__asan_init" in file.read():
            return [], {**os.environ, "ASAN_OPTIONS": "detect_leaks=1"}
    if not shutil.which("valgrind"):
        skip("valgrind is not installed")
    # Not "possible": the stack of a thread that is just ending, and what libraries make as they load.
    kinds = "definite,indirect"
    return ["valgrind", "-q", "--leak-check=full", f"--errors-for-leak-kinds={kinds}",
            f"--show-leak-kinds={kinds}", "--error-exitcode=99", "--trace-children=no"], dict(os.environ)


@case
def frees_everything_when_it_cannot_start(folder):
    before, environment = under_leak_check()
    gone = subprocess.run(["sh", "-c", "echo $$"], check=True, capture_output=True).stdout.decode().strip()
    for words in ((f"--pid={gone}",), (f"--pid={gone}", "--broker", f"unix:{folder}/none"),
                  (f"--pid={gone}", "--set", "calls.include=f"),
                  (f"--pid={os.getpid()}", "--launcher-fd=199"),
                  (f"--pid={os.getpid()}", f"--filename={folder}/none/a", "--interval=1")):
        done = subprocess.run([*before, program("jemd"), *words], check=False, capture_output=True,
                              timeout=120, cwd=folder, env=environment)
        check_equal(done.returncode, 1, f"end with {words}: {done.stderr.decode()}")


main()
