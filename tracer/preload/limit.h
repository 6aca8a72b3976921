/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit: how many records a second a function and the process may make.
 *
 * Windows of a quarter of a second, each with a quarter of the limit; the first has a whole second's, so
 * that a short program is recorded whole. Approximate on purpose: counters of functions are shared by
 * threads without a lock, threads take shares of the process's records. Beyond a limit nothing shared
 * is written.
 */
#ifndef JEM_TRACER_PRELOAD_LIMIT_H
#define JEM_TRACER_PRELOAD_LIMIT_H

#include "tracer/preload/state.h"

#define JEM_LIMIT_CALL 2u /* records of a call */

void jem_limit_start(void);

/* False: over a limit. Counts two records, of the enter and its exit. Function 0: an unknown one. */
JEM_SAVES bool jem_limit_allows(struct jem_thread *self, uint32_t function, uint64_t ticks);

/* Most records of a window. */
static inline uint32_t jem_limit_quota(uint32_t limit)
{
	uint32_t part = limit >> jem_state.window_shift;

	return part < JEM_LIMIT_CALL ? JEM_LIMIT_CALL : part;
}

/* What jem_limit_allows would refuse, found out in place: most calls of a hot function. False: ask it. */
static inline bool jem_limit_is_over(const struct jem_thread *self, uint32_t function,
				     uint64_t ticks)
{
	uint32_t window = __atomic_load_n(&jem_state.window, __ATOMIC_ACQUIRE);
	uint32_t limit;
	uint64_t used;

	if (unlikely((int64_t)(ticks - jem_load(&jem_state.window_end)) >= 0))
		return false;
	if (self->window == window && self->tokens == 1)
		return true;
	limit = function < jem_state.function_count ? jem_state.functions[function].limit : 0;
	used = jem_load(&jem_state.tables->counters[function % JEM_COUNTERS_MAX]);
	return limit && (uint32_t)(used >> 32) == window &&
	       (uint32_t)used >= jem_limit_quota(limit);
}

#endif
