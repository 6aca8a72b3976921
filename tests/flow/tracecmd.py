# SPDX-License-Identifier: Apache-2.0
"""Records with trace-cmd, also where the kernel forbids its function tracer's files.

trace-cmd gives up when it cannot write ftrace_enabled or open the filters of the function tracer, which
a hardened kernel refuses even to root. In a mount namespace of its own, empty files stand for these;
nothing outside changes.
"""
import contextlib
import fcntl
import os
import shutil
import subprocess

from jemtest import check, check_equal, skip, wait_until

TRACING = "/sys/kernel/tracing"
ENABLED = "/proc/sys/kernel/ftrace_enabled"
FILTERS = ("set_ftrace_filter", "set_ftrace_notrace", "set_ftrace_pid", "set_ftrace_notrace_pid",
           "available_filter_functions", "enabled_functions")
EVENTS = ("sched:sched_switch", "sched:sched_waking", "sched:sched_wakeup", "sched:sched_wakeup_new",
          "sched:sched_migrate_task", "sched:sched_process_fork", "sched:sched_process_exec",
          "sched:sched_process_exit", "sched:sched_process_free", "task:task_newtask",
          "task:task_rename")

SCRIPT = r"""
set -eu
grep -q " $TRACING tracefs " /proc/mounts || mount -t tracefs nodev $TRACING
mount -t tmpfs tmpfs "$SCRATCH"
echo 1 >"$SCRATCH/enabled"
{ echo 1 >$ENABLED; } 2>/dev/null || mount --bind "$SCRATCH/enabled" $ENABLED
for f in $FILTERS; do
    [ -e $TRACING/$f ] || continue
    { true <$TRACING/$f; } 2>/dev/null || { : >"$SCRATCH/$f"; mount --bind "$SCRATCH/$f" $TRACING/$f; }
done
exec trace-cmd record -q -b 4096 "$@"
"""


@contextlib.contextmanager
def only_one():
    """trace-cmd has the machine's one top-level buffer to itself; two tests at once would not."""
    folder = os.open("/sys/kernel", os.O_RDONLY)
    try:
        def is_ours():
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                return False
        wait_until(is_ours, 120, "the other test that records")
        yield
    finally:
        os.close(folder)


def record_once(path, words, command, timeout):
    scratch = os.path.join(os.path.dirname(path), "scratch")
    os.makedirs(scratch, exist_ok=True)
    environment = dict(os.environ, TRACING=TRACING, ENABLED=ENABLED, SCRATCH=scratch,
                       FILTERS=" ".join(FILTERS))
    events = [word for event in EVENTS for word in ("-e", event)]
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh",
                           *words, *events, "-o", path, *command], timeout=timeout, check=False,
                          env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          cwd=os.path.dirname(path))
    if b"mount" in done.stderr and not os.path.exists(path):
        skip("no tracefs can be mounted here")
    check_equal(done.returncode, 0, f"exit status of trace-cmd, which said {done.stderr[-500:]!r}")


def is_whole(path):
    """trace-cmd can read it again, which it tells by no exit status."""
    done = subprocess.run(["trace-cmd", "report", path], check=False, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.returncode == 0 and len(done.stdout) > 100


def record(path, words, command, timeout=120):
    """trace-cmd record WORDS -o path command, of the scheduler's events.

    Version 6 files of trace-cmd 3.1.6 are out of step now and then: it reads saved_cmdlines once for its
    size and once more for its text, and a task may be named in between. Those are made again.
    """
    for name in ("trace-cmd", "unshare"):
        if not shutil.which(name):
            skip(f"{name} is not installed")
    if os.geteuid() != 0:
        skip("only root may trace")
    with only_one():
        for _ in range(5):
            record_once(path, words, command, timeout)
            if is_whole(path):
                return
    check(False, "trace-cmd wrote five files that it cannot read")
