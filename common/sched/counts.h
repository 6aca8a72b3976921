/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counts: how many selected tasks run and how many wait, over time, from slices.
 */
#ifndef JEM_COMMON_SCHED_COUNTS_H
#define JEM_COMMON_SCHED_COUNTS_H

#include "common/sched/select.h"

/* From `at_ns` to that of the next step. `runnable` counts the running too (red line of the paper). */
struct jem_sched_step {
	int64_t at_ns;
	uint32_t running;
	uint32_t runnable;
};

struct jem_sched_counts {
	struct jem_sched_step *steps; /* owned; the first is at the window's start */
	size_t count;
	uint64_t run_ns, wait_ns; /* integrals over the window */
	uint32_t running_max, runnable_max;
};

int jem_sched_counts_make(const struct jem_sched_model *model,
			  const struct jem_sched_select *select, struct jem_sched_counts *ret);
void jem_sched_counts_deinit(struct jem_sched_counts *counts);

#endif
