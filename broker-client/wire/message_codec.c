/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/wire/message_codec.h"

#include "broker-client/wire/amqp_value.h"

#include <endian.h>
#include <errno.h>

enum {
	FIELD_MESSAGE_ID = 0, /* of the properties section, in its order (section 3.2.4) */
	FIELD_TO = 2,
	FIELD_SUBJECT = 3,
	FIELD_CONTENT_TYPE = 6,
	FIELD_CONTENT_ENCODING = 7,
	FIELD_CREATION_TIME = 9,
	PROPERTY_FIELDS = 10,
	VALUE_MAX = 9,  /* format code and eight bytes */
	LENGTH_MAX = 5, /* format code and a length of four bytes */
	FIXED_MAX = 64  /* section headers, nulls and the body's length */
};

#define ANNOTATION_PREFIX  "x-opt-jem-"
#define ANNOTATION_SKIPPED strlen("x-opt-")
#define RESERVED_PREFIX    "jem-"

static uint8_t *put_u32(uint8_t *at, size_t number)
{
	uint32_t big = htobe32((uint32_t)number);

	memcpy(at, &big, sizeof(big));
	return at + sizeof(big);
}

static uint8_t *put_u64(uint8_t *at, uint64_t number)
{
	uint64_t big = htobe64(number);

	memcpy(at, &big, sizeof(big));
	return at + sizeof(big);
}

/* The short form's code is `code`, the long form's 0x10 more, for all variable types. */
static uint8_t *put_length(uint8_t *at, uint8_t code, size_t len)
{
	if (len <= UINT8_MAX) {
		*at++ = code;
		*at++ = (uint8_t)len;
		return at;
	}
	*at++ = code + 0x10;
	return put_u32(at, len);
}

static uint8_t *put_bytes(uint8_t *at, uint8_t code, struct jem_slice bytes)
{
	if (!bytes.len) {
		*at++ = JEM_AMQP_NULL;
		return at;
	}
	at = put_length(at, code, bytes.len);
	memcpy(at, bytes.data, bytes.len);
	return at + bytes.len;
}

static uint8_t *put_long(uint8_t *at, int64_t number)
{
	if (number >= INT8_MIN && number <= INT8_MAX) {
		*at++ = JEM_AMQP_SMALLLONG;
		*at++ = (uint8_t)number;
		return at;
	}
	*at++ = JEM_AMQP_LONG;
	return put_u64(at, (uint64_t)number);
}

static uint8_t *put_section(uint8_t *at, uint8_t descriptor)
{
	*at++ = JEM_AMQP_DESCRIBED;
	*at++ = JEM_AMQP_SMALLULONG;
	*at++ = descriptor;
	return at;
}

/* A list or map with room for its size, filled in by end_compound. */
static uint8_t *begin_compound(uint8_t *at, uint8_t code, size_t count)
{
	*at++ = code;
	return put_u32(at + 4, count);
}

static void end_compound(uint8_t *items, uint8_t *end)
{
	put_u32(items - 8, (size_t)(end - items) + 4);
}

static uint8_t *put_properties(uint8_t *at, const struct jem_message *message)
{
	uint8_t *items;
	bool has_time = message->creation_time_ms != 0;

	at = put_section(at, JEM_SECTION_PROPERTIES);
	items = at = begin_compound(at, JEM_AMQP_LIST32, has_time ? PROPERTY_FIELDS : 8);
	at = put_bytes(at, JEM_AMQP_STR8, message->message_id);
	*at++ = JEM_AMQP_NULL; /* user-id: brokers refuse a foreign one */
	at = put_bytes(at, JEM_AMQP_STR8, message->to.data ? message->to : message->topic);
	at = put_bytes(at, JEM_AMQP_STR8, message->topic);
	*at++ = JEM_AMQP_NULL; /* reply-to */
	*at++ = JEM_AMQP_NULL; /* correlation-id */
	at = put_bytes(at, JEM_AMQP_SYM8, message->content_type);
	at = put_bytes(at, JEM_AMQP_SYM8, message->content_encoding);
	if (has_time) {
		*at++ = JEM_AMQP_NULL; /* absolute-expiry-time */
		*at++ = JEM_AMQP_TIMESTAMP;
		at = put_u64(at, (uint64_t)message->creation_time_ms);
	}
	end_compound(items, at);
	return at;
}

