#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""dat2graph and running_waiting over made-up recordings: options, formats, numbers, faults, the page."""
import json
import os
import re
import shlex
import shutil
import subprocess

import sched_story
from jemtest import BUILD, TOP, case, check, check_equal, check_in, main, program, skip
from trace_dat import IDLE, Task, Trace

MS = 1_000_000


def run(folder, name, *words, status=0):
    done = subprocess.run([program(name), *words], cwd=folder, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True)
    check_equal(done.returncode, status, f"exit status of {name} {words}: {done.stderr.decode()}")
    return done.stdout.decode(), done.stderr.decode()


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def stats(folder, *words):
    return json.loads(run(folder, "dat2graph", "--stats", *words)[0])["files"]


def svg_texts(folder, *words):
    """The texts of the graph that dat2graph or running_waiting draws as SVG."""
    name, *words = words
    run(folder, name, *words, "-o", "texts.svg")
    return re.findall(r"<text[^>]*>([^<]*)</text>", read(folder, "texts.svg").decode())


def widths_by_colour(svg):
    """Points that are drawn in each colour: stroked bars of the lines of cores."""
    widths = {}
    for colour, path in re.findall(r'<path stroke="(#[0-9a-f]{6})"[^>]* d="([^"]*)"', svg):
        drawn = sum(float(w) for w in re.findall(r"h(-?[\d.]+)", path))
        widths[colour] = widths.get(colour, 0) + drawn
    return widths


@case
def the_manual_pages_investigation_works(folder):
    """Each command of the pages, as it is printed there, on the recordings that they are about."""
    sched_story.write(folder)
    commands = []
    for page in ("dat2graph", "running_waiting"):
        with open(os.path.join(TOP, f"packaging/man/{page}.1.in"), encoding="utf-8") as text:
            commands += [line.replace("\\-", "-").split() for line in text.read().splitlines()
                         if re.match(r"(dat2graph|running_waiting) \\-\\-", line)]
    check(len(commands) >= 10, f"{len(commands)} commands")
    for name, *words in commands:
        out, err = run(folder, name, *words)
        check_equal(err, "", f"what {name} {shlex.join(words)} complains of")
        if "--stats" in words:
            fast, slow = json.loads(out)["files"]
            check(slow["end_s"] > 1.14 * fast["end_s"], "the slow run takes longer")
            check(slow["overload"]["runnable_while_idle_s"] >
                  4 * fast["overload"]["runnable_while_idle_s"], "the slow run waits longer")
        else:
            for path in out.split("\n")[-2:-1]:
                check(os.path.getsize(os.path.join(folder, path)) > 1000, path)
        if "--episodes" in words and name == "dat2graph":
            check_in("waited up to 1.0 ms on core 6 while core 0 was idle", out)
    legend = read(folder, "commands.svg").decode()
    check_in("kworker/3:1", legend)
    check_in("0.2747\u20130.2777", legend)


@case
def names_files_after_the_first(folder):
    sched_story.write(folder)
    check_equal(run(folder, "dat2graph", "./ua-fast.dat", "ua-slow.dat")[0], "ua-fast-cores.pdf\n")
    check_equal(read(folder, "ua-fast-cores.pdf").count(b"/Type/Page/"), 2, "pages")
    check_equal(run(folder, "running_waiting", "ua-fast.dat")[0], "ua-fast-running.pdf\n")
    check_equal(run(folder, "dat2graph", "ua-fast.dat", "ua-slow.dat", "-o", "x.svg")[0],
                "x-1.svg\nx-2.svg\n")
    check_equal(run(folder, "dat2graph", "ua-fast.dat", "-o", "x.png")[0], "x.png\n")
    check_equal(read(folder, "x.png")[:4], b"\x89PNG")
    page = run(folder, "running_waiting", "ua-fast.dat", "ua-slow.dat", "-o", "x.html")[0].strip()
    check_equal(read(folder, page).count(b'class="trace"'), 2, "sections")


@case
def several_files_share_the_scale_of_the_longest(folder):
    sched_story.write(folder)
    run(folder, "dat2graph", "--after-sleep", "ua-fast.dat", "ua-slow.dat", "-o", "x.svg")
    ends = [max(float(t) for t in re.findall(r">(\d+\.\d+)</text>", read(folder, f"x-{i}.svg").decode()))
            for i in (1, 2)]
    check_equal(ends[0], ends[1], "last label of the seconds")
    fast = sum(widths_by_colour(read(folder, "x-1.svg").decode()).values())
    slow = sum(widths_by_colour(read(folder, "x-2.svg").decode()).values())
    check(fast / slow > 0.95, f"both did the same work on the same scale: {fast}, {slow}")


