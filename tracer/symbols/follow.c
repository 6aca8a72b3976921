/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pointers lead to, breadth first: so that the near things of all variables have room before the far
 * ones of any.
 */
#include "tracer/symbols/compile.h"

#include <stdlib.h>

#define ROOTS_MAX   128
#define ITEMS_MAX   128
#define HOPS_MAX    8
#define NESTING_MAX 8
#define PINNED_MAX  12
#define ROOM        48 /* ops that must be left to begin with another pointer */

struct item {
	uint16_t root;
	uint16_t slot;
	uint32_t type;
	unsigned depth;
	unsigned hop_count;
	uint32_t hops[HOPS_MAX]; /* offset of the pointer in the object before */
};

struct root {
	struct jem_place place;
	uint16_t slot;
	uint32_t type;
};

struct jem_follow {
	unsigned root_count, item_head, item_count;
	unsigned branches;          /* within loops or branches */
	const struct item *current; /* whose object is walked */
	struct item items[ITEMS_MAX];
	struct root roots[ROOTS_MAX];
};

static uint32_t temp_bit(unsigned reg)
{
	return reg >= 19 && reg < 32 ? 1u << (reg - 19) : reg >= 49 ? 1u << (reg - 49 + 13) : 0;
}

static uint32_t temps_of(const struct jem_place *place)
{
	uint32_t bits = place->term.kind == JEM_TERM_REG ? temp_bit(place->term.reg) : 0;

	for (unsigned i = 0; i < place->piece_count; i++)
		if (place->pieces[i].term.kind == JEM_TERM_REG)
			bits |= temp_bit(place->pieces[i].term.reg);
	return bits;
}

static bool may_point(struct jem_types *types, uint32_t type, unsigned nesting)
{
	const struct jem_image_type *t = jem_types_get(types, type);

	if (t->kind == JEM_TYPE_POINTER || t->kind == JEM_TYPE_REFERENCE ||
	    t->kind >= JEM_TYPE_STRING || nesting > NESTING_MAX)
		return t->kind != JEM_TYPE_UNION;
	if (t->kind == JEM_TYPE_ARRAY)
		return may_point(types, t->target, nesting + 1);
	if (t->kind != JEM_TYPE_STRUCT)
		return false;
	const struct jem_image_member *members = jem_types_members(types, type);

	for (uint32_t i = 0; i < t->member_count; i++)
		if (!(members[i].flags & (JEM_MEMBER_BIT_FIELD | JEM_MEMBER_VIRTUAL_BASE)) &&
		    may_point(types, members[i].type, nesting + 1))
			return true;
	return false;
}

void jem_follow_add(struct jem_compiler *c, int slot, uint32_t type, const struct jem_place *place)
{
	const struct jem_plan_limits *limits = c->request->limits;

	if (!limits->depth || place->kind == JEM_PLACE_BYTES || place->kind == JEM_PLACE_XMM ||
	    !may_point(c->request->types, type, 0))
		return;
	if (!c->follow) {
		c->follow = malloc(sizeof(*c->follow));
		if (!c->follow)
			return;
		c->follow->root_count = c->follow->item_head = c->follow->item_count = 0;
		c->follow->branches = 0;
		c->follow->current = NULL;
	}
	struct jem_follow *f = c->follow;
	uint32_t pinned = c->pinned | temps_of(place);

	if (f->root_count >= ROOTS_MAX || __builtin_popcount(pinned) > PINNED_MAX)
		return;
	c->pinned = pinned;
	f->roots[f->root_count++] =
		(struct root){ .place = *place, .slot = (uint16_t)slot, .type = type };
}

void jem_follow_branch(struct jem_compiler *c, bool is_in)
{
	c->follow->branches += is_in ? 1 : -1u;
}

/* --- objects ------------------------------------------------------------------------------------ */

