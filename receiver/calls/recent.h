/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recent: what a page shows of a job's call records: where each thread is, the last calls with their
 * values, and a timeline, in bounded memory.
 *
 * Flow:      batch of kind call -> jem_recent_add -> page, calls.svg
 * Thread:    loop thread; no I/O
 * Ownership: owns all it holds
 * Bounds:    JEM_RECENT_THREADS threads (the one silent for longest goes first, and is counted),
 *            JEM_RECENT_OPEN open calls of each, JEM_RECENT_LINES lines; the timeline has
 *            JEM_RECENT_BINS columns of JEM_RECENT_LEVELS levels a thread, 24 KiB each: when
 *            the job outlives them, two become one. About 2 MiB at most, and the names.
 * Invariant: depths are the record's own, so that what was dropped in between costs its own lines only
 */
#ifndef JEM_RECEIVER_CALLS_RECENT_H
#define JEM_RECEIVER_CALLS_RECENT_H

#include "receiver/calls/call.h"
#include "receiver/calls/name_table.h"

enum {
	JEM_RECENT_THREADS = 64,
	JEM_RECENT_OPEN = 64,
	JEM_RECENT_LINES = 120,
	JEM_RECENT_LEVELS = 6,
	JEM_RECENT_BINS = 512,
	JEM_RECENT_BIN_US = 1000, /* at the beginning */
};

struct jem_recent_open {
	uint32_t function; /* a name; JEM_NAME_NONE: not known, it came before */
	uint32_t file;
	uint32_t line;
	uint64_t t_us;
};

/* A column of one level: how long something ran in it, and what ran longest at a time. */
struct jem_recent_bin {
	float busy_us;
	float most_us;
	uint32_t function;
};

struct jem_recent_thread {
	int64_t pid;
	int64_t tid;
	uint64_t last_us;
	uint64_t calls;
	uint32_t depth; /* open calls */
	struct jem_recent_open open[JEM_RECENT_OPEN];
	struct jem_recent_bin *levels[JEM_RECENT_LEVELS]; /* owned, JEM_RECENT_BINS each; or NULL */
};

struct jem_recent_line {
	uint64_t t_us;
	char *text; /* owned; as in calls.log, without time */
};

struct jem_recent {
	struct jem_name_table names;
	struct jem_recent_thread *threads[JEM_RECENT_THREADS]; /* owned, in order of arrival */
	size_t thread_count;
	uint64_t threads_forgotten;
	struct jem_recent_line lines[JEM_RECENT_LINES]; /* a ring */
	uint64_t line_count;                            /* all that were entered */
	uint64_t records;
	uint64_t from_us; /* where the first bin begins; 0: nothing came yet */
	uint64_t bin_us;
	uint64_t last_us; /* latest record */
	struct jem_buf scratch;
};

void jem_recent_init(struct jem_recent *recent);
void jem_recent_deinit(struct jem_recent *recent);

/* Takes the rows of a batch from `skip` on: 0, or -ENOMEM (what is lost is lost to the page). */
int jem_recent_add(struct jem_recent *recent, struct jem_call_rows *rows, uint64_t skip);

/* i-th of the kept lines, 0 the oldest; NULL beyond the last. */
const struct jem_recent_line *jem_recent_line(const struct jem_recent *recent, size_t i);

/* The innermost call of a thread that is open, NULL: none. */
const struct jem_recent_open *jem_recent_innermost(const struct jem_recent_thread *thread);

/* Adds a column to another. */
void jem_recent_merge(struct jem_recent_bin *into, const struct jem_recent_bin *bin);

#endif
