/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	FUNCTION_SLOTS = 2 * JEM_PROFILE_FUNCTIONS,
	NODE_SLOTS = 2 * JEM_PROFILE_NODES,
	DEPTH_MAX = 8192, /* a process may claim a ring of parents */
	FIRST = 256
};

#define ELSEWHERE UINT32_MAX /* parent of a node whose path was not kept */

struct counts {
	uint64_t calls, returns, recorded, total_ns, self_ns, min_ns, max_ns;
};

struct function {
	const char *name, *file; /* borrowed */
	uint32_t line;
	uint32_t first_node; /* plus 1; 0: none */
	bool has_moved;
};

struct node {
	uint32_t function;
	uint32_t parent;   /* plus 1, 0: the root, ELSEWHERE */
	uint32_t next;     /* of the same function, plus 1 */
	bool is_recursive; /* the function is further out, too: its time is in there */
	bool has_moved;
	struct counts counts;
};

/* Of one node of a thread's tree, in ticks. */
struct jem_profile_last {
	uint32_t node; /* plus 1, 0: not looked for yet */
	uint64_t calls, returns, recorded, total, self;
};

struct jem_profile {
	struct function *functions; /* owned */
	uint32_t function_count, function_cap;
	struct node *nodes; /* owned */
	uint32_t node_count, node_cap;
	uint32_t *function_slots;          /* owned: place plus 1 */
	uint32_t *node_slots;              /* owned: place plus 1 */
	uint32_t next_function, next_node; /* where the next taking begins */
	uint64_t lost;
};

int jem_profile_create(struct jem_profile **ret)
{
	struct jem_profile *profile = calloc(1, sizeof(*profile));

	if (!profile)
		return -ENOMEM;
	profile->function_slots = calloc(FUNCTION_SLOTS, sizeof(*profile->function_slots));
	profile->node_slots = calloc(NODE_SLOTS, sizeof(*profile->node_slots));
	if (!profile->function_slots || !profile->node_slots) {
		jem_profile_destroy(profile);
		return -ENOMEM;
	}
	*ret = profile;
	return 0;
}

void jem_profile_destroy(struct jem_profile *profile)
{
	if (!profile)
		return;
	free(profile->functions);
	free(profile->nodes);
	free(profile->function_slots);
	free(profile->node_slots);
	free(profile);
}

void jem_profile_seen_deinit(struct jem_profile_seen *seen)
{
	free(seen->last);
	*seen = (struct jem_profile_seen){ 0 };
}

uint64_t jem_profile_lost(const struct jem_profile *profile)
{
	return profile->lost;
}

static int grow(void **list, uint32_t *cap, uint32_t count, size_t size)
{
	uint32_t larger = *cap ? *cap * 2 : FIRST;
	void *moved;

	if (count < *cap)
		return 0;
	moved = reallocarray(*list, larger, size);
	if (!moved)
		return -ENOMEM;
	*list = moved;
	*cap = larger;
	return 0;
}

/* --- functions -------------------------------------------------------------------------------- */

static uint64_t hash_text(uint64_t state, const char *text)
{
	for (; *text; text++)
		state = (state ^ (uint8_t)*text) * 0x100000001b3u;
	return (state ^ 0xff) * 0x100000001b3u;
}

uint32_t jem_profile_function(struct jem_profile *profile, const char *name, const char *file,
			      uint32_t line)
{
	uint64_t at = hash_text(hash_text(0xcbf29ce484222325u ^ line, name), file);

	at ^= at >> 32;
	for (;; at++) {
		uint32_t *slot = &profile->function_slots[at % FUNCTION_SLOTS];
		const struct function *known = &profile->functions[*slot - !!*slot];

		if (!*slot) {
			if (profile->function_count == JEM_PROFILE_FUNCTIONS ||
			    grow((void **)&profile->functions, &profile->function_cap,
				 profile->function_count, sizeof(*profile->functions)) < 0)
				return 0;
			profile->functions[profile->function_count++] =
				(struct function){ .name = name, .file = file, .line = line };
			*slot = profile->function_count;
			return *slot;
		}
		if (known->line == line && !strcmp(known->name, name) && !strcmp(known->file, file))
			return *slot;
	}
}

/* --- nodes ------------------------------------------------------------------------------------ */

static bool is_recursive(const struct jem_profile *profile, uint32_t function, uint32_t parent)
{
	for (int i = 0; parent && parent != ELSEWHERE && i < DEPTH_MAX; i++) {
		if (profile->nodes[parent - 1].function == function)
			return true;
		parent = profile->nodes[parent - 1].parent;
	}
	return false;
}

