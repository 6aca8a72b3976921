/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tail: one open file read forward from an offset, cut into lines.
 *
 * Flow:      pread of a chunk -> guard -> lines -> sink
 * Ownership: owns its descriptor and the bytes of the unfinished line; the chunk is lent for a read
 * Invariant: every byte from the first offset on is in exactly one line handed to the sink, in the
 *            open line, or in a range that was reported as lost
 *
 * The guard is the last bytes before the offset. Each read begins with them again: where they
 * differ, or the file ends before them, the file was cut or written anew since (copytruncate, an
 * inode used again), even if it has grown past the offset in the meantime.
 */
#ifndef JEM_DAEMON_SOURCES_LOG_TAIL_H
#define JEM_DAEMON_SOURCES_LOG_TAIL_H

#include "common/buf.h"

#include <stdint.h>
#include <sys/types.h>

#define JEM_TAIL_GUARD    64
#define JEM_TAIL_CHUNK    (128u << 10)
#define JEM_TAIL_ID_SIZE  64
#define JEM_TAIL_QUIET_NS 1000000000u /* an unfinished line is handed on after this silence */

/* What a file is, whatever its name: birth_ns is 0 where the file system does not keep it. */
struct jem_file_id {
	uint64_t dev;
	uint64_t ino;
	uint64_t birth_ns;
};

static inline bool jem_file_id_equals(const struct jem_file_id *a, const struct jem_file_id *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->birth_ns == b->birth_ns;
}

struct jem_file_info {
	struct jem_file_id id;
	uint64_t size;
	uint64_t links;
	uint64_t mtime_ns;
	bool is_regular;
};

/* statx of a path (links followed), or of a descriptor with path "": 0 or a negative errno. */
int jem_file_info(int fd, const char *path, struct jem_file_info *ret);

/* How far a file has been read, and what stood there: enough to go on after a restart. */
struct jem_tail_position {
	uint64_t offset;
	uint32_t cuts; /* how often it was cut: offsets begin anew with each */
	uint32_t guard_len;
	unsigned char guard[JEM_TAIL_GUARD];
};

struct jem_line {
	uint64_t offset;   /* of its first byte */
	const char *text;  /* without the line end; borrowed for the call */
	size_t len;        /* at most line_max */
	uint64_t full_len; /* over len when the line was cut */
};

struct jem_tail;

struct jem_tail_sink {
	/* The lines that follow, up to the next region, lie in these bytes. */
	void (*on_region)(void *arg, const char *start, size_t len);
	void (*on_line)(void *arg, const struct jem_line *line);
	/*
	 * These bytes of the file can no more be read; from == to: none that had been seen. True:
	 * somebody reads on from `safe` in another place, the unfinished line too.
	 */
	bool (*on_lost)(void *arg, uint64_t from, uint64_t to);
	void *arg;
};

struct jem_tail {
	int fd; /* owned */
	struct jem_file_id id;
	char id_text[JEM_TAIL_ID_SIZE]; /* of the file and of how often it was cut */
	struct jem_tail_position at;    /* where the next read begins */
	struct jem_tail_position safe;  /* where the unfinished line begins */
	uint64_t seen_size;
	uint64_t links;
	uint64_t moved_ns; /* CLOCK_MONOTONIC of the last bytes */
	size_t line_max;
	uint64_t line_len;   /* bytes of the unfinished line, all of them */
	struct jem_buf line; /* the first of them, at most line_max and a little */
	bool is_at_end;
	bool skips_nul;  /* after a cut: a writer without O_APPEND leaves a hole */
	bool ended_line; /* before its newline came: that newline alone is no line */
};

/*
 * Opens a regular file at offset 0. Anything else is never opened, for opening a FIFO or a device
 * can be felt by the job: -EINVAL.
 */
int jem_tail_open(struct jem_tail *tail, const char *path, size_t line_max);
void jem_tail_close(struct jem_tail *tail);

/* Goes on at the file's end, or where an earlier reader stood (its `safe`). */
void jem_tail_seek_end(struct jem_tail *tail);
/* Goes on at `offset`; not back, and not beyond the end. */
void jem_tail_seek_on(struct jem_tail *tail, uint64_t offset);
void jem_tail_seek(struct jem_tail *tail, const struct jem_tail_position *position);

/*
 * Reads one chunk at most: bytes read; 0: at the end (is_at_end); negative errno: unreadable.
 * `chunk` holds JEM_TAIL_GUARD + JEM_TAIL_CHUNK bytes.
 */
ssize_t jem_tail_read(struct jem_tail *tail, char *chunk, uint64_t now_ns,
		      const struct jem_tail_sink *sink);

/* Hands the unfinished line on, if there is one. */
void jem_tail_end_line(struct jem_tail *tail, const struct jem_tail_sink *sink);

/* The splitter alone, for bytes that come after the ones given before. */
void jem_tail_split(struct jem_tail *tail, const char *bytes, size_t len,
		    const struct jem_tail_sink *sink);

#endif
