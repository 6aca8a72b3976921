/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/batcher.h"

#include "common/columns.h"
#include "common/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
	HEARTBEAT_MS = 10000,
	RECORD_MAX = 8 << 20, /* a 1 MiB line of NUL bytes, all escaped, still fits */
	PART_RAW = JEM_RECORD_SPLIT / 2 - 128, /* escaping at most doubles JSON text */
	KEEP_CAP = 256 << 10,                  /* memory a stream keeps between batches */
};

struct stream {
	struct jem_batcher *batcher; /* borrowed: we are part of it */
	enum jem_kind kind;
	struct jem_buf records; /* comma-separated texts of the held records */
	uint64_t held;
	uint64_t seq;
	uint64_t first;
	uint64_t base_ns;      /* CLOCK_MONOTONIC of the batch being filled */
	uint64_t last_sent_ns; /* 0: never used */
	uint64_t lost_later[JEM_CAUSE_COUNT];
	bool is_urgent;
	struct jem_account account;
	uv_timer_t flush_timer;
};

struct jem_batcher {
	struct jem_batcher_options options;
	char epoch[JEM_EPOCH_SIZE];
	char boot_id[JEM_BOOT_ID_SIZE];
	struct stream streams[JEM_KIND_COUNT];
	uv_timer_t heartbeat_timer;
	unsigned open_handles;
	bool is_finished;

	struct jem_record record; /* the open one */
	struct stream *open;      /* its stream, NULL: none open */
	uint64_t open_ns;
	struct jem_buf record_text;
};

static void on_flush_due(uv_timer_t *timer);
static void on_heartbeat_due(uv_timer_t *timer);

int jem_batcher_create(const struct jem_batcher_options *options, struct jem_batcher **ret)
{
	struct jem_batcher *batcher = calloc(1, sizeof(*batcher));

	if (!batcher)
		return -ENOMEM;
	batcher->options = *options;
	strncpy(batcher->epoch, options->epoch, sizeof(batcher->epoch) - 1);
	strncpy(batcher->boot_id, options->boot_id, sizeof(batcher->boot_id) - 1);
	jem_buf_init(&batcher->record_text, RECORD_MAX);
	for (int i = 0; i < JEM_KIND_COUNT; i++) {
		struct stream *stream = &batcher->streams[i];

		stream->batcher = batcher;
		stream->kind = (enum jem_kind)i;
		jem_buf_init(&stream->records, 0);
		uv_timer_init(options->loop, &stream->flush_timer);
		stream->flush_timer.data = stream;
		batcher->open_handles++;
	}
	uv_timer_init(options->loop, &batcher->heartbeat_timer);
	batcher->heartbeat_timer.data = batcher;
	batcher->open_handles++;
	uv_timer_start(&batcher->heartbeat_timer, on_heartbeat_due, HEARTBEAT_MS, HEARTBEAT_MS);
	*ret = batcher;
	return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct jem_batcher *batcher = handle->data;

	if (--batcher->open_handles)
		return;
	for (int i = 0; i < JEM_KIND_COUNT; i++)
		jem_buf_deinit(&batcher->streams[i].records);
	jem_buf_deinit(&batcher->record_text);
	free(batcher);
}

void jem_batcher_destroy(struct jem_batcher *batcher)
{
	if (!batcher)
		return;
	for (int i = 0; i < JEM_KIND_COUNT; i++) {
		batcher->streams[i].flush_timer.data = batcher;
		uv_close((uv_handle_t *)&batcher->streams[i].flush_timer, on_handle_closed);
	}
	uv_close((uv_handle_t *)&batcher->heartbeat_timer, on_handle_closed);
}

static void fill_head(const struct stream *stream, struct jem_head *head)
{
	const struct jem_batcher *batcher = stream->batcher;
	uint64_t base_ns = stream->held ? stream->base_ns : jem_now_ns();

	*head = (struct jem_head){
		.kind = stream->kind,
		.schema = jem_kinds[stream->kind].schema,
		.source = *batcher->options.identity,
		.seq = stream->seq,
		.first = stream->first,
		.n = stream->held,
		.t0_us = jem_clock_wall_ns(batcher->options.clock, base_ns) / 1000,
		.mono_ns = base_ns,
	};
	memcpy(head->epoch, batcher->epoch, sizeof(head->epoch));
	memcpy(head->boot_id, batcher->boot_id, sizeof(head->boot_id));
	for (int i = 0; i < JEM_CAUSE_COUNT; i++) {
		uint64_t n = stream->account.dropped[i] + stream->lost_later[i];

		head->dropped[i] = n < JEM_NUMBER_MAX ? n : JEM_NUMBER_MAX;
	}
}

