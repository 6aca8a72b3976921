/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/rules/threshold.h"

#include "tests/unit/bench.h"
#include "tests/unit/check.h"

#include <math.h>

#define S 1000000000ull

/* Rules over a bench, and the sample they look at. */
struct judged {
	struct bench *bench;
	struct jem_config *config;
	struct jem_threshold_rules *rules;
	double node[JEM_METRIC_COUNT];
	double job[JEM_METRIC_COUNT];
	struct jem_extra extra;
	struct jem_sample sample;
};

static void judged_open(struct judged *judged, const char *when, const char *severity,
			const char *text)
{
	struct jem_err err;

	judged->bench = bench_open();
	CHECK_OK(jem_config_create(&judged->config));
	CHECK_OK(jem_config_set_rule(judged->config, "test:1", "memory", "when", when, &err));
	if (severity)
		CHECK_OK(jem_config_set_rule(judged->config, "test:2", "memory", "severity",
					     severity, &err));
	if (text)
		CHECK_OK(jem_config_set_rule(judged->config, "test:3", "memory", "text", text,
					     &err));
	CHECK_OK(jem_threshold_rules_create(judged->config, judged->bench->batcher, NULL,
					    &judged->rules));
	for (int i = 0; i < JEM_METRIC_COUNT; i++)
		judged->node[i] = judged->job[i] = NAN;
	judged->sample = (struct jem_sample){
		.mono_ns = jem_now_ns(), .has_job = true, .node = judged->node, .job = judged->job
	};
}

static void judged_close(struct judged *judged)
{
	jem_threshold_rules_destroy(judged->rules);
	jem_config_destroy(judged->config);
	bench_close(judged->bench);
}

static void step(struct judged *judged, double rss, uint64_t ns)
{
	judged->job[JEM_METRIC_rss_bytes] = rss;
	judged->sample.mono_ns += ns;
	jem_threshold_rules_sample(judged->rules, &judged->sample);
}

static const char *last_alert(const struct judged *judged)
{
	size_t count = judged->bench->count;
	static char body[4096];

	if (!count)
		return "";
	snprintf(body, sizeof(body), "%.*s", (int)judged->bench->batches[count - 1]->len,
		 judged->bench->batches[count - 1]->body);
	return body;
}

CASE(alerts_once_when_it_held_for_its_time)
{
	struct judged judged;

	judged_open(&judged, "rss_bytes > 0.9 limit for 3 s", "critical", NULL);
	CHECK_EQ(jem_threshold_rules_count(judged.rules), 1);
	judged.job[JEM_METRIC_memory_limit_bytes] = 2e9;
	step(&judged, 1.85e9, S);
	step(&judged, 1.85e9, S);
	step(&judged, 1.7e9, S); /* not long enough: it begins anew */
	step(&judged, 1.85e9, S);
	step(&judged, 1.85e9, S);
	step(&judged, 1.85e9, S);
	CHECK_EQ(judged.bench->count, 0);
	step(&judged, 1.85e9, S);
	CHECK_EQ(judged.bench->count, 1);
	CHECK_CONTAINS(last_alert(&judged), "\"severity\":\"critical\"");
	CHECK_CONTAINS(last_alert(&judged), "\"rule\":\"memory\"");
	CHECK_CONTAINS(last_alert(&judged),
		       "rss_bytes is 1.85 GB, over 90 % of the limit (1.8 GB) for 3 s");
	CHECK_CONTAINS(last_alert(&judged), "\"rss_bytes\":1850000000,\"bound\":1800000000");
	for (int i = 0; i < 100; i++)
		step(&judged, 1.9e9, S);
	CHECK_EQ(judged.bench->count, 1);
	judged_close(&judged);
}

