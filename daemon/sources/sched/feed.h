/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed: events of a level -> machine -> slices -> rows and summaries, ready for the loop.
 *
 * Flow:      live or switches -> jem_sched_feed_event -> machine -> rows -> on_rows
 * Thread:    the drain's
 * Ownership: owns machine, names, known tasks and rows; the redactor is borrowed and outlives it
 * Bound:     rows by their own bounds; names by the table that decoders share, later ones are "?"
 * Invariant: slices of the machine == rows + not selected + of the monitor's own threads + lost (no_memory)
 *
 * Times come from the events, never from now: a slice is what it was, however late it is read.
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_FEED_H
#define JEM_DAEMON_SOURCES_SCHED_FEED_H

#include "daemon/batcher.h"
#include "daemon/sources/sched/level.h"
#include "tracer/sched/event.h"
#include "tracer/sched/names.h"

#include <sys/types.h>

struct jem_sched_feed;

struct jem_sched_feed_options {
	struct jem_redactor *redactor; /* of the thread */
	pid_t job;                     /* 0: none */
	pid_t launcher;                /* 0: none */
	bool is_node;                  /* rows of all tasks, not only of the job's */
	bool shows_comm;               /* of tasks outside the job; else they are "other" */
	/* A batch; its map is the callee's to free. */
	void (*on_rows)(void *arg, const struct jem_column_rows *rows);
	void (*on_lost)(void *arg, enum jem_cause cause, uint64_t n);
	void *arg;
};

int jem_sched_feed_create(const struct jem_sched_feed_options *options,
			  struct jem_sched_feed **ret);
void jem_sched_feed_destroy(struct jem_sched_feed *feed);

/* Where decoders keep names. */
struct jem_sched_names *jem_sched_feed_names(struct jem_sched_feed *feed);

/* The level from here on, and what its sched_switch calls states (NULL: as Linux 4.14 and later). */
int jem_sched_feed_begin(struct jem_sched_feed *feed, enum jem_sched_level level,
			 const char *const *states, int64_t now_ns);

/* Events of all cores in order of time. 0 or -ENOMEM. */
int jem_sched_feed_events(struct jem_sched_feed *feed, const struct jem_sched_event *events,
			  size_t count);

/* Events that the kernel lost, besides those that events of type LOST tell. */
void jem_sched_feed_lost(struct jem_sched_feed *feed, uint64_t n);

/* What there is becomes batches. */
void jem_sched_feed_flush(struct jem_sched_feed *feed);

/* A second is over: slices that go on are told so far, and the summary. */
void jem_sched_feed_second(struct jem_sched_feed *feed, int64_t now_ns);

/* The data end at `now_ns`: what is open is told, and the last summary. */
void jem_sched_feed_finish(struct jem_sched_feed *feed, int64_t now_ns);

/* What sampling has found in a second: of the job's tasks, or of the node's (job 0). */
struct jem_sched_sampled {
	uint64_t run_ns, wait_ns;
	bool has_tasks;  /* else the two above are not known */
	double pressure; /* percent; negative: not known */
};
void jem_sched_feed_sampled(struct jem_sched_feed *feed, const struct jem_sched_sampled *sampled,
			    int64_t now_ns);

#endif
