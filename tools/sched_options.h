/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_options: what dat2graph and running_waiting are asked for, and the recordings that they read.
 *
 * The options have the names and meanings of RR-9498 section 3.
 */
#ifndef JEM_TOOLS_SCHED_OPTIONS_H
#define JEM_TOOLS_SCHED_OPTIONS_H

#include "common/sched/select.h"
#include "common/sched/topology.h"
#include "receiver/sched/sheets.h"
#include "tools/tool.h"

/* Zeroed is the default. */
struct jem_sched_options {
	const char *output;   /* borrowed, as all texts; NULL: named after the first file */
	const char *target;   /* NULL: all */
	const char *topology; /* a file; NULL: this machine's */
	uint16_t *cores;      /* owned; NULL: all */
	size_t core_count;
	double min_s, max_s;
	unsigned columns; /* 0: as the format has them */
	enum jem_tint_by by;
	bool has_min, has_max;
	bool is_after_sleep;
	bool is_forked;
	bool is_socket_order;
	bool shows_waiting;
	bool shows_arrows;
	bool shows_episodes;
	bool prints_stats;
};

extern const struct jem_flag jem_dat2graph_flags[];
extern const struct jem_flag jem_running_waiting_flags[];

/* Takes any of these flags into a struct jem_sched_options. */
int jem_sched_on_flag(void *options, const struct jem_flag *flag, const char *value,
		      struct jem_err *err);

/* What both programs do with their words; the exit status. */
int jem_sched_tool_run(const struct jem_tool_args *args, enum jem_sched_graph graph);

#endif
