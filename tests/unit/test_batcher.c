/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/bench.h"
#include "tests/unit/check.h"

#include "common/columns.h"

static void add(struct bench *bench, enum jem_kind kind, uint64_t mono_ns, const char *text,
		enum jem_urgency urgency)
{
	struct jem_record *record = jem_batcher_begin(bench->batcher, kind, mono_ns);

	jem_record_str(record, "text", text);
	jem_batcher_end(bench->batcher, urgency);
}

/* Every batch decodes, and the stream of `kind` has neither a hole nor a double. */
static uint64_t check_stream(struct bench *bench, enum jem_kind kind)
{
	struct jem_json_doc doc;
	uint64_t seq = 0;
	uint64_t records = 0;

	jem_json_doc_init(&doc);
	for (size_t i = 0; i < bench->count; i++) {
		const struct jem_batch *batch = bench->batches[i];
		struct jem_head head;
		struct jem_err err;
		uint32_t token;

		if (jem_batch_decode_json(batch->body, batch->len, &doc, &head, &token, &err) < 0)
			check_fail(__FILE__, __LINE__, "batch %zu: %s", i, err.text);
		if (head.kind != kind)
			continue;
		CHECK_EQ(head.seq, seq++);
		CHECK_EQ(head.first, records);
		records += head.n;
	}
	jem_json_doc_deinit(&doc);
	return records;
}

CASE(sends_a_batch_when_the_flush_time_is_over)
{
	struct bench *bench = bench_open();

	add(bench, JEM_KIND_log, jem_now_ns(), "one", JEM_IN_TIME);
	add(bench, JEM_KIND_log, jem_now_ns(), "two", JEM_IN_TIME);
	CHECK_EQ(bench->count, 0);
	while (!bench->count)
		uv_run(&bench->loop, UV_RUN_ONCE);
	CHECK_EQ(bench->count, 1);
	CHECK_EQ(bench->batches[0]->head.n, 2);
	CHECK_EQ(check_stream(bench, JEM_KIND_log), 2);
	bench_close(bench);
}

CASE(sends_urgent_records_at_once)
{
	struct bench *bench = bench_open();

	add(bench, JEM_KIND_log, jem_now_ns(), "calm", JEM_IN_TIME);
	add(bench, JEM_KIND_log, jem_now_ns(), "urgent", JEM_URGENT);
	CHECK_EQ(bench->count, 1);
	CHECK_EQ(bench->batches[0]->head.n, 2);
	CHECK(bench->batches[0]->is_urgent);
	bench_close(bench);
}

CASE(cuts_batches_at_their_size_and_keeps_the_account)
{
	struct bench *bench = bench_open();
	const struct jem_account *account = jem_batcher_account(bench->batcher, JEM_KIND_log);
	char text[500];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 1000; i++) {
		add(bench, JEM_KIND_log, jem_now_ns(), text, JEM_IN_TIME);
		CHECK(jem_account_is_balanced(account));
	}
	CHECK_GE(bench->count, 7);
	for (size_t i = 0; i < bench->count; i++)
		CHECK_LE(bench->batches[i]->len, JEM_BATCH_TARGET + JEM_RECORD_SPLIT);
	jem_batcher_flush_all(bench->batcher);
	CHECK_EQ(check_stream(bench, JEM_KIND_log), 1000);
	CHECK_EQ(account->held, 0);
	bench_close(bench);
}

