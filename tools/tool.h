/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool: a subcommand of jem-tool.
 *
 * Each is one file tools/<name>.c that ends in its entry, `const struct jem_tool jem_tool_<name>`,
 * listed in tools.def. The frame reads command line, environment and configuration
 * file before `run`, and does --help and --version.
 *
 * Exit status: 0; 1 the answer is no, or nothing was found; 64 wrong usage; 69 no broker; 73 a file
 * cannot be made; 78 a fault in the configuration (sysexits(3)).
 */
#ifndef JEM_TOOLS_TOOL_H
#define JEM_TOOLS_TOOL_H

#include "common/config.h"

struct jem_tool_args {
	struct jem_config *config; /* borrowed; everything is in it */
	void *options;             /* what on_flag filled */
	int count;                 /* of the words left, at most words_max */
	char **words;
	const char *faults; /* of environment and file, a line each; "" without keeps_going */
};

struct jem_tool {
	const char *name;
	const char *usage;            /* begins "Usage: ", ends before the options */
	unsigned programs;            /* enum jem_program: which flags of the table it takes */
	const struct jem_flag *flags; /* its own, up to one without a flag; or NULL */
	size_t options_size;          /* bytes that on_flag fills, zeroed */
	int (*on_flag)(void *options, const struct jem_flag *flag, const char *value,
		       struct jem_err *err);
	int words_min;
	int words_max;
	bool keeps_going; /* a fault in environment or file is told, and it runs all the same */
	bool takes_command; /* its words are a command: what follows the first is not an option of ours */
	bool reads_none; /* environment and file are its own business */
	int (*run)(const struct jem_tool_args *args);
};

/* The tool of that name, or NULL. */
const struct jem_tool *jem_tool_find(const char *name);

#endif
