/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edges: begins and ends of what slices are about, in order of time.
 *
 * Time is cut into chunks of so many slices that their edges stay in the cache while they are sorted.
 * Slices of a core are in order already, so each chunk takes the next of each core; only edges in another
 * chunk than the start of their slice are sorted beforehand.
 *
 * Flow:  model -> intervals of each slice -> chunks of edges -> the caller's sums
 * Bound: linear in slices; memory for a chunk, and for what reaches beyond its own
 */
#ifndef JEM_COMMON_SCHED_EDGES_H
#define JEM_COMMON_SCHED_EDGES_H

#include "common/sched/select.h"

/* `kind` of its begin; that of its end is one more. Within the window, and not empty. */
struct jem_sched_interval {
	int64_t from_ns, to_ns;
	uint16_t cpu; /* index in the model: numbers have holes */
	uint8_t kind;
};

struct jem_sched_edge {
	int64_t at_ns;
	uint16_t cpu;
	uint8_t kind;
};

enum {
	JEM_SCHED_INTERVALS = 2 /* of a slice at most: its run and its wait */
};

struct jem_sched_edges {
	const struct jem_sched_model *model;     /* borrowed, sealed */
	const struct jem_sched_select *select;   /* borrowed */
	const struct jem_sched_interval *others; /* borrowed: those that are of no slice */
	size_t other_count;
	void *context;
	/* Returns how many; `cpu` is the index of the slice's core, which is of the selection. */
	unsigned (*intervals)(void *context, size_t cpu, const struct jem_sched_slice *slice,
			      struct jem_sched_interval *ret);
	/* In order of time; all edges of one time come in one call. 0 or a negative errno. */
	int (*edges)(void *context, const struct jem_sched_edge *edges, size_t count);
};

/* 0, -ENOMEM, or what `edges` returned. */
int jem_sched_edges_each(const struct jem_sched_edges *what);

#endif
