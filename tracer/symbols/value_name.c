/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value_name: names and types from the image. The same ones come with every record, so that what is
 * written before a value is kept as bytes; a record of a few scalars is little else.
 */
#include "common/utf8.h"
#include "tracer/symbols/value_internal.h"

/* A longer one ends in `...`, a broken one before what is broken. */
void jem_value_name(struct jem_value_decoder *d, uint32_t string)
{
	static const char dots[] = "...";
	const char *text = jem_image_string(d->image, string);
	size_t len = strnlen(text, JEM_VALUE_NAME_MAX + 1);
	char cut[JEM_VALUE_NAME_MAX];
	size_t good;

	if (len <= JEM_VALUE_NAME_MAX) {
		jem_cbor_text(d->buf, text, jem_utf8_prefix(text, len));
		return;
	}
	good = jem_utf8_prefix(text, sizeof(cut) - (sizeof(dots) - 1));
	memcpy(cut, text, good);
	memcpy(cut + good, dots, sizeof(dots) - 1);
	jem_cbor_text(d->buf, cut, good + sizeof(dots) - 1);
}

static bool is_secret(const struct jem_value_decoder *d, uint32_t string)
{
	const char *text = jem_image_string(d->image, string);

	return jem_redact_name_is_secret(text, strlen(text));
}

static struct jem_value_prefix *find(struct jem_value_decoder *d, uint32_t index, bool is_slot)
{
	uint64_t key = (uint64_t)d->image->serial << 32 | index;
	uint32_t place = (index * 2 + is_slot) ^ d->image->serial * 0x9e3779b1u;
	struct jem_value_prefix *found = &d->prefixes[place & (JEM_VALUE_PREFIXES - 1)];

	if (found->key != key || found->slot != is_slot) {
		found->key = 0;
		found->slot = is_slot;
	}
	return found;
}

/* In blocks where there is room for the last one: a few stores, where memcpy is a call. */
static inline void put_prefix(struct jem_buf *buf, const struct jem_value_prefix *prefix)
{
	enum {
		BLOCK = 16
	};

	if (buf->failed || buf->cap - buf->len < sizeof(prefix->bytes)) {
		jem_buf_add(buf, prefix->bytes, prefix->len);
		return;
	}
	for (unsigned i = 0; i < prefix->len; i += BLOCK)
		memcpy(buf->data + buf->len + i, prefix->bytes + i, BLOCK);
	buf->len += prefix->len;
}

/* Keeps what was written since `from`. */
static void keep(struct jem_value_decoder *d, struct jem_value_prefix *prefix, uint32_t index,
		 bool is_hidden, size_t from)
{
	size_t len = d->buf->len - from;

	if (d->buf->failed)
		return;
	prefix->key = (uint64_t)d->image->serial << 32 | index;
	prefix->is_secret = is_hidden;
	prefix->len = len <= sizeof(prefix->bytes) ? (uint8_t)len : 0;
	if (prefix->len)
		memcpy(prefix->bytes, d->buf->data + from, len);
}

bool jem_value_slot_prefix(struct jem_value_decoder *d, const struct jem_image_slot *slot)
{
	uint32_t index = (uint32_t)(slot - d->image->slots);
	struct jem_value_prefix *prefix = find(d, index, true);
	size_t from = d->buf->len;

	if (prefix->key && prefix->len) {
		put_prefix(d->buf, prefix);
		return prefix->is_secret;
	}
	jem_cbor_map(d->buf, 3);
	jem_cbor_text(d->buf, "name", 4);
	jem_value_name(d, slot->name);
	jem_cbor_text(d->buf, "type", 4);
	jem_value_name(d, d->image->types[slot->type].name);
	jem_cbor_text(d->buf, "value", 5);
	if (!prefix->key)
		keep(d, prefix, index, is_secret(d, slot->name), from);
	return d->buf->failed || prefix->is_secret;
}

bool jem_value_member_prefix(struct jem_value_decoder *d, const struct jem_image_member *member)
{
	uint32_t index = (uint32_t)(member - d->image->members);
	struct jem_value_prefix *prefix = find(d, index, false);
	size_t from = d->buf->len;

	if (prefix->key && prefix->len) {
		put_prefix(d->buf, prefix);
		return prefix->is_secret;
	}
	if (member->flags & JEM_MEMBER_BASE && !*jem_image_string(d->image, member->name))
		jem_value_name(d, d->image->types[member->type].name);
	else
		jem_value_name(d, member->name);
	if (!prefix->key)
		keep(d, prefix, index,
		     is_secret(d, member->name) && !(member->flags & JEM_MEMBER_BASE), from);
	return d->buf->failed || prefix->is_secret;
}
