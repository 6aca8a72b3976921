/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folder: the job's report folder, made new for this run.
 *
 *	lock         held (flock) by launcher and collector: the report is being written
 *	broker.sock  where the embedded broker listens; made here so that nobody has to wait for it
 *	monitor.log  what the monitors have to say
 *
 * An existing or locked folder is never touched: the next free name gets `-2`, `-3` ... Only an
 * empty folder that was named by --out is taken as it is. Under a PanDA pilot the folder is
 * `memory_jem-<job>` with a link `jem-<job>`, because the pilot's looping-job detector takes a
 * fresh file in the job's folder for progress unless `memory_` is in its path.
 */
#ifndef JEM_TOOLS_RUN_FOLDER_H
#define JEM_TOOLS_RUN_FOLDER_H

#include "common/err.h"
#include "common/job_id.h"

#include <limits.h>

struct jem_run_folder {
	char shown[PATH_MAX]; /* as a person may type it here; "" when there is none */
	char path[PATH_MAX];  /* absolute */
	int fd;               /* owned: the folder itself */
	int lock;             /* owned */
	int socket;           /* owned: listening */
	int log;              /* owned: monitor.log, or /dev/null */
};

void jem_run_folder_init(struct jem_run_folder *folder);

/*
 * Makes the folder. `out` is --out or NULL; without it, and where the working folder cannot be
 * written, TMPDIR or /tmp takes its place. A negative errno comes with the reason.
 */
int jem_run_folder_make(struct jem_run_folder *folder, const char *out, const struct jem_job_id *id,
			struct jem_err *err);

/* Whether a file of the folder exists. */
bool jem_run_folder_has(const struct jem_run_folder *folder, const char *name);

void jem_run_folder_deinit(struct jem_run_folder *folder);

#endif
