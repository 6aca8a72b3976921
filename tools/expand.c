/* SPDX-License-Identifier: Apache-2.0 */
/* jem expand: a file that a traced process wrote itself, as the folder of a job. */
#include "common/log.h"
#include "tools/calls_file.h"
#include "tools/tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

enum {
	PATTERNS_MAX = 64
};

struct expand_options {
	const char *patterns[PATTERNS_MAX];
	size_t pattern_count;
};

static int run(const struct jem_tool_args *args)
{
	const struct expand_options *own = args->options;
	const struct jem_calls_file_options options = {
		.config = args->config,
		.path = args->words[0],
		.out = args->words[1],
		.patterns = own->patterns,
		.pattern_count = own->pattern_count,
		.is_drawn = true,
	};
	struct jem_calls_file_result result;
	struct jem_err err = { "" };
	int status = jem_calls_file_record(&options, &result, &err);

	if (status < 0) {
		log_error("%s", err.text);
		return jem_calls_file_exit_status(status);
	}
	printf("%s: %" PRIu64 " records of calls\n", options.out, result.rows);
	jem_calls_file_tell_losses(&result, stdout);
	return EX_OK;
}

static const struct jem_flag flags[] = {
	{ "function", "PATTERN",
	  "only these functions, files (file:PATTERN) or modules (module:PATTERN); again for more",
	  'f' },
	{ 0 },
};

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct expand_options *options = arg;

	(void)flag;
	if (options->pattern_count == PATTERNS_MAX)
		return jem_err_set(err, -E2BIG, "more than %d patterns", PATTERNS_MAX);
	options->patterns[options->pattern_count++] = value;
	return 0;
}

const struct jem_tool jem_tool_expand = {
	.name = "expand",
	.usage = "Usage: jem expand FILE DIR [--function PATTERN]\n\n"
		 "Makes the folder DIR of a job from FILE, which a traced program wrote without a\n"
		 "daemon (JEM_CALLS_FILE), with logs, data, graphs and page.\n\n",
	.flags = flags,
	.options_size = sizeof(struct expand_options),
	.on_flag = on_flag,
	.words_min = 2,
	.words_max = 2,
	.run = run,
};
