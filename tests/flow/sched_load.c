/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_load: jobs whose scheduling is known.
 *
 *	sched_load spin MS          runs for so long on a core; prints its processor time in ns
 *	sched_load wake COUNT       wakes its child so often; prints both thread numbers, then for each the
 *	                            time before and after (CLOCK_MONOTONIC, ns)
 *	sched_load switch COUNT     the same without a word, between "ready" and "done", each of which is
 *	                            followed by a line that is waited for
 *	sched_load family           a child, its child and a thread of that, with names of their own; prints
 *	                            their thread numbers
 *	sched_load wait             until its standard input ends; prints "ready" first
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t read_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int spin(long ms)
{
	uint64_t used;

	do
		used = read_ns(CLOCK_PROCESS_CPUTIME_ID);
	while (used < (uint64_t)ms * 1000000u);
	printf("%" PRIu64 "\n", read_ns(CLOCK_PROCESS_CPUTIME_ID));
	return 0;
}

static void echo(int from, int to)
{
	char byte;

	while (read(from, &byte, 1) == 1)
		if (write(to, &byte, 1) != 1)
			break;
}

static int wake(long count, int is_told)
{
	const struct timespec pause = { 0, 2000000 };
	int to[2];
	int fro[2];
	char byte = 0;
	pid_t child;

	if (pipe(to) < 0 || pipe(fro) < 0)
		return 1;
	child = fork();
	if (!child) {
		close(to[1]);
		echo(to[0], fro[1]);
		_exit(0);
	}
	if (is_told)
		printf("%d %d\n", (int)getpid(), (int)child);
	for (long i = 0; i < count; i++) {
		uint64_t before;
		uint64_t after;

		if (is_told)
			nanosleep(&pause, NULL); /* so that the child sleeps when it is woken */
		before = read_ns(CLOCK_MONOTONIC);
		if (write(to[1], &byte, 1) != 1)
			return 1;
		after = read_ns(CLOCK_MONOTONIC);
		if (is_told)
			printf("%" PRIu64 " %" PRIu64 "\n", before, after);
		if (read(fro[0], &byte, 1) != 1)
			return 1;
	}
	close(to[1]);
	return waitpid(child, NULL, 0) != child;
}

static void *be_thread(void *arg)
{
	const struct timespec pause = { 0, 20000000 };

	(void)arg;
	prctl(PR_SET_NAME, "jem-thread");
	printf("%d\n", (int)gettid());
	fflush(stdout);
	nanosleep(&pause, NULL);
	return NULL;
}

static int family(void)
{
	pid_t child = fork();

	if (!child) {
		pid_t grandchild = fork();
		pthread_t thread;

		if (!grandchild) {
			prctl(PR_SET_NAME, "jem-grandchild");
			printf("%d\n", (int)getpid());
			fflush(stdout);
			if (pthread_create(&thread, NULL, be_thread, NULL))
				_exit(1);
			pthread_join(thread, NULL);
			_exit(0);
		}
		prctl(PR_SET_NAME, "jem-child");
		_exit(waitpid(grandchild, NULL, 0) != grandchild);
	}
	return waitpid(child, NULL, 0) != child;
}

static int wait_for_line(const char *word)
{
	char byte;

	puts(word);
	fflush(stdout);
	while (read(0, &byte, 1) == 1)
		if (byte == '\n')
			return 0;
	return 1;
}

static int switch_between(long count)
{
	return wait_for_line("ready") || wake(count, 0) || wait_for_line("done");
}

static int wait_for_end(void)
{
	char byte;

	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 7;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	long number = argc > 2 ? atol(argv[2]) : 0;

	if (!strcmp(what, "spin"))
		return spin(number);
	if (!strcmp(what, "wake"))
		return wake(number, 1);
	if (!strcmp(what, "switch"))
		return switch_between(number);
	if (!strcmp(what, "family"))
		return family();
	return strcmp(what, "wait") ? 2 : wait_for_end();
}
