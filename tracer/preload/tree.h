/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree: the thread's calling context tree in the shared rings, see struct jem_ring_edge.
 *
 * Bound:     7/8 of the table are for paths, the rest for functions whose path finds no room; what finds
 *            none at all is in edges_lost
 * Invariant: where a node is, is remembered here and never read from the shared memory; a node never moves
 */
#ifndef JEM_TRACER_PRELOAD_TREE_H
#define JEM_TRACER_PRELOAD_TREE_H

#include "tracer/preload/record.h"

static inline uint64_t jem_tree_key(uint32_t function, uint32_t parent)
{
	return (uint64_t)parent << 32 | function;
}

static inline uint32_t jem_tree_hash(uint64_t key)
{
	return (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> (64 - JEM_CHILDREN_BITS));
}

/* The slow part of jem_tree_call: searches the table, makes the node. 0: no room. */
JEM_SELDOM uint32_t jem_tree_find(struct jem_thread *self, uint32_t function, uint32_t parent);

/* Counts a call whose path is not known. */
JEM_SELDOM void jem_tree_call_elsewhere(struct jem_thread *self, uint32_t function);

/* Counts a call of a site that is not in the plan: the daemon will know whose it is. Its node or 0. */
JEM_SELDOM uint32_t jem_tree_call_unnamed(struct jem_thread *self, uint64_t site);

/*
 * Counts a call of `function` from `parent` (a node: index + 1, 0: the root); returns its node or 0. Callees
 * take turns: what was called last tells little, so that all pairs are remembered, in a small table.
 */
static inline uint32_t jem_tree_call(struct jem_thread *self, uint32_t function, uint32_t parent)
{
	uint64_t key = jem_tree_key(function, parent);
	const struct jem_child *child = &self->children[jem_tree_hash(key)];
	uint32_t node =
		likely(child->key == key) ? child->node : jem_tree_find(self, function, parent);

	if (likely(node))
		jem_count(&self->edges[node - 1].calls);
	else
		jem_count(&self->slot->edges_lost);
	return node;
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
