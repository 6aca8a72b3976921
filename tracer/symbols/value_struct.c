/* SPDX-License-Identifier: Apache-2.0 */
/* value_struct: structs, classes and unions with bases and bit-fields; arrays. */
#include "tracer/symbols/value_internal.h"

enum {
	ELEMENTS_MAX = 65536 /* of no size: nothing else bounds them */
};

/* Not of the source: the table of virtual functions, bases without anything in them. */
static bool is_hidden(const struct jem_value_decoder *d, const struct jem_image_member *member)
{
	const struct jem_image_type *type = &d->image->types[member->type];
	const char *name = jem_image_string(d->image, member->name);

	if (member->flags & JEM_MEMBER_BASE)
		return !type->member_count && !(member->flags & JEM_MEMBER_VIRTUAL_BASE) &&
		       (type->kind == JEM_TYPE_STRUCT || type->kind == JEM_TYPE_UNKNOWN);
	return *name == '_' && !strncmp(name, "_vptr", 5);
}

/* Members of a struct or union without a name are the outer one's. */
static bool is_anonymous(const struct jem_value_decoder *d, const struct jem_image_member *member)
{
	const struct jem_image_type *type = &d->image->types[member->type];

	return !(member->flags & JEM_MEMBER_BASE) && !*jem_image_string(d->image, member->name) &&
	       (type->kind == JEM_TYPE_STRUCT || type->kind == JEM_TYPE_UNION);
}

static void put_bit_field(struct jem_value_decoder *d, const struct jem_image_member *member,
			  const struct jem_value_at *at)
{
	const struct jem_image_type *type = &d->image->types[member->type];
	uint64_t first = member->offset / 8;
	unsigned shift = member->offset % 8;
	struct jem_value_at bytes =
		jem_value_sub(at, first, (shift + (uint64_t)member->bits + 7) / 8);
	uint64_t value;

	if (!member->bits || member->bits > 64)
		return jem_value_missing(d, JEM_MISSING_UNSUPPORTED);
	if (bytes.len < (shift + member->bits + 7) / 8)
		return jem_value_missing(d, JEM_MISSING_TRUNCATED);
	value = jem_value_load(bytes.data, bytes.len) >> shift;
	if (bytes.len > 8)
		value |= (uint64_t)bytes.data[8] << (64 - shift);
	jem_value_number(
		d, type,
		jem_value_widen(value, member->bits, jem_value_type_is_signed(d->image, type)));
}

static void put_member(struct jem_value_decoder *d, const struct jem_image_member *member,
		       const struct jem_value_at *at, bool is_secret)
{
	const struct jem_image_type *type = &d->image->types[member->type];
	struct jem_value_at sub;

	if (is_secret)
		return jem_value_missing(d, JEM_MISSING_REDACTED);
	if (member->flags & JEM_MEMBER_VIRTUAL_BASE)
		return jem_value_missing(d, JEM_MISSING_UNSUPPORTED);
	if (member->flags & JEM_MEMBER_BIT_FIELD)
		return put_bit_field(d, member, at);
	if (member->offset > UINT32_MAX)
		return jem_value_missing(d, JEM_MISSING_UNSUPPORTED);
	/* A flexible array has what is left. */
	sub = jem_value_sub(at, member->offset, type->size ? type->size : UINT64_MAX);
	if (type->size && !sub.len)
		return jem_value_missing(d, JEM_MISSING_TRUNCATED);
	jem_value_put(d, member->type, &sub);
}

static uint64_t put_members(struct jem_value_decoder *d, const struct jem_image_type *type,
			    const struct jem_value_at *at, unsigned level)
{
	const struct jem_image_member *members = d->image->members + type->members;
	uint64_t count = 0;

	for (uint32_t i = 0; i < type->member_count && d->steps; i++) {
		bool was_full = jem_value_is_full(d);

		d->steps--;
		if (is_hidden(d, &members[i]))
			continue;
		if (is_anonymous(d, &members[i]) && level < JEM_VALUE_DEPTH_MAX) {
			struct jem_value_at sub = jem_value_sub(at, members[i].offset, UINT32_MAX);

			count += put_members(d, &d->image->types[members[i].type], &sub, level + 1);
		} else {
			put_member(d, &members[i], at, jem_value_member_prefix(d, &members[i]));
			count++;
		}
		if (was_full)
			break; /* the last one says that it was cut */
	}
	return count;
}

void jem_value_struct(struct jem_value_decoder *d, const struct jem_image_type *type,
		      const struct jem_value_at *at)
{
	struct jem_value_list map = jem_value_begin(d, true, type->member_count);

	jem_value_end(d, &map, put_members(d, type, at, 0));
}

void jem_value_elements(struct jem_value_decoder *d, uint32_t element, uint64_t total,
			const struct jem_value_at *at)
{
	uint64_t size = d->image->types[element].size;
	uint64_t there = size ? at->len / size : ELEMENTS_MAX;
	uint64_t shown = 0;
	struct jem_value_list list;

	if (there > total)
		there = total;
	list = jem_value_begin(d, false, there + (there < total));
	while (shown < there && !jem_value_is_full(d)) {
		struct jem_value_at one = jem_value_sub(at, shown * size, size);

		jem_value_put(d, element, &one);
		shown++;
	}
	if (shown < total)
		jem_value_missing(d, JEM_MISSING_TRUNCATED);
	jem_value_end(d, &list, shown + (shown < total));
}

void jem_value_array(struct jem_value_decoder *d, const struct jem_image_type *type,
		     const struct jem_value_at *at)
{
	const struct jem_image_type *element = &d->image->types[type->target];
	uint64_t total = type->count;

	if (!type->target)
		return jem_value_missing(d, JEM_MISSING_UNSUPPORTED);
	if (jem_value_is_text(d, element))
		return jem_value_char_array(d, type, element, at);
	/* A length that is not known: as many as there are. */
	if (!total && element->size)
		total = at->len / element->size;
	jem_value_elements(d, type->target, total, at);
}
