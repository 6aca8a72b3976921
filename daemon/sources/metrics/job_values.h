/* SPDX-License-Identifier: Apache-2.0 */
/* job_values: the sums of a sampler as values of the table of metrics. */
#ifndef JEM_DAEMON_METRICS_JOB_VALUES_H
#define JEM_DAEMON_METRICS_JOB_VALUES_H

#include "daemon/sources/metrics/sampler.h"

/* All JOB values but those of the control group. */
void jem_job_values(struct jem_sampler *sampler, uint64_t now_ns, double elapsed_s,
		    double values[JEM_METRIC_COUNT]);

/* The limit: the group's, the node's memory at most. */
void jem_job_values_limit(const struct jem_sampler *sampler, double values[JEM_METRIC_COUNT]);

/* All PROCESS values of one process. */
void jem_process_values(const struct jem_procset *set, const struct jem_process *process,
			uint64_t now_ns, double values[JEM_METRIC_COUNT]);

#endif
