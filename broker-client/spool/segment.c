/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/spool/segment.h"

#include "broker-client/spool/crc32c.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	VERSION = 1,
	FRAME_MAGIC = 0x4d52464a, /* "JFRM" */
	ALIGNMENT = 8,
	SEARCH_BYTES = 65536,
};

static const char magic[8] = "JEMSPOOL";

/* As they stand in the file. */
struct file_header {
	char magic[8];
	uint32_t version;
	uint32_t crc; /* of what follows */
	uint64_t first_id;
	uint64_t created_us;
	uint64_t last[2 * JEM_KIND_COUNT]; /* epoch, seq */
	char rest[JEM_SEGMENT_HEADER_BYTES - 32 - 16 * JEM_KIND_COUNT];
};

struct file_frame {
	uint32_t magic;
	uint32_t crc; /* of what follows in this header */
	uint32_t body_crc;
	uint32_t len;
	uint64_t id;
	uint64_t epoch;
	uint64_t seq;
	uint64_t first;
	uint64_t time_us;
	uint32_t n;
	uint32_t kind;
};

static_assert(sizeof(struct file_header) == JEM_SEGMENT_HEADER_BYTES, "layout of a segment");
static_assert(sizeof(struct file_frame) == JEM_FRAME_HEADER_BYTES, "layout of a frame");

