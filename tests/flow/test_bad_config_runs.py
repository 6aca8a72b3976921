#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The job runs whatever is wrong with the configuration: one line, a status record, its own end."""
import json
import os
import re
import subprocess

from bad_configs import CASES, furnish, plain_environment, write_config
from jemtest import case, check, check_equal, check_in, main, program

JOB = ["/bin/sh", "-c", "echo out; exit 7"]


def run(folder, *options, environment=None):
    done = subprocess.run([program("jem"), "run", *options, "--", *JOB], cwd=folder, timeout=60,
                          check=False, stdin=subprocess.DEVNULL, capture_output=True,
                          env=environment or plain_environment())
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def read_bytes(path):
    if not os.path.isfile(path):
        return b""  # the broker's socket
    with open(path, "rb") as file:
        return file.read()


def own_lines(said):
    """What the launcher says besides its line at the start and that at the end."""
    return [line for line in said.splitlines() if not re.match(r"jem: job \S+(,| ended)", line)]


def states(folder):
    """Texts of the status records in a report."""
    with open(os.path.join(folder, "data/status.jsonl"), encoding="utf-8") as lines:
        return [record.get("text", "") for record in map(json.loads, lines)]


def fault_of(folder, number, row):
    """What is wrong with running a job under one wrong configuration, or None."""
    name, text, line, part = row
    path = write_config(folder, text)
    out = os.path.join(folder, f"report-{number}")
    options = ["--config", path, "--set", "run.drain=2"]
    has_own_out = name == "report under a file"
    status, printed, said = run(folder, *options, *([] if has_own_out else ["--out", out]))
    told = own_lines(said)
    where = f"{path}:{line}: "
    if has_own_out:  # the launcher meets it first
        where, part = "/file/report: ", "name another by --out"
    if (status, printed) != (7, "out\n"):
        return f"{name}: exit {status}, printed {printed!r}, said {said!r}"
    if len(told) != 1 or where not in told[0] or part not in told[0]:
        return f"{name}: said {told!r}, wanted {where}...{part}"
    if name == "pattern of the redactor":
        where, part = "privacy.redact", "all text is hidden"
    if not has_own_out and not any(where in state and part in state for state in states(out)):
        return f"{name}: no status record, but {states(out)!r}"
    return None


@case
def runs_the_job_under_each_of_them(folder):
    furnish(folder)
    wrong = [fault_of(folder, i, row) for i, row in enumerate(CASES)]
    check(not any(wrong), "\n" + "\n".join(filter(None, wrong)))


@case
def runs_the_job_under_a_wrong_environment(folder):
    out = os.path.join(folder, "report")
    status, _, said = run(folder, "--out", out,
                          environment=plain_environment(JEM_METRICS_INTERVAL="often"))
    check_equal(status, 7, "exit status")
    check_in("JEM_METRICS_INTERVAL: \"often\" is no time", said)
    check(any("JEM_METRICS_INTERVAL" in state for state in states(out)), states(out))


@case
def hides_all_text_while_a_pattern_of_the_redactor_is_broken(folder):
    lines = os.path.join(folder, "lines.log")
    out = os.path.join(folder, "report")
    for redact, is_told in (("abc", True), ("(abc", False)):
        path = write_config(folder, f"[privacy]\nredact = {redact}\n")
        with open(lines, "w", encoding="utf-8"):
            pass
        done = subprocess.run([program("jem"), "run", "--config", path, "--out", out, "--log", lines,
                               "--", "/bin/sh", "-c", "echo a planted line >> lines.log"],
                              cwd=folder, timeout=60, check=True, capture_output=True,
                              stdin=subprocess.DEVNULL, env=plain_environment())
        report = re.search(r"report in (\S+)/index.html", done.stderr.decode())[1]
        found = [name for where, _, names in os.walk(os.path.join(folder, report))
                 for name in names if b"planted" in read_bytes(os.path.join(where, name))]
        check_equal(bool(found), is_told, f"text of the job in {found}")


@case
def refuses_to_start_when_it_is_strict(folder):
    path = write_config(folder, "[metrics]\ninterval = often\n")
    status, printed, said = run(folder, "--strict", "--config", path)
    check_equal((status, printed), (125, ""), "exit status and output")
    check_in(f"{path}:2: ", said)


main()
