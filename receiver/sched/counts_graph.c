/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/sched/counts_graph.h"

#include "receiver/sched/frame.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	COLUMNS_MAX = 16384,
	POINTS = 6, /* of a column: as a step, or its extremes */
};

static const double note_height = 16;
static const double strip_height = 7;

struct counts_drawing {
	struct jem_frame frame;
	struct jem_counts_column *columns; /* owned */
	struct jem_xy *points;             /* owned */
	size_t count;                      /* of columns */
	double column;                     /* points wide */
	double top;                        /* value at y0 */
	double floor_y;                    /* y of 0, above the strip */
};

static double y_of(const struct counts_drawing *d, double value)
{
	return d->floor_y - value / d->top * (d->floor_y - d->frame.y0);
}

static double x_of(const struct counts_drawing *d, double column)
{
	return fmin(d->frame.x0 + column * d->column, jem_frame_end(&d->frame));
}

/* The line through a curve: steps where a column has few, else from its least to its most. */
static size_t trace_line(struct counts_drawing *d, bool is_runnable, size_t first, size_t end)
{
	size_t n = 0;

	for (size_t c = first; c < end; c++) {
		const struct jem_counts_column *column = &d->columns[c];
		double from = is_runnable ? column->runnable_first : column->running_first;
		double to = is_runnable ? column->runnable_last : column->running_last;
		double min = is_runnable ? column->runnable_min : column->running_min;
		double max = is_runnable ? column->runnable_max : column->running_max;
		double x = (double)c;

		d->points[n++] = (struct jem_xy){ x_of(d, x), y_of(d, from) };
		if (column->step_count > 1) {
			d->points[n++] = (struct jem_xy){ x_of(d, x + 0.5), y_of(d, from) };
			if (min < fmin(from, to))
				d->points[n++] = (struct jem_xy){ x_of(d, x + 0.5), y_of(d, min) };
			if (max > fmax(from, to))
				d->points[n++] = (struct jem_xy){ x_of(d, x + 0.5), y_of(d, max) };
			d->points[n++] = (struct jem_xy){ x_of(d, x + 0.5), y_of(d, to) };
		}
		d->points[n++] = (struct jem_xy){ x_of(d, x + 1), y_of(d, to) };
	}
	return n;
}

/* The area under the mean of a curve: down to 0 the running, down to these those who wait. */
static void fill_area(struct counts_drawing *d, bool is_runnable, size_t first, size_t end)
{
	enum jem_colour colour = is_runnable ? JEM_COLOUR_critical : JEM_COLOUR_good;
	struct jem_paint fill = jem_paint_tint(colour, is_runnable ? 0.35 : 0.3);
	size_t n = 0;

	for (size_t c = first; c < end; c++) {
		double mean = is_runnable ? d->columns[c].runnable : d->columns[c].running;

		d->points[n++] = (struct jem_xy){ x_of(d, (double)c), y_of(d, mean) };
		d->points[n++] = (struct jem_xy){ x_of(d, (double)c + 1), y_of(d, mean) };
	}
	for (size_t c = end; is_runnable && c-- > first;) {
		double mean = d->columns[c].running;

		d->points[n++] = (struct jem_xy){ x_of(d, (double)c + 1), y_of(d, mean) };
		d->points[n++] = (struct jem_xy){ x_of(d, (double)c), y_of(d, mean) };
	}
	if (!is_runnable) {
		d->points[n++] = (struct jem_xy){ x_of(d, (double)end), d->floor_y };
		d->points[n++] = (struct jem_xy){ x_of(d, (double)first), d->floor_y };
	}
	jem_canvas_polygon(d->frame.canvas, d->points, n, &fill);
}

static void draw_curve(struct counts_drawing *d, bool is_runnable, size_t first, size_t end)
{
	enum jem_colour colour = is_runnable ? JEM_COLOUR_critical : JEM_COLOUR_good;
	struct jem_pen pen = { jem_paint(colour), 1.1f, JEM_SOLID };
	size_t n;

	fill_area(d, is_runnable, first, end);
	n = trace_line(d, is_runnable, first, end);
	jem_canvas_polyline(d->frame.canvas, d->points, n, &pen);
}

static void draw_strip(struct counts_drawing *d)
{
	struct jem_paint paints[] = { jem_paint(JEM_COLOUR_critical),
				      jem_paint_tint(JEM_COLOUR_critical, 0.3) };
	double y = d->frame.y1 - strip_height / 2 - 1;

	for (int kind = 0; kind < 2; kind++)
		for (size_t c = 0; c < d->count; c++) {
			size_t first = c;
			struct jem_bar bar;

			while (c < d->count &&
			       (kind ? d->columns[c].waits_above && !d->columns[c].waits_below
				     : d->columns[c].waits_below))
				c++;
			bar = (struct jem_bar){ x_of(d, (double)first), x_of(d, (double)c), y };
			if (c > first)
				jem_canvas_bars(d->frame.canvas, &bar, 1, strip_height,
						&paints[kind]);
		}
}

