/* SPDX-License-Identifier: Apache-2.0 */
/*
 * select: the part of a recording that a graph or a number is about: window, tasks, cores.
 *
 * The options of dat2graph and running_waiting (RR-9498 section 3) with the same names.
 */
#ifndef JEM_COMMON_SCHED_SELECT_H
#define JEM_COMMON_SCHED_SELECT_H

#include "common/sched/model.h"

struct jem_sched_select {
	int64_t zero_ns;        /* what the axis calls 0 */
	int64_t from_ns, to_ns; /* the window, on the clock of the data */
	bool only_forked;       /* tasks born within the data */
	const char
		*target; /* comm begins with it; others are drawn black, not left out. NULL: all */
	const uint16_t *cpus; /* only these cores; NULL: all */
	size_t cpu_count;
};

struct jem_sched_window {
	bool after_sleep; /* zero is the end of the first task named "sleep", born in the data if any */
	double min_s, max_s; /* from zero; NAN: the whole */
};

/*
 * The window in the clock of the data, and its zero; the rest of `ret` is left as it is. Returns 1 if there is no sleep to begin after (then zero is the
 * start: to be said), else 0.
 */
int jem_sched_select_window(const struct jem_sched_model *model,
			    const struct jem_sched_window *window, struct jem_sched_select *ret);

/* The two halves of jem_sched_select_has: the core need be asked only once for all its slices. */
bool jem_sched_select_cpu(const struct jem_sched_select *select, uint16_t number);
bool jem_sched_select_task(const struct jem_sched_model *model,
			   const struct jem_sched_select *select, uint32_t task);

/* Cuts an interval to the window: is anything left? */
bool jem_sched_select_cut(const struct jem_sched_select *select, int64_t *from_ns, int64_t *to_ns);

/* Is the slice of the selection, but for its times? */
bool jem_sched_select_has(const struct jem_sched_model *model,
			  const struct jem_sched_select *select,
			  const struct jem_sched_slice *slice);

#endif
