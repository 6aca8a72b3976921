/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/model.h"
#include "tests/unit/check.h"

#include <errno.h>

#define T0 1700000000000000000u

static struct jem_job_model *model;
static struct jem_json_doc doc;

static int feed(enum jem_kind kind, double t_s, const char *text)
{
	CHECK_OK(jem_json_read(&doc, text, strlen(text), NULL));
	return jem_model_feed(model, "n1", kind, T0 + (uint64_t)(t_s * 1e9), &doc, 0);
}

static void begin(void)
{
	jem_json_doc_init(&doc);
	CHECK_OK(jem_model_create(&model));
}

static void end(void)
{
	jem_model_destroy(model);
	jem_json_doc_deinit(&doc);
}

CASE(follows_the_life_of_a_job)
{
	begin();
	CHECK_OK(feed(JEM_KIND_status, 0, "{\"state\":\"starting\",\"text\":\"ready\"}"));
	CHECK_OK(
		feed(JEM_KIND_status, 1,
		     "{\"state\":\"running\",\"text\":\"runs\",\"pid\":42,\"command\":\"./a b\"}"));
	CHECK_EQ(model->state, JEM_JOB_RUNNING);
	CHECK_OK(feed(JEM_KIND_status, 9,
		      "{\"state\":\"ended\",\"text\":\"ended by signal 11 (SEGV)\",\"signal\":11,"
		      "\"core\":true,\"wall_s\":8.5,\"cpu_user_s\":7.25,\"cpu_system_s\":0.5,"
		      "\"peak_rss_bytes\":1048576}"));
	CHECK_OK(feed(JEM_KIND_status, 8, "{\"state\":\"stopped\",\"text\":\"late\"}"));
	CHECK_OK(feed(JEM_KIND_status, 10, "{\"state\":\"monitor_ended\",\"text\":\"\"}"));
	CHECK_EQ(model->state, JEM_JOB_ENDED);
	CHECK_STR(model->state_text, "ended by signal 11 (SEGV)");
	CHECK_STR(model->command, "./a b");
	CHECK_EQ(model->pid, 42);
	CHECK_EQ(model->signal, 11);
	CHECK_EQ(model->exit_code, -1);
	CHECK(model->has_core && model->monitor_ended);
	CHECK_NEAR(model->wall_s, 8.5, 0);
	CHECK_EQ(model->start_ns, T0 + 1000000000u);
	CHECK_EQ(model->phase_count, 4);
	CHECK_EQ(model->phases[2].state, JEM_JOB_STOPPED);
	CHECK_EQ(model->marks[model->mark_count - 1].severity, JEM_SEVERITY_CRITICAL);
	end();
}

CASE(turns_counters_into_rates)
{
	const struct jem_series *cpu;
	struct jem_point points[16];
	char text[200];

	begin();
	for (int i = 0; i < 10; i++) {
		/* The counter begins anew at 6: no rate from 5 to 6. */
		double cpu_s = i < 6 ? 100 + 1.5 * i : 1.5 * (i - 6);

		snprintf(text, sizeof(text),
			 "{\"scope\":\"job\",\"values\":{\"cpu_user_s\":%f,\"cpu_system_s\":%f,"
			 "\"rss_bytes\":%d}}",
			 cpu_s, 0.25 * i, 1000 * (10 - i));
		CHECK_OK(feed(JEM_KIND_metric, i, text));
	}
	cpu = &model->nodes[0]->series[JEM_SERIES_job_cpu];
	CHECK_EQ(jem_series_points(cpu, 0, 2e9, points, 16), 8);
	for (int i = 0; i < 8; i++)
		CHECK_NEAR(points[i].mean, 1.75, 1e-5);
	CHECK_NEAR(jem_model_metric(model->nodes[0], JEM_SCOPE_JOB, "rss_bytes")->last, 1000, 0);
	CHECK_NEAR(jem_model_metric(model->nodes[0], JEM_SCOPE_JOB, "rss_bytes")->max, 10000, 0);
	CHECK_NEAR(jem_model_total(model, JEM_SCOPE_JOB, "rss_bytes"), 1000, 0);
	CHECK_NEAR(jem_model_total(model, JEM_SCOPE_NODE, "load1"), -1, 0);
	CHECK(!jem_model_metric(model->nodes[0], JEM_SCOPE_NODE, "rss_bytes"));
	end();
}

