/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/index_internal.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

enum {
	WALK_DEPTH_MAX = 200,
	BODIES_MAX = 4 << 20
};

static const char damaged[] = "damaged debug data";

/* The first entry in another, and the next beside one: where libdw finds none by damage that is noted. */
static bool first_in(struct jem_index *index, Dwarf_Die *parent, Dwarf_Die *ret)
{
	int status = dwarf_child(parent, ret);

	if (status < 0)
		index->note = damaged;
	return status == 0;
}

static bool next_to(struct jem_index *index, Dwarf_Die *die)
{
	Dwarf_Die next;
	int status = dwarf_siblingof(die, &next);

	if (status == 0 && (const char *)next.addr > (const char *)die->addr) {
		*die = next;
		return true;
	}
	if (status != 1)
		index->note = damaged;
	return false;
}

/* Sections that the linker left out stand at 0 or at the top: no code is there. */
static bool is_code(const struct jem_index *index, uint64_t low, uint64_t high)
{
	size_t left;

	return low && high > low && jem_debug_code(index->debug, low, &left) && high - low <= left;
}

static int add_body(struct jem_index *index, Dwarf_Die *die)
{
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;
	bool is_added = false;

	while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
		if (!is_code(index, low, high))
			continue;
		if (!is_added && index->body_count == index->body_room) {
			size_t room = index->body_room ? 2 * index->body_room : 1024;
			struct body *bodies =
				room <= BODIES_MAX ? realloc(index->bodies, room * sizeof(*bodies))
						   : NULL;

			if (!bodies)
				return -ENOMEM;
			index->bodies = bodies;
			index->body_room = room;
		}
		if (!is_added)
			index->bodies[index->body_count++] =
				(struct body){ die->addr, die->cu, false };
		is_added = true;
		if (jem_spans_add(&index->body_spans,
				  (struct span){ low, high, (uint32_t)index->body_count - 1, 0 }) <
		    0)
			return -ENOMEM;
	}
	return 0;
}

typedef int (*find_fn)(struct jem_index *index, Dwarf_Die *parent, size_t *next, unsigned depth);

/* Functions stand in units and namespaces; those in functions are found when these are walked. */
static int find_in(struct jem_index *index, Dwarf_Die *parent, size_t *next, unsigned depth)
{
	Dwarf_Die die;
	int rc = 0;

	if (depth > WALK_DEPTH_MAX || !first_in(index, parent, &die))
		return 0;
	do {
		switch (dwarf_tag(&die)) {
		case DW_TAG_subprogram:
			rc = add_body(index, &die);
			break;
		case DW_TAG_namespace:
		case DW_TAG_module:
			rc = find_in(index, &die, next, depth + 1);
			break;
		}
	} while (!rc && next_to(index, &die));
	return rc;
}

/* In a class, or in a function. */
static int find_inside(struct jem_index *index, Dwarf_Die *parent, unsigned depth)
{
	Dwarf_Die die;
	int rc = 0;

	if (depth > WALK_DEPTH_MAX || !first_in(index, parent, &die))
		return 0;
	do {
		switch (dwarf_tag(&die)) {
		case DW_TAG_subprogram:
			rc = add_body(index, &die);
			if (!rc)
				rc = find_inside(index, &die, depth + 1);
			break;
		case DW_TAG_class_type: /* a lambda has its body in its class */
		case DW_TAG_structure_type:
		case DW_TAG_inlined_subroutine:
		case DW_TAG_lexical_block:
		case DW_TAG_try_block:
		case DW_TAG_catch_block:
			rc = find_inside(index, &die, depth + 1);
			break;
		}
	} while (!rc && next_to(index, &die));
	return rc;
}

/* `*next` is the first known body that has not been come to: they come in the same order as before. */
static int find_nested(struct jem_index *index, Dwarf_Die *parent, size_t *next, unsigned depth)
{
	Dwarf_Die die;
	int rc = 0;

	if (depth > WALK_DEPTH_MAX || !first_in(index, parent, &die))
		return 0;
	do {
		bool is_walked = false;

		switch (dwarf_tag(&die)) {
		case DW_TAG_subprogram:
			if (*next < index->body_count && index->bodies[*next].die == die.addr)
				is_walked = index->bodies[(*next)++].is_walked;
			if (!is_walked)
				rc = find_inside(index, &die, depth + 1);
			break;
		case DW_TAG_namespace:
		case DW_TAG_module:
			rc = find_nested(index, &die, next, depth + 1);
			break;
		case DW_TAG_class_type:
		case DW_TAG_structure_type:
			rc = find_inside(index, &die, depth + 1);
			break;
		}
	} while (!rc && next_to(index, &die));
	return rc;
}

