/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config.h"
#include "common/config_value.h"
#include "tests/unit/check.h"

#include <errno.h>

static struct jem_config *new_config(void)
{
	struct jem_config *config;

	CHECK_OK(jem_config_create(&config));
	return config;
}

static void set(struct jem_config *config, enum jem_rank rank, const char *section, const char *key,
		const char *value)
{
	struct jem_err err;

	if (jem_config_set(config, rank, "test", section, key, value, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
}

/* The last fault line, and how many there were. */
struct faults {
	char last[512];
	int count;
};

static void on_fault(void *arg, const char *line)
{
	struct faults *faults = arg;

	snprintf(faults->last, sizeof(faults->last), "%s", line);
	faults->count++;
}

CASE(has_valid_defaults)
{
	struct jem_config *config = new_config();

	CHECK_EQ(jem_config_ns(config, JEM_OPTION_run_drain), 5000000000);
	CHECK_EQ(jem_config_u64(config, JEM_OPTION_log_line_max), 1048576);
	CHECK_STR(jem_config_str(config, JEM_OPTION_log_publish), "all");
	CHECK(!jem_config_bool(config, JEM_OPTION_run_tee));
	CHECK(!jem_config_str(config, JEM_OPTION_run_job));
	CHECK(!jem_config_is_set(config, JEM_OPTION_run_drain));
	CHECK_STR(jem_config_origin(config, JEM_OPTION_run_drain), "default");
	CHECK_EQ(jem_config_list_size(config, JEM_OPTION_broker_url), 0);
	jem_config_destroy(config);
}

CASE(describes_every_option)
{
	for (unsigned i = 0; i < JEM_OPTION_COUNT; i++) {
		const struct jem_option_info *info = &jem_options[i];

		if (!*info->help || info->help[strlen(info->help) - 1] == '.')
			check_fail(__FILE__, __LINE__, "help of %s.%s", info->section, info->key);
		if (info->type != JEM_SETTING_BOOL && !info->argument)
			check_fail(__FILE__, __LINE__, "no argument name: %s.%s", info->section,
				   info->key);
		for (unsigned j = 0; j < i; j++)
			if (info->flag && jem_options[j].flag &&
			    !strcmp(info->flag, jem_options[j].flag) &&
			    info->programs & jem_options[j].programs)
				check_fail(__FILE__, __LINE__, "--%s is two options", info->flag);
	}
}

CASE(takes_times_and_sizes_as_people_write_them)
{
	static const struct {
		enum jem_option option;
		const char *text;
		uint64_t number;
	} rows[] = {
		{ JEM_OPTION_run_drain, "0.5", 500000000 },
		{ JEM_OPTION_run_drain, ".5", 500000000 },
		{ JEM_OPTION_run_drain, "500ms", 500000000 },
		{ JEM_OPTION_run_drain, "30s", 30000000000 },
		{ JEM_OPTION_run_drain, "30 s", 30000000000 },
		{ JEM_OPTION_run_drain, "5m", 300000000000 },
		{ JEM_OPTION_run_drain, "0", 0 },
		{ JEM_OPTION_metrics_interval, "1h", 3600000000000 },
		{ JEM_OPTION_credential_warn, "7d", 604800000000000 },
		{ JEM_OPTION_metrics_pss_stall, "1500us", 1500000 },
		{ JEM_OPTION_log_line_max, "1000", 1000 },
		{ JEM_OPTION_log_line_max, "2kB", 2000 },
		{ JEM_OPTION_log_line_max, "2KiB", 2048 },
		{ JEM_OPTION_log_line_max, "2k", 2048 },
		{ JEM_OPTION_log_line_max, "0.5MiB", 524288 },
		{ JEM_OPTION_report_max_bytes, "1GB", 1000000000 },
		{ JEM_OPTION_report_max_bytes, "1G", 1073741824 },
		{ JEM_OPTION_report_max_bytes, "1TiB", 1099511627776 },
		{ JEM_OPTION_listen_connections, "7", 7 },
		{ JEM_OPTION_run_tee, "on", 1 },
		{ JEM_OPTION_run_tee, "true", 1 },
		{ JEM_OPTION_run_tee, "1", 1 },
		{ JEM_OPTION_run_tee, "yes", 1 },
		{ JEM_OPTION_run_tee, "off", 0 },
		{ JEM_OPTION_sched_level, "node", 2 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct jem_err err = { "" };
		uint64_t number = 0;

		if (jem_value_parse(&jem_options[rows[i].option], rows[i].text, &number, &err) ||
		    number != rows[i].number)
			check_fail(__FILE__, __LINE__,
				   "\"%s\" is %" PRIu64 ", wanted %" PRIu64 " %s", rows[i].text,
				   number, rows[i].number, err.text);
	}
}

CASE(refuses_values_and_says_how_to_mend_them)
{
	static const struct {
		const char *section;
		const char *key;
		const char *value;
		int code;
		const char *reason;
	} rows[] = {
		{ "run", "drain", "five", -EINVAL,
		  "run.drain: \"five\" is no time; write seconds" },
		{ "run", "drain", "5 minutes", -EINVAL, "no time" },
		{ "run", "drain", "-1", -EINVAL, "no time" },
		{ "run", "drain", "1e3", -EINVAL, "no time" },
		{ "run", "drain", "nan", -EINVAL, "no time" },
		{ "run", "drain", ".", -EINVAL, "no time" },
		{ "run", "drain", "601", -ERANGE, "601 is out of range; give 0 to 600 s" },
		{ "run", "drain", "", -EINVAL, "is empty; give a value" },
		{ "run", "drain", "99999999999999999999999999999999", -ERANGE, "out of range" },
		{ "log", "line_max", "12 parsecs", -EINVAL, "is no size; write bytes" },
		{ "log", "line_max", "2MiB", -ERANGE, "give 256 bytes to 1 MiB" },
		{ "listen", "connections", "3.5", -EINVAL, "whole number" },
		{ "listen", "connections", "0", -ERANGE, "give 1 to 4096" },
		{ "run", "tee", "maybe", -EINVAL, "write yes or no" },
		{ "log", "publish", "some", -EINVAL, "write one of all|matched|off" },
		{ "receiver", "files", "graph", -EINVAL, "write one of log|data|metrics|prmon" },
		{ "run", "job", "a\nb", -EINVAL, "control character (0x0a)" },
		{ "run", "job", "\xff", -EINVAL, "is not UTF-8" },
		{ "metrics", "intervall", "1", -ENOENT, "did you mean metrics.interval?" },
		{ "metric", "interval", "1", -ENOENT, "did you mean metrics.interval?" },
		{ "run", "interval", "1", -ENOENT, "did you mean metrics.interval?" },
		{ "frobnicate", "quux", "1", -ENOENT, "see jem.conf(5)" },
		{ "x\033[31m", "y", "1", -ENOENT, "x?[31m.y: unknown key" },
	};
	struct jem_config *config = new_config();

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct jem_err err = { "nothing" };

		CHECK_EQ(jem_config_set(config, JEM_RANK_FILE, "f", rows[i].section, rows[i].key,
					rows[i].value, &err),
			 rows[i].code);
		CHECK_CONTAINS(err.text, rows[i].reason);
	}
	CHECK_EQ(jem_config_ns(config, JEM_OPTION_run_drain), 5000000000);
	jem_config_destroy(config);
}

CASE(lets_the_higher_rank_win_in_any_order)
{
	struct jem_config *config = new_config();

	set(config, JEM_RANK_COMMAND_LINE, "run", "drain", "1");
	set(config, JEM_RANK_FILE, "run", "drain", "2");
	CHECK_EQ(jem_config_ns(config, JEM_OPTION_run_drain), 1000000000);
	set(config, JEM_RANK_FILE, "metrics", "interval", "2");
	set(config, JEM_RANK_ENVIRONMENT, "metrics", "interval", "3");
	CHECK_EQ(jem_config_ns(config, JEM_OPTION_metrics_interval), 3000000000);
	CHECK(jem_config_is_set(config, JEM_OPTION_metrics_interval));
	jem_config_destroy(config);
}

CASE(adds_to_a_list_and_replaces_it_from_above)
{
	struct jem_config *config = new_config();

	CHECK_EQ(jem_config_list_size(config, JEM_OPTION_listen_address), 1);
	set(config, JEM_RANK_FILE, "listen", "address", "unix:/a");
	set(config, JEM_RANK_FILE, "listen", "address", "unix:/b");
	CHECK_EQ(jem_config_list_size(config, JEM_OPTION_listen_address), 2);
	set(config, JEM_RANK_COMMAND_LINE, "listen", "address", "unix:/c");
	set(config, JEM_RANK_ENVIRONMENT, "listen", "address", "unix:/d");
	CHECK_EQ(jem_config_list_size(config, JEM_OPTION_listen_address), 1);
	CHECK_STR(jem_config_list_at(config, JEM_OPTION_listen_address, 0), "unix:/c");
	CHECK_STR(jem_config_list_origin(config, JEM_OPTION_listen_address, 0), "test");
	jem_config_destroy(config);
}

CASE(bounds_a_list)
{
	struct jem_config *config = new_config();
	struct jem_err err;

	for (int i = 0; i < 16; i++)
		set(config, JEM_RANK_FILE, "broker", "url", "unix:/a");
	CHECK_EQ(jem_config_set(config, JEM_RANK_FILE, "f", "broker", "url", "unix:/b", &err),
		 -E2BIG);
	CHECK_CONTAINS(err.text, "broker.url: more than 16");
	jem_config_destroy(config);
}

CASE(takes_assignments)
{
	struct jem_config *config = new_config();
	struct jem_err err;

	CHECK_OK(jem_config_set_assignment(config, JEM_RANK_COMMAND_LINE, "--set", "run.out=a=b.c",
					   &err));
	CHECK_STR(jem_config_str(config, JEM_OPTION_run_out), "a=b.c");
	CHECK_EQ(jem_config_set_assignment(config, JEM_RANK_COMMAND_LINE, "--set", "run.out", &err),
		 -EINVAL);
	CHECK_CONTAINS(err.text, "write SECTION.KEY=VALUE");
	CHECK_EQ(jem_config_set_assignment(config, JEM_RANK_COMMAND_LINE, "--set", "out=a.b", &err),
		 -EINVAL);
	jem_config_destroy(config);
}

CASE(takes_the_environment)
{
	static const char *const environment[] = { "JEM_JOB=job-7",
						   "JEM_METRICS_INTERVAL=250ms",
						   "JEM_CALLS=one,two\\,three",
						   "JEM_CALLS_OFF=1",
						   "JEM_CALLS_DEPTH=3",
						   "JEM_TEST_REQUIRE_ALL=1",
						   "JEM_FOLDER=/x",
						   "JEM_CONFIG=/etc/jem.conf",
						   "JEM_LOG=debug",
						   "JEM_RUN_OUT=",
						   "JEM_without_value",
						   "PATH=/bin",
						   NULL };
	struct jem_config *config = new_config();
	struct faults faults = { 0 };

	CHECK_EQ(jem_config_load_environment(config, (char *const *)environment, on_fault, &faults),
		 0);
	CHECK_STR(jem_config_str(config, JEM_OPTION_run_job), "job-7");
	CHECK_EQ(jem_config_ns(config, JEM_OPTION_metrics_interval), 250000000);
	CHECK_EQ(jem_config_list_size(config, JEM_OPTION_calls_include), 2);
	CHECK_STR(jem_config_list_at(config, JEM_OPTION_calls_include, 1), "two,three");
	CHECK(jem_config_bool(config, JEM_OPTION_calls_off));
	CHECK_STR(jem_config_file(config), "/etc/jem.conf");
	CHECK(!jem_config_str(config, JEM_OPTION_run_out));
	jem_config_destroy(config);
}

CASE(tells_faults_of_the_environment)
{
	static const char *const rows[][2] = {
		{ "JEM_METRIC_INTERVAL=1", "JEM_METRIC_INTERVAL: unknown variable; did you mean "
					   "JEM_METRICS_INTERVAL?" },
		{ "JEM_NONSENSE_AT_ALL=1", "JEM_NONSENSE_AT_ALL: unknown variable; unset it" },
		{ "JEM_METRICS_INTERVAL=x", "JEM_METRICS_INTERVAL: \"x\" is no time; write" },
		{ "JEM_LOG=loud", "JEM_LOG: \"loud\" is no level; write error, warning" },
		{ "JEM_BROKER_URL=unix:/a,", "JEM_BROKER_URL: is empty" },
		{ "JEM_\nX=1", "JEM_?X: unknown variable" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *environment[] = { rows[i][0], NULL };
		struct jem_config *config = new_config();
		struct faults faults = { 0 };

		CHECK_EQ(jem_config_load_environment(config, (char *const *)environment, on_fault,
						     &faults),
			 1);
		CHECK_CONTAINS(faults.last, rows[i][1]);
		jem_config_destroy(config);
	}
}

#define PARSE(config, err, ...)                                                                    \
	jem_config_parse_args(                                                                     \
		config, JEM_FOR_RUN,                                                               \
		(int)(sizeof((const char *[]){ "jem", __VA_ARGS__ }) / sizeof(char *)),            \
		(char **)(const char *[]){ "jem", __VA_ARGS__, NULL }, err)

CASE(takes_the_command_line_up_to_the_command)
{
	struct jem_config *config = new_config();
	struct jem_err err;

	CHECK_EQ(PARSE(config, &err, "--job", "j", "--tee", "--interval=2", "--set",
		       "log.publish=off", "--config", "f.conf", "--", "ls", "--quiet"),
		 10);
	CHECK_STR(jem_config_str(config, JEM_OPTION_run_job), "j");
	CHECK(jem_config_bool(config, JEM_OPTION_run_tee));
	CHECK(!jem_config_bool(config, JEM_OPTION_run_quiet));
	CHECK_EQ(jem_config_ns(config, JEM_OPTION_metrics_interval), 2000000000);
	CHECK_STR(jem_config_str(config, JEM_OPTION_log_publish), "off");
	CHECK_STR(jem_config_file(config), "f.conf");
	CHECK_STR(jem_config_origin(config, JEM_OPTION_run_job), "--job");
	CHECK_EQ(PARSE(config, &err, "ls", "--quiet"), 1);
	CHECK_EQ(PARSE(config, &err, "--tee=no", "-"), 2);
	CHECK(!jem_config_bool(config, JEM_OPTION_run_tee));
	jem_config_destroy(config);
}

CASE(refuses_a_wrong_command_line)
{
	struct jem_config *config = new_config();
	struct jem_err err;

	CHECK_EQ(PARSE(config, &err, "--jop", "x"), -ENOENT);
	CHECK_STR(err.text, "--jop: unknown option; did you mean --job?");
	CHECK_EQ(PARSE(config, &err, "--address=x"), -ENOENT);
	CHECK_STR(err.text, "--address=x: unknown option; --help lists all");
	CHECK_EQ(PARSE(config, &err, "-x"), -ENOENT);
	CHECK_EQ(PARSE(config, &err, "--job"), -EINVAL);
	CHECK_STR(err.text, "--job needs a value; give --job ID");
	CHECK_EQ(PARSE(config, &err, "--interval", "soon"), -EINVAL);
	CHECK_CONTAINS(err.text, "--interval: \"soon\" is no time");
	CHECK_EQ(PARSE(config, &err, "--set", "run.jop=x"), -EINVAL);
	CHECK_STR(err.text, "--set: run.jop: unknown key; did you mean run.job?");
	CHECK_EQ(PARSE(config, &err, "--help"), JEM_ARGS_HELP);
	CHECK_EQ(PARSE(config, &err, "-V"), JEM_ARGS_VERSION);
	jem_config_destroy(config);
}

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	char *seen = arg;

	if (value && !strcmp(value, "bad"))
		return jem_err_set(err, -EINVAL, "is bad; give a good one");
	strcat(seen, flag->flag);
	strcat(seen, value ? value : "!");
	return 0;
}

CASE(takes_the_flags_of_a_tool_among_its_words)
{
	static const struct jem_flag flags[] = {
		{ "follow", NULL, "follow", 'f' },
		{ "lines", "N", "how many", 'n' },
		{ 0 },
	};
	char seen[100] = "";
	const char *argv[] = { "log",     "DIR", "-f", "-n5",     "second",
			       "--lines", "6",   "--", "--third", NULL };
	const char *wrong[] = { "log", "DIR", "--lines=bad", NULL };
	struct jem_args args = { .programs = JEM_FOR_CLIENT,
				 .flags = flags,
				 .on_flag = on_flag,
				 .arg = seen,
				 .is_mixed = true };
	struct jem_config *config = new_config();
	struct jem_err err;

	CHECK_EQ(jem_config_parse(config, &args, 9, (char **)argv, &err), 6);
	CHECK_STR(argv[6], "DIR");
	CHECK_STR(argv[7], "second");
	CHECK_STR(argv[8], "--third");
	CHECK_STR(seen, "follow!lines5lines6");
	CHECK_EQ(jem_config_parse(config, &args, 3, (char **)wrong, &err), -EINVAL);
	CHECK_STR(err.text, "--lines: is bad; give a good one");
	jem_config_destroy(config);
}

CASE(keeps_rules)
{
	struct jem_config *config = new_config();
	const struct jem_rule *rule;
	struct jem_err err;

	CHECK_OK(jem_config_set_rule(config, "f:1", "memory", "when", "rss_bytes > 1GB", &err));
	CHECK_OK(jem_config_set_rule(config, "f:2", "memory", "severity", "warning", &err));
	CHECK_OK(jem_config_set_rule(config, "f:5", "error", "log", "ERROR", &err));
	CHECK_EQ(jem_config_set_rule(config, "f:6", "error", "log", "FATAL", &err), -EEXIST);
	CHECK_EQ(jem_config_set_rule(config, "f:7", "error", "level", "loud", &err), -EINVAL);
	CHECK_STR(err.text, "[rule error] level: \"loud\" is no choice; write one of "
			    "debug|info|warning|error|fatal");
	CHECK_EQ(jem_config_set_rule(config, "f:8", "error", "serverity", "info", &err), -ENOENT);
	CHECK_STR(err.text, "[rule error] serverity: unknown key; did you mean severity?");
	CHECK_EQ(jem_config_set_rule(config, "f:9", "a/b", "log", "x", &err), -EINVAL);
	CHECK_EQ(jem_config_rule_count(config), 2);
	rule = jem_config_rule(config, 0);
	CHECK_STR(rule->name, "memory");
	CHECK_STR(rule->severity, "warning");
	CHECK_STR(rule->origin, "f:1");
	CHECK(!rule->log);
	jem_config_remove_rule(config, 0);
	CHECK_EQ(jem_config_rule_count(config), 1);
	CHECK_STR(jem_config_rule(config, 0)->name, "error");
	jem_config_destroy(config);
}

/* What print wrote, in a static buffer. */
static const char *printed(void (*print)(FILE *out))
{
	static char text[65536];
	FILE *out = fmemopen(text, sizeof(text), "w");

	CHECK(out);
	print(out);
	fclose(out);
	return text;
}

static void print_run_help(FILE *out)
{
	jem_config_print_help(out, JEM_FOR_RUN, NULL);
}

static void print_run_man(FILE *out)
{
	jem_config_print_man(out, JEM_FOR_RUN, NULL);
}

CASE(prints_help_within_the_terminal)
{
	const char *text = printed(print_run_help);

	CHECK_CONTAINS(text, "--job ID");
	CHECK_CONTAINS(text, "--interval SECONDS");
	CHECK_CONTAINS(text, "(default 1 s, 0.05 to");
	CHECK(!strstr(text, "--listen"));
	while (*text) {
		size_t len = strcspn(text, "\n");

		CHECK_LE(len, 79);
		text += len + 1;
	}
}

CASE(prints_manual_text_of_every_key)
{
	const char *text = printed(jem_config_print_man_keys);

	for (unsigned i = 0; i < JEM_OPTION_COUNT; i++) {
		char head[100];

		snprintf(head, sizeof(head), ".TP\n\\fB%s\\fR = ", jem_options[i].key);
		CHECK_CONTAINS(text, head);
	}
	CHECK_CONTAINS(printed(print_run_man), "\\fB\\-\\-broker\\fR \\fIURL\\fR\n");
}

CASE(measures_distances)
{
	CHECK_EQ(jem_value_distance("", ""), 0);
	CHECK_EQ(jem_value_distance("abc", ""), 3);
	CHECK_EQ(jem_value_distance("interval", "intervall"), 1);
	CHECK_EQ(jem_value_distance("qiuet", "quiet"), 1);
	CHECK_EQ(jem_value_distance("kitten", "sitting"), 3);
}

CASE(shows_hostile_text_on_one_line)
{
	char shown[JEM_SHOWN_MAX];
	char endless[1000];

	CHECK_STR(jem_value_show("a\nb\033\x80\xc2\x9b"
				 "\xc3\xa9",
				 shown),
		  "a?b????\xc3\xa9");
	memset(endless, 'x', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	CHECK_LE(strlen(jem_value_show(endless, shown)), JEM_SHOWN_MAX - 1);
	CHECK_CONTAINS(shown, "xxx...");
}

TESTS(T(has_valid_defaults), T(describes_every_option),
      T(takes_times_and_sizes_as_people_write_them), T(refuses_values_and_says_how_to_mend_them),
      T(lets_the_higher_rank_win_in_any_order), T(adds_to_a_list_and_replaces_it_from_above),
      T(bounds_a_list), T(takes_assignments), T(takes_the_environment),
      T(tells_faults_of_the_environment), T(takes_the_command_line_up_to_the_command),
      T(refuses_a_wrong_command_line), T(takes_the_flags_of_a_tool_among_its_words), T(keeps_rules),
      T(prints_help_within_the_terminal), T(prints_manual_text_of_every_key), T(measures_distances),
      T(shows_hostile_text_on_one_line))
