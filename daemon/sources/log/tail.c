/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/log/tail.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static uint64_t statx_ns(const struct statx_timestamp *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + t->tv_nsec;
}

int jem_file_info(int fd, const char *path, struct jem_file_info *ret)
{
	struct statx st;

	if (statx(fd, path, *path ? 0 : AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &st))
		return -errno;
	*ret = (struct jem_file_info){
		.id.dev = makedev(st.stx_dev_major, st.stx_dev_minor),
		.id.ino = st.stx_ino,
		.id.birth_ns = st.stx_mask & STATX_BTIME ? statx_ns(&st.stx_btime) : 0,
		.size = st.stx_size,
		.links = st.stx_nlink,
		.mtime_ns = statx_ns(&st.stx_mtime),
		.is_regular = S_ISREG(st.stx_mode),
	};
	return 0;
}

/* Two files of one inode number, one after the other, differ in the birth or the count of cuts. */
static void write_id(struct jem_tail *tail)
{
	int len = snprintf(tail->id_text, sizeof(tail->id_text), "%" PRIx64 ":%" PRIx64 ":%x",
			   tail->id.dev, tail->id.ino,
			   (unsigned)(tail->id.birth_ns / 1000000 & 0xffffffff));

	if (tail->at.cuts)
		snprintf(tail->id_text + len, sizeof(tail->id_text) - (size_t)len, "+%u",
			 tail->at.cuts);
}

static int reopen_for_reading(int path_fd)
{
	char self[40];
	int fd;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", path_fd);
	/* Reading leaves no trace in the access time, where the kernel allows us to say so. */
	fd = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOATIME);
	if (fd < 0 && errno == EPERM)
		fd = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int jem_tail_open(struct jem_tail *tail, const char *path, size_t line_max)
{
	auto_close int path_fd = open(path, O_PATH | O_CLOEXEC);
	struct jem_file_info info;
	int fd;
	int r;

	if (path_fd < 0)
		return -errno;
	r = jem_file_info(path_fd, "", &info);
	if (r)
		return r;
	if (!info.is_regular)
		return -EINVAL;
	fd = reopen_for_reading(path_fd);
	if (fd < 0)
		return fd;
	*tail = (struct jem_tail){
		.fd = fd,
		.id = info.id,
		.seen_size = info.size,
		.links = info.links,
		.line_max = line_max,
	};
	jem_buf_init(&tail->line, line_max + 1);
	write_id(tail);
	return 0;
}

void jem_tail_close(struct jem_tail *tail)
{
	jem_buf_deinit(&tail->line);
	close(tail->fd);
	tail->fd = -1;
}

static void go_to(struct jem_tail *tail, uint64_t offset)
{
	struct jem_tail_position *at = &tail->at;
	ssize_t n;

	at->offset = offset;
	at->guard_len = at->offset < JEM_TAIL_GUARD ? (uint32_t)at->offset : JEM_TAIL_GUARD;
	n = pread(tail->fd, at->guard, at->guard_len, (off_t)(at->offset - at->guard_len));
	if (n != (ssize_t)at->guard_len)
		at->guard_len = 0; /* it shrinks right now: the first read begins where it can */
	tail->safe = *at;
}

void jem_tail_seek_end(struct jem_tail *tail)
{
	go_to(tail, tail->seen_size);
}

void jem_tail_seek_on(struct jem_tail *tail, uint64_t offset)
{
	struct stat now;

	if (offset <= tail->at.offset || fstat(tail->fd, &now) < 0 ||
	    (uint64_t)now.st_size < offset)
		return;
	if (tail->seen_size < offset)
		tail->seen_size = offset;
	go_to(tail, offset);
}

void jem_tail_seek(struct jem_tail *tail, const struct jem_tail_position *position)
{
	tail->at = *position;
	tail->safe = *position;
	write_id(tail);
}

static void emit(struct jem_tail *tail, const char *text, size_t have, uint64_t full_len,
		 const struct jem_tail_sink *sink)
{
	struct jem_line line = { .text = text, .len = have, .full_len = full_len };

	line.offset = tail->at.offset;
	if (have > tail->line_max) {
		line.len = tail->line_max;
		/* Not in the middle of a character; a run of broken bytes is no character. */
		for (int i = 0; i < 3 && line.len && ((unsigned char)text[line.len] & 0xc0) == 0x80;
		     i++)
			line.len--;
	} else if (have == full_len && have && text[have - 1] == '\r') {
		line.len--;
		line.full_len--;
	}
	sink->on_line(sink->arg, &line);
}

static void keep(struct jem_tail *tail, const char *bytes, size_t len)
{
	size_t room = tail->line_max + 1 - tail->line.len;

	jem_buf_add(&tail->line, bytes, len < room ? len : room);
	tail->line_len += len;
}

/* The unfinished line as far as it goes; at.offset is one past it. */
static void emit_open(struct jem_tail *tail, const struct jem_tail_sink *sink)
{
	size_t have = tail->line.failed ? 0 : tail->line.len; /* no memory: its length is told */
	const char *text = have ? tail->line.data : "";
	uint64_t end = tail->at.offset;

	tail->at.offset -= tail->line_len;
	sink->on_region(sink->arg, text, have);
	emit(tail, text, have, tail->line_len, sink);
	tail->at.offset = end;
	tail->line_len = 0;
	if (tail->line.cap > 16 * JEM_TAIL_GUARD)
		jem_buf_deinit(&tail->line);
	else
		jem_buf_clear(&tail->line);
}

