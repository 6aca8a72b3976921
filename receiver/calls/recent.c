/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/recent.h"

#include "receiver/calls/call_text.h"

#include <errno.h>
#include <stdlib.h>

void jem_recent_init(struct jem_recent *recent)
{
	*recent = (struct jem_recent){ .bin_us = JEM_RECENT_BIN_US };
	jem_name_table_init(&recent->names);
	jem_buf_init(&recent->scratch, 0);
}

static void destroy_thread(struct jem_recent_thread *thread)
{
	if (!thread)
		return;
	for (int i = 0; i < JEM_RECENT_LEVELS; i++)
		free(thread->levels[i]);
	free(thread);
}

void jem_recent_deinit(struct jem_recent *recent)
{
	for (size_t i = 0; i < recent->thread_count; i++)
		destroy_thread(recent->threads[i]);
	for (size_t i = 0; i < JEM_RECENT_LINES; i++)
		free(recent->lines[i].text);
	jem_name_table_deinit(&recent->names);
	jem_buf_deinit(&recent->scratch);
	*recent = (struct jem_recent){ 0 };
}

/* The timeline */

void jem_recent_merge(struct jem_recent_bin *into, const struct jem_recent_bin *bin)
{
	into->busy_us += bin->busy_us;
	if (bin->function == into->function) {
		into->most_us += bin->most_us;
	} else if (bin->most_us > into->most_us) {
		into->most_us = bin->most_us;
		into->function = bin->function;
	}
}

/* Two columns become one. */
static void coarsen(struct jem_recent *recent)
{
	for (size_t t = 0; t < recent->thread_count; t++)
		for (int level = 0; level < JEM_RECENT_LEVELS; level++) {
			struct jem_recent_bin *bins = recent->threads[t]->levels[level];

			if (!bins)
				continue;
			for (int i = 0; i < JEM_RECENT_BINS / 2; i++) {
				bins[i] = bins[2 * i];
				jem_recent_merge(&bins[i], &bins[2 * i + 1]);
			}
			memset(&bins[JEM_RECENT_BINS / 2], 0, JEM_RECENT_BINS / 2 * sizeof(*bins));
		}
	recent->bin_us *= 2;
}

/* Moves everything `count` columns to the right, where there is room. */
static void move(struct jem_recent *recent, size_t count)
{
	for (size_t t = 0; t < recent->thread_count; t++)
		for (int level = 0; level < JEM_RECENT_LEVELS; level++) {
			struct jem_recent_bin *bins = recent->threads[t]->levels[level];

			if (!bins)
				continue;
			memmove(bins + count, bins, (JEM_RECENT_BINS - count) * sizeof(*bins));
			memset(bins, 0, count * sizeof(*bins));
		}
	recent->from_us -= count * recent->bin_us;
}

/* Makes the columns reach from `from_us` to `to_us`. */
static void reach(struct jem_recent *recent, uint64_t from_us, uint64_t to_us)
{
	if (!recent->from_us)
		recent->from_us = from_us ? from_us : 1;
	if (recent->last_us > to_us)
		to_us = recent->last_us;
	if (recent->from_us < from_us)
		from_us = recent->from_us;
	/* The width is bounded by that of time: 2^64 us in 512 columns. */
	while ((to_us - from_us) / recent->bin_us >= JEM_RECENT_BINS - 1)
		coarsen(recent);
	if (from_us < recent->from_us) {
		uint64_t count = (recent->from_us - from_us + recent->bin_us - 1) / recent->bin_us;

		if (count * recent->bin_us < recent->from_us)
			move(recent, (size_t)count);
	}
}

static void add_interval(struct jem_recent *recent, struct jem_recent_thread *thread,
			 uint32_t level, uint32_t function, uint64_t from_us, uint64_t to_us)
{
	struct jem_recent_bin *bins;

	if (level >= JEM_RECENT_LEVELS || to_us < from_us)
		return;
	if (!thread->levels[level])
		thread->levels[level] = calloc(JEM_RECENT_BINS, sizeof(*bins));
	bins = thread->levels[level];
	if (!bins)
		return;
	reach(recent, from_us, to_us);
	if (from_us < recent->from_us)
		from_us = recent->from_us;
	for (uint64_t i = (from_us - recent->from_us) / recent->bin_us; i < JEM_RECENT_BINS; i++) {
		uint64_t begin = recent->from_us + i * recent->bin_us;
		uint64_t from = begin < from_us ? from_us : begin;
		uint64_t to = begin + recent->bin_us < to_us ? begin + recent->bin_us : to_us;
		/* Half a microsecond for what began and ended within one: it ran. */
		float us = to > from ? (float)(to - from) : 0.5f;
		struct jem_recent_bin bin = { us, us, function };

		if (begin > to_us || (begin == to_us && begin != from_us))
			break;
		jem_recent_merge(&bins[i], &bin);
	}
}

/* Threads */

