#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What plans cover, and whether they agree with gdb, on real programs by compiler and level.

    plans.py [--work DIR] [--compilers gcc,clang] [--levels O0,Og,O1,O2,O3] [--programs lua,...]
             [--stops N] [--site N] [--no-gdb] [--json FILE]

Fetches the programs' sources (apt-get source, a private list) into DIR once, builds them with the
hooks, makes an image of each (jem-symbols), counts in it what has a place, and runs each in gdb:
at every stop in a hook the plan runs and is compared with gdb's own answer (tests/flow/plans).
"""
import argparse
import collections
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.environ.get("top_srcdir") or os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "tests", "flow", "plans"), os.path.join(TOP, "tests", "flow")]
import image as images  # noqa: E402  pylint: disable=wrong-import-position
import sources  # noqa: E402  pylint: disable=wrong-import-position
from sources import LUA, ZLIB, amalgamate, folder_of, run, write  # noqa: E402  pylint: disable=wrong-import-position

BUILD = os.environ.get("top_builddir", os.path.join(TOP, "build"))
SYMBOLS = os.environ.get("JEM_SYMBOLS", os.path.join(BUILD, "jem-symbols"))
SCRIPT = """
local t = {} for i = 1, 200 do t[i] = (i * 7919) % 211 end table.sort(t)
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local s = string.rep("abc ", 50):gsub("%w+", function(w) return w:upper() end)
local co = coroutine.wrap(function() for i = 1, 5 do coroutine.yield(i) end end) co() co()
setmetatable(t, {__index = function(_, k) return k end, __tostring = function() return "t" end})
pcall(error, {1})
return fib(15), tostring(t), string.format("%5.2f %s %q %d", 1.5, "x", "y", 3), #s, t.foo,
    load("return 1+2")(), os.time(), math.floor(2.5), string.pack("i4d", 7, 2.5), utf8.char(8364)
