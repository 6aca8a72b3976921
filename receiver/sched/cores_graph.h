/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cores_graph: which task ran on which core when (RR-9498, figures 4 to 10).
 *
 * x are seconds, y cores. A line begins when a task gets the core and ends when it sleeps or is
 * preempted; idle time is left white, time without data is hatched, what had to be guessed is pale.
 * Nothing short vanishes (receiver/sched/lod.h).
 */
#ifndef JEM_RECEIVER_SCHED_CORES_GRAPH_H
#define JEM_RECEIVER_SCHED_CORES_GRAPH_H

#include "receiver/sched/view.h"

/* One page. Errors stay in the canvas. */
void jem_cores_graph_draw(struct jem_canvas *canvas, const struct jem_sched_view *view);

/* A height at which every core of so many can be told apart, for files that are not sheets of paper. */
double jem_cores_graph_height(const struct jem_sched_view *view, size_t cores);

#endif
