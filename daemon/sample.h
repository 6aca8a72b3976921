/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample: what one tick of the metrics source found, for whoever looks at values and not at
 * records: threshold rules, prmon files, stall detection, status.
 */
#ifndef JEM_DAEMON_SAMPLE_H
#define JEM_DAEMON_SAMPLE_H

#include "common/metric.h"

#include <stdbool.h>
#include <stdint.h>

#define JEM_EXTRA_NAME 32

/* A metric outside the table: core<N>_busy_s, folder<N>_free_bytes, ... Scope: node. */
struct jem_extra {
	char name[JEM_EXTRA_NAME];
	double value;
};

struct jem_sample {
	uint64_t mono_ns;   /* when it was taken */
	uint64_t wall_ns;   /* the same instant, CLOCK_REALTIME */
	double elapsed_s;   /* since the sample before, 0: this is the first */
	bool has_job;       /* false: node only */
	bool is_final;      /* the job has ended: its totals */
	const double *node; /* JEM_METRIC_COUNT values, NAN where absent; borrowed for the call */
	const double *job;
	const struct jem_extra *extras;
	size_t extra_count;
};

typedef void (*jem_sample_fn)(void *arg, const struct jem_sample *sample);

#endif
