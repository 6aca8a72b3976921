/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows: the records of data/KIND.cbors.zst as the lines that a human-rate kind has in KIND.jsonl.
 *
 * Flow:      frame -> columns -> row -> line with t, epoch, seq, i, mono_s
 * Ownership: owns its file and buffers; a line is valid until the next call
 */
#ifndef JEM_RECEIVER_ROWS_H
#define JEM_RECEIVER_ROWS_H

#include "common/cleanup.h"

#include <stddef.h>
#include <stdint.h>

struct jem_rows;

int jem_rows_open(int folder, const char *name, struct jem_rows **ret);
void jem_rows_close(struct jem_rows *rows);

JEM_DEFINE_AUTO(jem_auto_rows, struct jem_rows, jem_rows_close)
#define auto_rows __attribute__((cleanup(jem_auto_rows)))

/* 1 and a line without newline; 0 at the end; -EIO, -ENOMEM. */
int jem_rows_next(struct jem_rows *rows, const char **line, size_t *len);

/* Batches that cannot be read, and places that are none. */
uint64_t jem_rows_damaged(const struct jem_rows *rows);

#endif
