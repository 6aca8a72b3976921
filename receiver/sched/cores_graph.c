/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/sched/cores_graph.h"

#include "receiver/sched/cores_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SHORT_OR_NOT = 2,
	SURE_OR_NOT = 2,
	LOOKS = SHORT_OR_NOT * JEM_TINT_COUNT * SURE_OR_NOT * JEM_LOD_LEVELS,
	COLUMNS_MAX = 16384,
};

static const double note_line = 13;
static const double row_most = 56;

static double note_height(const struct jem_sched_view *view)
{
	return 16 + (view->shows_waiting || view->shows_arrows ? note_line : 0);
}

static size_t look_of(const struct jem_lod_bar *bar)
{
	size_t look = bar->is_short;

	look = look * JEM_TINT_COUNT + bar->tint;
	look = look * SURE_OR_NOT + bar->is_inferred;
	return look * JEM_LOD_LEVELS + bar->level - 1;
}

int jem_bars_add(struct jem_bars *bars, double x0, double x1, double y)
{
	if (bars->count == bars->cap) {
		size_t cap = bars->cap ? bars->cap * 2 : 64;
		struct jem_bar *more = realloc(bars->bars, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		bars->bars = more;
		bars->cap = cap;
	}
	bars->bars[bars->count++] = (struct jem_bar){ x0, x1, y };
	return 0;
}

/* The lines of a core into the bars of each look. */
static int add_row(struct jem_cores *cores, uint32_t row, struct jem_bars looks[LOOKS])
{
	const struct jem_sched_view *view = cores->frame.view;
	const struct jem_sched_cpu *cpu = cores->rows.rows[row].cpu;
	double column = (cores->frame.x1 - cores->frame.x0) / cores->columns;
	double y = jem_cores_y(cores, row);
	int rc;

	jem_lod_begin(&cores->lod, cores->columns);
	for (size_t i = jem_sched_cpu_at(cpu, view->select.from_ns); i < cpu->count; i++) {
		const struct jem_sched_slice *slice = &cpu->slices[i];
		int64_t end = slice->start_ns + (int64_t)slice->run_ns;

		if (slice->start_ns >= view->select.to_ns)
			break;
		if (slice->flags & JEM_SCHED_WAIT_ONLY ||
		    !jem_sched_select_has(view->model, &view->select, slice))
			continue;
		if (end > view->select.to_ns)
			end = view->select.to_ns;
		jem_lod_add(&cores->lod, jem_cores_column(cores, slice->start_ns),
			    jem_cores_column(cores, end),
			    jem_tints_of(view->tints, view->which, view->model, slice),
			    slice->flags & (JEM_SCHED_START_INFERRED | JEM_SCHED_END_INFERRED));
	}
	rc = jem_lod_end(&cores->lod);
	for (size_t i = 0; i < cores->lod.count && rc == 0; i++) {
		const struct jem_lod_bar *bar = &cores->lod.bars[i];

		rc = jem_bars_add(&looks[look_of(bar)], cores->frame.x0 + bar->x0 * column,
				  cores->frame.x0 + bar->x1 * column, y);
	}
	return rc;
}

static int draw_lines(struct jem_cores *cores)
{
	static const double shares[JEM_LOD_LEVELS] = { 0.4, 0.6, 0.8, 1 };
	struct jem_bars *looks = calloc(LOOKS, sizeof(*looks));
	int rc = looks ? 0 : -ENOMEM;

	for (uint32_t row = 0; row < cores->rows.count && rc == 0; row++)
		rc = add_row(cores, row, looks);
	for (size_t look = 0; looks && look < LOOKS; look++) {
		size_t kind = look / JEM_LOD_LEVELS;
		struct jem_paint paint =
			jem_tint_paint((unsigned)(kind / SURE_OR_NOT % JEM_TINT_COUNT));

		if (kind % SURE_OR_NOT)
			paint.opacity = 0.5f;
		if (rc == 0)
			jem_canvas_bars(cores->frame.canvas, looks[look].bars, looks[look].count,
					cores->thickness * shares[look % JEM_LOD_LEVELS], &paint);
		free(looks[look].bars);
	}
	free(looks);
	return rc;
}

/* Every how many rows there is a label: 1, 2, 4, 8 and so on. */
static uint32_t label_step(const struct jem_cores *cores)
{
	uint32_t step = 1;

	while (step * cores->row_height < JEM_FRAME_TEXT + 1.5)
		step *= 2;
	return step;
}

static void draw_cores(const struct jem_cores *cores)
{
	const struct jem_frame *frame = &cores->frame;
	struct jem_font label = jem_frame_font(JEM_COLOUR_muted, JEM_END);
	struct jem_font name = jem_frame_font(JEM_COLOUR_muted, JEM_MIDDLE);
	struct jem_pen rule = { jem_paint(JEM_COLOUR_axis), 0.7f, JEM_SOLID };
	uint32_t step = label_step(cores);
	int before = -1;

	for (uint32_t row = 0; row < cores->rows.count; row++) {
		const struct jem_core_row *at = &cores->rows.rows[row];
		double border = frame->y1 - row * cores->row_height;
		bool is_new = frame->view->topology && at->socket != before;
		char text[32];

		if (is_new && row)
			jem_canvas_line(frame->canvas, frame->x0 - 6, border, frame->x1, border,
					&rule);
		before = at->socket;
		if (row % step)
			continue;
		snprintf(text, sizeof(text), "%u", at->cpu->number);
		jem_canvas_text(frame->canvas, frame->x0 - 5,
				frame->y1 - (row + 0.5) * cores->row_height + JEM_FRAME_TEXT * 0.35,
				text, &label);
	}
	jem_canvas_line(frame->canvas, frame->x0, frame->y0, frame->x0, frame->y1, &rule);
	name.is_upright = true;
	jem_canvas_text(frame->canvas, 16, (frame->y0 + frame->y1) / 2,
			frame->view->topology ? "cores, a socket's together" : "cores", &name);
}

static void put_note(const struct jem_cores *cores, double y, const char *text)
{
	struct jem_font font = jem_frame_font(JEM_COLOUR_muted, JEM_START);
	char fitted[256];

	jem_canvas_fit_text(cores->frame.canvas, text, cores->frame.x1 - cores->frame.x0, &font,
			    fitted, sizeof(fitted));
	jem_canvas_text(cores->frame.canvas, cores->frame.x0, y, fitted, &font);
}

/* What the colours mean, and what is not as the data say. */
static void draw_note(const struct jem_cores *cores, double y, size_t arrows, size_t all_arrows)
{
	static const char *const by[] = {
		[JEM_TINT_BY_PID] = "Colours stand for thread numbers, and repeat",
		[JEM_TINT_BY_COMMAND] = "Colours stand for commands",
		[JEM_TINT_BY_PARENT] = "Colours stand for parents, and repeat",
	};
	const struct jem_sched_view *view = cores->frame.view;
	char target[48] = "";
	char text[256];
	int len = 0;

	if (view->tints->target)
		snprintf(target, sizeof(target), "; black: not %.15s", view->tints->target);
	else if (view->tints->foreign)
		snprintf(target, sizeof(target), "; black: not of the job");
	snprintf(text, sizeof(text),
		 "%s%s%s; thin: busy for a part; pale: guessed; hatched: no data",
		 by[view->tints->by],
		 view->tints->by == JEM_TINT_BY_COMMAND && view->legend_count >= JEM_TINT_COUNT
			 ? ", and repeat"
			 : "",
		 target);
	put_note(cores, y, text);
	if (view->shows_waiting)
		len = snprintf(text, sizeof(text), "Red below a core: a task waits for it%s",
			       view->shows_arrows ? "; " : "");
	if (view->shows_arrows && all_arrows > arrows)
		snprintf(text + len, sizeof(text) - (size_t)len,
			 "arrows: the %zu longest waits of %zu wake-ups", arrows, all_arrows);
	else if (view->shows_arrows)
		snprintf(text + len, sizeof(text) - (size_t)len,
			 "arrows: from who woke to who was woken");
	if (view->shows_waiting || view->shows_arrows)
		put_note(cores, y + note_line, text);
}

static void draw_all(struct jem_cores *cores)
{
	struct jem_frame *frame = &cores->frame;
	const struct jem_sched_view *view = frame->view;
	size_t all_arrows = 0;
	size_t arrows = 0;
	double y;

	jem_frame_seconds(frame);
	draw_cores(cores);
	jem_canvas_clip_begin(frame->canvas, frame->x0, frame->y0, frame->x1 - frame->x0,
			      frame->y1 - frame->y0);
	jem_cores_gaps(cores);
	if (draw_lines(cores) < 0)
		frame->canvas->error = -ENOMEM;
	if (view->shows_waiting)
		jem_cores_waiting(cores);
	if (view->shows_arrows)
		arrows = jem_cores_arrows(cores, &all_arrows);
	jem_canvas_clip_end(frame->canvas);
	jem_frame_marks(frame);
	y = frame->y1 + 40;
	draw_note(cores, y, arrows, all_arrows);
	y = jem_frame_mark_texts(frame, y + note_height(view) - 12);
	jem_cores_legend(frame, y);
}

static void describe(const struct jem_sched_view *view, size_t rows, char *text, size_t size)
{
	snprintf(text, size, "What ran on %zu cores from %.3f to %.3f s", rows,
		 (double)(view->select.from_ns - view->select.zero_ns) * 1e-9,
		 (double)(view->select.to_ns - view->select.zero_ns) * 1e-9);
}

void jem_cores_graph_draw(struct jem_canvas *canvas, const struct jem_sched_view *view)
{
	struct jem_cores cores = { .columns = view->columns };
	char description[128];

	if (jem_core_rows_init(&cores.rows, view) < 0) {
		canvas->error = -ENOMEM;
		return;
	}
	describe(view, cores.rows.count, description, sizeof(description));
	jem_frame_begin(&cores.frame, canvas, view,
			note_height(view) + jem_frame_mark_height(view) +
				jem_cores_legend_height(view),
			description);
	if (!cores.columns)
		cores.columns = (unsigned)fmax(1, cores.frame.x1 - cores.frame.x0);
	if (cores.columns > COLUMNS_MAX)
		cores.columns = COLUMNS_MAX;
	/* Few cores on a large sheet: the rest of it stays empty. */
	cores.frame.y1 =
		fmin(cores.frame.y1, cores.frame.y0 + row_most * fmax(1, (double)cores.rows.count));
	cores.row_height = (cores.frame.y1 - cores.frame.y0) / fmax(1, (double)cores.rows.count);
	cores.thickness = fmin(cores.row_height * (view->shows_waiting ? 0.56 : 0.8), 32);
	draw_all(&cores);
	jem_lod_deinit(&cores.lod);
	jem_core_rows_deinit(&cores.rows);
}

double jem_cores_graph_height(const struct jem_sched_view *view, size_t cores)
{
	double row = cores <= 8 ? 28 : cores <= 32 ? 16 : cores <= 160 ? 5 : 3;
	double area = fmin(fmax(row * (double)cores, 120), 3600);

	return area + 72 + (view->mark_count ? 8 : 0) + note_height(view) +
	       jem_frame_mark_height(view) + jem_cores_legend_height(view);
}
