/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"
#include "tests/unit/feeder.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static struct feeder feeder;

static void begin(void)
{
	feeder_init(&feeder);
	feeder_open(&feeder);
}

static void check_file(const char *name, const char *part, unsigned count)
{
	char *text = feeder_read(&feeder, name);

	if (!text)
		check_fail(__FILE__, __LINE__, "there is no %s", name);
	if (feeder_count(text, part) != count)
		check_fail(__FILE__, __LINE__, "'%s' is %u times in %s, wanted %u: %.2000s", part,
			   feeder_count(text, part), name, count, text);
	free(text);
}

CASE(writes_a_batch_and_accepts_it_then)
{
	uint64_t ticket;

	begin();
	ticket = feeder_send_lines(&feeder, 0, 0, 3);
	CHECK_EQ(feeder.settled[ticket], 0);
	CHECK_EQ(feeder_wait(&feeder, ticket), JEM_OUTCOME_ACCEPTED);
	check_file("data/log.jsonl", "\n", 3);
	check_file("data/log.jsonl",
		   "{\"t\":1700000000.002000,\"epoch\":\"0123456789abcdef\",\"seq\":0,\"i\":2,"
		   "\"dt_ns\":2000000,\"file\":\"a.log\",\"offset\":20,\"text\":\"line 2\"}\n",
		   1);
	check_file("streams.json", "\"kind\":\"log\",\"batches\":1,\"heartbeats\":0,\"records\":3",
		   1);
	feeder_deinit(&feeder);
}

CASE(removes_duplicates_and_names_gaps)
{
	begin();
	feeder_send_lines(&feeder, 0, 0, 2);
	feeder_send_lines(&feeder, 0, 0, 2);
	feeder_send_lines(&feeder, 5, 20, 2);
	feeder_pass(&feeder);
	feeder_send_lines(&feeder, 5, 20, 2);
	feeder_send_lines(&feeder, 3, 10, 1);
	feeder_close(&feeder);
	check_file("data/log.jsonl", "\n", 5);
	check_file("streams.json",
		   "\"duplicates\":2,\"missing\":[[1,2],[4,4]],\"records_missing\":17", 1);
	feeder_deinit(&feeder);
}

/* A status record of a later epoch, about the epoch of the feeder's batches. */
static uint64_t send_epoch(const char *last)
{
	struct jem_head head = feeder_head(JEM_KIND_status, 0, 0, 1);
	char record[256];

	strcpy(head.epoch, "fedcba9876543210");
	snprintf(record, sizeof(record),
		 "{\"dt_ns\":0,\"state\":\"epoch\",\"text\":\"earlier\",\"previous\":"
		 "\"0123456789abcdef\",\"last\":%s}",
		 last);
	return feeder_send(&feeder, &head, record);
}

CASE(names_the_end_of_an_earlier_epoch)
{
	begin();
	feeder_send_lines(&feeder, 0, 0, 2);
	send_epoch("{\"log\":4,\"metric\":1,\"nothing\":3,\"alert\":\"x\","
		   "\"script\":9007199254740991}");
	feeder_send_lines(&feeder, 3, 10, 1);
	feeder_close(&feeder);
	check_file("streams.json", "\"duplicates\":0,\"missing\":[[1,2],[4,4]]", 1);
	check_file("streams.json", "\"kind\":\"metric\",\"batches\":0", 1);
	check_file("streams.json", "\"duplicates\":0,\"missing\":[[0,1]]", 1);
	check_file("streams.json", "\"kind\":\"alert\"", 0);
	check_file("streams.json", "\"kind\":\"script\"", 0);
	feeder_deinit(&feeder);
}

CASE(names_no_earlier_epoch_that_it_never_heard_live)
{
	feeder_init(&feeder);
	feeder.is_live = true;
	feeder_open(&feeder);
	feeder_send_lines(&feeder, 7, 10, 2);
	send_epoch("{\"log\":8,\"metric\":1}");
	feeder_close(&feeder);
	check_file("streams.json", "\"missing\":[[8,8]]", 1);
	check_file("streams.json", "\"kind\":\"metric\"", 0);
	feeder_deinit(&feeder);
}

