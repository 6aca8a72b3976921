/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/call_chart.h"

#include "receiver/calls/hue.h"
#include "receiver/graph/axis.h"
#include "receiver/graph/timechart.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum {
	TOOLTIP_SIZE = JEM_NAME_TABLE_LENGTH + 160
};

static const double bar_height = 8;
static const double band_gap = 7;
static const double title_height = 40;
static const double axis_height = 20;
static const double note_height = 16;
static const double column_least = 3;
static const double tooltip_from = 5; /* width from which a bar has a tooltip */
static const float text_size = 11;

struct chart {
	struct jem_canvas *canvas;
	const struct jem_recent *recent;
	const struct jem_call_chart_view *view;
	double x0;
	double x1;
	const struct jem_recent_thread *threads[JEM_CALL_CHART_THREADS];
	size_t thread_count;
	size_t left_out;
	int stride; /* bins of a column */
	double column_us;
};

static double busy_us(const struct jem_recent_thread *thread)
{
	double sum = 0;

	for (int level = 0; level < JEM_RECENT_LEVELS; level++)
		for (int i = 0; thread->levels[level] && i < JEM_RECENT_BINS; i++)
			sum += (double)thread->levels[level][i].busy_us;
	return sum;
}

static bool has_any(const struct jem_recent_thread *thread)
{
	return jem_recent_innermost(thread) || busy_us(thread) > 0;
}

bool jem_call_chart_has_data(const struct jem_recent *recent)
{
	for (size_t i = 0; i < recent->thread_count; i++)
		if (has_any(recent->threads[i]))
			return true;
	return false;
}

/* The threads with most records, in the order in which they came. */
static void choose_threads(struct chart *chart)
{
	const struct jem_recent *recent = chart->recent;

	for (size_t i = 0; i < recent->thread_count; i++) {
		size_t busier = 0;

		if (!has_any(recent->threads[i]))
			continue;
		for (size_t k = 0; k < recent->thread_count; k++)
			busier +=
				has_any(recent->threads[k]) &&
				(recent->threads[k]->calls > recent->threads[i]->calls ||
				 (recent->threads[k]->calls == recent->threads[i]->calls && k < i));
		if (busier < chart->view->threads)
			chart->threads[chart->thread_count++] = recent->threads[i];
		else
			chart->left_out++;
	}
}

static double x_of(const struct chart *chart, double t_us)
{
	const struct jem_call_chart_view *view = chart->view;
	double part = (t_us * 1e-6 - view->from_s) / fmax(view->to_s - view->from_s, 1e-9);

	return chart->x0 + fmax(0, fmin(1, part)) * (chart->x1 - chart->x0);
}

static unsigned level_count(const struct jem_recent_thread *thread)
{
	unsigned levels = 1;

	for (unsigned level = 0; level < JEM_RECENT_LEVELS; level++)
		if (thread->levels[level] ||
		    (level < thread->depth && thread->open[level].function != JEM_NAME_NONE))
			levels = level + 1;
	return levels;
}

static void format_tooltip(const struct chart *chart, uint32_t function, double from_us,
			   double to_us, double busy, char ret[TOOLTIP_SIZE])
{
	char at[48];
	char length[48];

	jem_duration_format(fmax(from_us * 1e-6 - chart->view->from_s, 0), at, sizeof(at));
	jem_duration_format((to_us - from_us) * 1e-6, length, sizeof(length));
	snprintf(ret, TOOLTIP_SIZE, "%s\nfrom %s on, for %s, %.0f\u202f%% of it",
		 jem_name_table_at(&chart->recent->names, function), at, length,
		 100 * fmin(busy / fmax(to_us - from_us, 1), 1));
}

