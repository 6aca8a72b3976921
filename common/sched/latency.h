/* SPDX-License-Identifier: Apache-2.0 */
/*
 * latency: how long woken tasks waited for a core, as a histogram, and how tasks came to other cores.
 */
#ifndef JEM_COMMON_SCHED_LATENCY_H
#define JEM_COMMON_SCHED_LATENCY_H

#include "common/sched/select.h"
#include "common/sched/topology.h"

enum {
	JEM_SCHED_LATENCIES = 64
};

struct jem_sched_latency {
	/* Bucket 0: 0 ns; bucket n: 2^(n-1) to below 2^n ns. */
	uint64_t buckets[JEM_SCHED_LATENCIES];
	uint64_t count;
	uint64_t sum_ns, max_ns;
	struct jem_sched_slice worst; /* that of max_ns, if count */
	uint64_t unknown;             /* slices of which the wait is not known */
};

struct jem_sched_moves {
	uint64_t counts[JEM_SCHED_MOVED + 1][JEM_CPU_DISTANCES]; /* by how and how far */
};

/* Of the slices that start in the selection. Waits after preemption are none of this. */
void jem_sched_latency_make(const struct jem_sched_model *model,
			    const struct jem_sched_select *select, struct jem_sched_latency *ret);
/* A wait that `share` (0 to 1) of all are not longer than: the end of its bucket, 0 if there are none. */
uint64_t jem_sched_latency_quantile(const struct jem_sched_latency *latency, double share);

/* `topology` may be NULL. */
void jem_sched_moves_make(const struct jem_sched_model *model,
			  const struct jem_sched_select *select,
			  const struct jem_topology *topology, struct jem_sched_moves *ret);
/* "placed" and so on. */
const char *jem_sched_move_name(enum jem_sched_move move);

#endif
