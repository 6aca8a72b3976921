#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""jem check: every wrong configuration gives one clear line, and exit status 78."""
import os
import re
import socket
import subprocess

from bad_configs import CASES, furnish, plain_environment, write_config
from jemtest import TOP, case, check, check_equal, check_in, main, program, spawn


def jem_check(*words, environment=None):
    done = subprocess.run([program("jem-tool"), "check", *words], timeout=60, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          env=environment or plain_environment())
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@case
def answers_fifty_wrong_configurations_with_one_line_each(folder):
    check(len(CASES) >= 50, f"{len(CASES)} cases")
    furnish(folder)
    wrong = []
    for name, text, line, part in CASES:
        path = write_config(folder, text)
        status, _, said = jem_check("--offline", "--config", path)
        where = f"{path}:{line}: " if line else f"{path}: "
        if (status, said.count("\n")) != (78, 1) or not said.startswith(where) or part not in said:
            wrong.append(f"{name}: exit {status}, said {said!r}, wanted {where}...{part}")
    check(not wrong, "\n" + "\n".join(wrong))


@case
def tells_why_a_file_cannot_be_read(folder):
    os.mkfifo(os.path.join(folder, "fifo"))
    with open(os.path.join(folder, "large"), "wb") as file:
        file.truncate(2 << 20)
    for name, part in (("none", "check the path"), (".", "name a file in it"),
                       ("fifo", "copy its text into one"), ("large", "is it the right file?")):
        path = os.path.join(folder, name)
        status, _, said = jem_check("--config", path)
        check_equal(status, 78, "exit status")
        check(said.startswith(path + ": ") and said.count("\n") == 1, said)
        check_in(part, said)


@case
def tells_every_fault_on_its_own_line(folder):
    path = write_config(folder, "[run]\ndrain = soon\nuot = x\n[rule a]\nlog = (\nlevel = info\n")
    status, _, said = jem_check("--config", path, "--set", "calls.values=yes",
                                environment=plain_environment(JEM_METRICS_INTERVAL="x"))
    check_equal(status, 78, "exit status")
    lines = said.splitlines()
    check_equal([line.split(": ")[0] for line in lines],
                ["JEM_METRICS_INTERVAL", f"{path}:2", f"{path}:3", f"{path}:4", "--set"], "places")


@case
def finds_no_fault_in_a_good_configuration(folder):
    furnish(folder)
    path = write_config(folder, """
        # every kind of value
        [run]
        out = {folder}/report
        drain = 2.5
        [broker]
        credentials = {folder}/closed
        [metrics]
        interval = 500ms
        folders = {folder}/sub
        [log]
        files = {folder}/*.log
        line_max = 64KiB
        [rule memory]
        when = rss_bytes > 0.9 limit for 30 s
        severity = warning
        text = nearly out of memory
        [rule error]
        log = ^ERROR (?<what>.*)
        level = error
        severity = warning
        text = ${what}
        """)
    status, said, faults = jem_check("--config", path)
    check_equal((status, faults), (0, ""), "exit status and faults")
    check_in("no fault found", said)


@case
def finds_no_fault_in_the_example(folder):
    status, _, faults = jem_check("--config", os.path.join(TOP, "packaging/jem.conf"))
    check_equal((status, faults), (0, ""), "exit status and faults")


@case
def tells_what_can_be_observed(folder):
    status, said, faults = jem_check()
    check_equal((status, faults), (0, ""), "exit status and faults")
    for name in ("every process", "shared memory", "control group", "pressure",
                 "scheduling events", "file changes", "core files"):
        lines = [line for line in said.splitlines() if line.startswith(name)]
        check_equal(len(lines), 1, f"lines of {name}")
        check(lines[0][18:].split()[0] in ("yes", "no"), lines[0])


@case
def refuses_a_wrong_command_line(folder):
    for words, part in ((["--intervall", "1"], "did you mean --interval?"),
                        (["--interval", "x"], "write seconds"), (["word"], "one word too many")):
        status, _, said = jem_check(*words)
        check_equal(status, 64, "exit status")
        check_in(part, said)


@case
def tells_brokers_that_do_not_answer(folder):
    with socket.socket() as closed:  # bound, not listening: nobody else gets the port
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        status, _, said = jem_check("--broker", f"amqp://127.0.0.1:{port}",
                                    "--broker", f"unix:{folder}/none")
    check_equal(status, 78, "exit status")
    lines = said.splitlines()
    check_equal(len(lines), 2, "lines")
    check_in("refused", lines[0])
    check_in(f"unix:{folder}/none", lines[1])


@case
def gives_up_on_a_silent_broker(folder):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        status, _, said = jem_check("--broker", f"amqp://127.0.0.1:{port}")
    check_equal(status, 78, "exit status")
    check_in("--broker: broker.url: ", said)
    check_equal(said.count("\n"), 1, "lines")


def start_broker(*words):
    """A broker of ours; returns the URL that it listens on."""
    broker = spawn([program("jem-tool"), "broker", *words], stdin=subprocess.DEVNULL,
                   stdout=subprocess.PIPE, env=plain_environment())
    return broker.stdout.readline().decode().strip()


def write_secret(folder, name, text):
    path = os.path.join(folder, name)
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path


@case
def logs_in_to_each_broker(folder):
    urls = [start_broker("--listen", f"unix:{folder}/a"), start_broker("--listen", "127.0.0.1:0")]
    status, said, faults = jem_check("--broker", urls[0], "--broker", urls[1])
    check_equal((status, faults), (0, ""), "exit status and faults")
    for url in urls:
        check(re.search(rf"^broker +yes +{re.escape(url)}$", said, re.M), said)


@case
def tells_a_wrong_password(folder):
    right = write_secret(folder, "right", "user:right\n")
    wrong = write_secret(folder, "wrong", "user:guessed-one\n")
    url = start_broker("--listen", "127.0.0.1:0", "--credentials", right)
    url = url.replace("amqp://", "amqp://user@")
    check_equal(jem_check("--broker", url, "--credentials", right)[0], 0, "exit status")
    status, said, faults = jem_check("--broker", url, "--credentials", wrong)
    check_equal((status, faults.count("\n")), (78, 1), f"exit status and lines of {faults!r}")
    check("guessed-one" not in faults + said, "the password is told")


main()
