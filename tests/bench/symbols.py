#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the symbols of a large program cost: time and memory of jem-symbols for all of its functions.

    top_builddir=build python3 tests/bench/symbols.py [UNITS]

makes a C++ program of so many units (34: 97 MB, some minutes), two thirds of them at -O0, the others at
-O2, and prints a row of the table in RESULTS.md for names alone and for names with values.
"""
import os
import re
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("top_builddir", "build")
SYMBOLS = os.path.join(BUILD, "jem-symbols")
FUNCTIONS = 24
HEADERS = ("algorithm array complex deque forward_list functional list map memory numeric optional "
           "regex set sstream string tuple unordered_map variant vector").split()
CLASSES = """
struct P {{ int a[{number} % 7 + 1]; double x, y; std::string name; std::vector<double> w;
  virtual ~P() {{}} virtual double f(int k) const {{ return x * k + w.size(); }} }};
struct Q : virtual P {{ std::map<std::string, P> m; std::unordered_map<int, std::vector<P>> um;
  std::unique_ptr<P> up; std::shared_ptr<Q> sp;
  double f(int k) const override {{ return P::f(k) + m.size(); }} }};
"""
FUNCTION = """
template <class T> static T acc{0}(const std::vector<T> &v, T r) {{
  for (size_t k = 0; k < v.size(); k++) {{ T t = v[k] * T({0} + 1); r += t; if (r > T(1000000)) r = T(0); }}
  return r; }}
double g{0}(int n, double s, const std::string &name, const P &p, Q *q) {{
  std::vector<double> v(n, s); std::map<int, std::string> mm; std::set<std::pair<int, double>> st;
  std::list<P> l; std::deque<std::tuple<int, char, double>> d;
  for (int k = 0; k < n; k++) {{ mm[k] = name + std::to_string(k); st.insert({{k, s * k}});
    l.push_back(p); d.emplace_back(k, 'a', s); }}
  std::sort(v.begin(), v.end(), [&](double a, double b) {{ return a * s < b * s + {0}; }});
  std::function<double(double)> fn = [v, s](double z) {{ return z * s + v.front(); }};
  std::array<long, {0} % 5 + 2> arr{{}}; std::complex<double> c(s, {0}.5);
  std::optional<std::string> o; std::variant<int, std::string, P *> var;
  if (n > 3) o = name;
  if (n > 4) var = name;
  if (q) q->um[n].push_back(p);
  return acc{0}(v, s) + acc{0}<long>(std::vector<long>(arr.begin(), arr.end()), 3L) + fn(s) + c.real() +
    (o ? o->size() : 0) + st.size() + l.size() + d.size() + mm.size() + p.f(n); }}
"""
LAST = """
double run(int n) {{ P p; p.x = n; p.y = 2; p.name = "p"; double t = 0; Q q; {calls}
  static std::regex r("a+b*c"); return t + std::regex_match(p.name, r); }}
"""


def unit(number):
    """The source of a unit: a namespace of its own, so that little of it is shared."""
    calls = " ".join(f't += g{i}(n, t, "n", p, &q);' for i in range(FUNCTIONS))
    return "".join([f"#include <{name}>\n" for name in HEADERS] + [f"namespace u{number} {{"] +
                   [CLASSES.format(number=number)] + [FUNCTION.format(i) for i in range(FUNCTIONS)] +
                   [LAST.format(calls=calls), "}\n"])


def build(folder, units):
    """The program's path. Two compilers at a time, of which each needs about a gigabyte."""
    main = "".join(f"namespace u{i} {{ double run(int n); }}\n" for i in range(units))
    main += "int main(int n, char **) { double t = 0; " + "".join(
        f"if (n > {i}) t += u{i}::run(n);\n" for i in range(units)) + "return t > 1e9; }\n"
    sources = {"main.cc": main, **{f"u{i}.cc": unit(i) for i in range(units)}}
    for name, text in sources.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    running = []
    for at, name in enumerate(sources):
        if len(running) == 2 and running.pop(0).wait():
            sys.exit("g++ failed")
        running.append(subprocess.Popen(["g++", "-std=c++17", "-g", "-O2" if at % 3 == 0 else "-O0",
                                         "-finstrument-functions", "-c", name], cwd=folder))
    if any([child.wait() for child in running]):
        sys.exit("g++ failed")
    subprocess.run("g++ *.o -o program", shell=True, cwd=folder, check=True)
    return os.path.join(folder, "program")


def peak(pid):
    """Private and whole resident memory as they are now, in MB; None once it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            text = file.read()
        return [int(re.search(rf"{name}:\s+(\d+)", text)[1]) // 1024 for name in ("RssAnon", "VmRSS")]
    except (OSError, TypeError):
        return None


def measure(path, *options):
    """Processor seconds, most private and most resident memory in MB, bytes of the image that are there."""
    with open(path, "rb") as module, tempfile.TemporaryFile(dir="/dev/shm") as image:
        files = (module.fileno(), image.fileno())
        child = subprocess.Popen([SYMBOLS, "--module", str(files[0]), "--path", path, "--output",
                                  str(files[1]), "--memory", "800000000", "--include", "*", *options],
                                 pass_fds=files)
        most = [0, 0]
        while True:
            now = peak(child.pid)
            most = [max(pair) for pair in zip(most, now or most)]
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.005)  # between samples
        if status:
            sys.exit(f"jem-symbols ended with {status}")
        return (usage.ru_utime + usage.ru_stime, most[0], usage.ru_maxrss // 1024,
                os.fstat(files[1]).st_blocks // 2048)


def main():
    units = int(sys.argv[1]) if len(sys.argv) > 1 else 34
    with tempfile.TemporaryDirectory() as folder:
        path = build(folder, units)
        print(f"program: {os.path.getsize(path) / 1e6:.0f} MB, {units} units")
        print("| | processor s | private MB | resident MB | image MB |\n|---|---|---|---|---|")
        for name, options in (("names", ()), ("names and values", ("--values",))):
            best = min(measure(path, *options) for _ in range(5))
            print(f"| {name} | {best[0]:.1f} | {best[1]} | {best[2]} | {best[3]} |", flush=True)


main()
