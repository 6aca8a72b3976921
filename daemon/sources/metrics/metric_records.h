/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metric_records: samples and processes as METRIC records.
 *
 * Names of processes are published only here, and only of the job's own.
 */
#ifndef JEM_DAEMON_METRIC_RECORDS_H
#define JEM_DAEMON_METRIC_RECORDS_H

#include "daemon/batcher.h"
#include "daemon/sources/metrics/sampler.h"

/* The records of scope node and job. */
void jem_metric_records_sample(struct jem_batcher *batcher, const struct jem_sample *sample);

struct jem_process_rule {
	double change;     /* share by which something must have moved */
	uint64_t every_ns; /* at least so often */
};

/* Whether it moved far enough since it was last published, or that was too long ago. */
bool jem_process_has_moved(const struct jem_procset *set, const struct jem_process *process,
			   const struct jem_process_rule *rule, uint64_t now_ns);

/* Publishes a process and keeps what was told. */
void jem_metric_records_process(struct jem_batcher *batcher, const struct jem_procset *set,
				struct jem_process *process, uint64_t now_ns);

#endif
