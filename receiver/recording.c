/* SPDX-License-Identifier: Apache-2.0 */
/* A recording's life, and what becomes of a batch until it is written (recording_write.c). */
#include "receiver/recording.h"

#include "common/compress.h"
#include "common/log.h"
#include "receiver/data_line.h"
#include "receiver/folder.h"
#include "receiver/recording_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_folder(struct jem_recording *recording)
{
	struct jem_recording_common *common = recording->common;
	bool made;
	int fd;

	if (!common->is_single) {
		fd = jem_folder_open_job(common->out, &recording->identity.names,
					 common->folders < common->folders_max, &made);
		common->folders += made;
		return fd;
	}
	fd = fcntl(common->out, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int jem_recording_resume(struct jem_recording *recording)
{
	if (recording->folder < 0) {
		recording->folder = open_folder(recording);
		recording->common->open += recording->folder >= 0;
	}
	if (recording->folder < 0)
		return recording->folder;
	if (recording->data < 0)
		recording->data = jem_folder_open(recording->folder, "data", true);
	return recording->data < 0 ? recording->data : 0;
}

void jem_recording_suspend(struct jem_recording *recording)
{
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++)
		jem_data_file_suspend(&recording->files[kind]);
	jem_recording_suspend_behind(recording);
	jem_data_file_suspend(&recording->parts.file);
	jem_data_file_suspend(&recording->log.file);
	jem_data_file_suspend(&recording->calls.file);
	jem_data_file_suspend(&recording->csv.file);
	jem_data_file_suspend(&recording->prmon.file);
	if (recording->data >= 0)
		close(recording->data);
	if (recording->folder >= 0) {
		close(recording->folder);
		recording->common->open--;
	}
	recording->data = recording->folder = -1;
}

static void init_files(struct jem_recording *recording)
{
	struct jem_packer *packer = recording->common->packer;

	recording->folder = recording->data = -1;
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++)
		jem_data_file_init_kind(&recording->files[kind], (enum jem_kind)kind, packer);
	jem_parts_init(&recording->parts);
	jem_job_log_init(&recording->log, packer);
	jem_calls_log_init(&recording->calls, packer);
	jem_columns_init(&recording->behind.columns);
	jem_metrics_csv_init(&recording->csv, packer);
	jem_job_prmon_init(&recording->prmon);
}

int jem_recording_open(struct jem_recording_common *common, const struct jem_identity *identity,
		       struct jem_recording **ret, struct jem_err *err)
{
	struct jem_recording *recording = calloc(1, sizeof(*recording));
	int status;

	if (!recording)
		return jem_err_set(err, -ENOMEM, "no memory");
	recording->common = common;
	recording->identity = *identity;
	init_files(recording);
	status = jem_recording_resume(recording);
	if (status < 0)
		jem_err_set(err, status, "cannot open its folder: %s",
			    status == -EDQUOT ? "there are as many jobs here as there may be"
					      : strerror(-status));
	else
		status = jem_recording_recover(recording, err);
	if (status == 0 && (common->files & (JEM_FILE_GRAPHS | JEM_FILE_PAGE | JEM_FILE_CALLS)))
		status = jem_recording_make_model(recording);
	if (status < 0) {
		jem_recording_close(recording);
		return status;
	}
	common->stats.recordings++;
	*ret = recording;
	return 0;
}

static void release_all(struct jem_recording *recording, struct jem_tickets *tickets)
{
	struct jem_recording_common *common = recording->common;

	for (size_t i = 0; i < tickets->count; i++)
		common->on_settle(common->arg, tickets->at[i].ticket, JEM_OUTCOME_RELEASED);
	free(tickets->at);
	*tickets = (struct jem_tickets){ 0 };
}

void jem_recording_close(struct jem_recording *recording)
{
	if (!recording)
		return;
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		release_all(recording, &recording->written[kind]);
		jem_data_file_deinit(&recording->files[kind]);
	}
	release_all(recording, &recording->noted);
	jem_recording_end_behind(recording);
	jem_parts_deinit(&recording->parts);
	jem_job_log_deinit(&recording->log);
	jem_calls_log_deinit(&recording->calls);
	jem_metrics_csv_deinit(&recording->csv);
	jem_job_prmon_deinit(&recording->prmon);
	jem_streams_deinit(&recording->streams);
	jem_model_destroy(recording->model);
	jem_recording_suspend(recording);
	free(recording);
}

/* Accepting */

