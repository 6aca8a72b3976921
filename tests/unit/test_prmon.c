/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_reader.h"
#include "common/prmon_format.h"
#include "daemon/prmon.h"

#include "tests/unit/check.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

static double node[JEM_METRIC_COUNT];
static double job[JEM_METRIC_COUNT];

static void absent(void)
{
	for (int i = 0; i < JEM_METRIC_COUNT; i++)
		node[i] = job[i] = NAN;
}

static uint64_t member(const struct jem_json_doc *doc, const char *block, const char *name)
{
	uint32_t object = jem_json_member(doc, 0, block);
	uint32_t token = object ? jem_json_member(doc, object, name) : 0;
	double value = -1;

	if (!token || jem_json_get_real(doc, token, &value) < 0)
		check_fail(__FILE__, __LINE__, "no number %s.%s", block, name);
	return (uint64_t)value;
}

static void read_summary(const char *text, size_t len, struct jem_json_doc *doc)
{
	struct jem_err err;

	jem_json_doc_init(doc);
	if (jem_json_read(doc, text, len, &err) < 0)
		check_fail(__FILE__, __LINE__, "summary: %s", err.text);
}

static void set(double wall_s, double rss, double wchar, double received)
{
	job[JEM_METRIC_wall_s] = wall_s;
	job[JEM_METRIC_rss_bytes] = rss;
	job[JEM_METRIC_wchar_bytes] = wchar;
	job[JEM_METRIC_cpu_user_s] = wall_s * 0.9;
	job[JEM_METRIC_processes] = 3;
	node[JEM_METRIC_net_receive_bytes] = received;
}

CASE(writes_a_line_of_whole_numbers_below_the_header)
{
	struct jem_prmon prmon;
	struct jem_buf text;

	jem_buf_init(&text, 0);
	jem_prmon_init(&prmon);
	jem_prmon_write_header(&text);
	absent();
	set(2.9, 10 << 20, 4096.5, 1000);
	jem_prmon_add(&prmon, 1700000000, node, job, &text);
	set(4.9, 20 << 20, 8192, 1500);
	jem_prmon_add(&prmon, 1700000002, node, job, &text);
	CHECK_STR(jem_buf_cstr(&text),
		  "Time\twtime\tpss\trss\tswap\tvmem\trchar\tread_bytes\twchar\twrite_bytes\t"
		  "rx_bytes\trx_packets\ttx_bytes\ttx_packets\tstime\tutime\tnprocs\tnthreads\n"
		  "1700000000\t2\t0\t10240\t0\t0\t0\t0\t4096\t0\t0\t0\t0\t0\t0\t2\t3\t0\n"
		  "1700000002\t4\t0\t20480\t0\t0\t0\t0\t8192\t0\t500\t0\t0\t0\t0\t4\t3\t0\n");
	jem_buf_deinit(&text);
}

CASE(sums_up_averages_rates_and_peaks)
{
	const struct jem_prmon_hardware hardware = { "A \"fast\" one", 8, 1, 4, 2, 16000000 };
	struct jem_json_doc doc;
	struct jem_prmon prmon;
	struct jem_buf text;

	jem_buf_init(&text, 0);
	jem_prmon_init(&prmon);
	absent();
	set(10, 10 << 20, 20e6, 1000);
	jem_prmon_add(&prmon, 1, node, job, &text);
	job[JEM_METRIC_peak_rss_bytes] = 300 << 20; /* came and went between two samples */
	set(20, 20 << 20, 40e6, 3000);
	jem_prmon_add(&prmon, 2, node, job, &text);
	jem_buf_clear(&text);
	jem_prmon_write_summary(&prmon, &hardware, &text);
	read_summary(jem_buf_cstr(&text), text.len, &doc); /* with its NUL, for what follows */
	CHECK_EQ(member(&doc, "Avg", "rss"), 15 << 10);
	CHECK_EQ(member(&doc, "Max", "rss"), 300 << 10);
	CHECK_EQ(member(&doc, "Avg", "wchar"), 2000000);
	CHECK_EQ(member(&doc, "Max", "wchar"), 40000000);
	CHECK_EQ(member(&doc, "Avg", "rx_bytes"), 100);
	CHECK_EQ(member(&doc, "Max", "rx_bytes"), 2000);
	CHECK_EQ(member(&doc, "Avg", "nprocs"), 3);
	CHECK_EQ(member(&doc, "Max", "utime"), 18);
	CHECK_EQ(member(&doc, "Max", "wtime"), 20);
	CHECK(!jem_json_member(&doc, jem_json_member(&doc, 0, "Avg"), "utime"));
	CHECK_CONTAINS(text.data, "\"ModelName\":\"A \\\"fast\\\" one\"");
	CHECK_CONTAINS(text.data, "\"MemTotal\":16000000");
	CHECK_CONTAINS(text.data, "\"wchar\":\"B/s\"");
	CHECK_CONTAINS(text.data, "\"prmon\":{\"Version\":");
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&text);
}

