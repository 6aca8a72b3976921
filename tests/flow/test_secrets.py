# SPDX-License-Identifier: Apache-2.0
"""Secrets planted wherever a job and its configuration have text: none leaves.

Each secret is a word of its own, so that a find tells which way was open. They are looked for on
the wire, in the folder of the report (compressed segments unpacked) and in what jem says itself.
"""
import base64
import os
import subprocess
import sys

import contract
from contract import Recorder
from jemtest import Failed, case, check, check_equal, main, program, spawn

PEM_BODY = "MIIEpAIBAAKCAQEAPLANTEDpemLINE{}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

SECRETS = {}


def plant(where):
    """A new secret; told by `where` it stands if it is found."""
    word = f"plntd{len(SECRETS):02d}zq"
    SECRETS[word] = where
    return word


def jwt(word):
    parts = [b'{"alg":"HS256"}', f'{{"sub":"{word}"}}'.encode(), word.encode()]
    token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    SECRETS[token.split(".")[1]] = SECRETS[word]
    return token


def log_lines():
    user_and_password = base64.b64encode(f"jane:{plant('Basic, decoded')}".encode()).decode()
    SECRETS[user_and_password] = "Basic"
    SECRETS[PEM_BODY.format(1)] = "body of a PEM block in a log"
    SECRETS[PEM_BODY.format(2)] = "second line of a PEM block in a log"
    return [
        f"password={plant('NAME=value in a log')}",
        f"12:00:01 INFO db_password: {plant('name: value in a log')}",
        f"{{\"user\": \"jane\", \"apiToken\": \"{plant('JSON in a log')}\"}}",
        f"{{\\\"secret\\\":\\\"{plant('JSON within JSON in a log')}\\\"}}",
        f"{{'auth': ['{plant('list in a Python dict in a log')}']}}",
        f"GET https://jane:{plant('URL userinfo in a log')}@host/x",
        f"GET https://host/x?access_token={plant('URL query in a log')}&n=1",
        f"Authorization: Bearer {plant('Authorization header in a log')}",
        f"sent with bearer {plant('bearer in running text')}",
        f"header Basic {user_and_password}",
        f"Set-Cookie: sid={plant('cookie in a log')}; Path=/",
        f"token in use {jwt(plant('JWT in a log'))}",
        f"+ export AWS_SECRET_ACCESS_KEY='{plant('shell trace in a log')}'",
        f"+ curl --token {plant('command in a log')} https://host",
        f"<password>{plant('XML in a log')}</password>",
        f"site word {plant('pattern of privacy.redact')}-internal",
        "-----BEGIN RSA PRIVATE KEY-----", PEM_BODY.format(1), PEM_BODY.format(2), "xyz=",
        "-----END RSA PRIVATE KEY-----",
        f"login with password:{plant('capture that is called password')}",
        f"failed with key={plant('alert text from a capture')} here",
        "the last line",
    ]


def config(path):
    with open(path, "w", encoding="utf-8") as text:
        text.write(f"""
[metrics]
interval = 0.2s
[privacy]
redact = \\w+-internal
[rule login]
log = login with password:(?<password>\\S+)
severity = info
text = ${{password}} came in
[rule failed]
log = failed with (?<what>\\S+) here
severity = warning
text = ${{what}}
level = error
[rule processes]
when = processes > 0
severity = info
text = started with token={plant('text of a threshold rule')}
""")


def environment():
    return {
        **os.environ,
        "X509_USER_PROXY": f"/tmp/{plant('X509_USER_PROXY')}",
        "BEARER_TOKEN": jwt(plant("BEARER_TOKEN")),
        "BEARER_TOKEN_FILE": f"/tmp/{plant('BEARER_TOKEN_FILE')}",
        "MY_PASSWORD": plant("variable"),
        "OMP_NUM_THREADS": "2",
        "LD_LIBRARY_PATH": f"/opt/token={plant('value of an allowed variable')}/lib",
    }


JOB = """
import os, shutil, subprocess, sys, time
folder, name, files, lines = sys.argv[1], sys.argv[2], sys.argv[3:5], sys.argv[5:]
sleeper = os.path.join(folder, name)
shutil.copy("/bin/sleep", sleeper)
child = subprocess.Popen([sleeper, "2"])
with open(os.path.join(folder, "job.log"), "w") as out:
    out.write("\\n".join(open(os.path.join(folder, "lines")).read().split("\\n")))
for path in files:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as out:
        out.write("one line\\n")
child.wait()
"""


