# SPDX-License-Identifier: Apache-2.0
"""One command, the real programs: what a job did stands in its report, whole and once."""
import collections
import json
import os
import signal
import subprocess

from contract import check_report
from jemtest import case, check, check_equal, check_in, jem, main, program, spawn, wait_until


def records(report, kind):
    path = os.path.join(report, "data", f"{kind}.jsonl")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as data:
        return [json.loads(line) for line in data]


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as text:
        return text.read()


def check_whole(report):
    """In the contract; no stream has a hole, a double or a loss, and the daemon's own accounts
    balance."""
    check_report(report)
    streams = json.loads(read(report, "streams.json"))["streams"]
    check(streams, "no stream in streams.json")
    for stream in streams:
        check_equal(stream["missing"], [], f"missing of {stream['kind']}")
        check_equal(stream["records_missing"], 0, f"records missing of {stream['kind']}")
        numbers = [(line["seq"], line["i"]) for line in records(report, stream["kind"])
                   if line["epoch"] == stream["epoch"]]
        check_equal(numbers, sorted(set(numbers)), f"numbers of {stream['kind']}")
    own = [r["values"] for r in records(report, "metric") if r["scope"] == "monitor"]
    check(own, "the daemon said nothing of itself")
    for values in own:
        check_equal(values["records_in"], values["records_out"] + values["records_dropped"]
                    + values["records_held"], "records in")
        check_equal(values["batches_in"], values["batches_out"] + values["batches_dropped"]
                    + values["batches_held"], "batches in")


def run_job(folder, script, *options, config=""):
    path = os.path.join(folder, "jem.conf")
    with open(path, "w", encoding="utf-8") as out:
        out.write(config)
    report = os.path.join(folder, "report")
    done = jem("run", "--out", report, "--config", path, *options, "--", "bash", "-c", script,
               cwd=folder)
    return report, done


@case
def the_report_tells_how_the_job_began_and_ended(folder):
    report, done = run_job(folder, "echo out; echo err >&2; exit 3")
    check_equal(done.returncode, 3)
    check_equal(done.stdout, b"out\n")
    check_in(b"err\n", done.stderr)
    states = [r["state"] for r in records(report, "status")]
    for state in ("starting", "running", "ended", "monitor_ended"):
        check_in(state, states, "states")
    ended = [r for r in records(report, "status") if r["state"] == "ended"][0]
    check_equal(ended["exit_code"], 3)
    check(ended["wall_s"] > 0, "no wall time")
    check_in("exit status 3", read(report, "job.log"))
    check_whole(report)


@case
def our_own_voice_is_no_log_line_of_the_job(folder):
    # by themselves, to one file, with text before it, and by a command that does not run
    script = "echo first >&2; echo second >&2"
    for name, merged, command in (("a", False, ["bash", "-c", script]),
                                  ("b", True, ["bash", "-c", script]),
                                  ("c", False, ["./is-not-there"])):
        path, report = os.path.join(folder, f"{name}.err"), os.path.join(folder, f"report-{name}")
        with open(path, "w", encoding="utf-8") as err:
            err.write("older\n")
            err.flush()
            subprocess.run([program("jem"), "run", "--out", report, "--", *command],
                           stdout=err if merged else subprocess.DEVNULL, stderr=err, cwd=folder,
                           check=False, timeout=60)
        said = read(path).splitlines()
        check("jem: job" in said[1], f"no line at the start: {said}")
        lines = [r["text"] for r in records(report, "log")]
        check_equal(lines, ["first", "second"] if command[0] == "bash" else [], "log lines")


@case
def every_log_line_arrives_once(folder):
    script = "for i in $(seq 5000); do echo \"line $i\"; done >> app.log"
    report, done = run_job(folder, script, "--log", "app.log")
    check_equal(done.returncode, 0)
    lines = [r["text"] for r in records(report, "log") if r["file"].endswith("app.log")]
    check_equal(lines, [f"line {i}" for i in range(1, 5001)], "lines")
    check_whole(report)


@case
def a_rule_makes_an_alert_with_its_captures(folder):
    config = ("[rule broken-file]\n"
              "log = cannot open (?<path>\\S+)\n"
              "level = error\nseverity = critical\ntext = input ${path} is missing\n")
    report, done = run_job(folder, "echo 'fatal: cannot open /data/x.root' >> app.log",
                           "--log", "app.log", config=config)
    check_equal(done.returncode, 0)
    line = [r for r in records(report, "log") if r.get("rule") == "broken-file"][0]
    check_equal(line["level"], "error")
    check_equal(line["fields"], {"path": "/data/x.root"})
    alert = [r for r in records(report, "alert") if r["rule"] == "broken-file"][0]
    check_equal(alert["severity"], "critical")
    check_equal(alert["text"], "input /data/x.root is missing")
    check_in("input /data/x.root is missing", read(report, "index.html"), "the page")
    check_whole(report)


