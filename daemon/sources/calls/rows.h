/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows: calls and returns as the columns of one batch of kind `call` (schemas/call.schema.json).
 *
 * Flow:      begin a row -> its items -> end -> ... -> take: the map of columns
 * Thread:    one (the drain thread); the redactor is that thread's
 * Ownership: owns its columns; images are borrowed and outlive the batch
 * Bound:     a batch is full at JEM_BATCH_TARGET bytes or JEM_ROWS_MAX rows
 * Invariant: every column has a value for every row; texts have passed the redactor and are UTF-8
 */
#ifndef JEM_DAEMON_SOURCES_CALLS_ROWS_H
#define JEM_DAEMON_SOURCES_CALLS_ROWS_H

#include "common/columns.h"
#include "common/redact.h"
#include "daemon/sources/calls/row_names.h"
#include "tracer/symbols/image.h"

#define JEM_ROWS_MAX        3000u
#define JEM_ROW_NO_DURATION UINT64_MAX

enum jem_row_item {
	JEM_ROW_ARGS,
	JEM_ROW_CALLER_LOCALS,
	JEM_ROW_LOCALS,
	JEM_ROW_RETURN,
	JEM_ROW_NOTE,
	JEM_ROW_ITEM_COUNT
};

enum jem_row_name {
	JEM_ROW_FUNCTION,
	JEM_ROW_SIGNATURE,
	JEM_ROW_FILE,
	JEM_ROW_CALLER,
	JEM_ROW_NAME_COUNT
};

/* Where names are in the dictionaries of a batch: kept by the caller from one row to the next, 0 at first. */
struct jem_row_places {
	uint32_t batch; /* they are those of; 0: none */
	uint32_t function, signature, file, line;
};

struct jem_row {
	uint64_t mono_ns;
	uint32_t pid, tid, depth;
	bool is_exit;
	const struct jem_image *image; /* NULL: not known, then the address is the name */
	uint32_t function;             /* index in the image */
	uint64_t address;
	/* of an enter; image NULL: the caller is not known */
	const struct jem_image *caller_image;
	const void *caller_key; /* the element of the image that tells all of it */
	uint32_t caller_function;
	uint32_t caller_file; /* string of the image */
	uint32_t caller_line;
	/* of this function and of this caller and no other; or NULL */
	struct jem_row_places *names, *caller_names;
};

struct jem_rows {
	struct jem_redactor *redactor; /* borrowed */
	uint32_t n;
	uint64_t first_ns, last_ns; /* least and greatest */
	uint64_t *mono_ns;          /* owned, JEM_ROWS_MAX each, from here to `names` */
	uint64_t *duration_ns;      /* JEM_ROW_NO_DURATION: it has none */
	uint32_t *pid, *tid, *depth, *line;
	uint8_t *event;
	uint32_t *name[JEM_ROW_NAME_COUNT];
	struct jem_row_names names[JEM_ROW_NAME_COUNT];
	struct jem_row_places nobody; /* the caller that is not known */
	struct jem_buf durations;     /* scratch of taking */
	struct jem_buf items[JEM_ROW_ITEM_COUNT];
	uint32_t item_rows[JEM_ROW_ITEM_COUNT]; /* rows that have an item there; the rest is null */
	uint64_t has_item[JEM_ROW_ITEM_COUNT];  /* items that are not null */
};

int jem_rows_create(struct jem_redactor *redactor, struct jem_rows **ret);
void jem_rows_destroy(struct jem_rows *rows);

void jem_rows_add(struct jem_rows *rows, const struct jem_row *row);

/* Of the row that was added last. */
void jem_rows_set_duration(struct jem_rows *rows, uint64_t ns);

/*
 * Where the item of the row that was added last goes: the caller appends exactly one, and asks once a
 * row and column at most.
 */
struct jem_buf *jem_rows_item(struct jem_rows *rows, enum jem_row_item item);

bool jem_rows_is_full(const struct jem_rows *rows);

/*
 * Appends the map of columns of all rows and forgets them. The time that dt_ns counts from and the
 * number of rows; 0, or -ENOMEM: the rows are lost, *n tells how many.
 */
int jem_rows_take(struct jem_rows *rows, uint64_t *base_ns, uint64_t *n, struct jem_buf *ret);

#endif
