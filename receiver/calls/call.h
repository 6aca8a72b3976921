/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call: one record of kind call, from a row of columns or from JSON.
 *
 * Flow:      columns -> jem_call_rows_begin -> jem_call_rows_at -> text, model
 * Ownership: texts and values point into the batch, the document or the reader: a call is valid
 *            until the next one is asked for
 * Invariant: what a column lacks, or has in another shape, is as if it had not been told; nothing of
 *            a checked batch is refused
 */
#ifndef JEM_RECEIVER_CALLS_CALL_H
#define JEM_RECEIVER_CALLS_CALL_H

#include "common/columns.h"

/* A text that is not terminated; len 0: there is none. */
struct jem_span {
	const char *at;
	size_t len;
};

struct jem_call {
	uint64_t t_us;    /* wall clock */
	uint64_t mono_ns; /* 0: not known */
	int64_t pid;
	int64_t tid;
	uint32_t depth;
	bool is_exit;
	bool has_duration;
	uint64_t duration_ns;
	struct jem_span function;
	struct jem_span signature;
	struct jem_span file;
	uint32_t line; /* 0: not known */
	struct jem_span caller;
	struct jem_span caller_file;
	uint32_t caller_line;
	struct jem_span note;
	/* Readers before the values, which were checked; data NULL where there are none. */
	struct jem_cbor_reader args;
	struct jem_cbor_reader caller_locals;
	struct jem_cbor_reader locals;
	struct jem_cbor_reader result; /* the object {type, value} */
};

/* Of the columns of a batch; NULL: it has no such one. All borrowed from the columns. */
struct jem_call_columns {
	const struct jem_column_view *dt_ns, *pid, *tid, *event, *depth, *function, *signature,
		*file, *line, *caller, *args, *caller_locals, *locals, *result, *duration_ns, *note;
};

struct jem_call_rows {
	const struct jem_columns *columns; /* borrowed until the next batch */
	struct jem_call_columns at;
	uint64_t t0_us;
	uint64_t mono_ns;
};

/* Goes over to a batch that jem_columns_decode has taken; both are lent until the next one. */
void jem_call_rows_begin(struct jem_call_rows *rows, const struct jem_columns *columns,
			 const struct jem_head *head);

/* The call of a row. */
void jem_call_rows_at(const struct jem_call_rows *rows, uint64_t row, struct jem_call *ret);

/*
 * The call of a JSON object, whose times are the caller's to set. Texts with escapes are resolved in
 * `scratch`, where its values are too; it lives as long as the call. False: no memory.
 */
bool jem_call_read_json(const struct jem_json_doc *doc, uint32_t record, struct jem_buf *scratch,
			struct jem_call *ret);

#endif
