/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/options.h"

#include "common/cleanup.h"
#include "common/config_file.h"
#include "common/patterns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_help(void)
{
	puts("Usage: jem run [OPTION...] [--] COMMAND [ARG...]\n\n"
	     "Runs a job under the monitor. Its exit status, signals and streams stay its own.\n"
	     "Without --broker the report is drawn in a folder here.\n");
	jem_config_print_help(stdout, JEM_FOR_RUN, NULL);
	puts("\n"
	     "Exit status: the job's; 127 command not found, 126 not executable,\n"
	     "125 a fault on this command line, or any fault with --strict.");
	fflush(stdout);
}

static void on_fault(void *arg, const char *line)
{
	jem_voice_fault(arg, "%s", line);
}

/* The option of the table that a word names, or -1; its value may be in the next word. */
static int option_of(const char *word)
{
	size_t len;

	if (strncmp(word, "--", 2))
		return -1;
	word += 2;
	len = strcspn(word, "=");
	for (int i = 0; i < JEM_OPTION_COUNT; i++)
		if ((jem_options[i].programs & JEM_FOR_RUN) && jem_options[i].flag &&
		    strlen(jem_options[i].flag) == len && !memcmp(jem_options[i].flag, word, len))
			return i;
	return -1;
}

static int keep_pair(struct jem_run_options *options, const char *option, const char *value)
{
	char **end = options->words + options->word_count;

	end[0] = strdup(option);
	end[1] = strdup(value);
	if (!end[0] || !end[1]) {
		free(end[0]);
		free(end[1]);
		return -ENOMEM;
	}
	options->word_count += 2;
	return 0;
}

/*
 * One option in a form that every program of ours takes, whichever flags it has. The launcher
 * tells the monitors job and folder itself: they may differ from what was asked for.
 */
static int keep_setting(struct jem_run_options *options, const char *assignment)
{
	if (!strncmp(assignment, "run.job=", 8) || !strncmp(assignment, "run.out=", 8))
		return 0;
	return keep_pair(options, "--set", assignment);
}

static int keep_option(struct jem_run_options *options, const struct jem_option_info *info,
		       const char *value)
{
	auto_free char *assignment = NULL;

	if (asprintf(&assignment, "%s.%s=%s", info->section, info->key, value) < 0) {
		assignment = NULL;
		return -ENOMEM;
	}
	return keep_setting(options, assignment);
}

/* The command line has been parsed: every option is known and has its value. */
static int keep_words(struct jem_run_options *options, int count, char **argv)
{
	int rc = 0;

	options->words = calloc(2 * (size_t)count + 1, sizeof(*options->words));
	if (!options->words)
		return -ENOMEM;
	for (int i = 1; i < count && strcmp(argv[i], "--") && rc == 0; i++) {
		const char *word = argv[i];
		const char *value = strchr(word, '=') ? strchr(word, '=') + 1 : NULL;
		int option = option_of(word);

		if (!value && option >= 0 && jem_options[option].type == JEM_SETTING_BOOL)
			value = "yes";
		else if (!value)
			value = argv[++i];
		if (option >= 0)
			rc = keep_option(options, &jem_options[option], value);
		else if (!strncmp(word, "--set", 5))
			rc = keep_setting(options, value);
		else
			rc = keep_pair(options, "--config", value);
	}
	return rc;
}

/* Patterns of the command line: the daemon's check of them comes too late to hold the job back. */
static int check_patterns(const struct jem_config *config, struct jem_err *err)
{
	static const enum jem_option lists[] = { JEM_OPTION_calls_include,
						 JEM_OPTION_calls_exclude };

	for (size_t k = 0; k < sizeof(lists) / sizeof(*lists); k++)
		for (size_t i = 0; i < jem_config_list_size(config, lists[k]); i++) {
			int rc = jem_pattern_check(jem_config_list_at(config, lists[k], i), err);

			if (rc < 0)
				return rc;
		}
	return 0;
}

static void take_values(struct jem_run_options *options, struct jem_voice *voice)
{
	const struct jem_config *config = options->config;

	options->out = jem_config_str(config, JEM_OPTION_run_out);
	options->has_broker = jem_config_list_size(config, JEM_OPTION_broker_url) > 0;
	options->is_strict = jem_config_bool(config, JEM_OPTION_run_strict);
	options->is_tee = jem_config_bool(config, JEM_OPTION_run_tee);
	options->start_wait_ns = jem_config_ns(config, JEM_OPTION_run_start_wait);
	options->drain_ns = jem_config_ns(config, JEM_OPTION_run_drain);
	voice->is_quiet = jem_config_bool(config, JEM_OPTION_run_quiet);
}

/*
 * What the daemon will find too: it tells the same lines, and the voice tells each once. Whether all
 * was well.
 */
static bool load_settings(struct jem_run_options *options, struct jem_voice *voice)
{
	const char *path;
	int faults = jem_config_load_environment(options->config, environ, on_fault, voice);

	path = jem_config_file(options->config);
	if (path && jem_config_load_file(options->config, path, on_fault, voice) != 0)
		faults++;
	return !faults;
}

/* Environment or file may name what to trace; where they are faulty, nobody knows, and the job runs. */
static bool asks_values_of_nothing(const struct jem_config *config)
{
	return jem_config_bool(config, JEM_OPTION_calls_values) &&
	       !jem_config_list_size(config, JEM_OPTION_calls_include);
}

int jem_run_options_parse(struct jem_run_options *options, int argc, char **argv,
			  struct jem_voice *voice)
{
	struct jem_err err;
	bool asks_values;
	int rc;

	*options = (struct jem_run_options){ .config = NULL };
	rc = jem_config_create(&options->config);
	if (rc < 0) {
		jem_voice_fail("run: %s", strerror(-rc));
		return rc;
	}
	rc = jem_config_parse_args(options->config, JEM_FOR_RUN, argc, argv, &err);
	if (rc == JEM_ARGS_HELP) {
		print_help();
		return 1;
	}
	if (rc == JEM_ARGS_VERSION) {
		puts("jem " JEM_VERSION);
		fflush(stdout);
		return 1;
	}
	if (rc < 0) {
		jem_voice_fail("run: %s", err.text);
		return rc;
	}
	if (rc >= argc) {
		jem_voice_fail("run: no command; write jem run [OPTION...] -- COMMAND [ARG...]");
		return -EINVAL;
	}
	options->command = argv + rc;
	rc = keep_words(options, rc, argv);
	if (rc < 0)
		return rc;
	rc = check_patterns(options->config, &err);
	if (rc < 0) {
		jem_voice_fail("run: %s", err.text);
		return rc;
	}
	take_values(options, voice);
	asks_values = jem_config_bool(options->config, JEM_OPTION_calls_values);
	if (load_settings(options, voice) && asks_values &&
	    asks_values_of_nothing(options->config)) {
		jem_voice_fail("run: --values needs --calls PATTERN, which says whose values");
		return -EINVAL;
	}
	take_values(options, voice);
	jem_job_id_find(&options->id, jem_config_str(options->config, JEM_OPTION_run_job), environ);
	return 0;
}

void jem_run_options_deinit(struct jem_run_options *options)
{
	for (int i = 0; i < options->word_count; i++)
		free(options->words[i]);
	free(options->words);
	jem_config_destroy(options->config);
	*options = (struct jem_run_options){ .config = NULL };
}
