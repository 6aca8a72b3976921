#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""doc/delivery.md is true: its configuration is taken, its commands and options exist."""
import os
import re
import subprocess

from authority import Authority
from jemtest import case, check, check_equal, jem, main, program
from rabbitmq import RabbitMQ
from spooling import said

TOP = os.environ["top_srcdir"]


def page():
    with open(os.path.join(TOP, "doc", "delivery.md"), encoding="utf-8") as text:
        return text.read()


def blocks():
    """The indented blocks of the page."""
    found, block = [], []
    for line in page().splitlines() + [""]:
        if line.startswith("    "):
            block.append(line[4:])
        elif block:
            found.append("\n".join(block))
            block = []
    return found


@case
def its_configuration_is_good(folder):
    [text] = [block for block in blocks() if block.startswith("[broker]")]
    secrets = os.path.join(folder, "users")
    with open(os.open(secrets, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
        file.write("jane:secret\n")
    path = os.path.join(folder, "jem.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(text.replace("/etc/jem/broker.users", secrets).replace(
            "/etc/grid-security/certificates", Authority(folder).hashed()).replace(
                "broker.example.org", "127.0.0.1:1"))
    done = jem("check", "--config", path)
    faults = done.stderr.decode().splitlines()
    check_equal(len(faults), 1, f"only the broker is not there: {faults}")
    check("127.0.0.1:1" in faults[0], faults[0])


@case
def every_key_of_it_is_known(folder):
    manual = subprocess.run([program("jem-tool"), "manual", "keys"], check=True,
                            capture_output=True).stdout.decode().replace("\\", "")
    for key in set(re.findall(r"`((?:tls|broker|run|log|spool)\.[a-z_]+)", page())):
        section, name = key.split(".")
        check(section in manual and name in manual, f"{key} is a key")
    for name in re.findall(r"^\| `(\w+)` \|", page(), re.M):
        check(f"{name}" in manual, f"spool.{name} is a key")


@case
def its_spool_commands_run(folder):
    jem("run", "--set", "run.drain=0.5", "--set", f"spool.dir={folder}/DIR", "--broker",
        "unix:/nowhere", "--", "true", cwd=folder)
    [text] = [block for block in blocks() if block.startswith("jem spool")]
    for line in text.splitlines():
        words = [word.replace("URL", "unix:/nowhere") for word in line.split()[1:]]
        if "send" in words:
            words[2:2] = ["--wait", "1"]
        done = jem(*words, cwd=folder)
        check_equal(done.returncode, 69 if "send" in words else 0, f"{line}: {said(done)}")


@case
def its_broker_commands_run(folder):
    """What it tells a site to set up is taken by a real RabbitMQ."""
    with RabbitMQ(folder) as broker:
        [policy] = [block for block in blocks() if "set_policy" in block]
        [rights] = [block for block in blocks() if "set_topic_permissions" in block]
        for line in (policy, rights):
            words = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], check=True,
                                   capture_output=True).stdout.decode().split("\0")[1:-1]
            told = broker.control(*words)
            check("Error" not in told, f"{line}: {told}")
        check("jem-gen" in broker.control("list_policies"), "the policy is there")


main()
