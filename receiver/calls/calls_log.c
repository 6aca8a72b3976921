/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/calls_log.h"

#include <inttypes.h>

void jem_calls_log_init(struct jem_calls_log *log, struct jem_packer *packer)
{
	*log = (struct jem_calls_log){ 0 };
	jem_data_file_init(&log->file, "calls", "log", packer);
	jem_call_lines_init(&log->lines);
}

void jem_calls_log_deinit(struct jem_calls_log *log)
{
	jem_call_lines_deinit(&log->lines);
	jem_data_file_deinit(&log->file);
}

void jem_calls_log_add(struct jem_calls_log *log, const struct jem_head *head, const char *node,
		       struct jem_call_rows *rows, uint64_t skip)
{
	jem_call_lines_add(&log->lines, head, node, rows, skip, &log->file.pending);
	log->left_out += log->lines.left_out;
	log->lines.left_out = 0;
}

void jem_calls_log_commit(struct jem_calls_log *log, bool is_written)
{
	struct jem_buf *pending = &log->file.pending;

	if (!is_written && pending->len > log->committed)
		pending->len = log->committed;
	log->committed = pending->len;
}

int jem_calls_log_write(struct jem_calls_log *log, int folder)
{
	struct jem_buf *pending = &log->file.pending;
	int status;

	if (!pending->len && !pending->failed)
		return 0;
	if (log->left_out && !pending->failed)
		jem_buf_printf(pending,
			       "(%" PRIu64 " lines are not here: there was no room for them)\n",
			       log->left_out);
	status = jem_data_file_write(&log->file, folder);
	if (status == 0) {
		log->left_out = 0;
	} else {
		for (size_t i = 0; i < pending->len; i++)
			log->left_out += pending->data[i] == '\n';
		log->left_out += pending->failed; /* and what the buffer could not take */
		jem_buf_clear(pending);
	}
	log->committed = 0;
	return status;
}
