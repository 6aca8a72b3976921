/* SPDX-License-Identifier: Apache-2.0 */
/* cores_overlay: what lies over or beside the lines of cores: gaps, waiting tasks, wake-ups. */
#include "receiver/sched/cores_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum {
	ARROWS_MAX = 2000,
	HATCHES_MAX = 400, /* of one gap */
};

static void draw_gap(const struct jem_cores *cores, double x0, double x1, uint32_t row)
{
	static const double spacing = 5;
	struct jem_canvas *canvas = cores->frame.canvas;
	struct jem_paint shade = jem_paint(JEM_COLOUR_shade);
	struct jem_pen pen = { jem_paint(JEM_COLOUR_axis), 0.5f, JEM_SOLID };
	double bottom = cores->frame.y1 - row * cores->row_height;
	double top = bottom - cores->row_height;
	double height = bottom - top;
	double step = fmax(spacing, (x1 - x0) / HATCHES_MAX);

	x1 = fmax(x1, x0 + 0.5);
	if (x1 - x0 < spacing) {
		shade = jem_paint_tint(JEM_COLOUR_axis, 0.5);
		step = x1 - x0 + 2 * height; /* too narrow for a hatch */
	}
	jem_canvas_rect(canvas, x0, top, x1 - x0, height, &shade);
	for (double x = x0 - height; x < x1; x += step) {
		/* Each hatch cut at the sides of the gap: it rises by as much as it goes right. */
		double from = fmax(x, x0);
		double to = fmin(x + height, x1);

		if (to > from)
			jem_canvas_line(canvas, from, bottom - (from - x), to, bottom - (to - x),
					&pen);
	}
}

void jem_cores_gaps(struct jem_cores *cores)
{
	const struct jem_frame *frame = &cores->frame;
	const struct jem_sched_model *model = frame->view->model;

	for (size_t i = 0; i < model->gap_count; i++) {
		const struct jem_sched_gap *gap = &model->gaps[i];
		uint32_t row = jem_core_rows_find(&cores->rows, gap->cpu);
		double x0 = fmax(frame->x0, jem_frame_x(frame, gap->from_ns));
		double x1 = fmin(jem_frame_end(frame), jem_frame_x(frame, gap->to_ns));

		if (row != JEM_SCHED_NONE && x1 >= x0)
			draw_gap(cores, x0, x1, row);
	}
}

/* The row in which a task waited: where it was queued, if it was moved meanwhile. */
static uint32_t wait_row(const struct jem_cores *cores, const struct jem_sched_slice *slice)
{
	bool is_moved = slice->move == JEM_SCHED_BALANCED || slice->move == JEM_SCHED_NUMA;

	return jem_core_rows_find(&cores->rows, is_moved && slice->from_cpu != JEM_SCHED_NO_CPU
							? slice->from_cpu
							: slice->cpu);
}

/*
 * How many wait in each column of each row, as differences from one to the next. Slices whose wait began
 * in the window may start after it: they are looked for up to the end of the data.
 */
static void count_waits(const struct jem_cores *cores, const struct jem_sched_cpu *cpu,
			int32_t *changes)
{
	const struct jem_sched_view *view = cores->frame.view;

	for (size_t i = jem_sched_cpu_at(cpu, view->select.from_ns); i < cpu->count; i++) {
		const struct jem_sched_slice *slice = &cpu->slices[i];
		int64_t from = slice->start_ns - (int64_t)slice->wait_ns;
		uint32_t row;
		double x0;
		double x1;

		if (!slice->wait_ns || from >= view->select.to_ns ||
		    !jem_sched_select_task(view->model, &view->select, slice->task))
			continue;
		row = wait_row(cores, slice);
		x0 = fmax(0, floor(jem_cores_column(cores, from)));
		x1 = fmin(cores->columns, ceil(jem_cores_column(cores, slice->start_ns)));
		if (row != JEM_SCHED_NONE && x1 > x0) {
			changes[row * (cores->columns + 1u) + (size_t)x0]++;
			changes[row * (cores->columns + 1u) + (size_t)x1]--;
		}
	}
}

static int add_waits(struct jem_cores *cores, uint32_t row, const int32_t *changes,
		     struct jem_bars *bars)
{
	double column = (cores->frame.x1 - cores->frame.x0) / cores->columns;
	double y = cores->frame.y1 - (row + 0.16) * cores->row_height;
	int64_t waiting = 0;
	unsigned from = 0;
	int rc = 0;

	for (unsigned x = 0; x <= cores->columns && rc == 0; x++) {
		int64_t next = x < cores->columns ? waiting + changes[x] : 0;

		if (!waiting)
			from = x;
		else if (!next)
			rc = jem_bars_add(bars, cores->frame.x0 + from * column,
					  cores->frame.x0 + x * column, y);
		waiting = next;
	}
	return rc;
}