def arguments(folder):
    """The job: its command line, the name of a process, and names of files hold secrets too."""
    SECRETS["plnt9q"] = "name of a process"
    files = [os.path.join(folder, f"token={plant('name of a followed file')}.txt"),
             os.path.join(folder, f"secret={plant('name of a folder')}", "x.txt")]
    with open(os.path.join(folder, "lines"), "w", encoding="utf-8") as text:
        text.write("\n".join(log_lines()))
    return files, [
        sys.executable, "-c", JOB, folder, "key=plnt9q", *files,
        "--password", plant("argument after an option"),
        f"--auth-token={plant('option with =')}",
        "--header", f"Authorization: Bearer {plant('header as an argument')}",
        f"https://jane:{plant('URL as an argument')}@host/",
        f"--db={{\"password\": \"{plant('JSON as an argument')}\"}}",
        "-passphrase", f"two words {plant('argument with blanks')}",
    ]


def prepare(folder):
    SECRETS.clear()
    files, command = arguments(folder)
    path = os.path.join(folder, "jem.conf")
    config(path)
    options = ["--config", path, "--log", os.path.join(folder, "job.log")]
    for name in files:
        options += ["--log", name]
    work = os.path.join(folder, f"cookie={plant('working directory')}")
    os.mkdir(work)
    return [program("jem"), "run", *options], command, {"cwd": work, "env": environment()}


def look_for_secrets(places):
    check(len(SECRETS) >= 30, f"only {len(SECRETS)} secrets were planted")
    found = [f"{SECRETS[word]} ({word}) in {place}" for place, content in places.items()
             for word in SECRETS if word.encode() in content]
    if found:
        raise Failed("; ".join(found))


def folder_bytes(folder):
    """Every file under a folder, unpacked: {path: bytes}."""
    content = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if not os.path.isfile(path):
                continue
            with open(path, "rb") as data:
                content[path] = data.read()
            if name.endswith(".zst"):
                content[path] = subprocess.run(["zstd", "-dcq", path], check=True,
                                               stdout=subprocess.PIPE).stdout
    return content


def check_alive(log_texts):
    """What is no secret came, so nothing was hidden by silence."""
    for text in ("password=***", "GET https://***@host/x", "the last line",
                 "+ curl --token *** https://host", "login with password:***"):
        if text not in log_texts and not any(text in t for t in log_texts):
            raise Failed(f"{text} is not among {log_texts}")


@case
def no_secret_is_on_the_wire(folder):
    url = f"unix:{folder}/broker.sock"
    broker = spawn([program("jem-tool"), "broker", "--listen", url], stdout=subprocess.PIPE)
    broker.stdout.readline()
    with Recorder(url) as recorder:
        jem, command, options = prepare(folder)
        done = subprocess.run([*jem, "--broker", url, "--", *command], check=False, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, **options)
        check_equal(done.returncode, 0, done.stderr.decode())
        recorder.wait(lambda seen: any(r["state"] == "monitor_ended"
                                       for r in seen.records("status")), what="the end")
        check_alive([r["text"] for r in recorder.records("log")])
        check(len(recorder.records("alert")) >= 3, "an alert is missing")
        check(any("command" in r for r in recorder.records("status")), "no command line")
        look_for_secrets({"the wire": recorder.bytes(), "standard error": done.stderr})


@case
def no_secret_is_in_the_folder(folder):
    jem, command, options = prepare(folder)
    report = os.path.join(folder, "report")
    done = subprocess.run([*jem, "--out", report, "--", *command], check=False, timeout=60,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **options)
    check_equal(done.returncode, 0, done.stderr.decode())
    lines = contract.check_report(report)
    check_alive([line["text"] for line in lines["log"]])
    content = folder_bytes(report)
    for name in ("index.html", "job.log", "data/log.jsonl", "data/status.jsonl"):
        check(os.path.join(report, name) in content, f"{name} is missing")
    look_for_secrets({**content, "standard error": done.stderr})


main()
