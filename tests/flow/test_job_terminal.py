# SPDX-License-Identifier: Apache-2.0
"""A job on a terminal, typed into an interactive bash: job control is the same with and without
jem run. Each scene is played twice on a pty of its own and the two transcripts compared.
"""
import fcntl
import os
import pty
import re
import select
import struct
import tempfile
import termios
import time

from jemtest import Failed, case, check_equal, check_in, main
from launching import PROBE, Place, monitors

PROMPT = "jem-test> "


class Terminal:
    """An interactive bash on a pty. What it printed is `text`."""

    def __init__(self, place):
        self.text = ""
        self.from_here = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(place.work)
            environment = place.environment(PS1=PROMPT, TERM="dumb", HISTFILE="/dev/null")
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"],
                       environment)
        self.resize(24, 200)
        self.expect(PROMPT)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return
        try:
            self.text += os.read(self.fd, 65536).decode(errors="replace")
        except OSError as fault:
            raise Failed(f"bash has ended: {self.text[-300:]!r}") from fault

    def expect(self, pattern, seconds=20):
        """Waits for the pattern in what was not looked at yet."""
        deadline = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text[self.from_here:])
            if found:
                self.from_here += found.end()
                return found.group(0)
            if time.monotonic() > deadline:
                raise Failed(f"no {pattern!r} in {self.text[self.from_here:]!r}")
            self.read(0.5)

    def type(self, text):
        os.write(self.fd, text.encode())

    def line(self, command, until=PROMPT):
        """A command; waits for the next prompt."""
        start = self.from_here
        self.type(command + "\n")
        self.expect(re.escape(until) if until == PROMPT else until)
        return self.text[start:self.from_here]

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def tidy(transcript, prefix):
    """Without the words that put the job under the monitor, process numbers and blank lines."""
    transcript = transcript.replace("\r", "")
    if prefix:
        transcript = transcript.replace(prefix + " ", "")
    transcript = re.sub(r"^\[1\] \d+$", "[1] PID", transcript, flags=re.M)
    return [line.rstrip() for line in transcript.split("\n") if line.strip()]


def play(place, scene, prefix):
    terminal = Terminal(place)
    try:
        scene(terminal, prefix + " " if prefix else "")
        return tidy(terminal.text, prefix)
    finally:
        terminal.close()


def compare(folder, scene):
    for monitor in monitors():
        with Place(tempfile.mkdtemp(prefix=f"{monitor}-", dir=folder), monitor) as place:
            prefix = " ".join(place.prefix())
            plain = play(place, scene, "")
            check_equal(play(place, scene, prefix), plain, "transcript")


def wait_ready(terminal):
    terminal.expect("ready\r\n")


READY = f"{PROBE} patient" # tells that it is ready, and when it was continued
SILENT = "sh -c 'echo ready; exec sleep 60'"


@case
def interrupt_and_quit_end_the_job(folder):
    def scene(terminal, jem):
        for key in ("\x03", "\x1c"):
            terminal.type(f"{jem}{READY}\n")
            wait_ready(terminal)
            terminal.type(key)
            terminal.expect(PROMPT)
            terminal.line("echo status $?")
    compare(folder, scene)


@case
def an_interrupt_ends_the_loop_around_the_job(folder):
    def scene(terminal, jem):
        terminal.type(f"for i in 1 2 3; do {jem}{READY}; done\n")
        wait_ready(terminal)
        terminal.type("\x03")
        terminal.expect(PROMPT)
        terminal.line("echo status $?")
    compare(folder, scene)


@case
def suspend_list_and_foreground(folder):
    def scene(terminal, jem):
        terminal.type(f"{jem}{READY}\n")
        wait_ready(terminal)
        for _ in range(2):
            terminal.type("\x1a")
            terminal.expect("Stopped")
            terminal.expect(PROMPT)
            terminal.line("jobs")
            terminal.type("fg\n")
            terminal.expect("goes on\r\n")
        terminal.type("\x03")
        terminal.expect(PROMPT)
        terminal.line("echo status $?")
    compare(folder, scene)


@case
def suspend_background_and_kill(folder):
    def scene(terminal, jem):
        terminal.type(f"{jem}{SILENT}\n")
        wait_ready(terminal)
        terminal.type("\x1a")
        terminal.expect("Stopped")
        terminal.expect(PROMPT)
        terminal.line("bg")
        terminal.line("jobs")
        terminal.line("kill %1; wait %1; echo status $?", r"status \d+\r\n")
        terminal.expect(PROMPT)
    compare(folder, scene)


