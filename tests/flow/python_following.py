# SPDX-License-Identifier: Apache-2.0
"""Runs Python programs followed, with this test in the place of the daemon."""
import json
import os
import shutil
import socket
import subprocess
import threading

from jemtest import BUILD, Failed

FOLDER = os.path.join(BUILD, "tracer", "script", "python")
# The interpreter that the follower was built for; another by JEM_TEST_PYTHON, for which it is built here.
PYTHON = os.environ.get("JEM_TEST_PYTHON", "/usr/bin/python3")


def build_for(python):
    said = subprocess.run([python, "-c", "import sysconfig as s; print(s.get_path('include'), "
                                         "s.get_config_var('EXT_SUFFIX'))"], stdout=subprocess.PIPE, check=True)
    include, ext = said.stdout.decode().split()
    subprocess.run(["make", "-s", "-C", BUILD, f"PYTHON_INCLUDE={include}", f"PYTHON_EXT={ext}",
                    f"tracer/script/python/_jem_script{ext}"], check=True, stdout=subprocess.DEVNULL)


if "JEM_TEST_PYTHON" in os.environ:
    build_for(PYTHON)


class Listener:
    """Takes what followed processes tell, until every one of them is gone."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "s")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.bind(self.path)
        self._socket.listen(256)
        self._threads = []
        self._lock = threading.Lock()
        self.records = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self):
        while True:
            connection, _ = self._socket.accept()
            packet = connection.recv(65536)
            if packet == b"end":
                connection.close()
                return
            reader = threading.Thread(target=self._read, args=(connection, packet), daemon=True)
            reader.start()
            self._threads.append(reader)

    def _read(self, connection, packet):
        with connection:
            while packet:
                records = [json.loads(line) for line in packet.splitlines()]
                with self._lock:
                    self.records += records
                packet = connection.recv(65536)

    def finish(self, timeout=30):
        """All records; the connections of processes that live on are not waited for longer than that."""
        last = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        last.connect(self.path)
        last.send(b"end")
        last.close()
        self._accepting.join(timeout)
        for reader in self._threads:
            reader.join(timeout)
            if reader.is_alive():
                raise Failed("a connection was not closed")
        self._socket.close()
        os.unlink(self.path)
        return self.records


def run(argv, folder, socket_path=None, path=FOLDER, stdin=b"input\n", timeout=120, **settings):
    """The result of a program; followed where there is a socket."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "JEM_"))}
    env.update(settings)
    if socket_path:
        env["JEM_SCRIPTS_SOCKET"] = socket_path
        env["PYTHONPATH"] = path + (":" + env["PYTHONPATH"] if env.get("PYTHONPATH") else "")
    return subprocess.run(argv, cwd=folder, env=env, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, check=False)


def follow(text, folder, argv=(PYTHON,), **settings):
    """Runs a script; its result, and what was told."""
    name = os.path.join(folder, "script.py")
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)
    listener = Listener(folder)
    done = run([*argv, name], folder, listener.path, **settings)
    return done, listener.finish()


def plain_folder(folder):
    """The follower without its extension."""
    ret = os.path.join(folder, "plain")
    os.mkdir(ret)
    for name in ("sitecustomize.py", "_jem_script_plain.py"):
        shutil.copy(os.path.join(FOLDER, name), ret)
    return ret


def tree(folder):
    ret = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if "__pycache__" not in path and os.path.isfile(path):
                with open(path, "rb") as file:
                    ret[os.path.relpath(path, folder)] = file.read()
    return ret
