/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_source: what the cores run and what waits for them, as records of kind `sched`.
 *
 * Flow:      drain thread (tracefs, the job's switches, or sampling) -> batches -> batcher
 * Thread:    loop thread; the drain has one of its own
 * Ownership: owns the drain; the rest is borrowed and outlives it
 * Invariant: events == told in slices + lost (by cause); which level is observed is published
 *
 * Where tracefs can be had the job does not wait for it: the kernel takes a tenth of a second to set an
 * instance up, and what the job does meanwhile is not in the slices. The job's switches are open before it
 * runs.
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_SOURCE_H
#define JEM_DAEMON_SOURCES_SCHED_SOURCE_H

#include "common/config.h"
#include "daemon/batcher.h"

#include <sys/types.h>

struct jem_sched_source;

struct jem_sched_source_options {
	uv_loop_t *loop;
	struct jem_batcher *batcher;
	const struct jem_config *config;
	pid_t pid;      /* of the job, 0: none */
	pid_t launcher; /* its parent and sub-reaper where that is ours, 0: none */
};

/* Whether the configuration asks for it. */
bool jem_sched_source_is_wanted(const struct jem_config *config);

/* Begins at once. */
int jem_sched_source_create(const struct jem_sched_source_options *options,
			    struct jem_sched_source **ret);

/*
 * The job has ended: what is there is told, no longer than until `deadline_ns`. on_settled comes once,
 * maybe before this returns.
 */
void jem_sched_source_settle(struct jem_sched_source *source, uint64_t deadline_ns,
			     void (*on_settled)(void *arg), void *arg);

/* No more records. Idempotent. */
void jem_sched_source_stop(struct jem_sched_source *source);

/* Memory is freed in the loop's next passes. Takes NULL. */
void jem_sched_source_destroy(struct jem_sched_source *source);

#endif
