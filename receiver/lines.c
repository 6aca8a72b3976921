/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/lines.h"

#include "receiver/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <zstd.h>

enum {
	READ_BYTES = 64 << 10
};

struct jem_lines {
	int fd;             /* owned */
	ZSTD_DStream *zstd; /* owned; NULL: a plain file */
	char *packed;       /* owned; READ_BYTES of the file, with zstd */
	ZSTD_inBuffer in;
	char *text; /* owned */
	size_t cap;
	size_t start; /* of what was not given out */
	size_t end;
	uint64_t offset;
	uint64_t too_long;
	bool is_skipping; /* within a line that is too long */
	bool is_at_end;
};

int jem_lines_open(int folder, const char *name, uint64_t offset, struct jem_lines **ret)
{
	size_t len = strlen(name);
	struct jem_lines *lines = calloc(1, sizeof(*lines));
	int status = -ENOMEM;

	if (!lines)
		return -ENOMEM;
	lines->offset = offset;
	lines->cap = READ_BYTES;
	lines->text = malloc(lines->cap);
	lines->fd = jem_folder_open_file(folder, name, O_RDONLY);
	if (lines->fd < 0)
		status = lines->fd;
	else if (offset && lseek(lines->fd, (off_t)offset, SEEK_SET) < 0)
		status = -errno;
	else if (lines->text)
		status = 0;
	if (status == 0 && len > 4 && !strcmp(name + len - 4, ".zst")) {
		lines->packed = malloc(READ_BYTES);
		lines->zstd = ZSTD_createDStream();
		if (!lines->packed || !lines->zstd)
			status = -ENOMEM;
	}
	if (status < 0) {
		jem_lines_close(lines);
		return status;
	}
	*ret = lines;
	return 0;
}

void jem_lines_close(struct jem_lines *lines)
{
	if (!lines)
		return;
	if (lines->fd >= 0)
		close(lines->fd);
	ZSTD_freeDStream(lines->zstd);
	free(lines->packed);
	free(lines->text);
	free(lines);
}

static ssize_t read_some(int fd, char *to, size_t len)
{
	ssize_t n;

	do {
		n = read(fd, to, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Bytes of text into the room at the end: their number, 0 at the end of the file. */
static ssize_t read_text(struct jem_lines *lines)
{
	ZSTD_outBuffer out = { lines->text + lines->end, lines->cap - lines->end, 0 };

	if (!lines->zstd)
		return read_some(lines->fd, out.dst, out.size);
	while (!out.pos) {
		size_t left;

		if (lines->in.pos == lines->in.size) {
			ssize_t n = read_some(lines->fd, lines->packed, READ_BYTES);

			if (n <= 0)
				return n;
			lines->in = (ZSTD_inBuffer){ lines->packed, (size_t)n, 0 };
		}
		left = ZSTD_decompressStream(lines->zstd, &out, &lines->in);
		if (ZSTD_isError(left))
			return -EBADMSG;
	}
	return (ssize_t)out.pos;
}

/* Room for more text behind what waits: moves it to the front, then grows up to the bound. */
static int make_room(struct jem_lines *lines)
{
	char *text;

	if (lines->start) {
		memmove(lines->text, lines->text + lines->start, lines->end - lines->start);
		lines->end -= lines->start;
		lines->start = 0;
	}
	if (lines->end < lines->cap)
		return 0;
	if (lines->cap >= JEM_LINE_MAX) {
		lines->offset += lines->end;
		lines->end = 0;
		lines->too_long += !lines->is_skipping;
		lines->is_skipping = true;
		return 0;
	}
	text = realloc(lines->text, lines->cap * 2);
	if (!text)
		return -ENOMEM;
	lines->text = text;
	lines->cap *= 2;
	return 0;
}

int jem_lines_next(struct jem_lines *lines, const char **line, size_t *len)
{
	size_t looked = 0; /* of the waiting text, known to have no newline */

	for (;;) {
		char *from = lines->text + lines->start;
		size_t waiting = lines->end - lines->start;
		char *newline = memchr(from + looked, '\n', waiting - looked);
		ssize_t n;
		int status;

		if (newline) {
			bool is_rest = lines->is_skipping;

			lines->start += (size_t)(newline - from) + 1;
			lines->offset += (size_t)(newline - from) + 1;
			lines->is_skipping = false;
			looked = 0;
			if (is_rest)
				continue;
			*line = from;
			*len = (size_t)(newline - from);
			return 1;
		}
		if (lines->is_at_end)
			return 0;
		looked = waiting;
		status = make_room(lines);
		if (status < 0)
			return status;
		if (lines->end < looked)
			looked = 0;
		n = read_text(lines);
		if (n < 0)
			return (int)n;
		lines->is_at_end = n == 0;
		lines->end += (size_t)n;
	}
}

uint64_t jem_lines_offset(const struct jem_lines *lines)
{
	return lines->offset;
}

uint64_t jem_lines_too_long(const struct jem_lines *lines)
{
	return lines->too_long;
}
