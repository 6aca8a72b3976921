/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_id: what a job is called when nobody said (DESIGN section 3).
 *
 * First found: the batch or workload system's own name, from the environment and from HTCondor's
 * job ad, else host-time-pid. Everything found is foreign text: bounded here, reduced by
 * jem_name_reduce before it becomes a topic or a file name.
 *
 * libc only: the launcher links it.
 */
#ifndef JEM_COMMON_JOB_ID_H
#define JEM_COMMON_JOB_ID_H

#include "common/name.h"

#include <stdbool.h>

#define JEM_JOB_ID_MAX 256 /* of the true name, the NUL included */

struct jem_job_id {
	char truth[JEM_JOB_ID_MAX];  /* as its owner writes it */
	char name[JEM_NAME_MAX + 1]; /* reduced: in topics and file names */
	const char *origin;          /* where it came from, static text */
	bool is_panda;               /* a PanDA pilot stands above the job */
};

/*
 * `given` (--job, JEM_JOB) wins when it is not NULL or empty. `environment` is searched for
 * PandaID, PANDAID, _CONDOR_JOB_AD, SLURM_*, PBS_JOBID and LSB_JOBID. Never fails.
 */
void jem_job_id_find(struct jem_job_id *id, const char *given, char *const *environment);

#endif
