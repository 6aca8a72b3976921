/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/scripts.h"

#include "common/find.h"
#include "tools/run/job_socket.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void find_python(struct jem_run_scripts *scripts)
{
	if (jem_find_library("python/sitecustomize.py", scripts->python) < 0)
		scripts->why_python =
			"python/sitecustomize.py is missing; install it in ../lib/jem from jem";
	else if (strchr(scripts->python, ':'))
		scripts->why_python =
			"the path of its folder has a colon, which separates folders in PYTHONPATH";
	if (scripts->why_python)
		*scripts->python = '\0';
}

void jem_run_scripts_prepare(struct jem_run_scripts *scripts, const struct jem_config *config,
			     const struct jem_run_folder *folder)
{
	*scripts = (struct jem_run_scripts){
		.is_wanted = jem_config_bool(config, JEM_OPTION_scripts_enabled),
	};
	if (!scripts->is_wanted)
		return;
	snprintf(scripts->limit, sizeof(scripts->limit), "%" PRIu64,
		 jem_config_u64(config, JEM_OPTION_scripts_limit));
	if (jem_run_job_socket(folder, "scripts", scripts->socket) < 0)
		scripts->why = "no socket for their reports can be had";
	else if (jem_find_library("jem-bash-env.sh", scripts->bash_env) < 0 ||
		 jem_find_library("libjembash.so", scripts->bash) < 0)
		scripts->why = "jem-bash-env.sh and libjembash.so are missing; install them beside "
			       "jem, in "
			       "../lib/jem from there, or where jem was configured to be";
	else if (strpbrk(scripts->bash_env, "$`\\\"")) /* bash expands BASH_ENV */
		scripts->why = "the path of jem-bash-env.sh has a character that bash would expand";
	find_python(scripts);
}

/* First in PYTHONPATH, once: what the user has there goes on after it. An empty part would be the current folder. */
static void give_python(const char *sitecustomize)
{
	const char *before = getenv("PYTHONPATH");
	size_t length = (size_t)(strrchr(sitecustomize, '/') - sitecustomize);
	size_t size = length + 2 + (before ? strlen(before) : 0);
	char *path;

	if (before && !strncmp(before, sitecustomize, length) &&
	    (before[length] == ':' || !before[length]))
		return;
	path = malloc(size);
	if (!path)
		return;
	if (before && *before)
		snprintf(path, size, "%.*s:%s", (int)length, sitecustomize, before);
	else
		snprintf(path, size, "%.*s", (int)length, sitecustomize);
	setenv("PYTHONPATH", path, 1);
	free(path);
}

void jem_run_scripts_give(const struct jem_run_scripts *scripts)
{
	const char *before = getenv("BASH_ENV");

	if (!scripts || !scripts->is_wanted || scripts->why)
		return;
	/* A job within a job: what was the user's own stays it. */
	if (before && !getenv("JEM_SCRIPTS_BASH_ENV") && *before)
		setenv("JEM_SCRIPTS_BASH_ENV", before, 1);
	setenv("JEM_SCRIPTS_SOCKET", scripts->socket, 1);
	if (*scripts->python)
		give_python(scripts->python);
	setenv("JEM_SCRIPTS_BASH", scripts->bash, 1);
	setenv("JEM_SCRIPTS_LIMIT", scripts->limit, 1);
	setenv("BASH_ENV", scripts->bash_env, 1);
}
