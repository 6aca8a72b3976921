# SPDX-License-Identifier: Apache-2.0
"""The job of the demo, plain and under the monitor: the same physics, and a report of it."""
import json
import os
import re
import shlex
import subprocess

from jemtest import BUILD, TOP, case, check, check_equal, check_in, jem, main, skip

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


def demo_options():
    """What bootstrap's demo says between `jem run` and the job."""
    with open(os.path.join(TOP, "bootstrap"), encoding="utf-8") as script:
        text = script.read().replace("\\\n", " ")
    words = shlex.split(re.search(r'build/jem" run (.*?) -- ', text).group(1))
    # Counts are exact where the first call waits; on a busy machine symbols take their time.
    check("calls.wait=10s" in words, words)
    return [word.replace("calls.wait=10s", "calls.wait=60s") for word in words]


def records(folder, kind):
    said = jem("log", "report", "--kind", kind, "--json", cwd=folder)
    return [json.loads(line) for line in said.stdout.splitlines()]


def check_calls(folder):
    """The calls of the analysis are in the report: all in the profile, some with their values."""
    totals = {r["function"]: r for r in records(folder, "profile") if "node" not in r}
    events = int(SMALL["EVENTS"]) * int(SMALL["FILES"])
    check_equal(totals["zmumu::Analysis::process"]["calls"], events, "calls of process")
    check_equal(totals["zmumu::EventReader::next"]["calls"], events + int(SMALL["FILES"]),
                "calls of next")
    check_equal(totals["zmumu::fit_peak"]["calls"], 1, "calls of fit_peak")
    calls = records(folder, "call")
    masses = [r for r in calls if r["function"] == "zmumu::invariant_mass"]
    check({"enter", "exit"} <= {r["event"] for r in masses}, "no call of invariant_mass")
    with_values = [r for r in masses if r["event"] == "enter" and r["args"]]
    check(with_values, "no values of invariant_mass")
    check_equal([(a["name"], a["value"]["kind"]) for a in with_values[0]["args"]],
                [("a", "Muon"), ("b", "Muon")])
    check(all(r["file"].endswith(".cc") for r in calls), "calls that were not asked for")


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
    options = demo_options()
    check("--calls" in options and "--values" in options, options)
    monitored = jem("run", *options, "--", JOB, cwd=watched, env=environment, timeout=400)
    check_equal(monitored.returncode, 0, f"exit status ({monitored.stderr!r})")
    check_equal(monitored.stdout, done.stdout, "standard output")
    check_equal(result(watched), result(plain), "the result")
    check(88 < result(plain)["mass_GeV"] < 94, "a mass far from the Z")
    with open(os.path.join(watched, "report", "job.log"), encoding="utf-8") as log:
        text = log.read()
    check_in("analysing", text, "job.log")
    check_in("fitted mass", text, "job.log")
    if not os.path.exists(os.path.join(BUILD, "jem-symbols")):
        skip("jem-symbols is not built")
    check_calls(watched)


@case
def the_commands_of_its_readme_work(folder):
    with open(os.path.join(os.path.dirname(JOB), "README.md"), encoding="utf-8") as text:
        commands = re.findall(r"^    (.*)$", text.read(), re.MULTILINE)
    check_equal(len(commands), 2, f"commands in {commands}")
    os.symlink(os.path.dirname(JOB), os.path.join(folder, "analysis"))
    environment = {**compiler(folder), "ANALYSIS_WORK": folder, "EVENTS": "50", "FILES": "1",
                   "PATH": f"{BUILD}:{os.environ['PATH']}"}
    for command in commands:
        # ./run.sh is started in its own folder, and writes elsewhere.
        check_in("run.sh", command)
        said = subprocess.run(["sh", "-c", re.sub("^EVENTS=[0-9]+ FILES=[0-9]+ ", "", command)],
                              cwd=os.path.join(folder, "analysis"), check=False, timeout=400,
                              capture_output=True,
                              env={**environment, "JEM_RUN_OUT": os.path.join(folder, "report")})
        check_equal(said.returncode, 0, f"end of {command} ({said.stderr!r})")
        environment["ZMUMU"] = os.path.join(folder, "zmumu")
    check(result(folder)["events"] == 50, "events of the last")
    if not os.path.exists(os.path.join(BUILD, "jem-symbols")):
        skip("jem-symbols is not built")
    check({"zmumu::invariant_mass"} <= {r["function"] for r in records(folder, "call")},
          "no call of invariant_mass")


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
