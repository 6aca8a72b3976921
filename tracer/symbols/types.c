/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/types.h"

#include "tracer/symbols/types_internal.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TYPES_MAX = 1 << 20,
	CHUNKS_MAX = TYPES_MAX / TYPE_CHUNK,
	MEMBER_CHUNKS_MAX = 512,
	ARRAY_DIMENSIONS_MAX = 8
};

/* --- tables ------------------------------------------------------------------------------------- */

struct jem_image_type *jem_type_at(struct jem_types *types, uint32_t id)
{
	if (id >= types->count)
		id = 0;
	return &types->chunks[id / TYPE_CHUNK]->types[id % TYPE_CHUNK];
}

struct type_more *jem_type_more(struct jem_types *types, uint32_t id)
{
	if (id >= types->count)
		id = 0;
	return &types->chunks[id / TYPE_CHUNK]->more[id % TYPE_CHUNK];
}

static uint32_t add_type(struct jem_types *types, const struct jem_image_type *type,
			 const struct type_more *more)
{
	size_t chunk = types->count / TYPE_CHUNK;

	if (chunk == CHUNKS_MAX)
		return 0;
	if (!types->chunks[chunk])
		types->chunks[chunk] = calloc(1, sizeof(*types->chunks[chunk]));
	if (!types->chunks[chunk])
		return 0;
	types->chunks[chunk]->types[types->count % TYPE_CHUNK] = *type;
	types->chunks[chunk]->more[types->count % TYPE_CHUNK] = *more;
	return (uint32_t)types->count++;
}

static size_t map_slot(const struct type_map *map, uint64_t key)
{
	size_t at = (key * 0x9e3779b97f4a7c15ull >> 24) & map->mask;

	while (map->list[at].key && map->list[at].key != key)
		at = (at + 1) & map->mask;
	return at;
}

/* Grows before it is half full; without memory it forgets, and a type may be there twice. */
static void map_set(struct type_map *map, uint64_t key, uint32_t type)
{
	if ((map->count + 1) * 2 > map->mask) {
		struct type_map larger = { .mask = 2 * map->mask + 1, .count = map->count };

		larger.list = calloc(larger.mask + 1, sizeof(*larger.list));
		if (!larger.list)
			return;
		for (size_t i = 0; i <= map->mask; i++)
			if (map->list[i].key)
				larger.list[map_slot(&larger, map->list[i].key)] = map->list[i];
		free(map->list);
		*map = larger;
	}
	map->list[map_slot(map, key)] = (struct type_key){ key, type };
	map->count++;
}

int jem_types_create(struct jem_strings *strings, struct jem_types **ret)
{
	struct jem_types *types = calloc(1, sizeof(*types));
	struct jem_image_type nothing = { .kind = JEM_TYPE_VOID };
	struct type_more more = { .base = 0 };

	if (!types)
		return -ENOMEM;
	types->strings = strings;
	jem_buf_init(&types->text, SPELL_BYTES_MAX);
	types->chunks = calloc(CHUNKS_MAX, sizeof(*types->chunks));
	types->member_chunks = calloc(MEMBER_CHUNKS_MAX, sizeof(*types->member_chunks));
	types->by_die.mask = types->by_content.mask = 1023;
	types->by_die.list = calloc(1024, sizeof(*types->by_die.list));
	types->by_content.list = calloc(1024, sizeof(*types->by_content.list));
	if (!types->chunks || !types->member_chunks || !types->by_die.list ||
	    !types->by_content.list || jem_scopes_create(&types->scopes) < 0) {
		jem_types_destroy(types);
		return -ENOMEM;
	}
	nothing.name = jem_strings_add(strings, "void");
	add_type(types, &nothing, &more);
	if (!types->count) {
		jem_types_destroy(types);
		return -ENOMEM;
	}
	*ret = types;
	return 0;
}

void jem_types_destroy(struct jem_types *types)
{
	if (!types)
		return;
	for (size_t i = 0; types->chunks && i < CHUNKS_MAX; i++)
		free(types->chunks[i]);
	for (size_t i = 0; types->member_chunks && i < MEMBER_CHUNKS_MAX; i++)
		free(types->member_chunks[i]);
	free(types->chunks);
	free(types->member_chunks);
	free(types->by_die.list);
	free(types->by_content.list);
	jem_types_forget_definitions(types);
	jem_scopes_destroy(types->scopes);
	jem_buf_deinit(&types->text);
	free(types);
}

/* --- entries ------------------------------------------------------------------------------------ */

bool jem_die_type(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;

	return dwarf_formref_die(dwarf_attr_integrate(die, DW_AT_type, &attribute), ret) != NULL;
}

