/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/value.h"

#include "tracer/symbols/value_internal.h"

#include <errno.h>
#include <stdlib.h>

static const char *const missing_words[JEM_MISSING_COUNT] = {
#define MISSING(name, word) [JEM_MISSING_##name] = word,
	JEM_MISSING_REASONS(MISSING)
#undef MISSING
};

int jem_value_create(const struct jem_value_config *config, struct jem_value_decoder **ret)
{
	struct jem_value_decoder *decoder = calloc(1, sizeof(*decoder));

	if (!decoder)
		return -ENOMEM;
	decoder->config = *config;
	decoder->prefixes = calloc(JEM_VALUE_PREFIXES, sizeof(*decoder->prefixes));
	if (!decoder->prefixes) {
		free(decoder);
		return -ENOMEM;
	}
	jem_buf_init(&decoder->text, 0);
	jem_buf_init(&decoder->wide, 0);
	*ret = decoder;
	return 0;
}

void jem_value_destroy(struct jem_value_decoder *decoder)
{
	if (!decoder)
		return;
	jem_buf_deinit(&decoder->text);
	jem_buf_deinit(&decoder->wide);
	free(decoder->prefixes);
	free(decoder);
}

struct jem_value_part jem_value_part_of_site(const struct jem_image *image,
					     const struct jem_image_site *site,
					     const uint64_t *words, uint32_t word_count)
{
	return (struct jem_value_part){
		.image = image,
		.slots = image->slots + site->slot,
		.slot_count = site->slot_count,
		.fixed_words = site->fixed_words,
		.words = words,
		.word_count = words ? word_count : 0,
	};
}

struct jem_value_part jem_value_part_of_callsite(const struct jem_image *image,
						 const struct jem_image_callsite *callsite,
						 const uint64_t *words, uint32_t word_count)
{
	return (struct jem_value_part){
		.image = image,
		.slots = image->slots + callsite->slot,
		.slot_count = callsite->slot_count,
		.fixed_words = callsite->fixed_words,
		.words = words,
		.word_count = words ? word_count : 0,
	};
}

void jem_value_missing(struct jem_value_decoder *d, enum jem_missing missing)
{
	jem_cbor_map(d->buf, 1);
	jem_cbor_str(d->buf, "missing");
	jem_cbor_str(d->buf, missing_words[missing]);
}

struct jem_value_at jem_value_sub(const struct jem_value_at *at, uint64_t offset, uint64_t len)
{
	struct jem_value_at sub = *at;

	if (offset > at->len)
		offset = at->len;
	sub.data = at->data + offset;
	sub.len = len < at->len - offset ? (size_t)len : at->len - (size_t)offset;
	sub.offset = at->offset + (uint32_t)offset;
	if (at->address)
		sub.address = at->address + offset;
	return sub;
}

struct jem_value_list jem_value_begin(struct jem_value_decoder *d, bool is_map, uint64_t expected)
{
	struct jem_value_list list = { .pos = d->buf->len, .expected = expected, .is_map = is_map };

	if (is_map)
		jem_cbor_map(d->buf, expected);
	else
		jem_cbor_array(d->buf, expected);
	list.head = d->buf->len - list.pos;
	return list;
}

/* Another number than was expected: the head is written behind, and moved to its place. */
void jem_value_end(struct jem_value_decoder *d, const struct jem_value_list *list, uint64_t count)
{
	struct jem_buf *buf = d->buf;
	size_t end = buf->len;
	char head[9];
	size_t len;

	if (count == list->expected)
		return;
	if (list->is_map)
		jem_cbor_map(buf, count);
	else
		jem_cbor_array(buf, count);
	if (buf->failed)
		return;
	len = buf->len - end;
	memcpy(head, buf->data + end, len);
	memmove(buf->data + list->pos + len, buf->data + list->pos + list->head,
		end - list->pos - list->head);
	memcpy(buf->data + list->pos, head, len);
	buf->len = end - list->head + len;
}

