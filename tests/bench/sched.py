#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""From a trace.dat file to a model, beside trace-cmd report and perf sched timehist.

    sched.py [--times N,N...] [--perf] [--alone]
                                            records a second of `stress-ng --switch`, and makes files of N
                                            times that, one behind the other in time
    sched.py FILE...                        of files that are there

Each file is read by all (--alone: by us), one after the other: wall and processor time, and a line an event count tells
whether time and memory grow with it. Root.
"""
import os
import re
import resource
import struct
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("top_builddir", os.path.join(TOP, "build"))
sys.path.insert(0, os.path.join(TOP, "tests/flow"))

SWITCHES = 450_000  # of the load; some 1.2 million events with the wake-ups
CHUNK_PAGES = 10


def timed(words):
    """Wall and processor seconds of a command, and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    with tempfile.TemporaryFile() as out:
        subprocess.run(words, stdout=out, stderr=subprocess.DEVNULL, check=True)
        out.seek(0)
        head = out.read(1 << 16)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, head.decode()


def quiet(words):
    """The same with the output thrown away, as the peer would have it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def record(folder):
    path = os.path.join(folder, "once.dat")
    subprocess.run([os.path.join(BUILD, "jem"), "record", "--buffer", "64", "--trace", path, "--",
                    "stress-ng", "-q", "--switch", "2", "--switch-ops", str(SWITCHES)], check=True)
    return path


def options_of(data):
    """Number, place and size of each option of a file of jem record, which has one section of them."""
    at = int.from_bytes(data[data.index(b"zstd\0") + 5:][:32].split(b"\0", 1)[1][:8], "little") + 16
    while True:
        number, size = struct.unpack_from("<HI", data, at)
        yield number, at + 6, size
        if not number:
            return
        at += 6 + size


def cores_of(data, at):
    """Page size, and the pages of each core, of the buffer whose option is at that place."""
    import zstandard
    table = data.index(b"\0", data.index(b"\0", at + 8) + 1) + 1
    page_bytes, count = struct.unpack_from("<II", data, table)
    cores = {}
    for i in range(count):
        cpu, place, _ = struct.unpack_from("<IQQ", data, table + 8 + 20 * i)
        pages = bytearray()
        chunks, = struct.unpack_from("<I", data, place)
        place += 4
        for _ in range(chunks):
            packed, size = struct.unpack_from("<II", data, place)
            pages += zstandard.ZstdDecompressor().decompress(data[place + 8:place + 8 + packed], size)
            place += 8 + packed
        cores[cpu] = pages
    return page_bytes, cores


def grow(path, times):
    """The recording that many times, each later by its length: a page's time is in its head."""
    import zstandard
    with open(path, "rb") as file:
        data = file.read()
    options = list(options_of(data))
    buffer_at = next(at for number, at, _ in options if number == 3)
    page_bytes, cores = cores_of(data, buffer_at)
    stamps = [struct.unpack_from("<Q", pages, at)[0] for pages in cores.values()
              for at in range(0, len(pages), page_bytes)]
    length = max(stamps) - min(stamps) + 10**9
    section, = struct.unpack_from("<Q", data, buffer_at)
    grown = os.path.join(os.path.dirname(path), f"{times}.dat")
    table = b""
    with open(grown, "wb") as file:
        file.write(data[:section + 16])
        for cpu, pages in cores.items():
            file.write(bytes(-file.tell() % page_bytes))
            place, size = file.tell(), 0
            chunk = page_bytes * CHUNK_PAGES
            chunks = -(-len(pages) // chunk)
            file.write(struct.pack("<I", chunks * times))
            for turn in range(times):
                for at in range(0, len(pages), chunk):
                    later = bytearray(pages[at:at + chunk])
                    for page in range(0, len(later), page_bytes):
                        stamp, = struct.unpack_from("<Q", later, page)
                        struct.pack_into("<Q", later, page, stamp + turn * length)
                    packed = zstandard.ZstdCompressor(level=3).compress(bytes(later))
                    size += file.write(struct.pack("<II", len(packed), len(later)) + packed)
            table += struct.pack("<IQQ", cpu, place, size)
        first = file.tell()
        buffer = struct.pack("<Q", section) + b"\0mono\0" + struct.pack("<II", page_bytes,
                                                                      len(cores)) + table
        body = b"".join(struct.pack("<HI", number, len(text)) + text for number, text in
                        ((n, buffer if n == 3 else data[at:at + size]) for n, at, size in options))
        file.write(struct.pack("<HHIQ", 0, 0, 0, len(body)) + body)
        pointer = data.index(b"zstd\0") + 5
        file.seek(data.index(b"\0", pointer) + 1)
        file.write(struct.pack("<Q", first))
    return grown


def bench(path, is_alone):
    _, _, said = timed([os.path.join(BUILD, "tests/bench/sched"), path])
    ours = {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)", said)}
    wall, cpu = (0, 0) if is_alone else quiet(["trace-cmd", "report", path])
    events = ours["events"]
    print(f"{events / 1e6:9.2f} M  {ours['wall_s']:8.3f} {ours['cpu_s']:8.3f} "
          f"{ours['cpu_s'] / events * 1e9:7.0f}  {wall:8.2f} {cpu:8.2f} {cpu / events * 1e9:7.0f}  "
          f"{wall / ours['wall_s']:6.1f} {cpu / ours['cpu_s']:6.1f}  "
          f"{ours['model_bytes'] / events:6.1f} {ours['peak_bytes'] / events:6.1f}", flush=True)


def bench_perf(folder):
    path = os.path.join(folder, "perf.data")
    subprocess.run(["perf", "sched", "record", "-q", "-o", path, "stress-ng", "-q", "--switch", "2",
                    "--switch-ops", "500000"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    wall, cpu, _ = timed(["perf", "sched", "timehist", "-i", path, "-s"])
    lines = subprocess.run(["perf", "script", "-i", path, "-F", "event"], check=True,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.count(b"\n")
    print(f"perf sched timehist -s: {lines / 1e6:.2f} M events, {wall:.2f} s, {cpu:.2f} s of "
          f"processor, {cpu / lines * 1e9:.0f} ns an event")


def main(words):
    wants_perf, is_alone = "--perf" in words, "--alone" in words
    words = [word for word in words if word not in ("--perf", "--alone")]
    times = [1, 3, 9]
    if words[:1] == ["--times"]:
        times = [int(count) for count in words[1].split(",")]
        words = words[2:]
    with tempfile.TemporaryDirectory(prefix="jem-bench-") as folder:
        once = record(folder) if not words else None
        print("   events     ours: s      cpu   ns/ev  report: s     cpu   ns/ev    wall    cpu   "
              "model   peak\n" + " " * 69 + "times   times   B/ev   B/ev", flush=True)
        for path in words or (grow(once, count) for count in times):
            bench(path, is_alone)
            if not words:
                os.unlink(path)
        if wants_perf:
            bench_perf(folder)


main(sys.argv[1:])
