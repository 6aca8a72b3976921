/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree: the thread's calling context tree in the shared rings, see struct jem_ring_edge.
 *
 * Bound:     7/8 of the table are for paths, the rest for functions whose path finds no room; what finds
 *            none at all is in edges_lost
 * Invariant: where a node is, is remembered here and never read from the shared memory
 */
#ifndef JEM_TRACER_PRELOAD_TREE_H
#define JEM_TRACER_PRELOAD_TREE_H

#include "tracer/preload/record.h"

/* The slow part of jem_tree_call: searches the table, makes the node. 0: no room, and counted. */
JEM_SELDOM uint32_t jem_tree_find(struct jem_thread *self, uint32_t function, uint32_t parent);

/* Counts a call whose path is not known. */
JEM_SELDOM void jem_tree_call_elsewhere(struct jem_thread *self, uint32_t function);

/* Counts a call of `function` from `parent` (a node: index + 1, 0: the root); returns its node or 0. */
static inline uint32_t jem_tree_call(struct jem_thread *self, uint32_t function, uint32_t parent)
{
	uint32_t index = self->last_child[parent];
	struct jem_ring_edge *edge = &self->edges[index];

	if (unlikely(edge->function != function || edge->parent != parent)) {
		index = jem_tree_find(self, function, parent);
		if (unlikely(!index))
			return 0;
		index--;
		edge = &self->edges[index];
	}
	jem_count(&edge->calls);
	return index + 1;
}

static inline void jem_tree_return(struct jem_thread *self, uint32_t node, uint64_t total,
				   uint64_t self_ticks)
{
	struct jem_ring_edge *edge = &self->edges[node - 1];

	edge->total += total;
	edge->self += self_ticks;
	/* A node begins with the most as its least. */
	if (unlikely(total < edge->min))
		jem_store(&edge->min, total);
	if (unlikely(total > edge->max))
		jem_store(&edge->max, total);
	/* Last: a reader that takes it first finds times of no fewer calls. */
	jem_barrier();
	jem_count(&edge->returns);
}

static inline void jem_tree_recorded(struct jem_thread *self, uint32_t node)
{
	jem_count(&self->edges[node - 1].recorded);
}

#endif
