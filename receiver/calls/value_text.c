/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/value_text.h"

#include "common/utf8.h"
#include "receiver/record_text.h"

struct writer {
	struct jem_buf *buf; /* borrowed */
	const struct jem_json_doc *doc;
	size_t end; /* nothing more is begun beyond this length of buf */
};

static bool is_full(const struct writer *w)
{
	return w->buf->len >= w->end;
}

static void put_str(const struct writer *w, const char *text)
{
	jem_buf_add(w->buf, text, strlen(text));
}

/* The content of a string; an escape that it had as JSON is shown as one, but for quotes. */
static void put_text(const struct writer *w, uint32_t token, size_t max)
{
	const struct jem_json_token *t = &w->doc->tokens[token];
	struct jem_buf text;
	size_t len;

	if (!t->escaped) {
		size_t whole = t->end - t->start;

		len = jem_utf8_cut(w->doc->text + t->start, whole, max);
		jem_text_escape(w->buf, w->doc->text + t->start, len);
		if (len < whole)
			put_str(w, "...");
		return;
	}
	jem_buf_init(&text, 0);
	if (jem_json_get_text(w->doc, token, &text) == 0 && text.len && !text.failed) {
		len = jem_utf8_cut(text.data, text.len, max);
		jem_text_escape(w->buf, text.data, len);
		if (len < text.len)
			put_str(w, "...");
	}
	jem_buf_deinit(&text);
}

static void put_value(const struct writer *w, uint32_t token, unsigned depth);

static void put_array(const struct writer *w, uint32_t token, unsigned depth)
{
	const struct jem_json_doc *doc = w->doc;
	unsigned n = 0;

	jem_buf_add_char(w->buf, '[');
	for (uint32_t i = jem_json_first(doc, token); i < jem_json_end(doc, token);
	     i = jem_json_next(doc, i), n++) {
		if (n)
			put_str(w, ", ");
		if (n == JEM_VALUE_ITEMS || depth >= JEM_VALUE_DEPTH || is_full(w)) {
			put_str(w, "...");
			break;
		}
		put_value(w, i, depth + 1);
	}
	jem_buf_add_char(w->buf, ']');
}

static void put_object(const struct writer *w, uint32_t token, unsigned depth)
{
	const struct jem_json_doc *doc = w->doc;
	unsigned n = 0;

	jem_buf_add_char(w->buf, '{');
	for (uint32_t i = jem_json_first(doc, token); i < jem_json_end(doc, token);
	     i = jem_json_next(doc, i + 1), n++) {
		if (n)
			put_str(w, ", ");
		if (n == JEM_VALUE_ITEMS || depth >= JEM_VALUE_DEPTH || is_full(w)) {
			put_str(w, "...");
			break;
		}
		put_text(w, i, JEM_VALUE_STRING);
		jem_buf_add_char(w->buf, '=');
		put_value(w, i + 1, depth + 1);
	}
	jem_buf_add_char(w->buf, '}');
}

/* A value that could not be had, a text that was cut, a pointer: true when it was one of them. */
static bool put_special(const struct writer *w, uint32_t token, unsigned depth)
{
	const struct jem_json_doc *doc = w->doc;
	uint32_t missing = jem_json_member(doc, token, "missing");
	uint32_t text = jem_json_member(doc, token, "text");
	uint32_t address = jem_json_member(doc, token, "address");
	uint32_t to = jem_json_member(doc, token, "to");

	if (missing && jem_json_type(doc, missing) == JEM_JSON_STRING) {
		if (text && jem_json_type(doc, text) == JEM_JSON_STRING) {
			jem_buf_add_char(w->buf, '"');
			put_text(w, text, JEM_VALUE_STRING);
			put_str(w, "\"...");
			return true;
		}
		jem_buf_add_char(w->buf, '<');
		put_text(w, missing, JEM_VALUE_STRING);
		jem_buf_add_char(w->buf, '>');
		return true;
	}
	if (!address || jem_json_type(doc, address) != JEM_JSON_STRING)
		return false;
	put_text(w, address, JEM_VALUE_STRING);
	if (to) {
		put_str(w, " -> ");
		put_value(w, to, depth + 1);
	}
	return true;
}

static void put_value(const struct writer *w, uint32_t token, unsigned depth)
{
	const struct jem_json_token *t = &w->doc->tokens[token];

	switch (jem_json_type(w->doc, token)) {
	case JEM_JSON_STRING:
		jem_buf_add_char(w->buf, '"');
		put_text(w, token, JEM_VALUE_STRING);
		jem_buf_add_char(w->buf, '"');
		break;
	case JEM_JSON_ARRAY:
		put_array(w, token, depth);
		break;
	case JEM_JSON_OBJECT:
		/* The depth is bounded here for pointers, which are not counted as a level there. */
		if (depth > 2 * JEM_VALUE_DEPTH)
			put_str(w, "...");
		else if (!put_special(w, token, depth))
			put_object(w, token, depth);
		break;
	default:
		jem_buf_add(w->buf, w->doc->text + t->start, t->end - t->start);
	}
}

void jem_value_text_write(struct jem_buf *buf, const struct jem_json_doc *doc, uint32_t token,
			  size_t max)
{
	struct writer w = { buf, doc, buf->len + max };

	put_value(&w, token, 0);
}

void jem_value_text_list(struct jem_buf *buf, const struct jem_json_doc *doc, uint32_t token,
			 size_t max)
{
	struct writer w = { buf, doc, buf->len + max };
	bool is_first = true;

	if (jem_json_type(doc, token) != JEM_JSON_ARRAY)
		return;
	for (uint32_t i = jem_json_first(doc, token); i < jem_json_end(doc, token);
	     i = jem_json_next(doc, i)) {
		uint32_t name = jem_json_member(doc, i, "name");
		uint32_t value = jem_json_member(doc, i, "value");

		if (!name || !value || jem_json_type(doc, name) != JEM_JSON_STRING)
			continue;
		if (!is_first)
			put_str(&w, ", ");
		if (is_full(&w)) {
			put_str(&w, "...");
			return;
		}
		is_first = false;
		put_text(&w, name, JEM_VALUE_STRING);
		jem_buf_add_char(buf, '=');
		put_value(&w, value, 0);
	}
}
