/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of kind sched as a reader of the columns finds them again. */
#include "daemon/sources/sched/item_rows.h"
#include "daemon/sources/sched/slice_rows.h"

#include "tests/unit/check.h"

static const struct jem_sched_slice plain = {
	.start_ns = 1000000,
	.run_ns = 300,
	.wait_ns = 70,
	.task = 1,
	.comm = 1,
	.waker = JEM_SCHED_NONE,
	.cpu = 0,
	.from_cpu = JEM_SCHED_NO_CPU,
	.waker_cpu = JEM_SCHED_NO_CPU,
	.end = JEM_SCHED_SLEEP,
};

struct batch {
	struct jem_buf body;
	struct jem_columns columns;
	struct jem_head head;
	uint64_t base_ns;
};

static void read_map(struct batch *ret, const struct jem_buf *map, uint64_t base_ns, uint64_t n)
{
	struct jem_err err = { "" };

	ret->base_ns = base_ns;
	ret->head = (struct jem_head){ .kind = JEM_KIND_sched,
				       .schema = 1,
				       .source.names = { "s", "u", "j", "n" },
				       .epoch = "0123456789abcdef",
				       .n = n,
				       .mono_ns = base_ns };
	jem_buf_init(&ret->body, 0);
	jem_columns_init(&ret->columns);
	jem_columns_encode_body(&ret->head, map->data, map->len, &ret->body);
	if (jem_columns_decode(&ret->columns, ret->body.data, ret->body.len, &ret->head, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
}

static void take(struct jem_slice_rows *rows, struct batch *ret)
{
	struct jem_buf map;
	uint64_t base_ns;
	uint64_t n;

	jem_buf_init(&map, 0);
	CHECK_OK(jem_slice_rows_take(rows, &base_ns, &n, &map));
	read_map(ret, &map, base_ns, n);
	jem_buf_deinit(&map);
}

static void drop(struct batch *batch)
{
	jem_columns_deinit(&batch->columns);
	jem_buf_deinit(&batch->body);
}

static uint64_t number(const struct batch *batch, const char *column, uint64_t row)
{
	return jem_column_u64(jem_columns_find(&batch->columns, column), row);
}

static const char *row_text(struct batch *batch, uint64_t row)
{
	static struct jem_buf text;

	jem_buf_clear(&text);
	jem_columns_row(&batch->columns, row, &text);
	return jem_buf_cstr(&text);
}

static struct jem_slice_rows *make_rows(struct jem_redactor **redactor)
{
	struct jem_slice_rows *rows;

	CHECK_OK(jem_redactor_create(NULL, 0, redactor, NULL));
	CHECK_OK(jem_slice_rows_create(*redactor, &rows));
	return rows;
}

CASE(a_slice_has_the_fields_of_the_contract)
{
	struct jem_redactor *redactor;
	struct jem_slice_rows *rows = make_rows(&redactor);
	struct jem_slice_place place = { 0 };
	struct jem_slice_place waker = { 0 };
	struct jem_sched_slice slice = plain;
	struct batch batch;

	slice.cpu = 3;
	slice.from_cpu = 300;
	slice.waker_cpu = 2;
	slice.move = JEM_SCHED_BALANCED;
	slice.end = JEM_SCHED_BLOCKED;
	slice.flags = JEM_SCHED_FIRST;
	jem_slice_rows_add(rows, &slice,
			   &(struct jem_slice_who){ 12, 11, "a b", &place, 77, &waker });
	take(rows, &batch);
	CHECK_STR(
		row_text(&batch, 0),
		"{\"dt_ns\":0,\"event\":\"slice\",\"cpu\":3,\"tid\":12,\"pid\":11,\"comm\":\"a b\","
		"\"run_ns\":300,\"wait_ns\":70,\"end\":\"blocked\",\"waker_tid\":77,"
		"\"waker_cpu\":2,\"from_cpu\":300,\"move\":\"balanced\",\"flags\":32}");
	CHECK_EQ(batch.base_ns, 1000000);
	drop(&batch);
	jem_slice_rows_destroy(rows);
	jem_redactor_destroy(redactor);
}

CASE(what_is_not_known_is_null)
{
	struct jem_redactor *redactor;
	struct jem_slice_rows *rows = make_rows(&redactor);
	struct jem_slice_place place = { 0 };
	struct batch batch;

	jem_slice_rows_add(rows, &plain, &(struct jem_slice_who){ 12, 0, "x", &place, 0, NULL });
	take(rows, &batch);
	CHECK_CONTAINS(row_text(&batch, 0),
		       "\"waker_tid\":null,\"waker_cpu\":null,\"from_cpu\":null");
	drop(&batch);
	jem_slice_rows_destroy(rows);
	jem_redactor_destroy(redactor);
}

CASE(hostile_names_are_redacted_and_made_utf8)
{
	struct jem_redactor *redactor;
	struct jem_slice_rows *rows = make_rows(&redactor);
	struct jem_slice_place places[2] = { { 0 } };
	struct batch batch;

	jem_slice_rows_add(rows, &plain,
			   &(struct jem_slice_who){ 1, 1, "password=xyzzy", &places[0], 0, NULL });
	jem_slice_rows_add(rows, &plain,
			   &(struct jem_slice_who){ 2, 2, "\xff\"<b>", &places[1], 0, NULL });
	take(rows, &batch);
	CHECK(!strstr(row_text(&batch, 0), "xyzzy"));
	CHECK_CONTAINS(row_text(&batch, 0), "password=***");
	CHECK_CONTAINS(row_text(&batch, 1), "\"comm\":\"\xef\xbf\xbd\\\"<b>\"");
	drop(&batch);
	jem_slice_rows_destroy(rows);
	jem_redactor_destroy(redactor);
}

CASE(a_task_that_changes_its_name_keeps_both)
{
	struct jem_redactor *redactor;
	struct jem_slice_rows *rows = make_rows(&redactor);
	struct jem_slice_place place = { 0 };
	struct jem_sched_slice renamed = plain;
	struct batch batch;

	renamed.comm = 2;
	jem_slice_rows_add(rows, &plain, &(struct jem_slice_who){ 5, 5, "sh", &place, 0, NULL });
	jem_slice_rows_add(rows, &renamed, &(struct jem_slice_who){ 5, 5, "cc", &place, 0, NULL });
	jem_slice_rows_add(rows, &renamed, &(struct jem_slice_who){ 5, 5, "cc", &place, 0, NULL });
	CHECK_EQ(rows->who_count, 2);
	take(rows, &batch);
	CHECK_CONTAINS(row_text(&batch, 0), "\"comm\":\"sh\"");
	CHECK_CONTAINS(row_text(&batch, 2), "\"comm\":\"cc\"");
	drop(&batch);
	/* The next batch has a dictionary of its own. */
	jem_slice_rows_add(rows, &renamed, &(struct jem_slice_who){ 5, 5, "cc", &place, 0, NULL });
	take(rows, &batch);
	CHECK_CONTAINS(row_text(&batch, 0), "\"tid\":5,\"pid\":5,\"comm\":\"cc\"");
	drop(&batch);
	jem_slice_rows_destroy(rows);
	jem_redactor_destroy(redactor);
}

/* Slices that follow each other on two cores, of odd lengths; the times that a reader adds up. */
static void fill(struct jem_slice_rows *rows, uint32_t n, uint64_t ends[2])
{
	static struct jem_slice_place places[2];
	int64_t at[2] = { 5000001, 5000077 };

	for (uint32_t i = 0; i < n; i++) {
		unsigned cpu = i & 1;
		struct jem_sched_slice slice = plain;

		slice.cpu = (uint16_t)cpu;
		slice.start_ns = at[cpu];
		slice.run_ns = 1000 + (i * 37) % 999;
		slice.wait_ns = (i * 91) % 5000;
		at[cpu] += (int64_t)slice.run_ns;
		jem_slice_rows_add(
			rows, &slice,
			&(struct jem_slice_who){ (int32_t)cpu + 1, 1, "t", &places[cpu], 0, NULL });
	}
	ends[0] = (uint64_t)at[0];
	ends[1] = (uint64_t)at[1];
}

static void check_chain(const struct batch *batch, uint32_t n, const uint64_t ends[2],
			uint64_t tolerance)
{
	uint64_t end[2] = { 0 };
	uint64_t cpu_before = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t cpu = number(batch, "cpu", i);
		uint64_t start = batch->base_ns + number(batch, "dt_ns", i);

		CHECK_GE(cpu, cpu_before); /* core by core */
		cpu_before = cpu;
		if (end[cpu])
			CHECK_EQ(start, end[cpu]); /* no gap, no overlap */
		end[cpu] = start + number(batch, "run_ns", i);
	}
	for (int cpu = 0; cpu < 2; cpu++) {
		CHECK_LE(end[cpu], ends[cpu]);
		CHECK_LE(ends[cpu] - end[cpu], tolerance);
	}
}

CASE(a_batch_that_is_not_full_has_exact_times)
{
	struct jem_redactor *redactor;
	struct jem_slice_rows *rows = make_rows(&redactor);
	uint64_t ends[2];
	struct batch batch;

	fill(rows, 500, ends);
	take(rows, &batch);
	check_chain(&batch, 500, ends, 0);
	drop(&batch);
	jem_slice_rows_destroy(rows);
	jem_redactor_destroy(redactor);
}

CASE(a_full_batch_has_its_times_on_the_grid_and_sums_stay)
{
	struct jem_redactor *redactor;
	struct jem_slice_rows *rows = make_rows(&redactor);
	uint64_t ends[2];
	struct batch batch;

	fill(rows, JEM_SLICE_ROWS_MAX, ends);
	CHECK(jem_slice_rows_is_full(rows));
	take(rows, &batch);
	check_chain(&batch, JEM_SLICE_ROWS_MAX, ends, JEM_SLICE_GRID_NS);
	for (uint32_t i = 0; i < JEM_SLICE_ROWS_MAX; i++)
		CHECK_EQ((batch.base_ns + number(&batch, "dt_ns", i)) % JEM_SLICE_GRID_NS, 0);
	CHECK_LE(batch.body.len, JEM_BATCH_TARGET + 4096);
	drop(&batch);
	jem_slice_rows_destroy(rows);
	jem_redactor_destroy(redactor);
}

CASE(long_times_and_many_cores_are_whole)
{
	struct jem_redactor *redactor;
	struct jem_slice_rows *rows = make_rows(&redactor);
	struct jem_slice_place place = { 0 };
	struct jem_sched_slice slice = plain;
	struct batch batch;

	slice.run_ns = UINT64_C(1) << 40;
	slice.cpu = 4000;
	slice.start_ns = INT64_C(1) << 50;
	jem_slice_rows_add(rows, &plain, &(struct jem_slice_who){ 1, 1, "a", &place, 0, NULL });
	jem_slice_rows_add(rows, &slice, &(struct jem_slice_who){ 1, 1, "a", &place, 0, NULL });
	take(rows, &batch);
	CHECK_EQ(number(&batch, "run_ns", 1), INT64_C(1) << 40);
	CHECK_EQ(number(&batch, "cpu", 1), 4000);
	CHECK_EQ(batch.base_ns + number(&batch, "dt_ns", 1), INT64_C(1) << 50);
	drop(&batch);
	jem_slice_rows_destroy(rows);
	jem_redactor_destroy(redactor);
}

CASE(rare_rows_are_lists_of_items)
{
	static const char *const names[] = { "cpu", "lost" };
	static struct jem_item_rows rows;
	struct jem_buf map;
	struct batch batch;
	uint64_t base_ns;
	uint64_t n;

	jem_item_rows_init(&rows, "gap", names, 2);
	for (uint64_t i = 0; i < 3; i++) {
		jem_item_rows_begin(&rows, 900 - i);
		jem_cbor_u64(jem_item_rows_next(&rows), i);
		jem_cbor_null(jem_item_rows_next(&rows));
	}
	jem_buf_init(&map, 0);
	CHECK_OK(jem_item_rows_take(&rows, &base_ns, &n, &map));
	CHECK_EQ(n, 3);
	CHECK_EQ(base_ns, 898);
	read_map(&batch, &map, base_ns, n);
	CHECK_STR(row_text(&batch, 1), "{\"dt_ns\":1,\"event\":\"gap\",\"cpu\":1,\"lost\":null}");
	drop(&batch);
	jem_buf_deinit(&map);
	jem_item_rows_deinit(&rows);
}

TESTS(T(a_slice_has_the_fields_of_the_contract), T(what_is_not_known_is_null),
      T(hostile_names_are_redacted_and_made_utf8), T(a_task_that_changes_its_name_keeps_both),
      T(a_batch_that_is_not_full_has_exact_times),
      T(a_full_batch_has_its_times_on_the_grid_and_sums_stay),
      T(long_times_and_many_cores_are_whole), T(rare_rows_are_lists_of_items))
