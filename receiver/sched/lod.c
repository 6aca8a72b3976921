/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/sched/lod.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double least_width = 0.5; /* of a bar, in columns */
static const double touching = 1e-6;

void jem_lod_begin(struct jem_lod *lod, unsigned columns)
{
	lod->count = lod->tick_count = 0;
	memset(lod->last_tick, 0, sizeof(lod->last_tick));
	lod->failed = false;
	lod->columns = columns;
	lod->column = 0;
	lod->piece_count = 0;
}

static void push(struct jem_lod *lod, struct jem_lod_bar **list, size_t *count, size_t *cap,
		 const struct jem_lod_bar *bar)
{
	if (*count == *cap) {
		size_t more = *cap ? *cap * 2 : 256;
		struct jem_lod_bar *bars = realloc(*list, more * sizeof(*bars));

		if (!bars) {
			lod->failed = true;
			return;
		}
		*list = bars;
		*cap = more;
	}
	(*list)[(*count)++] = *bar;
}

static void emit(struct jem_lod *lod, const struct jem_lod_bar *bar)
{
	struct jem_lod_bar *last = lod->count ? &lod->bars[lod->count - 1] : NULL;

	if (last && last->tint == bar->tint && last->level == bar->level &&
	    last->is_inferred == bar->is_inferred && bar->x0 <= last->x1 + touching) {
		last->x1 = fmax(last->x1, bar->x1);
		return;
	}
	push(lod, &lod->bars, &lod->count, &lod->cap, bar);
}

/* One bar for all that the column has, and a tick for the second. */
static void emit_sum(struct jem_lod *lod)
{
	struct jem_lod_bar bar = { .x0 = lod->column,
				   .x1 = lod->column + 1.0,
				   .is_inferred = lod->inferred > lod->total / 2 };
	struct jem_lod_bar tick = { .x0 = lod->column + (1 - least_width) / 2,
				    .x1 = lod->column + (1 + least_width) / 2 };
	double level = ceil((double)lod->total * JEM_LOD_LEVELS - 1e-3);
	int second = -1;

	for (unsigned tint = 1; tint < JEM_LOD_TINTS; tint++)
		if (lod->busy[tint] > lod->busy[bar.tint])
			bar.tint = (uint8_t)tint;
	bar.level = tick.level = (uint8_t)fmax(1, fmin(JEM_LOD_LEVELS, level));
	emit(lod, &bar);
	for (int tint = 0; tint < JEM_LOD_TINTS; tint++)
		if (tint != bar.tint && lod->pieces_of[tint] &&
		    (second < 0 || lod->busy[tint] > lod->busy[second]))
			second = tint;
	/* One in three columns is enough where they come without end. */
	if (second < 0 || (lod->last_tick[second] && lod->column + 1 - lod->last_tick[second] < 3))
		return;
	lod->last_tick[second] = lod->column + 1;
	tick.tint = (uint8_t)second;
	push(lod, &lod->ticks, &lod->tick_count, &lod->tick_cap, &tick);
}

static void end_column(struct jem_lod *lod)
{
	if (lod->piece_count > JEM_LOD_PIECES)
		emit_sum(lod);
	else
		for (unsigned i = 0; i < lod->piece_count; i++)
			emit(lod, &lod->pieces[i]);
	lod->piece_count = 0;
}

static void sum_piece(struct jem_lod *lod, const struct jem_lod_bar *piece)
{
	lod->pieces_of[piece->tint]++;
	lod->busy[piece->tint] += (float)(piece->x1 - piece->x0);
	lod->total += (float)(piece->x1 - piece->x0);
	if (piece->is_inferred)
		lod->inferred += (float)(piece->x1 - piece->x0);
}

/* A piece within one column. */
static void add_piece(struct jem_lod *lod, unsigned column, const struct jem_lod_bar *piece)
{
	if (lod->piece_count && column != lod->column)
		end_column(lod);
	lod->column = column;
	if (lod->piece_count < JEM_LOD_PIECES) {
		lod->pieces[lod->piece_count++] = *piece;
		return;
	}
	if (lod->piece_count == JEM_LOD_PIECES) {
		lod->piece_count++;
		memset(lod->busy, 0, sizeof(lod->busy));
		memset(lod->pieces_of, 0, sizeof(lod->pieces_of));
		lod->total = lod->inferred = 0;
		for (unsigned i = 0; i < JEM_LOD_PIECES; i++)
			sum_piece(lod, &lod->pieces[i]);
	}
	sum_piece(lod, piece);
}

void jem_lod_add(struct jem_lod *lod, double x0, double x1, unsigned tint, bool is_inferred)
{
	struct jem_lod_bar bar = { .tint = (uint8_t)(tint % JEM_LOD_TINTS),
				   .level = JEM_LOD_LEVELS,
				   .is_inferred = is_inferred };
	unsigned first;
	unsigned last;

	if (!(x1 >= 0 && x0 <= lod->columns) || !lod->columns)
		return;
	x0 = fmax(x0, 0);
	x1 = fmax(x0, fmin(x1, lod->columns));
	first = (unsigned)fmin(floor(x0), lod->columns - 1);
	last = (unsigned)fmax(first, ceil(x1) - 1);
	bar.x0 = x0;
	bar.x1 = fmin(x1, first + 1.0);
	add_piece(lod, first, &bar);
	if (last == first)
		return;
	if (last > first + 1) {
		end_column(lod);
		bar.x0 = first + 1.0;
		bar.x1 = last;
		emit(lod, &bar);
	}
	bar.x0 = last;
	bar.x1 = x1;
	add_piece(lod, last, &bar);
}

/* Makes a bar that could not be seen wider, within its column. */
static void widen(struct jem_lod_bar *bar, unsigned columns)
{
	double column = fmin(floor(bar->x0), columns - 1.0);
	double middle = (bar->x0 + bar->x1) / 2;

	bar->is_short = bar->x1 - bar->x0 < 1;
	if (bar->x1 - bar->x0 >= least_width)
		return;
	if (bar->x1 > column + 1) /* on a border: both columns show it */
		column = middle - 0.5;
	bar->x0 = fmax(column, fmin(middle - least_width / 2, column + 1 - least_width));
	bar->x1 = bar->x0 + least_width;
}

int jem_lod_end(struct jem_lod *lod)
{
	end_column(lod);
	for (size_t i = 0; i < lod->tick_count; i++)
		push(lod, &lod->bars, &lod->count, &lod->cap, &lod->ticks[i]);
	for (size_t i = 0; i < lod->count; i++)
		widen(&lod->bars[i], lod->columns);
	return lod->failed ? -ENOMEM : 0;
}

void jem_lod_deinit(struct jem_lod *lod)
{
	free(lod->bars);
	free(lod->ticks);
	*lod = (struct jem_lod){ 0 };
}
