/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker: builds the stages of the daemon in flow order and tears them down in reverse.
 *
 * Flow:      sources -> records -> batches -> (spool) -> publisher
 * Thread:    owns the one loop; every stage lives on it
 * Ownership: owns every stage; the configuration is borrowed
 *
 * A worker watches one job (launched, or by pid) or none: the node-wide service. The order of an
 * end is: last samples and lines, `ended`, `monitor_ended`, final batches, delivery within the time
 * to drain, links closed.
 */
#ifndef JEM_DAEMON_WORKER_H
#define JEM_DAEMON_WORKER_H

#include "common/config.h"

#include <sys/types.h>

struct jem_worker_options {
	const struct jem_config *config;
	pid_t pid;             /* of the job, 0: none */
	int launcher_fd;       /* link to `jem run`, -1: none */
	const char *collector; /* URL of the collector of `jem run`, besides broker.url; or NULL */
	const char *copies[2]; /* files that --tee writes of standard output and error; or NULL */
	const char *faults;    /* lines found in the configuration, "" if none */
	/* prmon drop-in: files to write instead of publishing; NULL: not */
	const char *prmon_text;
	const char *prmon_json;
};

/* Runs until the job has ended or we are told to end; returns the exit status of jemd. */
int jem_worker_run(const struct jem_worker_options *options);

#endif
