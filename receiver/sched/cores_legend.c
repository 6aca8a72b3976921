/* SPDX-License-Identifier: Apache-2.0 */
/* cores_legend: commands with their first and last execution, time, switches and PIDs, as in RR-9498 figure 9. */
#include "receiver/sched/cores_internal.h"

#include <math.h>
#include <stdio.h>

enum {
	ROWS_MAX = 32,
};

static const double line = 13;
static const double least_width = 380; /* of a column of the legend */

static size_t rows_shown(const struct jem_sched_view *view)
{
	return view->legend_count < ROWS_MAX ? view->legend_count : ROWS_MAX;
}

static size_t column_count(const struct jem_sched_view *view)
{
	double width = view->width - 68;

	return (size_t)fmax(1, floor(width / least_width));
}

static size_t lines_of(const struct jem_sched_view *view)
{
	size_t columns = column_count(view);

	return (rows_shown(view) + columns - 1) / columns;
}

double jem_cores_legend_height(const struct jem_sched_view *view)
{
	if (!view->legend_count)
		return 0;
	return line * (double)(lines_of(view) + 1 + (view->legend_count > ROWS_MAX)) + 10;
}

/* Where the cells of a row end, from its left; the command begins at 14. */
static const double ends[] = { 205, 262, 315, 360 };

static void draw_heads(const struct jem_frame *frame, double x, double y)
{
	static const char *const heads[] = { "first\u2013last s", "total s", "switches", "PIDs" };
	struct jem_font font = jem_frame_font(JEM_COLOUR_muted, JEM_START);

	jem_canvas_text(frame->canvas, x + 14, y, "command", &font);
	font.anchor = JEM_END;
	for (int i = 0; i < 4; i++)
		jem_canvas_text(frame->canvas, x + ends[i], y, heads[i], &font);
}

static void draw_row(const struct jem_frame *frame, const struct jem_sched_legend_row *row,
		     double x, double y)
{
	struct jem_font font = jem_frame_font(JEM_COLOUR_ink, JEM_START);
	struct jem_paint paint = jem_tint_paint(row->tint);
	char cells[4][48];
	char name[64];

	snprintf(cells[0], sizeof(cells[0]), "%.4f\u2013%.4f", row->first_s, row->last_s);
	snprintf(cells[1], sizeof(cells[1]), row->run_s < 0.1 ? "%.5f" : "%.2f", row->run_s);
	snprintf(cells[2], sizeof(cells[2]), "%llu", (unsigned long long)row->switches);
	snprintf(cells[3], sizeof(cells[3]), "%llu", (unsigned long long)row->pids);
	jem_canvas_rect(frame->canvas, x, y - 7, 9, 7, &paint);
	jem_canvas_fit_text(frame->canvas, row->comm, 90, &font, name, sizeof(name));
	jem_canvas_text(frame->canvas, x + 14, y, name, &font);
	font.anchor = JEM_END;
	for (int i = 0; i < 4; i++)
		jem_canvas_text(frame->canvas, x + ends[i], y, cells[i], &font);
}

void jem_cores_legend(const struct jem_frame *frame, double y)
{
	const struct jem_sched_view *view = frame->view;
	size_t lines = lines_of(view);
	size_t count = rows_shown(view);
	struct jem_font font = jem_frame_font(JEM_COLOUR_muted, JEM_START);
	char text[64];

	for (size_t i = 0; i < count; i++) {
		double x = frame->x0 + (double)(i / lines) * least_width;

		if (i % lines == 0)
			draw_heads(frame, x, y + line);
		draw_row(frame, &view->legend[i], x, y + line * (double)(i % lines + 2));
	}
	if (view->legend_count <= ROWS_MAX)
		return;
	snprintf(text, sizeof(text), "and %zu commands that ran less", view->legend_count - count);
	jem_canvas_text(frame->canvas, frame->x0 + 14, y + line * (double)(lines + 2), text, &font);
}
