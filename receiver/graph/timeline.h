/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timeline: what happened when, on the time axis of the charts below it: a bar of the job's states
 * and the marks with their names.
 */
#ifndef JEM_RECEIVER_GRAPH_TIMELINE_H
#define JEM_RECEIVER_GRAPH_TIMELINE_H

#include "receiver/graph/marks.h"

/* From t_s until the next phase begins. */
struct jem_phase {
	double t_s;
	enum jem_colour colour;
	const char *label; /* borrowed */
};

struct jem_timeline {
	const struct jem_phase *phases; /* borrowed, in order of time */
	size_t phase_count;
	const struct jem_mark *marks; /* borrowed, in order of time */
	size_t mark_count;
	double from_s;
	double to_s;
	double origin_s;
};

/* Draws it as a page of its own. */
void jem_timeline_draw(struct jem_canvas *canvas, const struct jem_timeline *timeline,
		       double width);

#endif
