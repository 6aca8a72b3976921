/* SPDX-License-Identifier: Apache-2.0 */
#include "common/threshold.h"

#include "tests/unit/check.h"

#include <errno.h>

static struct jem_threshold parsed(const char *text)
{
	struct jem_threshold threshold;
	struct jem_err err;

	if (jem_threshold_parse(text, &threshold, &err) < 0)
		check_fail(__FILE__, __LINE__, "\"%s\": %s", text, err.text);
	return threshold;
}

CASE(reads_a_share_of_the_limit_for_a_time)
{
	struct jem_threshold t = parsed("rss_bytes > 0.9 limit for 30 s");

	CHECK_EQ(t.metric, JEM_METRIC_rss_bytes);
	CHECK_EQ(t.scope, JEM_SCOPE_JOB);
	CHECK_EQ(t.op, JEM_ABOVE);
	CHECK_NEAR(t.bound, 0.9, 0);
	CHECK_EQ(t.base, JEM_METRIC_memory_limit_bytes);
	CHECK_EQ(t.base_scope, JEM_SCOPE_JOB);
	CHECK_EQ(t.for_ns, 30000000000);
	CHECK_NEAR(parsed("rss_bytes>90%limit").bound, 0.9, 1e-12);
	CHECK_NEAR(parsed("rss_bytes > limit").bound, 1, 0);
}

CASE(reads_a_share_of_the_node)
{
	struct jem_threshold t = parsed("work_free_bytes <= 5 % total");

	CHECK_EQ(t.scope, JEM_SCOPE_NODE);
	CHECK_EQ(t.op, JEM_BELOW_OR_EQUAL);
	CHECK_EQ(t.base, JEM_METRIC_work_total_bytes);
	CHECK_EQ(t.base_scope, JEM_SCOPE_NODE);
	CHECK_NEAR(t.bound, 0.05, 1e-12);
	CHECK_EQ(t.for_ns, 0);
	CHECK_EQ(parsed("load1 >= 2 total for 5 min").for_ns, 300000000000);
}

CASE(reads_numbers_with_their_units)
{
	CHECK_NEAR(parsed("work_free_bytes < 1GiB").bound, 1073741824, 0);
	CHECK_NEAR(parsed("work_free_bytes < 1.5 GB").bound, 1.5e9, 0);
	CHECK_NEAR(parsed("rss_bytes > 64M").bound, 64 << 20, 0);
	CHECK_NEAR(parsed("rss_bytes > 1e6").bound, 1e6, 0);
	CHECK_NEAR(parsed("read_bytes_per_s > 10MiB for 2").bound, 10 << 20, 0);
	CHECK_NEAR(parsed("wall_s > 2 h").bound, 7200, 0);
	CHECK_NEAR(parsed("throttled_s > 90").bound, 90, 0);
	CHECK_NEAR(parsed("processes > 500").bound, 500, 0);
	CHECK_EQ(parsed("processes > 500").base, -1);
	CHECK_EQ(parsed("oom_kills > 0 for 1500 ms").for_ns, 1500000000);
}

CASE(prefers_the_job_where_both_have_it)
{
	CHECK_EQ(parsed("cpu_user_s > 1").scope, JEM_SCOPE_JOB);
	CHECK_EQ(parsed("node.cpu_user_s > 1").scope, JEM_SCOPE_NODE);
	CHECK_EQ(parsed("job.oom_kills > 0").scope, JEM_SCOPE_JOB);
	CHECK_EQ(parsed("node.oom_kills > 0").scope, JEM_SCOPE_NODE);
}

CASE(reads_metrics_that_are_numbered)
{
	struct jem_threshold t = parsed("folder2_free_bytes < 3GiB");

	CHECK_EQ(t.metric, -1);
	CHECK_STR(t.name, "folder2_free_bytes");
	CHECK_EQ(t.scope, JEM_SCOPE_NODE);
	CHECK_NEAR(t.bound, 3221225472, 0);
	CHECK_NEAR(parsed("core11_busy_s > 5").bound, 5, 0);
}

