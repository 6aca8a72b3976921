/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/raster.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int jem_raster_init(struct jem_raster *raster, unsigned width, unsigned height)
{
	*raster = (struct jem_raster){ .width = width, .height = height };
	if (!width || !height || width > JEM_RASTER_SIDE || height > JEM_RASTER_SIDE)
		return -EINVAL;
	raster->rgb = malloc((size_t)width * height * 3);
	raster->area = calloc(((size_t)width + 2) * height, sizeof(*raster->area));
	if (!raster->rgb || !raster->area) {
		jem_raster_deinit(raster);
		return -ENOMEM;
	}
	memset(raster->rgb, 0xff, (size_t)width * height * 3);
	jem_raster_clip(raster, 0, 0, width, height);
	raster->touched[0] = (int)height;
	return 0;
}

void jem_raster_deinit(struct jem_raster *raster)
{
	free(raster->rgb);
	free(raster->area);
	raster->rgb = NULL;
	raster->area = NULL;
}

static int bounded(double value, unsigned max)
{
	return (int)fmax(0, fmin(max, value));
}

void jem_raster_clip(struct jem_raster *raster, double x0, double y0, double x1, double y1)
{
	raster->clip[0] = bounded(floor(x0), raster->width);
	raster->clip[1] = bounded(floor(y0), raster->height);
	raster->clip[2] = bounded(ceil(x1), raster->width);
	raster->clip[3] = bounded(ceil(y1), raster->height);
}

/* The part of an edge within one row and within the clip, from xa to xb; `d` is its height. */
static void add_span(float *row, double xa, double xb, double d)
{
	double first = floor(xa);
	int i = (int)first;
	int end = (int)ceil(xb);

	if (end <= i + 1) {
		double middle = 0.5 * (xa + xb) - first;

		row[i] += (float)(d - d * middle);
		row[i + 1] += (float)(d * middle);
		return;
	}
	/* The covered area grows by squares in the first and last pixel, evenly in between. */
	double per_pixel = 1 / (xb - xa);
	double left = 1 - (xa - first);
	double right = xb - end + 1;
	double area = 0.5 * per_pixel * left * left;
	double before = area;

	row[i] += (float)(d * area);
	for (int x = i + 1; x < end - 1; x++) {
		double now = per_pixel * (x - xa + 0.5);

		row[x] += (float)(d * (now - before));
		before = now;
	}
	area = 1 - 0.5 * per_pixel * right * right;
	row[end - 1] += (float)(d * (area - before));
	row[end] += (float)(d * (1 - area));
}

/* An edge that lies between the left and the right side of the clip. */
static void add_inner(struct jem_raster *raster, double x0, double y0, double x1, double y1,
		      double sign)
{
	double slope = y1 > y0 ? (x1 - x0) / (y1 - y0) : 0;
	double left = raster->clip[0];
	double right = raster->clip[2];
	int end = (int)ceil(y1);
	double x = x0;

	for (int y = (int)floor(y0); y < end; y++) {
		double d = fmin(y + 1, y1) - fmax(y, y0);
		double next = fmax(left, fmin(right, x + slope * d));

		add_span(raster->area + (size_t)y * (raster->width + 2), fmin(x, next),
			 fmax(x, next), sign * d);
		x = next;
	}
}

/* What is left of the clip covers from its left side on, what is right of it covers nothing. */
static void add_split(struct jem_raster *raster, double x0, double y0, double x1, double y1,
		      double sign)
{
	double at[4] = { y0, y0, y1, y1 };
	double bounds[2] = { raster->clip[0], raster->clip[2] };

	if (x0 != x1) {
		double a = y0 + (y1 - y0) * (bounds[0] - x0) / (x1 - x0);
		double b = y0 + (y1 - y0) * (bounds[1] - x0) / (x1 - x0);

		at[1] = fmax(y0, fmin(y1, fmin(a, b)));
		at[2] = fmax(y0, fmin(y1, fmax(a, b)));
	}
	for (int i = 0; i < 3; i++) {
		double from = x0 + (y1 > y0 ? (x1 - x0) * (at[i] - y0) / (y1 - y0) : 0);
		double to = x0 + (y1 > y0 ? (x1 - x0) * (at[i + 1] - y0) / (y1 - y0) : 0);
		double middle = 0.5 * (from + to);

		if (at[i + 1] <= at[i] || middle >= bounds[1])
			continue;
		from = fmax(bounds[0], fmin(bounds[1], middle <= bounds[0] ? bounds[0] : from));
		to = fmax(bounds[0], fmin(bounds[1], middle <= bounds[0] ? bounds[0] : to));
		add_inner(raster, from, at[i], to, at[i + 1], sign);
	}
}