static uint8_t *put_application_properties(uint8_t *at, const struct jem_message *message)
{
	uint8_t *items;

	at = put_section(at, JEM_SECTION_APPLICATION_PROPERTIES);
	items = at = begin_compound(at, JEM_AMQP_MAP32, 2 * message->property_count);
	for (size_t i = 0; i < message->property_count; i++) {
		const struct jem_property *property = &message->properties[i];

		at = put_length(at, JEM_AMQP_STR8, property->name.len);
		memcpy(at, property->name.data, property->name.len);
		at += property->name.len;
		if (!property->text.data) {
			at = put_long(at, property->number);
			continue;
		}
		at = put_length(at, JEM_AMQP_STR8, property->text.len);
		memcpy(at, property->text.data, property->text.len);
		at += property->text.len;
	}
	end_compound(items, at);
	return at;
}

/* No head is longer; the fields are written without a check each. */
static size_t head_size_max(const struct jem_message *message)
{
	size_t size = FIXED_MAX + 5 * LENGTH_MAX + 2 * VALUE_MAX + message->message_id.len +
		      2 * message->topic.len + message->to.len + message->content_type.len +
		      message->content_encoding.len;

	for (size_t i = 0; i < message->property_count; i++)
		size += 2 * LENGTH_MAX + VALUE_MAX + message->properties[i].name.len +
			message->properties[i].text.len;
	return size;
}

int jem_message_encode_head(const struct jem_message *message, struct jem_buf *ret)
{
	uint8_t *start;
	uint8_t *at;
	int rc;

	if (message->property_count > JEM_PROPERTIES_MAX || message->body.len > UINT32_MAX)
		return -EINVAL;
	rc = jem_buf_reserve(ret, head_size_max(message));
	if (rc < 0)
		return rc;
	start = at = (uint8_t *)ret->data + ret->len;
	if (message->is_durable) {
		at = put_section(at, JEM_SECTION_HEADER);
		*at++ = JEM_AMQP_LIST8;
		*at++ = 2; /* bytes: the count and one boolean */
		*at++ = 1;
		*at++ = JEM_AMQP_TRUE;
	}
	at = put_properties(at, message);
	if (message->property_count)
		at = put_application_properties(at, message);
	at = put_section(at, JEM_SECTION_DATA);
	at = put_length(at, JEM_AMQP_BIN8, message->body.len);
	ret->len += (size_t)(at - start);
	return 0;
}

static uint8_t *put_annotation(uint8_t *at, const char *name, uint64_t number)
{
	at = put_bytes(at, JEM_AMQP_SYM8, (struct jem_slice){ name, strlen(name) });
	return put_long(at, (int64_t)number);
}

void jem_message_encode_annotations(uint64_t dropped, bool is_retained, struct jem_buf *ret)
{
	size_t count = (dropped ? 1 : 0) + (is_retained ? 1 : 0);
	uint8_t bytes[128];
	uint8_t *at = bytes;
	uint8_t *items;

	if (!count)
		return;
	at = put_section(at, JEM_SECTION_DELIVERY_ANNOTATIONS);
	items = at = begin_compound(at, JEM_AMQP_MAP32, 2 * count);
	if (dropped)
		at = put_annotation(at, JEM_ANNOTATION_DROPPED, dropped);
	if (is_retained)
		at = put_annotation(at, JEM_ANNOTATION_RETAINED, 1);
	end_compound(items, at);
	jem_buf_add(ret, bytes, (size_t)(at - bytes));
}

