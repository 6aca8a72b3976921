/* SPDX-License-Identifier: Apache-2.0 */
/*
 * environment: what the job runs on and with, said once in a status record.
 *
 * System, processor, memory, resource limits, the file systems of the work, temporary and home
 * folder, and an allow-list of variables. No folder is touched: a file system that hangs must not
 * hang us, so the mounts are told from the mount table alone.
 */
#ifndef JEM_DAEMON_SOURCES_ENVIRONMENT_H
#define JEM_DAEMON_SOURCES_ENVIRONMENT_H

#include "daemon/batcher.h"

#include <sys/types.h>

struct jem_environment_options {
	struct jem_batcher *batcher;
	pid_t pid;        /* of the job; 0: of the node alone, and of ourselves */
	const char *root; /* stands before /proc and /etc, "" */
};

void jem_environment_publish(const struct jem_environment_options *options);

/* Whether a variable of this name is published. */
bool jem_environment_allows(const char *name, size_t len);

#endif
