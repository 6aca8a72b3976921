/* SPDX-License-Identifier: Apache-2.0 */
/* view: what a graph of scheduling is asked to show, and how. All pointers are borrowed for the call. */
#ifndef JEM_RECEIVER_SCHED_VIEW_H
#define JEM_RECEIVER_SCHED_VIEW_H

#include "common/sched/counts.h"
#include "common/sched/select.h"
#include "common/sched/topology.h"
#include "receiver/sched/tints.h"

/* A stretch of time that is pointed out, with its number above the graph and its text below. */
struct jem_sched_mark {
	int64_t from_ns;
	int64_t to_ns;
	const char *text;
};

/* A line of the legend by command: numbers of the window (RR-9498 section 3.2). */
struct jem_sched_legend_row {
	const char *comm; /* hostile text */
	unsigned tint;
	double first_s, last_s; /* from zero */
	double run_s;
	uint64_t switches;
	uint64_t pids;
};

struct jem_sched_view {
	const struct jem_sched_model *model;
	struct jem_sched_select select;
	const struct jem_topology *topology; /* cores of a socket stand together; NULL: by number */
	const struct jem_tints *tints;
	size_t which;         /* number of the model among those of the tints */
	const char *title;    /* hostile text: the name of a file or job */
	const char *subtitle; /* NULL: none */
	double span_s;        /* what the axis is long; 0: the window. For several on one scale */
	double width, height; /* of the page, in points */
	unsigned columns;     /* of the level of detail; 0: as many as points */
	bool shows_waiting;   /* a red line under a core's while a task waits for it */
	bool shows_arrows;    /* from the waker to the task that it woke */
	const struct jem_sched_legend_row *legend; /* by command; NULL: none */
	size_t legend_count;
	const struct jem_sched_mark *marks;
	size_t mark_count;
	const struct jem_sched_counts *counts; /* for the graph of running and waiting */
	unsigned core_count;                   /* of the machine: its dotted line */
};

#endif
