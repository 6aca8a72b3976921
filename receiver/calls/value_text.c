/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/value_text.h"

#include "common/cbor_json.h"
#include "common/utf8.h"
#include "receiver/record_text.h"

#include <inttypes.h>

enum {
	SPECIAL_MAX = 8 /* members of what may be something else than a structure */
};

struct writer {
	struct jem_buf *buf; /* borrowed */
	size_t end;          /* nothing more is begun beyond this length of buf */
};

static bool is_full(const struct writer *w)
{
	return w->buf->len >= w->end;
}

static bool is_text(const struct jem_cbor_item *item, const char *text)
{
	return item->type == JEM_CBOR_TEXT && item->number == strlen(text) &&
	       !memcmp(item->data, text, item->number);
}

static void put_str(const struct writer *w, const char *text)
{
	jem_buf_add(w->buf, text, strlen(text));
}

/* The content of a text. */
static void put_text(const struct writer *w, const struct jem_cbor_item *text)
{
	const char *at = (const char *)text->data;
	size_t len = text->number;

	if (len > JEM_VALUE_STRING)
		len = jem_utf8_cut(at, len, JEM_VALUE_STRING);
	jem_text_escape(w->buf, at, len);
	if (len < text->number)
		put_str(w, "...");
}

static void put_quoted(const struct writer *w, const struct jem_cbor_item *text)
{
	jem_buf_add_char(w->buf, '"');
	put_text(w, text);
	jem_buf_add_char(w->buf, '"');
}

/* Reads the item, all of it, whether it is shown or not. */
static void put_value(const struct writer *w, struct jem_cbor_reader *reader, unsigned depth);

static void put_array(const struct writer *w, struct jem_cbor_reader *reader, uint64_t count,
		      unsigned depth)
{
	uint64_t n = 0;

	jem_buf_add_char(w->buf, '[');
	for (; n < count; n++) {
		if (n)
			put_str(w, ", ");
		if (n == JEM_VALUE_ITEMS || depth >= JEM_VALUE_DEPTH || is_full(w)) {
			put_str(w, "...");
			break;
		}
		put_value(w, reader, depth + 1);
	}
	for (; n < count; n++)
		jem_cbor_skip_known(reader);
	jem_buf_add_char(w->buf, ']');
}

static void put_object(const struct writer *w, struct jem_cbor_reader *reader, uint64_t count,
		       unsigned depth)
{
	uint64_t n = 0;

	jem_buf_add_char(w->buf, '{');
	for (; n < count; n++) {
		struct jem_cbor_item name;

		if (n)
			put_str(w, ", ");
		if (n == JEM_VALUE_ITEMS || depth >= JEM_VALUE_DEPTH || is_full(w)) {
			put_str(w, "...");
			break;
		}
		jem_cbor_next_known(reader, &name);
		put_text(w, &name);
		jem_buf_add_char(w->buf, '=');
		put_value(w, reader, depth + 1);
	}
	for (; n < count; n++) {
		jem_cbor_skip_known(reader);
		jem_cbor_skip_known(reader);
	}
	jem_buf_add_char(w->buf, '}');
}

/* What tells that a map is no structure of the program's. */
struct special {
	struct jem_cbor_item missing, text, address;
	struct jem_cbor_reader to; /* data NULL: there is none */
};

/* The members of interest of a map, whose head has been read; the reader is then behind the map. */
static void find_special(struct jem_cbor_reader *reader, uint64_t count, struct special *ret)
{
	*ret = (struct special){ .missing.type = JEM_CBOR_NULL,
				 .text.type = JEM_CBOR_NULL,
				 .address.type = JEM_CBOR_NULL };
	for (uint64_t i = 0; i < count; i++) {
		struct jem_cbor_item name;
		struct jem_cbor_reader value;

		jem_cbor_next_known(reader, &name);
		value = *reader;
		if (is_text(&name, "missing"))
			jem_cbor_next_known(&value, &ret->missing);
		else if (is_text(&name, "text"))
			jem_cbor_next_known(&value, &ret->text);
		else if (is_text(&name, "address"))
			jem_cbor_next_known(&value, &ret->address);
		else if (is_text(&name, "to"))
			ret->to = value;
		jem_cbor_skip_known(reader);
	}
}

/* A value that could not be had, a text that was cut, a pointer: true when it was one of them. */
static bool put_special(const struct writer *w, struct jem_cbor_reader *reader, uint64_t count,
			unsigned depth)
{
	struct jem_cbor_reader behind = *reader;
	struct special special;

	if (count > SPECIAL_MAX)
		return false;
	find_special(&behind, count, &special);
	if (special.missing.type == JEM_CBOR_TEXT && special.text.type == JEM_CBOR_TEXT) {
		put_quoted(w, &special.text);
		put_str(w, "...");
	} else if (special.missing.type == JEM_CBOR_TEXT) {
		jem_buf_add_char(w->buf, '<');
		put_text(w, &special.missing);
		jem_buf_add_char(w->buf, '>');
	} else if (special.address.type == JEM_CBOR_TEXT) {
		put_text(w, &special.address);
		if (special.to.data) {
			put_str(w, " -> ");
			put_value(w, &special.to, depth + 1);
		}
	} else {
		return false;
	}
	*reader = behind;
	return true;
}