@case
def a_background_job_ends_as_usual(folder):
    def scene(terminal, jem):
        terminal.line(f"{jem}sh -c 'sleep 0.2; exit 3' &")
        terminal.line("wait %1; echo status $?", r"status \d+\r\n")
        terminal.expect(PROMPT)
    compare(folder, scene)


@case
def a_background_reader_stops_and_reads_in_the_foreground(folder):
    def scene(terminal, jem):
        terminal.line(f"{jem}sh -c 'read x; echo got $x' &")
        while "Stopped" not in terminal.line("jobs"):
            pass
        terminal.text = ""
        terminal.from_here = 0
        terminal.type("fg\n")
        terminal.expect("got .x'\r\n")
        terminal.type("words\n")
        terminal.expect("got words\r\n")
        terminal.expect(PROMPT)
    compare(folder, scene)


@case
def a_background_writer_stops_under_tostop(folder):
    def scene(terminal, jem):
        terminal.line("stty tostop")
        terminal.line(f"{jem}sh -c 'echo text; exit 4' &")
        while "Stopped" not in terminal.line("jobs"):
            pass
        terminal.text = ""
        terminal.from_here = 0
        terminal.type("fg\n")
        terminal.expect("\r\ntext\r\n")
        terminal.expect(PROMPT)
        terminal.line("echo status $?")
    compare(folder, scene)


@case
def a_signal_of_the_terminal_comes_once(folder):
    def scene(terminal, jem):
        terminal.type(f"stty -echoctl; {jem}{PROBE} signals\n")
        terminal.expect(r"pid \d+\r\n")
        terminal.text = ""
        terminal.from_here = 0
        for _ in range(3):
            terminal.type("\x03")
            terminal.expect("signal 2 value 0\r\n")
        for rows in (30, 40):
            terminal.resize(rows, 100)
            terminal.expect("signal 28 value 0\r\n")
        terminal.type("\x1a")
        terminal.expect("signal 20 value 0\r\n")
        terminal.type("\x04")
        terminal.expect(PROMPT)
        terminal.line("echo status $?")
    compare(folder, scene)


@case
def the_terminal_is_not_taken(folder):
    script = "echo $(ps -o tpgid= -p $$) $(ps -o pgid= -p $$) > groups; tty"

    def scene(terminal, jem):
        terminal.line(f"{jem}sh -c '{script}' | sed s,/dev/pts/.*,a-terminal,")
        terminal.line("set -- $(cat groups); [ $1 = $2 ] && echo the same")
    compare(folder, scene)


@case
def an_interactive_shell_is_a_fine_job(folder):
    def scene(terminal, jem):
        terminal.line(f"{jem}bash --norc --noprofile --noediting -i")
        terminal.type(f"{READY}\n")
        wait_ready(terminal)
        terminal.type("\x1a")
        terminal.expect("Stopped")
        terminal.expect(PROMPT)
        terminal.type("fg\n")
        terminal.expect("goes on\r\n")
        terminal.type("\x03")
        terminal.expect(PROMPT)
        terminal.line("echo status $?")
        terminal.line("exit 7")
        terminal.line("echo status $?")
    compare(folder, scene)


@case
def hanging_up_ends_the_job(folder):
    for monitor in monitors():
        with Place(tempfile.mkdtemp(prefix=f"{monitor}-", dir=folder), monitor) as place:
            terminal = Terminal(place)
            script = 'trap "echo hup > told; exit 1" HUP; echo ready; while :; do sleep 0.05; done'
            # The job as the session's leader: the kernel tells the leader alone.
            terminal.type(f"exec {' '.join(place.prefix())} sh -c '{script}'\n")
            wait_ready(terminal)
            terminal.close()
            with open(os.path.join(place.work, "told")) as file:
                check_equal(file.read(), "hup\n", "what the job was told")


@case
def the_closing_lines_are_for_terminals(folder):
    with Place(tempfile.mkdtemp(dir=folder)) as place:
        prefix = " ".join(place.prefix(is_quiet=False))
        terminal = Terminal(place)
        text = terminal.line(f"{prefix} true")
        terminal.close()
        check_in("watch with: jem watch jem-", text, "the first line")
        check_in("ended with exit status 0", text, "the last line")
        check_in("jem: the first closing line of this one\r\n", text, "closing lines")
        check_in("jem:  [31mred     second\r\n", text, "closing lines without control characters")
        got = place.run([*place.prefix(is_quiet=False), "true"])
        check_equal(len(got.stderr.splitlines()), 2, "lines beside a pipe")


main()
