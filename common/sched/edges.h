/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edges: begins and ends of intervals, put in order of time in linear time.
 *
 * Bound: 16 bytes an edge, twice while they are sorted
 */
#ifndef JEM_COMMON_SCHED_EDGES_H
#define JEM_COMMON_SCHED_EDGES_H

#include <stddef.h>
#include <stdint.h>

struct jem_sched_edge {
	int64_t at_ns;
	uint16_t cpu;
	uint8_t kind; /* the user's */
};

struct jem_sched_edges {
	struct jem_sched_edge *edges; /* owned */
	size_t count, cap;
};

/* 0 or -ENOMEM. */
int jem_sched_edges_add(struct jem_sched_edges *edges, int64_t at_ns, uint16_t cpu, uint8_t kind);
/* By time; those of one time stay as they were added. */
int jem_sched_edges_sort(struct jem_sched_edges *edges);
void jem_sched_edges_deinit(struct jem_sched_edges *edges);

#endif
