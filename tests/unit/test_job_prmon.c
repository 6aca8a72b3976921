/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/job_prmon.h"
#include "tests/unit/check.h"
#include "tests/unit/feeder.h"

#include <stdlib.h>
#include <string.h>

#define NODE(received)                                                                             \
	"{\"dt_ns\":0,\"scope\":\"node\",\"values\":{\"net_receive_bytes\":" received "}}"
#define JOB(values) "{\"dt_ns\":1000,\"scope\":\"job\",\"values\":{" values "}}"
#define END         JOB("\"wall_s\":9,\"processes\":0,\"rss_bytes\":0,\"wchar_bytes\":900")

static struct feeder feeder;

/* `files` is receiver.files, NULL: all. */
static void begin(const char *const *files)
{
	feeder_init(&feeder);
	for (; files && *files; files++)
		feeder_set(&feeder, "receiver", "files", *files);
	feeder.is_single = true;
	feeder_open(&feeder);
}

/* A batch of metric records, the `seq`-th of 10 records each, `seq` seconds after the first. */
static uint64_t send_metrics(uint64_t seq, uint64_t n, const char *records)
{
	struct jem_head head = feeder_head(JEM_KIND_metric, seq, seq * 10, n);

	head.t0_us += seq * 1000000;
	return feeder_send(&feeder, &head, records);
}

static void check_rows(const char *rows)
{
	char *text = feeder_read(&feeder, "prmon.txt");

	if (!text)
		check_fail(__FILE__, __LINE__, "no prmon.txt");
	CHECK_CONTAINS(text, "Time\twtime\tpss\trss\t");
	CHECK_STR(strchr(text, '\n') + 1, rows);
	free(text);
}

static double number(const char *block, const char *name)
{
	char *text = feeder_read(&feeder, "prmon.json");
	struct jem_json_doc doc;
	uint32_t object, token;
	double value = -1;
	struct jem_err err;

	if (!text)
		check_fail(__FILE__, __LINE__, "no prmon.json");
	jem_json_doc_init(&doc);
	if (jem_json_read(&doc, text, strlen(text), &err) < 0)
		check_fail(__FILE__, __LINE__, "prmon.json: %s", err.text);
	object = jem_json_member(&doc, 0, block);
	token = object ? jem_json_member(&doc, object, name) : 0;
	if (!token || jem_json_get_real(&doc, token, &value) < 0)
		check_fail(__FILE__, __LINE__, "no number %s.%s in %s", block, name, text);
	jem_json_doc_deinit(&doc);
	free(text);
	return value;
}

CASE(writes_a_row_per_sample_and_zero_for_what_is_not_told)
{
	begin(NULL);
	send_metrics(0, 2,
		     NODE("5000") "," JOB("\"wall_s\":1.5,\"rss_bytes\":4096,\"processes\":2"));
	send_metrics(1, 2,
		     NODE("5100") "," JOB("\"wall_s\":2.5,\"rss_bytes\":8192,\"wchar_bytes\":250,"
					  "\"peak_rss_bytes\":1048576,\"processes\":2"));
	feeder_close(&feeder);
	check_rows("1700000000\t1\t0\t4\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t2\t0\n"
		   "1700000001\t2\t0\t8\t0\t0\t0\t0\t250\t0\t100\t0\t0\t0\t0\t0\t2\t0\n");
	CHECK_EQ((int)number("Max", "rss"), 1024);
	CHECK_EQ((int)number("Avg", "rss"), 6);
	CHECK_EQ((int)number("Avg", "wchar"), 100);
	CHECK_EQ((int)number("Max", "rx_bytes"), 100);
	CHECK_EQ((int)number("Avg", "nprocs"), 2);
	feeder_deinit(&feeder);
}

CASE(counts_the_totals_of_the_end_and_writes_no_row)
{
	begin(NULL);
	send_metrics(0, 1,
		     JOB("\"wall_s\":3,\"rss_bytes\":4096,\"processes\":2,\"wchar_bytes\":300"));
	send_metrics(1, 1, END);
	feeder_close(&feeder);
	check_rows("1700000000\t3\t0\t4\t0\t0\t0\t0\t300\t0\t0\t0\t0\t0\t0\t0\t2\t0\n");
	CHECK_EQ((int)number("Max", "wtime"), 9);
	CHECK_EQ((int)number("Avg", "wchar"), 100);
	CHECK_EQ((int)number("Avg", "rss"), 4);
	feeder_deinit(&feeder);
}

