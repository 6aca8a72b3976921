#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes toy proton collisions: Z bosons that decay to two muons, above falling background.

    make_events.py make  --files 4 --events 40000 --seed 1 FOLDER
    make_events.py check FOLDER

A file is a header (magic, version, run, number of events, CRC-32 of the rest) and event records:
number and count of particles, then for each particle px py pz (GeV, float64), charge and kind
(int32). Little endian.
"""
import argparse
import glob
import math
import os
import random
import struct
import sys
import zlib

MAGIC = b"ZMUMU\0\0\0"
HEADER = struct.Struct("<8sIIQII")
EVENT = struct.Struct("<II")
PARTICLE = struct.Struct("<dddii")
Z_MASS, Z_WIDTH = 91.1876, 2.4952
MUON_MASS = 0.1056583745
MUON, PION = 13, 211


class Generator:
    """Draws events; one seed gives the same events on every machine."""

    def __init__(self, seed, signal_fraction=0.35):
        self.random = random.Random(seed)
        self.signal_fraction = signal_fraction

    def pair_mass(self):
        """Breit-Wigner peak over an exponential background, in GeV."""
        if self.random.random() < self.signal_fraction:
            while True:
                mass = Z_MASS + 0.5 * Z_WIDTH * math.tan(math.pi * (self.random.random() - 0.5))
                if 40 < mass < 200:
                    return mass
        return 40 + self.random.expovariate(1 / 30)

    def decay(self, mass):
        """Two muons of a boson with some transverse momentum and rapidity."""
        momentum = math.sqrt(max(0.25 * mass * mass - MUON_MASS**2, 0))
        cosine = self.random.uniform(-1, 1)
        sine = math.sqrt(1 - cosine * cosine)
        phi = self.random.uniform(0, 2 * math.pi)
        direction = (sine * math.cos(phi), sine * math.sin(phi), cosine)
        boost_pt = self.random.expovariate(1 / 12)
        boost_phi = self.random.uniform(0, 2 * math.pi)
        rapidity = self.random.gauss(0, 1.2)
        for sign in (1, -1):
            p = [sign * momentum * x for x in direction]
            yield self.boost(p, mass, boost_pt, boost_phi, rapidity) + (sign,)

    @staticmethod
    def boost(p, mass, pt, phi, rapidity):
        energy = math.sqrt(sum(x * x for x in p) + MUON_MASS**2)
        # along x by the transverse momentum, turned by phi, then along z by the rapidity
        gamma = math.sqrt(1 + (pt / mass) ** 2)
        px = gamma * p[0] + pt / mass * energy
        energy = gamma * energy + pt / mass * p[0]
        px, py = px * math.cos(phi) - p[1] * math.sin(phi), px * math.sin(phi) + p[1] * math.cos(phi)
        return px, py, p[2] * math.cosh(rapidity) + energy * math.sinh(rapidity)

    def event(self, number):
        particles = []
        for px, py, pz, charge in self.decay(self.pair_mass()):
            smear = self.random.gauss(1, 0.012)
            particles.append((px * smear, py * smear, pz * smear, charge, MUON))
        for _ in range(min(int(self.random.expovariate(1 / 6)), 40)):
            pt = self.random.expovariate(1 / 1.5)
            phi = self.random.uniform(0, 2 * math.pi)
            eta = self.random.uniform(-2.5, 2.5)
            particles.append((pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta),
                              self.random.choice((-1, 1)), PION))
        record = [EVENT.pack(number, len(particles))]
        record.extend(PARTICLE.pack(*particle) for particle in particles)
        return b"".join(record)


def make(folder, files, events, seed):
    for index in range(files):
        generator = Generator(seed * 1000 + index)
        body = b"".join(generator.event(number) for number in range(events))
        path = os.path.join(folder, f"events-{index:02d}.dat")
        with open(path, "wb") as out:
            out.write(HEADER.pack(MAGIC, 1, 362000 + index, events, zlib.crc32(body), 0))
            out.write(body)
        print(f"made {path}: {events} events, {len(body)} bytes", flush=True)


def check(folder):
    paths = sorted(glob.glob(os.path.join(folder, "events-*.dat")))
    if not paths:
        sys.exit(f"make_events: no events-*.dat in {folder}: run 'make_events.py make' first")
    for path in paths:
        with open(path, "rb") as data:
            magic, version, run, events, crc, _ = HEADER.unpack(data.read(HEADER.size))
            if magic != MAGIC or version != 1:
                sys.exit(f"make_events: {path} is no event file of version 1")
            if zlib.crc32(data.read()) != crc:
                sys.exit(f"make_events: {path} is damaged: its CRC-32 is not {crc:08x}")
        print(f"checked {path}: run {run}, {events} events", flush=True)


def main():
    parser = argparse.ArgumentParser(description="Makes and checks toy collision events.")
    commands = parser.add_subparsers(dest="command", required=True)
    maker = commands.add_parser("make", help="make event files")
    maker.add_argument("--files", type=int, default=4)
    maker.add_argument("--events", type=int, default=40000, help="per file")
    maker.add_argument("--seed", type=int, default=1)
    checker = commands.add_parser("check", help="check their CRCs")
    for command in (maker, checker):
        command.add_argument("folder")
    options = parser.parse_args()
    if options.command == "make":
        make(options.folder, options.files, options.events, options.seed)
    else:
        check(options.folder)


if __name__ == "__main__":
    main()
