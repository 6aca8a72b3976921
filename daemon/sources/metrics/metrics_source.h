/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_source: node, job and processes as METRIC records, once an interval.
 *
 * Flow:      timerfd -> sampler -> records -> batcher; the sample also to on_sample
 * Thread:    loop thread; a tick costs 0.1 to 0.3 ms for a small job
 * Ownership: owns its sampler, timer and handles; batcher, loop and strings of the options are
 *            borrowed and outlive it
 * Spacing:   deadlines are absolute (CLOCK_MONOTONIC, a timerfd), so that neither the cost of a
 *            tick nor rounding adds up; a tick that comes over an interval late is counted
 */
#ifndef JEM_DAEMON_METRICS_SOURCE_H
#define JEM_DAEMON_METRICS_SOURCE_H

#include "common/config.h"
#include "daemon/batcher.h"
#include "daemon/job.h"
#include "daemon/sample.h"
#include "daemon/sources/metrics/task_event.h"

#define JEM_METRICS_FOLDERS_MAX 16

struct jem_metrics_settings {
	uint64_t interval_ns;
	double process_change; /* 0.05: a process is published when something moved by 5 % */
	uint64_t process_every_ns;
	enum jem_task_records task_records; /* where they are allowed */
	bool reads_pss;
	uint64_t pss_stall_ns;
	const char *folders[JEM_METRICS_FOLDERS_MAX]; /* borrowed from the configuration */
	size_t folder_count;
};

void jem_metrics_settings_load(const struct jem_config *config, struct jem_metrics_settings *ret);

struct jem_metrics_options {
	uv_loop_t *loop;
	struct jem_batcher *batcher; /* NULL: samples only, nothing is published */
	const struct jem_metrics_settings *settings;
	pid_t job;               /* 0: node only */
	pid_t launcher;          /* parent and sub-reaper of the job, 0: none */
	const char *root;        /* "" */
	const char *work;        /* folder of the job, NULL: where its first process is */
	jem_sample_fn on_sample; /* or NULL */
	void *arg;
};

struct jem_metrics_ticks {
	uint64_t taken;
	uint64_t missed; /* whole intervals without a sample */
	double cost_s;   /* processor time of the last */
	double late_s;   /* how long after its deadline the last began */
};

struct jem_metrics_source;

/*
 * Arms everything that has to be there before the job runs (task records, the launcher's own
 * figures) and publishes what can and cannot be observed. -ESRCH: there is no such job.
 */
int jem_metrics_source_create(const struct jem_metrics_options *options,
			      struct jem_metrics_source **ret);

/* Takes a first sample and then one each interval. */
void jem_metrics_source_start(struct jem_metrics_source *source);
void jem_metrics_source_stop(struct jem_metrics_source *source);

/* Stops; memory is freed in the loop's next passes. Takes NULL. */
void jem_metrics_source_destroy(struct jem_metrics_source *source);

/* What the launcher tells: the job was released, a process of it was reaped. */
void jem_metrics_source_on_exec(struct jem_metrics_source *source, uint64_t mono_ns);
void jem_metrics_source_on_reap(struct jem_metrics_source *source, const struct jem_reaped *reaped);

/*
 * The job's first process has ended: takes and publishes the last sample, with the final totals.
 * `reaped` is what wait4 told, NULL when nobody could.
 */
void jem_metrics_source_on_exit(struct jem_metrics_source *source, const struct jem_reaped *reaped);

/* Takes a sample now, besides the ticks. */
void jem_metrics_source_sample(struct jem_metrics_source *source);

/* Totals of the job so far; final after on_exit. What is not known is negative. */
void jem_metrics_source_totals(const struct jem_metrics_source *source, struct jem_job_totals *ret);

const struct jem_metrics_ticks *jem_metrics_source_ticks(const struct jem_metrics_source *source);

#endif