@case
def lines_are_as_long_as_what_ran(folder):
    """Points of each colour against the run times that --stats tells, for tasks of a colour each."""
    sched_story.write(folder)
    words = ["--after-sleep", "--forked", "--min", "0.26", "--max", "0.31", "ua-fast.dat"]
    run(folder, "dat2graph", *words, "-o", "x.svg")
    widths = widths_by_colour(read(folder, "x.svg").decode())
    tasks = [t for t in stats(folder, *words)[0]["tasks"] if t["comm"] == "ua.x"]
    check_equal(len(tasks), 8, "tasks")
    for got, wanted in zip(sorted(widths.values()), sorted(t["run_ns"] for t in tasks)):
        points = wanted * 1e-9 / 0.05 * (1100 - 68)
        # A hundredth of a point is the grid, and each of a dozen lines may be widened to be seen.
        check(abs(got - points) < 4, f"{got} points drawn for {points}")


@case
def chooses_tasks_window_and_cores(folder):
    sched_story.write(folder)
    everything = stats(folder, "ua-fast.dat")[0]
    check_equal({t["comm"] for t in everything["tasks"]},
                {"ua.x", "sh", "sleep", "kworker/3:1", "kworker/0:1"}, "tasks")
    check_equal({t["comm"] for t in stats(folder, "--forked", "ua-fast.dat")[0]["tasks"]},
                {"ua.x", "sleep"}, "tasks that were made in the recording")
    after = stats(folder, "--after-sleep", "ua-fast.dat")[0]
    check(abs(everything["end_s"] - after["end_s"] - 0.101) < 0.002, "the sleep is skipped")
    part = stats(folder, "--after-sleep", "--min", "0.2", "--max=0.21", "ua-fast.dat")[0]
    check_equal((round(part["start_s"], 6), round(part["end_s"], 6)), (0.2, 0.21), "window")
    check("sh" not in {t["comm"] for t in part["tasks"]}, "who ran before it")
    two = stats(folder, "--cores", "2,4-5", "ua-fast.dat")[0]
    check("kworker/3:1" not in {t["comm"] for t in two["tasks"]}, "who ran elsewhere")
    _, err = run(folder, "dat2graph", "--after-sleep", "--min", "0.1", "--max", "0.2", "--stats",
                 "ua-fast.dat")
    check_equal(err, "", "complaints")


@case
def no_sleep_is_a_warning(folder):
    trace = Trace(version=6)
    job = Task(7, "job")
    for i in range(20):
        trace.switch(0, (2 * i + 1) * MS, IDLE, job)
        trace.switch(0, (2 * i + 2) * MS, job, IDLE, "S")
    trace.write(os.path.join(folder, "a.dat"))
    out, err = run(folder, "running_waiting", "--after-sleep", "a.dat")
    check_equal(out, "a-running.pdf\n")
    check_in("no sleep to begin after", err)
    check_equal(err.count("\n"), 1, "lines of the warning")


@case
def target_and_commands_have_their_colours(folder):
    sched_story.write(folder)
    run(folder, "dat2graph", "--target", "ua", "ua-fast.dat", "-o", "x.svg")
    svg = read(folder, "x.svg").decode()
    check_in('class="sink"', svg)  # ink: the others
    check_equal(len(widths_by_colour(svg)), 8, "colours of the target")
    run(folder, "dat2graph", "--color-by-command", "ua-fast.dat", "-o", "x.svg")
    legend = svg_texts(folder, "dat2graph", "--color-by", "command", "ua-fast.dat")
    numbers = {c["comm"]: c for c in stats(folder, "ua-fast.dat")[0]["commands"]}
    check_equal({"ua.x", "kworker/0:1", "kworker/3:1", "sleep", "sh"} & set(legend),
                set(numbers), "commands of the legend")
    ua = numbers["ua.x"]
    at = legend.index("ua.x")
    check_equal(legend[at + 1:at + 5],
                [f"{ua['first_s']:.4f}\u2013{ua['last_s']:.4f}", f"{ua['run_s']:.2f}",
                 str(ua["switches"]), str(ua["pids"])], "its row")


