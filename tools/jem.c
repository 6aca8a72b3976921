/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jem: the program a person types. It is libc only, because the memory it uses before the job's
 * exec is the floor of the job's ru_maxrss; what needs more is in jem-tool.
 */
#include "common/find.h"
#include "tools/run/run.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const struct subcommand {
	const char *name;
	const char *what; /* NULL: not for people */
} subcommands[] = {
	/* The launcher itself; the others are in jem-tool. */
	{ "run", "run a job under the monitor" },
#define TOOL(name, what) { #name, what },
#include "tools/tools.def"
#undef TOOL
};

enum {
	SUBCOMMAND_COUNT = sizeof(subcommands) / sizeof(*subcommands)
};

static bool is_subcommand(const char *word)
{
	for (unsigned i = 0; i < SUBCOMMAND_COUNT; i++)
		if (!strcmp(subcommands[i].name, word))
			return true;
	return false;
}

static int print_help(void)
{
	puts("Usage: jem SUBCOMMAND [OPTION...] [ARG...]\n\n"
	     "Watches a batch or grid job on its worker node, and publishes what it sees.\n");
	for (unsigned i = 0; i < SUBCOMMAND_COUNT; i++)
		if (subcommands[i].what)
			printf("  jem %-9s %s\n", subcommands[i].name, subcommands[i].what);
	puts("\n"
	     "  jem help SUBCOMMAND    its options\n"
	     "  jem --version          what this is\n\n"
	     "Begin with:  jem run -- COMMAND [ARG...]");
	return fflush(stdout) ? EX_IOERR : EX_OK;
}

static int run_tool(char **words)
{
	char path[PATH_MAX];

	if (jem_find_program("jem-tool", path) < 0) {
		fprintf(stderr,
			"jem: jem-tool is missing: it belongs beside jem, in ../libexec/jem or in "
			"%s\n",
			JEM_LIBEXECDIR);
		return EX_UNAVAILABLE;
	}
	execv(path, words);
	fprintf(stderr, "jem: cannot run %s: %s\n", path, strerror(errno));
	return EX_UNAVAILABLE;
}

/* `jem help SUB` is `jem SUB --help`. */
static int run_help(char **argv)
{
	static char option[] = "--help";
	char *words[] = { argv[0], argv[2], option, NULL };

	return strcmp(argv[2], "run") ? run_tool(words) : jem_run_main(2, words + 1);
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "help";
	bool is_help = !strcmp(word, "help");

	if (!strcmp(word, "run"))
		return jem_run_main(argc - 1, argv + 1);
	if (!strcmp(word, "--help") || !strcmp(word, "-h") || (is_help && argc < 3))
		return print_help();
	if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
		puts("jem " JEM_VERSION);
		return fflush(stdout) ? EX_IOERR : EX_OK;
	}
	if (is_help)
		word = argv[2];
	if (!is_subcommand(word)) {
		fprintf(stderr, "jem: there is no subcommand '%s'; jem --help lists them\n", word);
		return EX_USAGE;
	}
	return is_help ? run_help(argv) : run_tool(argv);
}
