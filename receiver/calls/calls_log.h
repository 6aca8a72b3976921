/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls_log: calls.log, the lines of call_lines.h in a file.
 *
 * Flow:      batch -> lines -> calls.log -> calls.0001.log.zst and so on, as data files
 * Ownership: owns its file
 * Invariant: lines that could not be written are told in the file
 */
#ifndef JEM_RECEIVER_CALLS_CALLS_LOG_H
#define JEM_RECEIVER_CALLS_CALLS_LOG_H

#include "receiver/calls/call_lines.h"
#include "receiver/data_file.h"

struct jem_calls_log {
	struct jem_data_file file;
	struct jem_call_lines lines;
	size_t committed;  /* bytes that wait in the file for being written, and are in data/ */
	uint64_t left_out; /* lines that could not be written, not yet told */
};

void jem_calls_log_init(struct jem_calls_log *log, struct jem_packer *packer);
void jem_calls_log_deinit(struct jem_calls_log *log);

/* Adds the rows of a batch from `skip` on; `node` is told where it is not "". */
void jem_calls_log_add(struct jem_calls_log *log, const struct jem_head *head, const char *node,
		       struct jem_call_rows *rows, uint64_t skip);

/* Lines since the last commit are of batches that are in data/, or are not and will come again. */
void jem_calls_log_commit(struct jem_calls_log *log, bool is_written);

/* Writes all lines: 0, or negative errno (they are left out). */
int jem_calls_log_write(struct jem_calls_log *log, int folder);

#endif
