# SPDX-License-Identifier: Apache-2.0
"""The job of the demo, plain and under the monitor: the same physics, and a report of it."""
import json
import os
import subprocess

from jemtest import TOP, case, check, check_equal, check_in, jem, main

JOB = os.path.join(TOP, "examples", "analysis", "run.sh")
SMALL = {**os.environ, "EVENTS": "600", "FILES": "2"}


def result(folder):
    with open(os.path.join(folder, "result.json"), encoding="utf-8") as data:
        return json.load(data)


def compiler(folder):
    """A compiler that is quick: what is tested is the job, not its optimiser."""
    path = os.path.join(folder, "cxx")
    with open(path, "w", encoding="utf-8") as script:
        script.write('#!/bin/sh\nexec c++ -O1 "$@"\n')
    os.chmod(path, 0o755)
    return {**SMALL, "CXX": path}


@case
def the_demo_job_gives_the_same_result_plain_and_monitored(folder):
    plain = os.path.join(folder, "plain")
    watched = os.path.join(folder, "watched")
    os.mkdir(plain)
    os.mkdir(watched)
    environment = compiler(folder)
    done = subprocess.run([JOB], cwd=plain, env=environment, timeout=400, check=False,
                          capture_output=True)
    check_equal(done.returncode, 0, f"exit status ({done.stderr!r})")
    environment["ZMUMU"] = os.path.join(plain, "zmumu")
    monitored = jem("run", "--out", "report", "--log", "analysis.log", "--", JOB, cwd=watched,
                    env=environment, timeout=400)
    check_equal(monitored.returncode, 0, f"exit status ({monitored.stderr!r})")
    check_equal(monitored.stdout, done.stdout, "standard output")
    check_equal(result(watched), result(plain), "the result")
    check(88 < result(plain)["mass_GeV"] < 94, "a mass far from the Z")
    with open(os.path.join(watched, "report", "job.log"), encoding="utf-8") as log:
        text = log.read()
    check_in("analysing", text, "job.log")
    check_in("fitted mass", text, "job.log")


@case
def the_analysis_refuses_a_damaged_input_in_one_line(folder):
    environment = compiler(folder)
    done = subprocess.run([JOB], cwd=folder, env={**environment, "EVENTS": "50"}, timeout=400,
                          check=True, capture_output=True)
    with open(os.path.join(folder, "events-01.dat"), "r+b") as data:
        data.truncate(1000)
    check_tool = os.path.join(TOP, "examples", "analysis", "make_events.py")
    done = subprocess.run([check_tool, "check", "."], cwd=folder, check=False,
                          capture_output=True)
    check_equal(done.returncode, 1, "exit status of the check")
    check_in(b"events-01.dat is damaged", done.stderr)
    done = subprocess.run(["./zmumu", "events-01.dat"], cwd=folder, check=False,
                          capture_output=True)
    check_equal(done.returncode, 1, "exit status of the analysis")
    check_in(b"events-01.dat is truncated at event", done.stderr)


main()
