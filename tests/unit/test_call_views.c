/* SPDX-License-Identifier: Apache-2.0 */
/* Calls as text, and what a page shows of them. */
#include "common/cbor_json.h"
#include "common/cleanup.h"
#include "receiver/calls/call_chart.h"
#include "receiver/calls/call_text.h"
#include "receiver/calls/value_text.h"
#include "receiver/record_text.h"
#include "tests/unit/call_batch.h"
#include "tests/unit/check.h"
#include "tests/unit/fake_canvas.h"

#define T0_US 1700000000000000u

static struct jem_columns columns;
static struct jem_head head;
static struct jem_buf body;
static struct jem_call_rows rows;

/* Makes the batch of these records the one of `rows`. */
static void take(const char *records)
{
	static bool is_begun;
	struct jem_err err;

	if (!is_begun) {
		jem_columns_init(&columns);
		jem_buf_init(&body, 0);
	}
	is_begun = true;
	jem_buf_clear(&body);
	head = (struct jem_head){ .kind = JEM_KIND_call,
				  .schema = 1,
				  .source.names = { "site", "user", "job", "node" },
				  .epoch = "0123456789abcdef",
				  .boot_id = "00000000-0000-0000-0000-000000000000",
				  .t0_us = T0_US,
				  .mono_ns = 5000000000 };
	call_batch_encode(&head, records, &body);
	if (jem_columns_decode(&columns, body.data, body.len, &head, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
	jem_call_rows_begin(&rows, &columns, &head);
}

static void end(void)
{
	jem_columns_deinit(&columns);
	jem_buf_deinit(&body);
}

static const char *text_of(uint64_t row)
{
	static struct jem_buf text;
	struct jem_call call;

	jem_buf_clear(&text);
	jem_call_rows_at(&rows, row, &call);
	jem_call_write(&text, &call);
	return jem_buf_cstr(&text);
}

static const char *value(const char *json)
{
	static struct jem_buf text;
	struct jem_json_doc doc;
	struct jem_buf cbor;

	jem_buf_clear(&text);
	jem_json_doc_init(&doc);
	CHECK_OK(jem_json_read(&doc, json, strlen(json), NULL));
	jem_buf_init(&cbor, 0);
	jem_cbor_from_json(&cbor, &doc, 0);
	jem_value_text_write(
		&text, (struct jem_cbor_reader){ (const uint8_t *)cbor.data, cbor.len, 0 }, 400);
	jem_buf_deinit(&cbor);
	jem_json_doc_deinit(&doc);
	return jem_buf_cstr(&text);
}

CASE(shows_values_as_a_person_expects_them)
{
	CHECK_STR(value("3.5"), "3.5");
	CHECK_STR(value("null"), "null");
	CHECK_STR(value("\"a \\\"b\\\"\""), "\"a \"b\"\"");
	CHECK_STR(value("{\"missing\":\"optimised out\"}"), "<optimised out>");
	CHECK_STR(value("{\"pt\":41.2,\"hits\":[1,2,3]}"), "{pt=41.2, hits=[1, 2, 3]}");
	CHECK_STR(value("{\"address\":\"0x55e0\",\"to\":{\"x\":1}}"), "0x55e0 -> {x=1}");
	CHECK_STR(value("{\"address\":\"0x55e0\"}"), "0x55e0");
	CHECK_STR(value("{\"text\":\"long\",\"missing\":\"truncated\",\"length\":900}"),
		  "\"long\"...");
	CHECK_STR(value("[[\"a\",1],[\"b\",2]]"), "[[\"a\", 1], [\"b\", 2]]");
	/* A member called address that is none. */
	CHECK_STR(value("{\"address\":{\"street\":1}}"), "{address={street=1}}");
}

CASE(bounds_values_and_shows_no_control_character)
{
	struct jem_buf json;

	CHECK_STR(value("\"a\\u001b[31m\\u202e\\n\""), "\"a\\x1b[31m\\u202e\\n\"");
	CHECK_STR(value("{\"\\u001bname\":1}"), "{\\x1bname=1}");
	CHECK_STR(value("[[[[[[[[1]]]]]]]]"), "[[[[[[...]]]]]]");
	jem_buf_init(&json, 0);
	jem_buf_add_char(&json, '[');
	for (int i = 0; i < 1000; i++)
		jem_buf_add_str(&json, "{\"member\":\"value\"},");
	jem_buf_add_str(&json, "0]");
	CHECK(strlen(value(jem_buf_cstr(&json))) < 500);
	CHECK_CONTAINS(value(json.data), "...");
	jem_buf_clear(&json);
	jem_buf_add_char(&json, '"');
	for (int i = 0; i < 400; i++)
		jem_buf_add_str(&json, "\xc3\xa9");
	jem_buf_add_char(&json, '"');
	CHECK(strlen(value(jem_buf_cstr(&json))) < JEM_VALUE_STRING + 8);
	jem_buf_deinit(&json);
}

CASE(writes_calls_as_lines)
{
	take("[{\"dt_ns\":1000,\"pid\":12,\"tid\":13,\"event\":\"enter\",\"depth\":1,"
	     "\"function\":\"fit::Fit::run\",\"file\":\"/src/fit.cc\",\"line\":41,"
	     "\"caller\":{\"function\":\"main\",\"file\":\"/src/main.cc\",\"line\":12},"
	     "\"args\":[{\"name\":\"n\",\"type\":\"int\",\"value\":3},"
	     "{\"name\":\"track\",\"type\":\"Track\",\"value\":{\"pt\":1.5}}]},"
	     "{\"dt_ns\":9000,\"pid\":12,\"tid\":13,\"event\":\"exit\",\"depth\":1,"
	     "\"function\":\"fit::Fit::run\",\"duration_ns\":123456,"
	     "\"return\":{\"type\":\"double\",\"value\":3.5},"
	     "\"locals\":[{\"name\":\"chi2\",\"type\":\"double\",\"value\":1.07}],"
	     "\"note\":\"ended \\u001b early\"}]");
	CHECK_STR(text_of(0), "12/13    fit::Fit::run(n=3, track={pt=1.5})  fit.cc:41, from "
			      "main.cc:12");
	CHECK_STR(text_of(1), "12/13    <- fit::Fit::run  123 us  return 3.5  [chi2=1.07]  (ended "
			      "\\x1b early)");
	end();
}

CASE(tells_durations_in_three_digits)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0 ns" },          { 999, "999 ns" },        { 1000, "1.00 us" },
		{ 1234, "1.23 us" },    { 12345, "12.3 us" },     { 999999, "999 us" },
		{ 1050000, "1.05 ms" }, { 1009000000, "1.00 s" }, { 3600000000000, "3600 s" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct jem_buf text;

		jem_buf_init(&text, 0);
		jem_call_write_duration(&text, cases[i].ns);
		CHECK_STR(jem_buf_cstr(&text), cases[i].text);
		jem_buf_deinit(&text);
	}
}

/* The same record as a line of JSON is the same text. */
CASE(reads_calls_from_json_too)
{
	static const char record[] =
		"{\"dt_ns\":0,\"pid\":1,\"tid\":2,\"event\":\"enter\",\"depth\":0,\"function\":"
		"\"a<\\\"b\\\">::c\",\"file\":\"x\\\\y.c\",\"line\":7,\"args\":[{\"name\":\"s\","
		"\"type\":"
		"\"char *\",\"value\":\"t\\\"\"}],\"duration_ns\":null}";
	char array[600];
	struct jem_json_doc doc;
	struct jem_buf scratch;
	struct jem_buf text;
	struct jem_call call;

	snprintf(array, sizeof(array), "[%s]", record);
	take(array);
	jem_json_doc_init(&doc);
	jem_buf_init(&scratch, 0);
	jem_buf_init(&text, 0);
	CHECK_OK(jem_json_read(&doc, record, strlen(record), NULL));
	CHECK(jem_call_read_json(&doc, 0, &scratch, &call));
	jem_call_write(&text, &call);
	CHECK_STR(jem_buf_cstr(&text), "1/2  a<\"b\">::c(s=\"t\"\")  x\\y.c:7");
	CHECK_STR(text_of(0), text.data);
	jem_buf_deinit(&text);
	jem_buf_deinit(&scratch);
	jem_json_doc_deinit(&doc);
	end();
}

CASE(log_shows_calls_so)
{
	static const char record[] = "{\"t\":1700000000.5,\"epoch\":\"0123456789abcdef\",\"seq\":0,"
				     "\"i\":0,\"mono_s\":1.0,"
				     "\"pid\":1,\"tid\":2,\"event\":\"exit\",\"depth\":1,"
				     "\"function\":\"f\",\"duration_ns\":5}";
	struct jem_text_style style = { 0 };
	struct jem_json_doc doc;
	struct jem_buf text;

	jem_json_doc_init(&doc);
	jem_buf_init(&text, 0);
	CHECK_OK(jem_json_read(&doc, record, strlen(record), NULL));
	jem_record_write_text(&style, &text, JEM_KIND_call, T0_US, "", &doc, 0);
	CHECK_STR(jem_buf_cstr(&text), "2023-11-14 22:13:20.000 call    1/2    <- f  5 ns");
	jem_buf_deinit(&text);
	jem_json_doc_deinit(&doc);
}

/* Columns of other shapes than the schema's are as if they were not there. */
CASE(takes_hostile_columns)
{
	static const uint64_t dt_ns[] = { 5, 6 };
	static const double reals[] = { 1e300, -3 };
	struct jem_buf items;
	struct jem_call call;

	jem_buf_init(&items, 0);
	jem_cbor_u64(&items, 7);
	jem_cbor_str(&items, "f");
	struct jem_column made[] = {
		{ .name = "dt_ns", .type = JEM_CBOR_U64, .data = dt_ns },
		{ .name = "pid", .type = JEM_CBOR_F64, .data = reals },
		{ .name = "depth", .type = JEM_CBOR_F64, .data = reals },
		{ .name = "function",
		  .shape = JEM_COLUMN_ITEMS,
		  .data = items.data,
		  .len = items.len },
		{ .name = "args", .shape = JEM_COLUMN_ITEMS, .data = items.data, .len = items.len },
		{ .name = "caller", .type = JEM_CBOR_F64, .data = reals },
	};

	take("[{},{}]");
	jem_buf_clear(&body);
	jem_columns_encode(&head, made, 6, &body);
	CHECK_OK(jem_columns_decode(&columns, body.data, body.len, &head, NULL));
	jem_call_rows_begin(&rows, &columns, &head);
	CHECK_STR(text_of(0), "0/0  ?()");
	CHECK_STR(text_of(1), "0/0  f()");
	jem_call_rows_at(&rows, 1, &call);
	CHECK(!call.args.data);
	jem_buf_deinit(&items);
	end();
}

static const struct jem_recent_open *open_at(const struct jem_recent *recent, size_t thread)
{
	return thread < recent->thread_count ? jem_recent_innermost(recent->threads[thread]) : NULL;
}

CASE(knows_where_each_thread_is)
{
	struct jem_recent recent;

	jem_recent_init(&recent);
	take("[{\"dt_ns\":0,\"pid\":1,\"tid\":1,\"event\":\"enter\",\"depth\":0,\"function\":"
	     "\"main\"},"
	     "{\"dt_ns\":1000000,\"pid\":1,\"tid\":1,\"event\":\"enter\",\"depth\":1,\"function\":"
	     "\"a\"},"
	     "{\"dt_ns\":2000000,\"pid\":1,\"tid\":2,\"event\":\"enter\",\"depth\":3,\"function\":"
	     "\"w\"},"
	     "{\"dt_ns\":3000000,\"pid\":1,\"tid\":1,\"event\":\"exit\",\"depth\":1,\"function\":"
	     "\"a\","
	     "\"duration_ns\":2000000}]");
	CHECK_OK(jem_recent_add(&recent, &rows, 0));
	CHECK_EQ(recent.thread_count, 2);
	CHECK_STR(jem_name_table_at(&recent.names, open_at(&recent, 0)->function), "main");
	CHECK_EQ(open_at(&recent, 0)->t_us, T0_US);
	CHECK_STR(jem_name_table_at(&recent.names, open_at(&recent, 1)->function), "w");
	CHECK_EQ(recent.threads[1]->depth, 4); /* what is around it is not known */
	/* The exit of w was dropped: an outer call ends it. */
	take("[{\"dt_ns\":4000000,\"pid\":1,\"tid\":2,\"event\":\"exit\",\"depth\":2,\"function\":"
	     "\"v\","
	     "\"duration_ns\":3500000},"
	     "{\"dt_ns\":5000000,\"pid\":1,\"tid\":1,\"event\":\"exit\",\"depth\":0,\"function\":"
	     "\"main\"}]");
	CHECK_OK(jem_recent_add(&recent, &rows, 0));
	CHECK(!open_at(&recent, 0));
	CHECK(!open_at(&recent, 1));
	CHECK_EQ(recent.line_count, 6);
	CHECK_STR(jem_recent_line(&recent, 5)->text, "1/1  <- main");
	jem_recent_deinit(&recent);
	end();
}

static double busy(const struct jem_recent *recent, size_t thread, int level)
{
	double sum = 0;

	for (int i = 0; recent->threads[thread]->levels[level] && i < JEM_RECENT_BINS; i++)
		sum += (double)recent->threads[thread]->levels[level][i].busy_us;
	return sum;
}

static void call_at(struct jem_recent *recent, unsigned pid, uint64_t from_us, uint64_t length_us)
{
	char text[400];

	snprintf(text, sizeof(text),
		 "[{\"dt_ns\":%" PRIu64 ",\"pid\":%u,\"tid\":%u,\"event\":\"exit\",\"depth\":0,"
		 "\"function\":\"f\",\"duration_ns\":%" PRIu64 "}]",
		 (from_us + length_us) * 1000, pid, pid, length_us * 1000);
	take(text);
	CHECK_OK(jem_recent_add(recent, &rows, 0));
}

/* Columns become wider as the job lives longer, and begin earlier: no time is lost or made. */
CASE(keeps_the_time_of_calls_whatever_the_span)
{
	struct jem_recent recent;
	double sum = 0;

	jem_recent_init(&recent);
	for (uint64_t i = 0; i < 40; i++) {
		uint64_t from_us = 1000 + i * i * i * 7919;

		call_at(&recent, 1, from_us, 100 + 977 * i);
		sum += 100 + 977 * (double)i;
		CHECK_NEAR(busy(&recent, 0, 0), sum, 0.01 * sum);
	}
	call_at(&recent, 1, 10, 200); /* earlier than all */
	CHECK_NEAR(busy(&recent, 0, 0), sum + 200, 0.01 * sum);
	CHECK(recent.from_us <= T0_US + 10);
	call_at(&recent, 1, 20000000000, 5000000000);
	CHECK_NEAR(busy(&recent, 0, 0), sum + 200 + 5e9, 0.01 * 5e9);
	jem_recent_deinit(&recent);
	end();
}

CASE(forgets_the_thread_that_is_silent_for_longest)
{
	struct jem_recent recent;

	jem_recent_init(&recent);
	for (unsigned pid = 1; pid <= JEM_RECENT_THREADS + 3; pid++)
		call_at(&recent, pid, 1000 * pid, 10);
	CHECK_EQ(recent.thread_count, JEM_RECENT_THREADS);
	CHECK_EQ(recent.threads_forgotten, 3);
	CHECK_EQ(recent.threads[0]->pid, 4);
	jem_recent_deinit(&recent);
	end();
}

CASE(draws_every_column_in_which_something_ran)
{
	const struct jem_call_chart_view view = {
		.width = 900, .from_s = T0_US * 1e-6, .to_s = T0_US * 1e-6 + 10, .threads = 8
	};
	struct jem_recent recent;
	struct jem_canvas *canvas;
	struct jem_buf drawn;
	unsigned bars = 0;

	jem_recent_init(&recent);
	CHECK(!jem_call_chart_has_data(&recent));
	for (unsigned i = 0; i < 10; i++)
		call_at(&recent, 7, 1000000 * i, 1);
	CHECK(jem_call_chart_has_data(&recent));
	jem_buf_init(&drawn, 0);
	canvas = fake_canvas_create(&drawn);
	jem_call_chart_draw(canvas, &recent, &view);
	CHECK_EQ(jem_canvas_finish(canvas), 0);
	for (const char *at = jem_buf_cstr(&drawn); (at = strstr(at, "rects ")); at++)
		bars++;
	CHECK_EQ(bars, 11); /* and the ground of the thread */
	jem_canvas_destroy(canvas);
	jem_buf_deinit(&drawn);
	jem_recent_deinit(&recent);
	end();
}

TESTS(T(shows_values_as_a_person_expects_them), T(bounds_values_and_shows_no_control_character),
      T(writes_calls_as_lines), T(tells_durations_in_three_digits), T(reads_calls_from_json_too),
      T(log_shows_calls_so), T(takes_hostile_columns), T(knows_where_each_thread_is),
      T(keeps_the_time_of_calls_whatever_the_span),
      T(forgets_the_thread_that_is_silent_for_longest),
      T(draws_every_column_in_which_something_ran))
