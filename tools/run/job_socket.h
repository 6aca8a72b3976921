/* SPDX-License-Identifier: Apache-2.0 */
/* job_socket: where processes of the job report to the daemon. */
#ifndef JEM_TOOLS_RUN_JOB_SOCKET_H
#define JEM_TOOLS_RUN_JOB_SOCKET_H

#include "tools/run/folder.h"

#include <limits.h>

/*
 * NAME.sock in the report folder, where only its owner comes. Where there is none, or its path is longer
 * than unix(7) takes, an abstract name (@...) that nobody can guess. 0, or -ENXIO: neither can be had.
 */
int jem_run_job_socket(const struct jem_run_folder *folder, const char *name, char ret[PATH_MAX]);

#endif
