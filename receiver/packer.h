/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packer: work on finished segments off the hot path: compress, thin out, remove.
 *
 * Flow:      jem_packer_add -> queue -> one job at a time in libuv's pool -> on_done in the loop
 * Thread:    loop thread; the work itself touches only its own copy of names and descriptor
 * Ownership: owns queued work; a job's folder descriptor is duplicated
 * Bounds:    each segment file queues one job at a time, so the queue is as long as there are files
 *
 * A new file is written under NAME.tmp, synced, renamed, and only then the old one is removed: a
 * crash at any moment leaves one of the two whole.
 */
#ifndef JEM_RECEIVER_PACKER_H
#define JEM_RECEIVER_PACKER_H

#include "common/batch.h"

#include <uv.h>

enum jem_pack_kind {
	JEM_PACK_COMPRESS, /* NAME -> NAME.zst */
	JEM_PACK_THIN,     /* NAME.zst without records of processes */
	JEM_PACK_REMOVE,   /* NAME away, having looked what was in it */
};

enum {
	JEM_PACK_EPOCHS = 32
};

/* What left with a segment: the batches of one stream of which records were in it. */
struct jem_pack_gap {
	char epoch[JEM_EPOCH_SIZE];
	uint64_t first_seq;
	uint64_t last_seq;
	uint64_t records;
};

struct jem_pack_result {
	int status;        /* 0 or negative errno */
	uint64_t bytes;    /* of the segment now */
	uint64_t records;  /* that left */
	uint64_t first_us; /* wall clock of the first and last of them, 0: none */
	uint64_t last_us;
	size_t gap_count;
	struct jem_pack_gap gaps[JEM_PACK_EPOCHS]; /* REMOVE only; further epochs are not told */
};

typedef void (*jem_pack_fn)(void *arg, const struct jem_pack_result *result);

struct jem_packer;

int jem_packer_create(uv_loop_t *loop, struct jem_packer **ret);

/* -ENOMEM, or -errno when the descriptor could not be duplicated. */
int jem_packer_add(struct jem_packer *packer, enum jem_pack_kind kind, int folder, const char *name,
		   jem_pack_fn on_done, void *arg);

/* The work of `arg` is dropped from the queue; what runs already ends without a call. */
void jem_packer_forget(struct jem_packer *packer, const void *arg);

/* Drops the queue; frees once the running work is done. Takes NULL. */
void jem_packer_close(struct jem_packer *packer);

/* The work itself, in the calling thread. */
void jem_pack_work(enum jem_pack_kind kind, int folder, const char *name,
		   struct jem_pack_result *ret);

#endif