static int add_ticket(struct jem_tickets *tickets, const struct jem_ticket *ticket)
{
	if (tickets->count == tickets->cap) {
		size_t cap = tickets->cap ? tickets->cap * 2 : 16;
		struct jem_ticket *at = realloc(tickets->at, cap * sizeof(*at));

		if (!at)
			return -ENOMEM;
		tickets->at = at;
		tickets->cap = cap;
	}
	tickets->at[tickets->count++] = *ticket;
	return 0;
}

/* The batch's stream, made if need be. NULL: there are too many, or the epoch is another node's. */
static struct jem_stream *find_stream(struct jem_recording *recording, const struct jem_head *head)
{
	const char *node = head->source.names.node;
	struct jem_stream *stream = jem_streams_find(&recording->streams, head->epoch, head->kind);

	if (!stream) {
		stream = jem_streams_add(&recording->streams, node, head->epoch, head->kind);
		recording->wants_checkpoint = true;
	} else if (!*stream->node) {
		strcpy(stream->node, node);
	} else if (strcmp(stream->node, node)) {
		return NULL;
	}
	return stream;
}

static void keep_true_name(char *ours, const char *theirs)
{
	if (!*ours)
		strcpy(ours, theirs);
}

static void note_names(struct jem_recording *recording, struct jem_stream *stream,
		       const struct jem_identity *source)
{
	keep_true_name(recording->identity.true_site, source->true_site);
	keep_true_name(recording->identity.true_user, source->true_user);
	keep_true_name(recording->identity.true_job, source->true_job);
	keep_true_name(stream->true_node, source->true_node);
	if (!*recording->node)
		strcpy(recording->node, source->names.node);
	else if (strcmp(recording->node, source->names.node))
		recording->has_nodes = true;
}

void jem_recording_derive_prmon(struct jem_recording *recording, enum jem_kind kind,
				const char *node, uint64_t t_us, const struct jem_json_doc *doc,
				uint32_t record)
{
	bool is_ours = !*node || !strcmp(node, recording->node);

	if ((recording->common->files & JEM_FILE_PRMON) && is_ours)
		jem_job_prmon_add(&recording->prmon, kind, t_us, doc, record);
}

void jem_recording_derive(struct jem_recording *recording, const struct jem_stream *stream,
			  uint64_t t_us, const struct jem_json_doc *doc, uint32_t record,
			  uint64_t now_ms)
{
	unsigned files = recording->common->files;
	enum jem_kind kind = stream->kind;
	const char *node = stream->node;

	if (kind == JEM_KIND_status)
		jem_recording_note_epoch(recording, node, doc, record);
	if (files & JEM_FILE_LOG)
		jem_job_log_add(&recording->log, kind, t_us, recording->has_nodes ? node : "", doc,
				record, now_ms);
	if ((files & JEM_FILE_METRICS) && kind == JEM_KIND_metric)
		jem_metrics_csv_add(&recording->csv, node, t_us, doc, record);
	jem_recording_derive_prmon(recording, kind, node, t_us, doc, record);
	if (recording->model)
		jem_model_feed(recording->model, node, kind, t_us * 1000, doc, record);
	if (recording->model && kind == JEM_KIND_profile)
		jem_model_feed_profile(recording->model, stream->epoch, t_us * 1000, doc, record);
}

void jem_recording_derive_calls(struct jem_recording *recording, const struct jem_head *head,
				const struct jem_columns *columns, uint64_t skip)
{
	if (recording->common->files & JEM_FILE_CALLS) {
		jem_call_rows_begin(&recording->rows, columns, head);
		jem_calls_log_add(&recording->calls, head,
				  recording->has_nodes ? head->source.names.node : "",
				  &recording->rows, skip);
	}
	if (recording->model) {
		jem_call_rows_begin(&recording->rows, columns, head);
		jem_recent_add(&recording->model->recent, &recording->rows, skip);
		recording->model->records += head->n - skip;
		recording->model->by_kind[head->kind] += head->n - skip;
	}
}

struct batch {
	const struct jem_head *head;
	const struct jem_json_doc *doc;
	struct jem_data_writer writer;
	uint64_t now_ms;
};

/* Takes the i-th record: true when it made a line of data/. */
static bool take_record(struct jem_recording *recording, struct jem_stream *stream,
			const struct batch *batch, uint64_t i, uint32_t record)
{
	const struct jem_head *head = batch->head;
	const struct jem_json_token *token = &batch->doc->tokens[record];
	const char *text = batch->doc->text + token->start;
	size_t len = token->end - token->start;
	uint64_t dt_ns = jem_batch_record_dt(batch->doc, record);
	struct jem_record_part part;
	bool has_data = recording->common->files & JEM_FILE_DATA;

	if (jem_batch_record_part(batch->doc, record, &part)) {
		if (jem_parts_add(&recording->parts, head, i, dt_ns, &part, text, len) < 0)
			recording->parts.file.pending.failed = true;
		return false;
	}
	if (has_data)
		jem_data_writer_add(&batch->writer, &recording->files[head->kind].pending, i, dt_ns,
				    text, len);
	stream->records++;
	jem_recording_derive(recording, stream, head->t0_us + dt_ns / 1000, batch->doc, record,
			     batch->now_ms);
	return has_data;
}

