/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks: instants that stand out (a rule matched, a state changed), placed so that they can be
 * read: those that would lie on one another become one, and a label is written only where it
 * touches no other.
 */
#ifndef JEM_RECEIVER_GRAPH_MARKS_H
#define JEM_RECEIVER_GRAPH_MARKS_H

#include "receiver/graph/canvas.h"

struct jem_mark {
	double t_s;
	int rank; /* the higher, the more it matters */
	enum jem_colour colour;
	const char *label; /* borrowed, as the next */
	const char *text;
};

/* One or more marks at one place. */
struct jem_placed_mark {
	double x;
	const struct jem_mark *mark; /* borrowed; of the highest rank */
	unsigned count;
	int lane;       /* of its label, from 0, the lowest; -1: no room */
	double label_x; /* where the label starts */
	char label[64]; /* as much of it as is shown */
	char tooltip[512];
};

struct jem_mark_layout {
	double x0; /* marks are from x0 (from_s) to x1 (to_s) */
	double x1;
	double from_s;
	double to_s;
	double origin_s;  /* times in tooltips count from here */
	unsigned lanes;   /* rows for labels; 0: no labels */
	double min_gap;   /* marks closer than this become one */
	double label_max; /* width of a label at most */
	bool is_brief;    /* tooltips without the whole sentence */
	struct jem_font font;
};

/*
 * Places marks, which are in order of time; `placed` has room for `max`. Labels go by rank: what
 * matters more finds its room first. Returns how many there are.
 */
size_t jem_marks_place(struct jem_canvas *canvas, const struct jem_mark *marks, size_t count,
		       const struct jem_mark_layout *layout, struct jem_placed_mark *placed,
		       size_t max);

#endif
