/* SPDX-License-Identifier: Apache-2.0 */
/* The codec against qpid-proton's own, both ways, and against bytes nobody should send. */
#include "tests/unit/check.h"

#include "broker-client/wire/amqp_value.h"
#include "broker-client/wire/message_codec.h"
#include "common/cleanup.h"

#include <errno.h>
#include <proton/codec.h>
#include <proton/message.h>

static struct jem_slice slice(const char *text)
{
	return (struct jem_slice){ text, strlen(text) };
}

static bool is_text(struct jem_slice got, const char *wanted)
{
	return got.len == strlen(wanted) && !memcmp(got.data, wanted, got.len);
}

#define CHECK_SLICE(got, wanted)                                                                   \
	do {                                                                                       \
		struct jem_slice got_ = (got);                                                     \
                                                                                                   \
		if (!is_text(got_, wanted))                                                        \
			check_fail(__FILE__, __LINE__, "%s is \"%.*s\", wanted \"%s\"", #got,      \
				   (int)got_.len, got_.data ? got_.data : "", wanted);             \
	} while (0)

static struct jem_message full_message(void)
{
	return (struct jem_message){
		.topic = slice("jem.local.me.42.n1.metric"),
		.message_id = slice("n1/0123456789abcdef/42/metric/7"),
		.content_type = slice("application/json"),
		.content_encoding = slice("zstd"),
		.creation_time_ms = 1700000000123,
		.is_durable = true,
		.properties = { { .name = slice("kind"), .text = slice("metric") },
				{ .name = slice("seq"), .number = 1234567890123 },
				{ .name = slice("n"), .number = -3 },
				{ .name = slice("empty"), .text = slice("") } },
		.property_count = 4,
		.body = slice("{\"head\":{}}"),
	};
}

static void encode(const struct jem_message *message, struct jem_buf *buf)
{
	jem_buf_init(buf, 0);
	CHECK_OK(jem_message_encode_head(message, buf));
	jem_buf_add(buf, message->body.data, message->body.len);
	CHECK(!buf->failed);
}

CASE(round_trip_keeps_every_field)
{
	struct jem_message out = full_message();
	struct jem_message in;
	struct jem_buf buf;

	encode(&out, &buf);
	CHECK_OK(jem_message_decode(buf.data, buf.len, &in));
	CHECK_SLICE(in.topic, "jem.local.me.42.n1.metric");
	CHECK_SLICE(in.message_id, "n1/0123456789abcdef/42/metric/7");
	CHECK_SLICE(in.content_type, "application/json");
	CHECK_SLICE(in.content_encoding, "zstd");
	CHECK_EQ(in.creation_time_ms, 1700000000123);
	CHECK(in.is_durable);
	CHECK_EQ(in.property_count, 4);
	CHECK_SLICE(in.properties[0].name, "kind");
	CHECK_SLICE(in.properties[0].text, "metric");
	CHECK_EQ(in.properties[1].number, 1234567890123);
	CHECK(!in.properties[1].text.data);
	CHECK_EQ(in.properties[2].number, -3);
	CHECK(in.properties[3].text.data && !in.properties[3].text.len);
	CHECK_SLICE(in.body, "{\"head\":{}}");
	jem_buf_deinit(&buf);
}

CASE(round_trip_of_large_parts)
{
	static char topic[300];
	static char body[100000];
	struct jem_message out = { .topic = { topic, sizeof(topic) },
				   .body = { body, sizeof(body) } };
	struct jem_message in;
	struct jem_buf buf;

	memset(topic, 't', sizeof(topic));
	memset(body, 'b', sizeof(body));
	encode(&out, &buf);
	CHECK_OK(jem_message_decode(buf.data, buf.len, &in));
	CHECK_EQ(in.topic.len, sizeof(topic));
	CHECK_EQ(in.body.len, sizeof(body));
	CHECK(!memcmp(in.body.data, body, sizeof(body)));
	CHECK(!in.is_durable);
	CHECK_EQ(in.creation_time_ms, 0);
	jem_buf_deinit(&buf);
}

