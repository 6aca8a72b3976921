/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prmon: the files of prmon, live.
 *
 * Flow:      sample -> line appended to the text -> summary to <json>_tmp -> <json>_snapshot
 * Thread:    loop thread
 * Ownership: owns its files
 * Invariant: a reader never sees half a summary. A clean end leaves the final <json> and no
 *            snapshot; any other end leaves the last snapshot
 */
#ifndef JEM_DAEMON_PRMON_H
#define JEM_DAEMON_PRMON_H

#include "common/err.h"
#include "daemon/sample.h"

struct jem_prmon_files;

/* Makes the text file; either path may be NULL. The reason names the file. */
int jem_prmon_open(const char *text_path, const char *json_path, struct jem_prmon_files **ret,
		   struct jem_err *err);

/* Takes a sample in; samples without a job are passed over. */
void jem_prmon_sample(struct jem_prmon_files *files, const struct jem_sample *sample);

/* Writes the final summary and takes the snapshot away: 0 or a negative errno. Closes. NULL: 0. */
int jem_prmon_finish(struct jem_prmon_files *files);

#endif