static void draw_axis(const struct counts_drawing *d)
{
	const struct jem_frame *frame = &d->frame;
	struct jem_font font = jem_frame_font(JEM_COLOUR_muted, JEM_END);
	struct jem_font name = jem_frame_font(JEM_COLOUR_muted, JEM_MIDDLE);
	struct jem_pen rule = { jem_paint(JEM_COLOUR_rule), 0.6f, JEM_SOLID };
	double step = 1;
	char text[32];

	for (int i = 0; d->top / step > 8; i++)
		step *= i % 3 == 1 ? 2.5 : 2;
	for (double value = 0; value <= d->top; value += step) {
		double y = y_of(d, value);

		jem_canvas_line(frame->canvas, frame->x0, y, frame->x1, y, &rule);
		snprintf(text, sizeof(text), "%.0f", value);
		jem_canvas_text(frame->canvas, frame->x0 - 5, y + 3.3, text, &font);
	}
	name.is_upright = true;
	jem_canvas_text(frame->canvas, 16, (frame->y0 + frame->y1) / 2, "tasks", &name);
}

static void draw_cores(const struct counts_drawing *d)
{
	const struct jem_frame *frame = &d->frame;
	struct jem_pen pen = { jem_paint(JEM_COLOUR_ink), 1.2f, JEM_DOTTED };
	struct jem_font font = jem_frame_font(JEM_COLOUR_ink, JEM_END);
	double y = y_of(d, frame->view->core_count);
	char text[32];

	snprintf(text, sizeof(text), "%u cores", frame->view->core_count);
	jem_canvas_line(frame->canvas, frame->x0, y, frame->x1, y, &pen);
	jem_canvas_text(frame->canvas, frame->x1 - 2, y - 3, text, &font);
}

static void draw_note(const struct counts_drawing *d, double y)
{
	static const struct {
		enum jem_colour colour;
		double opacity;
		const char *text;
	} items[] = {
		{ JEM_COLOUR_good, 1, "running" },
		{ JEM_COLOUR_critical, 1, "runnable: running or waiting for a core" },
		{ JEM_COLOUR_critical, 1, "strip: waits while fewer run than there are cores" },
		{ JEM_COLOUR_critical, 0.3, "strip, pale: waits while all cores are taken" },
	};
	struct jem_font font = jem_frame_font(JEM_COLOUR_muted, JEM_START);
	double x = d->frame.x0;

	for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++) {
		struct jem_paint paint = jem_paint_tint(items[i].colour, items[i].opacity);
		double thickness = i < 2 ? 2 : strip_height;

		jem_canvas_rect(d->frame.canvas, x, y - 3.5 - thickness / 2, 14, thickness, &paint);
		jem_canvas_text(d->frame.canvas, x + 18, y, items[i].text, &font);
		x += 32 + jem_canvas_text_width(d->frame.canvas, items[i].text, &font);
	}
}

static void draw_all(struct counts_drawing *d)
{
	const struct jem_sched_view *view = d->frame.view;
	size_t first = 0;
	double y;

	jem_counts_columns(view->counts, view->select.from_ns, view->select.to_ns,
			   d->frame.span_ns / (double)d->count, view->core_count, d->columns,
			   d->count);
	jem_frame_seconds(&d->frame);
	draw_axis(d);
	jem_frame_marks(&d->frame);
	for (int is_green = 0; is_green < 2; is_green++)
		for (size_t c = 0; c <= d->count; c++) {
			if (c < d->count && d->columns[c].step_count)
				continue;
			if (c > first)
				draw_curve(d, !is_green, first, c);
			first = c == d->count ? 0 : c + 1;
		}
	draw_strip(d);
	draw_cores(d);
	y = d->frame.y1 + 32 + note_height / 2;
	draw_note(d, y);
	jem_frame_mark_texts(&d->frame, y + 4);
}

void jem_counts_graph_draw(struct jem_canvas *canvas, const struct jem_sched_view *view)
{
	struct counts_drawing d = { .count = view->columns };
	char description[128];
	double most = fmax(view->counts->runnable_max, view->core_count);

	snprintf(description, sizeof(description), "At most %u tasks run and %u could, on %u cores",
		 view->counts->running_max, view->counts->runnable_max, view->core_count);
	jem_frame_begin(&d.frame, canvas, view, note_height + jem_frame_mark_height(view),
			description);
	d.floor_y = d.frame.y1 - strip_height - 4;
	d.top = fmax(1, most) * 1.08;
	if (!d.count)
		d.count = (size_t)fmax(1, d.frame.x1 - d.frame.x0);
	if (d.count > COLUMNS_MAX)
		d.count = COLUMNS_MAX;
	d.column = (d.frame.x1 - d.frame.x0) / (double)d.count;
	d.columns = calloc(d.count, sizeof(*d.columns));
	d.points = calloc(d.count * POINTS + 2, sizeof(*d.points));
	if (d.columns && d.points)
		draw_all(&d);
	else
		canvas->error = -ENOMEM;
	free(d.columns);
	free(d.points);
}