static bool has_prefix(struct jem_slice text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len >= len && !memcmp(text.data, prefix, len);
}

/* The first PROPERTY_FIELDS fields of the properties section; those absent are null. */
static int read_properties(const struct jem_amqp_value *list,
			   struct jem_amqp_value fields[PROPERTY_FIELDS])
{
	struct jem_amqp_cursor items = jem_amqp_items(list);

	for (size_t i = 0; i < PROPERTY_FIELDS; i++)
		fields[i] = (struct jem_amqp_value){ .code = JEM_AMQP_NULL };
	if (!jem_amqp_is_list(list))
		return -EBADMSG;
	for (size_t i = 0; i < list->count && i < PROPERTY_FIELDS; i++)
		if (jem_amqp_next(&items, &fields[i]) < 0)
			return -EBADMSG;
	return 0;
}

static struct jem_slice text_of(const struct jem_amqp_value *value)
{
	return jem_amqp_is_text(value) ? value->content : (struct jem_slice){ 0 };
}

static int decode_properties(const struct jem_amqp_value *list, struct jem_message *message)
{
	struct jem_amqp_value fields[PROPERTY_FIELDS];

	if (read_properties(list, fields) < 0)
		return -EBADMSG;
	message->message_id = text_of(&fields[FIELD_MESSAGE_ID]);
	message->topic = text_of(&fields[FIELD_SUBJECT]);
	if (!message->topic.len)
		message->topic = text_of(&fields[FIELD_TO]);
	message->content_type = text_of(&fields[FIELD_CONTENT_TYPE]);
	message->content_encoding = text_of(&fields[FIELD_CONTENT_ENCODING]);
	if (fields[FIELD_CREATION_TIME].code == JEM_AMQP_TIMESTAMP)
		(void)jem_amqp_as_long(&fields[FIELD_CREATION_TIME], &message->creation_time_ms);
	return 0;
}

/* One entry of a map; entries of types that we do not have, or beyond our bound, are left out. */
static int decode_entry(struct jem_amqp_cursor *items, bool is_annotation,
			struct jem_message *message)
{
	struct jem_amqp_value key;
	struct jem_amqp_value value;
	struct jem_property property = { 0 };

	if (jem_amqp_next(items, &key) < 0 || jem_amqp_next(items, &value) < 0)
		return -EBADMSG;
	property.name = text_of(&key);
	if (!property.name.len ||
	    has_prefix(property.name, is_annotation ? ANNOTATION_PREFIX : RESERVED_PREFIX) !=
		    is_annotation ||
	    message->property_count == JEM_PROPERTIES_MAX)
		return 0;
	if (is_annotation) {
		property.name.data += ANNOTATION_SKIPPED;
		property.name.len -= ANNOTATION_SKIPPED;
	}
	if (jem_amqp_is_text(&value))
		property.text = value.content;
	else if (!jem_amqp_as_long(&value, &property.number))
		return 0;
	message->properties[message->property_count++] = property;
	return 0;
}

static int decode_map(const struct jem_amqp_value *map, bool is_annotation,
		      struct jem_message *message)
{
	struct jem_amqp_cursor items = jem_amqp_items(map);

	if (map->code == JEM_AMQP_NULL)
		return 0;
	if (!jem_amqp_is_map(map) || map->count % 2)
		return -EBADMSG;
	for (size_t i = 0; i < map->count; i += 2)
		if (decode_entry(&items, is_annotation, message) < 0)
			return -EBADMSG;
	return 0;
}

static int decode_header(const struct jem_amqp_value *list, struct jem_message *message)
{
	struct jem_amqp_cursor items = jem_amqp_items(list);
	struct jem_amqp_value durable;
	int64_t number;

	if (!jem_amqp_is_list(list))
		return -EBADMSG;
	if (!list->count)
		return 0;
	if (jem_amqp_next(&items, &durable) < 0)
		return -EBADMSG;
	message->is_durable = jem_amqp_as_long(&durable, &number) && number;
	return 0;
}

