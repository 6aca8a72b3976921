/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe: a job that tells what it was given, for the tests that compare plain and monitored.
 *
 *	probe state           descriptors, folder, masks, limits, priorities, as lines KEY VALUE
 *	probe wait CMD...     runs CMD, then its wait status and ru_maxrss as one line on stderr
 *	probe signals         a line for every signal; ends with standard input
 *	probe patient         tells that it is ready, and when it was continued; for ever
 *	probe die SIG         dies of a signal (its core file, if any, is named core.*)
 *	probe lines N SIZE    N lines of SIZE bytes on standard output and error in turn
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell_descriptors(void)
{
	for (int fd = 0; fd < 1024; fd++) {
		int flags = fcntl(fd, F_GETFD);
		char link[64];
		char target[512];
		ssize_t n;

		if (flags < 0)
			continue;
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		printf("fd%d %d %o %s\n", fd, flags, fcntl(fd, F_GETFL), target);
	}
}

static void tell_status_lines(void)
{
	static const char *const wanted[] = { "SigQ",    "SigPnd",       "ShdPnd", "SigBlk",
					      "SigIgn",  "SigCgt",       "CapInh", "CapPrm",
					      "CapEff",  "CapBnd",       "CapAmb", "NoNewPrivs",
					      "Seccomp", "Cpus_allowed", "Umask",  "Groups" };
	FILE *file = fopen("/proc/self/status", "re");
	char line[1024];

	while (file && fgets(line, sizeof(line), file))
		for (size_t i = 1; i < sizeof(wanted) / sizeof(*wanted); i++)
			if (!strncmp(line, wanted[i], strlen(wanted[i])) &&
			    line[strlen(wanted[i])] == ':')
				fputs(line, stdout);
	if (file)
		fclose(file);
}

static void tell_file(const char *key, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[1024] = "";

	if (file && fgets(line, sizeof(line), file))
		printf("%s %s", key, line);
	if (file)
		fclose(file);
}

static void tell_timers(void)
{
	for (int i = 0; i < 3; i++) {
		struct itimerval timer;

		getitimer((__itimer_which_t)i, &timer);
		/* Whole minutes: the test sets long ones. */
		printf("timer%d %ld %ld\n", i, (long)(timer.it_value.tv_sec + 59) / 60,
		       (long)timer.it_interval.tv_sec);
	}
}

static int tell_state(char **environment)
{
	char folder[4096];
	struct sched_param parameters;

	tell_descriptors();
	tell_status_lines();
	printf("cwd %s\n", getcwd(folder, sizeof(folder)) ? folder : "-");
	for (int i = 0; i < RLIMIT_NLIMITS; i++) {
		struct rlimit limit;

		getrlimit((__rlimit_resource_t)i, &limit);
		printf("rlimit%d %llu %llu\n", i, (unsigned long long)limit.rlim_cur,
		       (unsigned long long)limit.rlim_max);
	}
	printf("nice %d\n", getpriority(PRIO_PROCESS, 0));
	printf("policy %d %d\n", sched_getscheduler(0), sched_getparam(0, &parameters));
	printf("personality %d\n", personality(0xffffffff));
	printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
	printf("timerslack %d\n", prctl(PR_GET_TIMERSLACK));
	printf("subreaper-parent-ids %d %d\n", (int)getuid(), (int)getegid());
	printf("session %d group %d\n", (int)getsid(0), (int)getpgrp());
	tell_file("oom", "/proc/self/oom_score_adj");
	tell_file("cgroup", "/proc/self/cgroup");
	tell_timers();
	for (; *environment; environment++)
		printf("env %s\n", *environment);
	return fflush(stdout) ? 1 : 0;
}

/* Small itself, so that ru_maxrss is the command's. */
static int wait_for(char **words, char **environment)
{
	struct rusage usage;
	pid_t pid;
	int status;
	int rc = posix_spawnp(&pid, words[0], NULL, NULL, words, environment);

	if (rc)
		return rc;
	while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR)
		continue;
	fprintf(stderr, "status %d maxrss %ld cpu_us %lld\n", status, usage.ru_maxrss,
		(long long)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec +
			(long long)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec);
	return 0;
}

static int tell_signals(void)
{
	sigset_t all;
	int fd;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	fd = signalfd(-1, &all, SFD_CLOEXEC);
	dprintf(STDOUT_FILENO, "pid %d\n", (int)getpid());
	for (;;) {
		struct pollfd wait[] = { { .fd = fd, .events = POLLIN },
					 { .fd = STDIN_FILENO, .events = POLLIN } };
		struct signalfd_siginfo info;
		char c;

		if (poll(wait, 2, -1) < 0)
			continue;
		if (wait[0].revents && read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
			dprintf(STDOUT_FILENO, "signal %u value %d\n", info.ssi_signo,
				info.ssi_code == SI_QUEUE ? info.ssi_int : 0);
		else if (wait[1].revents && read(STDIN_FILENO, &c, 1) <= 0)
			return 0;
		else if (wait[1].revents)
			dprintf(STDOUT_FILENO, "mark %c\n", c);
	}
}

static void tell_continued(int sig)
{
	(void)sig;
	if (write(STDOUT_FILENO, "goes on\n", 8) < 0)
		_exit(1);
}

static _Noreturn void be_patient(void)
{
	struct sigaction tell = { .sa_handler = tell_continued };

	sigaction(SIGCONT, &tell, NULL);
	dprintf(STDOUT_FILENO, "ready\n");
	for (;;)
		pause();
}

static int die_of(int sig)
{
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t none;

	sigemptyset(&none);
	sigaction(sig, &by_default, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	kill(getpid(), sig);
	return 99;
}

static int write_lines(int count, int size)
{
	char *line = malloc((size_t)size + 1);

	if (!line || size < 16)
		return 1;
	for (int i = 0; i < count; i++) {
		memset(line, 'a' + i % 26, (size_t)size);
		line[snprintf(line, 16, "%d ", i)] = ' ';
		line[size - 1] = '\n';
		for (int done = 0; done < size;) {
			ssize_t n = write(1 + i % 2, line + done, (size_t)(size - done));

			if (n < 0)
				return 2;
			done += (int)n;
		}
	}
	free(line);
	return 0;
}

int main(int argc, char **argv, char **environment)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "state"))
		return tell_state(environment);
	if (!strcmp(what, "wait") && argc > 2)
		return wait_for(argv + 2, environment);
	if (!strcmp(what, "signals"))
		return tell_signals();
	if (!strcmp(what, "patient"))
		be_patient();
	if (!strcmp(what, "die") && argc > 2)
		return die_of(atoi(argv[2]));
	if (!strcmp(what, "lines") && argc > 3)
		return write_lines(atoi(argv[2]), atoi(argv[3]));
	fprintf(stderr, "probe: what?\n");
	return 64;
}
