#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Pages are looked at: in headless Chromium, at phone and desktop width, light, dark, printed."""
import json
import os
import re
import shutil
import subprocess

from jemtest import BUILD, TOP, case, check, check_equal, check_in, main, program, skip

# What issue and contract promise of a job's page.
PROMISED = ["h1", ".badge", ".command", "#now", ".tiles dd", ".menu", "#alerts li", "#graphs figure",
            "#graphs .plot > svg", "#graphs h3", "#calls .threads li", "#calls tbody tr code",
            "#calls .flame .plot > svg", "#calls .calls td.text", "#lines td.text", "#lines tr.error", "#processes tr",
            "#delivery tr", "#environment summary", "#observed summary", "#metrics-0 summary",
            "#files a", "footer", ".crumbs a"]


def sample(folder, kind, samples=900):
    subprocess.run([program("tests/flow/sample_report"), folder, kind, str(samples)], check=True,
                   timeout=60)
    return "file://" + os.path.join(folder, "index.html")


def look(folder, orders):
    """Gives the orders to page.mjs; returns one answer for each."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    library = os.path.join(BUILD, "node_modules", "playwright-core")
    if not shutil.which("node"):
        skip("no node (Debian package nodejs)")
    if not chromium:
        skip("no chromium (Debian package chromium)")
    if not os.path.isdir(library):
        skip("no playwright-core: npm install --prefix BUILD playwright-core@1")
    path = os.path.join(folder, "orders.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(orders, out)
    done = subprocess.run(["node", os.path.join(TOP, "tests/flow/page.mjs"), library, chromium, path],
                          timeout=120, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check_equal(done.returncode, 0, "exit status of page.mjs: " + done.stderr.decode()[-2000:])
    return json.loads(done.stdout)


def check_clean(answer, url):
    """Nothing was complained of, nothing was loaded, nothing sticks out, everything can be read."""
    check_equal(answer["console"], [], "console")
    check_equal(answer["errors"], [], "errors")
    check_equal(answer["dialogs"], [], "dialogs")
    check_equal(set(answer["requests"]), {url}, "requests")
    check(answer["overflow"] <= 0, f"{answer['overflow']} px stick out")
    check_equal(answer["low_contrast"], [], "texts below contrast AA")


@case
def shows_all_it_promises_at_every_width_and_in_the_dark(folder):
    url = sample(folder, "failed")
    orders = [{"url": url, "width": width, "scheme": scheme, "selectors": PROMISED}
              for width in (390, 768, 1280, 1920) for scheme in ("light", "dark")]
    for order, answer in zip(orders, look(folder, orders)):
        check_clean(answer, url)
        for selector in PROMISED:
            check(answer["visible"][selector], f"{selector} is not seen at {order['width']}")
        check_equal(answer["visible"]["#graphs .plot > svg"], 10, "drawings")
        check(answer["smallest_text"] >= 8.5, f"text of {answer['smallest_text']} px")
        check_in("4711-3", answer["title"])


@case
def opened_folds_fit_too(folder):
    url = sample(folder, "failed")
    orders = [{"url": url, "width": width, "open": True,
               "selectors": ["#environment td", "#observed td", "#metrics-0 td"]}
              for width in (390, 1280)]
    for answer in look(folder, orders):
        check_clean(answer, url)
        check(all(answer["visible"].values()), f"seen: {answer['visible']}")
        check_equal(answer["scrolled"], [], "tables that are too wide")


@case
def prints_without_what_paper_cannot_do(folder):
    url = sample(folder, "ended")
    answer, = look(folder, [{"url": url, "media": "print", "scheme": "dark",
                             "selectors": [".menu", ".tools", "#graphs figure", "#lines td.text"]}])
    check_clean(answer, url)
    check_equal(answer["visible"][".menu"] + answer["visible"][".tools"], 0, "menu and tools")
    check_equal(answer["visible"]["#graphs figure"], 10, "figures")
    check_equal(answer["visible"]["#lines td.text"], 60, "lines")


@case
def hostile_text_is_shown_and_does_nothing(folder):
    url = sample(folder, "hostile")
    for answer in look(folder, [{"url": url, "width": width} for width in (390, 1280)]):
        check_clean(answer, url)
        check_in("<script>alert(1)</script>", answer["title"])


@case
def a_page_without_records_stands(folder):
    url = sample(folder, "empty")
    answer, = look(folder, [{"url": url, "width": 390, "selectors": ["h1", ".badge", "#now"]}])
    check_clean(answer, url)
    check_equal(answer["visible"], {"h1": 1, ".badge": 1, "#now": 1}, "elements")


@case
def reads_values_off_the_curves(folder):
    url = sample(folder, "ended")
    for answer in look(folder, [{"url": url, "act": "hover"},
                                {"url": url, "width": 390, "act": "hover"}]):
        act = answer["act"]
        cores = re.search(r"job\n([\d.]+) cores", act["text"])
        check(cores and 1.7 < float(cores[1]) < 2.1, f"read {act['text']!r}")
        check_in("after the start", act["text"])
        check(act["cursors"] >= 9, "every graph shows the instant")
        check_equal(act["after"], 0, "readings once the pointer has left")


@case
def a_running_page_renews_itself_and_keeps_the_place(folder):
    url = sample(folder, "running")
    with_script, without = look(folder, [{"url": url, "act": "renew"},
                                         {"url": url, "script": False, "act": "no_script_refresh",
                                          "selectors": PROMISED[:10]}])
    check_equal(with_script["act"]["open"], True, "the fold that was opened")
    check(abs(with_script["act"]["y"] - 700) < 5, f"place {with_script['act']['y']}")
    check_equal(without["act"], True, "renewed without scripts")
    for selector in ("h1", ".badge", "#now", "#graphs figure", "#graphs .plot > svg"):
        selected = without["visible"].get(selector)
        check(selected is None or selected > 0, f"{selector} is not seen without scripts")


@case
def searches_the_last_lines(folder):
    url = sample(folder, "failed")
    answer, = look(folder, [{"url": url, "act": "search_lines"}])
    check_equal(answer["act"], {"found": 1, "marked": 2}, "lines found")


@case
def looks_closer_at_the_flame_graph(folder):
    url = sample(folder, "failed")
    for answer in look(folder, [{"url": url, "act": "flame"}, {"url": url, "width": 390, "act": "flame"}]):
        check_clean(answer, url)
        act = answer["act"]
        check(act["before"] > 15, f"{act['before']} frames")
        check(2 < act["zoomed"] < act["before"], f"{act['zoomed']} frames of {act['before']}")
        check(act["width"] > 0.98, f"the frame has {act['width']} of the width")
        check_equal(act["found"], 2, "frames that stand out")
        check_equal(act["after"], act["before"], "frames in the end")


@case
def the_flame_graph_is_a_program_of_its_own(folder):
    sample(folder, "failed")
    url = "file://" + os.path.join(folder, "graphs/flame.svg")
    answer, = look(folder, [{"url": url, "act": "flame_file"}])
    check_equal((answer["errors"], answer["dialogs"]), ([], []), "errors and dialogs")
    check_equal(answer["act"]["controls"], ["search", "reset"], "controls")
    check(answer["act"]["zoomed"] < answer["act"]["before"], f"frames: {answer['act']}")
    check_equal(answer["act"]["after"], answer["act"]["before"], "frames in the end")


@case
def sorts_searches_and_chooses_jobs(folder):
    url = sample(folder, "index", 70)
    selectors = ["h1", ".counts span", "#tools", "#jobs tbody tr", "#jobs .badge", "#jobs td.job a"]
    orders = [{"url": url, "width": width, "scheme": scheme, "selectors": selectors}
              for width in (390, 1280) for scheme in ("light", "dark")]
    orders += [{"url": url, "act": "use_index"},
               {"url": url, "script": False, "selectors": selectors}]
    answers = look(folder, orders)
    for answer in answers[:4]:
        check_clean(answer, url)
        check_equal(answer["visible"]["#jobs tbody tr"], 70, "jobs")
        check_equal([s for s in selectors if not answer["visible"][s]], [], "not seen")
    act = answers[4]["act"]
    check_equal((act["all"], act["one_user"], act["failed"]), (70, 23, 20), "rows")
    check_in(" h ", act["longest"].replace("\u202f", " "))
    check(not re.search(r"h|min", act["shortest"]) or act["shortest"] != act["longest"], "sorted")
    check_equal(answers[5]["visible"]["#tools"], 0, "tools without scripts")
    check_equal(answers[5]["visible"]["#jobs tbody tr"], 70, "jobs without scripts")


main()
