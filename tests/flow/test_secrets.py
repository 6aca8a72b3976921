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


def look_for_secrets(places, planted=30):
    check(len(SECRETS) >= planted, f"only {len(SECRETS)} secrets were planted")
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


TRACED = """
#include <map>
#include <string>
#include <vector>
struct account {
	const char *user, *password;
	char token[24];
	struct { const char *secret_key; } inner;
	std::string api_key;
	std::vector<std::string> headers;
};
union either { const char *credential; long number; };
static volatile long sink;
static void plain_argument(const char *password, int n) { sink += password[n]; }
static void text_argument(const char *line, const std::string &same) { sink += line[0] + same[0]; }
static void array_argument(char (*auth_token)[24], const char *const *list)
{
	sink += list[0][0] + (*auth_token)[0];
}
static void structure(const account *a, const account &same, account copy) { sink += a->user[0]; }
static void either_of(either e, const std::map<std::string, std::string> *map) { sink += e.number; }
static const char *get_password(const account *a) { return a->password; }
static std::string pass_on(std::string text) { return text; }
static void number_argument(long pin_password, double secret) { sink += pin_password; }
static void inner_call(int n) { sink += n; }
static void with_locals(const char *secret)
{
	const char *passphrase = secret;
	std::string access_token = secret;
	char cookie[24] = "SECRET(local array)";
	inner_call(cookie[0] + passphrase[0] + access_token[0]);
}
int main(int argc, char **argv, char **envp)
{
	static char token[24] = "SECRET(array)";
	static const char *list[] = { "password=SECRET(item of a list)", "harmless item" };
	account a = { "jane", "SECRET(member)", "SECRET(member array)", { "SECRET(inner member)" },
		      "SECRET(member string)", { "Authorization: Bearer SECRET(item of a vector)" } };
	std::map<std::string, std::string> map = { { "password", "token=SECRET(value of a map)" } };
	static std::string line = "GET https://jane:SECRET(userinfo in a string)@host/";
	plain_argument("SECRET(argument)", argc);
	text_argument("db_password=SECRET(assignment in a string)", line);
	array_argument(&token, list);
	structure(&a, a, a);
	either e; e.credential = "SECRET(member of a union)";
	either_of(e, &map);
	sink += get_password(&a)[0] + pass_on("Set-Cookie: sid=SECRET(return value); Path=/")[0];
	number_argument(918273645091827L, 0.918273645091827);
	with_locals("SECRET(local)");
	text_argument("harmless text", line);
}
"""


def traced_program(folder):
    """A program in C++ whose values hold secrets: {where it lies}."""
    source = TRACED
    while "SECRET(" in source:
        before, _, after = source.partition("SECRET(")
        where, _, after = after.partition(")")
        source = before + plant(f"{where} of a traced call") + after
    SECRETS["918273645091827"] = "number"
    path = os.path.join(folder, "traced")
    subprocess.run(["g++", "-x", "c++", "-", "-g", "-O0", "-finstrument-functions", "-o", path],
                   input=source.encode(), check=True)
    return path


def check_values_came(content):
    """What is no secret came with its value, and what is one is told as hidden."""
    for text in (b"harmless text", b"harmless item", b"jane", b"redacted", b"plain_argument"):
        check(any(text in data for data in content.values()), f"{text} came nowhere")


@case
def no_secret_of_a_traced_call_leaves(folder):
    SECRETS.clear()
    job = traced_program(folder)
    url = f"unix:{folder}/broker.sock"
    broker = spawn([program("jem-tool"), "broker", "--listen", url], stdout=subprocess.PIPE)
    broker.stdout.readline()
    report = os.path.join(folder, "report")
    words = [job, "--password", plant("argument after an option"),
             f"--auth-token={plant('option with =')}"]
    # Not the library's own functions: what is a secret here is any text there.
    options = ["--calls", "*", "--values", "--set", "calls.limit=0", "--set", "calls.depth=4",
               "--set", "calls.wait=50s", "--set", "calls.exclude=std::*",
               "--set", "calls.exclude=__gnu_cxx::*"]
    with Recorder(url) as recorder:
        for where in (["--broker", url], ["--out", report]):
            done = subprocess.run([program("jem"), "run", *where, *options, "--", *words],
                                  check=False, timeout=100, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
                                  env={**os.environ, "API_TOKEN": plant("variable of a program")})
            check_equal(done.returncode, 0, done.stderr.decode())
        recorder.wait(lambda seen: {"call", "profile", "status"} <= {
            m.head["kind"] for m in seen.messages if m.head["final"]}, what="all calls")
        places = {"the wire": recorder.bytes(), "standard error": done.stderr}
    look_for_secrets(places, 19)
    check_values_came({"the wire": places["the wire"]})
    content = folder_bytes(report)
    check_values_came({path: data for path, data in content.items() if "call" in path})
    look_for_secrets(content, 19)


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
