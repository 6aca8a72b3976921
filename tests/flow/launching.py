# SPDX-License-Identifier: Apache-2.0
"""What the tests of the launcher share: a place with a copy of jem and monitors beside it, and
the same job run plain and monitored, compared.

A "monitor" is one of the ways fake_monitor.c knows (good, stop, flood ...), "missing", or "real",
which takes the jemd and jem-tool of the build tree.
"""
import contextlib
import os
import shutil
import signal
import subprocess
import sys

from jemtest import BUILD, Failed, check_equal, program, wait_until

PROBE = os.path.join(BUILD, "tests", "flow", "probe")
FAKE = os.path.join(BUILD, "tests", "flow", "fake_monitor")
BROKEN = ["exit", "stop", "stop-late", "kill", "mute", "flood", "garbage", "close", "deaf",
          "missing"]
DRAIN_S = 0.4
START_WAIT_S = 0.1
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def has_real():
    """Whether the true monitors are in the build tree, and whole enough for `jem run`."""
    tool = os.path.join(BUILD, "jem-tool")
    if not os.path.exists(os.path.join(BUILD, "jemd")) or not os.path.exists(tool):
        return False
    known = subprocess.run([tool, "collect", "--help"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)
    return known.returncode == 0


def monitors():
    """Those a test of the whole corpus takes."""
    return ["good", "real"] if has_real() else ["good"]


class Place:
    """A folder with programs of its own. Ends what its monitors left behind."""

    def __init__(self, folder, monitor="good", is_for_all=False):
        self.monitor = monitor
        self.folder = folder
        self.programs = os.path.join(folder, "bin")
        self.trace = os.path.join(folder, "trace")
        self.work = os.path.join(folder, "work")
        os.chmod(folder, 0o755)
        for path in (self.programs, self.trace, self.work):
            os.mkdir(path)
            if is_for_all:
                os.chmod(path, 0o777)
        shutil.copy(program("jem"), self.programs)
        self.jem = os.path.join(self.programs, "jem")
        for name in ("jemd", "jem-tool"):
            if monitor == "real":
                shutil.copy(program(name), self.programs)
            elif monitor != "missing":
                shutil.copy(FAKE, os.path.join(self.programs, name))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in ("jemd", "jem-tool"):
            for pid in self.told(name, "pid").split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def told(self, name, kind):
        try:
            with open(os.path.join(self.trace, f"{name}.{kind}"), errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def environment(self, **more):
        wanted = {"JEM_TEST_MONITOR": self.monitor, "JEM_TEST_TRACE": self.trace}
        return {**os.environ, **wanted, **more}

    def prefix(self, *options, is_quiet=True):
        """The words that put a command under the monitor."""
        if self.monitor not in ("good", "real"):
            options += ("--set", f"run.drain={DRAIN_S}", "--set",
                        f"run.start_wait={START_WAIT_S}")
        return [self.jem, "run", *(["--quiet"] if is_quiet else []), *options, "--"]

    def run(self, words, prefix=(), **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("env", self.environment())
        options.setdefault("cwd", self.work)
        options.setdefault("timeout", 60)
        return subprocess.run([*prefix, *words], check=False, **options)

    def start(self, words, **options):
        options.setdefault("env", self.environment())
        options.setdefault("cwd", self.work)
        return subprocess.Popen(words, **options)

    def both(self, words, *options, wrap=(), **run_options):
        """The job plain and monitored: both results."""
        plain = self.run([*wrap, *words], **run_options)
        return plain, self.run([*wrap, *self.prefix(*options), *words], **run_options)

    def reports(self):
        return sorted(e for e in os.listdir(self.work) if e.startswith("jem-"))


def same_end(plain, monitored, what):
    check_equal(monitored.returncode, plain.returncode, f"exit status of {what}")
    check_equal(monitored.stdout, plain.stdout, f"standard output of {what}")
    check_equal(monitored.stderr, plain.stderr, f"standard error of {what}")


def wait_status(words, **options):
    """The status as the parent's waitpid sees it."""
    child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, **options)
    _, status = os.waitpid(child.pid, 0)
    child.returncode = 0
    return status


def is_alive(pid):
    """Runs or is stopped, and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def state(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def wait_for_state(pid, wanted, what):
    wait_until(lambda: state(pid) in wanted, 20, what)


@contextlib.contextmanager
def at_most(seconds):
    """Ends a read that waits in vain."""
    def on_alarm(*_):
        raise Failed(f"waited {seconds} s for a signal")

    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


class Signals:
    """The probe that tells every signal it gets; under `prefix`, or plain."""

    def __init__(self, place, prefix=()):
        self.child = place.start([*prefix, PROBE, "signals"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, process_group=0,
                                 text=True) if sys.version_info >= (3, 11) else None
        if not self.child:
            raise Failed("Python 3.11 is wanted")
        self.pid = int(self.child.stdout.readline().split()[1])

    def mark(self):
        """The signals told since the last mark."""
        told = []
        self.child.stdin.write("m")
        self.child.stdin.flush()
        while True:
            line = self.child.stdout.readline()
            if not line:
                raise Failed(f"the probe has ended, after {told}")
            if line.startswith("mark"):
                return told
            told.append(line.strip())

    def wait_for(self, count):
        """Reads that many signal lines; fails when one does not come."""
        with at_most(20):
            return [self.child.stdout.readline().strip() for _ in range(count)]

    def end(self):
        self.child.stdin.close()
        self.child.stdout.read()
        self.child.stdout.close()
        return self.child.wait(timeout=20)
