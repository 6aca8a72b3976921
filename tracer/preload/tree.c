/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/tree.h"

enum {
	PROBES_MAX = 16,
};

static uint32_t hash(uint32_t function, uint32_t parent)
{
	uint64_t key = (uint64_t)parent << 32 | function;

	return (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 40);
}

/* The node, made when it is not there and `may_make`; 0: neither. */
static uint32_t search(struct jem_thread *self, uint32_t function, uint32_t parent, bool may_make)
{
	uint32_t at = hash(function, parent);
	uint32_t most = parent == JEM_EDGE_ELSEWHERE ? self->edge_mask + 1 : PROBES_MAX;

	for (uint32_t i = 0; i < most; i++, at++) {
		struct jem_ring_edge *edge = &self->edges[at & self->edge_mask];
		uint32_t found = __atomic_load_n(&edge->function, __ATOMIC_RELAXED);

		if (found == function && edge->parent == parent)
			return (at & self->edge_mask) + 1;
		if (found)
			continue;
		if (!may_make)
			return 0;
		self->edges_used++;
		edge->parent = parent;
		edge->min = UINT64_MAX;
		/* Pairs with the reader, which takes the function first. */
		__atomic_store_n(&edge->function, function, __ATOMIC_RELEASE);
		return (at & self->edge_mask) + 1;
	}
	return 0;
}

JEM_SELDOM uint32_t jem_tree_find(struct jem_thread *self, uint32_t function, uint32_t parent)
{
	uint64_t key = jem_tree_key(function, parent);
	uint32_t at = jem_tree_hash(key);
	struct jem_child *child = &self->children[at];
	struct jem_child *other = &self->children[at ^ 1];
	uint32_t most = self->edge_mask + 1;
	bool is_full = self->edges_used >= most / 8 * 7;
	uint32_t node = 0;

	if (other->key == key)
		return other->node;
	if (parent != JEM_EDGE_ELSEWHERE)
		node = search(self, function, parent, !is_full);
	if (!node)
		node = search(self, function, JEM_EDGE_ELSEWHERE, self->edges_used < most);
	*other = *child;
	/* Also that there was none: a node that is there stays there, and so none will be free. */
	*child = (struct jem_child){ .key = key, .node = node };
	return node;
}

JEM_SELDOM void jem_tree_call_elsewhere(struct jem_thread *self, uint32_t function)
{
	(void)jem_tree_call(self, function, JEM_EDGE_ELSEWHERE);
}

JEM_SELDOM uint32_t jem_tree_call_unnamed(struct jem_thread *self, uint64_t site)
{
	uint32_t function = JEM_EDGE_UNNAMED | (uint32_t)site;
	uint64_t key = jem_tree_key(function, JEM_EDGE_ELSEWHERE);
	const struct jem_child *child = &self->children[jem_tree_hash(key)];
	uint32_t node =
		child->key == key ? child->node : jem_tree_find(self, function, JEM_EDGE_ELSEWHERE);
	struct jem_ring_edge *edge = node ? &self->edges[node - 1] : NULL;

	if (edge && !jem_load(&edge->recorded))
		jem_store(&edge->recorded, site);
	/* Another site with the same low bits is not told apart: it is counted as having none. */
	if (!edge || jem_load(&edge->recorded) != site) {
		jem_count(&self->slot->edges_lost);
		return 0;
	}
	jem_count(&edge->calls);
	return node;
}