@case
def cpu_time_and_memory_of_the_job_are_told(folder):
    script = ("python3 -c 'import time; x = bytearray(200 << 20); e = time.process_time() + 1.2\n"
              "while time.process_time() < e: pass'")
    report, done = run_job(folder, script)
    check_equal(done.returncode, 0)
    ended = [r for r in records(report, "status") if r["state"] == "ended"][0]
    check(1.2 <= ended["cpu_user_s"] + ended["cpu_system_s"] < 2, f"CPU time of {ended}")
    check(200 << 20 <= ended["peak_rss_bytes"] < 260 << 20, f"peak of {ended}")
    samples = [r for r in records(report, "metric") if r["scope"] == "job"]
    check(len(samples) >= 2, f"{len(samples)} samples")
    check(max(s["values"].get("rss_bytes", 0) for s in samples) > 200 << 20, "rss in samples")
    header = read(report, "metrics.csv").splitlines()[0]
    check_in("rss_bytes", header, "the header of metrics.csv")
    check_whole(report)


@case
def the_folder_holds_what_it_promises(folder):
    report, done = run_job(folder, "sleep 2.2")
    check_equal(done.returncode, 0)
    for name in ("index.html", "job.log", "metrics.csv", "prmon.txt", "prmon.json",
                 "streams.json", "data/status.jsonl", "data/metric.jsonl", "monitor.log"):
        check(os.path.getsize(os.path.join(report, name)) >= 0, name)
    graphs = collections.Counter(os.path.splitext(n)[1] for n in
                                 os.listdir(os.path.join(report, "graphs")))
    for suffix, least in ((".svg", 5), (".png", 5), (".pdf", 1)):
        check(graphs[suffix] >= least, f"graphs: {graphs}")
    check_equal(os.stat(report).st_mode & 0o777, 0o700, "mode of the folder")
    check(not os.path.exists(os.path.join(report, "broker.sock")), "the socket is left behind")


@case
def prmon_files_agree_with_the_samples(folder):
    """Read as PanDA's pilot reads them: prmon.txt by the names of its header, Max and Avg of
    prmon.json."""
    script = ("python3 -c 'import time; x = bytearray(100 << 20)\n"
              "o = open(\"/dev/null\", \"wb\", buffering=0)\n"
              "for i in range(24): o.write(bytes(1 << 20)); time.sleep(0.1)'")
    report, done = run_job(folder, script)
    check_equal(done.returncode, 0)
    header, *lines = [line.split("\t") for line in read(report, "prmon.txt").splitlines()]
    rows = [dict(zip(header, map(int, line))) for line in lines]
    samples = [r for r in records(report, "metric") if r["scope"] == "job"]
    alive = [r for r in samples if r["values"]["processes"]]
    check(len(alive) >= 2, f"{len(alive)} samples")
    check_equal([r["Time"] for r in rows], [int(r["t"]) for r in alive], "Time")
    for column, metric, unit in (("wtime", "wall_s", 1), ("rss", "rss_bytes", 1024),
                                 ("vmem", "vsize_bytes", 1024), ("wchar", "wchar_bytes", 1),
                                 ("rchar", "rchar_bytes", 1), ("utime", "cpu_user_s", 1),
                                 ("nprocs", "processes", 1), ("nthreads", "threads", 1)):
        check_equal([r[column] for r in rows],
                    [int(r["values"].get(metric, 0) / unit) for r in alive], column)
    summary = json.loads(read(report, "prmon.json"))
    last = samples[-1]["values"]
    check_equal(summary["Max"]["rss"], round(last["peak_rss_bytes"] / 1024), "Max.rss")
    check(summary["Max"]["rss"] > 100 << 10, f"Max.rss is {summary['Max']['rss']}")
    check_equal(summary["Max"]["wchar"], last["wchar_bytes"], "Max.wchar")
    check_equal(summary["Max"]["wtime"], round(last["wall_s"]), "Max.wtime")
    check(abs(summary["Avg"]["wchar"] - last["wchar_bytes"] / last["wall_s"]) <= 1, "Avg.wchar")
    mean = sum(r["values"]["rss_bytes"] for r in alive) / 1024 / len(alive)
    check(abs(summary["Avg"]["rss"] - mean) <= 1, f"Avg.rss is {summary['Avg']['rss']}, not {mean}")
    check_equal(summary["Units"]["Max"]["rss"], "kB", "unit")
    check(summary["HW"]["cpu"]["CPUs"] > 0 and summary["HW"]["mem"]["MemTotal"] > 0, "HW")
    check(summary["prmon"]["Version"], "no version")
    text = read(report, "prmon.txt")
    for name in ("prmon.txt", "prmon.json"):
        os.unlink(os.path.join(report, name))
    check_equal(jem("report", report).returncode, 0, "status of jem report")
    check_equal(read(report, "prmon.txt"), text, "prmon.txt, made again")
    check_equal(json.loads(read(report, "prmon.json")), summary, "prmon.json, made again")


@case
def a_killed_launcher_leaves_a_whole_report(folder):
    report = os.path.join(folder, "report")
    child = spawn([program("jem"), "run", "--quiet", "--out", report, "--", "bash", "-c",
                   "echo started; read -r line"], cwd=folder, stdin=subprocess.PIPE)
    wait_until(lambda: os.path.exists(os.path.join(report, "data", "status.jsonl")) and
               any(r["state"] == "running" for r in records(report, "status")),
               what="the running job")
    child.send_signal(signal.SIGKILL)
    child.wait()
    wait_until(lambda: any(r["state"] == "monitor_ended" for r in records(report, "status")),
               what="the daemon's last word")
    wait_until(lambda: os.path.exists(os.path.join(report, "index.html")), what="the page")


main()