CASE(a_job_shorter_than_an_interval_has_one_row)
{
	begin(NULL);
	send_metrics(0, 1, END);
	feeder_close(&feeder);
	check_rows("1700000000\t9\t0\t0\t0\t0\t0\t0\t900\t0\t0\t0\t0\t0\t0\t0\t0\t0\n");
	CHECK_EQ((int)number("Max", "wchar"), 900);
	feeder_deinit(&feeder);
}

CASE(goes_on_after_a_restart)
{
	begin(NULL);
	send_metrics(0, 2, NODE("5000") "," JOB("\"wall_s\":1,\"rss_bytes\":8192,\"processes\":1"));
	feeder_close(&feeder);
	feeder_open(&feeder);
	/* Network was counted from what the first receiver saw. */
	send_metrics(1, 2, NODE("5700") "," JOB("\"wall_s\":2,\"rss_bytes\":4096,\"processes\":1"));
	feeder_close(&feeder);
	check_rows("1700000000\t1\t0\t8\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t1\t0\n"
		   "1700000001\t2\t0\t4\t0\t0\t0\t0\t0\t0\t700\t0\t0\t0\t0\t0\t1\t0\n");
	CHECK_EQ((int)number("Max", "rss"), 8);
	CHECK_EQ((int)number("Avg", "rss"), 6);
	CHECK_EQ((int)number("Max", "rx_bytes"), 700);
	feeder_deinit(&feeder);
}

CASE(cuts_off_what_a_crash_left_behind_the_checkpoint)
{
	char path[300];
	FILE *text;

	begin(NULL);
	send_metrics(0, 1, JOB("\"wall_s\":1,\"rss_bytes\":8192,\"processes\":1"));
	feeder_close(&feeder);
	snprintf(path, sizeof(path), "%s/prmon.txt", feeder.out);
	text = fopen(path, "a");
	if (!text)
		check_fail(__FILE__, __LINE__, "cannot open %s", path);
	fputs("1700000001\t2\t0\t4", text);
	fclose(text);
	feeder_open(&feeder);
	send_metrics(1, 1, JOB("\"wall_s\":2,\"rss_bytes\":4096,\"processes\":1"));
	feeder_close(&feeder);
	check_rows("1700000000\t1\t0\t8\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t1\t0\n"
		   "1700000001\t2\t0\t4\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t1\t0\n");
	feeder_deinit(&feeder);
}

/* As when streams.json was never written, or cannot be read: all is made from data/. */
CASE(makes_rows_anew_that_no_checkpoint_knows)
{
	char path[300];

	begin(NULL);
	send_metrics(0, 1, JOB("\"wall_s\":1,\"rss_bytes\":8192,\"processes\":1"));
	send_metrics(1, 1, JOB("\"wall_s\":2,\"rss_bytes\":4096,\"processes\":1"));
	feeder_close(&feeder);
	snprintf(path, sizeof(path), "%s/streams.json", feeder.out);
	CHECK_OK(unlink(path));
	feeder_open(&feeder);
	send_metrics(2, 1, JOB("\"wall_s\":3,\"rss_bytes\":4096,\"processes\":1"));
	feeder_close(&feeder);
	check_rows("1700000000\t1\t0\t8\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t1\t0\n"
		   "1700000001\t2\t0\t4\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t1\t0\n"
		   "1700000002\t3\t0\t4\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t1\t0\n");
	CHECK_EQ((int)(number("Avg", "rss")), 5);
	feeder_deinit(&feeder);
}

