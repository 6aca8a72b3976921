/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls: what the job needs in its environment so that its C and C++ calls are traced.
 *
 * LD_PRELOAD gets the library in front of what is there, JEM_CALLS_SOCKET says where the daemon
 * listens, and the settings of section `calls` become JEM_CALLS and JEM_CALLS_<KEY>, which the
 * library reads and hands to the daemon. The program's file is looked at first: nothing is preloaded
 * into static, set-uid and foreign programs. Of a script its interpreter is looked at.
 */
#ifndef JEM_TOOLS_RUN_CALLS_H
#define JEM_TOOLS_RUN_CALLS_H

#include "common/config.h"
#include "common/dead_end.h"
#include "tools/run/folder.h"

struct jem_run_calls {
	bool is_wanted;         /* calls.include names something, and calls.off does not hold */
	enum jem_dead_end why;  /* JEM_DEAD_END_COUNT: the job is traced */
	char library[PATH_MAX]; /* absolute */
	char program
		[PATH_MAX];    /* that runs in the end: of a script its interpreter; "" not known */
	char socket[PATH_MAX]; /* path, or @name of an abstract one; "" when nothing is wanted */
	const struct jem_config *config; /* borrowed, outlives us */
};

/* Finds library, socket and program; what hinders is left in `why`. */
void jem_run_calls_prepare(struct jem_run_calls *calls, const struct jem_config *config,
			   const struct jem_run_folder *folder, const char *program);

/* Changes our own environment, just before it becomes the job's. Takes NULL. */
void jem_run_calls_give(const struct jem_run_calls *calls);

#endif
