/* SPDX-License-Identifier: Apache-2.0 */
/*
 * death: runs a program as its tracer and tells what a core file would say of its end.
 *
 *	death FILE PROGRAM [ARGUMENT...]
 *
 * The program's streams are ours. FILE gets a line: `ended N`, or `killed SIGNAL code C address A pc P`
 * as they are when the signal is delivered that nobody handles; addresses of 4 GiB and more, which
 * differ from run to run, as `high`.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static siginfo_t last;
static struct user_regs_struct last_registers;

static const char *shown(unsigned long address, char *text, size_t size)
{
	if (address >= 1ul << 32)
		return "high";
	snprintf(text, size, "%#lx", address);
	return text;
}

static void tell_end(FILE *to, int status)
{
	char address[32];
	char pc[32];

	if (WIFEXITED(status)) {
		fprintf(to, "ended %d\n", WEXITSTATUS(status));
		return;
	}
	fprintf(to, "killed %d core %d", WTERMSIG(status), !!WCOREDUMP(status));
	if (last.si_signo == WTERMSIG(status))
		fprintf(to, " code %d address %s pc %s", last.si_code,
			last.si_code > 0
				? shown((unsigned long)last.si_addr, address, sizeof(address))
				: "none",
			shown(last_registers.rip, pc, sizeof(pc)));
	fputc('\n', to);
}

/* One stop of one thread or process; the status of the end of `child`, or -1. */
static int go_on(pid_t child)
{
	int status;
	int sig;
	pid_t pid = waitpid(-1, &status, __WALL);

	if (pid < 0)
		exit(99);
	if (!WIFSTOPPED(status))
		return pid == child ? status : -1;
	sig = WSTOPSIG(status);
	if (status >> 16 || sig == SIGTRAP || sig == SIGSTOP) {
		sig = 0; /* a new thread or child, or exec */
	} else if (ptrace(PTRACE_GETSIGINFO, pid, NULL, &last) < 0 ||
		   ptrace(PTRACE_GETREGS, pid, NULL, &last_registers) < 0) {
		last.si_signo = 0;
	}
	ptrace(PTRACE_CONT, pid, NULL, (void *)(long)sig);
	return -1;
}

int main(int argc, char **argv)
{
	long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	FILE *to;
	pid_t child;
	int status = -1;

	if (argc < 3)
		return 99;
	to = fopen(argv[1], "we");
	child = to ? fork() : -1;
	if (child < 0)
		return 99;
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execv(argv[2], argv + 2);
		_exit(99);
	}
	if (waitpid(child, &status, 0) != child ||
	    ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)options) < 0 ||
	    ptrace(PTRACE_CONT, child, NULL, NULL) < 0)
		return 99;
	do {
		status = go_on(child);
	} while (status < 0);
	tell_end(to, status);
	return fclose(to) ? 99 : 0;
}
