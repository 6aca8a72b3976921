/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitors: starts jemd and the collector.
 *
 * They are no children of ours: an intermediate process forks them and ends, before we become a
 * sub-reaper, so that their memory and CPU time never show up in what our caller's wait4 counts
 * as the job's. Each has its own session, the nice value raised by 10, oom_score_adj 1000, default
 * signals, no core file, and no descriptor of the job. The end of its link is its death.
 */
#ifndef JEM_TOOLS_RUN_MONITORS_H
#define JEM_TOOLS_RUN_MONITORS_H

#include "tools/run/calls.h"
#include "tools/run/folder.h"
#include "tools/run/link.h"
#include "tools/run/options.h"
#include "tools/run/scripts.h"
#include "tools/run/voice.h"

struct jem_monitors {
	struct jem_run_link daemon;
	struct jem_run_link collector;
};

struct jem_monitors_plan {
	const struct jem_run_options *options; /* all borrowed */
	const struct jem_run_folder *folder;
	const struct jem_run_calls *calls;
	const struct jem_run_scripts *scripts;
	const char *copies[2]; /* files with copies of the job's streams (--tee); NULL: none */
	pid_t job;
};

void jem_monitors_init(struct jem_monitors *monitors);

/* Starts what it can; what it cannot is told as a fault, and its link stays closed. */
void jem_monitors_start(struct jem_monitors *monitors, const struct jem_monitors_plan *plan,
			struct jem_voice *voice);

#endif
