/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/marks.h"

#include "common/utf8.h"
#include "receiver/graph/axis.h"

#include <math.h>
#include <stdio.h>

enum {
	TOOLTIP_TEXTS = 4, /* of one place; the rest is counted */
	TOOLTIP_TEXT_MAX = 100,
};

static void add_to_tooltip(struct jem_placed_mark *place, const struct jem_mark *mark,
			   const struct jem_mark_layout *layout)
{
	size_t len = strlen(place->tooltip);
	size_t text_len = layout->is_brief ? 0 : strlen(mark->text);
	char when[48];

	if (place->count > TOOLTIP_TEXTS)
		return;
	jem_duration_format(mark->t_s - layout->origin_s, when, sizeof(when));
	snprintf(place->tooltip + len, sizeof(place->tooltip) - len, "%sat %s: %s%s%.*s%s",
		 len ? "\n" : "", when, mark->label, text_len ? ": " : "",
		 (int)jem_utf8_cut(mark->text, text_len, TOOLTIP_TEXT_MAX), mark->text,
		 text_len > TOOLTIP_TEXT_MAX ? "\u2026" : "");
	/* A long label may have been cut within a character. */
	place->tooltip[jem_utf8_prefix(place->tooltip, strlen(place->tooltip))] = '\0';
}

static size_t merge(const struct jem_mark *marks, size_t count,
		    const struct jem_mark_layout *layout, struct jem_placed_mark *placed,
		    size_t max)
{
	double scale = (layout->x1 - layout->x0) / fmax(layout->to_s - layout->from_s, 1e-9);
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		double x = layout->x0 + (marks[i].t_s - layout->from_s) * scale;

		if (marks[i].t_s < layout->from_s || marks[i].t_s > layout->to_s)
			continue;
		if (n == max || !n || x - placed[n - 1].x >= layout->min_gap) {
			if (n == max)
				break;
			placed[n++] =
				(struct jem_placed_mark){ .x = x, .mark = &marks[i], .lane = -1 };
		} else if (marks[i].rank > placed[n - 1].mark->rank) {
			placed[n - 1].mark = &marks[i];
		}
		placed[n - 1].count++;
		add_to_tooltip(&placed[n - 1], &marks[i], layout);
	}
	return n;
}

/*
 * Whether a label from x0 to x1 in this lane, with its leader at x down through the lanes below,
 * touches no other label and no other leader.
 */
static bool is_free(const struct jem_placed_mark *placed, size_t count, int lane, double x,
		    double x0, double x1, const double *widths)
{
	for (size_t i = 0; i < count; i++) {
		double other = placed[i].label_x;
		bool overlaps, is_crossed, crosses;

		if (placed[i].lane < 0)
			continue; /* has no label yet, nor a width */
		overlaps = x0 < other + widths[i] && x1 > other;
		is_crossed = x > other && x < other + widths[i];
		crosses = placed[i].x > x0 && placed[i].x < x1;
		if ((placed[i].lane == lane && overlaps) || (placed[i].lane < lane && is_crossed) ||
		    (placed[i].lane > lane && crosses))
			return false;
	}
	return true;
}

static void place_label(struct jem_canvas *canvas, const struct jem_mark_layout *layout,
			struct jem_placed_mark *placed, size_t count, size_t i, double *widths)
{
	static const double space = 8;
	struct jem_placed_mark *place = &placed[i];
	char text[48];
	double x;

	jem_canvas_fit_text(canvas, place->mark->label, layout->label_max, &layout->font, text,
			    sizeof(text));
	if (place->count > 1)
		snprintf(place->label, sizeof(place->label), "%s +%u", text, place->count - 1);
	else
		snprintf(place->label, sizeof(place->label), "%s", text);
	widths[i] = jem_canvas_text_width(canvas, place->label, &layout->font) + space;
	x = fmax(layout->x0, fmin(layout->x1 - widths[i], place->x - widths[i] / 2));
	for (int lane = 0; lane < (int)layout->lanes && place->lane < 0; lane++) {
		if (!is_free(placed, count, lane, place->x, x, x + widths[i], widths))
			continue;
		place->label_x = x;
		place->lane = lane;
	}
}

size_t jem_marks_place(struct jem_canvas *canvas, const struct jem_mark *marks, size_t count,
		       const struct jem_mark_layout *layout, struct jem_placed_mark *placed,
		       size_t max)
{
	enum {
		LABELS_MAX = 64
	};
	double widths[LABELS_MAX];
	size_t n = merge(marks, count, layout, placed, max < LABELS_MAX ? max : LABELS_MAX);

	if (!layout->lanes)
		return n;
	for (int rank = 9; rank >= 0; rank--)
		for (size_t i = 0; i < n; i++)
			if (placed[i].mark->rank == rank)
				place_label(canvas, layout, placed, n, i, widths);
	return n;
}