/* One run of columns with the same function; how much of it was busy shows in its strength. */
static void draw_run(const struct chart *chart, double y, const struct jem_recent_bin *columns,
		     int from, int to)
{
	const struct jem_recent *recent = chart->recent;
	double from_us = (double)recent->from_us + from * chart->column_us;
	double to_us = (double)recent->from_us + to * chart->column_us;
	double x = x_of(chart, from_us);
	double w = fmax(x_of(chart, to_us) - x, 0.5);
	uint32_t function = columns[from].function;
	struct jem_paint paint = jem_call_paint(jem_name_table_at(&recent->names, function));
	char tooltip[TOOLTIP_SIZE];
	double busy = 0;

	for (int i = from; i < to; i++)
		busy += (double)columns[i].busy_us;
	paint.opacity = (float)(0.35 + 0.6 * fmin(busy / (to_us - from_us), 1));
	if (w >= tooltip_from) {
		format_tooltip(chart, function, from_us, to_us, busy, tooltip);
		jem_canvas_group_begin(chart->canvas, tooltip, NULL, 0);
	}
	jem_canvas_rect(chart->canvas, x, y, w, bar_height - 1, &paint);
	if (w >= tooltip_from)
		jem_canvas_group_end(chart->canvas);
}

/* Columns go together while the function is the same and as much of them is busy. */
static bool is_alike(const struct chart *chart, const struct jem_recent_bin *a,
		     const struct jem_recent_bin *b)
{
	return b->busy_us > 0 && a->function == b->function &&
	       fabs((double)a->busy_us - (double)b->busy_us) < 0.25 * chart->column_us;
}

static void draw_level(const struct chart *chart, const struct jem_recent_bin *bins, double y)
{
	struct jem_recent_bin columns[JEM_RECENT_BINS] = { 0 };

	for (int i = 0; i < JEM_RECENT_BINS; i++)
		if (bins[i].busy_us > 0)
			jem_recent_merge(&columns[i / chart->stride], &bins[i]);
	for (int i = 0; i < JEM_RECENT_BINS; i++) {
		int to = i + 1;

		if (!(columns[i].busy_us > 0))
			continue;
		while (to < JEM_RECENT_BINS && is_alike(chart, &columns[i], &columns[to]))
			to++;
		draw_run(chart, y, columns, i, to);
		i = to - 1;
	}
}

/* Columns narrower than this would only make the file larger. */
static void set_columns(struct chart *chart)
{
	double bin_us = (double)chart->recent->bin_us;
	double span_us = fmax(chart->view->to_s - chart->view->from_s, 1e-9) * 1e6;
	double stride = ceil(column_least / fmax(bin_us / span_us * (chart->x1 - chart->x0), 1e-9));

	chart->stride = (int)fmax(1, fmin(stride, JEM_RECENT_BINS));
	chart->column_us = bin_us * chart->stride;
}

/* A call that has not returned reaches to the end of what is known. */
static void draw_open(const struct chart *chart, const struct jem_recent_open *open, double y)
{
	const char *name = jem_name_table_at(&chart->recent->names, open->function);
	struct jem_paint paint = jem_call_paint(name);
	double end_us = fmax((double)chart->recent->last_us, (double)open->t_us);
	double x = x_of(chart, (double)open->t_us);
	char since[48];
	char tooltip[TOOLTIP_SIZE];

	paint.opacity = 0.95f;
	jem_duration_format((end_us - (double)open->t_us) * 1e-6, since, sizeof(since));
	snprintf(tooltip, sizeof(tooltip), "%s\nnot returned, for %s", name, since);
	jem_canvas_group_begin(chart->canvas, tooltip, NULL, 0);
	jem_canvas_rect(chart->canvas, x, y, fmax(x_of(chart, end_us) - x, 0.5), bar_height - 1,
			&paint);
	jem_canvas_group_end(chart->canvas);
}

