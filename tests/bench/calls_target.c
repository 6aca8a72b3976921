/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls_target: a loop around an empty function, for tests/bench/calls.
 *
 *	calls_target CALLS ROUNDS THREADS
 *
 * Calls it once, waits for a byte on descriptor 3 (if that is open) after one on 4, then runs the
 * loop ROUNDS times on each thread and prints the fewest nanoseconds that a call took, of thread
 * CPU time, the worst thread counting.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PLAIN __attribute__((no_instrument_function))

static long calls;
static long rounds;

void empty(void);
void around(long count);

__attribute__((noinline)) void empty(void)
{
}

/* Its own call is one in many: it does not count. */
PLAIN __attribute__((noinline)) void around(long count)
{
	for (long i = 0; i < count; i++)
		empty();
}

static PLAIN double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static PLAIN void *measure(void *least)
{
	*(double *)least = 1e9;
	around(100000);
	for (long i = 0; i < rounds; i++) {
		double start = now_ns();
		double ns;

		around(calls);
		ns = (now_ns() - start) / (double)calls;
		*(double *)least = ns < *(double *)least ? ns : *(double *)least;
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

PLAIN int main(int argc, char **argv)
{
	pthread_t threads[8];
	double least[8], worst = 0;
	long count = argc > 3 ? strtol(argv[3], NULL, 10) : 1;
	char byte;

	calls = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
	rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 5;
	if (count > 8)
		return 1;
	if (!calls) {
		printf("%.2f\n", time_stamps_ns());
		return 0;
	}
	empty();
	if (write(4, "a", 1) == 1 && read(3, &byte, 1) != 1)
		return 1;
	for (long i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, measure, &least[i]);
	for (long i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
		worst = least[i] > worst ? least[i] : worst;
	}
	printf("%.2f\n", worst);
	return 0;
}