/* streams.json is of before; what was told is found in data/ again. */
CASE(knows_after_a_crash_how_far_an_epoch_went)
{
	char *before;
	uint64_t ticket;

	begin();
	feeder_send_lines(&feeder, 0, 0, 2);
	feeder_close(&feeder);
	before = feeder_read(&feeder, "streams.json");
	CHECK(before != NULL);
	feeder_open(&feeder);
	ticket = send_epoch("{\"log\":4,\"metric\":1}");
	CHECK_EQ(feeder_wait(&feeder, ticket), JEM_OUTCOME_ACCEPTED);
	feeder_close(&feeder);
	check_file("streams.json", "\"missing\":[[1,4]]", 1);
	feeder_write_back(&feeder, "streams.json", before);
	feeder_open(&feeder);
	feeder_send_lines(&feeder, 2, 10, 1);
	feeder_close(&feeder);
	check_file("streams.json", "\"missing\":[[1,1],[3,4]]", 1);
	check_file("streams.json", "\"missing\":[[0,1]]", 1);
	free(before);
	feeder_deinit(&feeder);
}

CASE(refuses_what_is_no_batch_and_goes_on)
{
	static const char *const bodies[] = { "",
					      "{",
					      "[]",
					      "{}",
					      "nothing",
					      "{\"head\":{},\"records\":[]}",
					      "{\"head\":1,\"records\":[1]}",
					      "\x81\x00\xff",
					      "{\"records\":[]}" };
	uint64_t ticket;

	begin();
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		ticket = feeder_send_body(&feeder, "jem.site.user.job.node.log", bodies[i],
					  strlen(bodies[i]));
		CHECK_EQ(feeder.outcomes[ticket], JEM_OUTCOME_REJECTED);
	}
	ticket = feeder_send_lines(&feeder, 0, 0, 1);
	CHECK_EQ(feeder_wait(&feeder, ticket), JEM_OUTCOME_ACCEPTED);
	CHECK_EQ(jem_receiver_stats(feeder.receiver).invalid, sizeof(bodies) / sizeof(*bodies));
	feeder_deinit(&feeder);
}

CASE(refuses_a_head_that_contradicts_its_topic)
{
	struct jem_head head = feeder_head(JEM_KIND_log, 0, 0, 0);
	struct jem_buf body;
	uint64_t ticket;

	begin();
	jem_buf_init(&body, 0);
	jem_batch_encode_json(&head, "", 0, &body);
	ticket = feeder_send_body(&feeder, "jem.site.other.job.node.log", body.data, body.len);
	CHECK_EQ(feeder.outcomes[ticket], JEM_OUTCOME_REJECTED);
	ticket = feeder_send_body(&feeder, "/a/dialect/of/its/own", body.data, body.len);
	CHECK_EQ(feeder_wait(&feeder, ticket), JEM_OUTCOME_ACCEPTED);
	jem_buf_deinit(&body);
	feeder_deinit(&feeder);
}

CASE(refuses_an_epoch_of_two_nodes)
{
	struct jem_head head = feeder_head(JEM_KIND_log, 1, 1, 0);

	begin();
	feeder_send_lines(&feeder, 0, 0, 1);
	strcpy(head.source.names.node, "another");
	CHECK_EQ(feeder_wait(&feeder, feeder_send(&feeder, &head, "")), JEM_OUTCOME_REJECTED);
	feeder_deinit(&feeder);
}

CASE(accepts_one_job_only_where_the_folder_is_its_own)
{
	struct jem_head head = feeder_head(JEM_KIND_log, 0, 0, 0);
	uint64_t ticket;

	feeder_init(&feeder);
	feeder.is_single = true;
	feeder_open(&feeder);
	strcpy(head.source.names.job, "other");
	ticket = feeder_send(&feeder, &head, "");
	CHECK_EQ(feeder.outcomes[ticket], JEM_OUTCOME_REJECTED);
	ticket = feeder_send_lines(&feeder, 0, 0, 1);
	CHECK_EQ(feeder_wait(&feeder, ticket), JEM_OUTCOME_ACCEPTED);
	check_file("data/log.jsonl", "\n", 1);
	feeder_deinit(&feeder);
}

