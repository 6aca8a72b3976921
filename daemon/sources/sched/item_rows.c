/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/item_rows.h"

#include <assert.h>
#include <errno.h>

void jem_item_rows_init(struct jem_item_rows *rows, const char *event, const char *const *names,
			uint32_t count)
{
	assert(count <= JEM_ITEM_COLUMNS_MAX);
	*rows = (struct jem_item_rows){ .event = event, .names = names, .column_count = count };
	rows->column = count;
	for (uint32_t i = 0; i < count; i++)
		jem_buf_init(&rows->items[i], 0);
}

void jem_item_rows_deinit(struct jem_item_rows *rows)
{
	for (uint32_t i = 0; i < rows->column_count; i++)
		jem_buf_deinit(&rows->items[i]);
}

void jem_item_rows_begin(struct jem_item_rows *rows, uint64_t mono_ns)
{
	assert(rows->column == rows->column_count && rows->n < JEM_ITEM_ROWS_MAX);
	if (!rows->n || mono_ns < rows->first_ns)
		rows->first_ns = mono_ns;
	rows->ns[rows->n++] = mono_ns;
	rows->column = 0;
}

struct jem_buf *jem_item_rows_next(struct jem_item_rows *rows)
{
	assert(rows->column < rows->column_count);
	return &rows->items[rows->column++];
}

int jem_item_rows_take(struct jem_item_rows *rows, uint64_t *base_ns, uint64_t *n,
		       struct jem_buf *ret)
{
	struct jem_column columns[JEM_ITEM_COLUMNS_MAX + 2];
	uint32_t count = rows->column_count;
	struct jem_buf event;
	bool failed;

	jem_buf_init(&event, 0);
	jem_cbor_str(&event, rows->event);
	failed = event.failed;
	*base_ns = rows->first_ns;
	*n = rows->n;
	for (uint32_t i = 0; i < rows->n; i++)
		rows->ns[i] -= rows->first_ns;
	columns[0] = (struct jem_column){
		.name = "dt_ns", .shape = JEM_COLUMN_ARRAY, .type = JEM_CBOR_U64, .data = rows->ns
	};
	columns[1] = (struct jem_column){ .name = "event",
					  .shape = JEM_COLUMN_DICT,
					  .type = JEM_CBOR_U8,
					  .data = rows->zeros,
					  .dict = event.data,
					  .dict_len = event.len,
					  .dict_count = 1 };
	for (uint32_t i = 0; i < count; i++) {
		columns[i + 2] = (struct jem_column){ .name = rows->names[i],
						      .shape = JEM_COLUMN_ITEMS,
						      .data = rows->items[i].data,
						      .len = rows->items[i].len };
		failed |= rows->items[i].failed;
	}
	if (!failed)
		jem_columns_encode_map(columns, count + 2, rows->n, ret);
	jem_buf_deinit(&event);
	for (uint32_t i = 0; i < count; i++)
		jem_buf_clear(&rows->items[i]);
	rows->n = 0;
	return failed || ret->failed ? -ENOMEM : 0;
}
