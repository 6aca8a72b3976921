#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What libjemtrace.so asks of the program it is loaded into, and what it offers."""
import re
import subprocess

from jemtest import BUILD, TOP, case, check, check_equal, main, program

# What hooks run through, by object: nothing of libc but the clock that needs no system call.
HOT = {"clock": {"clock_gettime"}, "hooks": set(), "limit": set(), "missed": set(), "record": set(),
       "shadow": set(), "tree": set(), "plan": set(), "patch": set(), "values": set(),
       "slot": {"__errno_location", "pthread_key_create", "pthread_setspecific"}}
OURS = re.compile(r"^(jem_\w+|_GLOBAL_OFFSET_TABLE_|__cyg_profile_func_(enter|exit))$")


def symbols(*words):
    listing = subprocess.run(["nm", *words], check=True, capture_output=True, text=True).stdout
    return [line.split()[-1] for line in listing.splitlines() if line.strip()]


@case
def hot_objects_call_nothing_of_libc(folder):
    for name, allowed in HOT.items():
        wanted = set(symbols("-u", program(f"tracer/preload/libjemtrace_so-{name}.o")))
        wanted = {s.split("@")[0] for s in wanted if not OURS.match(s)}
        check_equal(wanted - allowed, set(), f"what {name}.o calls")


@case
def every_version_of_libc_has_what_it_needs(folder):
    for symbol in symbols("-D", "-u", program("libjemtrace.so")):
        version = re.search(r"@GLIBC_(\d+)\.(\d+)", symbol)
        check(not version or (int(version[1]), int(version[2])) <= (2, 17), symbol)


@case
def exports_the_hooks_and_what_it_interposes(folder):
    with open(f"{TOP}/tracer/preload/export.map", encoding="utf-8") as file:
        named = set(re.findall(r"^\t\t(\w+);", file.read(), re.M))
    offered = {s.split("@")[0] for s in symbols("-D", "--defined-only", program("libjemtrace.so"))}
    check_equal(offered, named, "exported")
    check({"__cyg_profile_func_enter", "__cyg_profile_func_exit", "dlclose"} <= offered, BUILD)


@case
def hooks_use_no_vector_registers(folder):
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn",
                           program("tracer/preload/libjemtrace_so-hooks.o")],
                          check=True, capture_output=True, text=True).stdout
    check("%xmm" not in text and "%ymm" not in text, "vector registers in hooks.o")
    check("rdtsc" in text, "disassembled")


main()
