/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trees FACTS TREE: jobs whose processes are hard to follow.
 *
 * Every process appends "PID CPU_NS PEAK_KB NAME" to the file FACTS just before it ends: the
 * truth that the monitor is held to. Newlines in names are written as |.
 *
 *   thread    a child of a thread that is not the main one
 *   daemon    double fork with setsid: the job's child is nobody's child any more
 *   churn     forty children of 150 ms, five at a time
 *   names     names with blanks, brackets and newlines
 *   spike     a child that holds 200 MB for a tenth of a second
 *   inherit   small programs started by a process of 200 MB
 *   ignore    children that nobody waits for (SIGCHLD is ignored)
 *   write     4 MiB ten times a second for three seconds, every third time by a child
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MB 1000000

static const char *facts;

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static _Noreturn void end(const char *name)
{
	int fd = open(facts, O_WRONLY | O_APPEND | O_CREAT, 0666);
	struct rusage usage;
	char line[128];
	int len;

	getrusage(RUSAGE_SELF, &usage);
	len = snprintf(line, sizeof(line), "%d %llu %ld %s\n", (int)getpid(),
		       (unsigned long long)clock_ns(CLOCK_PROCESS_CPUTIME_ID), usage.ru_maxrss,
		       name);
	for (int i = 0; i < len - 1; i++)
		if (line[i] == '\n')
			line[i] = '|';
	if (fd < 0 || write(fd, line, (size_t)len) != len)
		_exit(1);
	_exit(0);
}

static void burn(double seconds)
{
	uint64_t until = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + (uint64_t)(seconds * 1e9);

	while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < until)
		for (int i = 0; i < 10000; i++)
			__asm__ volatile(""); /* or the loop is left out */
}

static void rest(double seconds)
{
	struct timespec t = { .tv_sec = (time_t)seconds,
			      .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9) };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		continue;
}

static char *hold(size_t bytes)
{
	char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		exit(1);
	memset(memory, 1, bytes);
	return memory;
}

static void name(const char *text)
{
	prctl(PR_SET_NAME, text);
}

static void wait_all(void)
{
	while (wait(NULL) > 0 || errno == EINTR)
		continue;
}

static void *make_child(void *arg)
{
	(void)arg;
	if (!fork()) {
		name("thread-born");
		hold(60 * MB);
		burn(1.2);
		rest(1.5);
		end("thread-born");
	}
	wait_all();
	return NULL;
}

static void tree_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, make_child, NULL);
	pthread_join(thread, NULL);
}

static void tree_daemon(void)
{
	int fds[2];
	char byte;

	if (pipe(fds) < 0)
		exit(1);
	if (!fork()) {
		close(fds[0]);
		setsid();
		if (!fork()) {
			name("daemonised");
			hold(40 * MB);
			burn(1.0);
			rest(2.2);
			end("daemonised"); /* closes the pipe */
		}
		name("go-between");
		end("go-between");
	}
	close(fds[1]);
	wait_all();
	while (read(fds[0], &byte, 1) < 0 && errno == EINTR)
		continue;
	rest(0.2); /* so that its reaper has it */
}

static void tree_churn(void)
{
	int running = 0;

	for (int i = 0; i < 40; i++) {
		if (running == 5 && wait(NULL) > 0)
			running--;
		if (!fork()) {
			char text[16];

			snprintf(text, sizeof(text), "churn-%d", i);
			name(text);
			burn(0.15);
			end(text);
		}
		running++;
	}
	wait_all();
}

static void tree_names(void)
{
	static const char *const names[] = { "my job 7",   "a) R 1 (",    "((",       "))",
					     "two\nlines", ") S 1 1 1 1", "\xff\xfe", "a\tb\\\"" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!fork()) {
			name(names[i]);
			burn(0.2);
			rest(2.5);
			end(names[i]);
		}
	}
	wait_all();
}

static void tree_spike(void)
{
	if (!fork()) {
		name("spike");
		char *memory = hold(200 * MB);

		rest(0.1);
		munmap(memory, 200 * MB);
		end("spike");
	}
	wait_all();
}

static void tree_inherit(void)
{
	char *memory = hold(200 * MB);
	pid_t child = fork();

	if (!child) {
		execlp("sleep", "sleep", "2.5", NULL);
		_exit(127);
	}
	for (int i = 0; i < 20; i++) { /* copies that live on as another program, unseen by ticks */
		if (!fork()) {
			execlp("true", "true", NULL);
			_exit(127);
		}
		wait(NULL);
	}
	/* An orphan that the launcher reaps: its ru_maxrss is ours. */
	if (!fork()) {
		if (!fork()) {
			execlp("sleep", "sleep", "1.2", NULL);
			_exit(127);
		}
		_exit(0);
	}
	wait_all();
	rest(0.1);
	munmap(memory, 200 * MB);
}

static void tree_ignore(void)
{
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 6; i++) {
		if (!fork()) {
			name("unwaited");
			burn(i % 2 ? 0.2 : 1.1);
			end("unwaited");
		}
	}
	wait_all();
}

static void write_some(int fd, size_t bytes)
{
	static char block[1 << 16];

	while (bytes) {
		size_t n = bytes < sizeof(block) ? bytes : sizeof(block);
		ssize_t done = write(fd, block, n);

		if (done < 0)
			exit(1);
		bytes -= (size_t)done;
	}
}

static void tree_write(void)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC);
	int fd = open("/dev/null", O_WRONLY);

	for (int i = 0; i < 30; i++) {
		uint64_t due = start + (uint64_t)i * 100000000;
		uint64_t now = clock_ns(CLOCK_MONOTONIC);

		if (due > now)
			rest((double)(due - now) / 1e9);
		if (i % 3 == 2) {
			if (!fork()) {
				write_some(fd, 4 << 20);
				_exit(0);
			}
			wait(NULL);
		} else {
			write_some(fd, 4 << 20);
		}
	}
	rest(1.5);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} trees[] = {
		{ "thread", tree_thread }, { "daemon", tree_daemon }, { "churn", tree_churn },
		{ "names", tree_names },   { "spike", tree_spike },   { "inherit", tree_inherit },
		{ "ignore", tree_ignore }, { "write", tree_write },
	};

	if (argc != 3)
		return 2;
	facts = argv[1];
	for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++) {
		if (strcmp(trees[i].name, argv[2]))
			continue;
		trees[i].run();
		end("main");
	}
	return 2;
}