static void count_lost_batch(struct stream *stream, enum jem_cause cause)
{
	stream->account.held -= stream->held;
	stream->account.dropped[cause] += stream->held;
	stream->first += stream->held;
	stream->held = 0;
	jem_buf_clear(&stream->records);
}

/* A batch of `body` with the stream's next number; the head of it is filled. NULL: no memory. */
static struct jem_batch *make_batch(const struct stream *stream, const struct jem_head *head,
				    const struct jem_buf *body)
{
	struct jem_batch *batch = body->failed ? NULL : malloc(sizeof(*batch) + body->len + 1);

	if (!batch)
		return NULL;
	batch->head = *head;
	batch->is_urgent = stream->is_urgent;
	batch->len = body->len;
	memcpy(batch->body, body->data, body->len);
	batch->body[body->len] = '\0';
	return batch;
}

/* The stream has come this far, and the batch goes on its way. */
static void hand_on(struct stream *stream, struct jem_batch *batch)
{
	struct jem_batcher *batcher = stream->batcher;

	stream->seq++;
	stream->first += batch->head.n;
	stream->account.out += batch->head.n;
	stream->is_urgent = false;
	stream->last_sent_ns = jem_now_ns();
	batcher->options.on_batch(batcher->options.arg, batch);
}

/* Sends what the stream holds, even nothing: that is a heartbeat. */
static void send_batch(struct stream *stream, bool is_final)
{
	struct jem_batch *batch;
	struct jem_head head;
	struct jem_buf body;

	uv_timer_stop(&stream->flush_timer);
	fill_head(stream, &head);
	head.is_final = is_final;
	jem_buf_init(&body, 0);
	if (jem_kinds[stream->kind].encoding == JEM_ENCODING_CBOR)
		jem_columns_encode_body(&head, NULL, 0, &body);
	else
		jem_batch_encode_json(&head, stream->records.data, stream->records.len, &body);
	batch = make_batch(stream, &head, &body);
	jem_buf_deinit(&body);
	if (!batch) {
		count_lost_batch(stream, JEM_CAUSE_no_memory);
		return;
	}
	stream->account.held -= stream->held;
	stream->held = 0;
	if (stream->records.cap > KEEP_CAP)
		jem_buf_deinit(&stream->records);
	else
		jem_buf_clear(&stream->records);
	hand_on(stream, batch);
}

void jem_batcher_push_columns(struct jem_batcher *batcher, enum jem_kind kind,
			      const struct jem_column_rows *rows)
{
	struct stream *stream = &batcher->streams[kind];
	struct jem_batch *batch;
	struct jem_head head;
	struct jem_buf body;

	stream->account.in += rows->n;
	fill_head(stream, &head);
	head.n = rows->n;
	head.mono_ns = rows->base_ns;
	head.t0_us = jem_clock_wall_ns(batcher->options.clock, rows->base_ns) / 1000;
	jem_buf_init(&body, JEM_BATCH_MAX);
	jem_columns_encode_body(&head, rows->map, rows->len, &body);
	batch = make_batch(stream, &head, &body);
	if (batch) {
		hand_on(stream, batch);
	} else {
		stream->account
			.dropped[body.len + rows->len > JEM_BATCH_MAX ? JEM_CAUSE_too_large
								      : JEM_CAUSE_no_memory] +=
			rows->n;
		stream->first += rows->n;
	}
	jem_buf_deinit(&body);
}

static void on_flush_due(uv_timer_t *timer)
{
	struct stream *stream = timer->data;

	if (stream->held)
		send_batch(stream, false);
}

static void on_heartbeat_due(uv_timer_t *timer)
{
	struct jem_batcher *batcher = timer->data;
	uint64_t now = jem_now_ns();

	for (int i = 0; i < JEM_KIND_COUNT; i++) {
		struct stream *stream = &batcher->streams[i];

		if (stream->last_sent_ns && !stream->held && !batcher->is_finished &&
		    now - stream->last_sent_ns >= HEARTBEAT_MS * 1000000ull)
			send_batch(stream, false);
	}
}

static void start_record(struct jem_batcher *batcher, struct stream *stream, uint64_t mono_ns)
{
	/* dt_ns counts up from the batch's own time: an older record begins a new batch. */
	if (stream->held && mono_ns < stream->base_ns)
		send_batch(stream, false);
	if (!stream->held)
		stream->base_ns = mono_ns;
	jem_buf_clear(&batcher->record_text);
	batcher->record.json = jem_json_to(&batcher->record_text);
	jem_json_object_begin(&batcher->record.json);
	jem_record_u64(&batcher->record, "dt_ns", mono_ns - stream->base_ns);
}

