/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls_log: calls.log, the calls of a job as an indented tree for people.
 *
 *	2026-03-01 12:34:56.789 12345/12346    fit::Fit::run(n=3, track={...})  fit.cc:41
 *	2026-03-01 12:34:56.789 12345/12346      fit::Track::step(i=0)  track.cc:7  1.23 us  return true
 *	2026-03-01 12:34:56.790 12345/12346    <- fit::Fit::run  0.99 ms  return 3.5
 *	2026-03-01 12:34:56.790 -- 17 records were dropped before this (queue_full)
 *
 * A call in which nothing else of its thread was recorded is one line, with the time of its enter.
 * Lines are in the order in which batches arrived; within one, a joined line stands where its exit
 * did. The indentation is the record's own depth.
 *
 * Flow:      batch -> lines -> calls.log -> calls.0001.log.zst and so on, as data files
 * Ownership: owns its file and what waits for its exit, which is written at the end of each batch
 * Bounds:    JEM_CALLS_LOG_THREADS threads have a line that waits; lines are cut (call_text.h)
 * Invariant: every row makes a line or is joined to one; lines that could not be written are told
 */
#ifndef JEM_RECEIVER_CALLS_CALLS_LOG_H
#define JEM_RECEIVER_CALLS_CALLS_LOG_H

#include "receiver/calls/call.h"
#include "receiver/data_file.h"
#include "receiver/record_text.h"

enum {
	JEM_CALLS_LOG_THREADS = 64,
	JEM_CALLS_LOG_EPOCHS = 16,
};

/* The line of an enter whose exit may be the next of its thread. */
struct jem_calls_waiting {
	int64_t pid;
	int64_t tid;
	uint32_t depth;
	uint64_t order; /* of its enter; 0: nothing waits */
	struct jem_buf text;
};

/* What an epoch's batches have told of losses. */
struct jem_calls_losses {
	char epoch[JEM_EPOCH_SIZE];
	uint64_t next_seq;
	uint64_t dropped[JEM_CAUSE_COUNT];
};

struct jem_calls_log {
	struct jem_data_file file;
	struct jem_text_style style;
	struct jem_calls_waiting
		*waiting; /* owned, JEM_CALLS_LOG_THREADS; NULL until a batch came */
	uint64_t order;
	struct jem_calls_losses losses[JEM_CALLS_LOG_EPOCHS]; /* the latest first */
	size_t loss_count;
	size_t committed;  /* bytes that wait in the file for being written, and are in data/ */
	uint64_t left_out; /* lines that could not be written, not yet told */
};

void jem_calls_log_init(struct jem_calls_log *log, struct jem_packer *packer);
void jem_calls_log_deinit(struct jem_calls_log *log);

/* Adds the rows of a batch from `skip` on. */
void jem_calls_log_add(struct jem_calls_log *log, const struct jem_head *head,
		       struct jem_call_rows *rows, uint64_t skip);

/* Lines since the last commit are of batches that are in data/, or are not and will come again. */
void jem_calls_log_commit(struct jem_calls_log *log, bool is_written);

/* Writes all lines: 0, or negative errno (they are left out). */
int jem_calls_log_write(struct jem_calls_log *log, int folder);

#endif