static void put_map(const struct writer *w, struct jem_cbor_reader *reader, uint64_t count,
		    unsigned depth)
{
	/* The depth is bounded here for pointers, which are not counted as a level there. */
	if (depth > 2 * JEM_VALUE_DEPTH) {
		put_str(w, "...");
		for (uint64_t i = 0; i < 2 * count; i++)
			jem_cbor_skip_known(reader);
	} else if (!put_special(w, reader, count, depth)) {
		put_object(w, reader, count, depth);
	}
}

static void put_scalar(const struct writer *w, const struct jem_cbor_item *item)
{
	char text[JEM_REAL_TEXT];

	switch (item->type) {
	case JEM_CBOR_UNSIGNED:
		jem_text_number(w->buf, item->number);
		break;
	case JEM_CBOR_NEGATIVE: /* -1 - number may need 65 bits: RFC 8949 section 3.1 */
		if (item->number < UINT64_MAX) {
			jem_buf_add_char(w->buf, '-');
			jem_text_number(w->buf, item->number + 1);
		} else {
			put_str(w, "-18446744073709551616");
		}
		break;
	case JEM_CBOR_REAL:
		jem_buf_add(w->buf, text, jem_cbor_real_text(item->real, text));
		break;
	case JEM_CBOR_TRUE:
	case JEM_CBOR_FALSE:
		put_str(w, item->type == JEM_CBOR_TRUE ? "true" : "false");
		break;
	default:
		put_str(w, "null");
	}
}

static void put_value(const struct writer *w, struct jem_cbor_reader *reader, unsigned depth)
{
	struct jem_cbor_item item;

	jem_cbor_next_known(reader, &item);
	switch (item.type) {
	case JEM_CBOR_TEXT:
		put_quoted(w, &item);
		break;
	case JEM_CBOR_LIST:
		put_array(w, reader, item.number, depth);
		break;
	case JEM_CBOR_MAP:
		put_map(w, reader, item.number, depth);
		break;
	default:
		put_scalar(w, &item);
	}
}

void jem_value_text_write(struct jem_buf *buf, struct jem_cbor_reader value, size_t max)
{
	struct writer w = { buf, buf->len + max };

	put_value(&w, &value, 0);
}

bool jem_value_member(struct jem_cbor_reader map, const char *name, struct jem_cbor_reader *ret)
{
	struct jem_cbor_item item;
	uint64_t count;

	jem_cbor_next_known(&map, &item);
	count = item.type == JEM_CBOR_MAP ? item.number : 0;
	for (; count > 0; count--) {
		jem_cbor_next_known(&map, &item);
		if (is_text(&item, name)) {
			*ret = map;
			return true;
		}
		jem_cbor_skip_known(&map);
	}
	return false;
}

/* Reads one element; false: it is none with name and value. */
static bool read_named(struct jem_cbor_reader *list, struct jem_cbor_item *name,
		       struct jem_cbor_reader *value)
{
	struct jem_cbor_reader start = *list;
	struct jem_cbor_item item;
	uint64_t count;

	*name = (struct jem_cbor_item){ .type = JEM_CBOR_NULL };
	value->data = NULL;
	jem_cbor_next_known(list, &item);
	if (item.type != JEM_CBOR_MAP) {
		jem_cbor_skip_known(&start);
		*list = start;
		return false;
	}
	for (count = item.number; count > 0; count--) {
		struct jem_cbor_reader at;

		jem_cbor_next_known(list, &item);
		at = *list;
		if (is_text(&item, "name"))
			jem_cbor_next_known(&at, name);
		else if (is_text(&item, "value"))
			*value = at;
		jem_cbor_skip_known(list);
	}
	return name->type == JEM_CBOR_TEXT && value->data;
}

bool jem_value_next_named(struct jem_cbor_reader *list, uint64_t *left, struct jem_cbor_item *name,
			  struct jem_cbor_reader *value)
{
	while (*left) {
		(*left)--;
		if (read_named(list, name, value))
			return true;
	}
	return false;
}

void jem_value_text_list(struct jem_buf *buf, struct jem_cbor_reader list, size_t max)
{
	struct writer w = { buf, buf->len + max };
	struct jem_cbor_reader value;
	struct jem_cbor_item item;
	bool is_first = true;
	uint64_t left;

	jem_cbor_next_known(&list, &item);
	left = item.type == JEM_CBOR_LIST ? item.number : 0;
	while (jem_value_next_named(&list, &left, &item, &value)) {
		if (!is_first)
			put_str(&w, ", ");
		if (is_full(&w)) {
			put_str(&w, "...");
			return;
		}
		is_first = false;
		put_text(&w, &item);
		jem_buf_add_char(buf, '=');
		put_value(&w, &value, 0);
	}
}
