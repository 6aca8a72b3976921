#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TLS between daemon, broker and receiver: who is let in, who is refused, and in what words."""
import os
import re
import signal
import socket
import ssl
import subprocess

from authority import Authority
from jemtest import (case, check, check_equal, check_in, end, jem, main, program, skip, spawn,
                     wait_until)
from spooling import said

NOBODY = 65534


def start_broker(folder, certificate, *options, words=("127.0.0.1",)):
    child = spawn([program("jem-tool"), "broker", "--listen", f"amqps://{words[0]}:0", "--set",
                   f"tls.cert={certificate}", *options], stdin=subprocess.DEVNULL,
                  stdout=subprocess.PIPE, stderr=open(os.path.join(folder, "broker.log"), "ab"))
    url = child.stdout.readline().decode().strip()
    check(url.startswith("amqps://"), f"the broker listens: {url!r}")
    return child, url


def check_broker(url, *options, wrap=()):
    """What `jem check` says of that broker."""
    return subprocess.run([*wrap, program("jem"), "check", "--set", f"broker.url={url}", *options],
                          timeout=60, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def refused(done, *words):
    check_equal(done.returncode, 78, f"exit status: {said(done)}")
    lines = [line for line in done.stderr.decode().splitlines() if "broker.url" in line]
    check_equal(len(lines), 1, f"one line: {said(done)}")
    for word in words:
        check_in(word, lines[0], "the line")


@case
def a_job_goes_through_tls(folder):
    authority = Authority(folder)
    _, url = start_broker(folder, authority.issue("broker", "IP:127.0.0.1,DNS:localhost"))
    for where in (url, url.replace("127.0.0.1", "localhost")):
        done = jem("run", "--broker", where, "--set", f"tls.ca={authority.pem}", "--", "true",
                   cwd=folder)
        check_equal(done.returncode, 0, "exit status")
        check("wait on disk" not in said(done), f"all was delivered: {said(done)}")
    with open(os.path.join(folder, "broker.log"), encoding="utf-8") as log:
        check("refused" not in log.read(), "nothing was refused")


@case
def a_receiver_reads_over_tls(folder):
    authority = Authority(folder)
    _, url = start_broker(folder, authority.issue("broker", "IP:127.0.0.1"))
    out, log = os.path.join(folder, "out"), os.path.join(folder, "receive.log")
    receiver = spawn([program("jem-tool"), "receive", "--broker", url, "--out", out, "--set",
                      f"tls.ca={authority.pem}"], stdin=subprocess.DEVNULL, stderr=open(log, "ab"))
    wait_until(lambda: "receiving from" in open(log, encoding="utf-8").read(), what="the receiver")
    text = os.path.join(folder, "big.txt")
    with open(text, "w", encoding="utf-8") as file:
        for number in range(20000):
            file.write(f"line {number} {'x' * 100}\n")
    done = jem("run", "--job", "big", "--broker", url, "--set", f"tls.ca={authority.pem}", "--log",
               "late.txt", "--", "sh", "-c", f"cp {text} late.txt; sleep 0.3", cwd=folder)
    check_equal(done.returncode, 0, "exit status")
    check_equal(end(receiver, signal.SIGTERM), 0, "exit status of the receiver")
    found = subprocess.run(["sh", "-c", f"cd {out}/local/*/big/data && (zstd -dcq log.*.zst; "
                            "cat log.jsonl) 2>/dev/null | grep -c '\"text\":\"line '"],
                           capture_output=True, check=False).stdout
    check_equal(int(found), 20000, "lines")


@case
def wrong_certificates_are_refused_in_one_line(folder):
    authority = Authority(folder)
    other = Authority(folder, "other")
    old = ("20200101000000Z", "20200201000000Z")
    cases = (
        (authority.issue("expired", "IP:127.0.0.1", days=old), authority.pem, "expired"),
        (authority.issue("elsewhere", "DNS:elsewhere.example"), authority.pem, "mismatch"),
        (other.issue("unknown", "IP:127.0.0.1"), authority.pem, "certificate"),
    )
    for certificate, ca, word in cases:
        child, url = start_broker(folder, certificate)
        refused(check_broker(url, "--set", f"tls.ca={ca}"), "refused", word)
        # The job does not care, and what could not be sent is kept.
        done = jem("run", "--set", "run.drain=1", "--set", f"spool.dir={folder}/{word}", "--broker",
                   url, "--set", f"tls.ca={ca}", "--", "sh", "-c", "exit 4", cwd=folder)
        check_equal(done.returncode, 4, "exit status of the job")
        check_in("wait on disk", said(done), "the last line")
        end(child)


@case
def revoked_certificates_are_refused(folder):
    authority = Authority(folder)
    certificate = authority.issue("broker", "IP:127.0.0.1")
    _, url = start_broker(folder, certificate)
    place = authority.hashed(with_list=False)
    done = check_broker(url, "--set", f"tls.ca={place}", "--set", "tls.crl=yes")
    refused(done, "CRL")
    place = authority.hashed()
    done = check_broker(url, "--set", f"tls.ca={place}", "--set", "tls.crl=yes")
    check_equal(done.returncode, 0, f"exit status with a list: {said(done)}")
    authority.revoke(certificate)
    place = authority.hashed()
    refused(check_broker(url, "--set", f"tls.ca={place}", "--set", "tls.crl=yes"), "revoked")


def as_nobody(folder):
    """A user that the broker does not trust by its uid."""
    if os.geteuid() != 0:
        skip("needs root to be somebody else")
    os.chmod(folder, 0o755)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def give(path, *, to=NOBODY):
    os.chown(path, to, to)
    return path


@case
def clients_show_a_certificate_or_a_password(folder):
    wrap = as_nobody(folder)
    authority = Authority(folder)
    os.chmod(authority.folder, 0o755)
    os.chmod(authority.pem, 0o644)
    secrets = os.path.join(folder, "users")
    mine = os.path.join(folder, "mine")
    wrong = os.path.join(folder, "wrong")
    for path, text in ((secrets, "jane:right\n"), (mine, "jane:right\n"), (wrong, "jane:wrong\n")):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(text)
    give(mine), give(wrong)
    ca = f"tls.ca={authority.pem}"
    certificate = authority.issue("broker", "IP:127.0.0.1")
    child, url = start_broker(folder, certificate, "--credentials", secrets)
    done = check_broker(url, "--set", ca, "--set", f"broker.credentials={mine}", wrap=wrap)
    check_equal(done.returncode, 0, f"a password under TLS: {said(done)}")
    refused(check_broker(url, "--set", ca, "--set", f"broker.credentials={wrong}", wrap=wrap))
    refused(check_broker(url, "--set", ca, wrap=wrap))
    end(child)

    child, url = start_broker(folder, certificate, "--set", "tls.clients=certificate", "--set", ca)
    jane = give(authority.issue("jane"))
    done = check_broker(url, "--set", ca, "--set", f"tls.cert={jane}", wrap=wrap)
    check_equal(done.returncode, 0, f"a certificate: {said(done)}")
    refused(check_broker(url, "--set", ca, wrap=wrap))
    stranger = give(Authority(folder, "stranger").issue("jane"))
    os.chmod(os.path.dirname(stranger), 0o755)
    refused(check_broker(url, "--set", ca, "--set", f"tls.cert={stranger}", wrap=wrap))
    proxy = give(authority.proxy(jane))
    refused(check_broker(url, "--set", ca, "--set", f"tls.cert={proxy}", wrap=wrap))
    end(child)

    child, url = start_broker(folder, certificate, "--set", "tls.clients=certificate", "--set", ca,
                              "--set", "tls.proxies=yes")
    done = check_broker(url, "--set", ca, "--set", f"tls.cert={proxy}", wrap=wrap)
    check_equal(done.returncode, 0, f"a proxy where it is allowed: {said(done)}")


@case
def old_versions_and_plain_bytes_are_refused(folder):
    authority = Authority(folder)
    child, url = start_broker(folder, authority.issue("broker", "IP:127.0.0.1"))
    host, port = re.match(r"amqps://(.*):(\d+)", url).groups()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        with socket.create_connection((host, int(port)), 10) as plain, context.wrap_socket(plain):
            check(False, "TLS 1.1 is taken")
    except (ssl.SSLError, ConnectionError):
        pass
    for junk in (b"AMQP\0\1\0\0", os.urandom(3000), b"GET / HTTP/1.0\r\n\r\n"):
        with socket.create_connection((host, int(port)), 10) as plain:
            plain.sendall(junk)
            plain.shutdown(socket.SHUT_WR)
            while True:
                try:
                    if not plain.recv(4096):
                        break
                except ConnectionError:
                    break
    # A client that speaks plain AMQP to it gets no secret out of the other side, and one line.
    refused(check_broker(url.replace("amqps", "amqp")))
    done = check_broker(url, "--set", f"tls.ca={authority.pem}")
    check_equal(done.returncode, 0, f"the broker lives: {said(done)}")
    check_equal(end(child), 0, "exit status of the broker")


@case
def what_cannot_be_listened_at_is_said(folder):
    authority = Authority(folder)
    certificate = authority.issue("broker")
    for options, words in (
            (["--listen", "0.0.0.0:0"], "needs TLS"),
            (["--listen", "amqps://127.0.0.1:0"], "tls.cert"),
            (["--listen", "amqps://0.0.0.0:0", "--set", f"tls.cert={certificate}"], "show who"),
            (["--listen", "amqps://127.0.0.1:0", "--set", "tls.cert=/nowhere"], "/nowhere")):
        done = subprocess.run([program("jem-tool"), "broker", *options], capture_output=True,
                              timeout=30, check=False, stdin=subprocess.DEVNULL)
        check(done.returncode != 0, f"{options} is refused")
        check_in(words, done.stderr.decode(), "the line")
    open_key = authority.issue("open")
    os.chmod(open_key, 0o644)
    done = subprocess.run([program("jem-tool"), "broker", "--listen", "amqps://127.0.0.1:0", "--set",
                           f"tls.cert={open_key}"], capture_output=True, timeout=30, check=False,
                          stdin=subprocess.DEVNULL)
    check_in("chmod 600", done.stderr.decode(), "the line")


main()