struct jem_record *jem_batcher_begin(struct jem_batcher *batcher, enum jem_kind kind,
				     uint64_t mono_ns)
{
	batcher->record.redactor = batcher->options.redactor;
	batcher->open = &batcher->streams[kind];
	batcher->open_ns = mono_ns;
	start_record(batcher, batcher->open, mono_ns);
	return &batcher->record;
}

void jem_batcher_cancel(struct jem_batcher *batcher)
{
	batcher->open = NULL;
}

/* Puts one finished record text into the stream. */
static void hold(struct stream *stream, const struct jem_buf *text)
{
	if (stream->held &&
	    stream->records.len + text->len > JEM_BATCH_TARGET + JEM_RECORD_SPLIT / 2)
		send_batch(stream, false);
	if (!stream->held) /* the base may be of the batch that was just sent */
		uv_timer_start(&stream->flush_timer, on_flush_due, jem_kinds[stream->kind].flush_ms,
			       0);
	if (stream->held)
		jem_buf_add_char(&stream->records, ',');
	jem_buf_add(&stream->records, text->data, text->len);
	stream->account.in++;
	stream->account.held++;
	stream->held++;
	if (stream->records.failed)
		count_lost_batch(stream, JEM_CAUSE_no_memory);
	else if (stream->records.len >= JEM_BATCH_TARGET)
		send_batch(stream, false);
}

/* A record over the split size becomes adjacent part records, see common/batch.h. */
static void hold_in_parts(struct jem_batcher *batcher, struct stream *stream)
{
	struct jem_buf whole = batcher->record_text;
	uint64_t parts = 0;
	size_t offset = 0;

	for (size_t at = 0; at < whole.len; parts++)
		at += jem_utf8_cut(whole.data + at, whole.len - at, PART_RAW);
	jem_buf_init(&batcher->record_text, RECORD_MAX);
	for (uint64_t part = 0; part < parts; part++) {
		size_t len = jem_utf8_cut(whole.data + offset, whole.len - offset, PART_RAW);

		start_record(batcher, stream, batcher->open_ns);
		jem_record_u64(&batcher->record, "part", part);
		jem_record_u64(&batcher->record, "parts", parts);
		jem_json_key(&batcher->record.json, "json");
		jem_json_text(&batcher->record.json, whole.data + offset, len);
		jem_json_object_end(&batcher->record.json);
		if (batcher->record_text.failed)
			jem_batcher_drop(batcher, stream->kind, JEM_CAUSE_no_memory, 1);
		else
			hold(stream, &batcher->record_text);
		offset += len;
	}
	jem_buf_deinit(&whole);
}

void jem_batcher_end(struct jem_batcher *batcher, enum jem_urgency urgency)
{
	struct stream *stream = batcher->open;

	batcher->open = NULL;
	jem_json_object_end(&batcher->record.json);
	if (urgency == JEM_URGENT)
		stream->is_urgent = true;
	if (batcher->record_text.failed)
		jem_batcher_drop(batcher, stream->kind, JEM_CAUSE_too_large, 1);
	else if (batcher->record_text.len > JEM_RECORD_SPLIT)
		hold_in_parts(batcher, stream);
	else
		hold(stream, &batcher->record_text);
	if (urgency == JEM_URGENT && stream->held)
		send_batch(stream, false);
}

void jem_batcher_drop(struct jem_batcher *batcher, enum jem_kind kind, enum jem_cause cause,
		      uint64_t n)
{
	batcher->streams[kind].account.in += n;
	batcher->streams[kind].account.dropped[cause] += n;
}

void jem_batcher_note_lost(struct jem_batcher *batcher, enum jem_kind kind, enum jem_cause cause,
			   uint64_t n)
{
	batcher->streams[kind].lost_later[cause] += n;
}

void jem_batcher_flush(struct jem_batcher *batcher, enum jem_kind kind)
{
	if (batcher->streams[kind].held)
		send_batch(&batcher->streams[kind], false);
}

void jem_batcher_flush_all(struct jem_batcher *batcher)
{
	for (int i = 0; i < JEM_KIND_COUNT; i++)
		jem_batcher_flush(batcher, (enum jem_kind)i);
}

void jem_batcher_finish(struct jem_batcher *batcher)
{
	uv_timer_stop(&batcher->heartbeat_timer);
	batcher->is_finished = true;
	for (int i = 0; i < JEM_KIND_COUNT; i++) {
		struct stream *stream = &batcher->streams[i];

		if (stream->held || stream->last_sent_ns || jem_account_dropped(&stream->account))
			send_batch(stream, true);
	}
}

const struct jem_account *jem_batcher_account(const struct jem_batcher *batcher, enum jem_kind kind)
{
	return &batcher->streams[kind].account;
}