bool jem_die_strip(Dwarf_Die *die, Dwarf_Die *ret)
{
	*ret = *die;
	for (unsigned depth = 0; depth < TYPE_DEPTH_MAX; depth++) {
		Dwarf_Attribute attribute;
		Dwarf_Die real;

		switch (dwarf_tag(ret)) {
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_restrict_type:
		case DW_TAG_atomic_type:
		case DW_TAG_immutable_type:
			if (!dwarf_formref_die(dwarf_attr(ret, DW_AT_type, &attribute), ret))
				return false;
			break;
		default:
			/* a type that stands in a type unit */
			if (dwarf_attr(ret, DW_AT_signature, &attribute) &&
			    dwarf_formref_die(&attribute, &real)) {
				*ret = real;
				break;
			}
			return true;
		}
	}
	return false;
}

static uint32_t size_of(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Word size;

	if (!dwarf_attr(die, DW_AT_byte_size, &attribute) ||
	    dwarf_formudata(&attribute, &size) < 0 || size > UINT32_MAX)
		return 0;
	return (uint32_t)size;
}

static void read_base_type(Dwarf_Die *die, struct jem_image_type *type)
{
	Dwarf_Attribute attribute;
	Dwarf_Word encoding = 0;
	const char *name = dwarf_diename(die);

	if (dwarf_formudata(dwarf_attr(die, DW_AT_encoding, &attribute), &encoding) < 0)
		return;
	switch (encoding) {
	case DW_ATE_signed:
		type->kind = name && !strcmp(name, "wchar_t") ? JEM_TYPE_CHAR : JEM_TYPE_SIGNED;
		break;
	case DW_ATE_unsigned:
		type->kind = JEM_TYPE_UNSIGNED;
		break;
	case DW_ATE_boolean:
		type->kind = JEM_TYPE_BOOL;
		break;
	case DW_ATE_signed_char:
	case DW_ATE_unsigned_char:
	case DW_ATE_UTF:
		type->kind = JEM_TYPE_CHAR;
		break;
	case DW_ATE_float:
		type->kind = name && (strstr(name, "128")) ? JEM_TYPE_FLOAT128 : JEM_TYPE_FLOAT;
		break;
	case DW_ATE_complex_float:
		type->kind = JEM_TYPE_COMPLEX;
		break;
	}
}

static uint64_t hash_content(const struct jem_image_type *type, uint32_t line)
{
	uint32_t parts[] = { type->name,  type->kind, type->is_incomplete, type->size, type->target,
			     type->count, line };
	uint64_t hash = 14695981039346656037ull;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		hash = (hash ^ parts[i]) * 1099511628211ull;
	return hash | 1;
}

/* One entry for equal ones, whatever unit they come from. `line` tells structs of one name apart. */
static uint32_t add_once(struct jem_types *types, const struct jem_image_type *type,
			 const struct type_more *more, uint32_t line)
{
	uint64_t key = hash_content(type, line);
	uint32_t id =
		type->name ? types->by_content.list[map_slot(&types->by_content, key)].type : 0;
	const struct jem_image_type *there = jem_type_at(types, id);

	if (id && there->name == type->name && there->size == type->size &&
	    there->target == type->target)
		return id;
	id = add_type(types, type, more);
	if (id)
		map_set(&types->by_content, key, id);
	return id;
}

static uint32_t dimension_count(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (dwarf_attr(die, DW_AT_count, &attribute) && dwarf_formudata(&attribute, &value) == 0)
		return value <= UINT32_MAX ? (uint32_t)value : 0;
	if (!dwarf_attr(die, DW_AT_upper_bound, &attribute) ||
	    dwarf_formudata(&attribute, &value) < 0 || value >= UINT32_MAX)
		return 0; /* flexible, or known at run time */
	return (uint32_t)value + 1;
}

/* The last dimension holds the elements, each one before holds arrays of those after it. */
static uint32_t resolve_array(struct jem_types *types, Dwarf_Die *die, uint32_t name,
			      unsigned depth)
{
	uint32_t counts[ARRAY_DIMENSIONS_MAX];
	size_t dimensions = 0;
	struct type_more more = { .base = 0 };
	Dwarf_Die child, element;
	uint32_t id;

	if (!jem_die_type(die, &element))
		return 0;
	id = jem_types_resolve(types, &element, depth + 1);
	if (dwarf_child(die, &child) == 0) {
		do {
			if (dwarf_tag(&child) == DW_TAG_subrange_type &&
			    dimensions < ARRAY_DIMENSIONS_MAX)
				counts[dimensions++] = dimension_count(&child);
		} while (jem_die_next(&child));
	}
	if (!dimensions)
		counts[dimensions++] = 0;
	while (dimensions--) {
		struct jem_image_type type = { .kind = JEM_TYPE_ARRAY, .target = id };
		uint64_t bytes = (uint64_t)counts[dimensions] * jem_type_at(types, id)->size;

		type.count = counts[dimensions];
		type.size = bytes <= UINT32_MAX ? (uint32_t)bytes : 0;
		/* the name of the whole is that of the parts too: only the whole is shown */
		type.name = name;
		more.state = jem_type_more(types, id)->state == TYPE_DONE ? TYPE_DONE : TYPE_LAZY;
		id = add_once(types, &type, &more, (uint32_t)dimensions);
	}
	return id;
}