static double draw_thread(const struct chart *chart, const struct jem_recent_thread *thread,
			  double y)
{
	const struct jem_font font = { .paint = jem_paint(JEM_COLOUR_muted),
				       .size = text_size,
				       .anchor = JEM_END };
	const struct jem_paint ground = jem_paint(JEM_COLOUR_shade);
	unsigned levels = level_count(thread);
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, thread->tid);
	jem_canvas_text(chart->canvas, chart->x0 - 6, y + bar_height, text, &font);
	jem_canvas_rect(chart->canvas, chart->x0, y, chart->x1 - chart->x0, bar_height * levels,
			&ground);
	for (unsigned level = 0; level < levels; level++) {
		double top = y + bar_height * level;

		if (thread->levels[level])
			draw_level(chart, thread->levels[level], top);
		if (level < thread->depth && thread->open[level].function != JEM_NAME_NONE)
			draw_open(chart, &thread->open[level], top);
	}
	return y + bar_height * levels + band_gap;
}

static void draw_axis(const struct chart *chart, double top, double bottom)
{
	const struct jem_call_chart_view *view = chart->view;
	struct jem_font font = { .paint = jem_paint(JEM_COLOUR_muted),
				 .size = text_size,
				 .anchor = JEM_MIDDLE };
	struct jem_pen pen = { jem_paint(JEM_COLOUR_axis), 0.5f, JEM_SOLID };
	double span = view->to_s - view->from_s;
	double step = jem_time_step(span, (unsigned)fmax((chart->x1 - chart->x0) / 90, 2));
	char text[48];

	jem_canvas_line(chart->canvas, chart->x0, bottom, chart->x1, bottom, &pen);
	pen.paint = jem_paint(JEM_COLOUR_rule);
	for (int i = 0; i * step <= span; i++) {
		double x = x_of(chart, (view->from_s + i * step) * 1e6);

		jem_canvas_line(chart->canvas, x, top, x, bottom, &pen);
		jem_time_label(i * step, step, span, text, sizeof(text));
		font.anchor = i ? x > chart->x1 - 20 ? JEM_END : JEM_MIDDLE : JEM_START;
		jem_canvas_text(chart->canvas, x, bottom + 14, text, &font);
	}
}

static void draw_note(const struct chart *chart, double y)
{
	const struct jem_font font = { .paint = jem_paint(JEM_COLOUR_muted), .size = text_size };
	uint64_t more = chart->left_out + chart->recent->threads_forgotten;
	char text[96];

	if (!more)
		return;
	snprintf(text, sizeof(text), "%" PRIu64 " more thread%s not drawn", more,
		 more == 1 ? " is" : "s are");
	jem_canvas_text(chart->canvas, chart->x0, y + 11, text, &font);
}

static void draw_title(const struct chart *chart)
{
	const struct jem_font bold = { .paint = jem_paint(JEM_COLOUR_ink),
				       .size = 15,
				       .is_bold = true };
	const struct jem_paint ground = jem_paint(JEM_COLOUR_paper);
	struct jem_canvas *canvas = chart->canvas;
	char text[200];

	jem_canvas_rect(canvas, 0, 0, canvas->width, canvas->height, &ground);
	jem_canvas_fit_text(canvas, chart->view->title, canvas->width - 24, &bold, text,
			    sizeof(text));
	jem_canvas_text(canvas, 12, 26, text, &bold);
}

void jem_call_chart_draw(struct jem_canvas *canvas, const struct jem_recent *recent,
			 const struct jem_call_chart_view *view)
{
	struct chart chart = { .canvas = canvas,
			       .recent = recent,
			       .view = view,
			       .x0 = jem_timechart_left(),
			       .x1 = jem_timechart_right(view->width) };
	double top = view->is_alone ? title_height : 4;
	double bottom = top;
	double y = top;

	choose_threads(&chart);
	set_columns(&chart);
	for (size_t i = 0; i < chart.thread_count; i++)
		bottom += bar_height * level_count(chart.threads[i]) + band_gap;
	jem_canvas_page(canvas, view->width,
			bottom + axis_height +
				(chart.left_out + recent->threads_forgotten ? note_height : 2),
			"Calls over time", "Which functions ran when, a band for each thread");
	if (view->is_alone)
		draw_title(&chart);
	draw_axis(&chart, top, bottom);
	for (size_t i = 0; i < chart.thread_count; i++)
		y = draw_thread(&chart, chart.threads[i], y);
	draw_note(&chart, bottom + axis_height);
}
