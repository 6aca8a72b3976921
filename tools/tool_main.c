/* SPDX-License-Identifier: Apache-2.0 */
/* jem-tool: what stands behind `jem SUBCOMMAND`; one file per subcommand, this one is the frame. */
#include "tools/tool.h"

#include "common/buf.h"
#include "common/config_file.h"
#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct flag_taker {
	const struct jem_tool *tool; /* borrowed */
	void *options;               /* borrowed */
};

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct flag_taker *taker = arg;

	return taker->tool->on_flag(taker->options, flag, value, err);
}

static void on_fault(void *arg, const char *line)
{
	struct jem_buf *faults = arg;

	log_error("%s", line);
	jem_buf_add_str(faults, line);
	jem_buf_add_char(faults, '\n');
}

static int say_help(const struct jem_tool *tool)
{
	fputs(tool->usage, stdout);
	jem_config_print_help(stdout, tool->programs, tool->flags);
	return fflush(stdout) ? EX_IOERR : EX_OK;
}

static int say_version(void)
{
	puts("jem " JEM_VERSION);
	return fflush(stdout) ? EX_IOERR : EX_OK;
}

static int check_words(const struct jem_tool *tool, const char *program,
		       const struct jem_tool_args *args)
{
	if (args->count > tool->words_max)
		log_error("one word too many: \"%s\"; %s --help tells the usage",
			  args->words[tool->words_max], program);
	else if (args->count < tool->words_min)
		log_error("a word is missing; %s --help tells the usage", program);
	else
		return EX_OK;
	return EX_USAGE;
}

/* Environment and configuration file: EX_OK, or EX_CONFIG when a fault ends the tool. */
static int load_settings(const struct jem_tool *tool, struct jem_config *config,
			 struct jem_buf *faults)
{
	const char *path;

	if (tool->reads_none)
		return EX_OK;
	jem_config_load_environment(config, environ, on_fault, faults);
	path = jem_config_file(config);
	if (path)
		jem_config_load_file(config, path, on_fault, faults);
	return faults->len && !tool->keeps_going ? EX_CONFIG : EX_OK;
}

static int run_with(const struct jem_tool *tool, const char *program, struct jem_config *config,
		    int argc, char **argv)
{
	struct flag_taker taker = { tool, NULL };
	struct jem_args parse = {
		.programs = tool->programs,
		.flags = tool->flags,
		.on_flag = on_flag,
		.arg = &taker,
		.is_mixed = !tool->takes_command,
	};
	struct jem_tool_args args = { .config = config };
	struct jem_buf faults;
	struct jem_err err;
	int first;
	int status;

	taker.options = args.options = calloc(1, tool->options_size + 1);
	if (!args.options)
		return EX_OSERR;
	jem_buf_init(&faults, 64 << 10);
	first = jem_config_parse(config, &parse, argc, argv, &err);
	if (first == JEM_ARGS_HELP) {
		status = say_help(tool);
	} else if (first == JEM_ARGS_VERSION) {
		status = say_version();
	} else if (first < 0) {
		log_error("%s; %s --help tells the usage", err.text, program);
		status = EX_USAGE;
	} else {
		args.count = argc - first;
		args.words = argv + first;
		status = check_words(tool, program, &args);
		if (status == EX_OK)
			status = load_settings(tool, config, &faults);
		args.faults = jem_buf_cstr(&faults);
		if (status == EX_OK)
			status = tool->run(&args);
	}
	jem_buf_deinit(&faults);
	free(args.options);
	return status;
}

#define TOOL(name, what) extern const struct jem_tool jem_tool_##name;
#include "tools/tools.def"
#undef TOOL

const struct jem_tool *jem_tool_find(const char *name)
{
	static const struct jem_tool *const tools[] = {
#define TOOL(name, what) &jem_tool_##name,
#include "tools/tools.def"
#undef TOOL
		NULL,
	};

	for (const struct jem_tool *const *tool = tools; *tool; tool++)
		if (!strcmp((*tool)->name, name))
			return *tool;
	return NULL;
}

int main(int argc, char **argv)
{
	const struct jem_tool *tool;
	struct jem_config *config = NULL;
	char program[32] = "jem";
	int status;

	jem_log_init(program, JEM_LOG_INFO);
	tool = argc > 1 ? jem_tool_find(argv[1]) : NULL;
	if (!tool) {
		log_error("%s is no subcommand of jem-tool; jem --help lists them",
			  argc > 1 ? argv[1] : "nothing");
		return EX_USAGE;
	}
	/* A subcommand, or a program of that name (alias.c). */
	snprintf(program, sizeof(program), "%s%s", strcmp(argv[0], tool->name) ? "jem " : "",
		 tool->name);
	if (jem_config_create(&config) < 0) {
		log_error("no memory");
		return EX_OSERR;
	}
	status = run_with(tool, program, config, argc - 1, argv + 1);
	jem_config_destroy(config);
	return status;
}
