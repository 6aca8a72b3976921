/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jem check: every fault of a configuration, before a job meets it.
 *
 * Flow: environment, file -> settings -> what they name (patterns, folders, brokers) -> log-in
 * Faults go to standard error, one a line; what can be observed here goes to standard output.
 */
#include "tools/tool.h"

#include "broker-client/settings.h"
#include "common/config_check.h"
#include "common/config_file.h"
#include "daemon/calls_check.h"
#include "tools/check_login.h"
#include "tools/check_observe.h"

#include <sysexits.h>
#include <unistd.h>

struct check_options {
	bool is_offline;
};

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct check_options *options = arg;

	options->is_offline = true;
	return 0;
}

static void on_fault(void *arg, const char *line)
{
	fprintf(stderr, "%s\n", line);
}

static int check_logins(const struct jem_config *config)
{
	size_t count = jem_config_list_size(config, JEM_OPTION_broker_url);
	const struct jem_broker_access access = jem_broker_access(config);
	int faults = 0;

	for (size_t i = 0; i < count; i++) {
		const char *url = jem_config_list_at(config, JEM_OPTION_broker_url, i);
		struct jem_err err;

		if (jem_check_login(url, &access, &err) >= 0) {
			printf("%-18s yes  %s\n", "broker", url);
			continue;
		}
		jem_broker_settings_tell(config, JEM_OPTION_broker_url, i, err.text, on_fault,
					 NULL);
		faults++;
	}
	return faults;
}

static int run(const struct jem_tool_args *args)
{
	const struct check_options *options = args->options;
	struct jem_config *config = args->config;
	const char *path;
	int faults;

	faults = jem_config_load_environment(config, environ, on_fault, NULL);
	path = jem_config_file(config);
	if (path) {
		int rc = jem_config_load_file(config, path, on_fault, NULL);

		faults += rc < 0 ? 1 : rc;
	}
	faults += jem_config_check(config, on_fault, NULL);
	faults += jem_calls_check(config, on_fault, NULL);
	printf("%-18s %s\n", "configuration", path ? path : "no file given");
	jem_check_observe(stdout);
	fflush(stdout);
	faults += jem_broker_settings_check(config, on_fault, NULL);
	/* A broker is not asked with settings that are known to be wrong. */
	if (!faults && !options->is_offline)
		faults += check_logins(config);
	if (!faults)
		puts("no fault found");
	return faults ? EX_CONFIG : EX_OK;
}

static const struct jem_flag flags[] = {
	{ "offline", NULL, "do not log in to the brokers", 0 },
	{ 0 },
};

const struct jem_tool jem_tool_check = {
	.name = "check",
	.usage = "Usage: jem check [--config FILE] [OPTION...]\n"
		 "\n"
		 "Checks the configuration: environment, file, patterns, folders, permissions\n"
		 "and the log-in to each broker. Takes the options of jem run, to check them\n"
		 "too. Each fault is a line on standard error; what can be observed here is told\n"
		 "on standard output.\n"
		 "\n"
		 "Exit status: 0, or 78 when there is any fault.\n"
		 "\n",
	.programs = JEM_FOR_RUN | JEM_FOR_CLIENT,
	.flags = flags,
	.options_size = sizeof(struct check_options),
	.on_flag = on_flag,
	.reads_none = true,
	.run = run,
};
