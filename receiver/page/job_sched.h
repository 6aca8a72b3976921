/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_sched: what a job's report shows of scheduling: who ran where, how many waited, and for how long.
 *
 * Flow:      model of the folder (receiver/sched_folder.h) -> jem_job_sched_sum_up -> page, graphs/
 * Thread:    the one that draws
 * Ownership: owns model and numbers
 *
 * The graphs have the time axis of the job's other graphs.
 */
#ifndef JEM_RECEIVER_PAGE_JOB_SCHED_H
#define JEM_RECEIVER_PAGE_JOB_SCHED_H

#include "common/sched/counts.h"
#include "common/sched/episodes.h"
#include "common/sched/latency.h"
#include "common/sched/stats.h"
#include "receiver/model.h"
#include "receiver/sched/view.h"
#include "receiver/sched_folder.h"

enum {
	JEM_JOB_SCHED_COMMANDS = 8, /* in the legend */
};

struct jem_job_sched {
	struct jem_sched_model model; /* filled by the caller, sealed; as `folder` */
	struct jem_sched_folder folder;
	/* made by jem_job_sched_sum_up */
	struct jem_sched_select select;
	struct jem_sched_counts counts;
	struct jem_sched_stats stats;
	struct jem_sched_latency latency;
	struct jem_sched_moves moves;
	struct jem_sched_episodes episodes;
	struct jem_tints tints;
	struct jem_sched_legend_row legend[JEM_JOB_SCHED_COMMANDS];
	size_t legend_count;
};

void jem_job_sched_init(struct jem_job_sched *sched);
void jem_job_sched_deinit(struct jem_job_sched *sched);

/* 0 or -ENOMEM. Then the model is only read. */
int jem_job_sched_sum_up(struct jem_job_sched *sched, const struct jem_job_model *job);

/* Whether there is a slice to show. NULL: no. */
bool jem_job_sched_has_data(const struct jem_job_sched *sched);

/* Writes cores and running into the folder graphs/ of the job's folder: how many files, or negative errno. */
int jem_job_sched_graphs_write(const struct jem_job_sched *sched, unsigned formats, int dirfd);

#endif
