# SPDX-License-Identifier: Apache-2.0
"""Programs that run with the tracer's guards as they run without: output, end, and core file.

Every program of tests/flow/calls runs alone and with each back end of the guards under hooks that
read bad memory at every call; what it prints, how it ends and what is told of its death must agree.
"""
import os
import resource
import struct
import subprocess

from jemtest import LONG, case, check, check_equal, main, program

SAFETY = program("tests/flow/calls/safety")
DEATH = program("tests/flow/calls/death")
HOOKS = program("tests/flow/calls/hooks.so")
GUARDS = {"fault": "1", "readv": "2", "victim": "3"}
SECONDS = 100

# A victim costs a thousand times more: a part of the programs shows it, all of them in the long run.
VICTIM = {"null_pointer", "sent_by_kill", "handler_is_told", "handler_jumps", "full_stack_with_another",
          "actions_are_shown_as_set", "blocked_and_pending", "raw_actions", "children_of_fork",
          "children_of_vfork", "exec_keeps_what_is_ignored", "strict_seccomp", "guard_pages",
          "pages_that_come_and_go"}


# Minutes with one; test_calls_traced.py runs them beside a victim that is woken by plans only.
MANY_CALLS = {"threads_by_hundreds", "whole_containers"}


def environment(guard):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("LD_", "JEM_"))}
    if guard:
        env.update(LD_PRELOAD=HOOKS, JEM_TEST_GUARD=GUARDS[guard])
    return env


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def outcome(folder, name, guard):
    """(standard output, standard error, how it ended)"""
    told = os.path.join(folder, "end")
    setting = [f"{k}={v}" for k, v in environment(guard).items()]
    done = subprocess.run([DEATH, told, "/usr/bin/env", "-i", *setting, SAFETY, name],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment(None), timeout=SECONDS, check=False, cwd=folder,
                          preexec_fn=no_core)
    check_equal(done.returncode, 0, "the status of the one who watches")
    with open(told) as file:
        return done.stdout, done.stderr, file.read()


# Its stack is full anyway: where our handler is what meets the end of it, the fault comes while its
# signal is blocked, and the kernel tells the fault itself, not that it could not deliver it.
AT_ITS_END = "full_stack_of_a_handler"


def shown(name, done):
    return (*done[:2], done[2].split(" code ")[0]) if name == AT_ITS_END else done


def compare(guard, names):
    def run(folder):
        for name in names:
            plain = outcome(folder, name, None)
            check("ended 9" not in plain[2], f"{name} cannot run here: {plain}")
            check_equal(shown(name, outcome(folder, name, guard)), shown(name, plain),
                        f"{name} with guard {guard}")
    run.__name__ = f"programs_run_as_ever_with_guard_{guard}"
    return run


PROGRAMS = subprocess.run([SAFETY], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
case(compare("fault", PROGRAMS))
case(compare("readv", PROGRAMS))
case(compare("victim", [p for p in PROGRAMS if p in VICTIM or LONG and p not in MANY_CALLS]))


@case
def the_corpus_is_whole(folder):
    check(len(PROGRAMS) >= 60, f"{len(PROGRAMS)} programs")
    check_equal(len(set(PROGRAMS)), len(PROGRAMS), "names")
    check(VICTIM <= set(PROGRAMS), VICTIM - set(PROGRAMS))


@case
def a_difference_is_found(folder):
    """The comparison itself: hooks that are not told which guard to use must still be seen."""
    plain = outcome(folder, "null_pointer", None)
    other = outcome(folder, "not_mapped", None)
    check(plain[2] != other[2], f"two deaths look the same: {plain[2]}")
    check_equal(plain[2].split(" pc ")[0], "killed 11 core 0 code 1 address 0x10", "the death")


def notes_of(core):
    """(type, description) of the notes of an ELF core file."""
    phoff, = struct.unpack_from("<Q", core, 32)
    size, count = struct.unpack_from("<HH", core, 54)
    for i in range(count):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", core, phoff + i * size)
        end = offset + length
        while kind == 4 and offset + 12 <= end:
            name, description, note = struct.unpack_from("<III", core, offset)
            offset += 12 + (name + 3) // 4 * 4
            yield note, core[offset:offset + description]
            offset += (description + 3) // 4 * 4


def siginfo_of_core(folder, name, guard):
    """si_signo, si_code, si_addr of the core file, and how many threads it has."""
    subprocess.run([SAFETY, name], env=environment(guard), cwd=folder, check=False, timeout=SECONDS,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    cores = [f for f in os.listdir(folder) if f.startswith("core")]
    check_equal(len(cores), 1, "the number of core files")
    path = os.path.join(folder, cores[0])
    with open(path, "rb") as file:
        core = file.read(1 << 22)
    os.unlink(path)
    notes = list(notes_of(core))
    info, = (d for kind, d in notes if kind == 0x53494749)  # NT_SIGINFO
    sig, _, code = struct.unpack_from("<iii", info)
    address, = struct.unpack_from("<Q", info, 16)
    if code <= 0 or address >= 1 << 32:
        address = None  # not an address, or another one in every run
    return sig, code, address, sum(kind == 1 for kind, _ in notes)


@case
def core_files_tell_the_same(folder):
    with open("/proc/sys/kernel/core_pattern") as file:
        pattern = file.read().strip()
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if "/" in pattern or pattern.startswith("|") or hard != resource.RLIM_INFINITY:
        # No core file to be had: then the death as the watcher sees it must do.
        check_equal(outcome(folder, "not_mapped", "fault"), outcome(folder, "not_mapped", None),
                    "the death")
        return
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    for name in ("null_pointer", "not_mapped", "behind_a_file", "sent_by_kill", "sent_by_queue",
                 "handler_is_for_once", "full_stack", "ignored_and_faulting", "blocked_and_faulting"):
        check_equal(siginfo_of_core(folder, name, "fault"), siginfo_of_core(folder, name, None),
                    f"the core of {name}")


main()
