# SPDX-License-Identifier: Apache-2.0
"""Bash scripts under jem run --scripts: they do what they do without, and every command is recorded."""
import glob
import json
import os
import shutil
import subprocess

from contract import check_report
from jemtest import TOP, case, check, check_equal, check_in, main, program, wait_until

CORPUS = sorted(glob.glob(os.path.join(TOP, "tests", "flow", "bash", "*.bash")))


def run(folder, words, prefix=(), **options):
    """Runs the command in a fresh folder of always the same name: its end, streams and files."""
    work = os.path.join(folder, "work")
    shutil.rmtree(work, ignore_errors=True)
    os.mkdir(work)
    done = subprocess.run([*prefix, *words], cwd=work, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=60, check=False, **options)
    files = {}
    for where, _, names in os.walk(work):
        for name in names:
            with open(os.path.join(where, name), "rb") as file:
                files[os.path.relpath(os.path.join(where, name), work)] = file.read()
    return {"status": done.returncode, "stdout": done.stdout, "stderr": done.stderr, "files": files}


def monitored(folder, words, *options, **more):
    report = os.path.join(folder, "report")
    shutil.rmtree(report, ignore_errors=True)
    end = run(folder, words, [program("jem"), "run", "--quiet", "--scripts", "--out", report,
                              *options, "--"], **more)
    return end, report


def lines(report, kind="script"):
    path = os.path.join(report, "data", f"{kind}.jsonl")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        return file.write(text)


def follow(folder, text, *options):
    """The records of a script, and its end."""
    script = os.path.join(folder, "script.bash")
    with open(script, "w", encoding="utf-8") as file:
        file.write(text)
    end, report = monitored(folder, ["bash", script], *options)
    return lines(report), end, report


def told(records):
    return [(r["event"], r["line"], r.get("function", ""), r.get("expanded", r.get("text", "")),
             r.get("status")) for r in records if r["event"] != "start"]


@case
def the_corpus_does_what_it_does_without(folder):
    check(len(CORPUS) >= 40, f"{len(CORPUS)} scripts")
    for script in CORPUS:
        plain = run(folder, ["bash", script])
        seen, report = monitored(folder, ["bash", script])
        for what, value in plain.items():
            check_equal(seen[what], value, f"{what} of {os.path.basename(script)}")
        check_report(report)
        check(lines(report), f"nothing is recorded of {os.path.basename(script)}")


@case
def commands_calls_and_returns_are_all_recorded_in_order(folder):
    write(folder, "lib", "true in $1\nfalse\n")
    lib = os.path.join(folder, "lib")
    records, end, _ = follow(folder, """x=5
greet() {
	local who=$1
	echo "hello $who"
	return 3
}
greet world || echo "rc $?"
false
for i in 1 2; do : "$i"; done
[[ $x == 5 ]]
(( x > 9 ))
cat /nonexistent
. ./lib one
exit 7
""".replace("./lib", lib))
    check_equal(end["status"], 7, "status")
    check_equal(told(records), [
        ("command", 1, "", "x=5", 0),
        ("call", 7, "greet", "greet world", None),
        ("command", 3, "greet", "local who=world", 0),
        ("command", 4, "greet", 'echo "hello world"', 0),
        ("command", 5, "greet", "return 3", 3),
        ("return", 7, "greet", "", 3),
        ("command", 7, "", 'echo "rc 3"', 0),
        ("command", 8, "", "false", 1),
        ("command", 9, "", "for i in 1 2", None),
        ("command", 9, "", ': "1"', 0),
        ("command", 9, "", "for i in 1 2", None),
        ("command", 9, "", ': "2"', 0),
        ("command", 10, "", "[[ 5 == 5 ]]", 0),
        ("command", 11, "", "(( x > 9 ))", 1),
        ("command", 12, "", "cat /nonexistent", 1),
        ("call", 13, "source", f". {lib} one", None),
        ("command", 1, "source", "true in one", 0),
        ("command", 2, "source", "false", 1),
        ("return", 13, "source", "", 1),
        ("command", 14, "", "exit 7", 7),
    ], "records")


