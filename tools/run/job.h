/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job: the job's own process, forked early and held on a pipe until the monitor is ready.
 *
 * It stays in the launcher's process group and session, dies with the launcher by SIGKILL
 * (PR_SET_PDEATHSIG), and has all that execve keeps: see run/signals.h.
 */
#ifndef JEM_TOOLS_RUN_JOB_H
#define JEM_TOOLS_RUN_JOB_H

#include "tools/run/calls.h"
#include "tools/run/scripts.h"
#include "tools/run/signals.h"

#include <stdint.h>
#include <sys/types.h>

struct jem_run_job_plan {
	char *const *command; /* all borrowed */
	const struct jem_inherited *inherited;
	const char *name;                      /* JEM_JOB */
	const char *folder;                    /* JEM_FOLDER, or NULL */
	const struct jem_run_calls *calls;     /* or NULL */
	const struct jem_run_scripts *scripts; /* the same */
	int streams[2];                        /* put in place of descriptors 1 and 2; -1: leave */
};

struct jem_run_job {
	pid_t pid;
	int hold;   /* owned: writing releases the job, closing gives it up */
	int result; /* owned: an errno when exec failed, the end when it did not */
	uint64_t released_ns;
};

int jem_run_job_fork(struct jem_run_job *job, const struct jem_run_job_plan *plan);
void jem_run_job_release(struct jem_run_job *job);

/* Gives up a held job; waits for its process. */
void jem_run_job_abandon(struct jem_run_job *job);

/* After `result` became readable: 0 the command runs, else the errno of its exec. */
int jem_run_job_result(struct jem_run_job *job);

/* Becomes the job at once, unmonitored, where not even a fork is to be had. Returns an errno. */
int jem_run_job_become(const struct jem_run_job_plan *plan);

#endif
