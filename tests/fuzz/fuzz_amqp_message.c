/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_amqp_message: any bytes as a message. Every slice lies within them, and what was understood
 * survives encoding and decoding again.
 */
#include "broker-client/wire/message_codec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *input;
static size_t input_len;

static void check_within(struct jem_slice slice)
{
	if (slice.data && (slice.data < input || slice.len > input_len ||
			   slice.data + slice.len > input + input_len))
		abort();
}

static void check_same(struct jem_slice a, struct jem_slice b)
{
	if (a.len != b.len || (a.len && memcmp(a.data, b.data, a.len)))
		abort();
}

static void check_round_trip(const struct jem_message *first)
{
	struct jem_message second;
	struct jem_buf buf;
	size_t kept = 0;

	jem_buf_init(&buf, 0);
	if (jem_message_encode_head(first, &buf) < 0)
		abort();
	jem_buf_add(&buf, first->body.data, first->body.len);
	if (jem_message_decode(buf.data, buf.len, &second) < 0)
		abort();
	check_same(first->topic, second.topic);
	check_same(first->message_id, second.message_id);
	check_same(first->content_type, second.content_type);
	check_same(first->content_encoding, second.content_encoding);
	check_same(first->body, second.body);
	if (first->creation_time_ms != second.creation_time_ms ||
	    first->is_durable != second.is_durable)
		abort();
	for (size_t i = 0; i < first->property_count; i++) {
		const struct jem_property *property = &first->properties[i];

		/* What a broker said by annotations is not given on as properties. */
		if (property->name.len >= 4 && !memcmp(property->name.data, "jem-", 4))
			continue;
		check_same(property->name, second.properties[kept].name);
		check_same(property->text, second.properties[kept].text);
		if (property->number != second.properties[kept].number)
			abort();
		kept++;
	}
	if (kept != second.property_count)
		abort();
	jem_buf_deinit(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jem_message_scan scan;
	struct jem_message message;
	bool is_scanned;

	input = (const char *)data;
	input_len = size;
	is_scanned = jem_message_scan(input, size, &scan) == 0;
	if (is_scanned) {
		check_within(scan.to);
		check_within(scan.subject);
		if (scan.header_len + scan.annotations_len > size)
			abort();
	}
	if (jem_message_decode(input, size, &message) < 0)
		return 0;
	check_within(message.topic);
	check_within(message.body);
	for (size_t i = 0; i < message.property_count; i++) {
		check_within(message.properties[i].name);
		check_within(message.properties[i].text);
	}
	check_round_trip(&message);
	return 0;
}