@case
def pipelines_and_what_runs_beside_have_their_own_statuses(folder):
    records, _, _ = follow(folder, """(exit 4) | true
sh -c 'exit 5' | sh -c 'exit 6' | cat
sleep 0.01 &
wait $!
y=$(exit 3)
( false; exit 8 )
""")
    by_text = {r["text"]: r for r in records if r["event"] == "command"}
    check_equal([by_text[t].get("status") for t in ("sh -c 'exit 5'", "sh -c 'exit 6'", "cat")],
                [5, 6, 0], "statuses of a pipeline")
    check_equal(by_text["cat"].get("pipeline"), True, "part of a pipeline")
    check_equal(by_text["sleep 0.01"].get("background"), True, "in the background")
    check("status" not in by_text["sleep 0.01"], "a status of what runs on")
    check_equal(by_text["y=$(exit 3)"]["status"], 3, "status of a substitution")
    check_equal(by_text["exit 3"]["subshell"], 1, "subshells")
    check(by_text["exit 8"]["pid"] != by_text["wait $!"]["pid"], "a subshell is its parent")
    check_equal(by_text["exit 8"]["status"], 8, "status of a subshell")


@case
def a_loop_of_many_is_counted_into_the_profile(folder):
    count = 5000
    records, _, report = follow(folder, f"""for (( i = 0; i < {count}; i++ )); do
	: body
done
""", "--set", "scripts.limit=50")
    recorded = sum(r.get("text") == ": body" for r in records)
    check(0 < recorded < count / 10, f"{recorded} recorded")
    last = [r for r in lines(report, "profile") if r["lang"] == "bash" and r["line"] == 2][-1]
    check_equal(last["calls"], count, "calls in the profile")
    check_equal(last["recorded"], recorded, "recorded, by the profile")
    check_report(report)


@case
def a_command_that_does_not_end_is_told(folder):
    records, end, _ = follow(folder, "echo one\ncommand=hangs\nexec timeout 0.2 sleep 30\n")
    check_equal(end["status"], 124, "status")
    check_equal(records[-1]["text"], "exec timeout 0.2 sleep 30", "the last record")
    _, end, report = follow(folder, "echo one\nread -r x < <(sleep 1.5; kill -KILL $$)\n")
    check_equal(end["status"], -9, "status")
    wait_until(lambda: any(r["event"] == "start" and r["line"] == 2 for r in lines(report)),
               what="the start of what hung")


@case
def secrets_in_commands_are_hidden(folder):
    _, _, report = follow(folder, """DB_PASSWORD=hunter2hunter2
: login -p"$DB_PASSWORD" --password "$DB_PASSWORD"
: curl -H "Authorization: Bearer abcdefghijklmnop0123456789"
""")
    for name in ("data/script.jsonl", "job.log"):
        with open(os.path.join(report, name), encoding="utf-8") as file:
            text = file.read()
        for secret in ("hunter2", "abcdefghijklmnop"):
            check(secret not in text, f"{secret} in {name}")


@case
def what_cannot_be_followed_is_said_and_runs(folder):
    end, report = monitored(folder, ["sh", "-c", "echo from sh; exit 3"])
    check_equal((end["status"], end["stdout"]), (3, b"from sh\n"), "the job's end")
    check_equal(lines(report), [], "records of sh")
    texts = [r for r in lines(report, "status") if r.get("what") == "scripts"]
    check_equal([r["level"] for r in texts], ["none"], "what is said")
    check_in("env -i", texts[0]["text"], "what is said")


@case
def a_users_own_file_goes_on(folder):
    write(folder, "own", "echo from the own file\nown=1\n")
    environment = dict(os.environ, BASH_ENV=os.path.join(folder, "own"))
    words = ["bash", "-c", 'echo "$own"; bash -c "echo inner \\$own"']
    plain = run(folder, words, env=environment)
    seen, report = monitored(folder, words, env=environment)
    check_equal(seen, plain, "the job's end")
    texts = [r["text"] for r in lines(report) if "text" in r]
    check_in('echo inner $own', texts, "commands of the inner shell")
    check(any(t.startswith("bash -c") for t in texts), f"the outer shell's command: {texts}")


@case
def a_large_script_of_the_system_does_the_same(folder):
    for words in (["bash", "/usr/bin/ldd", "/bin/ls"], ["bash", "/usr/bin/ldd", "--version"]):
        plain = run(folder, words)
        seen, report = monitored(folder, words)
        check(lines(report), "nothing is recorded")
        if words[-1] == "--version":
            check_equal(seen, plain, "the end")
        check_equal(seen["status"], plain["status"], "status")


if __name__ == "__main__":
    main()
