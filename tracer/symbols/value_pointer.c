/* SPDX-License-Identifier: Apache-2.0 */
/* value_pointer: pointers and references, with what stands behind them. */
#include "tracer/symbols/value_internal.h"

#define BEHIND (1u << JEM_SLOT_POINTEE | 1u << JEM_SLOT_STRING | 1u << JEM_SLOT_ELEMENTS)

void jem_value_address(struct jem_value_decoder *d, uint64_t address)
{
	static const char digits[] = "0123456789abcdef";
	unsigned count = address ? (67 - (unsigned)__builtin_clzll(address)) / 4 : 1;
	char text[18] = "0x";

	for (unsigned i = 0; i < count; i++)
		text[2 + i] = digits[address >> 4 * (count - 1 - i) & 15];
	jem_cbor_text(d->buf, text, 2 + count);
}

static void put_head(struct jem_value_decoder *d, uint64_t address, const char *more)
{
	jem_cbor_map(d->buf, more ? 2 : 1);
	jem_cbor_str(d->buf, "address");
	jem_value_address(d, address);
	if (more)
		jem_cbor_str(d->buf, more);
}

static void put_function(struct jem_value_decoder *d, uint64_t address)
{
	const char *name =
		d->config.function_name ? d->config.function_name(d->config.user, address) : NULL;

	put_head(d, address, name ? "to" : NULL);
	if (name)
		jem_value_text(d, (const uint8_t *)name, strnlen(name, JEM_VALUE_NAME_MAX), 1,
			       false, UINT64_MAX);
}

/* How many pointers further out the object stands, 0: it does not. */
static unsigned find_cycle(const struct jem_value_decoder *d, uint64_t address, uint32_t type)
{
	for (unsigned i = d->pointers; i-- > 0;)
		if (d->chain[i].address == address && d->chain[i].type == type)
			return d->pointers - i;
	return 0;
}

/* What the cell has of it, of the type that the slot says. */
static void put_behind(struct jem_value_decoder *d, const struct jem_value_child *child,
		       uint64_t address, bool is_many)
{
	const struct jem_image_slot *slot = &d->index->part.slots[child->slot];
	const struct jem_image_type *type = &d->image->types[slot->type];
	struct jem_value_at at = jem_value_child_at(child, is_many);
	bool is_cut = child->cell->head.status == JEM_CELL_TRUNCATED;

	/* How long a C string is that was cut, nobody has counted. */
	if (slot->role == JEM_SLOT_STRING && jem_value_is_text(d, type))
		return jem_value_text(d, at.data, at.len, type->size, is_cut, UINT64_MAX);
	if (slot->role == JEM_SLOT_STRING)
		return jem_value_elements(d, slot->type, at.len + is_cut, &at);
	if (d->pointers > JEM_VALUE_DEPTH_MAX)
		return jem_value_missing(d, JEM_MISSING_TRUNCATED);
	d->chain[d->pointers++] = (struct jem_value_pointee){ address, slot->type };
	if (slot->role == JEM_SLOT_ELEMENTS)
		jem_value_elements(d, slot->type, child->cell->head.total, &at);
	else
		jem_value_put(d, slot->type, &at);
	d->pointers--;
}

static enum jem_missing why_not(const struct jem_value_child *child)
{
	if (!child->cell || child->cell->head.status == JEM_CELL_BUDGET)
		return JEM_MISSING_TRUNCATED;
	return child->cell->head.status == JEM_CELL_UNREADABLE ? JEM_MISSING_UNREADABLE
							       : JEM_MISSING_NONE;
}

static bool load_pointer(const struct jem_value_at *at, uint32_t where, uint64_t *ret)
{
	struct jem_value_at sub = jem_value_sub(at, where, 8);

	*ret = jem_value_load(sub.data, sub.len);
	return sub.len == 8;
}

void jem_value_pointer(struct jem_value_decoder *d, const struct jem_image_type *type,
		       const struct jem_value_at *at)
{
	uint32_t where = type->kind == JEM_TYPE_SMART_POINTER ? type->where : 0;
	struct jem_value_child child;
	enum jem_missing missing;
	uint64_t address;
	unsigned cycle;

	if (!load_pointer(at, where, &address))
		return jem_value_missing(d, JEM_MISSING_TRUNCATED);
	if (!address)
		return jem_cbor_null(d->buf);
	if (type->target && d->image->types[type->target].kind == JEM_TYPE_FUNCTION)
		return put_function(d, address);
	cycle = find_cycle(d, address, type->target);
	if (cycle) {
		put_head(d, address, "cycle");
		return jem_cbor_u64(d->buf, cycle);
	}
	child = jem_value_find_child(d, at, where, BEHIND, address);
	if (!child.exists || (at->is_many && !child.cell))
		return put_head(d, address, NULL);
	missing = why_not(&child);
	/* A text stands for its pointer; anything else shows both. */
	if (missing != JEM_MISSING_NONE || d->index->part.slots[child.slot].role != JEM_SLOT_STRING)
		put_head(d, address, "to");
	if (missing != JEM_MISSING_NONE)
		jem_value_missing(d, missing);
	else
		put_behind(d, &child, address, at->is_many);
}

void jem_value_reference(struct jem_value_decoder *d, const struct jem_image_type *type,
			 const struct jem_value_at *at)
{
	struct jem_value_child child;
	enum jem_missing missing;
	uint64_t address;

	if (!load_pointer(at, 0, &address))
		return jem_value_missing(d, JEM_MISSING_TRUNCATED);
	if (type->target && d->image->types[type->target].kind == JEM_TYPE_FUNCTION)
		return put_function(d, address);
	child = jem_value_find_child(d, at, 0, BEHIND, address);
	if (!child.exists || (at->is_many && !child.cell))
		return put_head(d, address, NULL);
	missing = why_not(&child);
	if (missing != JEM_MISSING_NONE)
		jem_value_missing(d, missing);
	else
		put_behind(d, &child, address, at->is_many);
}

/* Itanium C++ ABI section 2.3: to data an offset, -1 for null; to functions {address or 1 + offset in
 * the table of virtual functions, adjustment of `this`}. */
void jem_value_member_pointer(struct jem_value_decoder *d, const struct jem_image_type *type,
			      const struct jem_value_at *at)
{
	uint64_t value;

	if (!load_pointer(at, 0, &value) || at->len < type->size)
		return jem_value_missing(d, JEM_MISSING_TRUNCATED);
	if (type->size == 8) {
		if (value == UINT64_MAX)
			return jem_cbor_null(d->buf);
		jem_cbor_map(d->buf, 1);
		jem_cbor_str(d->buf, "offset");
		return jem_value_integer(d, value, true);
	}
	if (!value)
		return jem_cbor_null(d->buf);
	if (!(value & 1))
		return put_function(d, value);
	jem_cbor_map(d->buf, 1);
	jem_cbor_str(d->buf, "virtual");
	jem_value_integer(d, value - 1, false);
}
