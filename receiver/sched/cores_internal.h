/* SPDX-License-Identifier: Apache-2.0 */
/* cores_internal: the graph of cores on its way to the canvas, shared by its parts. */
#ifndef JEM_RECEIVER_SCHED_CORES_INTERNAL_H
#define JEM_RECEIVER_SCHED_CORES_INTERNAL_H

#include "receiver/sched/frame.h"
#include "receiver/sched/lod.h"
#include "receiver/sched/rows.h"

/* Bars of one look, drawn by one call. */
struct jem_bars {
	struct jem_bar *bars; /* owned */
	size_t count, cap;
};

struct jem_cores {
	struct jem_frame frame;
	struct jem_core_rows rows;
	struct jem_lod lod;
	double row_height;
	double thickness; /* of a core that is busy throughout */
	unsigned columns; /* from x0 to x1 */
};

static inline double jem_cores_y(const struct jem_cores *cores, uint32_t row)
{
	double middle = cores->frame.view->shows_waiting ? 0.4 : 0.5;

	return cores->frame.y1 - (row + 1 - middle) * cores->row_height;
}

/* A time as a column of the level of detail. */
static inline double jem_cores_column(const struct jem_cores *cores, int64_t ns)
{
	return (double)(ns - cores->frame.view->select.from_ns) / cores->frame.span_ns *
	       cores->columns;
}

/* 0 or -ENOMEM. */
int jem_bars_add(struct jem_bars *bars, double x0, double x1, double y);

/* Waiting, gaps, arrows, over the lines. */
void jem_cores_gaps(struct jem_cores *cores);
void jem_cores_waiting(struct jem_cores *cores);
/* Returns how many of how many there are were drawn, as the longest waits. */
size_t jem_cores_arrows(struct jem_cores *cores, size_t *ret_all);

/* The legend by command. */
double jem_cores_legend_height(const struct jem_sched_view *view);
void jem_cores_legend(const struct jem_frame *frame, double y);

#endif
