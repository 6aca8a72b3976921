/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_graphs: which graphs a job has, from its model: processors, memory, input and output,
 * pressure, load, space, the node's memory and traffic, processes. All have one time axis.
 */
#ifndef JEM_RECEIVER_GRAPH_JOB_GRAPHS_H
#define JEM_RECEIVER_GRAPH_JOB_GRAPHS_H

#include "receiver/graph/canvas.h"
#include "receiver/model.h"

/* A graph by its number. */
size_t jem_job_graph_count(void);
const char *jem_job_graph_name(size_t i);  /* of files: cpu, memory, ... */
const char *jem_job_graph_title(size_t i); /* for people */
const char *jem_job_graph_hint(size_t i);  /* what to look for, one sentence */

/* Whether it would show anything. */
bool jem_job_graph_has_data(const struct jem_job_model *model, size_t node, size_t i);

struct jem_graph_view {
	double width; /* points */
	double height;
	bool is_alone; /* a file of its own, not part of a page */
};

/* Draws the graph as a page of the canvas. */
void jem_job_graph_draw(struct jem_canvas *canvas, const struct jem_job_model *model, size_t node,
			size_t i, const struct jem_graph_view *view);

/* The time that all graphs of a job show, wall clock. */
void jem_job_span(const struct jem_job_model *model, double *from_s, double *to_s);

/* Draws the timeline of states and marks, to stand above the graphs. */
void jem_job_timeline_draw(struct jem_canvas *canvas, const struct jem_job_model *model,
			   double width);

#endif