@case
def sockets_stand_together(folder):
    sched_story.write(folder)
    numbers = lambda texts: [t for t in texts if re.fullmatch("[0-7]", t)]
    plain = numbers(svg_texts(folder, "dat2graph", "ua-fast.dat"))
    check_equal(plain, list("01234567"), "cores from below")
    order = numbers(svg_texts(folder, "dat2graph", "--socket-order", "--topology", "ua.topology",
                              "ua-fast.dat"))
    check_equal(order, list("02461357"), "cores from below in socket order")
    shutil.copy(os.path.join(folder, "ua.topology"), os.path.join(folder, "ua-fast.dat.topology"))
    check_equal(numbers(svg_texts(folder, "dat2graph", "--socket-order", "ua-fast.dat")), order,
                "with the topology beside the file")
    with open(os.path.join(folder, "two"), "w", encoding="utf-8") as out:
        out.write("cpu=1 socket=0\ncpu=0 socket=1\n")
    _, err = run(folder, "dat2graph", "--socket-order", "--topology", "two", "ua-fast.dat")
    check_in("core 2 is not in the topology of two", err)
    with open(os.path.join(folder, "bad"), "w", encoding="utf-8") as out:
        out.write("cpu=0 socket=zero\n")
    _, err = run(folder, "dat2graph", "--socket-order", "--topology", "bad", "ua-fast.dat", status=66)
    check_in("bad", err)


@case
def bad_words_and_files_are_one_clear_line(folder):
    sched_story.write(folder)
    with open(os.path.join(folder, "text.dat"), "w", encoding="utf-8") as out:
        out.write("no trace\n" * 100)
    with open(os.path.join(folder, "empty.dat"), "w", encoding="utf-8"):
        pass
    for words, status, part in (
            (["missing.dat"], 66, "missing.dat"),
            (["text.dat"], 66, "text.dat"),
            (["empty.dat"], 66, "empty.dat"),
            ([], 64, "dat2graph --help"),
            (["--nonsense", "ua-fast.dat"], 64, "--nonsense"),
            (["--min", "x", "ua-fast.dat"], 64, "--min"),
            (["--cores", "3-1", "ua-fast.dat"], 64, "--cores"),
            (["--cores", "0,,1", "ua-fast.dat"], 64, "--cores"),
            (["--color-by", "size", "ua-fast.dat"], 64, "--color-by"),
            (["--columns", "1", "ua-fast.dat"], 64, "--columns"),
            (["-o", "x.jpeg", "ua-fast.dat"], 64, "x.jpeg"),
            (["-o", "no/x.pdf", "ua-fast.dat"], 73, "no/x.pdf"),
            (["--min", "50", "ua-fast.dat"], 65, "--min and --max")):
        out, err = run(folder, "dat2graph", *words, status=status)
        check_equal(out, "", f"output of {words}")
        check_equal(err.count("\n"), 1, f"lines of {err!r}")
        check_in(part, err)
        check_in("dat2graph: ", err)


