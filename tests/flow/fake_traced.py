# SPDX-License-Identifier: Apache-2.0
"""A traced process without the library: rings, plan and hello by hand (schemas/ring.h), for tests.

Says "ready" once the daemon has written a plan; then, for each line "off|values|limit NUMBER", waits
until its plan says so and answers with how long that took.
"""
import array
import fcntl
import mmap
import os
import socket
import struct
import sys
import time

OFF, VALUES = 1, 4
RING, THREADS, EDGES, MODULES = 65536, 1, 8, 1


def sealed(name, size):
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return fd, mmap.mmap(fd, size)


def make_rings():
    modules = 128
    threads = modules + MODULES * 352
    rings = (threads + THREADS * 256 + 4095) // 4096 * 4096
    edges = rings + THREADS * RING
    size = edges + THREADS * EDGES * 64
    fd, view = sealed("rings", size)
    view[:128] = struct.pack("<8s8I7Q2IQ4I", b"JEMRING1", 1, os.getpid(), 2, RING, EDGES, THREADS,
                             MODULES, 0, size, modules, threads, rings, edges, 0, 0, 0, 0, 0, 0, 0,
                             0, 0)
    return fd, view


def say_hello(fds):
    config = b"".join(f"{k}={v}".encode() + b"\0" for k, v in os.environ.items()
                      if k.startswith("JEM_CALLS"))
    packet = struct.pack("<4IQ2I", 0x4a454d48, 1, os.getpid(), 0, 0, len(config), 0)
    address = os.environ["JEM_CALLS_SOCKET"]
    if address.startswith("@"):
        address = "\0" + address[1:]
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer.connect(address)
    peer.sendmsg([packet + config.ljust(3584, b"\0")],
                 [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])


def main():
    rings_fd, _rings = make_rings()
    plan_fd, plan = sealed("plan", 1 << 20)
    say_hello([rings_fd, plan_fd])

    def wait(what, number):
        begin = time.monotonic()
        while True:
            state = struct.unpack_from("<I", plan, 12)[0]
            limit = struct.unpack_from("<I", plan, 68)[0]
            now = {"magic": plan[:8] == b"JEMPLAN1", "off": bool(state & OFF),
                   "values": bool(state & VALUES), "limit": limit}[what]
            if now == number:
                return time.monotonic() - begin
            time.sleep(0.001)

    wait("magic", True)
    print("ready", flush=True)
    for line in sys.stdin:
        what, number = line.split()
        print(wait(what, int(number)), flush=True)


main()
