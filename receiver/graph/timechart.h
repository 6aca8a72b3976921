/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timechart: curves over time with legend, axes, a limit and marks.
 *
 * A curve shows the mean; where a point stands for several samples, a band shows their extremes,
 * so that a peak of one sample in a day is seen. Where no curve has data, the ground is shaded.
 */
#ifndef JEM_RECEIVER_GRAPH_TIMECHART_H
#define JEM_RECEIVER_GRAPH_TIMECHART_H

#include "receiver/graph/axis.h"
#include "receiver/graph/marks.h"
#include "receiver/graph/series.h"

enum {
	JEM_CURVES_MAX = 8,
	JEM_CHART_MARKS_MAX = 64, /* places that marks are drawn at */
};

struct jem_curve {
	const struct jem_series *series; /* borrowed, with samples */
	const char *label;               /* borrowed */
	enum jem_colour colour;
	enum jem_dash dash;
	bool is_filled; /* down to zero */
	bool shows_min; /* the legend tells the lowest value, not the highest */
};

struct jem_timechart {
	const char *title;
	const char *subtitle; /* beside the title, may be NULL */
	enum jem_unit unit;
	struct jem_curve curves[JEM_CURVES_MAX];
	size_t curve_count;
	double limit; /* 0: none */
	const char *limit_label;
	double from_s;
	double to_s;
	double origin_s;              /* times are written as since here */
	const struct jem_mark *marks; /* borrowed, in order of time */
	size_t mark_count;
	bool is_alone; /* a file of its own: ground, title, names of marks */
};

/* Draws the chart as a page of its own, `width` wide and about `height` high: legends may wrap. */
void jem_timechart_draw(struct jem_canvas *canvas, const struct jem_timechart *chart, double width,
			double height);

/* Where the drawing area of every chart begins and ends, so that others can stand above it. */
double jem_timechart_left(void);
double jem_timechart_right(double width);

#endif