CASE(the_first_rate_of_a_job_counts_from_its_start)
{
	const struct jem_series *series;
	struct jem_point point;

	begin();
	CHECK_OK(feed(JEM_KIND_metric, 2,
		      "{\"scope\":\"job\",\"values\":{\"wall_s\":2,\"read_bytes\":500,"
		      "\"cpu_user_s\":1}}"));
	series = &model->nodes[0]->series[JEM_SERIES_job_read];
	CHECK_EQ(jem_series_points(series, 0, 2e9, &point, 1), 1);
	CHECK_NEAR(point.mean, 250, 0);
	end();
	/* Of one that ran long before the monitor came, nothing is known. */
	begin();
	CHECK_OK(feed(JEM_KIND_metric, 2,
		      "{\"scope\":\"job\",\"values\":{\"wall_s\":5000,\"read_bytes\":500}}"));
	CHECK_EQ(model->nodes[0]->series[JEM_SERIES_job_read].samples, 0);
	end();
}

CASE(a_series_with_two_sources_needs_both_in_one_record)
{
	begin();
	CHECK_OK(feed(JEM_KIND_metric, 0,
		      "{\"scope\":\"job\",\"values\":{\"cpu_user_s\":1,\"cpu_system_s\":1}}"));
	CHECK_OK(feed(JEM_KIND_metric, 1, "{\"scope\":\"job\",\"values\":{\"cpu_user_s\":2}}"));
	CHECK_EQ(model->nodes[0]->series[JEM_SERIES_job_cpu].samples, 0);
	CHECK_OK(feed(JEM_KIND_metric, 2,
		      "{\"scope\":\"job\",\"values\":{\"cpu_user_s\":3,\"cpu_system_s\":2}}"));
	CHECK_EQ(model->nodes[0]->series[JEM_SERIES_job_cpu].samples, 1);
	end();
}

CASE(keeps_the_last_lines_and_the_last_error)
{
	char text[200];

	begin();
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text),
			 "{\"file\":\"a.log\",\"offset\":0,\"text\":\"line %d\"%s}", i,
			 i == 100 ? ",\"level\":\"error\",\"rule\":\"r\"" : "");
		CHECK_OK(feed(JEM_KIND_log, i, text));
	}
	CHECK_STR(jem_model_line(model, 0)->text, "line 800");
	CHECK_STR(jem_model_line(model, JEM_MODEL_LINES - 1)->text, "line 999");
	CHECK(!jem_model_line(model, JEM_MODEL_LINES));
	CHECK_STR(model->last_error.text, "line 100");
	CHECK_EQ(model->error_lines, 1);
	CHECK_EQ(model->mark_count, 1);
	end();
}

CASE(cuts_long_texts_between_characters)
{
	char text[3 * JEM_MODEL_TEXT_MAX];
	size_t len = (size_t)sprintf(text, "{\"file\":\"f\",\"text\":\"\\u0000");

	begin();
	while (len < sizeof(text) - 8)
		len += (size_t)sprintf(text + len, "\u20ac");
	strcpy(text + len, "\"}");
	CHECK_OK(feed(JEM_KIND_log, 0, text));
	CHECK_EQ(strlen(jem_model_line(model, 0)->text), 1 + (JEM_MODEL_TEXT_MAX - 1) / 3 * 3 + 3);
	CHECK_EQ(jem_model_line(model, 0)->text[0], 0x1a);
	end();
}

CASE(marks_one_event_once)
{
	begin();
	CHECK_OK(feed(
		JEM_KIND_log, 5,
		"{\"file\":\"f\",\"text\":\"disk full\",\"rule\":\"full\",\"level\":\"warning\"}"));
	CHECK_OK(feed(JEM_KIND_alert, 5,
		      "{\"rule\":\"full\",\"severity\":\"critical\",\"text\":\"disk full\"}"));
	CHECK_EQ(model->mark_count, 1);
	CHECK_EQ(model->marks[0].severity, JEM_SEVERITY_CRITICAL);
	CHECK_EQ(jem_model_worst(model), JEM_SEVERITY_CRITICAL);
	end();
}

CASE(reads_the_environment_as_paths)
{
	begin();
	CHECK_OK(feed(
		JEM_KIND_status, 0,
		"{\"state\":\"environment\",\"text\":\"\",\"fields\":{\"system\":{\"kernel\":"
		"\"6.1\",\"cores\":2},\"a\":[1,2],\"mounts\":[{\"name\":\"tmp\",\"path\":\"/tmp\","
		"\"type\":\"tmpfs\"}]}}"));
	CHECK_EQ(model->field_count, 4);
	CHECK_STR(model->fields[3].name, "mounts.tmp");
	CHECK_STR(model->fields[3].value, "path /tmp, type tmpfs");
	CHECK_STR(model->fields[0].name, "system.kernel");
	CHECK_STR(model->fields[1].value, "2");
	CHECK_STR(model->fields[2].value, "[1,2]");
	end();
}