static void put_by_kind(struct jem_value_decoder *d, const struct jem_image_type *type,
			const struct jem_value_at *at)
{
	switch ((enum jem_type_kind)type->kind) {
	case JEM_TYPE_SIGNED:
	case JEM_TYPE_UNSIGNED:
	case JEM_TYPE_BOOL:
	case JEM_TYPE_CHAR:
	case JEM_TYPE_ENUM:
		return jem_value_scalar(d, type, at);
	case JEM_TYPE_FLOAT:
	case JEM_TYPE_FLOAT128:
	case JEM_TYPE_COMPLEX:
		return jem_value_float(d, type, at);
	case JEM_TYPE_POINTER:
	case JEM_TYPE_SMART_POINTER:
		return jem_value_pointer(d, type, at);
	case JEM_TYPE_REFERENCE:
		return jem_value_reference(d, type, at);
	case JEM_TYPE_MEMBER_POINTER:
		return jem_value_member_pointer(d, type, at);
	case JEM_TYPE_ARRAY:
		return jem_value_array(d, type, at);
	case JEM_TYPE_STRUCT:
	case JEM_TYPE_UNION:
		return jem_value_struct(d, type, at);
	case JEM_TYPE_STRING:
	case JEM_TYPE_STRING_VIEW:
		return jem_value_string(d, type, at);
	case JEM_TYPE_VECTOR:
	case JEM_TYPE_SPAN:
		return jem_value_vector(d, type, at);
	case JEM_TYPE_LIST:
	case JEM_TYPE_SET:
	case JEM_TYPE_MAP:
		return jem_value_nodes(d, type, at);
	case JEM_TYPE_OPTIONAL:
		return jem_value_optional(d, type, at);
	case JEM_TYPE_BIT_VECTOR:
		return jem_value_bits(d, type, at);
	case JEM_TYPE_UNKNOWN:
	case JEM_TYPE_FUNCTION:
	case JEM_TYPE_VOID:
	case JEM_TYPE_COUNT:
		break;
	}
	jem_value_missing(d, JEM_MISSING_UNSUPPORTED);
}

void jem_value_put(struct jem_value_decoder *d, uint32_t type, const struct jem_value_at *at)
{
	const struct jem_image_type *one = &d->image->types[type];

	if (!type || one->is_incomplete)
		return jem_value_missing(d, JEM_MISSING_UNSUPPORTED);
	if (jem_value_is_full(d) || d->depth == JEM_VALUE_DEPTH_MAX)
		return jem_value_missing(d, JEM_MISSING_TRUNCATED);
	d->steps--;
	d->depth++;
	put_by_kind(d, one, at);
	d->depth--;
}

/* The n-th argument of the enter record's plan. */
static bool find_argument(const struct jem_value_part *part, uint32_t n, uint32_t *ret)
{
	for (uint32_t i = 0; i < part->slot_count && i < JEM_VALUE_SLOTS_MAX; i++) {
		const struct jem_image_slot *slot = &part->slots[i];

		if (slot->parent || slot->role != JEM_SLOT_ARGUMENT)
			continue;
		if (!n--) {
			*ret = i;
			return slot->missing != JEM_MISSING_ENTRY_VALUE;
		}
	}
	return false;
}

static void put_slot(struct jem_value_decoder *d, struct jem_value_index *index, uint32_t slot)
{
	struct jem_value_at at;
	enum jem_missing missing = jem_value_slot_at(index, slot, &at);

	d->index = index;
	d->image = index->part.image;
	d->pointers = 0;
	if (at.address) /* the object itself: what points back to it is a cycle */
		d->chain[d->pointers++] =
			(struct jem_value_pointee){ at.address, index->part.slots[slot].type };
	if (missing != JEM_MISSING_NONE)
		jem_value_missing(d, missing);
	else
		jem_value_put(d, index->part.slots[slot].type, &at);
}

static void put_entry_value(struct jem_value_decoder *d, const struct jem_value_request *request,
			    const struct jem_image_slot *slot)
{
	bool is_frame = slot->entry & JEM_SLOT_ENTRY_OF_FRAME;
	const struct jem_value_part *part = is_frame ? request->frame : request->entry;
	struct jem_value_index *index = is_frame ? &d->frame : &d->entry;
	uint32_t place;

	if (!part || !part->words ||
	    !find_argument(part, slot->entry & ~JEM_SLOT_ENTRY_OF_FRAME, &place))
		return jem_value_missing(d, JEM_MISSING_OPTIMISED_OUT);
	if (!index->is_built)
		jem_value_index_build(index, part);
	put_slot(d, index, place);
}

static bool is_uninitialised(const struct jem_value_request *request,
			     const struct jem_image_slot *slot)
{
	return request->call_line && slot->line > request->call_line &&
	       (slot->role == JEM_SLOT_CALLER_LOCAL || slot->role == JEM_SLOT_LOCAL);
}

