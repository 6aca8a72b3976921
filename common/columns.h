/* SPDX-License-Identifier: Apache-2.0 */
/*
 * columns: the body of fire-hose kinds, {"head":{...},"cols":{name: column, ...}} in CBOR.
 *
 * The head has the same shape as in JSON. Every column has `n` values, one a record; it is
 *   - a typed array (RFC 8746, little-endian), or
 *   - {"dict":[...],"idx":typed array}: indices into a dictionary that is complete within the batch,
 *   - or a list of items of the JSON shape (nested values, or null where there is none).
 * `dt_ns` is a typed array of unsigned integers. Row i of all columns together is the record that a
 * human-rate kind would have written as JSON: jem_columns_row writes it.
 */
#ifndef JEM_COMMON_COLUMNS_H
#define JEM_COMMON_COLUMNS_H

#include "common/batch.h"
#include "common/cbor.h"

#define JEM_COLUMNS_MAX 64

enum jem_column_shape {
	JEM_COLUMN_ARRAY,
	JEM_COLUMN_DICT,
	JEM_COLUMN_ITEMS,
};

/* A column to write; all of it borrowed. */
struct jem_column {
	const char *name;
	enum jem_column_shape shape;
	enum jem_cbor_array type; /* of the values, or of the indices */
	const void *data;         /* n values or indices; of ITEMS: n CBOR items, `len` bytes */
	size_t len;
	const void *dict; /* dict_count CBOR items, dict_len bytes */
	size_t dict_len;
	uint32_t dict_count;
};

/* Writes a complete body. The columns keep the order they have. */
void jem_columns_encode(const struct jem_head *head, const struct jem_column *columns, size_t count,
			struct jem_buf *ret);

/*
 * The same in two steps, where the head is not known yet when the columns are made (on a thread of a
 * source): the map of columns of `n` values, and later the body around it. No bytes: no columns, as
 * a heartbeat has it.
 */
void jem_columns_encode_map(const struct jem_column *columns, size_t count, uint64_t n,
			    struct jem_buf *ret);
void jem_columns_encode_body(const struct jem_head *head, const void *map, size_t len,
			     struct jem_buf *ret);

/* A column that was read and checked. */
struct jem_column_view {
	char name[JEM_NAME_MAX + 1];
	enum jem_column_shape shape;
	enum jem_cbor_array type;
	const uint8_t *data; /* borrowed from the body, not aligned; NULL of ITEMS */
	uint32_t items;      /* of DICT and ITEMS: where its items begin in `offsets` */
	uint32_t item_count;
};

struct jem_columns {
	const char *body; /* borrowed: lives as long as this is used */
	struct jem_column_view views[JEM_COLUMNS_MAX];
	size_t count;
	uint64_t n;
	uint32_t *offsets; /* owned: of every item, and of the end of each column's last */
	uint32_t offset_count;
	uint32_t offset_cap;
	struct jem_json_doc doc; /* owned: of the head */
};

void jem_columns_init(struct jem_columns *columns);
void jem_columns_deinit(struct jem_columns *columns);

/*
 * Reads a body strictly: the head as jem_batch_decode_json does, every column of one of the three
 * shapes and of head.n values, indices within their dictionary, items of the JSON shape, `dt_ns`
 * there, no name twice and none of t, epoch, seq, i. The memory is reused from body to body.
 * -EBADMSG with the reason, -ENOMEM.
 */
int jem_columns_decode(struct jem_columns *columns, const char *body, size_t len,
		       struct jem_head *head, struct jem_err *err);

/* The column of a name, NULL if there is none. */
const struct jem_column_view *jem_columns_find(const struct jem_columns *columns, const char *name);

/* A value of a typed array, or an index, widened; as an integer, a real is 0. */
uint64_t jem_column_u64(const struct jem_column_view *view, uint64_t row);
int64_t jem_column_i64(const struct jem_column_view *view, uint64_t row);
double jem_column_real(const struct jem_column_view *view, uint64_t row);

/* Appends record `row` as a JSON object. */
void jem_columns_row(const struct jem_columns *columns, uint64_t row, struct jem_buf *ret);

#endif