@case
def what_is_whole_of_a_damaged_file_is_drawn(folder):
    sched_story.write(folder, version=6, compression="none")
    path = os.path.join(folder, "ua-fast.dat")
    data = read(folder, "ua-fast.dat")
    with open(path, "wb") as out:
        out.write(data[:len(data) * 3 // 4])
    out, err = run(folder, "dat2graph", "ua-fast.dat", "-o", "x.svg")
    check_equal(out, "x.svg\n")
    check_equal(err.count("\n"), 1, f"lines of {err!r}")
    check_in("showing what is whole", err)


@case
def times_of_decades_are_drawn(folder):
    trace = Trace()
    job = Task(7, "job")
    trace.switch(0, 1, IDLE, job)
    trace.switch(0, 500_000_000_000_000_000, job, IDLE, "S", is_absolute=True)
    trace.write(os.path.join(folder, "a.dat"))
    for suffix in ("svg", "html"):
        run(folder, "dat2graph", "--min", "499999999.9999", "a.dat", "-o", f"x.{suffix}")
        run(folder, "running_waiting", "a.dat", "-o", f"x.{suffix}")


@case
def hostile_names_are_shown_and_do_nothing(folder):
    trace = Trace()
    name = "</p><b>&'\"\\(x"
    job = Task(7, name)
    trace.switch(0, 1 * MS, IDLE, job)
    trace.switch(0, 9 * MS, job, IDLE, "S")
    trace.write(os.path.join(folder, "<i>.dat"))
    for suffix in ("svg", "html", "pdf", "png"):
        run(folder, "dat2graph", "--color-by-command", "<i>.dat", "-o", f"x.{suffix}")
    for suffix in ("svg", "html"):
        text = read(folder, f"x.{suffix}").decode()
        check("<b>" not in text and "<i>" not in text, f"markup in {suffix}")
        check_in("&lt;/p&gt;&lt;b&gt;", text)
    if shutil.which("pdftotext"):
        shown = subprocess.run(["pdftotext", "-layout", "x.pdf", "-"], cwd=folder, check=True,
                               capture_output=True, timeout=60).stdout.decode()
        check_in(name, shown)


@case
def the_folder_of_a_job_is_drawn(folder):
    """With slices where this machine lets them be recorded; else one line says that there are none."""
    done = subprocess.run([program("jem"), "run", "--quiet", "--sched", "job", "--out", "job", "--",
                           "sh", "-c", "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done"],
                          cwd=folder, timeout=60, check=False, capture_output=True)
    check_equal(done.returncode, 0, "exit status of the job")
    done = subprocess.run([program("dat2graph"), "job/", "--color-by-command", "-o", "x.svg"],
                          cwd=folder, timeout=60, check=False, capture_output=True)
    if done.returncode:
        check_equal(done.returncode, 66, "exit status")
        check_in("no slices of scheduling are recorded", done.stderr.decode())
        check_equal(done.stderr.count(b"\n"), 1, "lines")
        return
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", read(folder, "x.svg").decode())
    check_equal(texts[0], "job", "title")
    check_in("sh", texts)
    numbers = stats(folder, "job")[0]
    check_equal(numbers["version"], None, "version")
    check(any(t["comm"] == "sh" and t["run_ns"] > 0 for t in numbers["tasks"]), "the job's task")
    run(folder, "running_waiting", "job", "-o", "x.html")


# The page

def look(folder, page, width=1280, scheme="light"):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    library = os.path.join(BUILD, "node_modules", "playwright-core")
    if not shutil.which("node"):
        skip("no node (Debian package nodejs)")
    if not chromium:
        skip("no chromium (Debian package chromium)")
    if not os.path.isdir(library):
        skip("no playwright-core: npm install --prefix BUILD playwright-core@1")
    done = subprocess.run(["node", os.path.join(TOP, "tests/flow/sched_page.mjs"), library, chromium,
                           "file://" + os.path.join(folder, page), str(width), scheme],
                          timeout=120, check=False, capture_output=True)
    check_equal(done.returncode, 0, "exit status of sched_page.mjs: " + done.stderr.decode()[-2000:])
    return json.loads(done.stdout)


@case
def the_page_is_looked_into(folder):
    sched_story.write(folder)
    run(folder, "dat2graph", "--after-sleep", "--color-by-command", "--socket-order", "--topology",
        "ua.topology", "--episodes", "ua-fast.dat", "ua-slow.dat", "-o", "x.html")
    url = "file://" + os.path.join(folder, "x.html")
    for width, scheme in ((1280, "light"), (390, "dark")):
        seen = look(folder, "x.html", width, scheme)
        check_equal(seen["complaints"], [], "console, errors and dialogs")
        check_equal(seen["requests"], [url], "requests")
        check(seen["overflow"] <= 0, f"{seen['overflow']} px stick out at {width}")
        check_equal(seen["sections"], 2, "graphs")
        span = lambda key: seen[key][1] - seen[key][0]
        check(abs(span("whole") - stats(folder, "--after-sleep", "ua-slow.dat")[0]["end_s"]) < 1e-3,
              "the page shows all of the longest")
        check(span("wheel") < span("whole") / 2, "the wheel zooms in")
        check(seen["wheel"][0] <= seen["at"] <= seen["wheel"][1], "where the pointer is")
        check(seen["drag"][0] > seen["wheel"][0], "dragging to the left shows what comes later")
        check(abs(span("drag") - span("wheel")) < 1e-9, "and does not zoom")
        check(span("keys") < span("drag"), "+ zooms")
        check_equal(seen["again"], seen["whole"], "0 shows the whole")
        check_in("ua.x", seen["tip"])
        check(re.search(r"thread 20\d, core \d", seen["tip"]), seen["tip"])
        check(re.search(r"ran \d", seen["tip"]), seen["tip"])
        check(re.search(r"\d running", seen["counts"]), seen["counts"])
        check_equal(seen["keys_shown"], [True, False], "colours of commands, by command and by thread")
        check_equal(seen["found"], "4 tasks found", "kernel threads of both files")
        check_equal(seen["by_pid"], "2 tasks found", "task 203 of both files")
        check(seen["jump"][0] < 0.2747 < seen["jump"][1], f"Enter shows the next: {seen['jump']}")
        check(seen["pixels"]["all"] > 2000, f"pixels: {seen['pixels']}")
        check(seen["pixels"]["searched"] < seen["pixels"]["all"] / 4, f"pixels: {seen['pixels']}")
        check(seen["episode"][1] - seen["episode"][0] < 0.1, "an episode is shown at a click")


@case
def the_page_of_counts_is_looked_into(folder):
    sched_story.write(folder)
    run(folder, "running_waiting", "--after-sleep", "ua-slow.dat", "-o", "x.html")
    seen = look(folder, "x.html")
    check_equal(seen["complaints"], [], "console, errors and dialogs")
    check_equal(seen["sections"], 1, "graphs")
    check(seen["wheel"][1] - seen["wheel"][0] < (seen["whole"][1] - seen["whole"][0]) / 2,
          "the wheel zooms in")
    check_equal(seen["again"], seen["whole"], "0 shows the whole")
    check(re.search(r"\d running\n[\d.]+ waiting", seen["counts"]), seen["counts"])
    check(seen["pixels"]["all"] > 10000, f"pixels: {seen['pixels']}")


DECODE = """
const fs = require('fs');
const code = fs.readFileSync(process.argv[1], 'utf8');
const data = new Function('DecompressionStream', code + '; return sched_data');
const html = fs.readFileSync(process.argv[2], 'utf8');
const unescape = (t) => t.replace(/&quot;/g, '"').replace(/&#39;/g, "'").replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
const part = (name) => unescape(html.match(new RegExp(`class="${name}" hidden="">([^<]*)<`))[1]);
(async () => {
	const meta = JSON.parse(part('meta')), answers = [];
	for (const stream of [DecompressionStream, undefined]) {
		const lib = data(stream);
		const d = lib.decode(await lib.bytes_of(part('data')), meta.cores.length);
		const tasks = {};
		for (let i = 0; i < d.count; i++) {
			const tid = d.faces.tid[d.face[i]];
			tasks[tid] = tasks[tid] || { run: 0, wait: 0, slices: 0 };
			tasks[tid].run += (d.end[i] - d.start[i]) * meta.unit_s;
			tasks[tid].wait += d.wait[i] * meta.unit_s;
			tasks[tid].slices++;
		}
		answers.push({ tasks, count: d.count, moved: d.moved.map((list) => list.length) });
	}
	console.log(JSON.stringify(answers));
})();
"""


@case
def the_page_has_every_slice(folder):
    """Unpacked by the page's own code, with the browser's inflate and with its own."""
    if not shutil.which("node"):
        skip("no node (Debian package nodejs)")
    sched_story.write(folder)
    run(folder, "dat2graph", "ua-slow.dat", "-o", "x.html")
    done = subprocess.run(["node", "-e", DECODE, os.path.join(TOP, "receiver/sched/sched_data.js"),
                           os.path.join(folder, "x.html")], timeout=60, check=True,
                          capture_output=True)
    builtin, own = json.loads(done.stdout)
    check_equal(builtin, own, "what both unpack")
    check_equal(builtin["moved"], [1, 0, 0, 0, 0, 0, 0, 0], "waits in the queue of another core")
    wanted = stats(folder, "ua-slow.dat")[0]["tasks"]
    check_equal(len(builtin["tasks"]), len(wanted), "tasks")
    for task in wanted:
        got = builtin["tasks"][str(task["pid"])]
        check_equal(got["slices"], task["slices"], f"slices of {task['pid']}")
        for key in ("run", "wait"):
            near = 1e-7 * task["slices"] + 1e-9  # the page counts in units of 100 ns here
            check(abs(got[key] - task[f"{key}_ns"] * 1e-9) <= near,
                  f"{key} of {task['pid']}: {got[key]}, wanted {task[f'{key}_ns']}")


main()
