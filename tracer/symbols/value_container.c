/* SPDX-License-Identifier: Apache-2.0 */
/* value_container: what the standard library keeps behind its objects. Shapes: image.h, jem_type_kind. */
#include "tracer/symbols/value_internal.h"

#define NOWHERE UINT32_MAX /* `where` of what keeps no number of elements */

static bool load_word(const struct jem_value_at *at, uint64_t offset, unsigned len, uint64_t *ret)
{
	struct jem_value_at sub = jem_value_sub(at, offset, len);

	*ret = jem_value_load(sub.data, sub.len);
	return sub.len == len;
}

/* A list of which nothing is there. */
static void put_nothing(struct jem_value_decoder *d, bool is_empty)
{
	jem_cbor_array(d->buf, is_empty ? 0 : 1);
	if (!is_empty)
		jem_value_missing(d, JEM_MISSING_TRUNCATED);
}

void jem_value_vector(struct jem_value_decoder *d, const struct jem_image_type *type,
		      const struct jem_value_at *at)
{
	uint32_t size = d->image->types[type->target].size;
	struct jem_value_child child;
	struct jem_value_at elements;
	uint64_t begin;
	uint64_t end = 0;
	uint64_t total;

	if (!load_word(at, type->where, 8, &begin) ||
	    (type->kind == JEM_TYPE_VECTOR && !load_word(at, type->where + 8ull, 8, &end)))
		return jem_value_missing(d, JEM_MISSING_TRUNCATED);
	if (!begin || begin == end)
		return put_nothing(d, true);
	child = jem_value_find_child(d, at, type->where, 1u << JEM_SLOT_ELEMENTS, begin);
	if (!child.cell || child.cell->head.status == JEM_CELL_BUDGET)
		return put_nothing(d, false);
	if (child.cell->head.status == JEM_CELL_UNREADABLE)
		return jem_value_missing(d, JEM_MISSING_UNREADABLE);
	elements = jem_value_child_at(&child, at->is_many);
	total = child.cell->head.total;
	if (size && total > elements.len / size && child.cell->head.status == JEM_CELL_OK)
		total = elements.len / size;
	jem_value_elements(d, type->target, total, &elements);
}

/* Names as programs use them for keys; not running text, in which `key` means nothing. */
static bool is_name(const uint8_t *text, size_t len)
{
	return !memchr(text, ' ', len);
}

/* The value of a map's element is hidden where its key is a name that says so. */
static bool has_secret_key(const struct jem_value_decoder *d, size_t from)
{
	struct jem_cbor_reader reader = { .data = (const uint8_t *)d->buf->data,
					  .len = d->buf->len,
					  .pos = from };
	struct jem_cbor_item item;

	return !d->buf->failed && jem_cbor_next(&reader, &item, NULL) == 0 &&
	       item.type == JEM_CBOR_TEXT && is_name(item.data, item.number) &&
	       jem_redact_name_is_secret((const char *)item.data, item.number);
}

/* A pair as [key, value]. */
static void put_pair(struct jem_value_decoder *d, uint32_t pair, const struct jem_value_at *at)
{
	const struct jem_image_type *type = &d->image->types[pair];
	const struct jem_image_member *members = d->image->members + type->members;
	const struct jem_image_member *found[2];
	unsigned count = 0;
	size_t from;

	for (uint32_t i = 0; i < type->member_count && count < 2; i++)
		if (!(members[i].flags & JEM_MEMBER_BASE))
			found[count++] = &members[i];
	if (count < 2)
		return jem_value_put(d, pair, at);
	jem_cbor_array(d->buf, 2);
	from = d->buf->len;
	for (unsigned i = 0; i < 2; i++) {
		struct jem_value_at sub =
			jem_value_sub(at, found[i]->offset, d->image->types[found[i]->type].size);

		if (i && has_secret_key(d, from))
			jem_value_missing(d, JEM_MISSING_REDACTED);
		else
			jem_value_put(d, found[i]->type, &sub);
	}
}

