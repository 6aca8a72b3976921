/* SPDX-License-Identifier: Apache-2.0 */
/* A program of its own name that is a subcommand of jem-tool: JEM_ALIAS says which. */
#include "common/find.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char name[] = JEM_ALIAS;
	char **words = calloc((size_t)argc + 2, sizeof(*words));
	char path[PATH_MAX];

	if (!words)
		return EX_OSERR;
	if (jem_find_program("jem-tool", path) < 0) {
		fprintf(stderr, "%s: jem-tool is missing: it belongs in ../libexec/jem or in %s\n",
			name, JEM_LIBEXECDIR);
		return EX_UNAVAILABLE;
	}
	words[0] = words[1] = name;
	for (int i = 1; i < argc; i++)
		words[i + 1] = argv[i];
	execv(path, words);
	fprintf(stderr, "%s: cannot run %s: %s\n", name, path, strerror(errno));
	return EX_UNAVAILABLE;
}
