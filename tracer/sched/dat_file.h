/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dat_file: a trace.dat file as bytes: bounded reading, sections, compression.
 *
 * Thread:    any, one a cursor
 * Bound:     a cursor never leaves its part of the file; a section of SECTION_MAX bytes at most
 */
#ifndef JEM_TRACER_SCHED_DAT_FILE_H
#define JEM_TRACER_SCHED_DAT_FILE_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum jem_dat_compression {
	JEM_DAT_NONE,
	JEM_DAT_ZLIB,
	JEM_DAT_ZSTD,
};

struct jem_dat_file {
	int fd; /* owned by the opener */
	uint64_t size;
	enum jem_dat_compression compression;
};

/* Reads from a part of the file, or from the decompressed bytes of a section. */
struct jem_dat_cursor {
	const struct jem_dat_file *file;
	uint64_t at, end; /* in the file, or in `bytes` */
	uint8_t *bytes;   /* owned; NULL: the file */
	uint8_t *window;  /* owned; bytes of the file that were read ahead */
	uint64_t window_at;
	size_t window_len;
};

enum {
	JEM_DAT_SECTION = 16, /* bytes of a section's head */
};

struct jem_dat_section {
	uint16_t id;
	bool is_compressed;
	uint64_t at, size; /* of what follows the head */
};

/* Of what the file has at that place: len bytes, or -EBADMSG (it ends before), -EIO. */
int jem_dat_pread(const struct jem_dat_file *file, uint64_t at, void *ret, size_t len,
		  struct jem_err *err);

void jem_dat_cursor_init(struct jem_dat_cursor *cursor, const struct jem_dat_file *file,
			 uint64_t at, uint64_t end);
void jem_dat_cursor_deinit(struct jem_dat_cursor *cursor);
/* The bytes of a section, decompressed where they are not plain. -EBADMSG, -ENOMEM. */
int jem_dat_cursor_section(struct jem_dat_cursor *cursor, const struct jem_dat_file *file,
			   uint64_t at, unsigned id, struct jem_err *err);

int jem_dat_take(struct jem_dat_cursor *cursor, void *ret, size_t len, struct jem_err *err);
int jem_dat_skip(struct jem_dat_cursor *cursor, uint64_t len, struct jem_err *err);
/* A number of `size` bytes. */
int jem_dat_number(struct jem_dat_cursor *cursor, unsigned size, uint64_t *ret,
		   struct jem_err *err);
/* A text up to its NUL, of at most size - 1 bytes. */
int jem_dat_text(struct jem_dat_cursor *cursor, char *ret, size_t size, struct jem_err *err);

int jem_dat_section_head(const struct jem_dat_file *file, uint64_t at, struct jem_dat_section *ret,
			 struct jem_err *err);

/* Exactly `want` bytes of it, or -EBADMSG. */
int jem_dat_decompress(enum jem_dat_compression compression, const void *bytes, size_t len,
		       void *ret, size_t want);

#endif
