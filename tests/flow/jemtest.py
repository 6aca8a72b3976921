# SPDX-License-Identifier: Apache-2.0
"""The ground of the flow tests: TAP, private folders, real programs, bounded in time.

    from jemtest import case, main, check_equal, jem

    @case
    def ends_with_the_exit_code_of_the_job(folder):
        check_equal(jem("run", "--", "sh", "-c", "exit 7", cwd=folder).returncode, 7)

    main()

A case gets a folder of its own, removed afterwards. Every process it starts through spawn() is
ended by its own pid. Waiting is for an event (wait_until), never for a time.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.path.abspath(os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__))))))
BUILD = os.path.abspath(os.environ.get("top_builddir", os.path.join(TOP, "build")))
LONG = bool(os.environ.get("JEM_TEST_LONG"))
REQUIRE_ALL = bool(os.environ.get("JEM_TEST_REQUIRE_ALL"))

_cases = []
_children = []


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def case(function):
    _cases.append(function)
    return function


def skip(reason):
    raise Skipped(reason)


def check(condition, text="condition does not hold"):
    if not condition:
        raise Failed(text)


def check_equal(got, wanted, what="value"):
    if got != wanted:
        raise Failed(f"{what} is {got!r}, wanted {wanted!r}")


def check_in(part, whole, what="text"):
    if part not in whole:
        raise Failed(f"{part!r} is not in {what}: {whole!r}")


def program(name):
    path = os.path.join(BUILD, name)
    if not os.path.exists(path):
        raise Failed(f"{path} is not built")
    return path


def jem(*words, timeout=60, **options):
    """Runs `jem WORDS`, captures both streams as bytes."""
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.run([program("jem"), *words], timeout=timeout, check=False, **options)


def spawn(argv, **options):
    """Starts a process that ends with the case at the latest."""
    child = subprocess.Popen(argv, **options)
    _children.append(child)
    return child


def wait_until(condition, seconds=30, what="the event"):
    """Polls for an event that nothing announces; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds} s for {what}")
        time.sleep(0.02)


def end(child, sig=signal.SIGTERM, seconds=20):
    if child.poll() is None:
        child.send_signal(sig)
    return child.wait(timeout=seconds)


def _end_children():
    while _children:
        child = _children.pop()
        if child.poll() is None:
            child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream:
                stream.close()


def is_optional(name):
    """Whether tests/optional lists this case of the running file."""
    wanted = f"{os.path.splitext(os.path.basename(sys.argv[0]))[0]}.{name}"
    with open(os.path.join(TOP, "tests/optional"), encoding="utf-8") as lines:
        return any(line.split()[:1] == [wanted] for line in lines)


def _run(number, function):
    folder = tempfile.mkdtemp(prefix="jem-flow-")
    name = function.__name__
    try:
        function(folder)
        print(f"ok {number} - {name}", flush=True)
        return True
    except Skipped as reason:
        if REQUIRE_ALL and not is_optional(name):
            print(f"# cannot run here: {reason}\nnot ok {number} - {name}", flush=True)
            return False
        print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        return True
    except Exception as fault:  # every fault is a failed case, whatever its type
        for line in traceback.format_exc().splitlines():
            print("#", line)
        print(f"not ok {number} - {name}", flush=True)
        return False
    finally:
        _end_children()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    # A run in the background of a script inherits these ignored, and would hand that on to its jobs.
    for number in (signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    wanted = sys.argv[1:]
    cases = [c for c in _cases if not wanted or c.__name__ in wanted]
    print(f"1..{len(cases)}", flush=True)
    results = [_run(i, c) for i, c in enumerate(cases, 1)]
    sys.exit(0 if all(results) else 1)
