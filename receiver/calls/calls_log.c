/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/calls_log.h"

#include "receiver/calls/call_text.h"

#include <inttypes.h>
#include <stdlib.h>

void jem_calls_log_init(struct jem_calls_log *log, struct jem_packer *packer)
{
	*log = (struct jem_calls_log){ 0 };
	jem_data_file_init(&log->file, "calls", "log", packer);
}

void jem_calls_log_deinit(struct jem_calls_log *log)
{
	for (int i = 0; log->waiting && i < JEM_CALLS_LOG_THREADS; i++)
		jem_buf_deinit(&log->waiting[i].text);
	free(log->waiting);
	jem_data_file_deinit(&log->file);
}

static bool make_waiting(struct jem_calls_log *log)
{
	if (log->waiting)
		return true;
	log->waiting = calloc(JEM_CALLS_LOG_THREADS, sizeof(*log->waiting));
	for (int i = 0; log->waiting && i < JEM_CALLS_LOG_THREADS; i++)
		jem_buf_init(&log->waiting[i].text, 0);
	return log->waiting;
}

static void stamp(struct jem_calls_log *log, struct jem_buf *buf, uint64_t t_us)
{
	jem_text_stamp(&log->style, buf, t_us);
	jem_buf_add_char(buf, ' ');
}

/* Losses */

static struct jem_calls_losses *find_losses(struct jem_calls_log *log, const struct jem_head *head)
{
	struct jem_calls_losses found = { .next_seq = head->seq };
	size_t i = 0;

	while (i < log->loss_count && strcmp(log->losses[i].epoch, head->epoch))
		i++;
	if (i < log->loss_count) {
		found = log->losses[i];
	} else {
		/* What was lost before we came is told by streams.json. */
		memcpy(found.epoch, head->epoch, sizeof(found.epoch));
		if (head->seq)
			memcpy(found.dropped, head->dropped, sizeof(found.dropped));
		if (log->loss_count < JEM_CALLS_LOG_EPOCHS)
			log->loss_count++;
		else
			i--;
	}
	memmove(&log->losses[1], &log->losses[0], i * sizeof(found));
	log->losses[0] = found;
	return &log->losses[0];
}

static void tell_losses(struct jem_calls_log *log, const struct jem_head *head)
{
	struct jem_calls_losses *losses = find_losses(log, head);
	struct jem_buf *out = &log->file.pending;

	if (head->seq > losses->next_seq) {
		stamp(log, out, head->t0_us);
		jem_buf_printf(out, "-- %" PRIu64 " batches are missing before this\n",
			       head->seq - losses->next_seq);
	}
	if (head->seq >= losses->next_seq)
		losses->next_seq = head->seq + 1;
	for (int cause = 0; cause < JEM_CAUSE_COUNT; cause++) {
		if (head->dropped[cause] <= losses->dropped[cause])
			continue;
		stamp(log, out, head->t0_us);
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

static void flush(struct jem_calls_log *log, struct jem_calls_waiting *waiting)
{
	struct jem_buf *out = &log->file.pending;

	jem_buf_add(out, waiting->text.data, waiting->text.len);
	jem_buf_add_char(out, '\n');
	log->left_out += waiting->text.failed;
	waiting->order = 0;
}

/* In the order in which they were entered. */
static void flush_all(struct jem_calls_log *log)
{
	for (;;) {
		struct jem_calls_waiting *first = NULL;

		for (int i = 0; i < JEM_CALLS_LOG_THREADS; i++) {
			struct jem_calls_waiting *waiting = &log->waiting[i];

			if (waiting->order && (!first || waiting->order < first->order))
				first = waiting;
		}
		if (!first)
			return;
		flush(log, first);
	}
}

static void put_note(struct jem_calls_log *log, const struct jem_call *call)
{
	struct jem_buf *out = &log->file.pending;
	size_t start;

	if (!call->note.len)
		return;
	stamp(log, out, call->t_us);
	start = out->len;
	jem_call_write_place(out, call);
	jem_buf_add(out, "-- ", 3);
	jem_text_escape(out, call->note.at, call->note.len);
	end_line(out, start);
}

static void add_enter(struct jem_calls_log *log, struct jem_calls_waiting *waiting,
		      const struct jem_call *call)
{
	jem_buf_clear(&waiting->text);
	stamp(log, &waiting->text, call->t_us);
	jem_call_write_place(&waiting->text, call);
	jem_call_write_function(&waiting->text, call);
	jem_call_cut(&waiting->text, 0);
	waiting->pid = call->pid;
	waiting->tid = call->tid;
	waiting->depth = call->depth;
	waiting->order = ++log->order;
}

static void add_exit(struct jem_calls_log *log, const struct jem_call *call)
{
	struct jem_buf *out = &log->file.pending;
	size_t start;

	stamp(log, out, call->t_us);
	start = out->len;
	jem_call_write_place(out, call);
	jem_buf_add(out, "<- ", 3);
	jem_call_write_function(out, call);
	jem_call_write_result(out, call);
	end_line(out, start);
}

static void add_call(struct jem_calls_log *log, const struct jem_call *call)
{
	struct jem_calls_waiting *waiting =
		&log->waiting[(uint64_t)call->tid % JEM_CALLS_LOG_THREADS];
	bool is_same = waiting->order && waiting->tid == call->tid && waiting->pid == call->pid;

	if (call->is_exit && is_same && waiting->depth == call->depth && !call->note.len) {
		struct jem_buf *out = &log->file.pending;
		size_t start = out->len;

		jem_buf_add(out, waiting->text.data, waiting->text.len);
		jem_call_write_result(out, call);
		end_line(out, start);
		waiting->order = 0;
		return;
	}
	if (waiting->order)
		flush(log, waiting);
	put_note(log, call);
	if (call->is_exit)
		add_exit(log, call);
	else
		add_enter(log, waiting, call);
}

void jem_calls_log_add(struct jem_calls_log *log, const struct jem_head *head,
		       struct jem_call_rows *rows, uint64_t skip)
{
	uint64_t n = rows->columns->n;

	tell_losses(log, head);
	if (!make_waiting(log)) {
		log->left_out += n - skip;
		return;
	}
	for (uint64_t row = skip; row < n; row++) {
		struct jem_call call;

		jem_call_rows_at(rows, row, true, &call);
		add_call(log, &call);
	}
	flush_all(log);
}

/* Writing */

void jem_calls_log_commit(struct jem_calls_log *log, bool is_written)
{
	struct jem_buf *pending = &log->file.pending;

	if (!is_written && pending->len > log->committed)
		pending->len = log->committed;
	log->committed = pending->len;
}

int jem_calls_log_write(struct jem_calls_log *log, int folder)
{
	struct jem_buf *pending = &log->file.pending;
	int status;

	if (!pending->len && !pending->failed)
		return 0;
	if (log->left_out && !pending->failed)
		jem_buf_printf(pending,
			       "(%" PRIu64 " lines are not here: there was no room for them)\n",
			       log->left_out);
	status = jem_data_file_write(&log->file, folder);
	if (status == 0) {
		log->left_out = 0;
	} else {
		for (size_t i = 0; i < pending->len; i++)
			log->left_out += pending->data[i] == '\n';
		log->left_out += pending->failed; /* and what the buffer could not take */
		jem_buf_clear(pending);
	}
	log->committed = 0;
	return status;
}
