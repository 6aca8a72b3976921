/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/timechart.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	POINTS_MAX = JEM_SERIES_BUCKETS,
	COLUMNS_MAX = 4096,
	LINES_MAX = 24, /* of marks through the drawing area */
};

static const double left_margin = 48;
static const double right_margin = 12;
static const float text_size = 11;

/* A chart on its way to the canvas. */
struct drawing {
	struct jem_canvas *canvas;
	const struct jem_timechart *chart;
	struct jem_axis axis;
	double width;
	double x0; /* the area of the curves */
	double y0;
	double x1;
	double y1;
	bool has_limit; /* on the scale; else it is only told */
	struct jem_point points[JEM_CURVES_MAX][POINTS_MAX];
	size_t counts[JEM_CURVES_MAX];
	struct jem_xy path[2 * POINTS_MAX + 2];
};

double jem_timechart_left(void)
{
	return left_margin;
}

double jem_timechart_right(double width)
{
	return width - right_margin;
}

static struct jem_font font_of(enum jem_colour colour, float size, enum jem_anchor anchor)
{
	return (struct jem_font){ .paint = jem_paint(colour), .size = size, .anchor = anchor };
}

static double x_of(const struct drawing *d, double t_s)
{
	double span = fmax(d->chart->to_s - d->chart->from_s, 1e-9);

	return d->x0 + (t_s - d->chart->from_s) * (d->x1 - d->x0) / span;
}

static double y_of(const struct drawing *d, double value)
{
	return d->y1 - value * (d->y1 - d->y0) / d->axis.top;
}

static void read_points(struct drawing *d)
{
	const struct jem_timechart *chart = d->chart;
	size_t max = (size_t)fmax(16, fmin(POINTS_MAX, d->x1 - d->x0));
	double highest = 0;

	for (size_t i = 0; i < chart->curve_count; i++) {
		d->counts[i] = jem_series_points(chart->curves[i].series, chart->from_s,
						 chart->to_s, d->points[i], max);
		for (size_t k = 0; k < d->counts[i]; k++)
			highest = fmax(highest, d->points[i][k].max);
	}
	/* A limit far above would press the curves flat. */
	d->has_limit = chart->limit > 0 && chart->limit <= 4 * highest;
	jem_axis_init(&d->axis, chart->unit, d->has_limit ? fmax(highest, chart->limit) : highest,
		      5);
}

/* The items of the legend, one after the other, wrapped; returns the height. Draws if asked to. */
static double lay_legend(struct drawing *d, double top, bool is_drawn)
{
	static const double row = 17;
	const struct jem_timechart *chart = d->chart;
	struct jem_font name = font_of(JEM_COLOUR_ink, text_size, JEM_START);
	struct jem_font fact = font_of(JEM_COLOUR_muted, text_size, JEM_START);
	double x = d->x0;
	double y = top;

	for (size_t i = 0; i < chart->curve_count + (chart->limit > 0); i++) {
		bool is_limit = i == chart->curve_count;
		const struct jem_curve *curve = is_limit ? NULL : &chart->curves[i];
		const char *label = is_limit ? chart->limit_label : curve->label;
		struct jem_pen pen = { jem_paint(is_limit ? JEM_COLOUR_critical : curve->colour),
				       1.6f, is_limit ? JEM_DASHED : curve->dash };
		double min = 0;
		double max = 0;
		char value[32];
		char text[48];
		double width;

		if (!is_limit)
			jem_series_range(curve->series, &min, &max);
		jem_unit_format(chart->unit,
				is_limit           ? chart->limit
				: curve->shows_min ? min
						   : max,
				value, sizeof(value));
		snprintf(text, sizeof(text), "%s%s",
			 is_limit           ? ""
			 : curve->shows_min ? "min "
					    : "max ",
			 value);
		width = 22 + jem_canvas_text_width(d->canvas, label, &name) + 5 +
			jem_canvas_text_width(d->canvas, text, &fact) + 16;
		if (x > d->x0 && x + width - 16 > d->x1) {
			x = d->x0;
			y += row;
		}
		if (is_drawn) {
			jem_canvas_line(d->canvas, x, y + 8, x + 17.6, y + 8, &pen);
			jem_canvas_text(d->canvas, x + 22, y + 12, label, &name);
			jem_canvas_text(d->canvas,
					x + 27 + jem_canvas_text_width(d->canvas, label, &name),
					y + 12, text, &fact);
		}
		x += width;
	}
	return y + row - top;
}