/* Takes the records from `skip` on: how many made a line of data/. */
static uint64_t take_records(struct jem_recording *recording, struct jem_stream *stream,
			     struct batch *batch, uint32_t records, uint64_t skip)
{
	const struct jem_json_doc *doc = batch->doc;
	uint64_t lines = 0;
	uint64_t i = 0;

	jem_data_writer_init(&batch->writer, batch->head);
	for (uint32_t at = jem_json_first(doc, records); at < jem_json_end(doc, records);
	     at = jem_json_next(doc, at), i++)
		if (i >= skip)
			lines += take_record(recording, stream, batch, i, at);
	return lines;
}

/* A batch of columns is stored as one, in a frame of its own: how many records are in it. */
static uint64_t take_columns(struct jem_recording *recording, struct jem_stream *stream,
			     const struct jem_received *received, uint64_t skip)
{
	const struct jem_head *head = &received->head;
	const struct jem_slice *body = &received->body;
	const struct jem_slice *frame = &received->frame;
	struct jem_buf *pending = &recording->files[head->kind].pending;

	stream->records += head->n;
	if (head->kind == JEM_KIND_call && !jem_recording_put_off(recording, head->n))
		jem_recording_derive_calls(recording, head, received->columns, skip);
	if (!head->n || !(recording->common->files & JEM_FILE_DATA))
		return 0;
	if (frame->len)
		jem_buf_add(pending, frame->data, frame->len);
	else if (jem_compress(body->data, body->len, pending) < 0)
		pending->failed = true;
	return head->n;
}

static bool is_waiting(const struct jem_tickets *tickets, const struct jem_ticket *entry)
{
	for (size_t i = tickets->count; i-- > 0;)
		if (tickets->at[i].stream == entry->stream &&
		    tickets->at[i].mark.seq == entry->mark.seq)
			return true;
	return false;
}

/* What the batch waits for. A duplicate has to share the fate of the one that it doubles. */
static struct jem_tickets *choose_list(struct jem_recording *recording, enum jem_kind kind,
				       const struct jem_ticket *entry)
{
	struct jem_tickets *written = &recording->written[kind];
	struct jem_tickets *noted = &recording->noted;

	if (entry->is_new)
		return entry->lines ? written : noted;
	return is_waiting(noted, entry) && !is_waiting(written, entry) ? noted : written;
}

int jem_recording_accept(struct jem_recording *recording, const struct jem_received *received,
			 uint64_t ticket, uint64_t now_ms)
{
	struct jem_recording_common *common = recording->common;
	const struct jem_head *head = &received->head;
	struct batch batch = { .head = head, .doc = received->doc, .now_ms = now_ms };
	struct jem_tickets *list;
	struct jem_ticket entry = { .ticket = ticket,
				    .stream = find_stream(recording, head),
				    .mark = { head->seq, head->first, head->n, 0 } };

	if (!entry.stream)
		return -EPROTO;
	entry.is_new = jem_stream_see(entry.stream, head, common->is_live, &entry.mark.skip);
	if (entry.is_new) {
		note_names(recording, entry.stream, &head->source);
		entry.lines = received->doc ? take_records(recording, entry.stream, &batch,
							   received->records, entry.mark.skip)
					    : take_columns(recording, entry.stream, received,
							   entry.mark.skip);
		recording->wants_checkpoint |= head->is_final;
	}
	recording->heard_ms = now_ms;
	recording->is_changed = recording->is_drawable = true;
	list = choose_list(recording, head->kind, &entry);
	if (list == &recording->noted && !list->count)
		recording->noted_ms = now_ms;
	if (add_ticket(list, &entry) == 0)
		return 0;
	/* Its lines are pending: nothing of that kind is written now. */
	recording->files[head->kind].pending.failed = true;
	entry.stream->records -= entry.lines;
	if (entry.is_new)
		jem_stream_unsee(entry.stream, &entry.mark);
	return -ENOMEM;
}

size_t jem_recording_pending(const struct jem_recording *recording)
{
	size_t bytes = recording->parts.file.pending.len;

	for (int kind = 0; kind < JEM_KIND_COUNT; kind++)
		bytes += recording->files[kind].pending.len;
	return bytes;
}