/* The place plus 1 of a function's node below `parent`; 0: no room. */
static uint32_t find_node(struct jem_profile *profile, uint32_t function, uint32_t parent)
{
	uint64_t at = ((uint64_t)parent << 32 | function) * 0x9e3779b97f4a7c15u >> 20;

	for (;; at++) {
		uint32_t *slot = &profile->node_slots[at % NODE_SLOTS];
		const struct node *known = &profile->nodes[*slot - !!*slot];

		if (*slot) {
			if (known->function == function && known->parent == parent)
				return *slot;
			continue;
		}
		if (profile->node_count == JEM_PROFILE_NODES ||
		    grow((void **)&profile->nodes, &profile->node_cap, profile->node_count,
			 sizeof(*profile->nodes)) < 0)
			return 0;
		profile->nodes[profile->node_count] = (struct node){
			.function = function,
			.parent = parent,
			.next = profile->functions[function].first_node,
			.is_recursive = is_recursive(profile, function, parent),
		};
		*slot = ++profile->node_count;
		profile->functions[function].first_node = *slot;
		return *slot;
	}
}

/*
 * The node of a thread's node: those further out are looked for first. Deep or circular paths, and
 * functions that are not known yet, end the search: 0, and the next look tries again.
 */
static uint32_t place_of(struct jem_profile *profile, struct jem_profile_seen *seen,
			 const struct jem_profile_tree *tree, uint32_t index, bool *is_lost)
{
	uint32_t path[DEPTH_MAX / 16];
	uint32_t functions[DEPTH_MAX / 16];
	unsigned depth = 0;
	uint32_t parent = 0;
	struct jem_ring_edge edge;

	while (!seen->last[index].node) {
		if (!tree->read(tree->arg, index, &edge))
			return 0;
		if (depth == sizeof(path) / sizeof(*path)) {
			/* A path that is deeper begins in the middle. */
			parent = ELSEWHERE;
			break;
		}
		path[depth] = index;
		functions[depth] = tree->function(tree->arg, &edge);
		if (!functions[depth++])
			return 0;
		if (edge.parent == JEM_EDGE_ROOT || edge.parent == JEM_EDGE_ELSEWHERE ||
		    edge.parent > tree->count) {
			parent = edge.parent == JEM_EDGE_ROOT ? 0 : ELSEWHERE;
			break;
		}
		index = edge.parent - 1;
	}
	if (seen->last[index].node)
		parent = seen->last[index].node;
	while (depth--) {
		parent = find_node(profile, functions[depth] - 1, parent);
		if (!parent) {
			*is_lost = true;
			return 0;
		}
		seen->last[path[depth]].node = parent;
	}
	return parent;
}

/* Numbers of a process are its own affair: what is no time any more is the longest there is. */
static uint64_t to_ns(uint64_t ticks, double rate)
{
	double ns = (double)ticks * rate;

	return ns < (double)JEM_PROFILE_NUMBER_MAX ? (uint64_t)ns : JEM_PROFILE_NUMBER_MAX;
}

static void sum(uint64_t *to, uint64_t more)
{
	*to = more < JEM_PROFILE_NUMBER_MAX - *to ? *to + more : JEM_PROFILE_NUMBER_MAX;
}

static uint64_t grown(uint64_t now, uint64_t *before)
{
	uint64_t more = now > *before ? now - *before : 0;

	*before += more;
	return more;
}

static void move(struct jem_profile *profile, struct node *node)
{
	node->has_moved = true;
	profile->functions[node->function].has_moved = true;
}

uint32_t jem_profile_node(struct jem_profile *profile, uint32_t function, uint32_t parent)
{
	return function ? find_node(profile, function - 1, parent) : 0;
}

void jem_profile_count(struct jem_profile *profile, uint32_t node, uint64_t total_ns,
		       uint64_t self_ns)
{
	struct counts *counts = &profile->nodes[node - 1].counts;

	if (!counts->returns || total_ns < counts->min_ns)
		counts->min_ns = total_ns;
	if (total_ns > counts->max_ns)
		counts->max_ns = total_ns;
	sum(&counts->calls, 1);
	sum(&counts->recorded, 1);
	sum(&counts->returns, 1);
	sum(&counts->total_ns, total_ns);
	sum(&counts->self_ns, self_ns);
	move(profile, &profile->nodes[node - 1]);
}

static void add_edge(struct jem_profile *profile, struct jem_profile_seen *seen,
		     const struct jem_profile_tree *tree, uint32_t index,
		     const struct jem_ring_edge *edge)
{
	struct jem_profile_last *last = &seen->last[index];
	bool is_lost = false;
	uint32_t place = last->node ? last->node : place_of(profile, seen, tree, index, &is_lost);
	struct node *node;
	struct counts *counts;

	if (is_lost)
		profile->lost += grown(edge->calls, &last->calls);
	if (!place)
		return;
	node = &profile->nodes[place - 1];
	counts = &node->counts;
	if (edge->returns && (!counts->returns || to_ns(edge->min, tree->rate) < counts->min_ns))
		counts->min_ns = to_ns(edge->min, tree->rate);
	if (to_ns(edge->max, tree->rate) > counts->max_ns)
		counts->max_ns = to_ns(edge->max, tree->rate);
	sum(&counts->calls, grown(edge->calls, &last->calls));
	sum(&counts->returns, grown(edge->returns, &last->returns));
	if (!(edge->function & JEM_EDGE_UNNAMED))
		sum(&counts->recorded, grown(edge->recorded, &last->recorded));
	sum(&counts->total_ns, to_ns(grown(edge->total, &last->total), tree->rate));
	sum(&counts->self_ns, to_ns(grown(edge->self, &last->self), tree->rate));
	move(profile, node);
}