void jem_tail_end_line(struct jem_tail *tail, const struct jem_tail_sink *sink)
{
	if (!tail->line_len)
		return;
	emit_open(tail, sink);
	tail->ended_line = true;
	tail->safe = tail->at;
}

/* The first piece of what was given: the rest of an unfinished line. Returns what follows. */
static const char *split_open(struct jem_tail *tail, const char *at, const char *end,
			      const struct jem_tail_sink *sink)
{
	const char *newline;

	if (tail->ended_line && at < end) {
		tail->ended_line = false;
		if (*at == '\n') {
			tail->at.offset++;
			return at + 1;
		}
	}
	if (!tail->line_len)
		return at;
	newline = memchr(at, '\n', (size_t)(end - at));
	keep(tail, at, (size_t)((newline ? newline : end) - at));
	tail->at.offset += (uint64_t)((newline ? newline : end) - at);
	if (!newline)
		return end;
	emit_open(tail, sink);
	tail->at.offset++;
	return newline + 1;
}

void jem_tail_split(struct jem_tail *tail, const char *bytes, size_t len,
		    const struct jem_tail_sink *sink)
{
	const char *end = bytes + len;
	const char *at = split_open(tail, bytes, end, sink);
	const char *newline;

	if (at == end)
		return;
	sink->on_region(sink->arg, at, (size_t)(end - at));
	while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
		emit(tail, at, (size_t)(newline - at), (uint64_t)(newline - at), sink);
		tail->at.offset += (uint64_t)(newline - at) + 1;
		at = newline + 1;
	}
	if (at < end) {
		keep(tail, at, (size_t)(end - at));
		tail->at.offset += (uint64_t)(end - at);
	}
}

/* The guard of a position is what stands before it in `bytes`. */
static void set_guard(struct jem_tail_position *position, const char *bytes, const char *end)
{
	size_t len = (size_t)(end - bytes);

	if (len > JEM_TAIL_GUARD)
		len = JEM_TAIL_GUARD;
	position->guard_len = (uint32_t)len;
	memcpy(position->guard, end - len, len);
}

/* The file was cut or written anew: all of it is new. */
static void begin_anew(struct jem_tail *tail, uint64_t seen_size, const struct jem_tail_sink *sink)
{
	uint64_t from = tail->at.offset;
	off_t data;

	if (sink->on_lost(sink->arg, from, seen_size > from ? seen_size : from)) {
		tail->line_len = 0;
		jem_buf_clear(&tail->line);
	}
	jem_tail_end_line(tail, sink);
	tail->ended_line = false;
	tail->at = (struct jem_tail_position){ .cuts = tail->at.cuts + 1 };
	data = lseek(tail->fd, 0, SEEK_DATA);
	if (data > 0)
		tail->at.offset = (uint64_t)data;
	tail->safe = tail->at;
	tail->skips_nul = true;
	write_id(tail);
}

static bool was_cut(const struct jem_tail *tail, const char *chunk, size_t n)
{
	size_t guard_len = tail->at.guard_len;

	return n < guard_len || memcmp(chunk, tail->at.guard, guard_len) != 0 ||
	       (n == guard_len && tail->seen_size < tail->at.offset);
}

static void take(struct jem_tail *tail, char *chunk, size_t n, const struct jem_tail_sink *sink)
{
	char *end = chunk + n;
	char *bytes = chunk + tail->at.guard_len;

	while (tail->skips_nul && bytes < end && !*bytes) {
		bytes++;
		tail->at.offset++;
	}
	if (bytes < end)
		tail->skips_nul = false;
	jem_tail_split(tail, bytes, (size_t)(end - bytes), sink);
	set_guard(&tail->at, chunk, end);
	if (!tail->line_len) {
		tail->safe = tail->at;
	} else if (tail->line_len < (size_t)(end - bytes)) {
		tail->safe = tail->at;
		tail->safe.offset -= tail->line_len;
		set_guard(&tail->safe, chunk, end - tail->line_len);
	}
}

ssize_t jem_tail_read(struct jem_tail *tail, char *chunk, uint64_t now_ns,
		      const struct jem_tail_sink *sink)
{
	size_t guard_len = tail->at.guard_len;
	uint64_t seen_size = tail->seen_size;
	struct jem_file_info info;
	ssize_t n;

	n = pread(tail->fd, chunk, guard_len + JEM_TAIL_CHUNK,
		  (off_t)(tail->at.offset - guard_len));
	if (n < 0)
		return -errno;
	if (!jem_file_info(tail->fd, "", &info)) {
		tail->seen_size = info.size;
		tail->links = info.links;
	}
	if (was_cut(tail, chunk, (size_t)n)) {
		begin_anew(tail, seen_size, sink);
		tail->moved_ns = now_ns;
		tail->is_at_end = false;
		return 1;
	}
	tail->is_at_end = (size_t)n < guard_len + JEM_TAIL_CHUNK;
	if ((size_t)n == guard_len)
		return 0;
	take(tail, chunk, (size_t)n, sink);
	tail->moved_ns = now_ns;
	return n - (ssize_t)guard_len;
}