CASE(says_what_is_wrong_in_one_line)
{
	static const char *const wrong[][2] = {
		{ "", "begins with a metric" },
		{ "> 5", "begins with a metric" },
		{ "rss_byte > 5", "did you mean rss_bytes" },
		{ "zzzzzzzzzzzzzzzz > 5", "no metric \"zzzzzzzzzzzzzzzz\"" },
		{ "tick_s > 5", "is no metric of the job or node" },
		{ "node.rss_bytes > 5", "is no metric of the node" },
		{ "job.load1 > 5", "is no metric of the job" },
		{ "rss_bytes", "comes > or >=" },
		{ "rss_bytes = 5", "comes > or >=" },
		{ "rss_bytes == 5", "comes > or >=" },
		{ "rss_bytes >> 5", "comes > or >=" },
		{ "rss_bytes >", "comes a number, limit or total" },
		{ "rss_bytes > -5", "comes a number, limit or total" },
		{ "rss_bytes > inf", "comes a number, limit or total" },
		{ "rss_bytes > 0x10", "comes a number, limit or total" },
		{ "rss_bytes > for 3 s", "comes a number, limit or total" },
		{ "rss_bytes > 1e999", "comes a number, limit or total" },
		{ "rss_bytes > 5 s", "not counted in \"s\"" },
		{ "processes > 5 GiB", "not counted in \"GiB\"" },
		{ "rss_bytes > 90 %", "percent of what" },
		{ "work_free_bytes < 0.1 limit", "has no limit; give a number" },
		{ "oom_kills > 0.5 total", "has no total; give a number" },
		{ "rss_bytes > 5 for", "comes a time" },
		{ "rss_bytes > 5 for ever", "comes a time" },
		{ "rss_bytes > 5 for 3 parsecs", "no unit of time" },
		{ "rss_bytes > 5 for 3000000 s", "30 days" },
		{ "rss_bytes > 5 for 3 s now", "\"now\" is not expected at the end" },
		{ "rss_bytes > 0.9 limit and", "only \"for N s\" is" },
		{ "rss_bytes > 5 \n for 3 s", "is not expected at the end" },
		{ "core_busy_s > 5", "no metric" },
		{ "folder1234567_free_bytes < 5", "no metric" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct jem_threshold threshold = { .metric = 99 };
		struct jem_err err = { "" };

		if (jem_threshold_parse(wrong[i][0], &threshold, &err) != -EINVAL)
			check_fail(__FILE__, __LINE__, "\"%s\" was taken", wrong[i][0]);
		CHECK_CONTAINS(err.text, wrong[i][1]);
		CHECK(!strchr(err.text, '\n'));
		CHECK_EQ(threshold.metric, 99);
	}
}

CASE(stands_any_bytes)
{
	unsigned state = 1;

	for (int round = 0; round < 20000; round++) {
		static const char alphabet[] = "rss_bytes> <=.0199%limtofr \t\xff\n";
		struct jem_threshold threshold;
		struct jem_err err;
		char text[64];
		size_t len = (state >> 16) % 60;

		for (size_t i = 0; i < len; i++) {
			state = state * 1103515245 + 12345;
			text[i] = alphabet[(state >> 16) % (sizeof(alphabet) - 1)];
		}
		text[len] = '\0';
		if (jem_threshold_parse(text, &threshold, &err) < 0)
			CHECK(err.text[0] && !strchr(err.text, '\n'));
	}
}

TESTS(T(reads_a_share_of_the_limit_for_a_time), T(reads_a_share_of_the_node),
      T(reads_numbers_with_their_units), T(prefers_the_job_where_both_have_it),
      T(reads_metrics_that_are_numbered), T(says_what_is_wrong_in_one_line), T(stands_any_bytes))