static uint32_t target_of(struct jem_types *types, Dwarf_Die *die, unsigned depth)
{
	Dwarf_Die target;

	return jem_die_type(die, &target) ? jem_types_resolve(types, &target, depth + 1) : 0;
}

/* What is to be said of a type that needs no look at members. False: its tag is not known. */
static bool describe(struct jem_types *types, Dwarf_Die *die, struct jem_image_type *type,
		     struct type_more *more, unsigned depth)
{
	Dwarf_Die target;

	type->size = size_of(die);
	switch (dwarf_tag(die)) {
	case DW_TAG_base_type:
		read_base_type(die, type);
		return true;
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		type->kind = dwarf_tag(die) == DW_TAG_pointer_type ? JEM_TYPE_POINTER
								   : JEM_TYPE_REFERENCE;
		type->size = 8;
		type->target = target_of(types, die, depth);
		return true;
	case DW_TAG_unspecified_type: /* decltype(nullptr) */
		type->kind = JEM_TYPE_POINTER;
		type->size = 8;
		return true;
	case DW_TAG_ptr_to_member_type:
		type->kind = JEM_TYPE_MEMBER_POINTER;
		type->size =
			jem_die_type(die, &target) && dwarf_tag(&target) == DW_TAG_subroutine_type
				? 16
				: 8;
		return true;
	case DW_TAG_subroutine_type:
		type->kind = JEM_TYPE_FUNCTION;
		return true;
	case DW_TAG_enumeration_type:
		type->kind = JEM_TYPE_ENUM;
		type->target = target_of(types, die, depth);
		break;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_interface_type:
		type->kind = JEM_TYPE_STRUCT;
		break;
	case DW_TAG_union_type:
		type->kind = JEM_TYPE_UNION;
		break;
	default:
		return false;
	}
	type->is_incomplete = dwarf_hasattr(die, DW_AT_declaration);
	more->die = *die;
	more->state = TYPE_LAZY;
	return true;
}

static uint32_t resolve_new(struct jem_types *types, Dwarf_Die *die, unsigned depth)
{
	struct jem_image_type type = { .where = JEM_SHAPE_NONE };
	struct type_more more = { .base = 0 };
	Dwarf_Die base;
	int line = 0;

	if (!jem_die_strip(die, &base))
		base = (Dwarf_Die){ .addr = NULL };
	if (base.addr && base.addr != die->addr) {
		more.base = jem_types_resolve(types, &base, depth + 1);
		type = *jem_type_at(types, more.base);
		more.state =
			jem_type_more(types, more.base)->state == TYPE_DONE ? TYPE_DONE : TYPE_LAZY;
		more.shape = jem_type_more(types, more.base)->shape;
	}
	jem_buf_clear(&types->text);
	jem_types_spell(types, die, "", &types->text);
	type.name = jem_strings_add(types->strings, jem_buf_cstr(&types->text));
	if (!base.addr) { /* const void and the like */
		type.kind = JEM_TYPE_VOID;
		return add_once(types, &type, &more, 0);
	}
	if (more.base)
		return add_once(types, &type, &more, more.base);
	if (dwarf_tag(die) == DW_TAG_array_type)
		return resolve_array(types, die, type.name, depth);
	if (!describe(types, die, &type, &more, depth)) {
		type.kind = JEM_TYPE_UNKNOWN;
		return add_once(types, &type, &more, 0);
	}
	/* Those without a name are told apart by where they stand. */
	if (more.die.addr && !dwarf_diename(die))
		return add_type(types, &type, &more);
	if (more.die.addr && dwarf_decl_line(die, &line) < 0)
		line = 0;
	return add_once(types, &type, &more, (uint32_t)line);
}

uint32_t jem_types_resolve(struct jem_types *types, Dwarf_Die *die, unsigned depth)
{
	size_t at = map_slot(&types->by_die, (uintptr_t)die->addr);
	uint32_t id;

	if (types->by_die.list[at].key)
		return types->by_die.list[at].type;
	if (depth > TYPE_DEPTH_MAX)
		return 0;
	id = resolve_new(types, die, depth);
	if (id)
		map_set(&types->by_die, (uintptr_t)die->addr, id);
	return id;
}

