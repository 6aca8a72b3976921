/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script_source: what the job's bash and Python scripts do, as records of kind script.
 *
 * Flow:      packet -> lines -> limit per place -> record; counts -> profile, once a second
 * Thread:    loop thread
 * Ownership: owns its connections and tables; loop, batcher and config are borrowed and outlive it
 * Bound:     commands that run: RUNNING_MAX at a time are remembered, further ones have no `start`
 * Invariant: events received == records + drops (rate_limited, invalid); what a process lost or only
 *            counted is added as queue_full and rate_limited
 */
#ifndef JEM_DAEMON_SOURCES_SCRIPT_SCRIPT_SOURCE_H
#define JEM_DAEMON_SOURCES_SCRIPT_SCRIPT_SOURCE_H

#include "common/config.h"
#include "daemon/batcher.h"

struct jem_script_source;

struct jem_script_options {
	uv_loop_t *loop;
	struct jem_batcher *batcher;
	const struct jem_config *config;
	const char *address; /* of the socket; NULL: there is none */
	pid_t pid;           /* of the job */
};

bool jem_script_source_is_wanted(const struct jem_config *config);

int jem_script_source_create(const struct jem_script_options *options,
			     struct jem_script_source **ret);

/* The job has ended: takes what it has sent, and says it when no script has reported. */
void jem_script_source_settle(struct jem_script_source *source);

/* No more records; the profile's last ones are written. Idempotent. */
void jem_script_source_stop(struct jem_script_source *source);

/* Memory is freed in the loop's next passes. Takes NULL. */
void jem_script_source_destroy(struct jem_script_source *source);

#endif
