/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls_pace: calls at a steady rate, for tests/bench/calls_rate.py.
 *
 *	calls_pace CALLS_A_SECOND SECONDS
 *
 * Small trees of calls of eight functions, a thousandth of a second's worth at a time; the rest of it is
 * computed away, as a job would. Where it comes too late it goes on at once, so that the mean is kept.
 * Prints the calls and how long they took in all.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PLAIN __attribute__((no_instrument_function))

enum {
	TREE = 10 /* calls of event() */
};

double leaf_a(double x);
double leaf_b(double x);
double leaf_c(double x);
double leaf_d(double x);
double pair_a(double x);
double pair_b(double x);
double stage(double x);
double event(double x);

__attribute__((noinline)) double leaf_a(double x)
{
	return x * 0.5;
}

__attribute__((noinline)) double leaf_b(double x)
{
	return x + 0.25;
}

__attribute__((noinline)) double leaf_c(double x)
{
	return x * x;
}

__attribute__((noinline)) double leaf_d(double x)
{
	return 1 - x;
}

__attribute__((noinline)) double pair_a(double x)
{
	return leaf_a(x) + leaf_b(x);
}

__attribute__((noinline)) double pair_b(double x)
{
	return leaf_c(x) + leaf_d(x);
}

__attribute__((noinline)) double stage(double x)
{
	return pair_a(x) + pair_b(x);
}

__attribute__((noinline)) double event(double x)
{
	return stage(leaf_a(x)) + leaf_b(x);
}

static PLAIN uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

PLAIN int main(int argc, char **argv)
{
	long rate = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
	double seconds = argc > 2 ? strtod(argv[2], NULL) : 1;
	uint64_t start = now_ns();
	long steps = (long)(seconds * 1000);
	long events = rate / 1000 / TREE;
	double sum = 0;

	for (long step = 0; step < steps; step++) {
		while (now_ns() < start + (uint64_t)step * 1000000)
			;
		for (long i = 0; i < events; i++)
			sum += event((double)(i & 255) / 256);
	}
	printf("%ld %.3f %g\n", steps * events * TREE, (double)(now_ns() - start) / 1e9, sum);
	return 0;
}
