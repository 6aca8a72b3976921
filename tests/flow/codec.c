/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec write-cbor        writes an example body of columns to standard output
 * codec json | codec cbor reads a body from standard input as the receiver does: prints the head,
 *                         then each record, as JSON lines; or the reason of its refusal, exit 1
 */
#include "common/cbor_json.h"
#include "common/columns.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	ROWS = 3
};

static int write_cbor(void)
{
	static const uint32_t dt_ns[ROWS] = { 0, 1000, 4000000000 };
	static const uint16_t comm[ROWS] = { 1, 0, 1 };
	static const int64_t delta[ROWS] = { -1, INT64_MIN, INT64_MAX };
	static const float load[ROWS] = { 0.5f, -0.25f, 3 };
	static const double real[ROWS] = { 0.1, 1e300, -0.0 };
	static const char dict[] =
		"\x67swapper\xa1\x61x\x82\x01\xf6";                 /* "swapper", {"x":[1,null]} */
	static const char items[] = "\xf6\x81\x63\xe2\x82\xac\xf5"; /* null, ["€"], true */
	static const struct jem_column columns[] = {
		{ .name = "dt_ns", .type = JEM_CBOR_U32, .data = dt_ns },
		{ .name = "comm",
		  .shape = JEM_COLUMN_DICT,
		  .type = JEM_CBOR_U16,
		  .data = comm,
		  .dict = dict,
		  .dict_len = sizeof(dict) - 1,
		  .dict_count = 2 },
		{ .name = "delta", .type = JEM_CBOR_I64, .data = delta },
		{ .name = "load", .type = JEM_CBOR_F32, .data = load },
		{ .name = "real", .type = JEM_CBOR_F64, .data = real },
		{ .name = "args",
		  .shape = JEM_COLUMN_ITEMS,
		  .data = items,
		  .len = sizeof(items) - 1 },
	};
	struct jem_head head = {
		.kind = JEM_KIND_sched,
		.schema = 1,
		.source = { .names = { "site", "user", "job-1", "node" },
			    .true_job = "job\xe2\x82\xac" },
		.epoch = "0123456789abcdef",
		.seq = 7,
		.first = 70,
		.n = ROWS,
		.t0_us = 1700000000123456,
		.mono_ns = 123456789012345678,
	};
	struct jem_buf body;
	bool is_whole;

	head.dropped[JEM_CAUSE_queue_full] = 5;
	jem_buf_init(&body, 0);
	jem_columns_encode(&head, columns, sizeof(columns) / sizeof(*columns), &body);
	is_whole = !body.failed && fwrite(body.data, 1, body.len, stdout) == body.len;
	jem_buf_deinit(&body);
	return is_whole && !fflush(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void print_head(const struct jem_head *head)
{
	struct jem_json json;
	struct jem_buf text;

	jem_buf_init(&text, 0);
	json = jem_json_to(&text);
	jem_head_write_json(head, &json);
	puts(jem_buf_cstr(&text));
	jem_buf_deinit(&text);
}

static int refuse(const struct jem_err *err)
{
	puts(err->text);
	return EXIT_FAILURE;
}

static int read_json(const struct jem_buf *body)
{
	struct jem_json_doc doc;
	struct jem_head head;
	struct jem_err err;
	uint32_t records;

	jem_json_doc_init(&doc);
	if (jem_batch_decode_json(body->data, body->len, &doc, &head, &records, &err) < 0) {
		jem_json_doc_deinit(&doc);
		return refuse(&err);
	}
	print_head(&head);
	for (uint32_t i = jem_json_first(&doc, records); i < jem_json_end(&doc, records);
	     i = jem_json_next(&doc, i))
		printf("%.*s\n", (int)(doc.tokens[i].end - doc.tokens[i].start),
		       doc.text + doc.tokens[i].start);
	jem_json_doc_deinit(&doc);
	return EXIT_SUCCESS;
}

static int read_cbor(const struct jem_buf *body)
{
	struct jem_columns columns;
	struct jem_head head;
	struct jem_err err;
	struct jem_buf row;
	int status = EXIT_SUCCESS;

	jem_columns_init(&columns);
	jem_buf_init(&row, 0);
	if (jem_columns_decode(&columns, body->data, body->len, &head, &err) < 0)
		status = refuse(&err);
	else
		print_head(&head);
	for (uint64_t i = 0; status == EXIT_SUCCESS && i < columns.n; i++) {
		jem_buf_clear(&row);
		jem_columns_row(&columns, i, &row);
		puts(jem_buf_cstr(&row));
	}
	jem_buf_deinit(&row);
	jem_columns_deinit(&columns);
	return status;
}

static void read_all(struct jem_buf *ret)
{
	char chunk[65536];
	size_t len;

	while ((len = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
		jem_buf_add(ret, chunk, len);
}

int main(int argc, char **argv)
{
	const char *verb = argc == 2 ? argv[1] : "";
	struct jem_buf body;
	int status = EXIT_FAILURE;

	if (!strcmp(verb, "write-cbor"))
		return write_cbor();
	jem_buf_init(&body, 0);
	if (!strcmp(verb, "json")) {
		read_all(&body);
		status = read_json(&body);
	} else if (!strcmp(verb, "cbor")) {
		read_all(&body);
		status = read_cbor(&body);
	} else {
		fprintf(stderr, "usage: codec write-cbor | json | cbor\n");
	}
	jem_buf_deinit(&body);
	return status;
}