uint64_t jem_frame_bytes(uint64_t len)
{
	return JEM_FRAME_HEADER_BYTES + (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static uint32_t header_crc(const struct file_header *header)
{
	size_t from = offsetof(struct file_header, first_id);

	return jem_crc32c(0, (const char *)header + from, sizeof(*header) - from);
}

static uint32_t frame_crc(const struct file_frame *frame)
{
	size_t from = offsetof(struct file_frame, body_crc);

	return jem_crc32c(0, (const char *)frame + from, sizeof(*frame) - from);
}

int jem_segment_create(int folder, const char *name, const struct jem_segment_header *header,
		       struct jem_segment *ret)
{
	struct file_header file = { .version = htole32(VERSION),
				    .first_id = htole64(header->first_id),
				    .created_us = htole64(header->created_us) };
	ssize_t written;

	memcpy(file.magic, magic, sizeof(magic));
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		file.last[2 * kind] = htole64(header->last[kind].epoch);
		file.last[2 * kind + 1] = htole64(header->last[kind].seq);
	}
	file.crc = htole32(header_crc(&file));
	*ret = (struct jem_segment){ .header = *header, .end = sizeof(file) };
	ret->fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (ret->fd < 0)
		return -errno;
	written = pwrite(ret->fd, &file, sizeof(file), 0);
	if (written != (ssize_t)sizeof(file)) {
		int error = written < 0 ? errno : ENOSPC;

		jem_segment_close(ret);
		unlinkat(folder, name, 0);
		return -error;
	}
	return 0;
}

int jem_segment_open(int folder, const char *name, bool is_writable, struct jem_segment *ret)
{
	struct file_header file;
	int flags = (is_writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

	*ret = (struct jem_segment){ .end = sizeof(file) };
	ret->fd = openat(folder, name, flags);
	if (ret->fd < 0)
		return -errno;
	if (pread(ret->fd, &file, sizeof(file), 0) != (ssize_t)sizeof(file) ||
	    memcmp(file.magic, magic, sizeof(magic)) != 0 || le32toh(file.version) != VERSION ||
	    le32toh(file.crc) != header_crc(&file))
		return -EBADMSG;
	ret->header.first_id = le64toh(file.first_id);
	ret->header.created_us = le64toh(file.created_us);
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		ret->header.last[kind].epoch = le64toh(file.last[2 * kind]);
		ret->header.last[kind].seq = le64toh(file.last[2 * kind + 1]);
	}
	return 0;
}

void jem_segment_close(struct jem_segment *segment)
{
	if (segment->fd >= 0)
		close(segment->fd);
	segment->fd = -1;
}

int jem_segment_append(struct jem_segment *segment, const struct jem_frame *frame, const void *body)
{
	static const char zeroes[ALIGNMENT];
	uint64_t bytes = jem_frame_bytes(frame->len);
	struct file_frame file = {
		.magic = htole32(FRAME_MAGIC),
		.body_crc = htole32(jem_crc32c(0, body, frame->len)),
		.len = htole32(frame->len),
		.id = htole64(frame->id),
		.epoch = htole64(frame->epoch),
		.seq = htole64(frame->seq),
		.first = htole64(frame->first),
		.time_us = htole64(frame->time_us),
		.n = htole32(frame->n),
		.kind = htole32(frame->kind),
	};
	const struct iovec parts[] = {
		{ &file, sizeof(file) },
		{ (void *)(uintptr_t)body, frame->len },
		{ (void *)(uintptr_t)zeroes, bytes - sizeof(file) - frame->len },
	};
	ssize_t written;

	file.crc = htole32(frame_crc(&file));
	written = pwritev(segment->fd, parts, 3, (off_t)segment->end);
	if (written != (ssize_t)bytes) {
		int error = written < 0 ? errno : ENOSPC;

		/* A part of it would be stepped over as damage; better that it is not there. */
		(void)!ftruncate(segment->fd, (off_t)segment->end);
		return -error;
	}
	segment->end += bytes;
	return 0;
}

static bool read_frame(const struct file_frame *file, struct jem_frame *ret)
{
	if (le32toh(file->magic) != FRAME_MAGIC || le32toh(file->crc) != frame_crc(file) ||
	    le32toh(file->kind) >= JEM_KIND_COUNT || le32toh(file->len) > JEM_BATCH_MAX)
		return false;
	*ret = (struct jem_frame){
		.id = le64toh(file->id),
		.epoch = le64toh(file->epoch),
		.seq = le64toh(file->seq),
		.first = le64toh(file->first),
		.time_us = le64toh(file->time_us),
		.n = le32toh(file->n),
		.len = le32toh(file->len),
		.kind = (enum jem_kind)le32toh(file->kind),
	};
	return true;
}

/* Looks for a whole header from `from` on: its offset, or the size of the file. */
static int64_t search(const struct jem_segment *segment, uint64_t from, uint64_t size,
		      struct jem_frame *ret)
{
	char *bytes = malloc(SEARCH_BYTES);
	int64_t found = (int64_t)size;

	if (!bytes)
		return -ENOMEM;
	from = (from + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	while (from + JEM_FRAME_HEADER_BYTES <= size) {
		ssize_t got = pread(segment->fd, bytes, SEARCH_BYTES, (off_t)from);
		size_t at = 0;

		if (got < JEM_FRAME_HEADER_BYTES) {
			if (got < 0)
				found = -errno;
			break;
		}
		for (; at + JEM_FRAME_HEADER_BYTES <= (size_t)got; at += ALIGNMENT) {
			struct file_frame file;

			memcpy(&file, bytes + at, sizeof(file));
			if (read_frame(&file, ret)) {
				found = (int64_t)(from + at);
				free(bytes);
				return found;
			}
		}
		from += at;
	}
	free(bytes);
	return found;
}

int jem_segment_next(const struct jem_segment *segment, struct jem_segment_scan *scan,
		     struct jem_frame *ret)
{
	struct file_frame file;
	struct stat stat;
	uint64_t size;
	int64_t at;
	ssize_t got;

	if (scan->offset < JEM_SEGMENT_HEADER_BYTES)
		scan->offset = JEM_SEGMENT_HEADER_BYTES;
	got = pread(segment->fd, &file, sizeof(file), (off_t)scan->offset);
	if (got < 0)
		return -errno;
	if (fstat(segment->fd, &stat) < 0)
		return -errno;
	size = (uint64_t)stat.st_size;
	scan->damaged = 0;
	at = (int64_t)scan->offset;
	if (got < (ssize_t)sizeof(file) || !read_frame(&file, ret))
		at = search(segment, scan->offset + (got == (ssize_t)sizeof(file)), size, ret);
	/* A frame whose body the file does not hold is a torn tail, however whole its header. */
	if (at >= 0 && (uint64_t)at < size && (uint64_t)at + jem_frame_bytes(ret->len) > size)
		at = (int64_t)size;
	if (at < 0)
		return (int)at;
	if ((uint64_t)at > scan->offset)
		scan->damaged = (uint64_t)at - scan->offset;
	scan->at = (uint64_t)at;
	if ((uint64_t)at >= size) {
		scan->offset = size > scan->offset ? size : scan->offset;
		return 0;
	}
	scan->offset = (uint64_t)at + jem_frame_bytes(ret->len);
	return 1;
}

int jem_segment_body(const struct jem_segment *segment, uint64_t at, const struct jem_frame *frame,
		     struct jem_buf *ret)
{
	struct file_frame file;
	char *room;

	jem_buf_clear(ret);
	room = jem_buf_extend(ret, frame->len);
	if (!room && frame->len)
		return -ENOMEM;
	if (pread(segment->fd, &file, sizeof(file), (off_t)at) != (ssize_t)sizeof(file))
		return -EBADMSG;
	if (frame->len && pread(segment->fd, room, frame->len,
				(off_t)(at + JEM_FRAME_HEADER_BYTES)) != (ssize_t)frame->len)
		return -EBADMSG;
	return jem_crc32c(0, room, frame->len) == le32toh(file.body_crc) ? 0 : -EBADMSG;
}
