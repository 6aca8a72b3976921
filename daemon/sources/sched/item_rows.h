/* SPDX-License-Identifier: Apache-2.0 */
/*
 * item_rows: rows of kind `sched` that come seldom (tasks, gaps, summaries) as columns of items.
 *
 * Flow:      begin a row -> one item into each column -> ... -> take
 * Thread:    one
 * Ownership: owns its columns; their names are borrowed
 * Bound:     JEM_ITEM_ROWS_MAX rows
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_ITEM_ROWS_H
#define JEM_DAEMON_SOURCES_SCHED_ITEM_ROWS_H

#include "common/columns.h"

#define JEM_ITEM_ROWS_MAX    512u
#define JEM_ITEM_COLUMNS_MAX 32u

struct jem_item_rows {
	const char *event; /* what every row is: slice, task, gap, summary */
	const char *const *names;
	uint32_t column_count;
	uint32_t n;
	uint32_t column; /* of the open row: the next one */
	uint64_t first_ns;
	uint64_t ns[JEM_ITEM_ROWS_MAX];
	uint8_t zeros[JEM_ITEM_ROWS_MAX];
	struct jem_buf items[JEM_ITEM_COLUMNS_MAX];
};

void jem_item_rows_init(struct jem_item_rows *rows, const char *event, const char *const *names,
			uint32_t count);
void jem_item_rows_deinit(struct jem_item_rows *rows);

static inline bool jem_item_rows_is_full(const struct jem_item_rows *rows)
{
	return rows->n == JEM_ITEM_ROWS_MAX;
}

/* There must be room, and the row before must have all its items. */
void jem_item_rows_begin(struct jem_item_rows *rows, uint64_t mono_ns);
/* Where the item of the next column goes: exactly one. */
struct jem_buf *jem_item_rows_next(struct jem_item_rows *rows);

/* As jem_slice_rows_take. */
int jem_item_rows_take(struct jem_item_rows *rows, uint64_t *base_ns, uint64_t *n,
		       struct jem_buf *ret);

#endif