CASE(splits_a_large_record_and_its_parts_are_the_record)
{
	struct bench *bench = bench_open();
	struct jem_json_doc doc;
	struct jem_buf joined;
	struct jem_buf text;
	uint64_t parts = 0;

	jem_buf_init(&text, 0);
	for (int i = 0; text.len < 300000; i++)
		jem_buf_printf(&text, "line %d \"quoted\\\" \xc3\xa9\x01\n", i);
	add(bench, JEM_KIND_log, jem_now_ns(), jem_buf_cstr(&text), JEM_URGENT);
	jem_buf_init(&joined, 0);
	jem_json_doc_init(&doc);
	for (size_t i = 0; i < bench->count; i++) {
		struct jem_head head;
		struct jem_err err;
		uint32_t records;

		CHECK_LE(bench->batches[i]->len, JEM_BATCH_TARGET + JEM_RECORD_SPLIT);
		if (jem_batch_decode_json(bench->batches[i]->body, bench->batches[i]->len, &doc,
					  &head, &records, &err) < 0)
			check_fail(__FILE__, __LINE__, "%s", err.text);
		for (uint32_t t = records + 1; t < jem_json_end(&doc, records);
		     t = jem_json_next(&doc, t)) {
			uint64_t part;

			CHECK_OK(jem_json_get_u64(&doc, jem_json_member(&doc, t, "part"), &part));
			CHECK_EQ(part, parts++);
			CHECK_OK(
				jem_json_get_text(&doc, jem_json_member(&doc, t, "json"), &joined));
		}
	}
	CHECK_GE(parts, 7);
	CHECK_OK(jem_json_read(&doc, joined.data, joined.len, NULL));
	jem_buf_clear(&text);
	CHECK_OK(jem_json_get_text(&doc, jem_json_member(&doc, 0, "text"), &text));
	CHECK_GE(text.len, 300000);
	CHECK_CONTAINS(jem_buf_cstr(&text), "line 7 \"quoted\\\" \xc3\xa9\x01\n");
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&joined);
	jem_buf_deinit(&text);
	bench_close(bench);
}

CASE(counts_a_record_over_its_bound_as_too_large)
{
	struct bench *bench = bench_open();
	const struct jem_account *account = jem_batcher_account(bench->batcher, JEM_KIND_log);
	struct jem_record *record = jem_batcher_begin(bench->batcher, JEM_KIND_log, jem_now_ns());
	char *text = malloc(9 << 20);

	memset(text, 'x', 9 << 20);
	jem_record_text(record, "text", text, 9 << 20);
	jem_batcher_end(bench->batcher, JEM_IN_TIME);
	free(text);
	CHECK_EQ(account->dropped[JEM_CAUSE_too_large], 1);
	CHECK(jem_account_is_balanced(account));
	jem_batcher_finish(bench->batcher);
	CHECK_EQ(bench->count, 1);
	CHECK_EQ(bench->batches[0]->head.dropped[JEM_CAUSE_too_large], 1);
	CHECK(bench->batches[0]->head.is_final);
	bench_close(bench);
}

CASE(begins_a_new_batch_for_an_older_record)
{
	struct bench *bench = bench_open();
	uint64_t now = jem_now_ns();

	add(bench, JEM_KIND_status, now, "new", JEM_IN_TIME);
	add(bench, JEM_KIND_status, now - 5000, "old", JEM_IN_TIME);
	jem_batcher_flush_all(bench->batcher);
	CHECK_EQ(bench->count, 2);
	CHECK_EQ(bench->batches[1]->head.mono_ns, now - 5000);
	CHECK_EQ(check_stream(bench, JEM_KIND_status), 2);
	bench_close(bench);
}

CASE(tells_losses_in_later_heads)
{
	struct bench *bench = bench_open();

	jem_batcher_drop(bench->batcher, JEM_KIND_log, JEM_CAUSE_truncated, 7);
	jem_batcher_note_lost(bench->batcher, JEM_KIND_log, JEM_CAUSE_queue_full, 5);
	add(bench, JEM_KIND_log, jem_now_ns(), "x", JEM_URGENT);
	CHECK_EQ(bench->batches[0]->head.dropped[JEM_CAUSE_truncated], 7);
	CHECK_EQ(bench->batches[0]->head.dropped[JEM_CAUSE_queue_full], 5);
	CHECK(jem_account_is_balanced(jem_batcher_account(bench->batcher, JEM_KIND_log)));
	bench_close(bench);
}

CASE(ends_every_used_stream_with_a_final_batch)
{
	struct bench *bench = bench_open();

	add(bench, JEM_KIND_log, jem_now_ns(), "x", JEM_URGENT);
	add(bench, JEM_KIND_alert, jem_now_ns(), "y", JEM_IN_TIME);
	jem_batcher_finish(bench->batcher);
	CHECK_EQ(bench->count, 3);
	CHECK(!bench->batches[0]->head.is_final);
	CHECK(bench->batches[1]->head.is_final);
	CHECK(bench->batches[2]->head.is_final);
	CHECK_EQ(check_stream(bench, JEM_KIND_log), 1);
	CHECK_EQ(check_stream(bench, JEM_KIND_alert), 1);
	bench_close(bench);
}

