/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idle: for how long, within any time of the last second or so, at least one core ran nothing.
 *
 * Answers how much of a task's wait was in vain. A core is known from its first switch on.
 *
 * Thread:    one
 * Bound:     POINTS points, of which none is nearer than POINT_NS to the one before: to a tenth of a
 *            millisecond, more than 0.8 s back; what is older counts as at the oldest point
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_IDLE_H
#define JEM_DAEMON_SOURCES_SCHED_IDLE_H

#include <stdbool.h>
#include <stdint.h>

#define JEM_IDLE_POINTS 8192u
#define JEM_IDLE_CORES  4096u

struct jem_idle {
	struct jem_idle_point {
		int64_t at_ns;
		uint64_t idle_ns; /* up to there */
	} points[JEM_IDLE_POINTS];
	uint64_t point_count; /* ever */
	uint8_t is_idle[JEM_IDLE_CORES];
	unsigned idle_cores;
	int64_t now_ns;
	uint64_t idle_ns;
};

int jem_idle_create(struct jem_idle **ret);
void jem_idle_destroy(struct jem_idle *idle);

/* A core runs something, or nothing, from `ns` on. Times do not go back. */
void jem_idle_set(struct jem_idle *idle, uint16_t cpu, bool is_idle, int64_t ns);

/* Nanoseconds of [from, to) in which a core was idle; `to` is no later than the last set. */
uint64_t jem_idle_within(const struct jem_idle *idle, int64_t from_ns, int64_t to_ns);

#endif