CASE(settles_a_heartbeat_when_streams_json_tells_it)
{
	struct jem_head head = feeder_head(JEM_KIND_log, 1, 2, 0);
	uint64_t ticket;

	begin();
	feeder_wait(&feeder, feeder_send_lines(&feeder, 0, 0, 2));
	ticket = feeder_send(&feeder, &head, "");
	feeder_pass(&feeder);
	CHECK_EQ(feeder.settled[ticket], 0);
	CHECK_EQ(feeder_wait(&feeder, ticket), JEM_OUTCOME_ACCEPTED);
	check_file("streams.json", "\"batches\":2,\"heartbeats\":1,\"records\":2", 1);
	head = feeder_head(JEM_KIND_log, 2, 2, 0);
	head.is_final = true;
	ticket = feeder_send(&feeder, &head, "");
	feeder_pass(&feeder);
	CHECK_EQ(feeder.outcomes[ticket], JEM_OUTCOME_ACCEPTED);
	feeder_deinit(&feeder);
}

CASE(keeps_what_came_before_it_joined_apart_from_gaps)
{
	feeder_init(&feeder);
	feeder.is_live = true;
	feeder_open(&feeder);
	feeder_send_lines(&feeder, 100, 1000, 10);
	feeder_send_lines(&feeder, 102, 1020, 10);
	feeder_close(&feeder);
	check_file("streams.json",
		   "\"missing\":[[101,101]],\"records_missing\":10,\"before_join\":100", 1);
	feeder_deinit(&feeder);
}

CASE(sorts_job_log_by_time_and_escapes_it)
{
	struct jem_head head = feeder_head(JEM_KIND_log, 0, 0, 2);
	char *text;

	begin();
	feeder_send(&feeder, &head,
		    "{\"dt_ns\":2000000000,\"file\":\"/w/"
		    "a.log\",\"offset\":1,\"text\":\"second\\u001b[31m"
		    "\\u202e \xc3\xa9\"},"
		    "{\"dt_ns\":0,\"file\":\"a.log\",\"offset\":0,\"text\":\"first\",\"level\":"
		    "\"error\"}");
	feeder_close(&feeder);
	text = feeder_read(&feeder, "job.log");
	CHECK_STR(text, "2023-11-14 22:13:20.000 log     ERROR a.log: first\n"
			"2023-11-14 22:13:22.000 log     a.log: second\\x1b[31m\\u202e \xc3\xa9\n");
	free(text);
	feeder_deinit(&feeder);
}

/* What a crash leaves that comes before the first emission after the loss of streams.json. */
CASE(goes_on_with_job_log_without_streams_json)
{
	char path[400];
	char *text;

	begin();
	feeder_send_lines(&feeder, 0, 0, 3);
	feeder_close(&feeder);
	text = feeder_read(&feeder, "job.log");
	CHECK_EQ(feeder_count(text, "\n"), 3);
	snprintf(path, sizeof(path), "%s/site/user/job/job.log", feeder.out);
	CHECK_OK(truncate(path, (off_t)strlen(text) - 4)); /* half of the third */
	snprintf(path, sizeof(path), "%s/site/user/job/streams.json", feeder.out);
	CHECK_OK(unlink(path));
	free(text);
	feeder_open(&feeder);
	feeder_send_lines(&feeder, 1, 3, 1);
	feeder_close(&feeder);
	text = feeder_read(&feeder, "job.log");
	CHECK_STR(text, "2023-11-14 22:13:20.000 log     a.log: line 0\n"
			"2023-11-14 22:13:20.001 log     a.log: line 1\n"
			"2023-11-14 22:13:20.002 log     a.log: line 2\n"
			"2023-11-14 22:13:20.003 log     a.log: line 3\n");
	free(text);
	feeder_deinit(&feeder);
}

