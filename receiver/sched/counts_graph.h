/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counts_graph: how many tasks run and how many could (RR-9498, figures 6 and 11).
 *
 * Green: running. Red, behind it: runnable, that is running or waiting in a run queue. A dotted black
 * line: the number of cores. Red above the dotted line cannot be helped; red below it is a failure of
 * work conservation, and a strip at the bottom marks every column that has one, however short.
 */
#ifndef JEM_RECEIVER_SCHED_COUNTS_GRAPH_H
#define JEM_RECEIVER_SCHED_COUNTS_GRAPH_H

#include "receiver/sched/view.h"

/* One page; the view has `counts`. Errors stay in the canvas. */
void jem_counts_graph_draw(struct jem_canvas *canvas, const struct jem_sched_view *view);

/* What a column of the graph has seen. */
struct jem_counts_column {
	double running, runnable; /* means over the time that it has */
	uint32_t running_first, running_min, running_max, running_last;
	uint32_t runnable_first, runnable_min, runnable_max, runnable_last;
	unsigned step_count;
	bool waits_below; /* something waited while fewer ran than there are cores */
	bool waits_above; /* or while all were taken */
};

/* Sums up the steps: columns[i] is of `column_ns` from the view's start on. Empty ones have no step. */
void jem_counts_columns(const struct jem_sched_counts *counts, int64_t from_ns, int64_t to_ns,
			double column_ns, unsigned core_count, struct jem_counts_column *columns,
			size_t count);

#endif
