/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls_file: a file that a traced process wrote itself (JEM_CALLS_FILE) becomes the folder of a job, as the
 * daemon and a receiver would have written it: whatever reads such folders reads it then.
 *
 * Flow:      file -> copy -> modules -> jem-symbols -> records -> batches -> receiver -> folder
 * Thread:    runs a loop of its own until the folder is whole
 * Ownership: everything is its own and gone when it returns, but the folder
 * Bound:     JEM_CALLS_FILE_MAX of the file, which is copied first: its process may still write it, and nobody
 *            can cut it short below us. The rest as for the daemon
 * Invariant: records in the file == rows + not selected + lost, whatever the file holds
 *
 * Such a file has no plan: what was called is all there, as long as the rings had room, but no values. What
 * the limits or full rings left out is counted, and in no profile.
 */
#ifndef JEM_TOOLS_CALLS_FILE_H
#define JEM_TOOLS_CALLS_FILE_H

#include "common/config.h"

#include <stdio.h>

#define JEM_CALLS_FILE_MAX (2ull << 30)

struct jem_calls_file_options {
	const struct jem_config *config; /* calls.include and .exclude; none: all functions */
	const char *path;
	const char *out;             /* the folder: made, must not be there */
	const char *const *patterns; /* instead of calls.include; as of --calls, count 0: none */
	size_t pattern_count;
	bool is_drawn; /* with graphs and page */
};

struct jem_calls_file_result {
	uint64_t rows;
	uint64_t unselected; /* of functions that were not asked for */
	uint64_t dropped;    /* the rings were full */
	uint64_t limited;    /* over calls.process_limit */
	uint64_t lost;       /* damaged, or of threads without a ring */
};

/* 0; negative errno with the reason: not such a file, no folder; what is unwritten then is gone again. */
int jem_calls_file_record(const struct jem_calls_file_options *options,
			  struct jem_calls_file_result *ret, struct jem_err *err);

/* A line for each cause of a loss; nothing where there was none. */
void jem_calls_file_tell_losses(const struct jem_calls_file_result *result, FILE *out);

/* The exit status of a tool that could not make a folder, by the errno of why. */
int jem_calls_file_exit_status(int status);

#endif
