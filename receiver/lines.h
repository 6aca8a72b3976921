/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines: reads a file of lines, plain or zstd, from front to end.
 *
 * Ownership: owns its descriptor and buffers; a line is valid until the next call
 * Bounds:    lines of JEM_LINE_MAX; a longer one is left out and counted
 * A last line without its newline is not a line: it is still being written, or was cut short.
 */
#ifndef JEM_RECEIVER_LINES_H
#define JEM_RECEIVER_LINES_H

#include "common/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JEM_LINE_MAX (12u << 20) /* a record of 8 MiB and its beginning */

struct jem_lines;

/* `name` ends in .zst: decompressed on the way, and `offset` is 0. Negative errno. */
int jem_lines_open(int folder, const char *name, uint64_t offset, struct jem_lines **ret);
void jem_lines_close(struct jem_lines *lines);

JEM_DEFINE_AUTO(jem_auto_lines, struct jem_lines, jem_lines_close)
#define auto_lines __attribute__((cleanup(jem_auto_lines)))

/* 1 and a line without its newline; 0 at the end; -EIO, -EBADMSG (damaged zstd), -ENOMEM. */
int jem_lines_next(struct jem_lines *lines, const char **line, size_t *len);

/* Where the line after the last one begins: the offset behind its newline. */
uint64_t jem_lines_offset(const struct jem_lines *lines);

uint64_t jem_lines_too_long(const struct jem_lines *lines);

#endif
