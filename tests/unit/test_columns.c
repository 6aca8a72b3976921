/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cbor_json.h"
#include "common/columns.h"
#include "tests/unit/check.h"

static struct jem_head example_head(void)
{
	return (struct jem_head){
		.kind = JEM_KIND_sched,
		.schema = 1,
		.source = { .names = { "s", "u", "j", "n" }, .true_job = "j\xc3\xa9" },
		.epoch = "0123456789abcdef",
		.seq = 7,
		.first = 70,
		.n = 3,
		.t0_us = 1700000000123456,
		.mono_ns = 42,
	};
}

/* Every shape and many types, three rows. */
struct example {
	struct jem_head head;
	struct jem_buf dict;
	struct jem_buf items;
	struct jem_column columns[6];
};

static const uint32_t dt_ns[] = { 0, 1000, 4000000000 };
static const uint8_t idx[] = { 1, 0, 1 };
static const int16_t cpu[] = { -1, 0, 300 };
static const double load[] = { 0.1, 1e300, 3 };
static const uint64_t run_ns[] = { 0, UINT64_MAX, 5 };

static void example_init(struct example *example)
{
	example->head = example_head();
	jem_buf_init(&example->dict, 0);
	jem_buf_init(&example->items, 0);
	jem_cbor_str(&example->dict, "swapper");
	jem_cbor_str(&example->dict, "a \"b\"");
	jem_cbor_null(&example->items);
	jem_cbor_array(&example->items, 1);
	jem_cbor_map(&example->items, 1);
	jem_cbor_str(&example->items, "name");
	jem_cbor_str(&example->items, "n");
	jem_cbor_u64(&example->items, 5);
	example->columns[0] =
		(struct jem_column){ .name = "dt_ns", .type = JEM_CBOR_U32, .data = dt_ns };
	example->columns[1] = (struct jem_column){ .name = "comm",
						   .shape = JEM_COLUMN_DICT,
						   .type = JEM_CBOR_U8,
						   .data = idx,
						   .dict = example->dict.data,
						   .dict_len = example->dict.len,
						   .dict_count = 2 };
	example->columns[2] =
		(struct jem_column){ .name = "cpu", .type = JEM_CBOR_I16, .data = cpu };
	example->columns[3] =
		(struct jem_column){ .name = "load", .type = JEM_CBOR_F64, .data = load };
	example->columns[4] =
		(struct jem_column){ .name = "run_ns", .type = JEM_CBOR_U64, .data = run_ns };
	example->columns[5] = (struct jem_column){ .name = "args",
						   .shape = JEM_COLUMN_ITEMS,
						   .data = example->items.data,
						   .len = example->items.len };
}

static void example_deinit(struct example *example)
{
	jem_buf_deinit(&example->dict);
	jem_buf_deinit(&example->items);
}

CASE(writes_the_golden_bytes)
{
	/* {"cols": {"dt_ns": 70(h'..'), "comm": {"dict": [..], "idx": 64(h'..')}, .. after the head */
	static const char golden[] = "\x64"
				     "cols"
				     "\xa6"
				     "\x65"
				     "dt_ns"
				     "\xd8\x46\x4c"
				     "\0\0\0\0\xe8\x03\0\0\x00\x28\x6b\xee"
				     "\x64"
				     "comm"
				     "\xa2\x64"
				     "dict"
				     "\x82\x67"
				     "swapper"
				     "\x65"
				     "a \"b\""
				     "\x63"
				     "idx"
				     "\xd8\x40\x43\x01\x00\x01"
				     "\x63"
				     "cpu"
				     "\xd8\x4d\x46\xff\xff\x00\x00\x2c\x01";
	struct example example;
	struct jem_buf body;

	example_init(&example);
	jem_buf_init(&body, 0);
	jem_columns_encode(&example.head, example.columns, 6, &body);
	CHECK(!body.failed);
	CHECK(!memcmp(body.data, "\xa2\x64head\xad\x61v\x01\x64kind\x65sched", 21));
	CHECK(memmem(body.data, body.len, golden, sizeof(golden) - 1) != NULL);
	jem_buf_deinit(&body);
	example_deinit(&example);
}

