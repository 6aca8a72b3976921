# SPDX-License-Identifier: Apache-2.0
"""Real programs for tests: fetched as the distribution's sources by package name, built with the hooks.

    fetch(work, ("lua", "zlib"))          # once; False: cannot be had here
    build(work, "lua", "gcc", "O0")       # path of the program
    arguments, standard input = run_of(work, "lua", size=1)

The machine's own lists of packages are read, never changed: lists of our own, under `work`, ask for sources
where the machine asks for packages.
"""
import glob
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS_FOLDER = os.path.join(HERE, "real")
LUA = ("lapi lcode lctype ldebug ldo ldump lfunc lgc llex lmem lobject lopcodes lparser lstate lstring "
       "ltable ltm lundump lvm lzio lauxlib lbaselib lcorolib ldblib liolib lmathlib loadlib loslib "
       "lstrlib ltablib lutf8lib linit lua").split()
ZLIB = ("adler32 crc32 deflate infback inffast inflate inftrees trees zutil compress uncompr gzclose "
        "gzlib gzread gzwrite").split()
# name: package, folder's beginning, language
PROGRAMS = {"lua": ("lua5.4", "lua5.4-", "c"), "zlib": ("zlib", "zlib-", "c"),
            "threads": ("zlib", "zlib-", "c"), "sqlite": ("sqlite3", "sqlite3-", "c"),
            "tinyxml2": ("tinyxml2", "tinyxml2-", "c++"), "pugixml": ("pugixml", "pugixml-", "c++")}
CXX = {"gcc": "g++", "clang": "clang++"}


class Unavailable(Exception):
    """It cannot be had here: no network, no apt, no compiler."""


def run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)
    if done.returncode:
        raise Unavailable("%s: %s" % (" ".join(command[:8]), done.stdout.decode(errors="replace")[-2000:]))


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def folder_of(work, name):
    found = [entry for entry in sorted(os.listdir(work))
             if entry.startswith(PROGRAMS[name][1]) and os.path.isdir(os.path.join(work, entry))]
    return os.path.join(work, found[0]) if found else None


# --- the distribution's sources ---


def codename():
    with open("/etc/os-release", encoding="utf-8") as file:
        return re.search(r"^VERSION_CODENAME=(\S+)", file.read(), re.MULTILINE).group(1)


def stanzas():
    """What the machine's lists say of the distribution's own packages: texts in the newer form."""
    places = glob.glob("/etc/apt/sources.list") + sorted(glob.glob("/etc/apt/sources.list.d/*"))
    for place in places:
        with open(place, encoding="utf-8") as file:
            text = file.read()
        if place.endswith(".sources"):
            for stanza in re.split(r"\n\s*\n", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)):
                fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
                if "URIs" in fields:
                    yield fields
        elif place.endswith(".list"):
            for options, uri, suite, parts in re.findall(
                    r"^deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+)$", text, re.MULTILINE):
                signed = re.search(r"signed-by=(\S+)", options)
                yield {"URIs": uri, "Suites": suite, "Components": parts,
                       **({"Signed-By": signed.group(1)} if signed else {})}


def list_of_sources():
    name = codename()
    own = []
    for fields in stanzas():
        suites = [suite for suite in fields.get("Suites", "").split()
                  if suite == name or suite.startswith(name + "-")]
        if suites and "main" in fields.get("Components", "").split():
            own.append("Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\n%s" % (
                fields["URIs"], " ".join(suites),
                "Signed-By: %s\n" % fields["Signed-By"] if "Signed-By" in fields else ""))
    return "\n".join(own)


