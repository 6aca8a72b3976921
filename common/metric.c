/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metric.h"

#include <string.h>

/* The words of the table's scope column. */
enum {
	NODE = JEM_SCOPE_NODE,
	JOB = JEM_SCOPE_JOB,
	PROCESS = JEM_SCOPE_PROCESS,
	MONITOR = JEM_SCOPE_MONITOR,
};

const struct jem_metric_info jem_metrics[JEM_METRIC_COUNT] = {
#define METRIC(name_, scopes_, unit_, type_, meaning_, source_)                                    \
	[JEM_METRIC_##name_] = { #name_, unit_, meaning_, source_, JEM_METRIC_##type_, scopes_ },
#include "schemas/metrics.def"
#undef METRIC
};

int jem_metric_find(const char *name, size_t len)
{
	for (int i = 0; i < JEM_METRIC_COUNT; i++)
		if (!strncmp(jem_metrics[i].name, name, len) && !jem_metrics[i].name[len])
			return i;
	return -1;
}

const char *jem_scope_name(enum jem_scope scope)
{
	switch (scope) {
	case JEM_SCOPE_NODE:
		return "node";
	case JEM_SCOPE_JOB:
		return "job";
	case JEM_SCOPE_PROCESS:
		return "process";
	case JEM_SCOPE_MONITOR:
		return "monitor";
	}
	return "";
}