static void draw_axes(struct drawing *d)
{
	const struct jem_timechart *chart = d->chart;
	struct jem_font left = font_of(JEM_COLOUR_muted, text_size, JEM_END);
	struct jem_font below = font_of(JEM_COLOUR_muted, text_size, JEM_MIDDLE);
	struct jem_font unit = font_of(JEM_COLOUR_muted, text_size, JEM_END);
	struct jem_pen rule = { jem_paint(JEM_COLOUR_rule), 1, JEM_SOLID };
	struct jem_pen axis = { jem_paint(JEM_COLOUR_axis), 1, JEM_SOLID };
	double span = chart->to_s - chart->from_s;
	double step = jem_time_step(span, (unsigned)fmax(2, (d->x1 - d->x0) / 72));
	char label[32];

	for (double value = 0; value <= d->axis.top * (1 + 1e-9); value += d->axis.step) {
		double y = round(y_of(d, value)) + 0.5;

		if (value > 0)
			jem_canvas_line(d->canvas, d->x0, y, d->x1, y, &rule);
		jem_axis_label(&d->axis, value, label, sizeof(label));
		jem_canvas_text(d->canvas, d->x0 - 6, y + 4, label, &left);
	}
	jem_canvas_text(d->canvas, d->x0 - 6, d->y0 - 9, d->axis.unit, &unit);
	for (double t = ceil((chart->from_s - chart->origin_s) / step - 1e-9) * step;
	     t <= chart->to_s - chart->origin_s + span * 1e-9; t += step) {
		double x = round(x_of(d, chart->origin_s + t)) + 0.5;

		jem_canvas_line(d->canvas, x, d->y1, x, d->y1 + 4, &axis);
		jem_time_label(t, step, span, label, sizeof(label));
		if (x + jem_canvas_text_width(d->canvas, label, &below) / 2 <= d->width)
			jem_canvas_text(d->canvas, x, d->y1 + 16, label, &below);
	}
	jem_canvas_line(d->canvas, d->x0, round(d->y1) + 0.5, d->x1, round(d->y1) + 0.5, &axis);
}

/* Marks the columns over which a curve goes. */
static void cover(const struct drawing *d, size_t curve, bool *columns, size_t count)
{
	for (size_t k = 0; k < d->counts[curve]; k++) {
		const struct jem_point *point = &d->points[curve][k];
		bool goes_on = k && !point->after_gap;
		double from = x_of(d, goes_on ? point[-1].t1_s : point->t0_s) - d->x0;
		double to = x_of(d, point->t1_s) - d->x0;

		for (double x = fmax(0, floor(from)); x <= to && x < (double)count; x++)
			columns[(size_t)x] = true;
	}
}

static void draw_gap(struct drawing *d, double x, double w)
{
	struct jem_paint shade = jem_paint(JEM_COLOUR_shade);
	struct jem_font font = font_of(JEM_COLOUR_muted, text_size, JEM_MIDDLE);
	char length[48];
	char tooltip[80];

	jem_duration_format(w * (d->chart->to_s - d->chart->from_s) / (d->x1 - d->x0), length,
			    sizeof(length));
	snprintf(tooltip, sizeof(tooltip), "no data for about %s", length);
	jem_canvas_group_begin(d->canvas, tooltip, NULL, 0);
	jem_canvas_rect(d->canvas, x, d->y0, w, d->y1 - d->y0, &shade);
	if (w > jem_canvas_text_width(d->canvas, "no data", &font) + 8)
		jem_canvas_text(d->canvas, x + w / 2, (d->y0 + d->y1) / 2 + 4, "no data", &font);
	jem_canvas_group_end(d->canvas);
}

/* Shades where every curve has a gap. */
static void draw_gaps(struct drawing *d)
{
	bool columns[COLUMNS_MAX] = { false };
	size_t count = (size_t)fmax(0, fmin(COLUMNS_MAX, ceil(d->x1 - d->x0)));
	size_t gap = count; /* first column of the one at hand */
	bool has_begun = false;

	for (size_t i = 0; i < d->chart->curve_count; i++)
		cover(d, i, columns, count);
	for (size_t x = 0; x < count; x++) {
		if (columns[x] && gap < x)
			draw_gap(d, d->x0 + (double)gap, (double)(x - gap));
		if (columns[x])
			gap = count;
		else if (has_begun && gap == count)
			gap = x;
		has_begun = has_begun || columns[x];
	}
}

/* The extremes of points first to end - 1 as one closed shape. */
static void draw_band(struct drawing *d, const struct jem_point *points, size_t first, size_t end,
		      enum jem_colour colour)
{
	struct jem_paint paint = jem_paint_tint(colour, 0.25);
	bool has_several = false;
	size_t n = 0;

	for (size_t k = first; k < end; k++) {
		has_several = has_several || points[k].max > points[k].min;
		d->path[n++] = (struct jem_xy){ x_of(d, points[k].t_s), y_of(d, points[k].max) };
	}
	for (size_t k = end; k-- > first;)
		d->path[n++] = (struct jem_xy){ x_of(d, points[k].t_s), y_of(d, points[k].min) };
	if (has_several)
		jem_canvas_polygon(d->canvas, d->path, n, &paint);
}

