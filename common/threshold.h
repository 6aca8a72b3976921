/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threshold: the condition of a rule on a metric, as people write it.
 *
 *	[node.|job.]METRIC OP BOUND [for TIME]
 *	OP     > >= < <=
 *	BOUND  NUMBER[UNIT], or [FACTOR] limit, or [FACTOR] total; a FACTOR is 0.9 or 90 %
 *	TIME   NUMBER [ms|s|min|h]; without a unit seconds
 *
 *	rss_bytes > 0.9 limit for 30 s
 *	work_free_bytes < 1GiB
 *	load1 > 2 total for 5 min
 *
 * `limit` is what the job may have of it, `total` what the node has of it; a metric that has
 * neither says so. A name of both node and job means the job's.
 */
#ifndef JEM_COMMON_THRESHOLD_H
#define JEM_COMMON_THRESHOLD_H

#include "common/err.h"
#include "common/metric.h"

#include <stdbool.h>
#include <stdint.h>

enum jem_threshold_op {
	JEM_ABOVE,          /* > */
	JEM_ABOVE_OR_EQUAL, /* >= */
	JEM_BELOW,          /* < */
	JEM_BELOW_OR_EQUAL  /* <= */
};

#define JEM_METRIC_NAME_MAX 32

struct jem_threshold {
	char name[JEM_METRIC_NAME_MAX]; /* of the metric, without node. or job. */
	int metric;                     /* enum jem_metric, or -1: core<N>_busy_s, folder<N>_* */
	enum jem_scope scope;           /* JEM_SCOPE_NODE or JEM_SCOPE_JOB */
	enum jem_threshold_op op;
	double bound;              /* a number in the metric's unit, or the factor of `base` */
	int base;                  /* enum jem_metric, or -1: `bound` is the number itself */
	enum jem_scope base_scope; /* where the base is told */
	uint64_t for_ns;           /* how long it must hold, 0: at once */
};

/* -EINVAL: the reason says what is wrong and how to mend it, in one line. */
int jem_threshold_parse(const char *text, struct jem_threshold *ret, struct jem_err *err);

/* `>`, `>=`, `<`, `<=` */
const char *jem_threshold_op_text(enum jem_threshold_op op);

/* Whether the name is core<N>_busy_s or folder<N>_free_bytes, _total_bytes, _free_inodes. */
bool jem_metric_is_numbered(const char *name);

#endif
