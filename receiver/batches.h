/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batches: the stored batches of a fire-hose kind, over all segments of data/KIND.cbors.zst, oldest
 * first, in the order in which they arrived.
 *
 * Ownership: owns its files and buffers; a batch is valid until the next call
 */
#ifndef JEM_RECEIVER_BATCHES_H
#define JEM_RECEIVER_BATCHES_H

#include "common/cleanup.h"
#include "common/columns.h"

struct jem_batches;

/*
 * `data` is the folder data/, borrowed until the end; `keep_bytes`: only the last ones on disk, by
 * whole segments (0: all). 0 or negative errno.
 */
int jem_batches_open(int data, enum jem_kind kind, uint64_t keep_bytes, struct jem_batches **ret);
void jem_batches_close(struct jem_batches *batches);

JEM_DEFINE_AUTO(jem_auto_batches, struct jem_batches, jem_batches_close)
#define auto_batches __attribute__((cleanup(jem_auto_batches)))

/* 1 and a batch; 0 at the end; -EIO, -ENOMEM. */
int jem_batches_next(struct jem_batches *batches, const struct jem_columns **columns,
		     const struct jem_head **head);

/* Batches that cannot be read, and places that are none. */
uint64_t jem_batches_damaged(const struct jem_batches *batches);

#endif
