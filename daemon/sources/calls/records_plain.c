/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The short way from a record to a row. What records.c does for any record is here for those that are as
 * expected, with all that is the same for a ring or a batch taken out of the loop. Whatever is not as expected
 * is left to records.c, which also makes known what makes the next one of its kind expected.
 */
#include "daemon/sources/calls/traced.h"

enum {
	LOOK_EVERY = 64 /* rows: their bytes are looked at */
};

struct plain {
	struct jem_traced *traced;
	struct jem_traced_shared *shared;
	struct jem_rows *rows;
	struct jem_pairing *pairing;
	uint64_t token, change;
	uint32_t pid, tid;
};

/* The caller's index in the batch's dictionary; -1: it is not there yet. */
static int64_t caller_of(const struct plain *plain, const struct jem_traced_known *site,
			 const struct jem_ring_record *record)
{
	uint32_t batch = plain->rows->names[JEM_ROW_CALLER].batch;
	const struct jem_row_places *nobody = &plain->rows->nobody;
	const struct jem_traced_known *known;

	if (record->kind == JEM_RECORD_EXIT)
		return nobody->batch == batch ? (int64_t)nobody->function : -1;
	if (site->flags & JEM_SITE_INLINED)
		return site->caller.batch == batch ? (int64_t)site->caller.function : -1;
	known = jem_traced_known_caller(plain->shared->callers, record->callsite);
	if (known->key != record->callsite || known->token != plain->token ||
	    known->change != plain->change)
		return -1;
	if (!known->found.callsite || !known->found.function)
		return nobody->batch == batch ? (int64_t)nobody->function : -1;
	return known->caller.batch == batch ? (int64_t)known->caller.function : -1;
}

/* Whether an enter ends no frame, and there is room for its own. */
static bool may_push(const struct jem_pairing *pairing, const struct jem_ring_record *record,
		     bool is_inlined)
{
	const struct jem_frame *top;

	if (pairing->beyond || pairing->count == pairing->cap ||
	    pairing->count == JEM_PAIRING_FRAMES)
		return false;
	if (!pairing->count)
		return true;
	top = &pairing->frames[pairing->count - 1];
	return !top->is_elsewhere &&
	       (is_inlined ? top->frame >= record->frame : top->frame > record->frame);
}

/* Whether an exit is that of the innermost frame, and nothing else can be meant. */
static bool may_pop(const struct jem_pairing *pairing, const struct jem_ring_record *record,
		    const struct jem_traced_known *site)
{
	const struct jem_frame *top;

	if (pairing->beyond || !pairing->count)
		return false;
	top = &pairing->frames[pairing->count - 1];
	if (top->is_elsewhere || top->node || top->function != site->function)
		return false;
	return site->flags & JEM_SITE_INLINED ? top->frame == record->frame
					      : top->frame >= record->frame;
}

static uint64_t pop(struct jem_pairing *pairing, uint64_t mono_ns)
{
	const struct jem_frame *top = &pairing->frames[--pairing->count];
	uint64_t duration_ns =
		mono_ns >= top->mono_ns ? mono_ns - top->mono_ns : JEM_ROW_NO_DURATION;

	pairing->kept_count = top->kept;
	if (pairing->count && duration_ns != JEM_ROW_NO_DURATION)
		pairing->frames[pairing->count - 1].inner_ns += duration_ns;
	return duration_ns;
}

static void push(struct jem_pairing *pairing, const struct jem_ring_record *record,
		 const struct jem_traced_known *site, uint64_t mono_ns)
{
	pairing->frames[pairing->count++] = (struct jem_frame){
		.frame = record->frame,
		.mono_ns = mono_ns,
		.function = site->function,
		.site = record->site,
		.kept = pairing->kept_count,
	};
}

static void add_row(const struct plain *plain, const struct jem_row_places *names, uint32_t caller,
		    uint64_t mono_ns, bool is_exit)
{
	struct jem_rows *rows = plain->rows;
	uint32_t n = rows->n;

	rows->mono_ns[n] = mono_ns;
	rows->first_ns = !n || mono_ns < rows->first_ns ? mono_ns : rows->first_ns;
	rows->last_ns = !n || mono_ns > rows->last_ns ? mono_ns : rows->last_ns;
	rows->pid[n] = plain->pid;
	rows->tid[n] = plain->tid;
	rows->event[n] = is_exit;
	rows->name[JEM_ROW_FUNCTION][n] = names->function;
	rows->name[JEM_ROW_SIGNATURE][n] = names->signature;
	rows->name[JEM_ROW_FILE][n] = names->file;
	rows->line[n] = names->line;
	rows->name[JEM_ROW_CALLER][n] = caller;
	rows->n = n + 1;
}

/* False: it needs the long way. */
static bool take(const struct plain *plain, const struct jem_ring_record *record)
{
	const struct jem_traced_known *site =
		jem_traced_known_site(plain->shared->sites, record->site);
	struct jem_pairing *pairing = plain->pairing;
	struct jem_rows *rows = plain->rows;
	bool is_exit = record->kind == JEM_RECORD_EXIT;
	uint64_t mono_ns;
	int64_t caller;

	if (site->key != record->site || site->token != plain->token ||
	    site->change != plain->change ||
	    site->names.batch != rows->names[JEM_ROW_FUNCTION].batch)
		return false;
	if (is_exit ? !may_pop(pairing, record, site)
		    : !may_push(pairing, record, site->flags & JEM_SITE_INLINED))
		return false;
	caller = caller_of(plain, site, record);
	if (caller < 0)
		return false;
	mono_ns = jem_traced_time(plain->traced, record->ticks);
	if (is_exit) {
		rows->duration_ns[rows->n] = pop(pairing, mono_ns);
		rows->depth[rows->n] = pairing->count;
	} else {
		rows->duration_ns[rows->n] = JEM_ROW_NO_DURATION;
		rows->depth[rows->n] = pairing->count;
		push(pairing, record, site, mono_ns);
	}
	add_row(plain, &site->names, (uint32_t)caller, mono_ns, is_exit);
	return true;
}

uint32_t jem_traced_plain(struct jem_traced *traced, uint32_t thread, uint32_t max)
{
	struct jem_traced_shared *shared = traced->shared;
	const struct plain plain = {
		.traced = traced,
		.shared = shared,
		.rows = shared->rows,
		.pairing = &traced->threads[thread].pairing,
		.token = traced->token,
		.change = shared->changes + 1,
		.pid = jem_traced_pid(traced),
		.tid = traced->threads[thread].tid,
	};
	uint32_t count = 0;

	while (count < max) {
		struct jem_ring_record record;
		unsigned words = jem_ring_read_peek(&traced->rings, thread, &record);

		if (!words || !take(&plain, &record))
			break;
		jem_ring_read_pass(&traced->rings, thread, words);
		count++;
		if ((shared->rows->n % LOOK_EVERY == 0 || shared->rows->n == JEM_ROWS_MAX) &&
		    jem_rows_is_full(shared->rows))
			shared->on_full(shared->arg);
	}
	traced->rows += count;
	return count;
}
