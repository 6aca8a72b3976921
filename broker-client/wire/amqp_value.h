/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp_value: steps over encoded AMQP 1.0 values (part 1, section 1.6) within stated bounds.
 *
 * The format code's upper half tells the width of what follows, so that a value is skipped without
 * being understood and without recursion: a compound value gives its size in bytes.
 */
#ifndef JEM_BROKER_CLIENT_WIRE_AMQP_VALUE_H
#define JEM_BROKER_CLIENT_WIRE_AMQP_VALUE_H

#include "broker-client/message.h"

enum jem_amqp_code {
	JEM_AMQP_DESCRIBED = 0x00,
	JEM_AMQP_NULL = 0x40,
	JEM_AMQP_TRUE = 0x41,
	JEM_AMQP_FALSE = 0x42,
	JEM_AMQP_UINT0 = 0x43,
	JEM_AMQP_ULONG0 = 0x44,
	JEM_AMQP_LIST0 = 0x45,
	JEM_AMQP_UBYTE = 0x50,
	JEM_AMQP_BYTE = 0x51,
	JEM_AMQP_SMALLUINT = 0x52,
	JEM_AMQP_SMALLULONG = 0x53,
	JEM_AMQP_SMALLINT = 0x54,
	JEM_AMQP_SMALLLONG = 0x55,
	JEM_AMQP_BOOLEAN = 0x56,
	JEM_AMQP_USHORT = 0x60,
	JEM_AMQP_SHORT = 0x61,
	JEM_AMQP_UINT = 0x70,
	JEM_AMQP_INT = 0x71,
	JEM_AMQP_ULONG = 0x80,
	JEM_AMQP_LONG = 0x81,
	JEM_AMQP_TIMESTAMP = 0x83,
	JEM_AMQP_BIN8 = 0xa0,
	JEM_AMQP_STR8 = 0xa1,
	JEM_AMQP_SYM8 = 0xa3,
	JEM_AMQP_BIN32 = 0xb0,
	JEM_AMQP_STR32 = 0xb1,
	JEM_AMQP_SYM32 = 0xb3,
	JEM_AMQP_LIST8 = 0xc0,
	JEM_AMQP_MAP8 = 0xc1,
	JEM_AMQP_LIST32 = 0xd0,
	JEM_AMQP_MAP32 = 0xd1,
};

/* What is left to read; borrowed. */
struct jem_amqp_cursor {
	const uint8_t *at;
	const uint8_t *end;
};

struct jem_amqp_value {
	uint8_t code;
	struct jem_slice content; /* of a compound: its items; of an array: its whole content */
	uint32_t count;           /* items of a list or map (a map's keys and values both count) */
};

/* The next value, its descriptors left out. 0, or -EBADMSG when it is not within the bounds. */
int jem_amqp_next(struct jem_amqp_cursor *cursor, struct jem_amqp_value *ret);

/* The items of a list or map. */
static inline struct jem_amqp_cursor jem_amqp_items(const struct jem_amqp_value *value)
{
	const uint8_t *at = (const uint8_t *)value->content.data;

	return (struct jem_amqp_cursor){ at, at + value->content.len };
}

bool jem_amqp_is_list(const struct jem_amqp_value *value);
bool jem_amqp_is_map(const struct jem_amqp_value *value);
bool jem_amqp_is_text(const struct jem_amqp_value *value); /* string or symbol */
bool jem_amqp_is_binary(const struct jem_amqp_value *value);

/* An integer, boolean or timestamp as a long; false for other types and for what does not fit. */
bool jem_amqp_as_long(const struct jem_amqp_value *value, int64_t *ret);

/*
 * The next section of a message: `descriptor` is its numeric code (part 3, section 3.2), also for
 * symbolic descriptors; 0 for an unknown symbol. 0 at the end of the message, 1 for a section, or
 * -EBADMSG.
 */
enum jem_amqp_section {
	JEM_SECTION_HEADER = 0x70,
	JEM_SECTION_DELIVERY_ANNOTATIONS = 0x71,
	JEM_SECTION_MESSAGE_ANNOTATIONS = 0x72,
	JEM_SECTION_PROPERTIES = 0x73,
	JEM_SECTION_APPLICATION_PROPERTIES = 0x74,
	JEM_SECTION_DATA = 0x75,
	JEM_SECTION_SEQUENCE = 0x76,
	JEM_SECTION_VALUE = 0x77,
	JEM_SECTION_FOOTER = 0x78,
};
int jem_amqp_next_section(struct jem_amqp_cursor *cursor, uint64_t *descriptor,
			  struct jem_amqp_value *value);

#endif
