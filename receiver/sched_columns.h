/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_columns: the columns of a batch of kind sched as numbers and words, whatever shape they have.
 *
 * Ownership: dictionaries are read once a batch, into memory that is kept from batch to batch
 */
#ifndef JEM_RECEIVER_SCHED_COLUMNS_H
#define JEM_RECEIVER_SCHED_COLUMNS_H

#include "common/columns.h"

#define JEM_SCHED_NULL INT64_MIN /* null, or not told */

struct jem_sched_column {
	const struct jem_columns *columns;  /* borrowed, as the view, for the batch */
	const struct jem_column_view *view; /* NULL: there is none */
	int64_t *dict;                      /* owned; of each item of a dictionary */
	size_t dict_cap;
};

/* Gives a text a number; negative errno. */
typedef int64_t (*jem_sched_word_fn)(void *arg, const char *text, size_t len);

/*
 * Goes over to the column of that name. Texts become what `word` makes of them (NULL: they are null).
 * 0, or a negative errno.
 */
int jem_sched_column_begin(struct jem_sched_column *column, const struct jem_columns *columns,
			   const char *name, jem_sched_word_fn word, void *arg);
void jem_sched_column_deinit(struct jem_sched_column *column);

/* The number of a row; JEM_SCHED_NULL. Numbers beyond 63 bits are null. */
int64_t jem_sched_column_at(const struct jem_sched_column *column, uint64_t row);

/* The same where it is a list of items: a text into `ret`, "" if it is none. */
void jem_sched_column_text(const struct jem_sched_column *column, uint64_t row, char *ret,
			   size_t size);

#endif