CASE(an_episode_ends_well_below_the_bound)
{
	struct judged judged;

	judged_open(&judged, "rss_bytes > 1GB", NULL, "too large");
	for (int i = 0; i < 50; i++) /* around the bound: one alert */
		step(&judged, i % 2 ? 0.99e9 : 1.01e9, S);
	CHECK_EQ(judged.bench->count, 1);
	CHECK_CONTAINS(last_alert(&judged), "\"severity\":\"warning\"");
	CHECK_CONTAINS(last_alert(&judged), "too large: rss_bytes is 1.01 GB, over 1 GB");
	step(&judged, 0.9e9, S);
	CHECK_EQ(judged.bench->count, 2);
	CHECK_CONTAINS(last_alert(&judged), "\"severity\":\"info\"");
	CHECK_CONTAINS(last_alert(&judged), "is 900 MB, no longer over 1 GB");
	step(&judged, 1.01e9, S);
	CHECK_EQ(judged.bench->count, 3);
	judged_close(&judged);
}

CASE(watches_what_falls_too)
{
	struct judged judged;

	judged_open(&judged, "work_free_bytes <= 5 % total", NULL, NULL);
	judged.node[JEM_METRIC_work_total_bytes] = 100e9;
	judged.node[JEM_METRIC_work_free_bytes] = 6e9;
	step(&judged, 0, S);
	CHECK_EQ(judged.bench->count, 0);
	judged.node[JEM_METRIC_work_free_bytes] = 5e9;
	step(&judged, 0, S);
	CHECK_EQ(judged.bench->count, 1);
	CHECK_CONTAINS(last_alert(&judged), "at or under 5 % of the total (5 GB)");
	judged.node[JEM_METRIC_work_free_bytes] = 5.1e9;
	step(&judged, 0, S);
	CHECK_EQ(judged.bench->count, 1);
	judged.node[JEM_METRIC_work_free_bytes] = 5.3e9;
	step(&judged, 0, S);
	CHECK_EQ(judged.bench->count, 2);
	judged_close(&judged);
}

CASE(what_is_not_known_changes_nothing)
{
	struct judged judged;

	judged_open(&judged, "rss_bytes > 1GB for 2 s", NULL, NULL);
	step(&judged, 2e9, S);
	step(&judged, NAN, S);
	step(&judged, 2e9, S);
	CHECK_EQ(judged.bench->count, 1);
	judged.sample.has_job = false;
	step(&judged, 0, S);
	CHECK_EQ(judged.bench->count, 1);
	judged_close(&judged);
}

CASE(an_ended_job_gives_no_all_clear)
{
	struct judged judged;

	judged_open(&judged, "rss_bytes > 1GB", NULL, NULL);
	step(&judged, 2e9, S);
	judged.sample.is_final = true;
	step(&judged, 0, S);
	CHECK_EQ(judged.bench->count, 1);
	judged_close(&judged);
}

CASE(watches_folders_by_number)
{
	struct judged judged;

	judged_open(&judged, "folder1_free_bytes < 1GB", NULL, NULL);
	judged.extra = (struct jem_extra){ "folder0_free_bytes", 1 };
	judged.sample.extras = &judged.extra;
	judged.sample.extra_count = 1;
	step(&judged, 0, S);
	CHECK_EQ(judged.bench->count, 0);
	judged.extra = (struct jem_extra){ "folder1_free_bytes", 0.5e9 };
	step(&judged, 0, S);
	CHECK_EQ(judged.bench->count, 1);
	CHECK_CONTAINS(last_alert(&judged), "folder1_free_bytes is 500 MB, under 1 GB");
	judged_close(&judged);
}

CASE(log_rules_and_broken_ones_are_left_out)
{
	struct jem_threshold_rules *rules;
	struct jem_config *config;
	struct jem_err err;

	CHECK_OK(jem_config_create(&config));
	CHECK_OK(jem_config_set_rule(config, "test:1", "a", "log", "error", &err));
	CHECK_OK(jem_config_set_rule(config, "test:2", "b", "when", "nonsense", &err));
	CHECK_OK(jem_threshold_rules_create(config, NULL, NULL, &rules));
	CHECK_EQ(jem_threshold_rules_count(rules), 0);
	jem_threshold_rules_destroy(rules);
	jem_config_destroy(config);
}

TESTS(T(alerts_once_when_it_held_for_its_time), T(an_episode_ends_well_below_the_bound),
      T(watches_what_falls_too), T(what_is_not_known_changes_nothing),
      T(an_ended_job_gives_no_all_clear), T(watches_folders_by_number),
      T(log_rules_and_broken_ones_are_left_out))
