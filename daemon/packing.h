/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packing: batches of columns leave as one zstd frame each (doc/wire.md), which is also how they are stored.
 *
 * Queues hold four to eight times as many records then, and receivers keep the frame as it comes.
 */
#ifndef JEM_DAEMON_PACKING_H
#define JEM_DAEMON_PACKING_H

#include "common/batch.h"

/* The batch packed, and `batch` freed; or `batch` as it was, where that saves nothing. */
struct jem_batch *jem_batch_pack(struct jem_batch *batch);

/* Whether its body is a frame. */
bool jem_batch_is_packed(const struct jem_batch *batch);

#endif