/* Points first to end - 1, between which there is no gap. */
static void draw_run(struct drawing *d, const struct jem_curve *curve,
		     const struct jem_point *points, size_t first, size_t end)
{
	struct jem_paint fill = jem_paint_tint(curve->colour, 0.12);
	struct jem_pen pen = { jem_paint(curve->colour), 1.6f, curve->dash };
	size_t n = 0;

	draw_band(d, points, first, end, curve->colour);
	/* The ends of the run are those of its samples, not the middles of its points. */
	for (size_t k = first; k < end; k++)
		d->path[n++] = (struct jem_xy){ x_of(d, k == first     ? points[k].t0_s
							: k + 1 == end ? points[k].t1_s
								       : points[k].t_s),
						y_of(d, points[k].mean) };
	if (n == 1) {
		d->path[0].x -= 1.5;
		d->path[1] = (struct jem_xy){ d->path[0].x + 3, d->path[0].y };
		n = 2;
	}
	jem_canvas_polyline(d->canvas, d->path, n, &pen);
	if (!curve->is_filled)
		return;
	d->path[n] = (struct jem_xy){ d->path[n - 1].x, d->y1 };
	d->path[n + 1] = (struct jem_xy){ d->path[0].x, d->y1 };
	jem_canvas_polygon(d->canvas, d->path, n + 2, &fill);
}

static void draw_curve(struct drawing *d, size_t i)
{
	const struct jem_curve *curve = &d->chart->curves[i];
	const struct jem_point *points = d->points[i];
	const struct jem_fact facts[] = { { "name", curve->label },
					  { "colour", jem_colour_name(curve->colour) } };
	size_t first = 0;

	jem_canvas_group_begin(d->canvas, NULL, facts, 2);
	for (size_t k = 1; k <= d->counts[i]; k++)
		if (k == d->counts[i] || points[k].after_gap) {
			draw_run(d, curve, points, first, k);
			first = k;
		}
	jem_canvas_group_end(d->canvas);
}

static void draw_limit(struct drawing *d)
{
	struct jem_pen pen = { jem_paint(JEM_COLOUR_critical), 1.2f, JEM_DASHED };
	double y = y_of(d, d->chart->limit);

	if (d->has_limit)
		jem_canvas_line(d->canvas, d->x0, y, d->x1, y, &pen);
}

static void draw_marks(struct drawing *d, const struct jem_placed_mark *placed, size_t count,
		       double lowest_y)
{
	for (size_t i = 0; i < count; i++) {
		const struct jem_placed_mark *place = &placed[i];
		struct jem_pen pen = { jem_paint(place->mark->colour), 1, JEM_DOTTED };
		struct jem_font font = font_of(place->mark->colour, text_size, JEM_START);
		/* Many lines would hide the curves: then they end above them. */
		double y1 = count > LINES_MAX ? d->y0 : d->y1;
		double y0 = d->y0 - 6;

		if (place->x < d->x0 + 1 && !d->chart->is_alone)
			continue; /* on the axis: every job starts there */
		jem_canvas_group_begin(d->canvas, place->tooltip, NULL, 0);
		if (place->lane >= 0) {
			double y = lowest_y - 14 * place->lane;

			jem_canvas_text(d->canvas, place->label_x + 4, y, place->label, &font);
			y0 = y + 3;
		}
		jem_canvas_line(d->canvas, place->x, y0, place->x, y1, &pen);
		jem_canvas_group_end(d->canvas);
	}
}

/* What scripts need to read values off the curves. */
static void begin_plot(struct drawing *d)
{
	static const char *const units[] = {
		[JEM_UNIT_cores] = "cores",
		[JEM_UNIT_bytes] = "bytes",
		[JEM_UNIT_bytes_per_s] = "bytes_per_s",
		[JEM_UNIT_count] = "count",
		[JEM_UNIT_load] = "load",
		[JEM_UNIT_part] = "part",
	};
	char texts[6][32];
	const double numbers[] = { d->x0, d->x1,       d->y0,
				   d->y1, d->axis.top, d->chart->to_s - d->chart->from_s };
	const char *const keys[] = { "x0", "x1", "y0", "y1", "top", "span" };
	struct jem_fact facts[8] = { { "unit", units[d->chart->unit] } };
	char from[32];

	for (int i = 0; i < 6; i++) {
		snprintf(texts[i], sizeof(texts[i]), "%.10g", numbers[i]);
		facts[i + 1] = (struct jem_fact){ keys[i], texts[i] };
	}
	snprintf(from, sizeof(from), "%.10g", d->chart->from_s - d->chart->origin_s);
	facts[7] = (struct jem_fact){ "from", from };
	jem_canvas_group_begin(d->canvas, NULL, facts, 8);
}

