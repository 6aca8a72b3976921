/* SPDX-License-Identifier: Apache-2.0 */
/* job_environ: the environment that a process was started with (/proc/PID/variables). */
#ifndef JEM_DAEMON_SOURCES_JOB_ENVIRON_H
#define JEM_DAEMON_SOURCES_JOB_ENVIRON_H

#include "common/buf.h"

#include <sys/types.h>

#define JEM_JOB_ENVIRON_MAX (2u << 20) /* what lies beyond is not looked at */

struct jem_job_environ {
	struct jem_buf text; /* NAME=value, each ended by a NUL */
};

/* `root` stands before /proc. A negative errno leaves it empty, and still to be deinited. */
int jem_job_environ_init(struct jem_job_environ *variables, const char *root, pid_t pid);
void jem_job_environ_deinit(struct jem_job_environ *variables);

/* The value, or NULL. */
const char *jem_job_environ_get(const struct jem_job_environ *variables, const char *name);

/* The variable after `at` (NULL: the first), NULL at the end. */
const char *jem_job_environ_next(const struct jem_job_environ *variables, const char *at);

#endif