CASE(counts_what_is_not_as_promised)
{
	begin();
	CHECK_EQ(feed(JEM_KIND_status, 0, "{}"), -EBADMSG);
	CHECK_EQ(feed(JEM_KIND_status, 0, "{\"state\":5}"), -EBADMSG);
	CHECK_EQ(feed(JEM_KIND_status, 0, "{\"state\":\"observing\"}"), -EBADMSG);
	CHECK_EQ(feed(JEM_KIND_metric, 0, "{\"scope\":\"job\"}"), -EBADMSG);
	CHECK_EQ(feed(JEM_KIND_metric, 0, "{\"scope\":\"x\",\"values\":{}}"), -EBADMSG);
	CHECK_EQ(feed(JEM_KIND_metric, 0, "{\"scope\":\"process\",\"values\":{}}"), -EBADMSG);
	CHECK_EQ(feed(JEM_KIND_log, 0, "{\"text\":5}"), -EBADMSG);
	CHECK_EQ(feed(JEM_KIND_alert, 0, "{\"rule\":\"r\",\"text\":\"t\",\"severity\":\"bad\"}"),
		 -EBADMSG);
	CHECK_EQ(model->malformed, 8);
	CHECK_OK(feed(JEM_KIND_status, 0, "{\"state\":\"a later one\"}"));
	end();
}

CASE(stays_within_its_bounds)
{
	char text[300];

	begin();
	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text),
			 "{\"scope\":\"job\",\"values\":{\"m%d_s\":1,\"\\u0041\":1,\"x\":null}}",
			 i);
		CHECK_OK(feed(JEM_KIND_metric, i, text));
		snprintf(text, sizeof(text),
			 "{\"scope\":\"process\",\"pid\":%d,\"comm\":\"c\",\"values\":{\"rss_"
			 "bytes\":"
			 "%d}}",
			 i, i);
		CHECK_OK(feed(JEM_KIND_metric, i, text));
		snprintf(text, sizeof(text),
			 "{\"rule\":\"r%d\",\"severity\":\"info\",\"text\":\"t\"}", i);
		CHECK_OK(feed(JEM_KIND_alert, i, text));
		snprintf(text, sizeof(text), "{\"state\":\"%s\",\"text\":\"\"}",
			 i % 2 ? "stopped" : "continued");
		CHECK_OK(feed(JEM_KIND_status, i, text));
		snprintf(text, sizeof(text),
			 "{\"state\":\"environment\",\"fields\":{\"f%d\":\"\"}}", i);
		CHECK_OK(feed(JEM_KIND_status, i, text));
		CHECK_OK(jem_json_read(&doc, "{\"scope\":\"node\",\"values\":{}}", 28, NULL));
		snprintf(text, sizeof(text), "n%d", i);
		CHECK_OK(jem_model_feed(model, text, JEM_KIND_metric, T0, &doc, 0));
	}
	CHECK_EQ(model->nodes[0]->metric_count, JEM_MODEL_METRICS);
	CHECK_EQ(model->nodes[0]->process_count, JEM_MODEL_PROCESSES);
	CHECK_EQ(model->nodes[0]->processes[0].pid, 2000 - JEM_MODEL_PROCESSES);
	CHECK_EQ(model->mark_count, JEM_MODEL_MARKS);
	CHECK_EQ(model->mark_count + model->marks_forgotten, 4000);
	CHECK_EQ(model->phase_count, JEM_MODEL_PHASES);
	CHECK_EQ(model->field_count, JEM_MODEL_FIELDS);
	CHECK_EQ(model->node_count, JEM_MODEL_NODES);
	CHECK_STR(jem_model_alert(model, JEM_MODEL_ALERTS - 1)->rule, "r1999");
	for (size_t i = 1; i < model->mark_count; i++)
		CHECK(model->marks[i - 1].t_ns <= model->marks[i].t_ns);
	end();
}

TESTS(T(follows_the_life_of_a_job), T(turns_counters_into_rates),
      T(the_first_rate_of_a_job_counts_from_its_start),
      T(a_series_with_two_sources_needs_both_in_one_record),
      T(keeps_the_last_lines_and_the_last_error), T(cuts_long_texts_between_characters),
      T(marks_one_event_once), T(reads_the_environment_as_paths), T(counts_what_is_not_as_promised),
      T(stays_within_its_bounds))
