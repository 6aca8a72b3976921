#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A broker that asks for less than was configured gets nothing: no password, no records, one line."""
import os
import subprocess
import sys

from jemtest import TOP, case, check, check_equal, check_in, end, jem, main, program, skip, spawn
from spooling import said

FAKE = os.path.join(TOP, "tests", "flow", "fake_broker.py")
PASSWORD = "not-a-secret"


def credentials(folder):
    path = os.path.join(folder, "credentials")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
        file.write(f"jem:{PASSWORD}\n")
    return path


def start_fake(address, *way, wrap=()):
    child = spawn([*wrap, sys.executable, FAKE, address, *way], stdin=subprocess.DEVNULL,
                  stdout=subprocess.PIPE)
    line = child.stdout.readline()
    return child, f"amqp://jem@{address}:{int(line)}" if line else ""


def check_refused(folder, child, url, words, wrap=()):
    """jem check says why in one line, and the broker heard neither password nor open frame."""
    done = subprocess.run([*wrap, program("jem"), "check", "--set", f"broker.url={url}", "--set",
                           f"broker.credentials={credentials(folder)}"], timeout=60, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True)
    heard = bytes.fromhex(child.stdout.readline().decode())
    check_equal(done.returncode, 78, f"exit status: {said(done)}")
    lines = [line for line in done.stderr.decode().splitlines() if "broker.url" in line]
    check_equal(len(lines), 1, f"one line: {said(done)}")
    for word in words:
        check_in(word, lines[0], "the line")
    check(PASSWORD.encode() not in heard, f"no password is sent: {heard}")
    check(b"jem-check" not in heard, f"nothing is opened: {heard}")
    return heard


@case
def a_login_is_never_less_than_configured(folder):
    for way, words in (
            (("offer", "ANONYMOUS"), ("no login with a password", "only ANONYMOUS;")),
            (("offer", "ANONYMOUS", "EXTERNAL"), ("no login with a password", "EXTERNAL")),
            (("offer", "NTLM", "X-\x1b[31m"), ("unauthorized-access",)),
            (("offer", "SCRAM-SHA-256"), ("does not know the password",)),
            (("offer", "PLAIN", "SCRAM-SHA-256"), ("does not know the password",)),
            (("outcome",), ("a success before there was one",)),
            (("plain",), ("Expected SASL",))):
        child, url = start_fake("127.0.0.1", *way)
        check_refused(folder, child, url, words)
        end(child)


@case
def a_job_keeps_what_such_a_broker_would_have_got(folder):
    for way in (("offer", "ANONYMOUS"), ("outcome",)):
        child, url = start_fake("127.0.0.1", *way)
        spool = os.path.join(folder, way[0])
        done = jem("run", "--set", "run.drain=1", "--set", f"spool.dir={spool}", "--broker", url,
                   "--credentials", credentials(folder), "--", "sh", "-c", "exit 3", cwd=folder)
        check_equal(done.returncode, 3, "exit status of the job")
        check_in("wait on disk", said(done), "the last line")
        heard = bytes.fromhex(child.stdout.readline().decode())
        check(b"jem." not in heard and PASSWORD.encode() not in heard, f"nothing is sent: {heard}")
        end(child)


@case
def no_password_goes_beyond_the_machine_without_tls(folder):
    """An address that is not of loopback, in a network of the test's own."""
    net = ["unshare", "-rn", "sh", "-c",
           'ip link set lo up && ip addr add 192.0.2.1/32 dev lo && exec "$@"', "sh"]
    if subprocess.run([*net, "true"], check=False, capture_output=True).returncode != 0:
        skip("no network namespace of one's own here (unshare -rn, iproute2)")
    for mechanisms in (("PLAIN",), ("PLAIN", "ANONYMOUS")):
        child, url = start_fake("192.0.2.1", "offer", *mechanisms, wrap=net)
        check(url, "the broker listens")
        inside = ["nsenter", "--preserve-credentials", "-U", "-n", "-t", str(child.pid)]
        heard = check_refused(folder, child, url, ("not sent without TLS",), wrap=inside)
        check(b"jem" not in heard, f"the user is not named either: {heard}")
        end(child)


main()
