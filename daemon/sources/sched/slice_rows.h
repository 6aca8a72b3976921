/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice_rows: run slices as the columns of one batch of kind `sched` (schemas/sched.schema.json).
 *
 * Flow:      add -> ... -> take: the map of columns
 * Thread:    one; the redactor is that thread's
 * Ownership: owns its columns
 * Bound:     JEM_SLICE_ROWS_MAX rows, which stay below JEM_BATCH_TARGET bytes
 * Invariant: every column has a value for every row; names have passed the redactor and are UTF-8
 *
 * Thread number, process and name of a task share their indices, so that a row costs one index for all
 * three, and packing finds the second and third column in the first.
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_SLICE_ROWS_H
#define JEM_DAEMON_SOURCES_SCHED_SLICE_ROWS_H

#include "common/columns.h"
#include "common/redact.h"
#include "common/sched/slice.h"

#define JEM_SLICE_ROWS_MAX 2600u
#define JEM_SLICE_GRID_NS  128u

/* Where a task stands in the dictionaries of a batch: kept by the caller, 0 at first. */
struct jem_slice_place {
	uint32_t batch; /* they are those of; 0: none */
	uint32_t index;
	uint32_t comm; /* the name that stands there */
};

/* Of a row, besides the slice. */
struct jem_slice_who {
	int32_t tid, pid;
	const char *comm;
	struct jem_slice_place *place;       /* of the task, and of no other */
	int32_t waker_tid;                   /* 0: nobody, or not known */
	struct jem_slice_place *waker_place; /* where waker_tid is not 0 */
};

struct jem_slice_rows {
	struct jem_redactor *redactor; /* borrowed */
	uint32_t n, batch;
	int64_t first_ns, last_ns;        /* least and greatest start */
	uint64_t run_max, wait_max;       /* greatest of all rows */
	uint16_t cpu_max, from_max;       /* the same; from: of from_cpu and waker_cpu */
	uint64_t *start, *run, *wait;     /* owned, JEM_SLICE_ROWS_MAX each, from here on */
	uint32_t *who, *waker;            /* indices */
	uint16_t *cpu, *from, *waker_cpu; /* from, waker_cpu: plus 1, 0 is none */
	uint8_t *end, *move, *flags, *event;
	uint32_t who_count, waker_count;
	uint16_t *order; /* owned, as `sorted` is: scratch of taking */
	uint64_t *sorted;
	struct jem_buf tids, pids, comms, wakers; /* items of the dictionaries */
};

int jem_slice_rows_create(struct jem_redactor *redactor, struct jem_slice_rows **ret);
void jem_slice_rows_destroy(struct jem_slice_rows *rows);

/* There must be room. */
void jem_slice_rows_add(struct jem_slice_rows *rows, const struct jem_sched_slice *slice,
			const struct jem_slice_who *who);

static inline bool jem_slice_rows_is_full(const struct jem_slice_rows *rows)
{
	return rows->n == JEM_SLICE_ROWS_MAX;
}

/*
 * Appends the map of columns of all rows, on the grid if they are full, and forgets them. The time that dt_ns counts from and the
 * number of rows; 0, or -ENOMEM: the rows are lost, *n tells how many.
 */
int jem_slice_rows_take(struct jem_slice_rows *rows, uint64_t *base_ns, uint64_t *n,
			struct jem_buf *ret);

/* Hostile text as a CBOR text: redacted, what is no UTF-8 as U+FFFD. */
void jem_sched_put_text(struct jem_redactor *redactor, const char *text, struct jem_buf *ret);

#endif
