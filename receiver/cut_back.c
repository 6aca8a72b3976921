/* SPDX-License-Identifier: Apache-2.0 */
/* How a file in segments goes back to a place in it. */
#include "receiver/data_file.h"

#include "common/cleanup.h"
#include "receiver/folder.h"
#include "receiver/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
	WRITE_BYTES = 256 << 10
};

/* Copies whole lines of a segment, up to `bytes` of its text. */
static int copy_lines(int folder, const char *name, uint64_t bytes, int to)
{
	auto_lines struct jem_lines *lines = NULL;
	struct jem_buf buf;
	const char *line;
	size_t len;
	uint64_t done = 0;
	int status = jem_lines_open(folder, name, 0, &lines);

	if (status < 0)
		return status;
	jem_buf_init(&buf, 0);
	while ((status = jem_lines_next(lines, &line, &len)) > 0 &&
	       jem_lines_offset(lines) <= bytes) {
		jem_buf_add(&buf, line, len);
		jem_buf_add_char(&buf, '\n');
		if (buf.len < WRITE_BYTES)
			continue;
		status = buf.failed ? -ENOMEM : jem_folder_write_at(to, buf.data, buf.len, done);
		if (status < 0)
			break;
		done += buf.len;
		jem_buf_clear(&buf);
	}
	if (status >= 0)
		status = buf.failed ? -ENOMEM : jem_folder_write_at(to, buf.data, buf.len, done);
	jem_buf_deinit(&buf);
	return status;
}

/* The finished segment becomes the current one, as far as its beginning goes. */
static int take_up(const struct jem_data_file *file, int folder, const char *name, uint64_t bytes)
{
	auto_close int to = -1;
	char live[64];
	char temporary[72];
	int status;

	snprintf(live, sizeof(live), "%s.%s", file->stem, file->ext);
	snprintf(temporary, sizeof(temporary), "%s.tmp", live);
	to = jem_folder_open_file(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC);
	if (to < 0)
		return to;
	status = copy_lines(folder, name, bytes, to);
	if (status == 0 && renameat(folder, temporary, folder, live) < 0)
		status = -errno;
	if (status < 0)
		unlinkat(folder, temporary, 0);
	return status;
}

int jem_data_file_cut_back(struct jem_data_file *file, int folder, struct jem_data_place place)
{
	char name[64];
	int status;

	jem_data_file_resume_at(file, place.segment);
	if (place.segment >= file->current)
		return place.bytes < file->size ? jem_data_file_cut(file, folder, place.bytes) : 0;
	jem_data_file_suspend(file);
	jem_data_file_name(file, folder, place.segment, name);
	if (*name) {
		status = take_up(file, folder, name, place.bytes);
	} else { /* it has made room: nothing is left of what is before */
		jem_data_file_name(file, folder, file->current, name);
		status = *name && unlinkat(folder, name, 0) < 0 ? -errno : 0;
	}
	/* The latest first: until the last of them is gone the next start does all of this again. */
	for (uint32_t segment = file->current - 1;
	     status == 0 && segment >= place.segment && segment; segment--) {
		jem_data_file_name(file, folder, segment, name);
		if (*name && unlinkat(folder, name, 0) < 0)
			status = -errno;
	}
	if (status == 0)
		status = jem_data_file_scan(file, folder);
	jem_data_file_resume_at(file, place.segment);
	return status;
}