def fetch(work, names):
    """The sources of programs, each once; Unavailable tells why not."""
    wanted = sorted({PROGRAMS[name][0] for name in names if not folder_of(work, name)})
    if not wanted:
        return
    if not shutil.which("apt-get") or not shutil.which("dpkg-source"):
        raise Unavailable("apt-get or dpkg-source is not here")
    text = list_of_sources()
    if not text:
        raise Unavailable("no list of the distribution's packages is here")
    sources = write(os.path.join(work, "source.sources"), text)
    os.makedirs(os.path.join(work, "lists", "partial"), exist_ok=True)
    options = ["-o", "Dir::Etc::sourcelist=" + sources, "-o", "Dir::Etc::sourceparts=-",
               "-o", "Dir::State::lists=" + os.path.join(work, "lists"),
               "-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=1",
               "-o", "APT::Sandbox::User=root"]
    run(["apt-get"] + options + ["-qq", "update"], timeout=120)
    run(["apt-get"] + options + ["-qq", "--download-only", "source"] + wanted, cwd=work, timeout=180)
    for entry in sorted(os.listdir(work)):
        if entry.endswith(".dsc") and entry.split("_")[0] in wanted:
            run(["dpkg-source", "--no-check", "-x", entry], cwd=work)


# --- what is built of them ---


def amalgamate(work):
    """sqlite3.c and shell.c, once."""
    place = os.path.join(work, "sqlite-build")
    if not os.path.exists(os.path.join(place, "shell.c")):
        os.makedirs(place, exist_ok=True)
        run([os.path.join(folder_of(work, "sqlite"), "configure"), "-q", "--disable-tcl"], cwd=place)
        run(["make", "sqlite3.c", "shell.c"], cwd=place)
    return place


def sources_of(work, name):
    """Files and options of the compiler."""
    folder = folder_of(work, name)
    if name == "lua":
        write(os.path.join(work, "lua5.4-deb-multiarch.h"), '#define DEB_HOST_MULTIARCH "here"\n')
        # its seed is of the time and of addresses, its cache by addresses: no two runs would be the same
        return ([os.path.join(folder, "src", part + ".c") for part in LUA] +
                ["-DLUA_USE_LINUX", "-Dluai_makeseed(L)=1", "-DSTRCACHE_N=1", "-DSTRCACHE_M=2", "-I" + work, "-lm", "-ldl", "-Wl,-E"])
    if name in ("zlib", "threads"):
        return ([os.path.join(folder, part + ".c") for part in ZLIB] +
                [os.path.join(folder, "test", "example.c") if name == "zlib" else
                 os.path.join(PROGRAMS_FOLDER, "threads.c"),
                 "-I" + folder, "-DHAVE_UNISTD_H", "-lpthread"])
    if name == "sqlite":
        place = amalgamate(work)
        return ([os.path.join(place, "sqlite3.c"), os.path.join(place, "shell.c"), "-I" + place,
                 "-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION", "-lm"])
    if name == "tinyxml2":
        return [os.path.join(folder, "tinyxml2.cpp"), os.path.join(PROGRAMS_FOLDER, "tiny.cc"),
                "-I" + folder]
    return [os.path.join(folder, "src", "pugixml.cpp"), os.path.join(PROGRAMS_FOLDER, "pugi.cc"),
            "-I" + os.path.join(folder, "src")]


def build(work, name, compiler, level):
    """The program's path; built once in `work`."""
    program = os.path.join(work, "%s-%s-%s" % (name, compiler, level))
    command = CXX[compiler] if PROGRAMS[name][2] == "c++" else compiler
    if not shutil.which(command):
        raise Unavailable(command + " is not here")
    if not os.path.exists(program):
        files = sources_of(work, name)
        new = program + ".new"
        run(["nice", command, "-g", "-" + level, "-w", "-finstrument-functions"] +
            [file for file in files if not file.startswith("-l")] + ["-o", new] +
            [file for file in files if file.startswith("-l")])
        os.rename(new, program)
    return program


def run_of(work, name, size=1):
    """Arguments, standard input (a path) and working folder of a deterministic run."""
    if name == "lua":
        return [os.path.join(PROGRAMS_FOLDER, "script.lua"), str(size)], os.devnull, work
    if name == "sqlite":
        return [":memory:"], os.path.join(PROGRAMS_FOLDER, "script.sql"), work
    if name == "tinyxml2":
        file = "dream.xml" if size > 1 else "utf8test.xml"
        return [os.path.join(folder_of(work, name), "resources", file), "1"], os.devnull, work
    return ([str(size)] if name == "threads" else []), os.devnull, work
