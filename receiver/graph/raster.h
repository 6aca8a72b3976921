/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raster: pixels, and shapes drawn on them with exact coverage at their edges.
 *
 * A shape is the edges of one or more polygons of the same orientation. Each edge adds the signed
 * area that it covers to the pixels it crosses; summed up along a row that is the coverage, cut at
 * one where polygons lie over each other. That takes no sorting and no limit on points.
 *
 * Memory: 7 bytes a pixel (3 of colour, 4 of coverage); at most JEM_RASTER_SIDE pixels a side
 */
#ifndef JEM_RECEIVER_GRAPH_RASTER_H
#define JEM_RECEIVER_GRAPH_RASTER_H

#include <stddef.h>
#include <stdint.h>

#define JEM_RASTER_SIDE 16384

struct jem_raster {
	unsigned width;
	unsigned height;
	uint8_t *rgb;   /* owned; three bytes a pixel, by rows */
	float *area;    /* owned; (width + 2) a row, zero between shapes */
	int clip[4];    /* left, top, right, bottom; drawn is left <= x < right */
	int touched[2]; /* rows of the shape at hand */
};

/* White pixels. -EINVAL for an impossible size, -ENOMEM. */
int jem_raster_init(struct jem_raster *raster, unsigned width, unsigned height);
void jem_raster_deinit(struct jem_raster *raster);

/* Cut at the whole picture at most. */
void jem_raster_clip(struct jem_raster *raster, double x0, double y0, double x1, double y1);

/* An edge of the shape at hand. */
void jem_raster_edge(struct jem_raster *raster, double x0, double y0, double x1, double y1);

/* Ends the shape: fills what its edges enclose. */
void jem_raster_fill(struct jem_raster *raster, uint32_t rgb, float opacity);

/* A rectangle, without the way over edges. */
void jem_raster_rect(struct jem_raster *raster, double x0, double y0, double x1, double y1,
		     uint32_t rgb, float opacity);

/* Lays colour over one pixel; outside the clip nothing happens. */
void jem_raster_blend(struct jem_raster *raster, int x, int y, uint32_t rgb, float coverage);

#endif
