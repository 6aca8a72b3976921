/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/timeline.h"

#include "receiver/graph/axis.h"
#include "receiver/graph/timechart.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double bar_height = 10;
static const double lane_height = 15;
static const float text_size = 11;

static double x_of(const struct jem_timeline *timeline, double x0, double x1, double t_s)
{
	double span = fmax(timeline->to_s - timeline->from_s, 1e-9);
	double x = x0 + (t_s - timeline->from_s) * (x1 - x0) / span;

	return fmax(x0, fmin(x1, x));
}

static void draw_phases(struct jem_canvas *canvas, const struct jem_timeline *timeline, double x0,
			double x1, double y)
{
	for (size_t i = 0; i < timeline->phase_count; i++) {
		const struct jem_phase *phase = &timeline->phases[i];
		double end_s = i + 1 < timeline->phase_count ? phase[1].t_s : timeline->to_s;
		struct jem_paint paint = jem_paint(phase->colour);
		double from = x_of(timeline, x0, x1, phase->t_s);
		double to = x_of(timeline, x0, x1, end_s);
		char length[48];
		char tooltip[120];

		if (end_s < timeline->from_s || to - from < 0.25)
			continue;
		jem_duration_format(end_s - phase->t_s, length, sizeof(length));
		snprintf(tooltip, sizeof(tooltip), "%s for %s", phase->label, length);
		jem_canvas_group_begin(canvas, tooltip, NULL, 0);
		jem_canvas_rect(canvas, from, y, to - from, bar_height, &paint);
		jem_canvas_group_end(canvas);
	}
}

/* A pointer that stands on the bar, and the name above it. */
static void draw_mark(struct jem_canvas *canvas, const struct jem_placed_mark *place,
		      double lowest_y, double bar_y)
{
	struct jem_paint paint = jem_paint(place->mark->colour);
	struct jem_pen pen = { paint, 1, JEM_SOLID };
	struct jem_font font = { .paint = paint, .size = text_size };
	const struct jem_xy pointer[] = { { place->x, bar_y + 1 },
					  { place->x - 4, bar_y - 6 },
					  { place->x + 4, bar_y - 6 } };

	jem_canvas_group_begin(canvas, place->tooltip, NULL, 0);
	if (place->lane >= 0) {
		double y = lowest_y - lane_height * place->lane;

		jem_canvas_text(canvas, place->label_x + 4, y, place->label, &font);
		jem_canvas_line(canvas, place->x, y + 3, place->x, bar_y - 5, &pen);
	}
	jem_canvas_polygon(canvas, pointer, 3, &paint);
	jem_canvas_group_end(canvas);
}

void jem_timeline_draw(struct jem_canvas *canvas, const struct jem_timeline *timeline, double width)
{
	struct jem_placed_mark *placed = calloc(JEM_CHART_MARKS_MAX, sizeof(*placed));
	double x0 = jem_timechart_left();
	double x1 = jem_timechart_right(width);
	struct jem_mark_layout layout = {
		.x0 = x0,
		.x1 = x1,
		.from_s = timeline->from_s,
		.to_s = timeline->to_s,
		.origin_s = timeline->origin_s,
		.lanes = 3,
		.min_gap = 8,
		.label_max = 150,
		.font = { .paint = jem_paint(JEM_COLOUR_ink), .size = text_size },
	};
	unsigned lanes = 0;
	double bar_y;
	size_t count;
	char description[160];

	if (!placed) {
		canvas->error = -ENOMEM;
		return;
	}
	count = jem_marks_place(canvas, timeline->marks, timeline->mark_count, &layout, placed,
				JEM_CHART_MARKS_MAX);
	for (size_t i = 0; i < count; i++)
		lanes = placed[i].lane + 1 > (int)lanes ? (unsigned)placed[i].lane + 1 : lanes;
	bar_y = 2 + lane_height * lanes + 8;
	snprintf(description, sizeof(description), "%zu marks over the life of the job",
		 timeline->mark_count);
	jem_canvas_page(canvas, width, bar_y + bar_height + 4, "Timeline", description);
	draw_phases(canvas, timeline, x0, x1, bar_y);
	for (size_t i = 0; i < count; i++)
		draw_mark(canvas, &placed[i], bar_y - 12, bar_y);
	free(placed);
}
