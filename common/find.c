/* SPDX-License-Identifier: Apache-2.0 */
#include "common/find.h"

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

/* The first place relative to our own folder, or `configured`, that has it with this access. */
static int find_in(const char *const *places, size_t count, const char *configured,
		   const char *name, int access_mode, char ret[PATH_MAX])
{
	char folder[PATH_MAX];
	int n;

	own_folder(folder);
	for (size_t i = 0; i < count; i++) {
		n = snprintf(ret, PATH_MAX, "%s%s/%s", folder, places[i], name);
		if (n > 0 && n < PATH_MAX && !access(ret, access_mode))
			return 0;
	}
	n = snprintf(ret, PATH_MAX, "%s/%s", configured, name);
	return n > 0 && n < PATH_MAX && !access(ret, access_mode) ? 0 : -ENOENT;
}

int jem_find_program(const char *name, char ret[PATH_MAX])
{
	static const char *const places[] = { "", "/../libexec/jem" };

	return find_in(places, sizeof(places) / sizeof(*places), JEM_LIBEXECDIR, name, X_OK, ret);
}

int jem_find_library(const char *name, char ret[PATH_MAX])
{
	static const char *const places[] = { "", "/tracer/preload", "/tracer/script",
					      "/../lib/jem" };

	return find_in(places, sizeof(places) / sizeof(*places), JEM_LIBDIR, name, R_OK, ret);
}