CASE(reads_back_what_it_wrote)
{
	static const char *const rows[] = {
		"{\"dt_ns\":0,\"comm\":\"a "
		"\\\"b\\\"\",\"cpu\":-1,\"load\":0.1,\"run_ns\":0,\"args\":null}",
		"{\"dt_ns\":1000,\"comm\":\"swapper\",\"cpu\":0,\"load\":1e+300,"
		"\"run_ns\":18446744073709551615,\"args\":[{\"name\":\"n\"}]}",
		"{\"dt_ns\":4000000000,\"comm\":\"a "
		"\\\"b\\\"\",\"cpu\":300,\"load\":3,\"run_ns\":5,"
		"\"args\":5}",
	};
	struct jem_err err = { "" };
	struct jem_columns columns;
	struct example example;
	struct jem_head head;
	struct jem_buf body;
	struct jem_buf row;

	example_init(&example);
	jem_buf_init(&body, 0);
	jem_buf_init(&row, 0);
	jem_columns_init(&columns);
	jem_columns_encode(&example.head, example.columns, 6, &body);
	for (int again = 0; again < 2; again++) {
		if (jem_columns_decode(&columns, body.data, body.len, &head, &err) < 0)
			check_fail(__FILE__, __LINE__, "%s", err.text);
		CHECK_EQ(head.seq, 7);
		CHECK_STR(head.source.true_job, "j\xc3\xa9");
		CHECK_EQ(columns.count, 6);
		for (uint64_t i = 0; i < 3; i++) {
			jem_buf_clear(&row);
			jem_columns_row(&columns, i, &row);
			CHECK_STR(jem_buf_cstr(&row), rows[i]);
		}
	}
	CHECK_EQ(jem_column_i64(jem_columns_find(&columns, "cpu"), 0), -1);
	CHECK_NEAR(jem_column_real(jem_columns_find(&columns, "load"), 0), 0.1, 0);
	CHECK(jem_columns_find(&columns, "absent") == NULL);
	jem_columns_deinit(&columns);
	jem_buf_deinit(&row);
	jem_buf_deinit(&body);
	example_deinit(&example);
}

static void check_body_refused(const struct jem_buf *body, const char *reason)
{
	struct jem_columns columns;
	struct jem_err err = { "" };
	struct jem_head head;

	jem_columns_init(&columns);
	if (jem_columns_decode(&columns, body->data, body->len, &head, &err) >= 0)
		check_fail(__FILE__, __LINE__, "took a body that is to be refused: %s", reason);
	CHECK_CONTAINS(err.text, reason);
	jem_columns_deinit(&columns);
}

CASE(takes_a_heartbeat)
{
	struct jem_head head = example_head();
	struct jem_columns columns;
	struct jem_buf body;

	head.n = 0;
	jem_buf_init(&body, 0);
	jem_columns_init(&columns);
	jem_columns_encode(&head, NULL, 0, &body);
	CHECK_OK(jem_columns_decode(&columns, body.data, body.len, &head, NULL));
	CHECK_EQ(columns.n, 0);
	jem_buf_add_char(&body, '\0');
	check_body_refused(&body, "batch: bytes behind the end");
	jem_columns_deinit(&columns);
	jem_buf_deinit(&body);
}

/* The example with one column changed or one more. */
static void check_column_refused(size_t at, struct jem_column column, const char *reason)
{
	struct jem_column columns[7];
	struct example example;
	struct jem_buf body;

	example_init(&example);
	jem_buf_init(&body, 0);
	memcpy(columns, example.columns, sizeof(example.columns));
	columns[at] = column;
	jem_columns_encode(&example.head, columns, at == 6 ? 7 : 6, &body);
	check_body_refused(&body, reason);
	jem_buf_deinit(&body);
	example_deinit(&example);
}

CASE(refuses_columns_outside_the_contract)
{
	static const uint8_t far[] = { 0, 1, 2 };
	static const double times[] = { 0, 1, 2 };
	static const uint64_t late[] = { 0, JEM_NUMBER_MAX + 1, 2 };
	struct jem_column one = { .name = "x", .type = JEM_CBOR_U8, .data = far };
	struct jem_column dict = { .name = "comm",
				   .shape = JEM_COLUMN_DICT,
				   .type = JEM_CBOR_U8,
				   .data = far,
				   .dict = "\x61"
					   "a\x61"
					   "b",
				   .dict_len = 4,
				   .dict_count = 2 };

	check_column_refused(1, dict, "cols.comm: idx[2] is beyond a dictionary of 2");
	dict.type = JEM_CBOR_I8;
	check_column_refused(1, dict, "cols.comm: idx is not of unsigned integers");
	dict.type = JEM_CBOR_U8;
	dict.dict = "\x41"
		    "a\x61"
		    "b";
	check_column_refused(1, dict, "cols.comm: CBOR: a byte string");
	one.name = "dt_ns";
	check_column_refused(6, one, "cols.dt_ns: given twice");
	one.name = "seq";
	check_column_refused(6, one, "cols.seq: the name is reserved");
	one.name = "a/b";
	check_column_refused(6, one, "cols: a name that is not");
	one.name = "";
	check_column_refused(6, one, "cols: a name that is not");
	one.name = "other";
	check_column_refused(0, one, "cols.dt_ns: missing");
	one = (struct jem_column){ .name = "dt_ns", .type = JEM_CBOR_F64, .data = times };
	check_column_refused(0, one, "cols.dt_ns: not a typed array of unsigned");
	one = (struct jem_column){ .name = "dt_ns", .type = JEM_CBOR_U64, .data = late };
	check_column_refused(0, one, "cols.dt_ns: beyond 2^53 - 1");
}

