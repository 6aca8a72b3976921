/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: the names of tasks, each kept once.
 *
 * Thread:    one
 * Bound:     NAMES_MAX; a job that renames itself more often gets JEM_SCHED_NONE from then on, counted
 * Invariant: an index stays what it is, and its text where it is; text is cut at the first NUL and always
 *            ends in one
 */
#ifndef JEM_TRACER_SCHED_NAMES_H
#define JEM_TRACER_SCHED_NAMES_H

#include "common/sched/model.h"

struct jem_sched_names {
	char (*text)[JEM_SCHED_COMM_BYTES]; /* owned; room for NAMES_MAX, untouched up to count */
	uint32_t *slots;                    /* owned; index + 1, 0: free */
	uint32_t count;
	uint32_t slot_count; /* a power of two, or 0 */
	uint64_t refused;
};

void jem_sched_names_deinit(struct jem_sched_names *names);

/* The index of the name in `bytes`, which has JEM_SCHED_COMM_BYTES; JEM_SCHED_NONE: no room. */
uint32_t jem_sched_names_add(struct jem_sched_names *names, const void *bytes);

#endif
