/* SPDX-License-Identifier: Apache-2.0 */
/* frame: what the graphs of scheduling have in common: head, seconds below, marks, places on the page. */
#ifndef JEM_RECEIVER_SCHED_FRAME_H
#define JEM_RECEIVER_SCHED_FRAME_H

#include "receiver/sched/view.h"

#define JEM_FRAME_TEXT 9.5f

struct jem_frame {
	struct jem_canvas *canvas;
	const struct jem_sched_view *view;
	double x0, y0, x1, y1; /* the area of the graph */
	double span_ns;        /* what x0 to x1 stands for */
};

/* Begins the page with its head; `below` points stay free under the area and its axis. */
void jem_frame_begin(struct jem_frame *frame, struct jem_canvas *canvas,
		     const struct jem_sched_view *view, double below, const char *description);

/* Labels and rules of the seconds from the view's zero. */
void jem_frame_seconds(const struct jem_frame *frame);
/* Numbered bands of the marks, and their texts from y on, one a line; returns where these end. */
void jem_frame_marks(const struct jem_frame *frame);
double jem_frame_mark_texts(const struct jem_frame *frame, double y);
/* Points that the texts of the marks take. */
double jem_frame_mark_height(const struct jem_sched_view *view);

static inline double jem_frame_x(const struct jem_frame *frame, int64_t ns)
{
	return frame->x0 + (double)(ns - frame->view->select.from_ns) / frame->span_ns *
				   (frame->x1 - frame->x0);
}

/* The right end of what the file has: before x1 where another file is longer. */
static inline double jem_frame_end(const struct jem_frame *frame)
{
	double x = jem_frame_x(frame, frame->view->select.to_ns);

	return x < frame->x1 ? x : frame->x1;
}

struct jem_font jem_frame_font(enum jem_colour colour, enum jem_anchor anchor);

#endif
