/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats_json: the numbers of one file in a selection, as --stats prints them (DESIGN section 6).
 *
 * The caller writes {"files":[ ... ]} around one or more of these.
 */
#ifndef JEM_COMMON_SCHED_STATS_JSON_H
#define JEM_COMMON_SCHED_STATS_JSON_H

#include "common/json_writer.h"
#include "common/sched/select.h"
#include "common/sched/topology.h"

struct jem_sched_stats_source {
	const char *file;
	unsigned version; /* of trace.dat; 0: a job's folder, "version" is null */
	unsigned cpus;    /* as the file says, 0: those of the model */
	const struct jem_sched_model *model;
	const struct jem_sched_select *select;
	const struct jem_topology *topology; /* NULL: not known */
};

/* 0 or -ENOMEM; the JSON is whole only then. */
int jem_sched_stats_json(struct jem_json *json, const struct jem_sched_stats_source *source);

#endif
