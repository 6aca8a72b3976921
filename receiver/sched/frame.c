/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/sched/frame.h"

#include <math.h>
#include <stdio.h>

enum {
	MARKS_MAX = 12, /* that are told below */
	LABELS_MAX = 200,
};

static const double left_margin = 52;
static const double right_margin = 16;
static const double head_height = 40;
static const double axis_height = 32;
static const double line_height = 13;

struct jem_font jem_frame_font(enum jem_colour colour, enum jem_anchor anchor)
{
	return (struct jem_font){ .paint = jem_paint(colour),
				  .size = JEM_FRAME_TEXT,
				  .anchor = anchor };
}

static void draw_head(const struct jem_frame *frame)
{
	const struct jem_sched_view *view = frame->view;
	struct jem_paint paper = jem_paint(JEM_COLOUR_paper);
	struct jem_font title = jem_frame_font(JEM_COLOUR_ink, JEM_START);
	struct jem_font note = jem_frame_font(JEM_COLOUR_muted, JEM_END);
	double width = frame->x1 - frame->x0;
	char text[256];

	jem_canvas_rect(frame->canvas, 0, 0, view->width, view->height, &paper);
	title.is_bold = true;
	title.size = 13;
	if (view->subtitle)
		width -= 20 + jem_canvas_text_width(frame->canvas, view->subtitle, &note);
	jem_canvas_fit_text(frame->canvas, view->title, fmax(width, 60), &title, text,
			    sizeof(text));
	jem_canvas_text(frame->canvas, frame->x0, 22, text, &title);
	if (view->subtitle)
		jem_canvas_text(frame->canvas, frame->x1, 22, view->subtitle, &note);
}

void jem_frame_begin(struct jem_frame *frame, struct jem_canvas *canvas,
		     const struct jem_sched_view *view, double below, const char *description)
{
	*frame = (struct jem_frame){ .canvas = canvas, .view = view };
	frame->x0 = left_margin;
	frame->x1 = view->width - right_margin;
	frame->y0 = head_height + (view->mark_count ? 8 : 0);
	frame->y1 = fmax(frame->y0 + 40, view->height - axis_height - below);
	frame->span_ns = view->span_s > 0 ? view->span_s * 1e9
					  : (double)(view->select.to_ns - view->select.from_ns);
	frame->span_ns = fmax(frame->span_ns, 1);
	jem_canvas_page(canvas, view->width, view->height, view->title, description);
	draw_head(frame);
}

/* 1, 2 or 5 times a power of ten, so that there are at most `steps` of them. */
static double round_step(double span, double steps)
{
	double least = span / fmax(steps, 1);
	double power = pow(10, floor(log10(least)));

	for (int i = 0; i < 3; i++) {
		static const double factors[] = { 1, 2, 5 };

		if (factors[i] * power >= least * (1 - 1e-9))
			return factors[i] * power;
	}
	return 10 * power;
}

void jem_frame_seconds(const struct jem_frame *frame)
{
	const struct jem_sched_view *view = frame->view;
	struct jem_font font = jem_frame_font(JEM_COLOUR_muted, JEM_MIDDLE);
	struct jem_pen rule = { jem_paint(JEM_COLOUR_rule), 0.6f, JEM_SOLID };
	struct jem_pen axis = { jem_paint(JEM_COLOUR_axis), 0.8f, JEM_SOLID };
	double span = frame->span_ns * 1e-9;
	double from = (double)(view->select.from_ns - view->select.zero_ns) * 1e-9;
	double step = round_step(span, (frame->x1 - frame->x0) / 70);
	int decimals = (int)fmax(0, -floor(log10(step) + 1e-9));
	char label[40];

	/* Counted, as times from a hostile file may be so large that a step is nothing to them. */
	for (int i = 0; i < LABELS_MAX; i++) {
		double n = ceil(from / step - 1e-6) + i;
		double x = frame->x0 + (n * step - from) / span * (frame->x1 - frame->x0);

		if (!(n * step <= from + span * (1 + 1e-9)))
			break;
		jem_canvas_line(frame->canvas, x, frame->y0, x, frame->y1, &rule);
		jem_canvas_line(frame->canvas, x, frame->y1, x, frame->y1 + 3.5, &axis);
		snprintf(label, sizeof(label), "%.*f", decimals, n * step + 0.0); /* no -0 */
		if (x + jem_canvas_text_width(frame->canvas, label, &font) / 2 <= view->width)
			jem_canvas_text(frame->canvas, x, frame->y1 + 13, label, &font);
	}
	jem_canvas_line(frame->canvas, frame->x0, frame->y1, frame->x1, frame->y1, &axis);
	jem_canvas_text(frame->canvas, (frame->x0 + frame->x1) / 2, frame->y1 + 26, "seconds",
			&font);
}

void jem_frame_marks(const struct jem_frame *frame)
{
	struct jem_paint band = jem_paint(JEM_COLOUR_critical);
	struct jem_pen edge = { jem_paint(JEM_COLOUR_critical), 0.5f, JEM_SOLID };
	struct jem_font font = jem_frame_font(JEM_COLOUR_critical, JEM_MIDDLE);

	for (size_t i = 0; i < frame->view->mark_count && i < MARKS_MAX; i++) {
		const struct jem_sched_mark *mark = &frame->view->marks[i];
		double from = fmax(frame->x0, jem_frame_x(frame, mark->from_ns));
		double to = fmin(frame->x1, jem_frame_x(frame, mark->to_ns));
		char number[16];

		if (to < frame->x0 || from > frame->x1)
			continue;
		snprintf(number, sizeof(number), "%zu", i + 1);
		jem_canvas_group_begin(frame->canvas, mark->text, NULL, 0);
		/* A bar above, and lines at its ends: what happened between stays as it is. */
		jem_canvas_rect(frame->canvas, from, frame->y0 - 4, fmax(1, to - from), 3, &band);
		jem_canvas_line(frame->canvas, from, frame->y0 - 4, from, frame->y1, &edge);
		if (to - from > 1)
			jem_canvas_line(frame->canvas, to, frame->y0 - 4, to, frame->y1, &edge);
		jem_canvas_text(frame->canvas, (from + to) / 2, frame->y0 - 7, number, &font);
		jem_canvas_group_end(frame->canvas);
	}
}

double jem_frame_mark_height(const struct jem_sched_view *view)
{
	size_t count = view->mark_count < MARKS_MAX ? view->mark_count : MARKS_MAX;

	return count ? (double)count * line_height + 6 : 0;
}

double jem_frame_mark_texts(const struct jem_frame *frame, double y)
{
	struct jem_font font = jem_frame_font(JEM_COLOUR_ink, JEM_START);
	struct jem_font number = jem_frame_font(JEM_COLOUR_critical, JEM_END);

	for (size_t i = 0; i < frame->view->mark_count && i < MARKS_MAX; i++) {
		char text[256];

		y += line_height;
		snprintf(text, sizeof(text), "%zu", i + 1);
		jem_canvas_text(frame->canvas, frame->x0 + 8, y, text, &number);
		jem_canvas_fit_text(frame->canvas, frame->view->marks[i].text,
				    frame->x1 - frame->x0 - 16, &font, text, sizeof(text));
		jem_canvas_text(frame->canvas, frame->x0 + 14, y, text, &font);
	}
	return frame->view->mark_count ? y + 6 : y;
}