static void make_room(struct jem_recent *recent)
{
	struct jem_recent_thread *oldest = recent->threads[0];
	size_t place = 0;

	for (size_t i = 1; i < recent->thread_count; i++)
		if (recent->threads[i]->last_us < oldest->last_us) {
			oldest = recent->threads[i];
			place = i;
		}
	destroy_thread(oldest);
	recent->thread_count--;
	recent->threads_forgotten++;
	memmove(&recent->threads[place], &recent->threads[place + 1],
		(recent->thread_count - place) * sizeof(*recent->threads));
	recent->threads[recent->thread_count] = NULL;
}

static struct jem_recent_thread *find_thread(struct jem_recent *recent, int64_t pid, int64_t tid)
{
	struct jem_recent_thread *thread;

	for (size_t i = 0; i < recent->thread_count; i++)
		if (recent->threads[i]->tid == tid && recent->threads[i]->pid == pid)
			return recent->threads[i];
	if (recent->thread_count == JEM_RECENT_THREADS)
		make_room(recent);
	thread = calloc(1, sizeof(*thread));
	if (!thread)
		return NULL;
	thread->pid = pid;
	thread->tid = tid;
	recent->threads[recent->thread_count++] = thread;
	return thread;
}

/* Ends the open calls from a depth on: those whose exit did not come, and the one that ended. */
static void close_calls(struct jem_recent *recent, struct jem_recent_thread *thread, uint32_t depth,
			uint64_t t_us)
{
	while (thread->depth > depth) {
		uint32_t level = --thread->depth;
		const struct jem_recent_open *open = &thread->open[level];

		if (open->function != JEM_NAME_NONE)
			add_interval(recent, thread, level, open->function, open->t_us, t_us);
	}
}

static void enter(struct jem_recent *recent, struct jem_recent_thread *thread,
		  const struct jem_call *call)
{
	uint32_t depth = call->depth;

	close_calls(recent, thread, depth, call->t_us);
	thread->calls++;
	if (depth >= JEM_RECENT_OPEN)
		return;
	while (thread->depth < depth) /* what came before it was not seen */
		thread->open[thread->depth++] = (struct jem_recent_open){ .t_us = call->t_us };
	thread->open[thread->depth++] = (struct jem_recent_open){
		.function =
			jem_name_table_get(&recent->names, call->function.at, call->function.len),
		.file = jem_name_table_get(&recent->names, call->file.at, call->file.len),
		.line = call->line,
		.t_us = call->t_us,
	};
}

static void leave(struct jem_recent *recent, struct jem_recent_thread *thread,
		  const struct jem_call *call)
{
	bool is_known =
		call->depth < thread->depth && thread->open[call->depth].function != JEM_NAME_NONE;

	close_calls(recent, thread, call->depth, call->t_us);
	if (!is_known && call->has_duration)
		add_interval(
			recent, thread, call->depth,
			jem_name_table_get(&recent->names, call->function.at, call->function.len),
			call->t_us - (call->duration_ns / 1000 < call->t_us
					      ? call->duration_ns / 1000
					      : call->t_us),
			call->t_us);
}

static void add_line(struct jem_recent *recent, const struct jem_call *call)
{
	struct jem_recent_line *line = &recent->lines[recent->line_count % JEM_RECENT_LINES];
	char *text;

	jem_buf_clear(&recent->scratch);
	jem_call_write(&recent->scratch, call);
	text = strdup(jem_buf_cstr(&recent->scratch));
	if (!text)
		return;
	free(line->text);
	*line = (struct jem_recent_line){ call->t_us, text };
	recent->line_count++;
}

int jem_recent_add(struct jem_recent *recent, struct jem_call_rows *rows, uint64_t skip)
{
	struct jem_recent_thread *thread = NULL;
	uint64_t n = rows->columns->n;
	int status = 0;

	for (uint64_t row = skip; row < n; row++) {
		bool is_last = n - row <= JEM_RECENT_LINES;
		struct jem_call call;

		jem_call_rows_at(rows, row, &call);
		recent->records++;
		if (!thread || thread->tid != call.tid || thread->pid != call.pid)
			thread = find_thread(recent, call.pid, call.tid);
		if (!thread) {
			status = -ENOMEM;
			continue;
		}
		reach(recent, call.t_us, call.t_us);
		if (call.t_us > recent->last_us)
			recent->last_us = call.t_us;
		thread->last_us = call.t_us;
		if (call.is_exit)
			leave(recent, thread, &call);
		else
			enter(recent, thread, &call);
		if (is_last)
			add_line(recent, &call);
	}
	return status;
}

const struct jem_recent_line *jem_recent_line(const struct jem_recent *recent, size_t i)
{
	uint64_t kept =
		recent->line_count < JEM_RECENT_LINES ? recent->line_count : JEM_RECENT_LINES;

	return i < kept ? &recent->lines[(recent->line_count - kept + i) % JEM_RECENT_LINES] : NULL;
}

const struct jem_recent_open *jem_recent_innermost(const struct jem_recent_thread *thread)
{
	for (uint32_t depth = thread->depth; depth-- > 0;)
		if (thread->open[depth].function != JEM_NAME_NONE)
			return &thread->open[depth];
	return NULL;
}
