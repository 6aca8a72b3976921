/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/call_tree.h"

#include "common/cleanup.h"

#include <errno.h>
#include <stdlib.h>

enum {
	UNKNOWN = 0, /* not resolved yet; no node but the root has this place */
};

#define BUSY UINT32_MAX       /* on the way up: met again, it is a cycle */
#define CUT  (UINT32_MAX - 1) /* not in the tree */

struct building {
	struct jem_call_tree *tree;
	const struct jem_job_profile *profile;
	uint32_t *places; /* owned; of each node of the profile, in the tree */
	uint32_t *path;   /* owned; nodes of the profile on the way up */
	uint32_t *slots;  /* owned; of (parent, function): node + 1 */
	uint32_t slot_count;
};

/* Sums of hostile numbers stay at the end of the range instead of beginning anew. */
static uint64_t plus(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint32_t new_node(struct jem_call_tree *tree, uint32_t parent, uint32_t function)
{
	tree->nodes[tree->count] = (struct jem_call_tree_node){
		.function = function,
		.parent = parent,
		.depth = tree->count ? tree->nodes[parent].depth + 1 : 0,
	};
	return tree->count++;
}

/* The child of a node with that function, made if need be. */
static uint32_t find_child(struct building *building, uint32_t parent, uint32_t function)
{
	struct jem_call_tree *tree = building->tree;
	uint32_t mask = building->slot_count - 1;
	uint32_t i = (uint32_t)(((uint64_t)parent << 32 | function) * 0x9e3779b97f4a7c15u >> 40);

	for (i &= mask; building->slots[i]; i = (i + 1) & mask) {
		const struct jem_call_tree_node *node = &tree->nodes[building->slots[i] - 1];

		if (node->parent == parent && node->function == function)
			return building->slots[i] - 1;
	}
	building->slots[i] = new_node(tree, parent, function) + 1;
	return building->slots[i] - 1;
}

/* The place in the tree of what stands above a node; a place in the profile that is not known yet. */
static uint32_t above(const struct building *building, const struct jem_job_profile_node *node,
		      const struct jem_job_profile_node **parent)
{
	*parent = NULL;
	if (!node->parent)
		return JEM_CALL_TREE_ROOT;
	if (node->parent > 0)
		*parent = jem_job_profile_node(building->profile, node->epoch,
					       (uint64_t)node->parent);
	return JEM_CALL_TREE_LOST;
}

/* Goes up from a node until something is known, and comes down again. */
static void resolve(struct building *building, uint32_t first)
{
	const struct jem_job_profile_node *nodes = building->profile->nodes;
	const struct jem_job_profile_node *parent;
	struct jem_call_tree *tree = building->tree;
	uint32_t height = 0;
	uint32_t at = first;
	uint32_t place;

	for (;;) {
		building->path[height++] = at;
		building->places[at] = BUSY;
		place = above(building, &nodes[at], &parent);
		if (!parent)
			break;
		at = (uint32_t)(parent - nodes);
		place = building->places[at];
		if (place != UNKNOWN)
			break;
	}
	if (place == BUSY)
		place = CUT;
	while (height-- > 0) {
		at = building->path[height];
		if (place != CUT && tree->nodes[place].depth >= JEM_CALL_TREE_DEPTH)
			place = CUT;
		if (place != CUT)
			place = find_child(building, place, nodes[at].function);
		building->places[at] = place;
	}
}

static void sum_up(struct building *building)
{
	struct jem_call_tree *tree = building->tree;

	for (uint32_t i = 0; i < building->profile->node_count; i++) {
		const struct jem_job_profile_node *from = &building->profile->nodes[i];
		struct jem_call_tree_node *node;

		if (building->places[i] == CUT) {
			tree->cut++;
			continue;
		}
		node = &tree->nodes[building->places[i]];
		node->calls = plus(node->calls, from->calls);
		node->total_ns = plus(node->total_ns, from->total_ns);
		node->self_ns = plus(node->self_ns, from->self_ns);
	}
	for (uint32_t i = tree->count; i-- > 0;) {
		struct jem_call_tree_node *node = &tree->nodes[i];

		/* So far its children's. */
		node->width_ns = plus(node->width_ns, node->self_ns);
		if (node->total_ns > node->width_ns)
			node->width_ns = node->total_ns;
		if (i)
			tree->nodes[node->parent].width_ns =
				plus(tree->nodes[node->parent].width_ns, node->width_ns);
	}
}

struct sorting {
	const struct jem_call_tree *tree;
	enum jem_call_tree_order order;
};

static int compare(const void *a, const void *b, void *arg)
{
	const struct sorting *sorting = arg;
	const struct jem_call_tree *tree = sorting->tree;
	const struct jem_call_tree_node *x = &tree->nodes[*(const uint32_t *)a];
	const struct jem_call_tree_node *y = &tree->nodes[*(const uint32_t *)b];

	/* The root has no parent: it stays in front. */
	if (x == tree->nodes || y == tree->nodes)
		return x == y ? 0 : x == tree->nodes ? -1 : 1;
	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (sorting->order == JEM_CALL_TREE_BY_TIME && x->width_ns != y->width_ns)
		return x->width_ns > y->width_ns ? -1 : 1;
	return strcmp(jem_call_tree_name(tree, *(const uint32_t *)a),
		      jem_call_tree_name(tree, *(const uint32_t *)b));
}

static void sort(struct jem_call_tree *tree, enum jem_call_tree_order order)
{
	struct sorting sorting = { tree, order };

	for (uint32_t i = 0; i < tree->count; i++)
		tree->order[i] = i;
	qsort_r(tree->order, tree->count, sizeof(*tree->order), compare, &sorting);
	for (uint32_t i = 1; i < tree->count; i++) {
		struct jem_call_tree_node *parent =
			&tree->nodes[tree->nodes[tree->order[i]].parent];

		if (!parent->child_count++)
			parent->children = i;
	}
}

static int build(struct building *building, enum jem_call_tree_order order)
{
	struct jem_call_tree *tree = building->tree;
	uint32_t n = building->profile->node_count;

	building->slot_count = 256;
	while (building->slot_count < 2 * n)
		building->slot_count *= 2;
	tree->nodes = calloc((size_t)n + 2, sizeof(*tree->nodes));
	tree->order = calloc((size_t)n + 2, sizeof(*tree->order));
	building->places = calloc((size_t)n + 1, sizeof(*building->places));
	building->path = calloc((size_t)n + 1, sizeof(*building->path));
	building->slots = calloc(building->slot_count, sizeof(*building->slots));
	if (!tree->nodes || !tree->order || !building->places || !building->path ||
	    !building->slots)
		return -ENOMEM;
	new_node(tree, JEM_CALL_TREE_ROOT, JEM_NAME_NONE);
	new_node(tree, JEM_CALL_TREE_ROOT, JEM_NAME_NONE);
	for (uint32_t i = 0; i < n; i++)
		if (building->places[i] == UNKNOWN)
			resolve(building, i);
	sum_up(building);
	sort(tree, order);
	return 0;
}

int jem_call_tree_make(struct jem_call_tree *tree, const struct jem_job_profile *profile,
		       enum jem_call_tree_order order)
{
	struct building building = { .tree = tree, .profile = profile };
	int status;

	*tree = (struct jem_call_tree){ .profile = profile };
	status = build(&building, order);
	free(building.places);
	free(building.path);
	free(building.slots);
	if (status < 0)
		jem_call_tree_deinit(tree);
	return status;
}

void jem_call_tree_deinit(struct jem_call_tree *tree)
{
	free(tree->nodes);
	free(tree->order);
	*tree = (struct jem_call_tree){ 0 };
}

const char *jem_call_tree_name(const struct jem_call_tree *tree, uint32_t node)
{
	if (node == JEM_CALL_TREE_ROOT)
		return "all";
	if (node == JEM_CALL_TREE_LOST)
		return "(path not kept)";
	return jem_name_table_at(&tree->profile->names, tree->nodes[node].function);
}
