/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/call_lines.h"

#include "receiver/calls/call_text.h"

#include <inttypes.h>
#include <stdlib.h>

void jem_call_lines_init(struct jem_call_lines *lines)
{
	*lines = (struct jem_call_lines){ 0 };
}

void jem_call_lines_deinit(struct jem_call_lines *lines)
{
	for (int i = 0; lines->waiting && i < JEM_CALL_LINES_THREADS; i++)
		jem_buf_deinit(&lines->waiting[i].text);
	free(lines->waiting);
}

static bool make_waiting(struct jem_call_lines *lines)
{
	if (lines->waiting)
		return true;
	lines->waiting = calloc(JEM_CALL_LINES_THREADS, sizeof(*lines->waiting));
	for (int i = 0; lines->waiting && i < JEM_CALL_LINES_THREADS; i++)
		jem_buf_init(&lines->waiting[i].text, 0);
	return lines->waiting;
}

static void stamp(struct jem_call_lines *lines, struct jem_buf *buf, uint64_t t_us)
{
	jem_text_stamp(&lines->style, buf, t_us);
	jem_buf_add_char(buf, ' ');
	if (*lines->node) {
		jem_buf_add_str(buf, lines->node);
		jem_buf_add_char(buf, ' ');
	}
}

/* Losses */

static struct jem_call_losses *find_losses(struct jem_call_lines *lines,
					   const struct jem_head *head)
{
	struct jem_call_losses found = { .next_seq = head->seq };
	size_t i = 0;

	while (i < lines->loss_count && strcmp(lines->losses[i].epoch, head->epoch))
		i++;
	if (i < lines->loss_count) {
		found = lines->losses[i];
	} else {
		/* What was lost before we came is told by streams.json. */
		memcpy(found.epoch, head->epoch, sizeof(found.epoch));
		if (head->seq)
			memcpy(found.dropped, head->dropped, sizeof(found.dropped));
		if (lines->loss_count < JEM_CALL_LINES_EPOCHS)
			lines->loss_count++;
		else
			i--;
	}
	memmove(&lines->losses[1], &lines->losses[0], i * sizeof(found));
	lines->losses[0] = found;
	return &lines->losses[0];
}

static void tell_losses(struct jem_call_lines *lines, const struct jem_head *head)
{
	struct jem_call_losses *losses = find_losses(lines, head);
	struct jem_buf *out = lines->out;

	if (head->seq > losses->next_seq) {
		stamp(lines, out, head->t0_us);
		jem_buf_printf(out, "-- %" PRIu64 " batches are missing before this\n",
			       head->seq - losses->next_seq);
	}
	if (head->seq >= losses->next_seq)
		losses->next_seq = head->seq + 1;
	for (int cause = 0; cause < JEM_CAUSE_COUNT; cause++) {
		if (head->dropped[cause] <= losses->dropped[cause])
			continue;
		stamp(lines, out, head->t0_us);
		jem_buf_printf(out, "-- %" PRIu64 " records were dropped before this (%s)\n",
			       head->dropped[cause] - losses->dropped[cause], jem_causes[cause]);
		losses->dropped[cause] = head->dropped[cause];
	}
}

/* Lines */

static void end_line(struct jem_buf *out, size_t start)
{
	jem_call_cut(out, start);
	jem_buf_add_char(out, '\n');
}

static void flush(struct jem_call_lines *lines, struct jem_call_waiting *waiting)
{
	struct jem_buf *out = lines->out;

	jem_buf_add(out, waiting->text.data, waiting->text.len);
	jem_buf_add_char(out, '\n');
	lines->left_out += waiting->text.failed;
	waiting->order = 0;
}

/* In the order in which they were entered. */
static void flush_all(struct jem_call_lines *lines)
{
	for (;;) {
		struct jem_call_waiting *first = NULL;

		for (int i = 0; i < JEM_CALL_LINES_THREADS; i++) {
			struct jem_call_waiting *waiting = &lines->waiting[i];

			if (waiting->order && (!first || waiting->order < first->order))
				first = waiting;
		}
		if (!first)
			return;
		flush(lines, first);
	}
}

/* Whether a record has a note that the one before had not. */
static bool take_note(struct jem_call_lines *lines, const struct jem_call *call)
{
	size_t len = call->note.len < sizeof(lines->note) ? call->note.len : sizeof(lines->note);
	bool is_known =
		len == lines->note_len && (!len || !memcmp(lines->note, call->note.at, len));

	if (len)
		memcpy(lines->note, call->note.at, len);
	lines->note_len = len;
	return !is_known && len;
}

static void put_note(struct jem_call_lines *lines, const struct jem_call *call)
{
	struct jem_buf *out = lines->out;
	size_t start;

	stamp(lines, out, call->t_us);
	start = out->len;
	jem_call_write_place(out, call);
	jem_buf_add(out, "-- ", 3);
	jem_text_escape(out, call->note.at, call->note.len);
	end_line(out, start);
}

static void add_enter(struct jem_call_lines *lines, struct jem_call_waiting *waiting,
		      const struct jem_call *call)
{
	jem_buf_clear(&waiting->text);
	stamp(lines, &waiting->text, call->t_us);
	jem_call_write_place(&waiting->text, call);
	jem_call_write_function(&waiting->text, call);
	jem_call_cut(&waiting->text, 0);
	waiting->pid = call->pid;
	waiting->tid = call->tid;
	waiting->depth = call->depth;
	waiting->order = ++lines->order;
}

static void add_exit(struct jem_call_lines *lines, const struct jem_call *call)
{
	struct jem_buf *out = lines->out;
	size_t start;

	stamp(lines, out, call->t_us);
	start = out->len;
	jem_call_write_place(out, call);
	jem_buf_add(out, "<- ", 3);
	jem_call_write_function(out, call);
	jem_call_write_result(out, call);
	end_line(out, start);
}

static void add_call(struct jem_call_lines *lines, const struct jem_call *call)
{
	struct jem_call_waiting *waiting =
		&lines->waiting[(uint64_t)call->tid % JEM_CALL_LINES_THREADS];
	bool is_noted = take_note(lines, call);
	bool is_same = waiting->order && waiting->tid == call->tid && waiting->pid == call->pid;

	if (call->is_exit && is_same && waiting->depth == call->depth && !is_noted) {
		struct jem_buf *out = lines->out;
		size_t start = out->len;

		jem_buf_add(out, waiting->text.data, waiting->text.len);
		jem_call_write_result(out, call);
		end_line(out, start);
		waiting->order = 0;
		return;
	}
	if (waiting->order)
		flush(lines, waiting);
	if (is_noted)
		put_note(lines, call);
	if (call->is_exit)
		add_exit(lines, call);
	else
		add_enter(lines, waiting, call);
}

void jem_call_lines_add(struct jem_call_lines *lines, const struct jem_head *head, const char *node,
			struct jem_call_rows *rows, uint64_t skip, struct jem_buf *out)
{
	uint64_t n = rows->columns->n;

	lines->node = node;
	lines->out = out;
	tell_losses(lines, head);
	if (!make_waiting(lines)) {
		lines->left_out += n - skip;
		return;
	}
	for (uint64_t row = skip; row < n; row++) {
		struct jem_call call;

		jem_call_rows_at(rows, row, &call);
		if (lines->is_wanted && !lines->is_wanted(lines->arg, &call))
			continue;
		lines->calls++;
		add_call(lines, &call);
	}
	flush_all(lines);
}
