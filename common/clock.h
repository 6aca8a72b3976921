/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock: CLOCK_MONOTONIC nanoseconds everywhere, wall clock only where a person or a wire needs it.
 *
 * One offset between the two is taken at the start of an epoch; steps of the wall clock over 1 ms
 * are noticed by jem_clock_step_ns and published, never hidden in the data.
 */
#ifndef JEM_COMMON_CLOCK_H
#define JEM_COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

struct jem_clock {
	int64_t offset_ns; /* wall = monotonic + offset */
};

static inline uint64_t jem_clock_read_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t jem_now_ns(void)
{
	return jem_clock_read_ns(CLOCK_MONOTONIC);
}

static inline uint64_t jem_wall_ns(void)
{
	return jem_clock_read_ns(CLOCK_REALTIME);
}

/* Takes the offset from the tightest of several paired readings. */
void jem_clock_init(struct jem_clock *clock);

/* How far the wall clock has been stepped since the offset was taken, in nanoseconds. */
int64_t jem_clock_step_ns(const struct jem_clock *clock);

static inline uint64_t jem_clock_wall_ns(const struct jem_clock *clock, uint64_t mono_ns)
{
	return mono_ns + (uint64_t)clock->offset_ns;
}

#endif