static int decode_body(uint64_t descriptor, const struct jem_amqp_value *value,
		       struct jem_message *message)
{
	bool is_text = value->code == JEM_AMQP_STR8 || value->code == JEM_AMQP_STR32;

	if (message->body.data || descriptor == JEM_SECTION_SEQUENCE)
		return -EBADMSG; /* the contract has one data section */
	if (!jem_amqp_is_binary(value) && !(descriptor == JEM_SECTION_VALUE && is_text))
		return -EBADMSG;
	message->body = value->content;
	return 0;
}

static int decode_section(uint64_t descriptor, const struct jem_amqp_value *value,
			  struct jem_message *message)
{
	switch (descriptor) {
	case JEM_SECTION_HEADER:
		return decode_header(value, message);
	case JEM_SECTION_DELIVERY_ANNOTATIONS:
		return decode_map(value, true, message);
	case JEM_SECTION_PROPERTIES:
		return decode_properties(value, message);
	case JEM_SECTION_APPLICATION_PROPERTIES:
		return decode_map(value, false, message);
	case JEM_SECTION_DATA:
	case JEM_SECTION_SEQUENCE:
	case JEM_SECTION_VALUE:
		return decode_body(descriptor, value, message);
	default:
		return 0;
	}
}

static struct jem_amqp_cursor cursor_of(const char *bytes, size_t len)
{
	const uint8_t *at = (const uint8_t *)bytes;

	return (struct jem_amqp_cursor){ at, at + len };
}

int jem_message_decode(const char *bytes, size_t len, struct jem_message *ret)
{
	struct jem_amqp_cursor cursor = cursor_of(bytes, len);
	struct jem_amqp_value value;
	uint64_t descriptor;
	int rc;

	/* The array of properties is not cleared: property_count says how many are valid. */
	ret->topic = ret->to = ret->message_id = ret->content_type = ret->content_encoding =
		ret->body = (struct jem_slice){ 0 };
	ret->creation_time_ms = 0;
	ret->is_durable = false;
	ret->property_count = 0;
	while ((rc = jem_amqp_next_section(&cursor, &descriptor, &value)) > 0)
		if (decode_section(descriptor, &value, ret) < 0)
			return -EBADMSG;
	return rc < 0 || !ret->body.data ? -EBADMSG : 0;
}

int jem_message_scan(const char *bytes, size_t len, struct jem_message_scan *ret)
{
	struct jem_amqp_cursor cursor = cursor_of(bytes, len);
	struct jem_amqp_value fields[PROPERTY_FIELDS];
	struct jem_amqp_value value;
	uint64_t descriptor;
	size_t start = 0;
	bool has_body = false;
	int rc;

	*ret = (struct jem_message_scan){ 0 };
	while ((rc = jem_amqp_next_section(&cursor, &descriptor, &value)) > 0) {
		size_t end = (size_t)((const char *)cursor.at - bytes);

		if (descriptor == JEM_SECTION_HEADER) {
			if (start)
				return -EBADMSG; /* it can only be the first */
			ret->header_len = end;
		} else if (descriptor == JEM_SECTION_DELIVERY_ANNOTATIONS) {
			if (start != ret->header_len)
				return -EBADMSG; /* first, or after the header */
			ret->annotations_len = end - start;
		} else if (descriptor == JEM_SECTION_PROPERTIES) {
			if (read_properties(&value, fields) < 0)
				return -EBADMSG;
			ret->to = text_of(&fields[FIELD_TO]);
			ret->subject = text_of(&fields[FIELD_SUBJECT]);
		}
		start = end;
		has_body |= descriptor >= JEM_SECTION_DATA && descriptor <= JEM_SECTION_VALUE;
	}
	return rc < 0 || !has_body ? -EBADMSG : 0;
}
