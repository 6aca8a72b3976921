/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flame: the calling context tree as a flame graph, callers above what they call; the width is time.
 *
 * Functions of one class or namespace have one hue, so that neighbours can be told apart; the set of
 * hues is that of the curves. Order is by name: a frame keeps its place from drawing to drawing.
 * Frames have facts (data-x, -w, -d, -n) by which page/flame.js zooms and searches; without scripts
 * it is a picture with tooltips.
 *
 * Bounds: nothing narrower than 0.1 % and one point, JEM_FLAME_ROWS rows, JEM_FLAME_FRAMES frames;
 *         what is not drawn is counted below
 */
#ifndef JEM_RECEIVER_CALLS_FLAME_H
#define JEM_RECEIVER_CALLS_FLAME_H

#include "receiver/calls/job_profile.h"
#include "receiver/graph/canvas.h"

enum {
	JEM_FLAME_ROWS = 64,
	JEM_FLAME_FRAMES = 3000,
};

struct jem_flame_view {
	double width;
	bool is_alone;     /* a file of its own: with ground and title */
	const char *title; /* of a file of its own */
	uint32_t rows;     /* at most; 0: JEM_FLAME_ROWS */
};

/* Whether there is anything to be drawn. */
bool jem_flame_has_data(const struct jem_job_profile *profile);

/* Draws it as a page of the canvas. */
void jem_flame_draw(struct jem_canvas *canvas, const struct jem_job_profile *profile,
		    const struct jem_flame_view *view);

/* A length of time for labels: 1.23 s, 12.3 ms, 123 us. */
void jem_flame_time(uint64_t ns, char *ret, size_t size);

#endif