/* What the picture says, for who cannot see it. */
static void describe(const struct jem_timechart *chart, char *text, size_t size)
{
	size_t len = 0;

	*text = '\0';
	for (size_t i = 0; i < chart->curve_count && len < size; i++) {
		const struct jem_series *series = chart->curves[i].series;
		char low[32];
		char high[32];
		double min = 0;
		double max = 0;

		jem_series_range(series, &min, &max);
		jem_unit_format(chart->unit, min, low, sizeof(low));
		jem_unit_format(chart->unit, max, high, sizeof(high));
		len += (size_t)snprintf(text + len, size - len, "%s%s from %s to %s",
					len ? "; " : "", chart->curves[i].label, low, high);
	}
	if (chart->limit > 0 && len < size) {
		char limit[32];

		jem_unit_format(chart->unit, chart->limit, limit, sizeof(limit));
		snprintf(text + len, size - len, "; %s %s", chart->limit_label, limit);
	}
}

static void draw_head(struct drawing *d, double height)
{
	const struct jem_timechart *chart = d->chart;
	struct jem_paint paper = jem_paint(JEM_COLOUR_paper);
	struct jem_font title = font_of(JEM_COLOUR_ink, 15, JEM_START);
	struct jem_font note = font_of(JEM_COLOUR_muted, text_size, JEM_END);
	char text[160];

	jem_canvas_rect(d->canvas, 0, 0, d->width, height, &paper);
	title.is_bold = true;
	jem_canvas_text(d->canvas, d->x0, 24, chart->title, &title);
	if (!chart->subtitle)
		return;
	jem_canvas_fit_text(d->canvas, chart->subtitle,
			    d->x1 - d->x0 - 24 -
				    jem_canvas_text_width(d->canvas, chart->title, &title),
			    &note, text, sizeof(text));
	jem_canvas_text(d->canvas, d->x1, 24, text, &note);
}

void jem_timechart_draw(struct jem_canvas *canvas, const struct jem_timechart *chart, double width,
			double height)
{
	struct drawing *d = calloc(1, sizeof(*d));
	struct jem_placed_mark *placed = calloc(JEM_CHART_MARKS_MAX, sizeof(*placed));
	struct jem_mark_layout layout;
	double top = chart->is_alone ? 34 : 2;
	double lanes;
	char description[1024];
	size_t marks;

	if (!d || !placed) {
		canvas->error = -ENOMEM;
		goto out;
	}
	*d = (struct drawing){ .canvas = canvas, .chart = chart, .width = width };
	d->x0 = left_margin;
	d->x1 = jem_timechart_right(width);
	layout = (struct jem_mark_layout){
		.x0 = d->x0,
		.x1 = d->x1,
		.from_s = chart->from_s,
		.to_s = chart->to_s,
		.origin_s = chart->origin_s,
		.lanes = chart->is_alone ? 2 : 0,
		.min_gap = 4,
		.label_max = 140,
		.is_brief = !chart->is_alone,
		.font = font_of(JEM_COLOUR_ink, text_size, JEM_START),
	};
	marks = jem_marks_place(canvas, chart->marks, chart->mark_count, &layout, placed,
				JEM_CHART_MARKS_MAX);
	lanes = chart->is_alone && marks ? 30 : 0;
	d->y0 = top + lay_legend(d, top, false) + lanes + 18;
	d->y1 = fmax(d->y0 + 60, height - (chart->is_alone ? 40 : 22));
	height = d->y1 + (chart->is_alone ? 40 : 22);
	read_points(d);
	describe(chart, description, sizeof(description));
	jem_canvas_page(canvas, width, height, chart->title, description);
	if (chart->is_alone)
		draw_head(d, height);
	lay_legend(d, top, true);
	begin_plot(d);
	draw_gaps(d);
	draw_axes(d);
	jem_canvas_clip_begin(canvas, d->x0, d->y0 - 1, d->x1 - d->x0, d->y1 - d->y0 + 2);
	for (size_t i = chart->curve_count; i-- > 0;)
		draw_curve(d, i);
	draw_limit(d);
	jem_canvas_clip_end(canvas);
	draw_marks(d, placed, marks, d->y0 - 22);
	jem_canvas_group_end(canvas);
	if (chart->is_alone) {
		struct jem_font note = font_of(JEM_COLOUR_muted, text_size, JEM_END);

		jem_canvas_text(canvas, d->x1, d->y1 + 32, "time since the start", &note);
	}
out:
	free(placed);
	free(d);
}
