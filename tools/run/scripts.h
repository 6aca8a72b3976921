/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scripts: what the job needs in its environment so that its scripts are followed.
 *
 * JEM_SCRIPTS_SOCKET says where the daemon listens, BASH_ENV names the file by which every bash that
 * reads it loads JEM_SCRIPTS_BASH, PYTHONPATH first the folder of what follows Python, and JEM_SCRIPTS_BASH_ENV is the user's own BASH_ENV, which goes on.
 */
#ifndef JEM_TOOLS_RUN_SCRIPTS_H
#define JEM_TOOLS_RUN_SCRIPTS_H

#include "common/config.h"
#include "tools/run/folder.h"

#include <limits.h>

struct jem_run_scripts {
	bool is_wanted;          /* scripts.enabled */
	const char *why;         /* not followed; NULL: they are */
	const char *why_python;  /* the same of Python alone */
	char socket[PATH_MAX];   /* path, or @name of an abstract one; "" there is none */
	char bash_env[PATH_MAX]; /* absolute */
	char bash[PATH_MAX];     /* the library, absolute */
	char python
		[PATH_MAX]; /* sitecustomize.py, absolute; "" there is none: Python is not followed */
	char limit[24];
};

void jem_run_scripts_prepare(struct jem_run_scripts *scripts, const struct jem_config *config,
			     const struct jem_run_folder *folder);

/* Changes our own environment, just before it becomes the job's. Takes NULL. */
void jem_run_scripts_give(const struct jem_run_scripts *scripts);

#endif