bool jem_object_read(struct jem_compiler *c, const struct jem_object *object, uint32_t offset,
		     unsigned size, struct jem_term *ret)
{
	struct jem_term at;
	uint32_t from = object->within + offset, begin = 0;

	if (!object->place || object->place->kind == JEM_PLACE_MEMORY) {
		at = object->place ? jem_term_plus(object->place->term, from)
				   : jem_term_plus(object->address, offset);
		*ret = jem_code_load(c, &at, size, false);
		return true;
	}
	if (object->place->kind == JEM_PLACE_VALUE) {
		*ret = object->place->term;
		return !from && size == 8;
	}
	for (unsigned i = 0; i < object->place->piece_count; i++) {
		const struct jem_piece *p = &object->place->pieces[i];

		if (begin == from && p->size == size && p->kind == JEM_PLACE_VALUE) {
			*ret = p->term;
			return true;
		}
		if (begin <= from && from + size <= begin + p->size &&
		    p->kind == JEM_PLACE_MEMORY) {
			at = jem_term_plus(p->term, from - begin);
			*ret = jem_code_load(c, &at, size, false);
			return true;
		}
		begin += p->size;
	}
	return false;
}

struct jem_object jem_object_part(const struct jem_object *object, uint32_t offset, uint32_t type)
{
	struct jem_object part = *object;

	part.address = jem_term_plus(part.address, offset);
	part.offset += offset;
	part.within += offset;
	part.type = type;
	part.nesting++;
	return part;
}

static void queue(struct jem_compiler *c, const struct jem_object *object, int slot,
		  uint32_t target)
{
	struct jem_follow *f = c->follow;
	struct item next = *f->current;

	if (f->item_count >= ITEMS_MAX || next.hop_count >= HOPS_MAX)
		return;
	next.hops[next.hop_count++] = object->within;
	next.slot = (uint16_t)slot;
	next.type = target;
	next.depth = object->depth + 1;
	f->items[f->item_count++] = next;
}

/* What can be shown behind a pointer. */
static bool is_target(const struct jem_image_type *type)
{
	return type->size && !type->is_incomplete && type->kind != JEM_TYPE_VOID &&
	       type->kind != JEM_TYPE_FUNCTION && type->kind != JEM_TYPE_UNKNOWN;
}

static uint32_t at_most(uint32_t size, uint32_t most)
{
	return most && size > most ? most : size;
}

void jem_follow_pointer(struct jem_compiler *c, const struct jem_object *object, uint32_t target,
			bool is_text)
{
	const struct jem_plan_limits *limits = c->request->limits;
	const struct jem_image_type *type = jem_types_get(c->request->types, target);
	uint32_t mark = jem_code_mark(c);
	struct jem_term pointer;

	is_text = is_text && type->kind == JEM_TYPE_CHAR && type->size == 1;
	if (object->depth >= limits->depth || !is_target(type) || jem_code_room(c) < ROOM ||
	    !jem_object_read(c, object, 0, 8, &pointer))
		return;
	int slot = jem_slot_add(
		c, &(struct jem_image_slot){ .type = target,
					     .role = is_text ? JEM_SLOT_STRING : JEM_SLOT_POINTEE,
					     .fixed = JEM_SLOT_IN_CELL,
					     .parent = (uint16_t)(object->slot + 1),
					     .offset = object->offset,
					     .size = type->size });

	if (slot < 0)
		return;
	unsigned reg = jem_code_reg(c, &pointer);
	uint32_t null = jem_code_jump(c, JEM_OP_JUMP_ZERO, reg);

	c->plan->site_flags |= JEM_SITE_POINTERS;
	jem_slot_cell(c, slot, is_text ? JEM_OP_CELL_STRING : JEM_OP_CELL, 0, reg, 0,
		      is_text ? limits->string_bytes : at_most(type->size, limits->object_bytes));
	if (!is_text && may_point(c->request->types, target, 0)) {
		struct jem_object next = { .address = jem_term_reg(reg),
					   .slot = slot,
					   .type = target,
					   .depth = object->depth + 1 };

		if (c->follow->branches)
			jem_follow_object(c, &next);
		else
			queue(c, object, slot, target);
	}
	jem_code_land(c, null);
	jem_code_release(c, mark);
}