CASE(writes_a_row_per_sample)
{
	struct jem_head head = feeder_head(JEM_KIND_metric, 0, 0, 4);
	char *text;

	begin();
	feeder_send(
		&feeder, &head,
		"{\"dt_ns\":0,\"scope\":\"node\",\"values\":{\"cpu_user_s\":1.5,\"load1\":0.25}},"
		"{\"dt_ns\":1000,\"scope\":\"job\",\"values\":{\"rss_bytes\":4096,\"new_one\":1}},"
		"{\"dt_ns\":2000,\"scope\":\"process\",\"pid\":7,\"values\":{\"rss_bytes\":1}},"
		"{\"dt_ns\":1000000000,\"scope\":\"node\",\"values\":{\"load1\":\"x\"}}");
	feeder_close(&feeder);
	text = feeder_read(&feeder, "metrics.csv");
	CHECK_EQ(feeder_count(text, "\n"), 3);
	CHECK_CONTAINS(text, "t,node,node_cpu_user_s,");
	CHECK_CONTAINS(text, "\n1700000000.000000,node,1.5,");
	CHECK_CONTAINS(text, ",4096,");
	CHECK_CONTAINS(text, "\n1700000001.000000,node,,");
	free(text);
	feeder_deinit(&feeder);
}

CASE(writes_script_lines_with_their_monotonic_time)
{
	struct jem_head head = feeder_head(JEM_KIND_script, 0, 0, 1);

	begin();
	feeder_send(&feeder, &head, "{\"dt_ns\":7,\n\"lang\":\"bash\"}");
	feeder_close(&feeder);
	check_file("data/script.jsonl", "\"i\":0,\"mono_s\":5.000000007,\"dt_ns\":7, \"lang\"", 1);
	feeder_deinit(&feeder);
}

CASE(refuses_a_folder_that_another_receiver_has)
{
	struct jem_receiver_options options = { .out = feeder.out };
	struct jem_receiver *second;
	struct jem_err err;

	begin();
	options.loop = &feeder.loop;
	options.config = feeder.config;
	CHECK_EQ(jem_receiver_create(&options, &second, &err), -EBUSY);
	CHECK_CONTAINS(err.text, "another receiver writes into ");
	feeder_deinit(&feeder);
}

CASE(keeps_many_jobs_apart_with_few_descriptors)
{
	struct jem_head head = feeder_head(JEM_KIND_log, 0, 0, 1);
	uint64_t ticket = 0;
	char path[300];
	int lowest;

	begin();
	for (int round = 0; round < 2; round++)
		for (int job = 0; job < 300; job++) {
			snprintf(head.source.names.job, sizeof(head.source.names.job), "job-%d",
				 job);
			head.seq = head.first = (uint64_t)round;
			ticket = feeder_send(&feeder, &head, "{\"dt_ns\":0,\"text\":\"x\"}");
		}
	CHECK_EQ(feeder_wait(&feeder, ticket), JEM_OUTCOME_ACCEPTED);
	CHECK_EQ(jem_receiver_stats(feeder.receiver).recordings, 300);
	lowest = dup(0); /* the first free descriptor */
	close(lowest);
	CHECK_LE(lowest, JEM_RECORDINGS_OPEN * 8 + 64);
	snprintf(path, sizeof(path), "%s/site/user/job-0/data/log.jsonl", feeder.out);
	CHECK_OK(access(path, F_OK));
	feeder_close(&feeder);
	feeder_deinit(&feeder);
}

TESTS(T(writes_a_batch_and_accepts_it_then), T(removes_duplicates_and_names_gaps),
      T(names_the_end_of_an_earlier_epoch), T(names_no_earlier_epoch_that_it_never_heard_live),
      T(knows_after_a_crash_how_far_an_epoch_went), T(refuses_what_is_no_batch_and_goes_on),
      T(refuses_a_head_that_contradicts_its_topic), T(refuses_an_epoch_of_two_nodes),
      T(accepts_one_job_only_where_the_folder_is_its_own),
      T(settles_a_heartbeat_when_streams_json_tells_it),
      T(keeps_what_came_before_it_joined_apart_from_gaps), T(sorts_job_log_by_time_and_escapes_it),
      T(goes_on_with_job_log_without_streams_json), T(writes_a_row_per_sample),
      T(writes_script_lines_with_their_monotonic_time),
      T(refuses_a_folder_that_another_receiver_has), T(keeps_many_jobs_apart_with_few_descriptors))
