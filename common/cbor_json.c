/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cbor_json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Most reals in practice have few decimals: digits / 10^decimals, both exact, is rounded once (IEEE 754), so
 * where it is the value those digits are read back as it. 0: not one of those.
 */
static size_t short_text(double value, char ret[JEM_REAL_TEXT])
{
	static const double powers[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9 };
	double size = fabs(value);
	char digits[24];
	uint64_t number = 0;
	unsigned decimals = 0;
	size_t at = sizeof(digits);
	size_t len = 0;

	/* Beyond, other forms are shorter, or there are more than 15 digits. */
	if (!(size >= 1e-4 && size < 1e15))
		return 0;
	for (;; decimals++) {
		if (decimals == sizeof(powers) / sizeof(*powers) || size * powers[decimals] >= 1e15)
			return 0;
		number = (uint64_t)(size * powers[decimals] + 0.5);
		if ((double)number / powers[decimals] == size)
			break;
	}
	for (unsigned i = 0; number || i <= decimals; i++, number /= 10) {
		if (decimals && i == decimals)
			digits[--at] = '.';
		digits[--at] = (char)('0' + number % 10);
	}
	if (value < 0)
		ret[len++] = '-';
	memcpy(ret + len, digits + at, sizeof(digits) - at);
	return len + sizeof(digits) - at;
}

size_t jem_cbor_real_text(double value, char ret[JEM_REAL_TEXT])
{
	size_t short_len = short_text(value, ret);
	int len = 0;

	if (short_len)
		return short_len;
	if (!isfinite(value)) {
		memcpy(ret, "null", 4);
		return 4;
	}
	if (value == 0)
		value = 0; /* JSON readers make an integer of -0 */
	for (int digits = 15; digits <= 17; digits++) {
		len = snprintf(ret, JEM_REAL_TEXT, "%.*g", digits, value);
		if (strtod(ret, NULL) == value)
			break;
	}
	return (size_t)len;
}

void jem_cbor_real_to_json(struct jem_json *json, double value)
{
	char text[JEM_REAL_TEXT];
	size_t len = jem_cbor_real_text(value, text);

	jem_json_raw(json, text, len);
}

/* -1 - number may need 65 bits: RFC 8949 section 3.1. */
static void put_negative(struct jem_json *json, uint64_t number)
{
	if (number <= INT64_MAX)
		jem_json_i64(json, -1 - (int64_t)number);
	else
		jem_cbor_real_to_json(json, -1.0 - (double)number);
}

static int bad(const struct jem_cbor_reader *reader, struct jem_err *err, const char *what)
{
	return jem_err_set(err, -EBADMSG, "CBOR: %s before byte %zu", what, reader->pos);
}

/* `json` NULL: only checked. */
static int convert(struct jem_cbor_reader *reader, struct jem_json *json, unsigned depth,
		   struct jem_err *err);

static int convert_list(struct jem_cbor_reader *reader, struct jem_json *json, uint64_t count,
			unsigned depth, struct jem_err *err)
{
	if (json)
		jem_json_array_begin(json);
	for (uint64_t i = 0; i < count; i++)
		if (convert(reader, json, depth + 1, err) < 0)
			return -EBADMSG;
	if (json)
		jem_json_array_end(json);
	return 0;
}

static int convert_map(struct jem_cbor_reader *reader, struct jem_json *json, uint64_t count,
		       unsigned depth, struct jem_err *err)
{
	if (json)
		jem_json_object_begin(json);
	for (uint64_t i = 0; i < count; i++) {
		struct jem_cbor_item name;

		if (jem_cbor_next(reader, &name, err) < 0)
			return -EBADMSG;
		if (name.type != JEM_CBOR_TEXT)
			return bad(reader, err, "a name that is not text");
		if (json)
			jem_json_key_text(json, (const char *)name.data, name.number);
		if (convert(reader, json, depth + 1, err) < 0)
			return -EBADMSG;
	}
	if (json)
		jem_json_object_end(json);
	return 0;
}

