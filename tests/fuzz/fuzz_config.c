/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_config: any text as a configuration file, as an assignment, as a variable and as an option.
 * What is taken is within the table's bounds and every rule is whole; every fault is one line.
 */
#include "common/cleanup.h"
#include "common/config_file.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_fault(void *arg, const char *line)
{
	int *count = arg;

	if (!*line || strpbrk(line, "\n\r\033"))
		abort();
	++*count;
}

static double scale_of(enum jem_option_type type)
{
	return type == JEM_SETTING_SECONDS ? 1e9 : 1;
}

static void check_values(const struct jem_config *config)
{
	for (unsigned i = 0; i < JEM_OPTION_COUNT; i++) {
		const struct jem_option_info *info = &jem_options[i];
		double number = (double)jem_config_u64(config, (enum jem_option)i);

		if ((info->type == JEM_SETTING_COUNT || info->type == JEM_SETTING_SECONDS ||
		     info->type == JEM_SETTING_BYTES) &&
		    (number < info->min * scale_of(info->type) ||
		     number > info->max * scale_of(info->type)))
			abort();
		if (info->type == JEM_SETTING_LIST &&
		    (double)jem_config_list_size(config, (enum jem_option)i) > info->max)
			abort();
	}
}

static void check_rules(const struct jem_config *config)
{
	for (size_t i = 0; i < jem_config_rule_count(config); i++) {
		const struct jem_rule *rule = jem_config_rule(config, i);

		if (!rule->log == !rule->when)
			abort();
	}
}

static void run_file(const uint8_t *data, size_t size)
{
	struct jem_config *config;
	int told = 0;
	int faults;

	if (jem_config_create(&config) < 0)
		return;
	faults = jem_config_load_text(config, "f", (const char *)data, size, on_fault, &told);
	if (faults < told || (faults && !told))
		abort();
	check_values(config);
	check_rules(config);
	jem_config_destroy(config);
}

/* The text as one word for each of the three other ways in. */
static void run_words(const uint8_t *data, size_t size)
{
	auto_free char *text = malloc(size + 5);
	struct jem_err err = { "" };
	struct jem_config *config;
	int told = 0;

	if (!text || jem_config_create(&config) < 0)
		return;
	memcpy(text, "JEM_", 4);
	memcpy(text + 4, data, size);
	text[size + 4] = '\0';
	if (jem_config_set_assignment(config, JEM_RANK_COMMAND_LINE, "--set", text + 4, &err) < 0 &&
	    (!err.text[0] || strpbrk(err.text, "\n\r\033")))
		abort();
	(void)jem_config_load_environment(config, (char *[]){ text, NULL }, on_fault, &told);
	(void)jem_config_parse_args(config, JEM_FOR_RUN | JEM_FOR_CLIENT, 2,
				    (char *[]){ text, text + 4, NULL }, &err);
	check_values(config);
	jem_config_destroy(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run_file(data, size);
	run_words(data, size);
	return 0;
}
