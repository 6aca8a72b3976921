/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/scopes.h"

#include <dwarf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROOT_STEPS_MAX = 16
};

struct node {
	const char *start; /* of the entry in the section; its tree ends before `end` */
	const char *end;
	uint32_t parent;
	uint32_t first,
		count; /* children that can contain others, by address; first 0: not read yet */
};

struct root {
	Dwarf_CU *unit;
	uint32_t node;
};

struct jem_scopes {
	struct node *nodes; /* owned */
	size_t count, room;
	struct root *roots; /* owned: hash by unit */
	size_t root_count, root_mask;
};

int jem_scopes_create(struct jem_scopes **ret)
{
	struct jem_scopes *scopes = calloc(1, sizeof(*scopes));

	if (!scopes)
		return -ENOMEM;
	scopes->root_mask = 255;
	scopes->roots = calloc(scopes->root_mask + 1, sizeof(*scopes->roots));
	if (!scopes->roots) {
		free(scopes);
		return -ENOMEM;
	}
	scopes->count = 1; /* 0 is none */
	*ret = scopes;
	return 0;
}

void jem_scopes_destroy(struct jem_scopes *scopes)
{
	if (!scopes)
		return;
	free(scopes->nodes);
	free(scopes->roots);
	free(scopes);
}

/* What an entry refers to for the rest of what it says: 1 with *die changed, 0: nothing, -1: broken. */
static int follow(Dwarf_Die *die)
{
	Dwarf_Attribute link;
	Dwarf_Die next;

	if (!dwarf_attr(die, DW_AT_abstract_origin, &link) &&
	    !dwarf_attr(die, DW_AT_specification, &link) &&
	    !dwarf_attr(die, DW_AT_signature, &link))
		return 0;
	if (!dwarf_formref_die(&link, &next))
		return -1;
	*die = next;
	return 1;
}

bool jem_scopes_root(Dwarf_Die *die, Dwarf_Die *ret)
{
	*ret = *die;
	for (unsigned steps = 0; steps < ROOT_STEPS_MAX; steps++) {
		int status = follow(ret);

		if (status <= 0)
			return status == 0;
	}
	return false;
}

bool jem_scopes_who_says(Dwarf_Die *die, unsigned attribute, Dwarf_Die *ret)
{
	*ret = *die;
	for (unsigned steps = 0; steps < ROOT_STEPS_MAX; steps++) {
		if (dwarf_hasattr(ret, attribute))
			return true;
		if (follow(ret) <= 0)
			return false;
	}
	return false;
}

static Dwarf_Die die_of(const struct node *node, Dwarf_CU *unit)
{
	/* The abbreviation is looked up by libdw when it is not known. */
	return (Dwarf_Die){ .addr = (void *)node->start, .cu = unit };
}

static uint32_t add_node(struct jem_scopes *scopes, const struct node *node)
{
	if (scopes->count >= scopes->room) {
		size_t room = scopes->room ? 2 * scopes->room : 1024;
		struct node *nodes = room <= JEM_SCOPE_NODES_MAX
					     ? realloc(scopes->nodes, room * sizeof(*nodes))
					     : NULL;

		if (!nodes)
			return 0;
		scopes->nodes = nodes;
		scopes->room = room;
	}
	scopes->nodes[scopes->count] = *node;
	return (uint32_t)scopes->count++;
}

static bool can_contain(int tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block:
	case DW_TAG_inlined_subroutine:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
	case DW_TAG_module:
	case DW_TAG_interface_type:
		return true;
	default:
		return false;
	}
}

static void expand(struct jem_scopes *scopes, uint32_t at, Dwarf_CU *unit)
{
	Dwarf_Die die = die_of(&scopes->nodes[at], unit);
	const char *end = scopes->nodes[at].end;
	uint32_t first = (uint32_t)scopes->count;
	uint32_t last = 0;
	Dwarf_Die child;

	scopes->nodes[at].first = first;
	if (dwarf_child(&die, &child) != 0)
		return;
	do {
		struct node node = { .start = child.addr, .end = end, .parent = at };

		if (last)
			scopes->nodes[last].end = child.addr;
		last = 0;
		if (!can_contain(dwarf_tag(&child)))
			continue;
		last = add_node(scopes, &node);
		if (!last)
			break;
	} while (jem_die_next(&child));
	scopes->nodes[at].count = (uint32_t)scopes->count - first;
}

static size_t hash_unit(const struct jem_scopes *scopes, Dwarf_CU *unit)
{
	return ((uintptr_t)unit * 0x9e3779b97f4a7c15ull >> 20) & scopes->root_mask;
}

static bool grow_roots(struct jem_scopes *scopes)
{
	size_t old_mask = scopes->root_mask;
	struct root *old = scopes->roots;
	struct root *roots = calloc(2 * old_mask + 2, sizeof(*roots));

	if (!roots)
		return false;
	scopes->roots = roots;
	scopes->root_mask = 2 * old_mask + 1;
	for (size_t i = 0; i <= old_mask; i++) {
		size_t at = hash_unit(scopes, old[i].unit);

		if (!old[i].unit)
			continue;
		while (roots[at].unit)
			at = (at + 1) & scopes->root_mask;
		roots[at] = old[i];
	}
	free(old);
	return true;
}

