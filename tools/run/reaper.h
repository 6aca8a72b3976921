/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaper: what wait4(2) tells of the job, and of the orphans that fall to the sub-reaper.
 *
 * Each one is told to the daemon with its CPU time and memory: the only accounting that misses no
 * process on any kernel. Where the daemon does not keep up, several are told as one (`count`).
 */
#ifndef JEM_TOOLS_RUN_REAPER_H
#define JEM_TOOLS_RUN_REAPER_H

#include "tools/run/link.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct jem_child_news {
	pid_t pid;
	int status; /* as by wait(2): ended, stopped or continued */
	struct rusage usage;
	uint64_t mono_ns;
};

struct jem_reaper {
	unsigned owed_count;        /* reaped, and not yet told */
	struct jem_child_news owed; /* their sum */
};

/* The next child with news; false when there is none. */
bool jem_reaper_next(struct jem_child_news *ret);

/* Tells of an orphan, now or with the next one. */
void jem_reaper_tell(struct jem_reaper *reaper, struct jem_run_link *link,
		     const struct jem_child_news *orphan);

/* Tells what is owed, if the daemon takes it. */
void jem_reaper_settle(struct jem_reaper *reaper, struct jem_run_link *link);

/* "exit pid=... status=...": the job's end. */
int jem_reaper_tell_exit(struct jem_run_link *link, const struct jem_child_news *end);

#endif
