/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scratch: a temporary folder that goes with this process, however it ends.
 *
 * A child of its own, in its own session and without our standard streams, waits for our end of a pipe
 * to close and removes the folder then: that holds for SIGKILL and for a reader of our output that
 * has left, which no handler does.
 *
 * Ownership: the folder is ours until jem_scratch_close
 */
#ifndef JEM_TOOLS_SCRATCH_H
#define JEM_TOOLS_SCRATCH_H

#include "common/err.h"

#include <limits.h>
#include <sys/types.h>

struct jem_scratch {
	char path[PATH_MAX]; /* mode 0700, below TMPDIR or /tmp */
	int life;            /* owned; our end of the pipe */
	pid_t cleaner;
};

/* Before anything else is opened that must not outlive us: the child has it too. 0 or negative errno. */
int jem_scratch_open(struct jem_scratch *scratch, struct jem_err *err);

/* Returns when the folder is gone. */
void jem_scratch_close(struct jem_scratch *scratch);

#endif