/* The node of a unit, made when it is first asked for; 0 without memory. */
static uint32_t root_of(struct jem_scopes *scopes, Dwarf_Die *die)
{
	size_t at = hash_unit(scopes, die->cu);
	struct node node = { .end = (const char *)UINTPTR_MAX };
	Dwarf_Die unit_die;
	uint32_t made;

	for (; scopes->roots[at].unit; at = (at + 1) & scopes->root_mask)
		if (scopes->roots[at].unit == die->cu)
			return scopes->roots[at].node;
	if (!dwarf_diecu(die, &unit_die, NULL, NULL))
		return 0;
	node.start = unit_die.addr;
	made = add_node(scopes, &node);
	if (!made)
		return 0;
	scopes->roots[at] = (struct root){ die->cu, made };
	if (++scopes->root_count * 2 > scopes->root_mask && !grow_roots(scopes))
		return 0;
	return made;
}

/* The innermost node that contains `die`; 0: not known. */
static uint32_t find_parent(struct jem_scopes *scopes, Dwarf_Die *die)
{
	const char *wanted = die->addr;
	uint32_t at = root_of(scopes, die);

	for (unsigned depth = 0; at && depth < JEM_SCOPE_DEPTH_MAX; depth++) {
		uint32_t from, to;

		if (!scopes->nodes[at].first)
			expand(scopes, at, die->cu);
		from = scopes->nodes[at].first;
		to = from + scopes->nodes[at].count;
		while (from < to) {
			uint32_t middle = from + (to - from) / 2;

			if (scopes->nodes[middle].start < wanted)
				from = middle + 1;
			else
				to = middle;
		}
		/* the one before `from` is the last that begins before it */
		if (from == scopes->nodes[at].first || scopes->nodes[from - 1].end <= wanted)
			return at;
		at = from - 1;
	}
	return at;
}

static void append_name(struct jem_scopes *scopes, Dwarf_Die *die, struct jem_buf *out,
			unsigned depth);

static bool is_versioned(Dwarf_Die *die, const char *name)
{
	/* an inline namespace of a standard library, std::__cxx11: nobody writes it */
	return name[0] == '_' && name[1] == '_' && dwarf_hasattr(die, DW_AT_export_symbols);
}

static void append_node(struct jem_scopes *scopes, uint32_t at, Dwarf_CU *unit, struct jem_buf *out,
			unsigned depth)
{
	Dwarf_Die die = die_of(&scopes->nodes[at], unit);
	uint32_t parent = scopes->nodes[at].parent;
	const char *name;

	if (!parent || depth >= JEM_SCOPE_DEPTH_MAX)
		return;
	switch (dwarf_tag(&die)) {
	case DW_TAG_subprogram:
	case DW_TAG_inlined_subroutine:
		append_name(scopes, &die, out, depth + 1);
		jem_buf_add_str(out, "::");
		return;
	case DW_TAG_namespace:
		name = dwarf_diename(&die);
		append_node(scopes, parent, unit, out, depth + 1);
		if (name && is_versioned(&die, name))
			return;
		jem_buf_add_str(out, name ? name : "(anonymous namespace)");
		jem_buf_add_str(out, "::");
		return;
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
		append_name(scopes, &die, out, depth + 1);
		jem_buf_add_str(out, "::");
		return;
	default:
		append_node(scopes, parent, unit, out, depth + 1);
	}
}

/* A lambda's class has no name, but an operator(). */
static bool is_lambda(Dwarf_Die *die)
{
	Dwarf_Die child;

	if (dwarf_child(die, &child) != 0)
		return false;
	do {
		const char *name =
			dwarf_tag(&child) == DW_TAG_subprogram ? dwarf_diename(&child) : NULL;

		if (name && !strcmp(name, "operator()"))
			return true;
	} while (jem_die_next(&child));
	return false;
}

static const char *placeholder(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	if ((tag == DW_TAG_class_type || tag == DW_TAG_structure_type) && is_lambda(die))
		return "<lambda>";
	switch (tag) {
	case DW_TAG_class_type:
		return "(anonymous class)";
	case DW_TAG_structure_type:
		return "(anonymous struct)";
	case DW_TAG_union_type:
		return "(anonymous union)";
	case DW_TAG_enumeration_type:
		return "(anonymous enum)";
	default:
		return "(anonymous)";
	}
}

static void append_name(struct jem_scopes *scopes, Dwarf_Die *die, struct jem_buf *out,
			unsigned depth)
{
	Dwarf_Die root;
	const char *name;
	uint32_t parent;

	if (!jem_scopes_root(die, &root))
		root = *die;
	parent = depth < JEM_SCOPE_DEPTH_MAX ? find_parent(scopes, &root) : 0;
	if (parent)
		append_node(scopes, parent, root.cu, out, depth + 1);
	name = dwarf_diename(&root);
	jem_buf_add_str(out, name ? name : placeholder(&root));
}

void jem_scopes_prefix(struct jem_scopes *scopes, Dwarf_Die *die, struct jem_buf *out)
{
	uint32_t parent = find_parent(scopes, die);

	if (parent)
		append_node(scopes, parent, die->cu, out, 0);
}

void jem_scopes_name(struct jem_scopes *scopes, Dwarf_Die *die, struct jem_buf *out)
{
	append_name(scopes, die, out, 0);
}
