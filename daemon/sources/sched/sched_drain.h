/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_drain: the thread that reads scheduling events, at the best level there is.
 *
 * Flow:      tracefs, else the job's switches, else sampling -> feed -> batches -> loop
 * Thread:    has one of its own; every function here is called on the loop thread, every event comes there
 * Ownership: the thread's part belongs to whoever comes last, loop or thread: a thread that the kernel
 *            still keeps waiting while it opens is left behind, never waited for
 * Bound:     OUT_MAX bytes of batches that the loop has not taken; later ones are dropped, `queue_full`
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_DRAIN_H
#define JEM_DAEMON_SOURCES_SCHED_DRAIN_H

#include "daemon/batcher.h"
#include "daemon/sources/sched/level.h"
#include "daemon/sources/sched/switches.h"

struct jem_sched_drain;

struct jem_sched_drain_options {
	uv_loop_t *loop;
	struct jem_redactor *redactor; /* the thread's from then on */
	pid_t job, launcher;           /* 0: none */
	bool is_node, shows_comm;
	uint64_t buffer_bytes; /* of each core */
	bool tries_tracefs;
	struct jem_switches *switches; /* taken; opened before the job runs, or NULL */
	const char *why;               /* it is not tracefs, or "" */
	void (*on_rows)(void *arg, const struct jem_column_rows *rows);
	void (*on_lost)(void *arg, enum jem_cause cause, uint64_t n);
	/* `why`: what stands against the level before, or "". */
	void (*on_level)(void *arg, enum jem_sched_level level, const char *why);
	/* Nothing is observed any more. */
	void (*on_fault)(void *arg, const char *text);
	void *arg;
};

/* Takes redactor and switches, even where it fails. */
int jem_sched_drain_create(const struct jem_sched_drain_options *options,
			   struct jem_sched_drain **ret);

/*
 * The job has ended: what is there is read and told, then on_finished comes. False: it has not begun, there
 * is nothing to wait for.
 */
bool jem_sched_drain_finish(struct jem_sched_drain *drain, void (*on_finished)(void *arg));

/* No event comes any more. Does not wait. Takes NULL. */
void jem_sched_drain_destroy(struct jem_sched_drain *drain);

#endif
