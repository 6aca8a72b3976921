/* SPDX-License-Identifier: Apache-2.0 */
/* types_members: members, bases and enumerators of a type (DWARF 5, sections 5.7.3, 5.7.6, 5.8). */
#include "tracer/symbols/types_internal.h"

#include <dwarf.h>
#include <stdlib.h>

enum {
	MEMBER_CHUNKS_MAX = 512
};

static bool read_number(Dwarf_Die *die, unsigned name, uint64_t *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) < 0)
		return false;
	*ret = value;
	return true;
}

/* A constant, or the one expression that old compilers write for one. */
static bool read_location(Dwarf_Die *die, uint64_t *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Op *ops;
	size_t count;

	if (read_number(die, DW_AT_data_member_location, ret))
		return true;
	if (!dwarf_attr(die, DW_AT_data_member_location, &attribute)) {
		*ret = 0; /* a union's member, or a bit-field of DWARF 5 */
		return true;
	}
	if (dwarf_getlocation(&attribute, &ops, &count) < 0 || count != 1 ||
	    (ops[0].atom != DW_OP_plus_uconst && ops[0].atom != DW_OP_constu))
		return false;
	*ret = ops[0].number;
	return true;
}

static void read_bits(Dwarf_Die *die, struct jem_image_member *member)
{
	uint64_t bits, offset, bytes = 0;

	if (!read_number(die, DW_AT_bit_size, &bits) || bits > 64)
		return;
	member->bits = (uint32_t)bits;
	member->flags |= JEM_MEMBER_BIT_FIELD;
	if (read_number(die, DW_AT_data_bit_offset, &offset)) {
		member->offset = offset;
		return;
	}
	/* DWARF 3: counted from the most significant bit of the storage unit. */
	member->offset *= 8;
	if (!read_number(die, DW_AT_bit_offset, &offset))
		return;
	if (!read_number(die, DW_AT_byte_size, &bytes)) {
		Dwarf_Die type, base;

		if (jem_die_type(die, &type) && jem_die_strip(&type, &base))
			read_number(&base, DW_AT_byte_size, &bytes);
	}
	member->offset += 8 * bytes - offset - bits;
}

/* Static members and the pointer to the virtual table are no part of the value. */
static bool is_shown(Dwarf_Die *die)
{
	return !dwarf_hasattr(die, DW_AT_external) && !dwarf_hasattr(die, DW_AT_declaration) &&
	       !dwarf_hasattr(die, DW_AT_artificial) && !dwarf_hasattr(die, DW_AT_const_value);
}

static bool read_member(struct jem_types *types, Dwarf_Die *die, struct jem_image_member *member)
{
	const char *name = dwarf_diename(die);
	uint64_t value;

	switch (dwarf_tag(die)) {
	case DW_TAG_inheritance:
		member->flags = JEM_MEMBER_BASE;
		member->type = jem_types_of(types, die);
		member->name = jem_type_at(types, member->type)->name;
		if (dwarf_hasattr(die, DW_AT_virtuality) &&
		    read_number(die, DW_AT_virtuality, &value) && value != DW_VIRTUALITY_none)
			member->flags |= JEM_MEMBER_VIRTUAL_BASE;
		else if (!read_location(die, &member->offset))
			return false;
		return true;
	case DW_TAG_member:
		if (!is_shown(die) || !read_location(die, &member->offset))
			return false;
		member->type = jem_types_of(types, die);
		member->name = name ? jem_strings_add(types->strings, name) : 0;
		read_bits(die, member);
		return true;
	default:
		return false;
	}
}

static bool read_enumerator(struct jem_types *types, Dwarf_Die *die,
			    struct jem_image_member *member)
{
	Dwarf_Attribute attribute;
	Dwarf_Sword value;
	Dwarf_Word plain;

	if (dwarf_tag(die) != DW_TAG_enumerator || !dwarf_attr(die, DW_AT_const_value, &attribute))
		return false;
	if (dwarf_formsdata(&attribute, &value) < 0) {
		if (dwarf_formudata(&attribute, &plain) < 0)
			return false;
		value = (Dwarf_Sword)plain;
	}
	member->value = value;
	member->name =
		jem_strings_add(types->strings, dwarf_diename(die) ? dwarf_diename(die) : "");
	return true;
}

/* Room for members that follow each other: what is left of a chunk is passed over if they do not fit. */
static struct jem_image_member *reserve(struct jem_types *types, size_t count, uint32_t *first)
{
	size_t left = MEMBER_CHUNK - types->member_count % MEMBER_CHUNK;
	size_t chunk;

	if (count > left)
		types->member_count += left;
	chunk = types->member_count / MEMBER_CHUNK;
	if (chunk >= MEMBER_CHUNKS_MAX)
		return NULL;
	if (!types->member_chunks[chunk])
		types->member_chunks[chunk] =
			calloc(MEMBER_CHUNK, sizeof(*types->member_chunks[chunk]));
	if (!types->member_chunks[chunk])
		return NULL;
	*first = (uint32_t)types->member_count;
	types->member_count += count;
	return &types->member_chunks[chunk][*first % MEMBER_CHUNK];
}

static size_t count_children(Dwarf_Die *die)
{
	Dwarf_Die child;
	size_t count = 0;

	if (dwarf_child(die, &child) != 0)
		return 0;
	do {
		int tag = dwarf_tag(&child);

		count += tag == DW_TAG_member || tag == DW_TAG_inheritance ||
			 tag == DW_TAG_enumerator;
	} while (count < MEMBER_CHUNK && jem_die_next(&child));
	return count;
}

/* Of a struct either its bases or its members. */
static size_t read_all(struct jem_types *types, Dwarf_Die *die, bool is_enum, bool is_base,
		       struct jem_image_member *list, size_t room)
{
	Dwarf_Die child;
	size_t count = 0;

	if (dwarf_child(die, &child) != 0)
		return 0;
	do {
		struct jem_image_member member = { .name = 0 };

		if (count == room)
			break;
		if (is_enum ? read_enumerator(types, &child, &member)
			    : (dwarf_tag(&child) == DW_TAG_inheritance) == is_base &&
				      read_member(types, &child, &member))
			list[count++] = member;
	} while (jem_die_next(&child));
	return count;
}

void jem_types_read_members(struct jem_types *types, uint32_t id)
{
	struct jem_image_type *type = jem_type_at(types, id);
	Dwarf_Die die = jem_type_more(types, id)->die;
	bool is_enum = type->kind == JEM_TYPE_ENUM;
	size_t room = count_children(&die);
	struct jem_image_member *list;
	size_t count = 0;

	if (!room)
		return;
	list = calloc(room, sizeof(*list));
	if (!list)
		return;
	if (!is_enum)
		count = read_all(types, &die, false, true, list, room);
	count += read_all(types, &die, is_enum, false, list + count, room - count);
	if (count) {
		struct jem_image_member *place = reserve(types, count, &type->members);

		if (place) {
			for (size_t i = 0; i < count; i++)
				place[i] = list[i];
			type->member_count = (uint32_t)count;
		}
	}
	free(list);
}
