# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of the test's own: private folder and ports, loopback only, ended by its pids."""
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from concurrent import futures

from jemtest import Failed, check, check_equal, skip, spawn, wait_until

QUEUE = "jem.archive"
USER = "jem"
PASSWORD = "not-a-secret"


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _is_gone(pid):
    """A zombie counts: its parent may be slow to reap it."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as text:
            return text.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def definitions(expires_ms):
    """One user, one durable queue for everything of ours, and an end for queues of subscriptions."""
    return {
        "users": [{"name": USER, "password": PASSWORD, "tags": "administrator"},
                  {"name": "job42", "password": PASSWORD, "tags": ""}],
        "vhosts": [{"name": "/"}],
        "permissions": [{"user": user, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
                        for user in (USER, "job42")],
        "topic_permissions": [{"user": "job42", "vhost": "/", "exchange": "amq.topic",
                               "write": r"^jem\.local\.nobody\.", "read": "^$"}],
        "queues": [{"name": QUEUE, "vhost": "/", "durable": True, "auto_delete": False,
                    "arguments": {}}],
        "bindings": [{"source": "amq.topic", "vhost": "/", "destination": QUEUE,
                      "destination_type": "queue", "routing_key": "jem.#", "arguments": {}}],
        "policies": [{"vhost": "/", "name": "jem-gen", "pattern": r"^amq\.gen", "apply-to": "queues",
                      "definition": {"expires": expires_ms, "max-length-bytes": 67108864,
                                     "overflow": "drop-head"}}],
    }


class RabbitMQ:
    """Started by start(), whose state lives on in its folder through kill() and start() again.

    One `beside` another joins its cluster at its first start."""

    def __init__(self, folder, expires_ms=60000, name="jem", beside=None, **more):
        found = sorted(glob.glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin"))
        if not found:
            skip("no RabbitMQ here (Debian package rabbitmq-server)")
        self.sbin = found[-1]
        self.home = os.path.join(folder, name)
        self.port, dist, own_port = _free_ports(3)
        self.epmd_port = beside.epmd_port if beside else own_port
        self.has_epmd = beside is None
        self.node = f"{name}@localhost"
        self.beam = self.epmd = None
        for part in ("log", "mnesia", "gen"):
            os.makedirs(os.path.join(self.home, part), mode=0o700)
        self.url = f"amqp://{USER}@127.0.0.1:{self.port}"
        self.credentials = os.path.join(folder, f"{name}.credentials")
        with open(os.open(self.credentials, os.O_WRONLY | os.O_CREAT, 0o600), "w",
                  encoding="ascii") as file:
            file.write(f"{USER}:{PASSWORD}\njob42:{PASSWORD}\n")
        self._write("enabled_plugins", "[rabbitmq_amqp1_0].\n")
        self._write("defs.json", json.dumps({**definitions(expires_ms), **more}))
        self._write("rabbitmq.conf", "\n".join([
            f"listeners.tcp.1 = 127.0.0.1:{self.port}", f"load_definitions = {self.home}/defs.json",
            "loopback_users = none", "disk_free_limit.absolute = 50MB",
            "log.file.level = warning", *([
                "cluster_formation.peer_discovery_backend = classic_config",
                f"cluster_formation.classic_config.nodes.1 = {beside.node}"] if beside else [])
        ]) + "\n")
        self._write("advanced.config", "[].\n")
        self.environment = {
            **os.environ, "HOME": self.home, "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_MNESIA_BASE": f"{self.home}/mnesia", "RABBITMQ_LOG_BASE": f"{self.home}/log",
            "RABBITMQ_PID_FILE": f"{self.home}/rabbit.pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{self.home}/enabled_plugins",
            "RABBITMQ_CONFIG_FILE": f"{self.home}/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{self.home}/advanced.config",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_GENERATED_CONFIG_DIR": f"{self.home}/gen",
            "RABBITMQ_DIST_PORT": str(dist), "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}"}
        self._cookie()

    def _write(self, name, text):
        with open(os.path.join(self.home, name), "w", encoding="utf-8") as file:
            file.write(text)

    def _cookie(self):
        path = os.path.join(self.home, ".erlang.cookie")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o400), "w", encoding="ascii") as file:
            file.write("JEMTESTCOOKIE")

    def control(self, *words, timeout=60):
        return subprocess.run([os.path.join(self.sbin, "rabbitmqctl"), *words], timeout=timeout,
                              env=self.environment, stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode()

    def start(self):
        if self.has_epmd and self.epmd is None:
            self.epmd = spawn([shutil.which("epmd"), "-address", "127.0.0.1", "-port",
                               str(self.epmd_port)], env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
        with open(os.path.join(self.home, "out.log"), "ab") as out:
            server = spawn([os.path.join(self.sbin, "rabbitmq-server")], env=self.environment,
                           stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                           start_new_session=True)
        pid_file = os.path.join(self.home, "rabbit.pid")
        wait_until(lambda: os.path.exists(pid_file) or server.poll() is not None, 60,
                   "RabbitMQ's pid")
        check(server.poll() is None, "RabbitMQ started")
        said = self.control("wait", "--timeout", "90", pid_file, timeout=120)
        with open(pid_file, encoding="ascii") as text:
            self.beam = int(text.read())
        wait_until(self._listens, 60, f"RabbitMQ's port: {said}")
        return self

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def signal(self, number):
        os.kill(self.beam, number)

    def _end(self, number):
        if self.beam is not None:
            os.kill(self.beam, number)
            wait_until(lambda: _is_gone(self.beam), 60, "the end of RabbitMQ")
            self.beam = None
        pid_file = os.path.join(self.home, "rabbit.pid")
        if os.path.exists(pid_file):
            os.unlink(pid_file)

    def kill(self):
        self._end(signal.SIGKILL)

    def stop(self):
        try:
            self._end(signal.SIGTERM)
        finally:
            if self.epmd is not None:
                self.epmd.kill()
                self.epmd.wait()
                self.epmd = None

    def queues(self):
        """The names of its queues with their lengths."""
        text = self.control("list_queues", "-q", "--no-table-headers", "name", "messages")
        return dict((line.split("\t")[0], int(line.split("\t")[1])) for line in text.splitlines()
                    if "\t" in line)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        self.stop()


class Cluster:
    """Three of them on one epmd, whose durable queue is a quorum queue with a copy on each."""

    def __init__(self, folder):
        empty = {"queues": [], "bindings": []}
        first = RabbitMQ(folder, name="jem0", **empty)
        self.nodes = [first, *(RabbitMQ(folder, name=f"jem{i}", beside=first, **empty)
                               for i in (1, 2))]
        self.credentials = first.credentials

    def __enter__(self):
        try:
            self.nodes[0].start()
            with futures.ThreadPoolExecutor() as pool:
                list(pool.map(RabbitMQ.start, self.nodes[1:]))
            self._declare()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _declare(self):
        """Once all are there: a quorum queue gets a copy on each node that there is."""
        whole = definitions(60000)
        queues = [{**whole["queues"][0], "arguments": {"x-queue-type": "quorum"}}]
        path = os.path.join(self.nodes[0].home, "queue.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"queues": queues, "bindings": whole["bindings"]}, file)
        said = self.nodes[0].control("import_definitions", path)
        check("Error" not in said, f"import_definitions: {said}")
        [(leader, members)] = self.members()
        check_equal(len(members), 3, f"copies of the queue, led by {leader}")

    def members(self):
        """(leader, members) of each queue, told by a node that runs."""
        node = next(node for node in self.nodes if node.beam is not None)
        text = node.control("list_queues", "-q", "--no-table-headers", "leader", "members")
        return [(line.split("\t")[0], re.findall(r"[^\[\], ]+", line.split("\t")[1]))
                for line in text.splitlines() if "\t" in line]

    def leader_first(self):
        """The nodes, that which leads the queue before the others."""
        [(leader, _)] = self.members()
        return sorted(self.nodes, key=lambda node: node.node != leader)

    def __exit__(self, kind, value, trace):
        for node in reversed(self.nodes):
            node.kill()
        self.nodes[0].stop()
