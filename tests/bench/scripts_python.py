#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What following Python code costs per call, beside sys.setprofile in Python and cProfile.

    scripts_python.py [PYTHON]    medians of interleaved rounds, nanoseconds a call above the bare program

Programs: `calls`, nothing but calls of the user's own; `library`, calls within the standard library, which is not
followed; `recorded`, each call told (JEM_SCRIPTS_PLACE=0), to a reader in this process.
"""
import os
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "flow"))
if len(sys.argv) > 1:
    os.environ["JEM_TEST_PYTHON"] = sys.argv[1]
from python_following import PYTHON, Listener, run  # noqa: E402

ROUNDS = 7
PROGRAMS = {
    "calls": ("def f(n):\n    if n < 2:\n        return n\n    a = f(n - 1)\n    b = f(n - 2)\n    return a + b\n", "f(21)", 35421),
    "library": ("import textwrap\ntext = 'some words to be wrapped ' * 10\n", "[textwrap.wrap(text, 40) for _ in range(300)]",
                300),
    "recorded": ("def f(n):\n    return n\n", "[f(i) for i in range(3000)]", 3000),
}
WAYS = {
    "bare": "",
    "followed": "",
    "setprofile": """
import sys
_t, _c = [], {}
def _p(frame, event, arg, now=time.perf_counter_ns):
    if event == 'call':
        _t.append(now())
    elif event == 'return' and _t:
        code = frame.f_code
        n, t = _c.get(code, (0, 0)); _c[code] = (n + 1, t + now() - _t.pop())
sys.setprofile(_p)
""",
    "cProfile": "import cProfile\n_p = cProfile.Profile()\n_p.enable()\n",
}


def once(program, way, folder, listener):
    define, work, _ = PROGRAMS[program]
    text = (f"import time\n{define}\n{WAYS[way]}\n_s = time.perf_counter_ns()\n{work}\n"
            "_e = time.perf_counter_ns() - _s\nimport sys\nsys.setprofile(None)\nprint(_e)\n")
    name = os.path.join(folder, "program.py")
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)
    settings = {"JEM_SCRIPTS_PLACE": "0"} if program == "recorded" else {}
    done = run([PYTHON, name], folder, listener.path if way == "followed" else None, **settings)
    return int(done.stdout)


def main():
    with tempfile.TemporaryDirectory() as folder:
        listener = Listener(folder)
        for program, (_, _, calls) in PROGRAMS.items():
            times = {way: [] for way in WAYS}
            for _ in range(ROUNDS):
                for way, into in times.items():
                    into.append(once(program, way, folder, listener))
            bare = statistics.median(times["bare"])
            cost = {way: (statistics.median(t) - bare) / calls for way, t in times.items()}
            print(f"{program:10} bare {bare / calls:6.0f} ns; added: " +
                  ", ".join(f"{way} {cost[way]:.0f}" for way in WAYS if way != "bare") +
                  f"; followed / cProfile {cost['followed'] / cost['cProfile']:.2f}", flush=True)
        listener.finish()


main()