CASE(proton_reads_what_we_write)
{
	struct jem_message out = full_message();
	pn_message_t *in = pn_message();
	struct jem_buf buf;
	pn_data_t *map;
	pn_bytes_t body;

	encode(&out, &buf);
	CHECK_EQ(pn_message_decode(in, buf.data, buf.len), 0);
	CHECK(pn_message_is_durable(in));
	CHECK_STR(pn_message_get_address(in), "jem.local.me.42.n1.metric");
	CHECK_STR(pn_message_get_subject(in), "jem.local.me.42.n1.metric");
	CHECK_STR(pn_message_get_content_type(in), "application/json");
	CHECK_STR(pn_message_get_content_encoding(in), "zstd");
	CHECK_EQ(pn_message_get_creation_time(in), 1700000000123);
	CHECK_EQ(pn_message_get_id(in).type, PN_STRING);
	map = pn_message_properties(in);
	pn_data_rewind(map);
	CHECK(pn_data_next(map));
	CHECK_EQ(pn_data_get_map(map), 8);
	pn_data_enter(map);
	CHECK(pn_data_next(map) && !strncmp(pn_data_get_string(map).start, "kind", 4));
	CHECK(pn_data_next(map) && pn_data_type(map) == PN_STRING);
	CHECK(pn_data_next(map) && pn_data_next(map));
	CHECK_EQ(pn_data_get_long(map), 1234567890123);
	CHECK(pn_message_is_inferred(in));
	pn_data_rewind(pn_message_body(in));
	CHECK(pn_data_next(pn_message_body(in)));
	body = pn_data_get_binary(pn_message_body(in));
	CHECK_EQ(body.size, out.body.len);
	CHECK(!memcmp(body.start, out.body.data, body.size));
	pn_message_free(in);
	jem_buf_deinit(&buf);
}

/* What python's Message(body=b"...") sends, and what it sends with inferred=True. */
static void check_foreign(bool is_data, pn_type_t type)
{
	pn_message_t *out = pn_message();
	struct jem_message in;
	char bytes[1024];
	size_t len = sizeof(bytes);
	pn_bytes_t body = pn_bytes(5, "hello");
	pn_atom_t id = { .type = PN_ULONG, .u.as_ulong = 77 };

	pn_message_set_subject(out, "a.b");
	pn_message_set_id(out, id);
	pn_message_set_inferred(out, is_data);
	pn_data_put_map(pn_message_properties(out));
	pn_data_enter(pn_message_properties(out));
	pn_data_put_string(pn_message_properties(out), pn_bytes(4, "list"));
	pn_data_put_list(pn_message_properties(out));
	pn_data_put_string(pn_message_properties(out), pn_bytes(4, "uint"));
	pn_data_put_uint(pn_message_properties(out), 300);
	pn_data_put_string(pn_message_properties(out), pn_bytes(4, "bool"));
	pn_data_put_bool(pn_message_properties(out), true);
	pn_data_exit(pn_message_properties(out));
	if (type == PN_STRING)
		pn_data_put_string(pn_message_body(out), body);
	else
		pn_data_put_binary(pn_message_body(out), body);
	CHECK_EQ(pn_message_encode(out, bytes, &len), 0);
	CHECK_OK(jem_message_decode(bytes, len, &in));
	CHECK_SLICE(in.topic, "a.b");
	CHECK_EQ(in.message_id.len, 0); /* no string: not ours */
	CHECK_SLICE(in.body, "hello");
	CHECK_EQ(in.property_count, 2); /* the list is left out */
	CHECK_SLICE(in.properties[0].name, "uint");
	CHECK_EQ(in.properties[0].number, 300);
	CHECK_EQ(in.properties[1].number, 1);
	pn_message_free(out);
}

CASE(takes_data_and_value_bodies_of_proton)
{
	check_foreign(true, PN_BINARY);
	check_foreign(false, PN_BINARY);
	check_foreign(false, PN_STRING);
}

CASE(takes_wide_and_symbolic_descriptors)
{
	static const char bytes[] = "\x00\x80\x00\x00\x00\x00\x00\x00\x00\x70\x45"
				    "\x00\xa3\x10"
				    "amqp:data:binary\xb0\x00\x00\x00\x02hi";
	struct jem_message in;

	CHECK_OK(jem_message_decode(bytes, sizeof(bytes) - 1, &in));
	CHECK_SLICE(in.body, "hi");
}

