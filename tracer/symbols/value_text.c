/* SPDX-License-Identifier: Apache-2.0 */
/* value_text: characters and strings. What leaves here is UTF-8 and has passed the redactor. */
#include "common/utf8.h"
#include "tracer/symbols/value_internal.h"

/* A code point as UTF-8: its bytes, 0 if it is none. */
static unsigned encode(uint32_t point, char out[4])
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (char)(0xc0 | point >> 6);
		out[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		if (point >> 11 == 0x1b) /* surrogates */
			return 0;
		out[0] = (char)(0xe0 | point >> 12);
		out[1] = (char)(0x80 | (point >> 6 & 0x3f));
		out[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	if (point > 0x10ffff)
		return 0;
	out[0] = (char)(0xf0 | point >> 18);
	out[1] = (char)(0x80 | (point >> 12 & 0x3f));
	out[2] = (char)(0x80 | (point >> 6 & 0x3f));
	out[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

static void add_point(struct jem_buf *buf, uint32_t point)
{
	char utf8[4];
	unsigned n = encode(point, utf8);

	if (n)
		jem_buf_add(buf, utf8, n);
	else
		jem_buf_add_str(buf, "\xef\xbf\xbd");
}

/* UTF-16 and UTF-32 (by size) into d->wide. */
static void convert_wide(struct jem_value_decoder *d, const uint8_t *data, size_t len,
			 unsigned unit)
{
	jem_buf_clear(&d->wide);
	for (size_t i = 0; i + unit <= len; i += unit) {
		uint32_t point = (uint32_t)jem_value_load(data + i, unit);

		if (unit == 2 && point >> 10 == 0x36 && i + 4 <= len) {
			uint32_t low = (uint32_t)jem_value_load(data + i + 2, 2);

			if (low >> 10 == 0x37) {
				point = 0x10000 + ((point & 0x3ff) << 10 | (low & 0x3ff));
				i += 2;
			}
		}
		add_point(&d->wide, point);
	}
}

/* Broken bytes become U+FFFD, in d->wide. */
static void mend(struct jem_value_decoder *d, const uint8_t *data, size_t len)
{
	jem_buf_clear(&d->wide);
	for (size_t i = 0; i < len;) {
		size_t good = jem_utf8_prefix((const char *)data + i, len - i);

		jem_buf_add(&d->wide, data + i, good);
		i += good;
		if (i < len) {
			jem_buf_add_str(&d->wide, "\xef\xbf\xbd");
			i++;
		}
	}
}

/* Bytes of a character that the cut has halved, at the end. */
static size_t without_half(const uint8_t *data, size_t len)
{
	size_t back = 0;

	while (back < len && back < 3 && (data[len - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back < len && data[len - 1 - back] >= 0xc2 &&
	    !jem_utf8_char(data + len - 1 - back, back + 1))
		return len - 1 - back;
	return len;
}

static void put_text(struct jem_value_decoder *d, const char *text, size_t len, bool is_cut,
		     uint64_t total)
{
	size_t used = d->buf->len - d->start;
	size_t room = used < JEM_VALUE_BYTES_MAX ? JEM_VALUE_BYTES_MAX - used : 0;

	if (d->config.redactor)
		text = jem_redact(d->config.redactor, text, &len);
	if (len > room) {
		len = jem_utf8_cut(text, len, room);
		is_cut = true;
	}
	if (!is_cut)
		return jem_cbor_text(d->buf, text, len);
	jem_cbor_map(d->buf, total == UINT64_MAX ? 2 : 3);
	jem_cbor_str(d->buf, "text");
	jem_cbor_text(d->buf, text, len);
	jem_cbor_str(d->buf, "missing");
	jem_cbor_str(d->buf, "truncated");
	if (total != UINT64_MAX) {
		jem_cbor_str(d->buf, "length");
		jem_value_integer(d, total, false);
	}
}

void jem_value_text(struct jem_value_decoder *d, const uint8_t *data, size_t len, unsigned unit,
		    bool is_cut, uint64_t total)
{
	const char *text = len ? (const char *)data : "";

	if (unit != 1) {
		convert_wide(d, data, len, unit);
		text = d->wide.data;
		len = d->wide.len;
	} else {
		if (is_cut)
			len = without_half(data, len);
		if (jem_utf8_prefix(text, len) != len) {
			mend(d, data, len);
			text = d->wide.data;
			len = d->wide.len;
		}
	}
	put_text(d, len ? text : "", len, is_cut, total);
}

bool jem_value_is_text(const struct jem_value_decoder *d, const struct jem_image_type *type)
{
	if (type->kind != JEM_TYPE_CHAR || (type->size != 1 && type->size != 2 && type->size != 4))
		return false;
	/* Small numbers that C makes of characters. */
	return !strstr(jem_image_string(d->image, type->name), "int8_t");
}

/* Characters before the first NUL, or all there are. */
static size_t until_nul(const uint8_t *data, size_t len, unsigned unit)
{
	size_t i = 0;

	while (i + unit <= len && jem_value_load(data + i, unit))
		i += unit;
	return i;
}

void jem_value_char_array(struct jem_value_decoder *d, const struct jem_image_type *type,
			  const struct jem_image_type *element, const struct jem_value_at *at)
{
	size_t len = until_nul(at->data, at->len, element->size);
	bool is_ended = len + element->size <= at->len;
	uint64_t whole = type->count ? type->count : at->len / element->size;

	/* No NUL in what is there: either it has none, or more of it was there. */
	jem_value_text(d, at->data, len, element->size,
		       !is_ended && at->len / element->size < whole, UINT64_MAX);
}

void jem_value_character(struct jem_value_decoder *d, uint64_t value, unsigned unit)
{
	char text[8];
	unsigned n = unit == 1 && value >= 0x80 ? 0 : encode((uint32_t)value, text);

	if (value > UINT32_MAX)
		n = 0;
	if (n) /* what a redactor hides is longer */
		return jem_cbor_text(d->buf, text, n);
	jem_value_integer(d, value, false);
}

void jem_value_string(struct jem_value_decoder *d, const struct jem_image_type *type,
		      const struct jem_value_at *at)
{
	const struct jem_image_type *target = &d->image->types[type->target];
	unsigned unit = target->size == 2 || target->size == 4 ? target->size : 1;
	struct jem_value_at pointer = jem_value_sub(at, type->where, 8);
	/* libstdc++: {pointer, length, in place} and of a view {length, pointer}. */
	struct jem_value_at length = jem_value_sub(at, type->where ? 0 : 8, 8);
	struct jem_value_child child;
	uint64_t address;
	uint64_t total;

	if (pointer.len < 8 || length.len < 8)
		return jem_value_missing(d, JEM_MISSING_TRUNCATED);
	address = jem_value_load(pointer.data, 8);
	total = jem_value_load(length.data, 8);
	if (!total)
		return jem_cbor_text(d->buf, "", 0);
	child = jem_value_find_child(d, at, type->where, 1u << JEM_SLOT_STRING, address);
	if (child.cell && child.cell->head.status == JEM_CELL_UNREADABLE)
		return jem_value_missing(d, JEM_MISSING_UNREADABLE);
	if (child.cell && child.cell->head.status != JEM_CELL_BUDGET) {
		size_t len = child.cell->head.len;

		if (len / unit > total)
			len = (size_t)total * unit;
		return jem_value_text(d, child.cell->data, len, unit, len / unit < total, total);
	}
	/* Short ones stand in the object itself, 16 bytes after its start. */
	if (type->kind == JEM_TYPE_STRING && at->address && address == at->address + 16 &&
	    total <= at->len / unit) {
		struct jem_value_at inside = jem_value_sub(at, 16, total * unit);

		if (inside.len == total * unit)
			return jem_value_text(d, inside.data, inside.len, unit, false, total);
	}
	jem_value_text(d, NULL, 0, unit, true, total);
}
