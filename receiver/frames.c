/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/frames.h"

#include "common/compress.h"
#include "receiver/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <zstd.h>

enum {
	READ_BYTES = 128 << 10
};

/* RFC 8878 section 3.1.1: the magic number of a frame with content. */
static const char magic[4] = "\x28\xb5\x2f\xfd";

struct jem_frames {
	int fd;     /* owned */
	char *data; /* owned */
	size_t cap;
	size_t start; /* of what was not given out */
	size_t end;
	uint64_t at;     /* offset of `start` in the file */
	uint64_t offset; /* where the last whole frame ends */
	uint64_t damaged;
	bool is_at_end;
	struct jem_buf body;
};

int jem_frames_open(int folder, const char *name, uint64_t offset, struct jem_frames **ret)
{
	struct jem_frames *frames = calloc(1, sizeof(*frames));
	int status = 0;

	if (!frames)
		return -ENOMEM;
	jem_buf_init(&frames->body, 0);
	frames->at = frames->offset = offset;
	frames->cap = READ_BYTES;
	frames->data = malloc(frames->cap);
	frames->fd = jem_folder_open_file(folder, name, O_RDONLY);
	if (frames->fd < 0)
		status = frames->fd;
	else if (offset && lseek(frames->fd, (off_t)offset, SEEK_SET) < 0)
		status = -errno;
	else if (!frames->data)
		status = -ENOMEM;
	if (status < 0) {
		jem_frames_close(frames);
		return status;
	}
	*ret = frames;
	return 0;
}

void jem_frames_close(struct jem_frames *frames)
{
	if (!frames)
		return;
	if (frames->fd >= 0)
		close(frames->fd);
	jem_buf_deinit(&frames->body);
	free(frames->data);
	free(frames);
}

/* The length of the frame that the bytes begin with, 0: there is no whole one. */
static size_t frame_len(const char *bytes, size_t len)
{
	size_t frame;

	if (len < sizeof(magic) || memcmp(bytes, magic, sizeof(magic)))
		return 0;
	frame = ZSTD_findFrameCompressedSize(bytes, len);
	return ZSTD_isError(frame) || frame > len ? 0 : frame;
}

bool jem_frames_is_one(const char *bytes, size_t len)
{
	return len <= JEM_FRAME_MAX && frame_len(bytes, len) == len;
}

static void skip(struct jem_frames *frames, size_t bytes)
{
	frames->start += bytes;
	frames->at += bytes;
}

/* More bytes behind those that wait: 0, or negative errno. */
static int read_more(struct jem_frames *frames)
{
	size_t waiting = frames->end - frames->start;
	ssize_t n;

	if (frames->start) {
		memmove(frames->data, frames->data + frames->start, waiting);
		frames->start = 0;
		frames->end = waiting;
	}
	if (frames->end == frames->cap) {
		size_t cap = frames->cap * 2;
		char *data = realloc(frames->data, cap);

		if (!data)
			return -ENOMEM;
		frames->data = data;
		frames->cap = cap;
	}
	do {
		n = read(frames->fd, frames->data + frames->end, frames->cap - frames->end);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	frames->is_at_end = n == 0;
	frames->end += (size_t)n;
	return 0;
}

/* Whether more bytes could make a whole frame of those that wait. */
static bool may_become_frame(const struct jem_frames *frames)
{
	size_t waiting = frames->end - frames->start;
	size_t looked = waiting < sizeof(magic) ? waiting : sizeof(magic);

	return !frames->is_at_end && waiting < JEM_FRAME_MAX &&
	       (!looked || !memcmp(frames->data + frames->start, magic, looked));
}

/* Goes on to what may be the beginning of another frame. */
static void find_magic(struct jem_frames *frames)
{
	const char *from = frames->data + frames->start;
	size_t waiting = frames->end - frames->start;
	const char *at = memmem(from + 1, waiting - 1, magic, sizeof(magic));

	if (at)
		skip(frames, (size_t)(at - from));
	else /* its first bytes may be the last that were read */
		skip(frames, waiting < sizeof(magic) ? 1 : waiting - (sizeof(magic) - 1));
}

int jem_frames_next(struct jem_frames *frames, const char **body, size_t *len)
{
	for (;;) {
		const char *from = frames->data + frames->start;
		size_t waiting = frames->end - frames->start;
		size_t frame = waiting ? frame_len(from, waiting) : 0;
		int status = -EBADMSG;

		jem_buf_clear(&frames->body);
		if (frame)
			status = jem_decompress(from, frame, JEM_BATCH_MAX, &frames->body, NULL);
		if (status == -ENOMEM)
			return status;
		if (status == 0) {
			frames->damaged += frames->at > frames->offset;
			skip(frames, frame);
			frames->offset = frames->at;
			*body = frames->body.data;
			*len = frames->body.len;
			return 1;
		}
		if (!frame && may_become_frame(frames)) {
			status = read_more(frames);
			if (status < 0)
				return status;
		} else if (waiting) {
			find_magic(frames);
		} else {
			return 0;
		}
	}
}

uint64_t jem_frames_offset(const struct jem_frames *frames)
{
	return frames->offset;
}

uint64_t jem_frames_damaged(const struct jem_frames *frames)
{
	return frames->damaged;
}