CASE(tells_the_machine_of_the_environment)
{
	struct jem_head head = feeder_head(JEM_KIND_status, 0, 0, 1);
	char *text;

	begin(NULL);
	feeder_send(&feeder, &head,
		    "{\"dt_ns\":0,\"state\":\"environment\",\"text\":\"\",\"fields\":{"
		    "\"cpu_model\":\"A \\\"fast\\\" one\",\"cpu_count\":8,"
		    "\"memory_total_bytes\":16384000}}");
	feeder_close(&feeder);
	feeder_open(&feeder);
	send_metrics(0, 1, JOB("\"wall_s\":1,\"processes\":1"));
	feeder_close(&feeder);
	text = feeder_read(&feeder, "prmon.json");
	CHECK_CONTAINS(text, "\"HW\":{\"cpu\":{\"CPUs\":8,\"ModelName\":\"A \\\"fast\\\" one\"},"
			     "\"mem\":{\"MemTotal\":16000}}");
	free(text);
	feeder_deinit(&feeder);
}

CASE(takes_no_number_that_fits_no_column)
{
	begin(NULL);
	send_metrics(0, 1,
		     JOB("\"wall_s\":1e300,\"rss_bytes\":-4096,\"processes\":\"x\",\"threads\":3"));
	feeder_close(&feeder);
	check_rows("1700000000\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t3\n");
	CHECK_EQ((int)number("Max", "wtime"), 0);
	feeder_deinit(&feeder);
}

CASE(follows_the_first_node_only)
{
	struct jem_head head = feeder_head(JEM_KIND_metric, 0, 0, 1);

	begin(NULL);
	send_metrics(0, 1, JOB("\"wall_s\":1,\"processes\":1"));
	strcpy(head.source.names.node, "other");
	head.epoch[0] = head.epoch[0] == 'a' ? 'b' : 'a';
	feeder_send(&feeder, &head, JOB("\"wall_s\":70,\"processes\":70"));
	feeder_close(&feeder);
	check_rows("1700000000\t1\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t1\t0\n");
	feeder_deinit(&feeder);
}

CASE(writes_nothing_that_receiver_files_does_not_name)
{
	static const char *const files[] = { "log", "data", "metrics", NULL };

	begin(files);
	send_metrics(0, 1, JOB("\"wall_s\":1,\"processes\":1"));
	feeder_close(&feeder);
	CHECK(!feeder_read(&feeder, "prmon.txt"));
	CHECK(!feeder_read(&feeder, "prmon.json"));
	feeder_deinit(&feeder);
}

CASE(takes_back_what_could_not_be_written_to_data)
{
	static const char kept[] = JOB("\"wall_s\":1,\"rss_bytes\":4096,\"processes\":1");
	static const char lost[] = JOB("\"wall_s\":2,\"rss_bytes\":8192,\"processes\":1");
	struct jem_job_prmon prmon;
	struct jem_json_doc doc;

	jem_job_prmon_init(&prmon);
	jem_json_doc_init(&doc);
	CHECK_OK(jem_json_read(&doc, kept, strlen(kept), NULL));
	jem_job_prmon_add(&prmon, JEM_KIND_metric, 1000000, &doc, 0);
	jem_job_prmon_commit(&prmon, true);
	CHECK_OK(jem_json_read(&doc, lost, strlen(lost), NULL));
	jem_job_prmon_add(&prmon, JEM_KIND_metric, 2000000, &doc, 0);
	CHECK_EQ(prmon.state.prmon.samples, 2);
	jem_job_prmon_commit(&prmon, false);
	CHECK_EQ(prmon.state.prmon.samples, 1);
	CHECK_EQ((int)prmon.state.prmon.max[JEM_PRMON_RSS], 4);
	CHECK_STR(jem_buf_cstr(&prmon.file.pending),
		  "1\t1\t0\t4\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t1\t0\n");
	jem_json_doc_deinit(&doc);
	jem_job_prmon_deinit(&prmon);
}

TESTS(T(writes_a_row_per_sample_and_zero_for_what_is_not_told),
      T(counts_the_totals_of_the_end_and_writes_no_row),
      T(a_job_shorter_than_an_interval_has_one_row), T(goes_on_after_a_restart),
      T(cuts_off_what_a_crash_left_behind_the_checkpoint),
      T(makes_rows_anew_that_no_checkpoint_knows), T(tells_the_machine_of_the_environment),
      T(takes_no_number_that_fits_no_column), T(follows_the_first_node_only),
      T(writes_nothing_that_receiver_files_does_not_name),
      T(takes_back_what_could_not_be_written_to_data))
