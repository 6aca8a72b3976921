/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sampler: one look at node and job.
 *
 * Flow:      node, task records -> search -> read each process -> sums, group, PSS -> values
 * Thread:    loop thread
 * Ownership: owns all collectors; what the options lend outlives it
 */
#ifndef JEM_DAEMON_METRICS_SAMPLER_H
#define JEM_DAEMON_METRICS_SAMPLER_H

#include "daemon/job.h"
#include "daemon/sample.h"
#include "daemon/sources/metrics/cgroup.h"
#include "daemon/sources/metrics/folders.h"
#include "daemon/sources/metrics/job_sums.h"
#include "daemon/sources/metrics/node.h"
#include "daemon/sources/metrics/perf_tasks.h"
#include "daemon/sources/metrics/proc_events.h"
#include "daemon/sources/metrics/pss.h"

#define JEM_FOLDERS_MAX 16

struct jem_sampler_options {
	const char *root; /* "": the machine's own /proc and /sys */
	pid_t job;        /* 0: node only */
	pid_t launcher;   /* sub-reaper of the job, 0: none */
	const char *work; /* folders whose space is told; NULL: none */
	const char *tmp;
	const char *home;
	const char *folders[JEM_FOLDERS_MAX];
	size_t folder_count;
	enum jem_task_records task_records; /* where they are allowed */
	bool reads_pss;
	uint64_t pss_stall_ns;
	/* A process has ended; it is gone after the call. */
	void (*on_end)(void *arg, const struct jem_process *process);
	void *arg;
};

struct jem_sampler {
	struct jem_sampler_options options;
	struct jem_node *node;
	struct jem_folders *folders;
	struct jem_procset set;
	struct jem_job_sums sums;
	struct jem_cgroup *cgroup;
	struct jem_pss pss;
	enum jem_task_records records; /* those there are, or OFF */
	int records_error;             /* why there are none, a negative errno */
	struct jem_perf_tasks *perf;   /* with clocks at least; NULL: not to be had */
	int events_fd;                 /* of the proc connector, -1: not used */
	uint64_t records_lost;         /* by full rings */
	bool is_announced;             /* task records tell of every new process */
	bool has_ended;                /* the job */
	uint64_t clock_base_ns;        /* processor time before the perf clocks began */
	uint64_t start_ns;             /* of the job's first process */

	double node_values[JEM_METRIC_COUNT];
	double job_values[JEM_METRIC_COUNT];
	struct jem_extra *extras; /* owned */
	size_t extra_count;
	size_t extra_cap;
	uint64_t last_ns; /* 0: no sample yet */
	double last_node_cpu_s;
	struct jem_tally last_total;
	uint64_t peak_pss_bytes;
};

/* -ESRCH: there is no such job. */
int jem_sampler_create(const struct jem_sampler_options *options, struct jem_sampler **ret);
void jem_sampler_destroy(struct jem_sampler *sampler);

/* Takes a sample; the result borrows the sampler's memory until the next call. */
void jem_sampler_take(struct jem_sampler *sampler, struct jem_sample *ret);

/* Takes in what the task records tell, between ticks, before their ring is full. */
void jem_sampler_drain(struct jem_sampler *sampler);

/* Readable when it is time for that; -1: there are no task records. */
int jem_sampler_records_fd(const struct jem_sampler *sampler);

/* What the launcher tells. */
void jem_sampler_released(struct jem_sampler *sampler, uint64_t exec_ns);
void jem_sampler_reaped(struct jem_sampler *sampler, const struct jem_reaped *reaped);

/* The job's first process has ended; with `reaped` NULL nobody told how. */
void jem_sampler_ended(struct jem_sampler *sampler, const struct jem_reaped *reaped);

#endif
