/* SPDX-License-Identifier: Apache-2.0 */
/* metric: the table of metrics (schemas/metrics.def): number, name, unit, type, meaning. */
#ifndef JEM_COMMON_METRIC_H
#define JEM_COMMON_METRIC_H

#include <stddef.h>

enum jem_metric {
#define METRIC(name, scopes, unit, type, meaning, source) JEM_METRIC_##name,
#include "schemas/metrics.def"
#undef METRIC
	JEM_METRIC_COUNT
};

/* A bit mask: the same name may be told of the node, the job and a process. */
enum jem_scope {
	JEM_SCOPE_NODE = 1,
	JEM_SCOPE_JOB = 2,
	JEM_SCOPE_PROCESS = 4,
	JEM_SCOPE_MONITOR = 8,
};

enum jem_metric_type {
	JEM_METRIC_COUNTER,
	JEM_METRIC_GAUGE,
	JEM_METRIC_PEAK
};

struct jem_metric_info {
	const char *name;
	const char *unit;
	const char *meaning;
	const char *source;
	enum jem_metric_type type;
	unsigned scopes;
};

extern const struct jem_metric_info jem_metrics[JEM_METRIC_COUNT];

/* The metric of a name of `len` bytes, or -1. core<N>_busy_s and folder<N>_* are not in it. */
int jem_metric_find(const char *name, size_t len);

/* `node`, `job`, `process`, `monitor`. */
const char *jem_scope_name(enum jem_scope scope);

#endif