static void push_rows(struct bench *bench, uint64_t base_ns, uint32_t n)
{
	uint32_t times[64] = { 0 };
	const struct jem_column column = {
		.name = "dt_ns", .shape = JEM_COLUMN_ARRAY, .type = JEM_CBOR_U32, .data = times
	};
	struct jem_column_rows rows = { .base_ns = base_ns, .n = n };
	struct jem_buf map;

	jem_buf_init(&map, 0);
	jem_columns_encode_map(&column, 1, n, &map);
	rows.map = map.data;
	rows.len = map.len;
	jem_batcher_push_columns(bench->batcher, JEM_KIND_call, &rows);
	jem_buf_deinit(&map);
}

CASE(numbers_finished_columns_and_keeps_their_account)
{
	struct bench *bench = bench_open();
	const struct jem_account *account = jem_batcher_account(bench->batcher, JEM_KIND_call);
	struct jem_columns columns;
	uint64_t first = 0;

	jem_columns_init(&columns);
	push_rows(bench, 7000, 3);
	jem_batcher_drop(bench->batcher, JEM_KIND_call, JEM_CAUSE_queue_full, 11);
	push_rows(bench, 9000, 64);
	CHECK_EQ(account->in, 78);
	CHECK_EQ(account->out, 67);
	CHECK(jem_account_is_balanced(account));
	jem_batcher_finish(bench->batcher);
	CHECK_EQ(bench->count, 3);
	for (size_t i = 0; i < bench->count; i++) {
		struct jem_head head;
		struct jem_err err;

		if (jem_columns_decode(&columns, bench->batches[i]->body, bench->batches[i]->len,
				       &head, &err) < 0)
			check_fail(__FILE__, __LINE__, "batch %zu: %s", i, err.text);
		CHECK_EQ(head.seq, i);
		CHECK_EQ(head.first, first);
		CHECK_EQ(head.dropped[JEM_CAUSE_queue_full], i ? 11 : 0);
		CHECK_EQ(head.is_final, i == 2);
		first += head.n;
	}
	CHECK_EQ(bench->batches[1]->head.mono_ns, 9000);
	CHECK_EQ(first, 67);
	jem_columns_deinit(&columns);
	bench_close(bench);
}

CASE(counts_columns_over_the_bound_of_a_batch_as_too_large)
{
	struct bench *bench = bench_open();
	const struct jem_account *account = jem_batcher_account(bench->batcher, JEM_KIND_call);
	char *map = calloc(1, JEM_BATCH_MAX);
	struct jem_column_rows rows = { .base_ns = 1, .n = 5, .map = map, .len = JEM_BATCH_MAX };

	jem_batcher_push_columns(bench->batcher, JEM_KIND_call, &rows);
	free(map);
	CHECK_EQ(bench->count, 0);
	CHECK_EQ(account->dropped[JEM_CAUSE_too_large], 5);
	CHECK(jem_account_is_balanced(account));
	push_rows(bench, 7000, 3);
	CHECK_EQ(bench->batches[0]->head.first, 5);
	CHECK_EQ(bench->batches[0]->head.dropped[JEM_CAUSE_too_large], 5);
	bench_close(bench);
}

TESTS(T(sends_a_batch_when_the_flush_time_is_over), T(sends_urgent_records_at_once),
      T(cuts_batches_at_their_size_and_keeps_the_account),
      T(splits_a_large_record_and_its_parts_are_the_record),
      T(counts_a_record_over_its_bound_as_too_large), T(begins_a_new_batch_for_an_older_record),
      T(tells_losses_in_later_heads), T(numbers_finished_columns_and_keeps_their_account),
      T(counts_columns_over_the_bound_of_a_batch_as_too_large),
      T(ends_every_used_stream_with_a_final_batch))