CASE(steps_over_unknown_sections)
{
	static const char bytes[] = "\x00\x53\x72\xc1\x01\x00"
				    "\x00\x53\x99\x81\x00\x00\x00\x00\x00\x00\x00\x01"
				    "\x00\x53\x75\xa0\x02hi"
				    "\x00\x53\x78\xc1\x01\x00";
	struct jem_message in;
	struct jem_message_scan scan;

	CHECK_OK(jem_message_decode(bytes, sizeof(bytes) - 1, &in));
	CHECK_SLICE(in.body, "hi");
	CHECK_OK(jem_message_scan(bytes, sizeof(bytes) - 1, &scan));
	CHECK_EQ(scan.header_len, 0);
}

CASE(refuses_every_truncation)
{
	struct jem_message out = full_message();
	struct jem_message in;
	struct jem_message_scan scan;
	struct jem_buf buf;

	encode(&out, &buf);
	for (size_t len = 0; len < buf.len; len++) {
		auto_free char *copy = malloc(len + 1);

		memcpy(copy, buf.data, len);
		CHECK_EQ(jem_message_decode(copy, len, &in), -EBADMSG);
		CHECK_EQ(jem_message_scan(copy, len, &scan), -EBADMSG);
	}
	jem_buf_deinit(&buf);
}

CASE(refuses_hostile_bytes)
{
#define BYTES(s)                                                                                   \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}
	static const struct jem_slice hostile[] = {
		BYTES("hello"),
		BYTES("\x00\x53\x75\xb0\xff\xff\xff\xffhi"),                /* length beyond */
		BYTES("\x00\x53\x75\xa0\x02hi\x00\x53\x75\xa0\x02ho"),      /* two bodies */
		BYTES("\x00\x53\x77\x40"),                                  /* value null */
		BYTES("\x00\x53\x77\x71\x00\x00\x00\x01"),                  /* value int */
		BYTES("\x00\x53\x76\x45"),                                  /* sequence */
		BYTES("\x00\x53\x70\xc0\x01\xff\x00\x53\x75\xa0\x01x"),     /* items that lie */
		BYTES("\x00\x53\x74\xd1\x00\x00\x00\x04\xff\xff\xff\xff"),  /* a map that lies */
		BYTES("\x00\x53\x74\xc1\x02\x01\x40\x00\x53\x75\xa0\x01x"), /* half an entry */
		BYTES("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),          /* descriptors only */
		BYTES("\x00\x53\x73\xa0\x01x\x00\x53\x75\xa0\x01x"),        /* properties no list */
		BYTES("\x00\x53\x75\x00\x00\x00\x00\x00\x00\xa0\x01x"),     /* described too deep */
	};
	struct jem_message in;

	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++)
		if (jem_message_decode(hostile[i].data, hostile[i].len, &in) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "hostile message %zu is taken", i);
}

CASE(keeps_sixteen_properties_of_many)
{
	pn_message_t *out = pn_message();
	struct jem_message in;
	char bytes[2048];
	size_t len = sizeof(bytes);
	pn_data_t *map = pn_message_properties(out);

	pn_data_put_map(map);
	pn_data_enter(map);
	for (int i = 0; i < 40; i++) {
		char name[8];
		int n = snprintf(name, sizeof(name), "p%d", i);

		pn_data_put_string(map, pn_bytes((size_t)n, name));
		pn_data_put_int(map, i);
	}
	pn_data_exit(map);
	pn_data_put_binary(pn_message_body(out), pn_bytes(1, "x"));
	CHECK_EQ(pn_message_encode(out, bytes, &len), 0);
	CHECK_OK(jem_message_decode(bytes, len, &in));
	CHECK_EQ(in.property_count, JEM_PROPERTIES_MAX);
	CHECK_EQ(in.properties[15].number, 15);
	pn_message_free(out);
}

CASE(scan_finds_header_and_address)
{
	struct jem_message out = full_message();
	struct jem_message_scan scan;
	struct jem_buf buf;

	encode(&out, &buf);
	CHECK_OK(jem_message_scan(buf.data, buf.len, &scan));
	CHECK_EQ(scan.header_len, 7);
	CHECK_EQ(scan.annotations_len, 0);
	CHECK_SLICE(scan.to, "jem.local.me.42.n1.metric");
	CHECK_SLICE(scan.subject, "jem.local.me.42.n1.metric");
	jem_buf_deinit(&buf);
}

