/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launch: one run of a job, from the held process to its last line.
 *
 *	HELD -> RUNNING -> PASSING -> DELIVERING -> DRAWING -> OVER
 *
 * HELD        the job's process exists, and waits for the daemon to be ready (run.start_wait)
 * RUNNING     the job runs
 * PASSING     it has ended; --tee: what it wrote goes out, as it would have without us
 * DELIVERING  the daemon delivers (run.drain begins)
 * DRAWING     the collector draws (what is left of run.drain)
 *
 * A monitor that dies, or closes its link, is passed over in each of them.
 */
#ifndef JEM_TOOLS_RUN_LAUNCH_H
#define JEM_TOOLS_RUN_LAUNCH_H

#include "tools/run/calls.h"
#include "tools/run/folder.h"
#include "tools/run/job.h"
#include "tools/run/monitors.h"
#include "tools/run/options.h"
#include "tools/run/reaper.h"
#include "tools/run/scripts.h"
#include "tools/run/sentinel.h"
#include "tools/run/signals.h"
#include "tools/run/tee.h"
#include "tools/run/voice.h"

enum jem_phase {
	JEM_PHASE_HELD,
	JEM_PHASE_RUNNING,
	JEM_PHASE_PASSING,
	JEM_PHASE_DELIVERING,
	JEM_PHASE_DRAWING,
	JEM_PHASE_OVER
};

struct jem_launch {
	struct jem_voice voice;
	struct jem_run_options options;
	struct jem_inherited inherited;
	struct jem_run_folder folder;
	struct jem_run_calls calls;
	struct jem_run_scripts scripts;
	struct jem_run_job job;
	struct jem_sentinel sentinel;
	struct jem_tee tee;
	struct jem_monitors monitors;
	struct jem_reaper reaper;
	int signals; /* owned: signalfd */

	enum jem_phase phase;
	uint64_t deadline_ns; /* of HELD, and of DELIVERING and DRAWING together */
	uint64_t sweep_ns;    /* when to sweep the sentinel; 0: not */
	bool has_child_news;  /* SIGCHLD has come */
	bool has_ended;
	bool is_refused;       /* --strict: the job was not started */
	bool is_cut_short;     /* a person or the time ended the drain */
	uint64_t stderr_bytes; /* of the file, when the job was let go */
	int exec_error;        /* errno when the command could not be run */
	struct jem_child_news end;
};

/* The loop: returns in JEM_PHASE_OVER. */
void jem_loop_run(struct jem_launch *launch);

/* The line at the start and those at the end. */
void jem_ending_say_start(const struct jem_launch *launch);
void jem_ending_say_end(const struct jem_launch *launch);

/* Ends as the job did: by its signal, without a second core file, or with the returned status. */
int jem_ending_status(const struct jem_launch *launch);

#endif