static void put_scalar(struct jem_json *json, const struct jem_cbor_item *item)
{
	switch (item->type) {
	case JEM_CBOR_UNSIGNED:
		jem_json_u64(json, item->number);
		break;
	case JEM_CBOR_NEGATIVE:
		put_negative(json, item->number);
		break;
	case JEM_CBOR_TEXT:
		jem_json_text(json, (const char *)item->data, item->number);
		break;
	case JEM_CBOR_REAL:
		jem_cbor_real_to_json(json, item->real);
		break;
	case JEM_CBOR_NULL:
		jem_json_null(json);
		break;
	default:
		jem_json_bool(json, item->type == JEM_CBOR_TRUE);
	}
}

static int convert(struct jem_cbor_reader *reader, struct jem_json *json, unsigned depth,
		   struct jem_err *err)
{
	struct jem_cbor_item item;

	if (depth >= JEM_CBOR_DEPTH_MAX)
		return bad(reader, err, "nested too deep");
	if (jem_cbor_next(reader, &item, err) < 0)
		return -EBADMSG;
	switch (item.type) {
	case JEM_CBOR_LIST:
		return convert_list(reader, json, item.number, depth, err);
	case JEM_CBOR_MAP:
		return convert_map(reader, json, item.number, depth, err);
	case JEM_CBOR_BYTES:
		return bad(reader, err, "a byte string, which JSON has not");
	case JEM_CBOR_TAG:
		return bad(reader, err, "a tag, which JSON has not");
	default:
		if (json)
			put_scalar(json, &item);
		return 0;
	}
}

int jem_cbor_to_json(struct jem_cbor_reader *reader, struct jem_json *json, struct jem_err *err)
{
	return convert(reader, json, 0, err);
}

int jem_cbor_skip_json(struct jem_cbor_reader *reader, struct jem_err *err)
{
	return convert(reader, NULL, 0, err);
}

static void put_number(struct jem_buf *buf, const struct jem_json_doc *doc, uint32_t token)
{
	uint64_t u64;
	int64_t i64;
	double real;

	if (jem_json_get_u64(doc, token, &u64) == 0) {
		jem_cbor_u64(buf, u64);
	} else if (jem_json_get_i64(doc, token, &i64) == 0) {
		jem_cbor_i64(buf, i64);
	} else if (jem_json_get_real(doc, token, &real) == 0) {
		jem_cbor_real(buf, real);
	} else {
		jem_cbor_null(buf); /* more digits than any number has */
	}
}

static void put_text(struct jem_buf *buf, const struct jem_json_doc *doc, uint32_t token)
{
	const struct jem_json_token *t = &doc->tokens[token];
	struct jem_buf text;

	if (!t->escaped) {
		jem_cbor_text(buf, doc->text + t->start, t->end - t->start);
		return;
	}
	jem_buf_init(&text, 0);
	if (jem_json_get_text(doc, token, &text) < 0)
		buf->failed = true;
	else
		jem_cbor_text(buf, text.data, text.len);
	jem_buf_deinit(&text);
}

static uint64_t count_of(const struct jem_json_doc *doc, uint32_t token, uint32_t tokens_each)
{
	uint64_t count = 0;

	for (uint32_t i = jem_json_first(doc, token); i < jem_json_end(doc, token);
	     i = jem_json_next(doc, i + tokens_each - 1))
		count++;
	return count;
}

void jem_cbor_from_json(struct jem_buf *buf, const struct jem_json_doc *doc, uint32_t token)
{
	switch (jem_json_type(doc, token)) {
	case JEM_JSON_NULL:
		jem_cbor_null(buf);
		break;
	case JEM_JSON_FALSE:
	case JEM_JSON_TRUE:
		jem_cbor_bool(buf, jem_json_type(doc, token) == JEM_JSON_TRUE);
		break;
	case JEM_JSON_NUMBER:
		put_number(buf, doc, token);
		break;
	case JEM_JSON_STRING:
		put_text(buf, doc, token);
		break;
	case JEM_JSON_ARRAY:
		jem_cbor_array(buf, count_of(doc, token, 1));
		for (uint32_t i = jem_json_first(doc, token); i < jem_json_end(doc, token);
		     i = jem_json_next(doc, i))
			jem_cbor_from_json(buf, doc, i);
		break;
	case JEM_JSON_OBJECT:
		jem_cbor_map(buf, count_of(doc, token, 2));
		for (uint32_t i = jem_json_first(doc, token); i < jem_json_end(doc, token);
		     i = jem_json_next(doc, i + 1)) {
			put_text(buf, doc, i);
			jem_cbor_from_json(buf, doc, i + 1);
		}
		break;
	}
}
