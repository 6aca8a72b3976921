/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_lines: the calls of a job as an indented tree for people, in calls.log and `jem calls`.
 *
 *	2026-03-01 12:34:56.789 12345/12346    fit::Fit::run(n=3, track={...})  fit.cc:41
 *	2026-03-01 12:34:56.789 12345/12346      fit::Track::step(i=0)  track.cc:7  1.23 us  return true
 *	2026-03-01 12:34:56.790 12345/12346    <- fit::Fit::run  0.99 ms  return 3.5
 *	2026-03-01 12:34:56.790 -- 17 records were dropped before this (queue_full)
 *
 * A call in which nothing else of its thread was recorded is one line, with the time of its enter.
 * Lines are in the order in which batches arrived; within one, a joined line stands where its exit
 * did. The indentation is the record's own depth. Of several nodes each line tells its own.
 *
 * A record's note is a line of its own before it, unless the record before had the same.
 *
 * Flow:      batch -> jem_call_lines_add -> lines in the caller's buffer
 * Ownership: owns what waits for its exit, which is written at the end of each batch
 * Bounds:    JEM_CALL_LINES_THREADS threads have a line that waits; lines are cut (call_text.h)
 * Invariant: every row makes a line or is joined to one, or is counted in `left_out`
 */
#ifndef JEM_RECEIVER_CALLS_CALL_LINES_H
#define JEM_RECEIVER_CALLS_CALL_LINES_H

#include "receiver/calls/call.h"
#include "receiver/record_text.h"

enum {
	JEM_CALL_LINES_THREADS = 64,
	JEM_CALL_LINES_EPOCHS = 16,
	JEM_CALL_LINES_NOTE = 120,
};

/* The line of an enter whose exit may be the next of its thread. */
struct jem_call_waiting {
	int64_t pid;
	int64_t tid;
	uint32_t depth;
	uint64_t order; /* of its enter; 0: nothing waits */
	struct jem_buf text;
};

/* What an epoch's batches have told of losses. */
struct jem_call_losses {
	char epoch[JEM_EPOCH_SIZE];
	uint64_t next_seq;
	uint64_t dropped[JEM_CAUSE_COUNT];
};

/* Whether a call is wanted. */
typedef bool (*jem_call_wanted_fn)(void *arg, const struct jem_call *call);

struct jem_call_lines {
	struct jem_text_style style;
	jem_call_wanted_fn is_wanted; /* NULL: all are */
	void *arg;
	struct jem_call_waiting
		*waiting; /* owned, JEM_CALL_LINES_THREADS; NULL until a batch came */
	uint64_t order;
	struct jem_call_losses losses[JEM_CALL_LINES_EPOCHS]; /* the latest first */
	size_t loss_count;
	char note[JEM_CALL_LINES_NOTE]; /* of the record before, as much as tells it from others */
	size_t note_len;
	uint64_t left_out; /* lines for which there was no memory */
	uint64_t calls;    /* that were wanted */
	const char *node;  /* borrowed, as the next, during jem_call_lines_add */
	struct jem_buf *out;
};

void jem_call_lines_init(struct jem_call_lines *lines);
void jem_call_lines_deinit(struct jem_call_lines *lines);

/* Appends the rows of a batch from `skip` on; `node` is told where it is not "". */
void jem_call_lines_add(struct jem_call_lines *lines, const struct jem_head *head, const char *node,
			struct jem_call_rows *rows, uint64_t skip, struct jem_buf *out);

#endif