static void follow_members(struct jem_compiler *c, const struct jem_object *object,
			   const struct jem_image_type *type)
{
	const struct jem_image_member *members = jem_types_members(c->request->types, object->type);

	for (uint32_t i = 0; i < type->member_count && jem_code_room(c) >= ROOM; i++) {
		if (members[i].flags & (JEM_MEMBER_BIT_FIELD | JEM_MEMBER_VIRTUAL_BASE) ||
		    members[i].offset >= type->size)
			continue;
		struct jem_object part =
			jem_object_part(object, (uint32_t)members[i].offset, members[i].type);

		jem_follow_object(c, &part);
	}
}

static void follow_elements(struct jem_compiler *c, const struct jem_object *object,
			    const struct jem_image_type *type)
{
	uint32_t size = jem_types_get(c->request->types, type->target)->size;
	uint32_t count = at_most(type->count, c->request->limits->items);

	for (uint32_t i = 0; i < count && jem_code_room(c) >= ROOM; i++) {
		struct jem_object part = jem_object_part(object, i * size, type->target);

		jem_follow_object(c, &part);
	}
}

void jem_follow_object(struct jem_compiler *c, const struct jem_object *object)
{
	struct jem_types *types = c->request->types;
	const struct jem_image_type *type = jem_types_get(types, object->type);
	const struct jem_shape *shape = jem_types_shape(types, object->type);

	if (object->nesting > NESTING_MAX || !may_point(types, object->type, 0))
		return;
	if (shape->kind != JEM_SHAPE_PLAIN)
		jem_container_compile(c, object, shape);
	else if (type->kind == JEM_TYPE_POINTER || type->kind == JEM_TYPE_REFERENCE)
		jem_follow_pointer(c, object, type->target, true);
	else if (type->kind == JEM_TYPE_STRUCT)
		follow_members(c, object, type);
	else if (type->kind == JEM_TYPE_ARRAY)
		follow_elements(c, object, type);
}

/* --- the queue ---------------------------------------------------------------------------------- */

static void follow_root(struct jem_compiler *c, unsigned number)
{
	struct root *root = &c->follow->roots[number];
	struct item item = { .root = (uint16_t)number, .slot = root->slot, .type = root->type };
	struct jem_object object = { .address = root->place.term,
				     .place = &root->place,
				     .slot = root->slot,
				     .type = root->type };

	c->follow->current = &item;
	jem_follow_object(c, &object);
}

static void follow_item(struct jem_compiler *c, const struct item *item)
{
	struct root *root = &c->follow->roots[item->root];
	uint32_t begin = c->plan->op_count, mark = jem_code_mark(c);
	struct jem_object first = { .place = &root->place, .within = item->hops[0] };
	struct jem_term address;

	if (jem_code_room(c) < ROOM + 4 * item->hop_count ||
	    !jem_object_read(c, &first, 0, 8, &address))
		return;
	for (unsigned i = 1; i < item->hop_count; i++) {
		address = jem_term_plus(address, item->hops[i]);
		address = jem_code_load(c, &address, 8, false);
	}
	unsigned reg = jem_code_reg(c, &address);
	uint32_t null = jem_code_jump(c, JEM_OP_JUMP_ZERO, reg), nothing = c->plan->op_count;
	struct jem_object object = { .address = jem_term_reg(reg),
				     .slot = item->slot,
				     .type = item->type,
				     .depth = item->depth };

	c->follow->current = item;
	jem_follow_object(c, &object);
	if (c->plan->op_count == nothing)
		c->plan->op_count = begin;
	else
		jem_code_land(c, null);
	jem_code_release(c, mark);
}

void jem_follow_compile(struct jem_compiler *c)
{
	struct jem_follow *f = c->follow;

	if (!f)
		return;
	c->is_cleared =
		true; /* nobody asks after FAILED here but loops, which clear it themselves */
	for (unsigned i = 0; i < f->root_count; i++)
		follow_root(c, i);
	while (f->item_head < f->item_count) {
		struct item item = f->items[f->item_head++];

		follow_item(c, &item);
	}
}