/* The elements of one cell: one, or a few side by side. How many. */
static uint64_t put_node(struct jem_value_decoder *d, const struct jem_image_type *type,
			 const struct jem_value_child *child)
{
	uint32_t size = d->image->types[type->target].size;
	struct jem_value_at at = jem_value_child_at(child, true);
	uint64_t count = 0;

	if (child->cell->head.status == JEM_CELL_UNREADABLE ||
	    child->cell->head.status == JEM_CELL_BUDGET || !size || at.len < size) {
		jem_value_missing(d, child->cell->head.status == JEM_CELL_UNREADABLE
					     ? JEM_MISSING_UNREADABLE
					     : JEM_MISSING_TRUNCATED);
		return 1;
	}
	for (; (count + 1) * size <= at.len && !jem_value_is_full(d); count++) {
		struct jem_value_at one = jem_value_sub(&at, count * size, size);

		one.offset = 0;
		if (type->kind == JEM_TYPE_MAP)
			put_pair(d, type->target, &one);
		else
			jem_value_put(d, type->target, &one);
	}
	return count;
}

/* Without bytes: the walk ended before the list did (image.h). */
static bool is_end_of_walk(const struct jem_value_cell *cell)
{
	return cell->head.status == JEM_CELL_OK && !cell->head.len;
}

void jem_value_nodes(struct jem_value_decoder *d, const struct jem_image_type *type,
		     const struct jem_value_at *at)
{
	bool has_total = type->where != NOWHERE;
	struct jem_value_child child;
	struct jem_value_list list;
	uint64_t total = 0;
	uint64_t shown = 0;
	bool is_cut;

	if (has_total && !load_word(at, type->where, 8, &total))
		return jem_value_missing(d, JEM_MISSING_TRUNCATED);
	if (has_total && !total)
		return put_nothing(d, true);
	child = jem_value_find_child(d, at, 0, 1u << JEM_SLOT_NODE, 0);
	/* Nodes of several lists cannot be told apart. */
	if (!child.cell || at->is_many)
		return put_nothing(d, child.exists && !has_total && !at->is_many);
	list = jem_value_begin(d, false, has_total && total < JEM_VALUE_CELLS_MAX ? total : 1);
	while (child.cell && !jem_value_is_full(d) && !is_end_of_walk(child.cell)) {
		shown += put_node(d, type, &child);
		child.cell = child.cell->next ? &d->index->cells[child.cell->next - 1] : NULL;
	}
	is_cut = child.cell || (has_total && shown < total);
	if (is_cut)
		jem_value_missing(d, JEM_MISSING_TRUNCATED);
	jem_value_end(d, &list, shown + is_cut);
}

void jem_value_optional(struct jem_value_decoder *d, const struct jem_image_type *type,
			const struct jem_value_at *at)
{
	struct jem_value_at value = jem_value_sub(at, 0, d->image->types[type->target].size);
	uint64_t is_engaged;

	if (!load_word(at, type->where, 1, &is_engaged))
		jem_value_missing(d, JEM_MISSING_TRUNCATED);
	else if (!is_engaged)
		jem_cbor_null(d->buf);
	else
		jem_value_put(d, type->target, &value);
}

static void put_bits(struct jem_value_decoder *d, const uint8_t *data, uint64_t there,
		     uint64_t total)
{
	uint64_t shown = 0;
	struct jem_value_list list;

	if (there > total)
		there = total;
	list = jem_value_begin(d, false, there + (there < total));
	for (; shown < there && !jem_value_is_full(d); shown++)
		jem_cbor_bool(d->buf, data[shown / 8] >> shown % 8 & 1);
	if (shown < total)
		jem_value_missing(d, JEM_MISSING_TRUNCATED);
	jem_value_end(d, &list, shown + (shown < total));
}

void jem_value_bits(struct jem_value_decoder *d, const struct jem_image_type *type,
		    const struct jem_value_at *at)
{
	struct jem_value_child child;
	uint64_t begin;
	uint64_t end;
	uint64_t rest;

	if (type->count)
		return put_bits(d, at->data, (uint64_t)at->len * 8, type->count);
	if (!load_word(at, type->where, 8, &begin) ||
	    !load_word(at, type->where + 16ull, 8, &end) ||
	    !load_word(at, type->where + 24ull, 4, &rest))
		return jem_value_missing(d, JEM_MISSING_TRUNCATED);
	if (end < begin || end - begin > UINT32_MAX || (end == begin && !rest))
		return put_nothing(d, end == begin);
	child = jem_value_find_child(d, at, type->where, 1u << JEM_SLOT_ELEMENTS, begin);
	if (!child.cell || child.cell->head.status == JEM_CELL_BUDGET)
		return put_nothing(d, false);
	if (child.cell->head.status == JEM_CELL_UNREADABLE)
		return jem_value_missing(d, JEM_MISSING_UNREADABLE);
	put_bits(d, child.cell->data, (uint64_t)child.cell->head.len * 8, (end - begin) * 8 + rest);
}