/* A body of a map that is written by hand after a head of n = 3. */
static void check_cols_refused(const char *cols, size_t len, const char *reason)
{
	struct jem_head head = example_head();
	struct jem_buf body;

	jem_buf_init(&body, 0);
	jem_columns_encode(&head, NULL, 0, &body);
	body.len--; /* the empty map of columns */
	jem_buf_add(&body, cols, len);
	check_body_refused(&body, reason);
	jem_buf_deinit(&body);
}

#define CHECK_COLS_REFUSED(cols, reason) check_cols_refused(cols, sizeof(cols) - 1, reason)

CASE(refuses_bodies_that_are_not_columns)
{
	struct jem_buf body;

	CHECK_COLS_REFUSED("\x80", "cols: not a map");
	CHECK_COLS_REFUSED("", "an item beyond the end");
	CHECK_COLS_REFUSED("\xa1\x05\x05", "cols: a name that is not");
	CHECK_COLS_REFUSED("\xa1\x61x\x05", "cols.x: neither typed array");
	CHECK_COLS_REFUSED("\xa1\x61x\xd8\x45\x43\x01\x02\x03", "a typed array of a wrong length");
	CHECK_COLS_REFUSED("\xa1\x61x\xd8\x40\x42\x01\x02", "cols.x: 2 values, head.n is 3");
	CHECK_COLS_REFUSED("\xa1\x61x\xd8\x40\x83\x01\x02\x03", "a typed array of a wrong length");
	CHECK_COLS_REFUSED("\xa1\x61x\xd8\x41\x42\x01\x02", "not a typed array of the contract");
	CHECK_COLS_REFUSED("\xa1\x61x\x82\x01\x02", "cols.x: 2 values, head.n is 3");
	CHECK_COLS_REFUSED("\xa1\x61x\xa1\x64"
			   "dict\x80",
			   "cols.x: not a map of dict and idx");
	CHECK_COLS_REFUSED("\xa1\x61x\xa2\x64"
			   "dict\x80\x64"
			   "dict\x80",
			   "not a map of dict and idx");
	CHECK_COLS_REFUSED("\xa0", "cols.dt_ns: missing");
	jem_buf_init(&body, 0);
	jem_buf_add(&body,
		    "\xa2\x64head\x01\x64"
		    "cols\xa0",
		    12);
	check_body_refused(&body, "head: not an object");
	jem_buf_clear(&body);
	jem_buf_add(&body,
		    "\xa2\x64"
		    "cols\xa0\x64head\xa0",
		    12);
	check_body_refused(&body, "head: not the first");
	jem_buf_clear(&body);
	jem_buf_add(&body,
		    "\xa2\x64head\xa0\x64"
		    "cols\xa0",
		    12);
	check_body_refused(&body, "head.v: missing");
	jem_buf_clear(&body);
	jem_buf_add(&body, "{\"head\":{}}", 11);
	check_body_refused(&body, "CBOR");
	jem_buf_deinit(&body);
}

CASE(refuses_every_cut_body)
{
	struct example example;
	struct jem_columns columns;
	struct jem_head head;
	struct jem_buf body;

	example_init(&example);
	jem_buf_init(&body, 0);
	jem_columns_init(&columns);
	jem_columns_encode(&example.head, example.columns, 6, &body);
	for (size_t len = 0; len < body.len; len++)
		if (jem_columns_decode(&columns, body.data, len, &head, NULL) >= 0)
			check_fail(__FILE__, __LINE__, "took %zu of %zu bytes", len, body.len);
	jem_columns_deinit(&columns);
	jem_buf_deinit(&body);
	example_deinit(&example);
}

TESTS(T(writes_the_golden_bytes), T(reads_back_what_it_wrote), T(takes_a_heartbeat),
      T(refuses_columns_outside_the_contract), T(refuses_bodies_that_are_not_columns),
      T(refuses_every_cut_body))
