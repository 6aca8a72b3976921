/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock: ticks of the rings. The time-stamp counter where it is invariant, else CLOCK_MONOTONIC.
 *
 * Neither rdtscp nor a fence: they cost as much again, and what they order is a few nanoseconds.
 *
 * Where the program forbids itself the counter (PR_TSC_SIGSEGV, strict seccomp) time stands still: calls are
 * counted and recorded at the last instant. A process that begins so asks the kernel instead.
 */
#ifndef JEM_TRACER_PRELOAD_CLOCK_H
#define JEM_TRACER_PRELOAD_CLOCK_H

#include "tracer/preload/state.h"

/* Nanoseconds of CLOCK_MONOTONIC, by the vDSO where it is there and may be used. */
uint64_t jem_clock_mono_ns(void);

/* Ticks where the counter is not used. */
JEM_SAVES uint64_t jem_clock_other_ticks(void);

/*
 * Chooses the clock of this process and notes one instant on both. A file is read when the counter's rate
 * cannot be measured any more, on another machine perhaps: it has the slower clock.
 */
void jem_clock_start(bool is_for_file);

/* The instant that was noted, in nanoseconds of CLOCK_REALTIME. */
uint64_t jem_clock_start_wall_ns(void);

static inline uint64_t jem_ticks_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline uint64_t jem_ticks(void)
{
	return likely(jem_state.is_tsc) ? jem_ticks_tsc() : jem_clock_other_ticks();
}

#endif
