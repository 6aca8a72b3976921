/* SPDX-License-Identifier: Apache-2.0 */
/*
 * types_definition: where a type is defined that a unit only declares: often in another unit. It is the one
 * of the same qualified name, if there is no doubt which.
 *
 * Bound: DEFINITIONS_MAX definitions are looked at, in the first question
 */
#include "tracer/symbols/types_internal.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEFINITIONS_MAX = 1 << 20,
	DEPTH_MAX = 32
};

struct definition {
	const char *die; /* Dwarf_Die.addr */
	Dwarf_CU *unit;
	uint32_t hash; /* of its own name */
};

/* Sorted by hash. */
struct definitions {
	struct definition *list; /* owned */
	size_t count, room;
};

static uint32_t hash_of(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	return hash;
}

static bool add(struct definitions *all, Dwarf_Die *die, const char *name)
{
	if (all->count == all->room) {
		size_t room = all->room ? 2 * all->room : 1024;
		struct definition *list =
			room <= DEFINITIONS_MAX ? realloc(all->list, room * sizeof(*list)) : NULL;

		if (!list)
			return false;
		all->list = list;
		all->room = room;
	}
	all->list[all->count++] = (struct definition){ die->addr, die->cu, hash_of(name) };
	return true;
}

static bool is_type(int tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
	       tag == DW_TAG_union_type || tag == DW_TAG_enumeration_type;
}

/* What functions define is nobody else's. */
static bool collect(struct definitions *all, Dwarf_Die *parent, unsigned depth)
{
	Dwarf_Die die;

	if (depth > DEPTH_MAX || dwarf_child(parent, &die) != 0)
		return true;
	do {
		int tag = dwarf_tag(&die);
		const char *name = is_type(tag) ? dwarf_diename(&die) : NULL;

		if (name && !dwarf_hasattr(&die, DW_AT_declaration) && !add(all, &die, name))
			return false;
		if ((tag == DW_TAG_namespace || (name && tag != DW_TAG_enumeration_type)) &&
		    dwarf_haschildren(&die) && !collect(all, &die, depth + 1))
			return false;
	} while (jem_die_next(&die));
	return true;
}

static int by_hash(const void *a, const void *b)
{
	const struct definition *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/* False: not all could be had, and so nothing is known for sure. */
static bool collect_all(struct definitions *all, Dwarf *dwarf)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die, split;
	uint8_t type;

	while (dwarf_get_units(dwarf, unit, &unit, NULL, &type, &die, &split) == 0) {
		if (type == DW_UT_skeleton)
			die = split;
		if (die.addr && type != DW_UT_type && type != DW_UT_split_type &&
		    !collect(all, &die, 0))
			return false;
	}
	if (all->count)
		qsort(all->list, all->count, sizeof(*all->list), by_hash);
	return true;
}

/* Different types may bear one name in units that never meet: in C each file has its own. */
static bool is_like(Dwarf_Die *a, Dwarf_Die *b)
{
	Dwarf_Attribute attribute;
	Dwarf_Word sizes[2] = { 0, 0 };
	int lines[2] = { 0, 0 };

	dwarf_formudata(dwarf_attr(a, DW_AT_byte_size, &attribute), &sizes[0]);
	dwarf_formudata(dwarf_attr(b, DW_AT_byte_size, &attribute), &sizes[1]);
	dwarf_decl_line(a, &lines[0]);
	dwarf_decl_line(b, &lines[1]);
	return sizes[0] == sizes[1] && lines[0] == lines[1];
}

static bool has_name(struct jem_types *types, Dwarf_Die *die, const char *qualified)
{
	struct jem_buf name;
	bool is_same;

	jem_buf_init(&name, SPELL_BYTES_MAX);
	jem_scopes_name(types->scopes, die, &name);
	is_same = !name.failed && !strcmp(jem_buf_cstr(&name), qualified);
	jem_buf_deinit(&name);
	return is_same;
}

static bool find(struct jem_types *types, const char *own, const char *qualified, Dwarf_Die *ret)
{
	const struct definitions *all = types->definitions;
	uint32_t hash = hash_of(own);
	size_t from = 0, to = all->count;
	bool is_found = false;

	while (from < to) {
		size_t middle = (from + to) / 2;

		if (all->list[middle].hash < hash)
			from = middle + 1;
		else
			to = middle;
	}
	for (; from < all->count && all->list[from].hash == hash; from++) {
		Dwarf_Die die = { .addr = (void *)all->list[from].die, .cu = all->list[from].unit };

		if (is_found && is_like(&die, ret))
			continue;
		if (!has_name(types, &die, qualified))
			continue;
		if (is_found)
			return false;
		*ret = die;
		is_found = true;
	}
	return is_found;
}

bool jem_types_find_definition(struct jem_types *types, Dwarf_Die *declaration, Dwarf_Die *ret)
{
	const char *own = dwarf_diename(declaration);
	struct jem_buf name;
	bool is_found = false;

	if (!own)
		return false;
	if (!types->definitions) {
		types->definitions = calloc(1, sizeof(*types->definitions));
		if (!types->definitions)
			return false;
		if (!collect_all(types->definitions, dwarf_cu_getdwarf(declaration->cu)))
			types->definitions->count = 0;
	}
	jem_buf_init(&name, SPELL_BYTES_MAX);
	jem_scopes_name(types->scopes, declaration, &name);
	/* a name that has no meaning in another unit */
	if (!name.failed && !strstr(jem_buf_cstr(&name), "(anonymous"))
		is_found = find(types, own, jem_buf_cstr(&name), ret);
	jem_buf_deinit(&name);
	return is_found;
}

void jem_types_forget_definitions(struct jem_types *types)
{
	if (types->definitions)
		free(types->definitions->list);
	free(types->definitions);
	types->definitions = NULL;
}
