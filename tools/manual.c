/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jem-tool manual: the parts of the manual pages that come from tables, as man(7). Not for people:
 * the build fills packaging/man/<page>.in with them, so that a page cannot miss an option.
 */
#include "tools/tool.h"

#include "common/log.h"
#include "common/metric.h"
#include "daemon/flags.h"

#include <string.h>
#include <sysexits.h>

static void print_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
}

static void print_metric(const struct jem_metric_info *metric)
{
	static const char *const types[] = {
		[JEM_METRIC_COUNTER] = "counter",
		[JEM_METRIC_GAUGE] = "gauge",
		[JEM_METRIC_PEAK] = "peak",
	};

	printf(".TP\n\\fB%s\\fR  (%s, %s;", metric->name, metric->unit, types[metric->type]);
	for (unsigned scope = JEM_SCOPE_NODE; scope <= JEM_SCOPE_MONITOR; scope <<= 1)
		if (metric->scopes & scope)
			printf(" %s", jem_scope_name((enum jem_scope)scope));
	fputs(")\n", stdout);
	print_text(metric->meaning);
	fputs(".\nFrom ", stdout);
	print_text(metric->source);
	fputs(".\n", stdout);
}

static int run(const struct jem_tool_args *args)
{
	const char *what = args->words[0];
	const struct jem_tool *tool = jem_tool_find(what);

	if (tool)
		jem_config_print_man(stdout, tool->programs, tool->flags);
	else if (!strcmp(what, "run"))
		jem_config_print_man(stdout, JEM_FOR_RUN, NULL);
	else if (!strcmp(what, "jemd"))
		jem_config_print_man(stdout, JEM_FOR_DAEMON, jem_daemon_flags);
	else if (!strcmp(what, "keys"))
		jem_config_print_man_keys(stdout);
	else if (!strcmp(what, "metrics"))
		for (unsigned i = 0; i < JEM_METRIC_COUNT; i++)
			print_metric(&jem_metrics[i]);
	else {
		log_error("there is no manual text of \"%s\"", what);
		return EX_USAGE;
	}
	return fflush(stdout) ? EX_IOERR : EX_OK;
}

const struct jem_tool jem_tool_manual = {
	.name = "manual",
	.usage = "Usage: jem-tool manual run|jemd|keys|metrics|SUBCOMMAND\n\n",
	.words_min = 1,
	.words_max = 1,
	.reads_none = true,
	.run = run,
};
