/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls_target: a loop around an empty function, for tests/bench/calls.
 *
 *	calls_target CALLS ROUNDS THREADS [DEPTH | good | null | bad | anew]
 *	calls_target 0 0 1 [fault]
 *
 * No calls: the nanoseconds of two time stamps, or of a fault and its handler.
 * DEPTH: the calls are those of a binary tree of calls instead, so deep: 2 << DEPTH paths. The words: of a
 * function with three arguments, the last one a pointer: to something, NULL, to a page that may not be
 * read, or to another such page each time.
 * Calls it once, then runs the loop ROUNDS times on each thread, together, and prints a line each: the
 * nanoseconds that a call took, of thread CPU time, the worst thread counting. With JEM_BENCH_MEET it
 * waits before every round, and once after the last, for a byte on descriptor 3 after one on 4. With
 * JEM_BENCH_PAUSE_MS it pauses there: whoever reads what a round leaves behind can keep up.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define PLAIN __attribute__((no_instrument_function))

static long calls;
static long rounds;
static long depth;

enum {
	PAGE = 4096,
	BAD_PAGES = 1 << 18,
	THREADS_MAX = 8,
	ROUNDS_MAX = 1000,
};

static pthread_barrier_t together;
static double took[THREADS_MAX][ROUNDS_MAX];

struct thing {
	long n[4];
};

static struct thing thing = { { 1, 2, 3, 4 } };
static char *pointer; /* of the third argument; NULL with `is_given` false: another function */
static long step;     /* of the pointer, each call */
static int is_given;

void given(int a, int b, const struct thing *c);
void give(long count);

void empty(void);
void left(long below);
void right(long below);
void around(long count);

__attribute__((noinline)) void empty(void)
{
}

__attribute__((noinline)) void left(long below)
{
	if (!below)
		return;
	left(below - 1);
	right(below - 1);
}

__attribute__((noinline)) void right(long below)
{
	if (!below)
		return;
	left(below - 1);
	right(below - 1);
}

__attribute__((noinline)) void given(int a, int b, const struct thing *c)
{
	(void)a;
	(void)b;
	(void)c;
}

PLAIN __attribute__((noinline)) void give(long count)
{
	char *from = pointer;
	long at = 0;

	for (long i = 0; i < count; i++) {
		given((int)i, 7, (const struct thing *)(const void *)(from + at));
		at = (at + step) & ((long)BAD_PAGES * PAGE - 1);
	}
}

/* Its own call is one in many: it does not count. */
PLAIN __attribute__((noinline)) void around(long count)
{
	if (is_given) {
		give(count);
		return;
	}

	long calls_each = depth ? (2l << depth) - 1 : 1;

	for (long i = 0; i < count / calls_each; i++) {
		if (depth)
			left(depth);
		else
			empty();
	}
}

static PLAIN double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static PLAIN void meet(void)
{
	char byte;
	const char *pause_ms = getenv("JEM_BENCH_PAUSE_MS");

	if (pause_ms)
		usleep((useconds_t)strtoul(pause_ms, NULL, 10) * 1000);
	if (getenv("JEM_BENCH_MEET") && write(4, "a", 1) == 1 && read(3, &byte, 1) != 1)
		_exit(1);
}

static PLAIN void *measure(void *row)
{
	double *ns = row;

	around(calls / 10);
	for (long i = 0; i < rounds; i++) {
		pthread_barrier_wait(&together);
		if (ns == took[0])
			meet();
		pthread_barrier_wait(&together);

		double start = now_ns();

		around(calls);
		ns[i] = (now_ns() - start) / (double)calls;
	}
	return NULL;
}

static PLAIN double time_stamps_ns(void)
{
	double least = 1e9;

	for (int r = 0; r < 10; r++) {
		double start = now_ns();

		for (int i = 0; i < 200000; i++) {
			uint32_t low, high;

			__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
			__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
		}

		double ns = (now_ns() - start) / 200000;

		least = ns < least ? ns : least;
	}
	return least;
}

static volatile uintptr_t after_fault;

static PLAIN void redirect(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (greg_t)after_fault;
}

/* What the kernel takes for a fault and a handler that goes on behind it, and nothing else. */
static PLAIN double fault_ns(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_NODEFER };
	double least = 1e9;

	action.sa_sigaction = redirect;
	sigaction(SIGSEGV, &action, NULL);
	for (int r = 0; r < 100; r++) {
		double start = now_ns();

		for (int i = 0; i < 1000; i++)
			__asm__ volatile("leaq 1f(%%rip), %%rax\n"
					 "movq %%rax, %0\n"
					 "movq 0, %%rax\n"
					 "1:"
					 : "=m"(after_fault)
					 :
					 : "rax", "memory");

		double ns = (now_ns() - start) / 1000;

		least = ns < least ? ns : least;
	}
	return least;
}

static PLAIN void choose(const char *what)
{
	depth = strtol(what, NULL, 10);
	is_given = what[0] > '9';
	if (!strcmp(what, "good"))
		pointer = (char *)&thing;
	if (!strcmp(what, "bad") || !strcmp(what, "anew"))
		pointer = mmap(NULL, (size_t)BAD_PAGES * PAGE, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	step = strcmp(what, "anew") ? 0 : PAGE;
}

static PLAIN void print_rounds(long threads)
{
	for (long i = 0; i < rounds; i++) {
		double worst = 0;

		for (long t = 0; t < threads; t++)
			worst = took[t][i] > worst ? took[t][i] : worst;
		printf("%.2f\n", worst);
	}
}

PLAIN int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	long count = argc > 3 ? strtol(argv[3], NULL, 10) : 1;

	calls = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
	rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 5;
	choose(argc > 4 ? argv[4] : "0");
	if (count < 1 || count > THREADS_MAX || rounds < 0 || rounds > ROUNDS_MAX || depth > 24)
		return 1;
	if (!calls) {
		printf("%.2f\n", is_given ? fault_ns() : time_stamps_ns());
		return 0;
	}
	empty();
	if (depth)
		left(1);
	if (is_given)
		give(1);
	pthread_barrier_init(&together, NULL, (unsigned)count);
	meet();
	for (long i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, measure, took[i]);
	for (long i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	meet();
	print_rounds(count);
	return 0;
}
