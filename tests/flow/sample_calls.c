/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/flow/sample_calls.h"

#include "tests/unit/call_batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define EPOCH "9f2c41d07be3a865"

/* The functions of the job: parent, the part of its time, whether it is what hostile text is. */
static const struct {
	int parent;
	double part;
	const char *name;
	const char *file;
} functions[] = {
	{ -1, 1, "main", "/src/analysis/main.cc" },
	{ 0, 0.93, "analysis::Job::run(analysis::Options const&)", "/src/analysis/job.cc" },
	{ 1, 0.13, "io::Reader::next(io::Event&)", "/src/io/reader.cc" },
	{ 2, 0.7, "io::Buffer::fill(unsigned long)", "/src/io/buffer.cc" },
	{ 2, 0.2, "io::checksum(std::vector<unsigned char> const&)", "/src/io/checksum.cc" },
	{ 1, 0.72, "fit::Fit::run(int, fit::Track const&)", "/src/fit/fit.cc" },
	{ 5, 0.55, "fit::Kalman::filter(fit::Track&, fit::Hit const&)", "/src/fit/kalman.cc" },
	{ 6, 0.5, "math::Matrix<5, 5>::multiply(math::Matrix<5, 5> const&) const",
	  "/src/math/matrix.hh" },
	{ 6, 0.3, "math::Matrix<5, 5>::invert()", "/src/math/matrix.hh" },
	{ 8, 0.8, "math::cholesky(double*, int)", "/src/math/cholesky.cc" },
	{ 5, 0.35, "fit::Kalman::smooth(fit::Track&)", "/src/fit/kalman.cc" },
	{ 10, 0.6, "math::Matrix<5, 5>::multiply(math::Matrix<5, 5> const&) const",
	  "/src/math/matrix.hh" },
	{ 10, 0.1, "field::Map::at(double, double, double) const", "/src/field/map.cc" },
	{ 5, 0.05, "fit::Track::step(int)", "/src/fit/track.cc" },
	{ 1, 0.09, "hist::Histogram::fill(double, double)", "/src/hist/histogram.cc" },
	{ 1, 0.02, "io::Writer::write(io::Result const&)", "/src/io/writer.cc" },
	{ 0, 0.03, "analysis::Options::parse(int, char**)", "/src/analysis/options.cc" },
	{ 0, 0.0004, "analysis::Banner::print()", "/src/analysis/banner.cc" },
};

enum {
	FUNCTIONS = sizeof(functions) / sizeof(*functions)
};

static const char hostile[] = "</script><script>alert(1)</script>\\u202e\\u0000<img src=x "
			      "onerror=alert(1)>::f(\\\"'&)";

static double total_s(int i)
{
	return functions[i].parent < 0 ? 1 : functions[i].part * total_s(functions[i].parent);
}

static double self_s(int i)
{
	double self = 1;

	for (int k = 0; k < FUNCTIONS; k++)
		if (functions[k].parent == i)
			self -= functions[k].part;
	return self * total_s(i);
}

static void feed_record(struct jem_job_model *model, const char *text)
{
	struct jem_json_doc doc;
	struct jem_err err;

	jem_json_doc_init(&doc);
	if (jem_json_read(&doc, text, strlen(text), &err) < 0 ||
	    jem_job_profile_add(&model->profile, EPOCH, &doc, 0) < 0) {
		fprintf(stderr, "sample_calls: %s in %s\n", err.text, text);
		exit(1);
	}
	jem_json_doc_deinit(&doc);
}

static void feed_profile(struct jem_job_model *model, double length_s, bool is_hostile)
{
	char text[900];

	for (int i = 0; i < FUNCTIONS; i++) {
		const char *name = is_hostile && i % 3 == 1 ? hostile : functions[i].name;
		double total = total_s(i) * length_s * 1e9;
		double self = self_s(i) * length_s * 1e9;
		int calls = functions[i].parent < 0 ? 1 : 17 + i * i * 4099;

		snprintf(text, sizeof(text),
			 "{\"lang\":\"c\",\"function\":\"%s\",\"file\":\"%s\",\"line\":%d,"
			 "\"calls\":%d,"
			 "\"returns\":%d,\"total_ns\":%.0f,\"self_ns\":%.0f,\"min_ns\":%.0f,"
			 "\"max_ns\":%.0f}",
			 name, functions[i].file, 10 + 7 * i, calls, calls, total, self,
			 total / calls / 3, total / calls * 5);
		feed_record(model, text);
		snprintf(text, sizeof(text),
			 "{\"lang\":\"c\",\"function\":\"%s\",\"node\":%d,\"parent\":%d,\"calls\":%"
			 "d,"
			 "\"total_ns\":%.0f,\"self_ns\":%.0f}",
			 name, i + 1, functions[i].parent + 1, calls, total, self);
		feed_record(model, text);
	}
}

