/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_chart: recorded calls over time, on the time axis of the charts: a band for each thread, its
 * levels below each other, coloured as in the flame graph. A column in which something ran shows it.
 *
 * Bounds: JEM_CALL_CHART_THREADS bands, the busiest ones; the others are counted below
 */
#ifndef JEM_RECEIVER_CALLS_CALL_CHART_H
#define JEM_RECEIVER_CALLS_CALL_CHART_H

#include "receiver/calls/recent.h"
#include "receiver/graph/canvas.h"

enum {
	JEM_CALL_CHART_THREADS = 16
};

struct jem_call_chart_view {
	double width;
	bool is_alone;     /* a file of its own: with ground and title */
	const char *title; /* of a file of its own */
	double from_s;     /* wall clock; what the charts show */
	double to_s;
	unsigned threads; /* at most JEM_CALL_CHART_THREADS */
};

/* Whether there is anything to be drawn. */
bool jem_call_chart_has_data(const struct jem_recent *recent);

/* Draws it as a page of the canvas. */
void jem_call_chart_draw(struct jem_canvas *canvas, const struct jem_recent *recent,
			 const struct jem_call_chart_view *view);

#endif
