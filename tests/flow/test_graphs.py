#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Graph files are read by the programs that people read them with."""
import os
import shutil
import struct
import subprocess
import xml.etree.ElementTree as xml
import zlib

from jemtest import case, check, check_equal, check_in, main, program, skip

NAMES = ["cpu", "io", "load", "memory", "node_memory", "pressure", "space", "tasks", "traffic"]


def sample(folder, kind="failed", samples=3600):
    subprocess.run([program("tests/flow/sample_report"), folder, kind, str(samples)], check=True,
                   timeout=60)
    return os.path.join(folder, "graphs")


def run(*words):
    if not shutil.which(words[0]):
        skip(f"no {words[0]}")
    return subprocess.run(words, check=True, timeout=60, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout.decode("utf-8", "replace")


def decode_png(path):
    """Width, height and rows of (r, g, b), by nothing but the standard."""
    with open(path, "rb") as file:
        data = file.read()
    check_equal(data[:8], b"\x89PNG\r\n\x1a\n", "signature")
    at, idat, palette = 8, b"", None
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        check_equal(struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0],
                    zlib.crc32(kind + body), "sum of " + kind.decode())
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
        elif kind == b"PLTE":
            palette = [tuple(body[i:i + 3]) for i in range(0, size, 3)]
        elif kind == b"IDAT":
            idat += body
        at += 12 + size
    check_equal(depth, 8, "depth")
    raw = zlib.decompress(idat)
    pixel = 1 if colour == 3 else 3
    check_equal(len(raw), (width * pixel + 1) * height, "bytes of pixels")
    if colour == 3:
        rows = [[palette[p] for p in raw[y * (width + 1) + 1:(y + 1) * (width + 1)]]
                for y in range(height)]
        return width, height, rows
    return width, height, None


@case
def svg_is_well_formed_and_renders(folder):
    graphs = sample(folder)
    for name in NAMES:
        path = os.path.join(graphs, name + ".svg")
        root = xml.parse(path).getroot()
        check_equal(root.tag, "{http://www.w3.org/2000/svg}svg")
        check_equal(root.get("role"), "img")
        check(root.find("{*}title").text and root.find("{*}desc").text, "title and description")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for word in ("href", "<script", "url(", "<image", "@import"):
            check(word not in text, f"{word} in {name}")
        run("rsvg-convert", path, "-o", os.path.join(folder, name + ".png"))
        check(os.path.getsize(os.path.join(folder, name + ".png")) > 5000, "nothing was drawn")


@case
def flame_and_calls_are_svg_alone_too(folder):
    graphs = sample(folder)
    for name in ("flame", "calls"):
        path = os.path.join(graphs, name + ".svg")
        check_equal(xml.parse(path).getroot().tag, "{http://www.w3.org/2000/svg}svg")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for word in ("href", "url(", "<image", "@import"):
            check(word not in text, f"{word} in {name}")
        check_equal(text.count("<script"), int(name == "flame"), f"scripts of {name}")
        run("rsvg-convert", path, "-o", os.path.join(folder, name + ".png"))
        check(os.path.getsize(os.path.join(folder, name + ".png")) > 5000, "nothing was drawn")
        width, height, _ = decode_png(os.path.join(graphs, name + ".png"))
        check(width == 2400 and height > 200, f"{width} x {height}")


@case
def hostile_names_leave_files_whole(folder):
    graphs = sample(folder, "hostile", 300)
    for name in NAMES + ["flame", "calls"]:
        xml.parse(os.path.join(graphs, name + ".svg"))
    check_in("Pages:", run("pdfinfo", os.path.join(graphs, "graphs.pdf")))


@case
def png_decodes_to_the_picture(folder):
    graphs = sample(folder)
    for name in NAMES:
        width, height, rows = decode_png(os.path.join(graphs, name + ".png"))
        check(width == 1720 and height >= 700, f"{width} x {height}")
        if rows:
            colours = {colour for row in rows for colour in row}
            check((255, 255, 255) in colours and (0, 0x72, 0xb2) in colours, "ground and curve")
            check_equal(rows[0][0], (255, 255, 255), "corner")


@case
def pdf_has_a_page_per_graph_with_its_text(folder):
    path = os.path.join(sample(folder), "graphs.pdf")
    info = run("pdfinfo", path)
    check_in("Pages:           11", info)
    check_in("4711-3", info)
    text = run("pdftotext", "-layout", path, "-")
    for word in ("Processors", "Memory", "Pressure", "memory-near-limit", "any-error", "GiB",
                 "time since the start", "limit", "Kalman::filter", "41980"):
        check_in(word, text)
    out = run("pdftoppm", "-r", "40", "-png", path, os.path.join(folder, "page"))
    check_equal(out, "", "complaints")
    check_equal(len([n for n in os.listdir(folder) if n.startswith("page-")]), 11, "pages drawn")


@case
def equal_jobs_give_equal_files(folder):
    first, second = (os.path.join(folder, name) for name in ("a", "b"))
    sample(first)
    sample(second)
    for where, _, names in os.walk(first):
        for name in names:
            path = os.path.join(where, name)
            with open(path, "rb") as a, open(path.replace(first, second, 1), "rb") as b:
                check(a.read() == b.read(), f"{name} differs")


main()