uint32_t jem_types_of(struct jem_types *types, Dwarf_Die *die)
{
	Dwarf_Die type;

	return jem_die_type(die, &type) ? jem_types_resolve(types, &type, 0) : 0;
}

/* --- on demand ---------------------------------------------------------------------------------- */

static void complete(struct jem_types *types, uint32_t id, unsigned depth);

/* What is in a value of it, by value: members, elements. */
static void complete_parts(struct jem_types *types, uint32_t id, unsigned depth)
{
	struct jem_image_type *type = jem_type_at(types, id);
	struct jem_image_member *members;

	if (type->kind == JEM_TYPE_ARRAY) {
		complete(types, type->target, depth + 1);
		return;
	}
	if (type->kind != JEM_TYPE_STRUCT && type->kind != JEM_TYPE_UNION)
		return;
	jem_types_read_members(types, id);
	members = (struct jem_image_member *)jem_types_members(types, id);
	for (uint32_t i = 0; i < type->member_count; i++) {
		uint32_t part = members[i].type;

		while (jem_type_at(types, part)->kind == JEM_TYPE_ARRAY)
			part = jem_type_at(types, part)->target;
		if (jem_type_more(types, part)->state == TYPE_BUSY)
			members[i].type = 0; /* it would hold itself */
		else
			complete(types, members[i].type, depth + 1);
	}
}

/* A type that its unit only declares becomes what another unit defines; false: nobody does. */
static bool define(struct jem_types *types, uint32_t id)
{
	struct type_more *more = jem_type_more(types, id);
	struct jem_image_type *type = jem_type_at(types, id);
	Dwarf_Die definition;

	if (!type->is_incomplete)
		return true;
	if (!jem_types_find_definition(types, &more->die, &definition))
		return false;
	more->die = definition;
	type->is_incomplete = 0;
	type->size = size_of(&definition);
	return true;
}

static void complete(struct jem_types *types, uint32_t id, unsigned depth)
{
	struct type_more *more = jem_type_more(types, id);
	struct jem_image_type *type = jem_type_at(types, id);

	if (more->state != TYPE_LAZY || depth > TYPE_DEPTH_MAX)
		return;
	more->state = TYPE_BUSY;
	if (more->base) {
		uint32_t name = type->name;

		complete(types, more->base, depth + 1);
		*type = *jem_type_at(types, more->base);
		type->name = name;
		more->shape = jem_type_more(types, more->base)->shape;
	} else if (!define(types, id)) {
		/* a name is all that there is */
	} else if (type->kind == JEM_TYPE_ENUM) {
		jem_types_read_members(types, id);
	} else {
		complete_parts(types, id, depth);
		if (type->kind == JEM_TYPE_STRUCT)
			jem_types_recognise(types, id);
	}
	more->state = TYPE_DONE;
}

const struct jem_image_type *jem_types_get(struct jem_types *types, uint32_t id)
{
	complete(types, id, 0);
	return jem_type_at(types, id);
}

const struct jem_image_member *jem_types_members(struct jem_types *types, uint32_t id)
{
	static const struct jem_image_member none;
	const struct jem_image_type *type = jem_type_at(types, id);

	if (!type->member_count)
		return &none;
	return &types->member_chunks[type->members / MEMBER_CHUNK][type->members % MEMBER_CHUNK];
}

const struct jem_shape *jem_types_shape(struct jem_types *types, uint32_t id)
{
	complete(types, id, 0);
	return &jem_type_more(types, id)->shape;
}

struct jem_strings *jem_types_strings(struct jem_types *types)
{
	return types->strings;
}

struct jem_scopes *jem_types_scopes(struct jem_types *types)
{
	return types->scopes;
}

/* --- into the image ----------------------------------------------------------------------------- */

size_t jem_types_count(const struct jem_types *types)
{
	return types->count;
}

size_t jem_types_member_count(const struct jem_types *types)
{
	return types->member_count;
}

void jem_types_copy(struct jem_types *types, struct jem_image_type *types_out,
		    struct jem_image_member *members_out)
{
	for (uint32_t i = 0; i < types->count; i++) {
		types_out[i] = *jem_type_at(types, i);
		if (jem_type_more(types, i)->state == TYPE_LAZY &&
		    types_out[i].kind != JEM_TYPE_ARRAY)
			types_out[i].is_incomplete = 1;
	}
	for (size_t at = 0; at < types->member_count; at += MEMBER_CHUNK) {
		size_t count = types->member_count - at;

		memcpy(members_out + at, types->member_chunks[at / MEMBER_CHUNK],
		       (count < MEMBER_CHUNK ? count : MEMBER_CHUNK) * sizeof(*members_out));
	}
}