void jem_profile_add_tree(struct jem_profile *profile, struct jem_profile_seen *seen,
			  const struct jem_profile_tree *tree)
{
	if (!seen->last) {
		seen->last = calloc(tree->count, sizeof(*seen->last));
		seen->count = seen->last ? tree->count : 0;
	}
	for (uint32_t i = 0; i < seen->count; i++) {
		const struct jem_profile_last *last = &seen->last[i];
		struct jem_ring_edge edge;

		if (tree->read(tree->arg, i, &edge) &&
		    (edge.calls > last->calls || edge.returns > last->returns))
			add_edge(profile, seen, tree, i, &edge);
	}
}

/* --- rows ------------------------------------------------------------------------------------- */

void jem_profile_rows_deinit(struct jem_profile_rows *rows)
{
	free(rows->rows);
	free(rows->callers);
	*rows = (struct jem_profile_rows){ 0 };
}

static void add_counts(struct jem_profile_row *row, const struct node *node)
{
	const struct counts *counts = &node->counts;

	if (counts->returns && (!row->returns || counts->min_ns < row->min_ns))
		row->min_ns = counts->min_ns;
	if (counts->max_ns > row->max_ns)
		row->max_ns = counts->max_ns;
	sum(&row->calls, counts->calls);
	sum(&row->returns, counts->returns);
	sum(&row->recorded, counts->recorded);
	sum(&row->self_ns, counts->self_ns);
	if (!node->is_recursive) /* else it is in the outer one's time */
		sum(&row->total_ns, counts->total_ns);
}

static const char *caller_of(const struct jem_profile *profile, const struct node *node)
{
	if (!node->parent || node->parent == ELSEWHERE)
		return "";
	return profile->functions[profile->nodes[node->parent - 1].function].name;
}

/* Who calls it, the first so many; the others together are the last, as what is not followed. */
static void add_caller(struct jem_profile_rows *rows, struct jem_profile_row *row,
		       const struct jem_profile *profile, const struct node *node)
{
	struct jem_profile_caller *callers = rows->callers + row->first_caller;
	const char *name = caller_of(profile, node);
	uint32_t i = 0;

	while (i < row->caller_count && strcmp(callers[i].function, name))
		i++;
	if (i == JEM_PROFILE_CALLERS) {
		i--;
		callers[i].function = "";
	} else if (i == row->caller_count) {
		callers[row->caller_count++] = (struct jem_profile_caller){ .function = name };
	}
	sum(&callers[i].calls, node->counts.calls);
	sum(&callers[i].self_ns, node->counts.self_ns);
	if (!node->is_recursive)
		sum(&callers[i].total_ns, node->counts.total_ns);
}

static void put_function(struct jem_profile *profile, uint32_t index, struct jem_profile_rows *rows)
{
	struct function *function = &profile->functions[index];
	struct jem_profile_row *row = &rows->rows[rows->count++];

	*row = (struct jem_profile_row){ .function = function->name,
					 .file = function->file,
					 .line = function->line,
					 .first_caller = (uint32_t)rows->caller_count };
	for (uint32_t place = function->first_node; place; place = profile->nodes[place - 1].next) {
		add_counts(row, &profile->nodes[place - 1]);
		add_caller(rows, row, profile, &profile->nodes[place - 1]);
	}
	rows->caller_count += row->caller_count;
	function->has_moved = false;
}

static void put_node(struct jem_profile *profile, uint32_t index, struct jem_profile_rows *rows)
{
	struct node *node = &profile->nodes[index];
	const struct function *function = &profile->functions[node->function];
	struct jem_profile_row *row = &rows->rows[rows->count++];

	*row = (struct jem_profile_row){ .function = function->name,
					 .file = function->file,
					 .line = function->line,
					 .node = index + 1,
					 .parent = node->parent == ELSEWHERE
							   ? -1
							   : (int64_t)node->parent };
	add_counts(row, node);
	row->total_ns = node->counts.total_ns;
	node->has_moved = false;
}

int jem_profile_take(struct jem_profile *profile, bool of_nodes, size_t max,
		     struct jem_profile_rows *ret)
{
	uint32_t count = of_nodes ? profile->node_count : profile->function_count;
	uint32_t *next = of_nodes ? &profile->next_node : &profile->next_function;
	size_t room = max < count ? max : count;

	memset(ret, 0, sizeof(*ret));
	if (!room)
		return 0;
	ret->rows = calloc(room, sizeof(*ret->rows));
	ret->callers = calloc(of_nodes ? 1 : room * JEM_PROFILE_CALLERS, sizeof(*ret->callers));
	if (!ret->rows || !ret->callers) {
		jem_profile_rows_deinit(ret);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < count && ret->count < room; i++) {
		uint32_t index = *next;

		*next = (index + 1) % count;
		if (of_nodes && profile->nodes[index].has_moved)
			put_node(profile, index, ret);
		else if (!of_nodes && profile->functions[index].has_moved)
			put_function(profile, index, ret);
	}
	return 0;
}