CASE(totals_after_the_end_count_in_the_summary)
{
	struct jem_prmon_hardware hardware = { 0 };
	struct jem_json_doc doc;
	struct jem_prmon prmon;
	struct jem_buf text;

	jem_buf_init(&text, 0);
	jem_prmon_init(&prmon);
	absent();
	set(10, 10 << 20, 20e6, 0);
	jem_prmon_add(&prmon, 1, node, job, &text);
	set(12, 0, 36e6, 0);
	job[JEM_METRIC_processes] = 0;
	jem_prmon_add_final(&prmon, job);
	jem_buf_clear(&text);
	jem_prmon_write_summary(&prmon, &hardware, &text);
	read_summary(text.data, text.len, &doc);
	CHECK_EQ(member(&doc, "Avg", "rss"), 10 << 10);
	CHECK_EQ(member(&doc, "Avg", "wchar"), 3000000);
	CHECK_EQ(member(&doc, "Max", "wchar"), 36000000);
	CHECK_EQ(member(&doc, "Avg", "nprocs"), 3);
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&text);
}

CASE(a_job_without_a_sample_has_a_summary_of_zeros)
{
	struct jem_prmon_hardware hardware = { 0 };
	struct jem_json_doc doc;
	struct jem_prmon prmon;
	struct jem_buf text;

	jem_buf_init(&text, 0);
	jem_prmon_init(&prmon);
	jem_prmon_write_summary(&prmon, &hardware, &text);
	read_summary(text.data, text.len, &doc);
	CHECK_EQ(member(&doc, "Avg", "rchar"), 0);
	CHECK_EQ(member(&doc, "Max", "pss"), 0);
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&text);
}

static bool is_there(const char *path, const char *suffix)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s", path, suffix);
	return !access(full, F_OK);
}

CASE(keeps_a_snapshot_until_the_clean_end)
{
	struct jem_sample sample = { .mono_ns = 5, .wall_ns = 1700000000000000000 };
	char text[256], json[256];
	struct jem_prmon_files *files;
	struct jem_err err;

	absent();
	set(1, 1 << 20, 0, 0);
	sample.node = node;
	sample.job = job;
	snprintf(text, sizeof(text), "%s/prmon.txt", check_folder());
	snprintf(json, sizeof(json), "%s/prmon.json", check_folder());
	CHECK_OK(jem_prmon_open(text, json, &files, &err));
	jem_prmon_sample(files, &sample); /* no job yet */
	CHECK(!is_there(json, "_snapshot"));
	sample.has_job = true;
	jem_prmon_sample(files, &sample);
	CHECK(is_there(json, "_snapshot"));
	CHECK(!is_there(json, ""));
	CHECK(!is_there(json, "_tmp"));
	sample.is_final = true;
	jem_prmon_sample(files, &sample);
	CHECK_OK(jem_prmon_finish(files));
	CHECK(is_there(json, ""));
	CHECK(!is_there(json, "_snapshot"));
	CHECK(is_there(text, ""));
}

CASE(names_the_file_that_cannot_be_written)
{
	struct jem_prmon_files *files;
	struct jem_err err;

	CHECK_EQ(jem_prmon_open("/nowhere/at/all", NULL, &files, &err), -ENOENT);
	CHECK_CONTAINS(err.text, "/nowhere/at/all");
	CHECK_OK(jem_prmon_finish(NULL));
}

TESTS(T(writes_a_line_of_whole_numbers_below_the_header), T(sums_up_averages_rates_and_peaks),
      T(totals_after_the_end_count_in_the_summary),
      T(a_job_without_a_sample_has_a_summary_of_zeros), T(keeps_a_snapshot_until_the_clean_end),
      T(names_the_file_that_cannot_be_written))
