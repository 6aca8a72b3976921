/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/clock.h"

#include <cpuid.h>
#include <time.h>

enum {
	POWER_LEAF = 0x80000007,
	INVARIANT_TSC = 1 << 8,
};

uint64_t jem_clock_mono_ns(void)
{
	struct timespec now = { 0, 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool has_invariant_tsc(void)
{
	unsigned eax, ebx, ecx, edx;

	return __get_cpuid(POWER_LEAF, &eax, &ebx, &ecx, &edx) && (edx & INVARIANT_TSC);
}

void jem_clock_start(void)
{
	jem_state.is_tsc = has_invariant_tsc();
	/* The reading of the other clock lies between two of ours: the middle is its instant. */
	uint64_t before = jem_ticks();
	uint64_t mono_ns = jem_clock_mono_ns();
	uint64_t after = jem_ticks();

	jem_state.start_ticks = before + (after - before) / 2;
	jem_state.start_mono_ns = mono_ns;
}