"""
SQL = """
create table t(a integer primary key, b text, c real); create index i on t(b);
with recursive n(x) as (select 1 union all select x+1 from n where x<60)
insert into t select x, 'row ' || x, x * 1.5 from n;
select count(*), sum(c), max(b) from t where b like 'row 1%' group by a % 3 order by 2 desc;
update t set c = c + 1 where a between 5 and 20; delete from t where a > 50;
select json_object('a', a, 'b', upper(b)) from t join (select 7 as k) on a = k; explain select * from t;
"""
PUGI = """
#include "pugixml.hpp"
#include <cstdio>
#include <cstring>
struct walker : pugi::xml_tree_walker {
  int n = 0;
  bool for_each(pugi::xml_node &node) override { n += (int)strlen(node.name()) + depth(); return true; }
};
struct writer : pugi::xml_writer {
  size_t n = 0;
  void write(const void *, size_t s) override { n += s; }
};
int main() {
  static char text[65536]; size_t at = 0; pugi::xml_document doc; at += sprintf(text, "<a><!--c-->");
  for (int i = 0; i < 40; i++)
    at += sprintf(text + at, "<b id='%d' v='%g'>t &amp; <c/>x<![CDATA[yy]]></b>", i, i * 1.5);
  strcpy(text + at, "</a>"); auto r = doc.load_string(text); walker w; doc.traverse(w);
  double sum = 0;
  for (auto b : doc.child("a").children("b")) {
    sum += b.attribute("v").as_double() + b.attribute("id").as_int();
    b.append_attribute("k").set_value(sum);
  }
  auto set = doc.select_nodes("/a/b[@id > 3 and position() < 30]/c");
  for (auto &n : set) sum += n.node().parent().attribute("id").as_int();
  pugi::xpath_query q("sum(//b/@v) div count(//b) + string-length(concat('x', name(/a)))");
  sum += q.evaluate_number(doc); writer out; doc.save(out, "  ");
  std::printf("%d %d %g %zu\\n", (int)r.status, w.n, sum, out.n);
}
"""
PROGRAMS = {name: entry for name, entry in sources.PROGRAMS.items() if name != "threads"}


def sources_of(work, name):
    """Files and options of the compiler, arguments and input of the run."""
    folder = folder_of(work, name)
    if name == "lua":
        write(os.path.join(work, "lua5.4-deb-multiarch.h"),
              '#define DEB_HOST_MULTIARCH "x86_64-linux-gnu"\n')
        script = write(os.path.join(work, "script.lua"), SCRIPT)
        return ([os.path.join(folder, "src", part + ".c") for part in LUA] +
                ["-DLUA_USE_LINUX", "-I" + work, "-lm", "-ldl", "-Wl,-E"], [script])
    if name == "zlib":
        return ([os.path.join(folder, part + ".c") for part in ZLIB] +
                [os.path.join(folder, "test", "example.c"), "-I" + folder, "-DHAVE_UNISTD_H"], [])
    if name == "sqlite":
        build = amalgamate(work)
        script = write(os.path.join(work, "script.sql"), SQL)
        return ([os.path.join(build, "sqlite3.c"), os.path.join(build, "shell.c"), "-I" + build,
                 "-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION", "-lm"],
                [":memory:", "<", script])
    if name == "tinyxml2":
        return ([os.path.join(folder, "tinyxml2.cpp"), os.path.join(folder, "xmltest.cpp")], [])
    main = write(os.path.join(work, "pugixml-main.cc"), PUGI)
    return ([os.path.join(folder, "src", "pugixml.cpp"), main, "-I" + os.path.join(folder, "src")], [])


def make_image(program, path, depth=1):
    with open(program, "rb") as module, open(path, "w+b") as output:
        run([SYMBOLS, "--module", str(module.fileno()), "--path", program, "--output",
             str(output.fileno()), "--include", "*", "--values", "--depth", str(depth),
             "--string-bytes", "64", "--items", "8", "--object-bytes", "256"],
            pass_fds=(module.fileno(), output.fileno()))



def count_arguments(image, counts):
    names = collections.defaultdict(set)
    for site in image.sites:
        if site.flags & (images.SITE_EXIT | images.SITE_TAIL) or not site.code_count:
            continue
        what = "inlined" if site.flags & images.SITE_INLINED else "enter"
        for slot in image.slots_of(site):
            if slot.role == images.ARGUMENT and not slot.parent:
                counts[what][image.missing(slot)] += 1
                names[site.function].add((slot.name, slot.line))
    return names


def count(image):
    """Slots by where they belong and by why they have no value ("" for those that have)."""
    counts = collections.defaultdict(collections.Counter)
    names = count_arguments(image, counts)
    for site in image.sites:
        if not site.flags & images.SITE_EXIT or not site.code_count or site.flags & images.SITE_TAIL:
            continue
        for slot in image.slots_of(site):
            what = {images.ARGUMENT: "exit", images.LOCAL: "exit local", images.RETURN: "return"}
            if not slot.parent and not (slot.role == images.RETURN and
                                        site.flags & images.SITE_INLINED):
                counts[what.get(slot.role, "other")][image.missing(slot)] += 1
    for site in image.callsites:
        for slot in image.slots_of(site):
            if not slot.parent:
                is_argument = (slot.name, slot.line) in names[site.function]
                counts["caller" if is_argument else "caller local"][image.missing(slot)] += 1
    return counts


def gdb_compare(cwd, program, arguments, stops, site, is_late):
    out = program + ".json"
    env = dict(os.environ, PLANS_IMAGE=program + ".image", PLANS_OUT=out, PLANS_STOPS=str(stops),
               PLANS_RING=os.path.join(TOP, "schemas", "ring.h"), PLANS_SITE=str(site),
               PLANS_ARGS=" ".join(arguments), LC_ALL="C")
    if is_late:
        env["PLANS_LATE"] = "1"
    script = os.path.join(TOP, "tests", "flow", "plans", "compare.py")
    run(["timeout", "600", "nice", "-n", "3", "gdb", "-q", "-nx", "-batch", "-x", script, program], env=env, cwd=cwd,
        stdin=subprocess.DEVNULL)
    with open(out, encoding="utf-8") as file:
        return json.load(file)


def one(options, name, compiler, level):
    work = options.work
    program = os.path.join(work, "%s-%s-%s" % (name, compiler, level))
    files, arguments = options.sources[name]
    cwd = folder_of(work, name) if name == "tinyxml2" else work  # its test reads and writes files
    command = sources.CXX.get(compiler) if PROGRAMS[name][2] == "c++" else compiler
    if not os.path.exists(program):
        run(["nice", command, "-g", "-" + level, "-w", "-finstrument-functions"] +
            [file for file in files if not file.startswith("-l")] + ["-o", program] +
            [file for file in files if file.startswith("-l")])
    make_image(program, program + ".image")
    result = {"name": name, "compiler": compiler, "level": level, "language": PROGRAMS[name][2],
              "static": count(images.Image(program + ".image"))}
    if not options.no_gdb:
        result["gdb"] = gdb_compare(cwd, program, arguments, options.stops, options.site,
                                    compiler == "clang" and level == "O0")
    return result


def share(counter, *reasons):
    total = sum(counter.values())
    return "-" if not total else "%.1f" % (100.0 * sum(counter[reason] for reason in reasons) / total)


def table_of_cover(results):
    print("| code, compiler | enter | inlined enter | exit | exit locals | caller's arguments |"
          " caller's locals | return values |\n|---|---|---|---|---|---|---|---|")
    rows = collections.defaultdict(lambda: collections.defaultdict(collections.Counter))
    for result in results:
        for what, counter in result["static"].items():
            rows[(result["language"], result["compiler"], result["level"])][what].update(counter)
    for (language, compiler, level), row in sorted(rows.items()):
        both = ["%s / %s" % (share(row[what], ""), share(row[what], "", "value at entry"))
                for what in ("enter", "inlined", "exit")]
        caller = "%s / %s" % (share(row["caller"], ""), share(row["caller"], "", "value at entry"))
        print("| %s %s -%s | %s | %s | %s | %s | %s |" %
              (language, compiler, level, " | ".join(both), share(row["exit local"], ""), caller,
               share(row["caller local"], ""), share(row["return"], "")))


def table_of_gdb(results):
    print("\n| program, compiler | stops | equal | by entry value | differ | returns equal | differ | faults |"
          "\n|---|---|---|---|---|---|---|---|")
    sums = collections.Counter()
    for result in results:
        row = collections.Counter()
        for what, counter in result["gdb"]["counts"].items():
            kind = "entry" if "entry value" in what else "return" if what == "return" else "plain"
            row[kind, "equal"] += counter.get("equal", 0)
            row[kind, "differ"] += counter.get("differ", 0)
        row["faults"] = result["gdb"]["counts"].get("sites", {}).get("fault", 0)
        row["stops"] = result["gdb"]["stops"]
        sums.update(row)
        print_row("%s %s -%s" % (result["name"], result["compiler"], result["level"]), row)
        for fault in result["gdb"]["faults"]:
            if "entry value" not in fault:
                print("    ", fault, file=sys.stderr)
    print_row("all", sums)
    return sums


def print_row(name, row):
    print("| %s | %d | %d | %d | %d | %d | %d | %d |" %
          (name, row["stops"], row["plain", "equal"], row["entry", "equal"], row["plain", "differ"],
           row["return", "equal"], row["return", "differ"], row["faults"]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work")
    parser.add_argument("--compilers", default="gcc,clang")
    parser.add_argument("--levels", default="O0,Og,O1,O2,O3")
    parser.add_argument("--programs", default=",".join(PROGRAMS))
    parser.add_argument("--stops", type=int, default=3000)
    parser.add_argument("--site", type=int, default=40)
    parser.add_argument("--no-gdb", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    options.work = options.work or tempfile.mkdtemp(prefix="jem-plans-")
    names = options.programs.split(",")
    sources.fetch(options.work, names)
    options.sources = {name: sources_of(options.work, name) for name in names}
    wanted = [(name, compiler, level) for name in names for compiler in options.compilers.split(",")
              for level in options.levels.split(",")]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda args: one(options, *args), wanted))
    if options.json:
        write(options.json, json.dumps(results, indent=1))
    table_of_cover(results)
    if not options.no_gdb:
        sums = table_of_gdb(results)
        return 1 if sums["plain", "differ"] or sums["return", "differ"] or sums["faults"] else 0
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except sources.Unavailable as why:
        sys.exit(str(why))