CASE(annotations_arrive_as_properties_and_cannot_be_forged)
{
	struct jem_message out = full_message();
	struct jem_message in;
	struct jem_message_scan scan;
	struct jem_buf plain;
	struct jem_buf sent;

	out.properties[3] = (struct jem_property){ .name = slice("jem-dropped"), .number = 9 };
	encode(&out, &plain);
	CHECK_OK(jem_message_decode(plain.data, plain.len, &in));
	CHECK_EQ(in.property_count, 3);

	jem_buf_init(&sent, 0);
	jem_buf_add(&sent, plain.data, 7);
	jem_message_encode_annotations(1234, true, &sent);
	jem_buf_add(&sent, plain.data + 7, plain.len - 7);
	CHECK_OK(jem_message_decode(sent.data, sent.len, &in));
	CHECK_EQ(in.property_count, 5);
	CHECK_SLICE(in.properties[0].name, "jem-dropped");
	CHECK_EQ(in.properties[0].number, 1234);
	CHECK_SLICE(in.properties[1].name, "jem-retained");
	CHECK_EQ(in.properties[1].number, 1);
	CHECK_OK(jem_message_scan(sent.data, sent.len, &scan));
	CHECK_EQ(scan.header_len, 7);
	CHECK_EQ(scan.annotations_len, sent.len - plain.len);
	jem_buf_deinit(&plain);
	jem_buf_deinit(&sent);
}

CASE(scan_refuses_a_header_out_of_place)
{
	static const char late_header[] = "\x00\x53\x75\xa0\x01x\x00\x53\x70\x45";
	static const char late_annotations[] = "\x00\x53\x75\xa0\x01x\x00\x53\x71\xc1\x01\x00";
	struct jem_message_scan scan;

	CHECK_EQ(jem_message_scan(late_header, sizeof(late_header) - 1, &scan), -EBADMSG);
	CHECK_EQ(jem_message_scan(late_annotations, sizeof(late_annotations) - 1, &scan), -EBADMSG);
}

CASE(integers_of_every_width_become_longs)
{
	static const struct {
		const char *bytes;
		size_t len;
		int64_t number;
	} values[] = {
		{ "\x43", 1, 0 },
		{ "\x52\xff", 2, 255 },
		{ "\x54\xff", 2, -1 },
		{ "\x55\x80", 2, -128 },
		{ "\x60\xff\xff", 3, 65535 },
		{ "\x61\xff\xff", 3, -1 },
		{ "\x70\xff\xff\xff\xff", 5, 4294967295 },
		{ "\x71\xff\xff\xff\xff", 5, -1 },
		{ "\x80\x7f\xff\xff\xff\xff\xff\xff\xff", 9, INT64_MAX },
		{ "\x81\x80\x00\x00\x00\x00\x00\x00\x00", 9, INT64_MIN },
		{ "\x56\x01", 2, 1 },
		{ "\x42", 1, 0 },
	};
	struct jem_amqp_value value;
	int64_t number;

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		const uint8_t *at = (const uint8_t *)values[i].bytes;
		struct jem_amqp_cursor cursor = { at, at + values[i].len };

		CHECK_OK(jem_amqp_next(&cursor, &value));
		CHECK(jem_amqp_as_long(&value, &number));
		CHECK_EQ(number, values[i].number);
	}
	value = (struct jem_amqp_value){ .code = JEM_AMQP_ULONG,
					 .content = { "\xff\xff\xff\xff\xff\xff\xff\xff", 8 } };
	CHECK(!jem_amqp_as_long(&value, &number));
}

TESTS(T(round_trip_keeps_every_field), T(round_trip_of_large_parts), T(proton_reads_what_we_write),
      T(takes_data_and_value_bodies_of_proton), T(takes_wide_and_symbolic_descriptors),
      T(steps_over_unknown_sections), T(refuses_every_truncation), T(refuses_hostile_bytes),
      T(keeps_sixteen_properties_of_many), T(scan_finds_header_and_address),
      T(annotations_arrive_as_properties_and_cannot_be_forged),
      T(scan_refuses_a_header_out_of_place), T(integers_of_every_width_become_longs))