/* The short way of what most values are: a number in one word, with no word of the record unread. */
static bool put_word(struct jem_value_decoder *d, const struct jem_image_slot *slot)
{
	const struct jem_value_index *index = &d->site;
	const struct jem_image_type *type = &d->image->types[slot->type];
	struct jem_value_at at;

	if (slot->missing != JEM_MISSING_NONE || slot->words != 1 || index->mask ||
	    slot->fixed >= index->fixed_count || slot->size < type->size || !type->size ||
	    type->size > 8 || jem_value_is_full(d))
		return false;
	at = (struct jem_value_at){ .data = (const uint8_t *)&index->part.words[1 + slot->fixed] +
					    slot->shift,
				    .len = type->size };
	if (type->kind == JEM_TYPE_FLOAT)
		jem_value_float(d, type, &at);
	else if (type->kind > JEM_TYPE_UNKNOWN && type->kind <= JEM_TYPE_CHAR)
		jem_value_number(
			d, type,
			jem_value_widen(index->part.words[1 + slot->fixed] >> (8 * slot->shift),
					type->size * 8, type->kind == JEM_TYPE_SIGNED));
	else
		return false;
	return true;
}

static void put_value(struct jem_value_decoder *d, const struct jem_value_request *request,
		      uint32_t place, bool is_secret)
{
	const struct jem_image_slot *slot = &request->part->slots[place];

	if (is_secret)
		jem_value_missing(d, JEM_MISSING_REDACTED);
	else if (is_uninitialised(request, slot))
		jem_value_missing(d, JEM_MISSING_UNINITIALISED);
	else if (slot->missing == JEM_MISSING_ENTRY_VALUE)
		put_entry_value(d, request, slot);
	else if (!put_word(d, slot))
		put_slot(d, &d->site, place);
	d->image = request->part->image;
}

static void begin_item(struct jem_value_decoder *d, const struct jem_value_request *request,
		       struct jem_buf *buf)
{
	d->buf = buf;
	d->start = buf->len;
	d->steps = JEM_VALUE_STEPS_MAX;
	d->depth = 0;
	d->image = request->part->image;
	d->entry.is_built = false;
	d->frame.is_built = false;
	jem_value_index_build(&d->site, request->part);
}

unsigned jem_value_list(struct jem_value_decoder *d, const struct jem_value_request *request,
			unsigned role, struct jem_buf *buf)
{
	const struct jem_value_part *part = request->part;
	struct jem_value_list list;
	unsigned expected = 0;
	unsigned count = 0;

	if (!part->words) {
		jem_cbor_null(buf);
		return 0;
	}
	begin_item(d, request, buf);
	for (uint32_t i = 0; i < d->site.part.slot_count; i++)
		expected += part->slots[i].role == role && !part->slots[i].parent;
	list = jem_value_begin(d, false, expected);
	for (uint32_t i = 0; i < d->site.part.slot_count && count < expected; i++) {
		const struct jem_image_slot *slot = &part->slots[i];
		bool was_full = jem_value_is_full(d);

		if (slot->role != role || slot->parent)
			continue;
		put_value(d, request, i, jem_value_slot_prefix(d, slot));
		count++;
		if (was_full)
			break; /* the last one says that it was cut */
	}
	jem_value_end(d, &list, count);
	return count;
}

/* The last component of a qualified name, without template and parameters: what the function says. */
static bool returns_secret(const char *function)
{
	size_t len = strcspn(function, "<(");
	size_t from = len;

	while (from && function[from - 1] != ':')
		from--;
	return jem_redact_name_is_secret(function + from, len - from);
}

bool jem_value_return(struct jem_value_decoder *d, const struct jem_value_request *request,
		      struct jem_buf *buf)
{
	const struct jem_value_part *part = request->part;

	for (uint32_t i = 0; part->words && i < part->slot_count && i < JEM_VALUE_SLOTS_MAX; i++) {
		const struct jem_image_slot *slot = &part->slots[i];

		if (slot->role != JEM_SLOT_RETURN || slot->parent)
			continue;
		begin_item(d, request, buf);
		jem_cbor_map(buf, 2);
		jem_cbor_text(buf, "type", 4);
		jem_value_name(d, d->image->types[slot->type].name);
		jem_cbor_text(buf, "value", 5);
		put_value(d, request, i, request->function && returns_secret(request->function));
		return true;
	}
	jem_cbor_null(buf);
	return false;
}