void jem_raster_edge(struct jem_raster *raster, double x0, double y0, double x1, double y1)
{
	double sign = y0 < y1 ? 1 : -1;
	double top = raster->clip[1];
	double bottom = raster->clip[3];
	double slope;

	if (!(isfinite(x0) && isfinite(y0) && isfinite(x1) && isfinite(y1)) || y0 == y1)
		return;
	if (sign < 0) {
		double x = x0;
		double y = y0;

		x0 = x1;
		y0 = y1;
		x1 = x;
		y1 = y;
	}
	if (y1 <= top || y0 >= bottom)
		return;
	slope = (x1 - x0) / (y1 - y0);
	if (y0 < top) {
		x0 += slope * (top - y0);
		y0 = top;
	}
	if (y1 > bottom) {
		x1 = x0 + slope * (bottom - y0);
		y1 = bottom;
	}
	if (floor(y0) < raster->touched[0])
		raster->touched[0] = (int)floor(y0);
	if (ceil(y1) > raster->touched[1])
		raster->touched[1] = (int)ceil(y1);
	add_split(raster, x0, y0, x1, y1, sign);
}

static void blend(uint8_t *pixel, uint32_t rgb, float coverage)
{
	int part = (int)(coverage * 256 + 0.5f);

	if (part == 256) {
		pixel[0] = (uint8_t)(rgb >> 16);
		pixel[1] = (uint8_t)(rgb >> 8);
		pixel[2] = (uint8_t)rgb;
		return;
	}
	for (int i = 0; i < 3; i++) {
		int to = (int)(rgb >> (16 - 8 * i) & 0xff);

		pixel[i] = (uint8_t)(pixel[i] + (((to - pixel[i]) * part + 128) >> 8));
	}
}

void jem_raster_fill(struct jem_raster *raster, uint32_t rgb, float opacity)
{
	for (int y = raster->touched[0]; y < raster->touched[1]; y++) {
		float *row = raster->area + (size_t)y * (raster->width + 2);
		uint8_t *pixel = raster->rgb + ((size_t)y * raster->width + raster->clip[0]) * 3;
		float area = 0;

		for (int x = raster->clip[0]; x < raster->clip[2]; x++, pixel += 3) {
			int steps;

			area += row[x];
			/* Sixteen steps are enough for the eye and fit many pictures in a palette. */
			steps = (int)((area < 0 ? -area : area) * 15 + 0.5f);
			if (steps)
				blend(pixel, rgb, (float)(steps < 15 ? steps : 15) / 15 * opacity);
		}
		memset(row + raster->clip[0], 0,
		       (size_t)(raster->clip[2] - raster->clip[0] + 2) * sizeof(*row));
	}
	raster->touched[0] = (int)raster->height;
	raster->touched[1] = 0;
}

void jem_raster_rect(struct jem_raster *raster, double x0, double y0, double x1, double y1,
		     uint32_t rgb, float opacity)
{
	if (!(isfinite(x0) && isfinite(y0) && isfinite(x1) && isfinite(y1)))
		return;
	x0 = fmax(x0, raster->clip[0]);
	y0 = fmax(y0, raster->clip[1]);
	x1 = fmin(x1, raster->clip[2]);
	y1 = fmin(y1, raster->clip[3]);
	for (int y = (int)floor(y0); y < (int)ceil(y1); y++) {
		float part = (float)(fmin(y + 1, y1) - fmax(y, y0)) * opacity;
		uint8_t *row = raster->rgb + (size_t)y * raster->width * 3;
		int end = (int)ceil(x1);

		for (int x = (int)floor(x0); x < end; x++) {
			bool is_inner = x >= x0 && x + 1 <= x1;

			blend(row + 3 * (size_t)x, rgb,
			      is_inner ? part : part * (float)(fmin(x + 1, x1) - fmax(x, x0)));
		}
	}
}

void jem_raster_blend(struct jem_raster *raster, int x, int y, uint32_t rgb, float coverage)
{
	if (x >= raster->clip[0] && x < raster->clip[2] && y >= raster->clip[1] &&
	    y < raster->clip[3])
		blend(raster->rgb + ((size_t)y * raster->width + (size_t)x) * 3, rgb, coverage);
}