static int for_each_unit(struct jem_index *index, find_fn find)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die, split;
	size_t next = 0;
	uint8_t type;
	int rc = 0, more;

	while (!rc && (more = dwarf_get_units(index->debug->dwarf, unit, &unit, NULL, &type, &die,
					      &split)) == 0) {
		if (type == DW_UT_skeleton) {
			if (!split.addr) {
				index->note = "split debug data (.dwo) is missing for some units";
				continue;
			}
			die = split;
		}
		if (type != DW_UT_type && type != DW_UT_split_type)
			rc = find(index, &die, &next, 0);
	}
	if (!rc && more < 0)
		index->note = damaged;
	jem_spans_sort(&index->body_spans);
	return rc;
}

int jem_index_find_bodies(struct jem_index *index)
{
	return for_each_unit(index, find_in);
}

int jem_index_find_nested(struct jem_index *index)
{
	return for_each_unit(index, find_nested);
}

static int add_scope(struct jem_index *index, const struct jem_scope *scope, uint32_t *ret)
{
	if (index->scope_count >= JEM_INDEX_SCOPES_MAX) {
		index->is_cut = true;
		return 0;
	}
	if (index->scope_count >= index->scope_room) {
		size_t room = index->scope_room ? 2 * index->scope_room : 1024;
		struct jem_scope *list = realloc(index->scope_list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		index->scope_list = list;
		index->scope_room = room;
		if (!index->scope_count)
			index->scope_count = 1;
	}
	*ret = (uint32_t)index->scope_count;
	index->scope_list[index->scope_count++] = *scope;
	return 0;
}

static uint32_t number_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) < 0 ||
	    value > UINT32_MAX)
		return 0;
	return (uint32_t)value;
}

static int walk(struct jem_index *index, Dwarf_Die *parent, uint32_t scope, unsigned depth);

/* A body gets its function's address; one that is no clone's is the better one. */
static void set_address(struct jem_index *index, uint32_t number)
{
	const struct jem_scope *scope = &index->scope_list[number];
	struct jem_function *function = &index->functions[scope->function];
	const struct jem_symbol *symbol;

	if (!function->address) {
		function->address = scope->entry;
		function->body = number;
		return;
	}
	symbol = jem_symtab_find(index->symtab, function->address);
	if (!symbol || !jem_symbol_is_clone(symbol->name))
		return;
	symbol = jem_symtab_find(index->symtab, scope->entry);
	if (!symbol || jem_symbol_is_clone(symbol->name))
		return;
	function->address = scope->entry;
	function->body = number;
}

static int walk_scope(struct jem_index *index, Dwarf_Die *die, uint32_t parent, unsigned depth)
{
	struct jem_scope scope = { .die = die->addr, .unit = die->cu, .parent = parent };
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;
	uint32_t made = 0;
	int rc;

	while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
		if (!is_code(index, low, high))
			continue;
		if (!made) {
			scope.function = jem_index_function_of(index, die);
			if (parent) {
				scope.call_file = number_of(die, DW_AT_call_file);
				scope.call_line = number_of(die, DW_AT_call_line);
			}
			rc = add_scope(index, &scope, &made);
			if (rc < 0 || !made)
				return rc;
		}
		if (!parent) {
			struct jem_scope *there = &index->scope_list[made];

			there->has_hooks |= jem_sites_between(index->hooks, low, high);
			if (!there->entry)
				there->entry = low;
		}
		if (jem_spans_add(&index->scope_spans, (struct span){ low, high, made, depth }) < 0)
			return -ENOMEM;
	}
	if (!made)
		return 0;
	if (!parent) {
		Dwarf_Addr entry;

		if (dwarf_entrypc(die, &entry) == 0 && is_code(index, entry, entry + 1))
			index->scope_list[made].entry = entry;
		set_address(index, made);
	}
	return walk(index, die, made, depth + 1);
}

static int walk(struct jem_index *index, Dwarf_Die *parent, uint32_t scope, unsigned depth)
{
	Dwarf_Die die;
	int rc = 0;

	if (depth > WALK_DEPTH_MAX) {
		index->is_cut = true;
		return 0;
	}
	if (!first_in(index, parent, &die))
		return 0;
	do {
		switch (dwarf_tag(&die)) {
		case DW_TAG_inlined_subroutine:
			rc = walk_scope(index, &die, scope, depth);
			break;
		case DW_TAG_subprogram: /* a nested function, a method of a local class */
			rc = walk_scope(index, &die, 0, depth);
			break;
		case DW_TAG_lexical_block:
		case DW_TAG_try_block:
		case DW_TAG_catch_block:
		case DW_TAG_class_type:
		case DW_TAG_structure_type:
			rc = walk(index, &die, scope, depth + 1);
			break;
		}
	} while (!rc && next_to(index, &die));
	return rc;
}

int jem_index_walk_body(struct jem_index *index, size_t body)
{
	struct body *there = &index->bodies[body];
	Dwarf_Die die = { .addr = (void *)there->die, .cu = there->unit };

	if (there->is_walked)
		return 0;
	there->is_walked = true;
	return walk_scope(index, &die, 0, 0);
}
