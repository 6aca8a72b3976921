/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sources: all that watches the job and its node, started and ended together.
 *
 * Flow:      metrics, logs, calls, scheduling, scripts, environment, credentials, our own cost -> records -> batcher
 * Thread:    loop thread
 * Ownership: owns every source; what the options name is borrowed and outlives it
 *
 * A source that cannot start is said in the log and left out: the others go on. A new one is added
 * here, in each function, in flow order.
 */
#ifndef JEM_DAEMON_SOURCES_H
#define JEM_DAEMON_SOURCES_H

#include "common/config.h"
#include "daemon/batcher.h"
#include "daemon/job.h"
#include "daemon/outlets.h"

struct jem_sources;

struct jem_sources_options {
	uv_loop_t *loop;
	const struct jem_config *config;
	const struct jem_clock *clock;
	struct jem_redactor *redactor;
	struct jem_batcher *batcher;
	struct jem_outlets *outlets;
	struct jem_job *job;
	pid_t pid;              /* of the job, 0: node only */
	bool is_launched;       /* the job's parent tells us what it reaps */
	const char *copies[2];  /* files that --tee writes of standard output and error; or NULL */
	const char *prmon_text; /* or NULL */
	const char *prmon_json; /* or NULL */
};

/* Opens what has to be open before the job runs. */
int jem_sources_create(const struct jem_sources_options *options, struct jem_sources **ret);
void jem_sources_start(struct jem_sources *sources);

/* What the launcher tells; `from`: how far the file of standard error reached when it let the job go. */
void jem_sources_on_exec(struct jem_sources *sources, uint64_t mono_ns, uint64_t from);
void jem_sources_on_reap(struct jem_sources *sources, const struct jem_reaped *reaped);

/* The launcher tells which file the job's first program is. */
void jem_sources_on_program(struct jem_sources *sources, const char *path);
/* The launcher could not have the job's calls traced: enum jem_dead_end. */
void jem_sources_on_untraced(struct jem_sources *sources, int64_t why);

/* A request of `jem control`: 0, or a negative errno with the reason. */
int jem_sources_control(struct jem_sources *sources, const char *assignments, size_t len,
			struct jem_err *err);

/*
 * The job has ended: last sample, logs to their ends (no longer than until `deadline_ns`), and the
 * final totals.
 */
void jem_sources_on_exit(struct jem_sources *sources, const struct jem_reaped *reaped,
			 uint64_t deadline_ns, struct jem_job_totals *totals);

/*
 * After on_exit: what still comes from elsewhere (symbols of calls) is waited for, no longer than until
 * `deadline_ns`. on_settled comes once, maybe before this returns.
 */
void jem_sources_settle(struct jem_sources *sources, uint64_t deadline_ns,
			void (*on_settled)(void *arg), void *arg);

/* No more records; what is still to be said is said. Idempotent. */
void jem_sources_stop(struct jem_sources *sources);

/* Memory is freed in the loop's next passes. Takes NULL. */
void jem_sources_destroy(struct jem_sources *sources);

#endif
