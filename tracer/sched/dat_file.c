/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/dat_file.h"

#include "common/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum {
	WINDOW = 64 << 10,
	SECTION_MAX = 64 << 20,
	FLAG_COMPRESSED = 1
};

int jem_dat_pread(const struct jem_dat_file *file, uint64_t at, void *ret, size_t len,
		  struct jem_err *err)
{
	char *to = ret;

	if (at > file->size || len > file->size - at)
		return jem_err_set(err, -EBADMSG,
				   "the file ends at %" PRIu64 ", within the %zu bytes at %" PRIu64,
				   file->size, len, at);
	while (len > 0) {
		ssize_t got = pread(file->fd, to, len, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return jem_err_set(err, -EIO, "reading at %" PRIu64 ": %s", at,
					   got ? strerror(errno) : "the file has become shorter");
		to += got;
		at += (uint64_t)got;
		len -= (size_t)got;
	}
	return 0;
}

void jem_dat_cursor_init(struct jem_dat_cursor *cursor, const struct jem_dat_file *file,
			 uint64_t at, uint64_t end)
{
	*cursor = (struct jem_dat_cursor){ .file = file, .at = at, .end = end };
}

void jem_dat_cursor_deinit(struct jem_dat_cursor *cursor)
{
	free(cursor->bytes);
	free(cursor->window);
	cursor->bytes = NULL;
	cursor->window = NULL;
}

static int refill(struct jem_dat_cursor *cursor, struct jem_err *err)
{
	uint64_t left = cursor->file->size > cursor->at ? cursor->file->size - cursor->at : 0;
	size_t len = left < WINDOW ? (size_t)left : WINDOW;
	int status;

	if (!cursor->window)
		cursor->window = malloc(WINDOW);
	if (!cursor->window)
		return -ENOMEM;
	cursor->window_len = 0;
	status = jem_dat_pread(cursor->file, cursor->at, cursor->window, len, err);
	if (status < 0)
		return status;
	cursor->window_at = cursor->at;
	cursor->window_len = len;
	return 0;
}

int jem_dat_take(struct jem_dat_cursor *cursor, void *ret, size_t len, struct jem_err *err)
{
	int status = 0;

	if (cursor->at > cursor->end || len > cursor->end - cursor->at)
		return jem_err_set(err, -EBADMSG, "%zu bytes at %" PRIu64 " reach over the end",
				   len, cursor->at);
	if (cursor->bytes) {
		memcpy(ret, cursor->bytes + cursor->at, len);
	} else if (len > WINDOW) {
		status = jem_dat_pread(cursor->file, cursor->at, ret, len, err);
	} else {
		if (cursor->at < cursor->window_at || cursor->at - cursor->window_at > WINDOW ||
		    cursor->at - cursor->window_at + len > cursor->window_len)
			status = refill(cursor, err);
		if (!status && len > cursor->window_len)
			status = jem_err_set(err, -EBADMSG, "the file ends at %" PRIu64,
					     cursor->file->size);
		if (!status)
			memcpy(ret, cursor->window + (cursor->at - cursor->window_at), len);
	}
	if (!status)
		cursor->at += len;
	return status;
}

int jem_dat_skip(struct jem_dat_cursor *cursor, uint64_t len, struct jem_err *err)
{
	if (cursor->at > cursor->end || len > cursor->end - cursor->at)
		return jem_err_set(err, -EBADMSG,
				   "%" PRIu64 " bytes at %" PRIu64 " reach over the end", len,
				   cursor->at);
	cursor->at += len;
	return 0;
}

int jem_dat_number(struct jem_dat_cursor *cursor, unsigned size, uint64_t *ret, struct jem_err *err)
{
	uint64_t value = 0; /* the file is little-endian, as we are */
	int status = jem_dat_take(cursor, &value, size, err);

	if (status < 0)
		return status;
	*ret = value;
	return 0;
}

int jem_dat_text(struct jem_dat_cursor *cursor, char *ret, size_t size, struct jem_err *err)
{
	uint64_t start = cursor->at;

	for (size_t i = 0; i < size; i++) {
		int status = jem_dat_take(cursor, &ret[i], 1, err);

		if (status < 0 || !ret[i])
			return status;
	}
	return jem_err_set(err, -EBADMSG, "the text at %" PRIu64 " has no end", start);
}

int jem_dat_section_head(const struct jem_dat_file *file, uint64_t at, struct jem_dat_section *ret,
			 struct jem_err *err)
{
	uint8_t head[JEM_DAT_SECTION];
	uint16_t flags;
	int status = jem_dat_pread(file, at, head, sizeof(head), err);

	if (status < 0)
		return status;
	memcpy(&ret->id, head, 2);
	memcpy(&flags, head + 2, 2);
	memcpy(&ret->size, head + 8, 8);
	ret->is_compressed = flags & FLAG_COMPRESSED;
	ret->at = at + sizeof(head);
	return 0;
}

int jem_dat_decompress(enum jem_dat_compression compression, const void *bytes, size_t len,
		       void *ret, size_t want)
{
	uLongf got = want;

	switch (compression) {
	case JEM_DAT_ZLIB:
		return uncompress(ret, &got, bytes, len) == Z_OK && got == want ? 0 : -EBADMSG;
	case JEM_DAT_ZSTD:
		return ZSTD_decompress(ret, want, bytes, len) == want ? 0 : -EBADMSG;
	default:
		return -EBADMSG;
	}
}

static int decompress_section(struct jem_dat_cursor *cursor, uint64_t at, struct jem_err *err)
{
	auto_free uint8_t *packed = NULL;
	uint8_t *bytes;
	uint32_t sizes[2];
	int status = jem_dat_pread(cursor->file, at, sizes, sizeof(sizes), err);

	if (status < 0)
		return status;
	if (!sizes[0] || !sizes[1] || sizes[0] > SECTION_MAX || sizes[1] > SECTION_MAX ||
	    sizes[0] > cursor->file->size)
		return jem_err_set(err, -EBADMSG, "section at %" PRIu64 " of %u bytes, packed %u",
				   at, sizes[1], sizes[0]);
	packed = malloc(sizes[0]);
	bytes = malloc(sizes[1]);
	cursor->bytes = bytes;
	if (!packed || !bytes)
		return -ENOMEM;
	status = jem_dat_pread(cursor->file, at + sizeof(sizes), packed, sizes[0], err);
	if (status < 0)
		return status;
	if (jem_dat_decompress(cursor->file->compression, packed, sizes[0], bytes, sizes[1]) < 0)
		return jem_err_set(err, -EBADMSG, "the section at %" PRIu64 " does not unpack", at);
	cursor->at = 0;
	cursor->end = sizes[1];
	return 0;
}

int jem_dat_cursor_section(struct jem_dat_cursor *cursor, const struct jem_dat_file *file,
			   uint64_t at, unsigned id, struct jem_err *err)
{
	struct jem_dat_section section;
	int status = jem_dat_section_head(file, at, &section, err);

	jem_dat_cursor_init(cursor, file, at + JEM_DAT_SECTION, file->size);
	if (status < 0)
		return status;
	if (section.id != id)
		return jem_err_set(err, -EBADMSG, "section %u at %" PRIu64 ", where %u should be",
				   section.id, at, id);
	if (section.is_compressed)
		return decompress_section(cursor, section.at, err);
	if (section.size < cursor->end - cursor->at)
		cursor->end = cursor->at + section.size;
	return 0;
}
