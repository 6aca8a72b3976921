#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Manual pages are well-formed, and tell every option and key; the completion knows them too."""
import glob
import os
import re
import shutil
import subprocess

from jemtest import BUILD, TOP, case, check, check_equal, check_in, main, program, skip

PROGRAMS = ["dat2graph", "running_waiting"]  # with a page under their own name
PAGES = sorted(glob.glob(os.path.join(BUILD, "packaging/man/*.[1-8]")))


def plain(page):
    """The page as a terminal shows it, without bold and underline, a paragraph a line."""
    done = subprocess.run(["man", "-l", page], check=True, capture_output=True,
                          env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "300"})
    return done.stdout.decode()


def need_man():
    if not shutil.which("man"):
        skip("man is missing: install man-db")


def page_of(*words):
    return page_named("-".join(("jem", *words)))


def page_named(name):
    return next((p for p in PAGES if os.path.basename(p).rsplit(".", 1)[0] == name), None)


def subcommands():
    said = subprocess.run([program("jem"), "--help"], check=True, capture_output=True).stdout
    return [w for w in re.findall(r"^  jem ([a-z]+) ", said.decode(), re.M) if w != "help"]


def long_options(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def options_of(*command):
    said = subprocess.run([*command, "--help"], check=True, capture_output=True).stdout.decode()
    return {found for line in said.splitlines() if re.match(r"  (-\w, |    )?--", line)
            for found in re.findall(r"--[a-z][a-z-]*", line)[:1]}


@case
def formats_without_a_warning(folder):
    need_man()
    check(len(PAGES) >= 6, f"{len(PAGES)} pages in {BUILD}/packaging/man")
    for page in PAGES:
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page],
                              check=False, capture_output=True,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                                   "MANROFFSEQ": "", "MANWIDTH": "80"})
        check_equal(done.stderr.decode(), "", f"warnings of {page}")


@case
def has_a_page_for_each_subcommand_with_each_option(folder):
    need_man()
    for name in subcommands():
        page = page_of(name)
        check(page, f"no manual page of jem {name}")
        text = plain(page)
        options = options_of(program("jem"), name)
        missing = options - long_options(text)
        check(not missing, f"{page} lacks {missing}")
        check_in(name, plain(page_of()))
    for name in PROGRAMS:
        missing = options_of(program(name)) - long_options(plain(page_named(name)))
        check(not missing, f"{name}.1 lacks {missing}")


@case
def tells_no_option_that_is_none(folder):
    need_man()
    known = options_of(program("jemd")) | {"--help", "--version"}
    for name in subcommands():
        known |= options_of(program("jem"), name)
    for name in PROGRAMS:
        known |= options_of(program(name))
    for page in PAGES:
        unknown = long_options(plain(page)) - known
        check(not unknown, f"{page} tells {unknown}")


@case
def tells_each_key_and_metric(folder):
    need_man()
    with open(os.path.join(TOP, "common/config.def"), encoding="utf-8") as table:
        keys = re.findall(r"^OPTION\((\w+), (\w+),", table.read(), re.M)
    check(len(keys) > 30, "keys")
    text = plain(next(p for p in PAGES if p.endswith("jem.conf.5")))
    for section, key in keys:
        part = text.split(f"[{section}]\n", 1)
        check(len(part) == 2, f"no section {section}")
        check(re.search(rf"^ +{key} = ", part[1], re.M), f"no key {section}.{key}")
    with open(os.path.join(TOP, "schemas/metrics.def"), encoding="utf-8") as table:
        metrics = re.findall(r"^METRIC\((\w+),", table.read(), re.M)
    text = plain(next(p for p in PAGES if p.endswith("jem-metrics.7")))
    missing = [m for m in metrics if not re.search(rf"^ +{m} ", text, re.M)]
    check(metrics and not missing, f"metrics without a text: {missing}")


@case
def refers_to_pages_that_are_there(folder):
    need_man()
    names = {os.path.basename(p) for p in PAGES}
    for page in PAGES:
        for name, section in re.findall(r"\b(jemd?(?:[-.][a-z]+)*)\(([1-8])\)", plain(page)):
            check(f"{name}.{section}" in names, f"{page} refers to {name}({section})")


def complete(folder, line):
    """What bash would offer at the end of the line."""
    script = f"""
        source {TOP}/packaging/completion/jem
        COMP_LINE=$1 COMP_POINT=${{#1}}
        # as readline splits it: blanks, and = for itself
        mapfile -t COMP_WORDS < <(sed -E 's/ *= */ = /g; s/ +/\\n/g' <<<"$1")
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        compopt() {{ :; }}
        _jem
        printf '%s\\n' "${{COMPREPLY[@]}}"
        """
    environment = {"PATH": f"{BUILD}:{os.environ['PATH']}", "HOME": folder}
    done = subprocess.run(["bash", "--norc", "-uc", script, "bash", line], cwd=folder, timeout=60,
                          check=False, capture_output=True, env=environment)
    check_equal(done.stderr.decode(), "", f"errors of completing {line!r}")
    offers = done.stdout.decode().split()
    check_equal(len(offers), len(set(offers)), f"different ones of {offers}")
    return set(offers)


@case
def completes_subcommands_options_and_arguments(folder):
    program("jem")
    os.mkdir(os.path.join(folder, "jem-mine"))
    with open(os.path.join(folder, "jem.conf"), "w", encoding="utf-8"):
        pass
    check_equal(complete(folder, "jem ch"), {"check"}, "subcommands")
    check_equal(complete(folder, "jem "), {*subcommands(), "help", "--help", "--version"}, "all")
    check_equal(complete(folder, "jem help rep"), {"report"}, "subcommand to help with")
    check_equal(complete(folder, "jem check --off"), {"--offline"}, "options")
    check_equal(complete(folder, "jem run --"), options_of(program("jem"), "run"), "all options")
    check_equal(complete(folder, "jem run --sched "), {"off", "job", "node"}, "choice")
    check_equal(complete(folder, "jem run --sched=n"), {"node"}, "choice after =")
    check_equal(complete(folder, "jem check --config jem."), {"jem.conf"}, "files")
    check_equal(complete(folder, "jem log jem-m"), {"jem-mine"}, "folders")
    check_in("bash", complete(folder, "jem run --job x -- bas"))
    check_in("bash", complete(folder, "jem run --quiet bas"))
    check_equal(complete(folder, "jem run --job --"), set(), "no offer for a free argument")
    check_equal(complete(folder, "jemd --fil"), {"--filename"}, "options of jemd")
    check_equal(complete(folder, "dat2graph --color-by "), {"pid", "command", "parent"}, "choice")


main()
