/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/find.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* The folder of the running executable; without /proc, of the name it was started by. */
static void own_folder(char ret[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", ret, PATH_MAX - 1);
	const char *started_as = (const char *)getauxval(AT_EXECFN);
	char *slash;

	if (len > 0)
		ret[len] = '\0';
	else
		snprintf(ret, PATH_MAX, "%s", started_as ? started_as : "");
	slash = strrchr(ret, '/');
	if (slash)
		slash[slash == ret] = '\0';
	else
		strcpy(ret, ".");
}

int jem_find_program(const char *name, char ret[PATH_MAX])
{
	static const char *const places[] = { "", "/../libexec/jem" };
	char folder[PATH_MAX];
	int n;

	own_folder(folder);
	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
		n = snprintf(ret, PATH_MAX, "%s%s/%s", folder, places[i], name);
		if (n > 0 && n < PATH_MAX && !access(ret, X_OK))
			return 0;
	}
	n = snprintf(ret, PATH_MAX, "%s/%s", JEM_LIBEXECDIR, name);
	return n > 0 && n < PATH_MAX && !access(ret, X_OK) ? 0 : -ENOENT;
}
