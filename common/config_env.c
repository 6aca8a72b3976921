/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config.h"

#include "common/cleanup.h"
#include "common/config_internal.h"
#include "common/config_value.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum {
	NAME_MAX_LEN = 64
};

static const struct {
	const char *name;
	enum jem_option option;
} short_forms[] = {
	{ "JEM_JOB", JEM_OPTION_run_job },
	{ "JEM_CALLS", JEM_OPTION_calls_include },
};

/* Variables of ours that are no settings: told by us to the job, or the tracer's and the tests'. */
static const char *const known_names[] = { "JEM_FOLDER", "JEM_CONFIG" };
static const char *const known_prefixes[] = { "JEM_CALLS_", "JEM_SCRIPTS_", "JEM_TEST_" };

/* "JEM_RUN_START_WAIT" for run.start_wait. */
static void format_name(const struct jem_option_info *info, char ret[NAME_MAX_LEN])
{
	snprintf(ret, NAME_MAX_LEN, "JEM_%s_%s", info->section, info->key);
	for (char *c = ret; *c; c++)
		*c = (char)toupper((unsigned char)*c);
}

static int find_option(const char *name)
{
	for (unsigned i = 0; i < sizeof(short_forms) / sizeof(*short_forms); i++)
		if (!strcmp(name, short_forms[i].name))
			return (int)short_forms[i].option;
	for (int i = 0; i < JEM_OPTION_COUNT; i++) {
		char known[NAME_MAX_LEN];

		format_name(&jem_options[i], known);
		if (!strcmp(name, known))
			return i;
	}
	return -ENOENT;
}

static bool is_known(const char *name)
{
	for (unsigned i = 0; i < sizeof(known_names) / sizeof(*known_names); i++)
		if (!strcmp(name, known_names[i]))
			return true;
	for (unsigned i = 0; i < sizeof(known_prefixes) / sizeof(*known_prefixes); i++)
		if (!strncmp(name, known_prefixes[i], strlen(known_prefixes[i])))
			return true;
	return false;
}

static int refuse_unknown(const char *name, struct jem_err *err)
{
	char best[NAME_MAX_LEN] = "";
	unsigned least = 5;

	for (int i = 0; i < JEM_OPTION_COUNT; i++) {
		char known[NAME_MAX_LEN];
		unsigned distance;

		format_name(&jem_options[i], known);
		distance = jem_value_distance(name, known);
		if (distance < least) {
			least = distance;
			strcpy(best, known);
		}
	}
	if (*best)
		return jem_err_set(err, -ENOENT, "unknown variable; did you mean %s?", best);
	return jem_err_set(err, -ENOENT, "unknown variable; unset it, or see jem.conf(5)");
}

/* Takes the next element of a comma-separated list into `ret`, which is as long as the list. */
static const char *next_element(const char *list, char *ret)
{
	for (; *list && *list != ','; list++) {
		if (list[0] == '\\' && list[1] == ',')
			list++;
		*ret++ = *list;
	}
	*ret = '\0';
	return *list ? list + 1 : NULL;
}

static int set_list(struct jem_config *config, const char *name, enum jem_option option,
		    const char *value, struct jem_err *err)
{
	auto_free char *element = malloc(strlen(value) + 1);
	int rc = element ? 0 : jem_err_set(err, -ENOMEM, "no memory; left out");

	while (value && rc == 0) {
		value = next_element(value, element);
		rc = jem_config_set_option(config, JEM_RANK_ENVIRONMENT, name, option, element,
					   err);
	}
	return rc;
}

static int check_level(const char *value, struct jem_err *err)
{
	char shown[JEM_SHOWN_MAX];

	if (jem_value_find_word("error|warning|info|debug", value) >= 0)
		return 0;
	return jem_err_set(err, -EINVAL, "\"%s\" is no level; write error, warning, info or debug",
			   jem_value_show(value, shown));
}

static int take_variable(struct jem_config *config, const char *name, const char *value,
			 struct jem_err *err)
{
	int option = find_option(name);

	if (option < 0 && !strcmp(name, "JEM_LOG"))
		return *value ? check_level(value, err) : 0;
	if (option < 0 && !is_known(name))
		return refuse_unknown(name, err);
	if (!*value)
		return 0;
	if (!strcmp(name, "JEM_CONFIG"))
		return jem_config_set_file(config, JEM_RANK_ENVIRONMENT, value);
	if (option < 0)
		return 0;
	if (jem_options[option].type == JEM_SETTING_LIST)
		return set_list(config, name, (enum jem_option)option, value, err);
	return jem_config_set_option(config, JEM_RANK_ENVIRONMENT, name, (enum jem_option)option,
				     value, err);
}

int jem_config_load_environment(struct jem_config *config, char *const *environment,
				jem_fault_fn on_fault, void *arg)
{
	int faults = 0;

	for (; *environment; environment++) {
		size_t len = strcspn(*environment, "=");
		char line[JEM_SHOWN_MAX + sizeof(struct jem_err) + 2];
		char shown[JEM_SHOWN_MAX];
		auto_free char *name = NULL;
		struct jem_err err = { "no memory; left out" };

		if (strncmp(*environment, "JEM_", 4) || !(*environment)[len])
			continue;
		name = strndup(*environment, len);
		if (name && take_variable(config, name, *environment + len + 1, &err) >= 0)
			continue;
		snprintf(line, sizeof(line), "%s: %s", jem_value_show(name ? name : "JEM_", shown),
			 err.text);
		on_fault(arg, line);
		faults++;
	}
	return faults;
}
