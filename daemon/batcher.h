/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batcher: records of all sources into numbered batches.
 *
 * Flow:      source -> begin .. end -> stream of its kind -> head -> on_batch
 *            source's thread -> columns -> loop -> push_columns -> head -> on_batch
 * Thread:    loop thread
 * Ownership: owns its streams and timers; redactor, clock and loop are borrowed and outlive it;
 *            a batch handed to on_batch belongs to the callee (free)
 * Invariant: per stream, records in == records out + dropped (by cause) + held
 *
 * A stream's batch leaves when it reaches 64 KiB, when its kind's flush time is over, at once for
 * an urgent record, and as a heartbeat (n = 0) after 10 s of silence.
 */
#ifndef JEM_DAEMON_BATCHER_H
#define JEM_DAEMON_BATCHER_H

#include "common/batch.h"
#include "common/clock.h"
#include "common/record.h"

#include <uv.h>

struct jem_batcher;

typedef void (*jem_batch_fn)(void *arg, struct jem_batch *batch);

struct jem_batcher_options {
	uv_loop_t *loop;
	const struct jem_identity *identity;
	const struct jem_clock *clock;
	struct jem_redactor *redactor;
	const char *epoch;
	const char *boot_id;
	jem_batch_fn on_batch;
	void *arg;
};

int jem_batcher_create(const struct jem_batcher_options *options, struct jem_batcher **ret);

/* Ends timers; frees in the loop's next pass. Held records are dropped: finish first. */
void jem_batcher_destroy(struct jem_batcher *batcher);

/*
 * Opens a record that happened at `mono_ns`; never NULL. It already holds `dt_ns`. One record is
 * open at a time.
 */
struct jem_record *jem_batcher_begin(struct jem_batcher *batcher, enum jem_kind kind,
				     uint64_t mono_ns);

enum jem_urgency {
	JEM_IN_TIME,
	JEM_URGENT
};

/* Closes the open record. Too large or out of memory: dropped and counted. */
void jem_batcher_end(struct jem_batcher *batcher, enum jem_urgency urgency);

/* Gives up the open record without a trace. */
void jem_batcher_cancel(struct jem_batcher *batcher);

/*
 * Records of a fire-hose kind that a source has made whole on a thread of its own: the map that
 * jem_columns_encode_map wrote. They become one batch at once; the bytes stay the caller's.
 */
struct jem_column_rows {
	uint64_t base_ns; /* CLOCK_MONOTONIC that their dt_ns counts from */
	uint64_t n;
	const void *map;
	size_t len;
};
void jem_batcher_push_columns(struct jem_batcher *batcher, enum jem_kind kind,
			      const struct jem_column_rows *rows);

/* Counts `n` records of `kind` that were lost before they became records. */
void jem_batcher_drop(struct jem_batcher *batcher, enum jem_kind kind, enum jem_cause cause,
		      uint64_t n);

/* Counts records that were lost after they left us (queue, spool, broker): told in later heads. */
void jem_batcher_note_lost(struct jem_batcher *batcher, enum jem_kind kind, enum jem_cause cause,
			   uint64_t n);

/* Sends what is held, of one kind or of all. */
void jem_batcher_flush(struct jem_batcher *batcher, enum jem_kind kind);
void jem_batcher_flush_all(struct jem_batcher *batcher);

/* Sends a final batch on every stream that was ever used; nothing may follow. */
void jem_batcher_finish(struct jem_batcher *batcher);

const struct jem_account *jem_batcher_account(const struct jem_batcher *batcher,
					      enum jem_kind kind);

#endif
