/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats: what each task and each command had of a selection.
 *
 * A slice that began before the window, or ends after it, counts with the part inside.
 */
#ifndef JEM_COMMON_SCHED_STATS_H
#define JEM_COMMON_SCHED_STATS_H

#include "common/sched/select.h"

struct jem_sched_task_stats {
	uint32_t task; /* index in the model */
	uint32_t slices;
	uint32_t migrations; /* slices on another core than the one before */
	uint64_t run_ns, wait_ns;
};

struct jem_sched_command_stats {
	uint32_t comm; /* index in the model's names, JEM_SCHED_NONE: not known */
	uint32_t pids; /* tasks that ran under this name */
	uint64_t run_ns;
	uint64_t switches;         /* to it, in the window */
	int64_t first_ns, last_ns; /* begin of its first and end of its last execution */
};

struct jem_sched_stats {
	struct jem_sched_task_stats *tasks; /* owned; the longest run first, then by number */
	size_t task_count;
	struct jem_sched_command_stats *commands; /* owned; the longest run first, then by name */
	size_t command_count;
};

/* 0 or -ENOMEM. Tasks and commands of which nothing is in the selection are left out. */
int jem_sched_stats_make(const struct jem_sched_model *model, const struct jem_sched_select *select,
			 struct jem_sched_stats *ret);
void jem_sched_stats_deinit(struct jem_sched_stats *stats);

#endif
