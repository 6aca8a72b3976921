/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/wire/amqp_value.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

enum {
	DESCRIPTORS_MAX = 4 /* a described value may be described again; nobody does */
};

static uint64_t read_big_endian(const uint8_t *at, size_t width)
{
	uint64_t number = 0;

	for (size_t i = 0; i < width; i++)
		number = number << 8 | at[i];
	return number;
}

/* The length that a variable-width value states in its first `width` bytes. */
static int read_length(struct jem_amqp_cursor *cursor, size_t width, size_t *ret)
{
	size_t len;

	if ((size_t)(cursor->end - cursor->at) < width)
		return -EBADMSG;
	len = (size_t)read_big_endian(cursor->at, width);
	cursor->at += width;
	if (len > (size_t)(cursor->end - cursor->at))
		return -EBADMSG;
	*ret = len;
	return 0;
}

static int read_content(struct jem_amqp_cursor *cursor, uint8_t code, struct jem_amqp_value *ret)
{
	static const uint8_t fixed[16] = { [0x5] = 1, [0x6] = 2, [0x7] = 4, [0x8] = 8, [0x9] = 16 };
	unsigned family = code >> 4;
	size_t width = family % 2 ? 4 : 1; /* of the size field of the variable families */
	size_t len = fixed[family];
	bool has_count = family == 0xc || family == 0xd;

	if (family < 0x4)
		return -EBADMSG;
	if (family < 0xa) {
		if (len > (size_t)(cursor->end - cursor->at))
			return -EBADMSG;
	} else if (read_length(cursor, width, &len) < 0) {
		return -EBADMSG;
	}
	*ret = (struct jem_amqp_value){ .code = code,
					.content = { (const char *)cursor->at, len } };
	cursor->at += len;
	if (has_count) {
		if (len < width)
			return -EBADMSG;
		ret->count = (uint32_t)read_big_endian((const uint8_t *)ret->content.data, width);
		ret->content.data += width;
		ret->content.len -= width;
		/* An item takes a byte at least, so a greater count is a lie. */
		if (ret->count > ret->content.len)
			return -EBADMSG;
	}
	return 0;
}

int jem_amqp_next(struct jem_amqp_cursor *cursor, struct jem_amqp_value *ret)
{
	for (unsigned described = 0; cursor->at < cursor->end; described++) {
		uint8_t code = *cursor->at++;
		struct jem_amqp_value descriptor;

		if (code != JEM_AMQP_DESCRIBED)
			return read_content(cursor, code, ret);
		if (described == DESCRIPTORS_MAX || cursor->at == cursor->end)
			return -EBADMSG;
		code = *cursor->at++;
		if (read_content(cursor, code, &descriptor) < 0)
			return -EBADMSG;
	}
	return -EBADMSG;
}

bool jem_amqp_is_list(const struct jem_amqp_value *value)
{
	return value->code == JEM_AMQP_LIST0 || value->code == JEM_AMQP_LIST8 ||
	       value->code == JEM_AMQP_LIST32;
}

bool jem_amqp_is_map(const struct jem_amqp_value *value)
{
	return value->code == JEM_AMQP_MAP8 || value->code == JEM_AMQP_MAP32;
}

bool jem_amqp_is_text(const struct jem_amqp_value *value)
{
	return value->code == JEM_AMQP_STR8 || value->code == JEM_AMQP_STR32 ||
	       value->code == JEM_AMQP_SYM8 || value->code == JEM_AMQP_SYM32;
}

bool jem_amqp_is_binary(const struct jem_amqp_value *value)
{
	return value->code == JEM_AMQP_BIN8 || value->code == JEM_AMQP_BIN32;
}

bool jem_amqp_as_long(const struct jem_amqp_value *value, int64_t *ret)
{
	uint64_t number =
		value->content.len <= 8
			? read_big_endian((const uint8_t *)value->content.data, value->content.len)
			: 0;

	switch (value->code) {
	case JEM_AMQP_TRUE:
		*ret = 1;
		return true;
	case JEM_AMQP_FALSE:
	case JEM_AMQP_UINT0:
	case JEM_AMQP_ULONG0:
		*ret = 0;
		return true;
	case JEM_AMQP_BYTE:
	case JEM_AMQP_SMALLINT:
	case JEM_AMQP_SMALLLONG:
		*ret = (int8_t)number;
		return true;
	case JEM_AMQP_SHORT:
		*ret = (int16_t)number;
		return true;
	case JEM_AMQP_INT:
		*ret = (int32_t)number;
		return true;
	case JEM_AMQP_UBYTE:
	case JEM_AMQP_SMALLUINT:
	case JEM_AMQP_SMALLULONG:
	case JEM_AMQP_BOOLEAN:
	case JEM_AMQP_USHORT:
	case JEM_AMQP_UINT:
	case JEM_AMQP_LONG:
	case JEM_AMQP_TIMESTAMP:
		*ret = (int64_t)number;
		return true;
	case JEM_AMQP_ULONG:
		*ret = (int64_t)number;
		return number <= INT64_MAX;
	default:
		return false;
	}
}

static uint64_t section_of_symbol(struct jem_slice symbol)
{
	static const struct {
		const char *name;
		uint64_t descriptor;
	} names[] = {
		{ "amqp:header:list", JEM_SECTION_HEADER },
		{ "amqp:delivery-annotations:map", JEM_SECTION_DELIVERY_ANNOTATIONS },
		{ "amqp:message-annotations:map", JEM_SECTION_MESSAGE_ANNOTATIONS },
		{ "amqp:properties:list", JEM_SECTION_PROPERTIES },
		{ "amqp:application-properties:map", JEM_SECTION_APPLICATION_PROPERTIES },
		{ "amqp:data:binary", JEM_SECTION_DATA },
		{ "amqp:amqp-sequence:list", JEM_SECTION_SEQUENCE },
		{ "amqp:amqp-value:*", JEM_SECTION_VALUE },
		{ "amqp:footer:map", JEM_SECTION_FOOTER },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (symbol.len == strlen(names[i].name) &&
		    !memcmp(symbol.data, names[i].name, symbol.len))
			return names[i].descriptor;
	return 0;
}

int jem_amqp_next_section(struct jem_amqp_cursor *cursor, uint64_t *descriptor,
			  struct jem_amqp_value *value)
{
	struct jem_amqp_value code;
	int64_t number;

	if (cursor->at == cursor->end)
		return 0;
	if (*cursor->at != JEM_AMQP_DESCRIBED || cursor->end - cursor->at < 2)
		return -EBADMSG;
	cursor->at++;
	if (*cursor->at == JEM_AMQP_SMALLULONG && cursor->end - cursor->at >= 2) {
		*descriptor = cursor->at[1]; /* what everybody sends */
		cursor->at += 2;
		return jem_amqp_next(cursor, value) < 0 ? -EBADMSG : 1;
	}
	if (*cursor->at == JEM_AMQP_DESCRIBED || jem_amqp_next(cursor, &code) < 0)
		return -EBADMSG;
	if (jem_amqp_is_text(&code))
		*descriptor = section_of_symbol(code.content);
	else if (jem_amqp_as_long(&code, &number) && number >= 0)
		*descriptor = (uint64_t)number;
	else
		return -EBADMSG;
	return jem_amqp_next(cursor, value) < 0 ? -EBADMSG : 1;
}
