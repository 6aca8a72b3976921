/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lod: level of detail: what a core ran as bars no finer than the columns of a picture.
 *
 * A column with few pieces keeps them, each at its place and at least half a column wide. A
 * column with more becomes one bar of the tint that ran longest in it, thinner the less of it was
 * busy, and a tick of that which ran longest of the others: what comes in between for a moment is
 * what is looked for. Of ticks of one tint there is one in three columns at most. Bars that touch and look the same are one.
 *
 * Flow:      jem_lod_begin, then pieces in order of time, then jem_lod_end
 * Bound:     3 bars a column at most
 * Invariant: a column in which anything ran has part of a bar in it
 */
#ifndef JEM_RECEIVER_SCHED_LOD_H
#define JEM_RECEIVER_SCHED_LOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	JEM_LOD_TINTS = 32, /* different looks at most */
	JEM_LOD_LEVELS = 4, /* how busy: a quarter, half, three quarters, all */
	JEM_LOD_PIECES = 2, /* more than these in a column are summed up */
};

struct jem_lod_bar {
	double x0, x1; /* in columns */
	uint8_t tint;
	uint8_t level;    /* 1 to JEM_LOD_LEVELS */
	bool is_short;    /* to be drawn after the others, on top */
	bool is_inferred; /* where it begins or ends is a guess */
};

struct jem_lod {
	struct jem_lod_bar *bars; /* owned */
	size_t count, cap;
	struct jem_lod_bar *ticks; /* owned; they join the bars at the end */
	size_t tick_count, tick_cap;
	unsigned last_tick[JEM_LOD_TINTS]; /* its column + 1 */
	bool failed;                       /* no memory */

	/* The column at hand. */
	unsigned columns;
	unsigned column;
	unsigned piece_count;
	struct jem_lod_bar pieces[JEM_LOD_PIECES];
	float busy[JEM_LOD_TINTS]; /* once there are more than JEM_LOD_PIECES */
	uint32_t pieces_of[JEM_LOD_TINTS];
	float total;
	float inferred; /* of it */
};

/* Zeroed is ready for begin; begin forgets the bars and keeps the memory. */
void jem_lod_begin(struct jem_lod *lod, unsigned columns);
/* From x0 to x1 in columns; what lies outside of 0 to `columns` is cut. x0 does not decrease. */
void jem_lod_add(struct jem_lod *lod, double x0, double x1, unsigned tint, bool is_inferred);
/* 0 or -ENOMEM. */
int jem_lod_end(struct jem_lod *lod);
void jem_lod_deinit(struct jem_lod *lod);

#endif