static void put_head(struct jem_buf *buf, int i, int tid, int depth, double t_us, const char *event,
		     const char *name)
{
	jem_buf_printf(buf,
		       "{\"dt_ns\":%.0f,\"pid\":41977,\"tid\":%d,\"event\":\"%s\",\"depth\":%d,"
		       "\"function\":\"%s\",\"file\":\"%s\",\"line\":%d,",
		       t_us * 1000, tid, event, depth, name, functions[i].file, 10 + 7 * i);
}

/* A call and what it calls, as records of one thread: `*t_us` goes on. */
static void put_calls(struct jem_buf *buf, int i, int tid, int depth, double *t_us, double us,
		      bool is_hostile)
{
	const char *name = is_hostile && i % 3 == 1 ? hostile : functions[i].name;
	double begin = *t_us;

	if (us < 1)
		return;
	jem_buf_add_str(buf, buf->len > 1 ? "," : "");
	put_head(buf, i, tid, depth, *t_us, "enter", name);
	jem_buf_printf(
		buf,
		"\"args\":[{\"name\":\"n\",\"type\":\"int\",\"value\":%d},{\"name\":\"track\","
		"\"type\":\"fit::Track\",\"value\":{\"pt\":%.3f,\"charge\":-1,\"hits\":[1,2,3,5,8]"
		",\"next\":{\"address\":\"0x55e0c8a01230\"}}},{\"name\":\"name\",\"type\":\"char "
		"const*\",\"value\":\"%s\"}]}",
		i, us / 7, is_hostile ? hostile : "muon");
	for (int k = 0; k < FUNCTIONS; k++)
		if (functions[k].parent == i)
			put_calls(buf, k, tid, depth + 1, t_us, us * functions[k].part, is_hostile);
	if (*t_us < begin + us)
		*t_us = begin + us;
	jem_buf_add_char(buf, ',');
	put_head(buf, i, tid, depth, *t_us, "exit", name);
	jem_buf_printf(
		buf,
		"\"duration_ns\":%.0f,\"return\":{\"type\":\"double\",\"value\":%.4f},\"locals\":["
		"{\"name\":\"chi2\",\"type\":\"double\",\"value\":{\"missing\":\"optimised "
		"out\"}}]}",
		us * 1000, us / 3);
}

static void feed_batch(struct jem_job_model *model, const char *records, uint64_t t0_us)
{
	struct jem_head head = { .kind = JEM_KIND_call,
				 .schema = 1,
				 .source.names = { "cern-prod", "aresearcher", "4711-3", "wn-042" },
				 .epoch = EPOCH,
				 .boot_id = "00000000-0000-0000-0000-000000000000",
				 .t0_us = t0_us,
				 .mono_ns = 5000000000 };
	struct jem_columns columns;
	struct jem_call_rows rows;
	struct jem_buf body;
	struct jem_err err;

	jem_buf_init(&body, 0);
	jem_columns_init(&columns);
	call_batch_encode(&head, records, &body);
	if (jem_columns_decode(&columns, body.data, body.len, &head, &err) < 0) {
		fprintf(stderr, "sample_calls: %s\n", err.text);
		exit(1);
	}
	jem_call_rows_begin(&rows, &columns, &head);
	jem_recent_add(&model->recent, &rows, 0);
	jem_columns_deinit(&columns);
	jem_buf_deinit(&body);
}

void sample_calls_feed(struct jem_job_model *model, uint64_t t0_us, unsigned samples,
		       bool is_hostile)
{
	double from_us = samples * 0.08e6;
	struct jem_buf records;

	feed_profile(model, samples * 0.9, is_hostile);
	jem_buf_init(&records, 0);
	for (int tid = 41977; tid < 41981; tid++) {
		double t_us = from_us + (tid - 41977) * 2e4;

		/* Its calls come and go; the last one does not return. */
		for (int event = 0; event < 40; event++) {
			t_us += samples * 3e3 * (1 + (event * 7 + tid) % 5);
			jem_buf_clear(&records);
			jem_buf_add_char(&records, '[');
			put_calls(&records, event % 8 ? 5 : 1, tid, 2, &t_us,
				  samples * (event % 8 ? 4e3 : 9e3), is_hostile);
			jem_buf_add_char(&records, ']');
			feed_batch(model, jem_buf_cstr(&records), t0_us);
		}
		jem_buf_clear(&records);
		for (int depth = 0; depth < 3; depth++) {
			static const int open[] = { 0, 1, 5 };
			const char *name = is_hostile ? hostile : functions[open[depth]].name;

			jem_buf_printf(
				&records,
				"%s{\"dt_ns\":%.0f,\"pid\":41977,\"tid\":%d,\"event\":\"enter\","
				"\"depth\":%d,\"function\":\"%s\",\"file\":\"%s\",\"line\":%d}",
				depth ? "," : "[", t_us * 1000 + depth, tid, depth, name,
				functions[open[depth]].file, 10 + 7 * open[depth]);
		}
		jem_buf_add_char(&records, ']');
		feed_batch(model, jem_buf_cstr(&records), t0_us);
	}
	jem_buf_deinit(&records);
}
