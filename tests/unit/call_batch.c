/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/call_batch.h"

#include "common/cbor_json.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	ROWS_MAX = 20000,
	COLUMNS = 16,
};

static const struct {
	const char *name;
	enum jem_column_shape shape;
	enum jem_cbor_array type;
} shapes[COLUMNS] = {
	{ "dt_ns", JEM_COLUMN_ARRAY, JEM_CBOR_U64 },
	{ "pid", JEM_COLUMN_ARRAY, JEM_CBOR_U32 },
	{ "tid", JEM_COLUMN_ARRAY, JEM_CBOR_U32 },
	{ "event", JEM_COLUMN_DICT, JEM_CBOR_U32 },
	{ "depth", JEM_COLUMN_ARRAY, JEM_CBOR_U32 },
	{ "function", JEM_COLUMN_DICT, JEM_CBOR_U32 },
	{ "signature", JEM_COLUMN_DICT, JEM_CBOR_U32 },
	{ "file", JEM_COLUMN_DICT, JEM_CBOR_U32 },
	{ "line", JEM_COLUMN_ARRAY, JEM_CBOR_U32 },
	{ "caller", JEM_COLUMN_DICT, JEM_CBOR_U32 },
	{ "args", JEM_COLUMN_ITEMS, JEM_CBOR_U8 },
	{ "caller_locals", JEM_COLUMN_ITEMS, JEM_CBOR_U8 },
	{ "locals", JEM_COLUMN_ITEMS, JEM_CBOR_U8 },
	{ "return", JEM_COLUMN_ITEMS, JEM_CBOR_U8 },
	{ "duration_ns", JEM_COLUMN_ITEMS, JEM_CBOR_U8 },
	{ "note", JEM_COLUMN_ITEMS, JEM_CBOR_U8 },
};

/* A column that is being made. */
struct making {
	uint64_t wide[ROWS_MAX];
	uint32_t narrow[ROWS_MAX];
	struct jem_buf items; /* of a list, or of the dictionary */
	size_t offsets[ROWS_MAX + 1];
	uint32_t dict_count;
};

static void put_item(struct jem_buf *buf, const struct jem_json_doc *doc, uint32_t token)
{
	if (token)
		jem_cbor_from_json(buf, doc, token);
	else
		jem_cbor_null(buf);
}

static uint32_t find_item(struct making *making, const struct jem_json_doc *doc, uint32_t token)
{
	struct jem_buf item;
	uint32_t i;

	jem_buf_init(&item, 0);
	put_item(&item, doc, token);
	for (i = 0; i < making->dict_count; i++)
		if (making->offsets[i + 1] - making->offsets[i] == item.len &&
		    !memcmp(making->items.data + making->offsets[i], item.data, item.len))
			break;
	if (i == making->dict_count) {
		jem_buf_add(&making->items, item.data, item.len);
		making->offsets[++making->dict_count] = making->items.len;
	}
	jem_buf_deinit(&item);
	return i;
}

static void add(struct making *making, int column, uint64_t row, const struct jem_json_doc *doc,
		uint32_t record)
{
	uint32_t token = jem_json_member(doc, record, shapes[column].name);
	uint64_t number = 0;

	switch (shapes[column].shape) {
	case JEM_COLUMN_ARRAY:
		if (token)
			jem_json_get_u64(doc, token, &number);
		making->wide[row] = number;
		making->narrow[row] = (uint32_t)number;
		break;
	case JEM_COLUMN_DICT:
		making->narrow[row] = find_item(making, doc, token);
		break;
	case JEM_COLUMN_ITEMS:
		put_item(&making->items, doc, token);
	}
}

static uint64_t fill(struct making *makings, const struct jem_json_doc *doc)
{
	uint64_t row = 0;

	for (uint32_t at = jem_json_first(doc, 0); at < jem_json_end(doc, 0);
	     at = jem_json_next(doc, at), row++)
		for (int i = 0; i < COLUMNS && row < ROWS_MAX; i++)
			add(&makings[i], i, row, doc, at);
	return row;
}

void call_batch_encode(struct jem_head *head, const char *records, struct jem_buf *ret)
{
	struct making *makings = calloc(COLUMNS, sizeof(*makings));
	struct jem_column columns[COLUMNS];
	struct jem_json_doc doc;
	struct jem_err err;

	jem_json_doc_init(&doc);
	if (!makings || jem_json_read(&doc, records, strlen(records), &err) < 0) {
		fprintf(stderr, "call_batch: %s in %.200s\n", err.text, records);
		abort();
	}
	head->n = fill(makings, &doc);
	for (int i = 0; i < COLUMNS; i++) {
		const struct making *making = &makings[i];

		columns[i] = (struct jem_column){ .name = shapes[i].name,
						  .shape = shapes[i].shape,
						  .type = shapes[i].type,
						  .data = making->narrow };
		if (shapes[i].type == JEM_CBOR_U64)
			columns[i].data = making->wide;
		if (shapes[i].shape == JEM_COLUMN_ITEMS) {
			columns[i].data = making->items.data;
			columns[i].len = making->items.len;
		} else if (shapes[i].shape == JEM_COLUMN_DICT) {
			columns[i].dict = making->items.data;
			columns[i].dict_len = making->items.len;
			columns[i].dict_count = making->dict_count;
		}
	}
	jem_columns_encode(head, columns, COLUMNS, ret);
	for (int i = 0; i < COLUMNS; i++)
		jem_buf_deinit(&makings[i].items);
	jem_json_doc_deinit(&doc);
	free(makings);
}
