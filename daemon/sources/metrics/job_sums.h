/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_sums: what the whole job has used, whatever became of its processes.
 *
 * Time and I/O of a process that ended are in one place, and that one is counted: in its parent when
 * that waited for it (cutime, and the parent's own I/O), in wait4's rusage when the launcher reaped
 * it, in our last reading of it when nobody accounts for it (a parent that ignores SIGCHLD; a
 * stranger that adopted it). Parents are read before children, so that nothing counts twice; a
 * process that ends within a reading is missing until the next, which the floor hides.
 *
 * Invariant: no sum ever falls
 */
#ifndef JEM_DAEMON_METRICS_JOB_SUMS_H
#define JEM_DAEMON_METRICS_JOB_SUMS_H

#include "daemon/job.h"
#include "daemon/sources/metrics/procset.h"

struct jem_job_sums {
	struct jem_tally total; /* the floor: what was last told */
	struct jem_tally reaped;
	struct jem_tally gone;
	struct jem_proc_io launcher_before; /* the launcher's own, before the job was released */
	bool has_launcher_io;
	uint64_t launcher_peak_bytes; /* ru_maxrss up to here may be the launcher's */
	uint64_t highest_bytes;       /* peak of any one process that we saw */
	uint64_t rss_bytes;
	uint64_t steady_rss_bytes; /* what was there all the time between two readings, at least */
	uint64_t peak_rss_bytes;
	uint64_t processes_unreaped; /* for status: ended, accounted for by our last reading only */
};

/* The launcher's I/O and peak before the job runs. */
void jem_job_sums_begin(struct jem_job_sums *sums, const struct jem_procset *set);

/* The launcher reaped a process of the job: exact. Call before it is swept out of the set. */
void jem_job_sums_reaped(struct jem_job_sums *sums, struct jem_procset *set,
			 const struct jem_reaped *reaped);

/* Whether ru_maxrss is beyond what any process of the job had, so that none handed it down. */
bool jem_job_sums_is_own_peak(const struct jem_job_sums *sums, const struct jem_reaped *reaped);

/* Notes what the processes of the set have had by now. */
void jem_job_sums_see_peaks(struct jem_job_sums *sums, const struct jem_procset *set);

/* A process of the set has ended; call before it is swept out. */
void jem_job_sums_ended(struct jem_job_sums *sums, const struct jem_procset *set,
			const struct jem_process *process);

/*
 * Sums up after all living processes were read. `clock_ns`: processor time of all processes by an
 * inherited perf clock, 0: none.
 */
void jem_job_sums_update(struct jem_job_sums *sums, const struct jem_procset *set,
			 uint64_t clock_ns, uint64_t now_ns);

#endif
