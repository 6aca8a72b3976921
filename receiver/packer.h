/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packer: compresses finished segments off the hot path.
 *
 * Flow:      jem_packer_add -> queue -> NAME.zst.tmp, in libuv's pool, one at a time -> rename over
 *            NAME.zst and removal of NAME, in the loop -> on_done
 * Thread:    loop thread; the work in the pool touches only its own copy of names and descriptor
 * Ownership: owns queued work; a job's folder descriptor is duplicated
 * Bounds:    each segment file queues one job at a time, so the queue is as long as there are files
 *
 * The new file is synced before it takes the place of the old one, and only then the old one is
 * removed: a crash at any moment leaves one of the two whole.
 */
#ifndef JEM_RECEIVER_PACKER_H
#define JEM_RECEIVER_PACKER_H

#include "common/batch.h"

#include <uv.h>

struct jem_pack_result {
	int status;     /* 0 or negative errno */
	uint64_t bytes; /* of the segment now */
};

typedef void (*jem_pack_fn)(void *arg, const struct jem_pack_result *result);

struct jem_packer;

int jem_packer_create(uv_loop_t *loop, struct jem_packer **ret);

/* NAME becomes NAME.zst. -ENOMEM, or -errno when the descriptor could not be duplicated. */
int jem_packer_add(struct jem_packer *packer, int folder, const char *name, jem_pack_fn on_done,
		   void *arg);

/* The work of `arg` is dropped from the queue; what runs already is completed without a call. */
void jem_packer_forget(struct jem_packer *packer, const void *arg);

/* As jem_packer_forget; what runs already changes nothing any more: NAME may be removed. */
void jem_packer_cancel(struct jem_packer *packer, const void *arg);

/* Drops the queue; frees once the running work is done. Takes NULL. */
void jem_packer_close(struct jem_packer *packer);

/* The work itself, in the calling thread: writes NAME.zst.tmp; then puts it in NAME's place. */
void jem_pack_compress(int folder, const char *name, struct jem_pack_result *ret);
int jem_pack_replace(int folder, const char *name);
void jem_pack_discard(int folder, const char *name);

typedef bool (*jem_pack_keep_fn)(void *arg, const char *line, size_t len);

/* The same of the lines that `keep` wants: how many it did not, or negative errno. */
int64_t jem_pack_filter(int folder, const char *name, jem_pack_keep_fn keep, void *arg,
			uint64_t *kept);

/* The same without the records of processes. */
int64_t jem_pack_thin(int folder, const char *name);
bool jem_pack_is_of_process(const char *line, size_t len);

#endif