void jem_cores_waiting(struct jem_cores *cores)
{
	struct jem_paint red = jem_paint(JEM_COLOUR_critical);
	const struct jem_sched_model *model = cores->frame.view->model;
	int32_t *changes =
		calloc((cores->columns + 1u) * (cores->rows.count + 1), sizeof(*changes));
	struct jem_bars bars = { 0 };
	int rc = changes ? 0 : -ENOMEM;

	for (size_t c = 0; c < model->cpu_count && rc == 0; c++)
		count_waits(cores, &model->cpus[c], changes);
	for (uint32_t row = 0; row < cores->rows.count && rc == 0; row++)
		rc = add_waits(cores, row, changes + row * (cores->columns + 1u), &bars);
	if (rc < 0)
		cores->frame.canvas->error = rc;
	else
		jem_canvas_bars(cores->frame.canvas, bars.bars, bars.count,
				fmin(cores->row_height * 0.22, 5), &red);
	free(bars.bars);
	free(changes);
}

/* Arrows */

static bool has_arrow(const struct jem_cores *cores, const struct jem_sched_slice *slice)
{
	const struct jem_sched_view *view = cores->frame.view;
	int64_t woken = slice->start_ns - (int64_t)slice->wait_ns;

	return slice->waker != JEM_SCHED_NONE && !(slice->flags & JEM_SCHED_WAIT_PREEMPTED) &&
	       slice->start_ns >= view->select.from_ns && woken < view->select.to_ns &&
	       jem_core_rows_find(&cores->rows, slice->waker_cpu) != JEM_SCHED_NONE &&
	       jem_sched_select_has(view->model, &view->select, slice);
}

static void draw_arrow(const struct jem_cores *cores, const struct jem_sched_slice *slice,
		       uint32_t row)
{
	static const double head = 4;
	const struct jem_frame *frame = &cores->frame;
	struct jem_pen pen = { jem_paint(JEM_COLOUR_ink), 0.7f, JEM_SOLID };
	struct jem_paint ink = jem_paint(JEM_COLOUR_ink);
	double x0 = jem_frame_x(frame, slice->start_ns - (int64_t)slice->wait_ns);
	double x1 = jem_frame_x(frame, slice->start_ns);
	double y0 = jem_cores_y(cores, jem_core_rows_find(&cores->rows, slice->waker_cpu));
	double y1 = jem_cores_y(cores, row);
	double length = hypot(x1 - x0, y1 - y0);
	double dx = length > 0 ? (x1 - x0) / length * head : head;
	double dy = length > 0 ? (y1 - y0) / length * head : 0;
	const struct jem_xy tip[] = {
		{ x1, y1 },
		{ x1 - dx - dy * 0.4, y1 - dy + dx * 0.4 },
		{ x1 - dx + dy * 0.4, y1 - dy - dx * 0.4 },
	};

	jem_canvas_line(frame->canvas, x0, y0, x1, y1, &pen);
	jem_canvas_rect(frame->canvas, x0 - 1, y0 - 1, 2, 2, &ink);
	jem_canvas_polygon(frame->canvas, tip, 3, &ink);
}

static int by_wait(const void *a, const void *b)
{
	const struct jem_sched_slice *x = *(const struct jem_sched_slice *const *)a;
	const struct jem_sched_slice *y = *(const struct jem_sched_slice *const *)b;

	if (x->wait_ns != y->wait_ns)
		return x->wait_ns < y->wait_ns ? 1 : -1;
	return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static size_t collect(const struct jem_cores *cores, const struct jem_sched_slice **found)
{
	size_t count = 0;

	for (uint32_t row = 0; row < cores->rows.count; row++) {
		const struct jem_sched_cpu *cpu = cores->rows.rows[row].cpu;

		for (size_t i = 0; i < cpu->count; i++)
			if (has_arrow(cores, &cpu->slices[i])) {
				if (found)
					found[count] = &cpu->slices[i];
				count++;
			}
	}
	return count;
}

size_t jem_cores_arrows(struct jem_cores *cores, size_t *ret_all)
{
	size_t all = collect(cores, NULL);
	size_t count = all < ARROWS_MAX ? all : ARROWS_MAX;
	const struct jem_sched_slice **found = malloc((all + 1) * sizeof(*found));

	*ret_all = all;
	if (!found) {
		cores->frame.canvas->error = -ENOMEM;
		return 0;
	}
	collect(cores, found);
	qsort(found, all, sizeof(const struct jem_sched_slice *), by_wait);
	for (size_t i = 0; i < count; i++)
		draw_arrow(cores, found[i], jem_core_rows_find(&cores->rows, found[i]->cpu));
	free(found);
	return count;
}
