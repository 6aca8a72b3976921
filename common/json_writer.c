/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_writer.h"

#include "common/utf8.h"

#include <math.h>
#include <stdio.h>

static void comma(struct jem_json *json)
{
	if (json->need_comma)
		jem_buf_add_char(json->buf, ',');
	json->need_comma = true;
}

static void open_with(struct jem_json *json, char c)
{
	comma(json);
	jem_buf_add_char(json->buf, c);
	json->need_comma = false;
}

static void close_with(struct jem_json *json, char c)
{
	jem_buf_add_char(json->buf, c);
	json->need_comma = true;
}

void jem_json_object_begin(struct jem_json *json)
{
	open_with(json, '{');
}

void jem_json_object_end(struct jem_json *json)
{
	close_with(json, '}');
}

void jem_json_array_begin(struct jem_json *json)
{
	open_with(json, '[');
}

void jem_json_array_end(struct jem_json *json)
{
	close_with(json, ']');
}

void jem_json_key(struct jem_json *json, const char *name)
{
	comma(json);
	jem_buf_add_char(json->buf, '"');
	jem_buf_add_str(json->buf, name);
	jem_buf_add(json->buf, "\":", 2);
	json->need_comma = false;
}

void jem_json_key_text(struct jem_json *json, const char *name, size_t len)
{
	jem_json_text(json, name, len);
	jem_buf_add_char(json->buf, ':');
	json->need_comma = false;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void escape_ascii(struct jem_buf *buf, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	const char *short_form = NULL;

	switch (c) {
	case '"':
		short_form = "\\\"";
		break;
	case '\\':
		short_form = "\\\\";
		break;
	case '\n':
		short_form = "\\n";
		break;
	case '\r':
		short_form = "\\r";
		break;
	case '\t':
		short_form = "\\t";
		break;
	default: {
		char u[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

		jem_buf_add(buf, u, sizeof(u));
		return;
	}
	}
	jem_buf_add(buf, short_form, 2);
}

void jem_json_escape(struct jem_buf *buf, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t i = 0;

	while (i < len) {
		size_t start = i;
		unsigned n;

		while (i < len && is_plain(s[i]))
			i++;
		if (i > start)
			jem_buf_add(buf, s + start, i - start);
		if (i == len)
			break;
		if (s[i] < 0x80) {
			escape_ascii(buf, s[i++]);
			continue;
		}
		n = jem_utf8_char(s + i, len - i);
		if (n) {
			jem_buf_add(buf, s + i, n);
			i += n;
		} else {
			jem_buf_add(buf, "\xef\xbf\xbd", 3);
			i++;
		}
	}
}

void jem_json_text(struct jem_json *json, const char *text, size_t len)
{
	comma(json);
	jem_buf_add_char(json->buf, '"');
	jem_json_escape(json->buf, text, len);
	jem_buf_add_char(json->buf, '"');
}

void jem_json_str(struct jem_json *json, const char *text)
{
	jem_json_text(json, text, strlen(text));
}

static void add_u64(struct jem_buf *buf, uint64_t value, unsigned min_digits)
{
	char digits[24];
	unsigned i = sizeof(digits);
	unsigned n = 0;

	while (value || n < min_digits || !n) {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
		n++;
	}
	jem_buf_add(buf, digits + i, n);
}

void jem_json_u64(struct jem_json *json, uint64_t value)
{
	comma(json);
	add_u64(json->buf, value, 1);
}

void jem_json_i64(struct jem_json *json, int64_t value)
{
	comma(json);
	if (value < 0)
		jem_buf_add_char(json->buf, '-');
	add_u64(json->buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 1);
}

void jem_json_real(struct jem_json *json, double value)
{
	char text[32];
	int len;

	if (!isfinite(value)) {
		jem_json_null(json);
		return;
	}
	comma(json);
	if (value == floor(value) && fabs(value) < 1e15) {
		len = snprintf(text, sizeof(text), "%.0f", value);
	} else {
		/* Twelve digits are beyond any of our clocks and counters; noise stays out. */
		len = snprintf(text, sizeof(text), "%.12g", value);
	}
	jem_buf_add(json->buf, text, (size_t)len);
}

void jem_json_fixed(struct jem_json *json, uint64_t value, unsigned digits)
{
	uint64_t unit = 1;

	for (unsigned i = 0; i < digits; i++)
		unit *= 10;
	comma(json);
	add_u64(json->buf, value / unit, 1);
	if (digits) {
		jem_buf_add_char(json->buf, '.');
		add_u64(json->buf, value % unit, digits);
	}
}

void jem_json_bool(struct jem_json *json, bool value)
{
	comma(json);
	jem_buf_add_str(json->buf, value ? "true" : "false");
}

void jem_json_null(struct jem_json *json)
{
	comma(json);
	jem_buf_add(json->buf, "null", 4);
}

void jem_json_raw(struct jem_json *json, const char *text, size_t len)
{
	comma(json);
	jem_buf_add(json->buf, text, len);
}
