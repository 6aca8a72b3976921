/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay: the records of a job's data/, of several kinds, in the order of their time.
 *
 * Flow:      segments of each kind -> lines (of columns: rows) -> one heap by time -> jem_replay_next
 * Ownership: owns its files and the lines that wait; a line is valid until the next call
 * Bounds:    JEM_REPLAY_BYTES of lines wait at a time. So up to that size a folder is sorted
 *            exactly, and beyond it within a window of that size: records that a broken connection
 *            delayed for longer come late.
 */
#ifndef JEM_RECEIVER_REPLAY_H
#define JEM_RECEIVER_REPLAY_H

#include "common/cleanup.h"
#include "receiver/data_line.h"

#define JEM_REPLAY_BYTES (64u << 20)

#define JEM_KIND_MASK_ALL ((1u << JEM_KIND_COUNT) - 1)
/* Without the fire-hose kinds, from which no page or screen is made row by row. */
#define JEM_KIND_MASK_HUMAN (JEM_KIND_MASK_ALL & ~(1u << JEM_KIND_call | 1u << JEM_KIND_sched))

struct jem_replay;

struct jem_replay_record {
	enum jem_kind kind;
	struct jem_data_line at;
	const char *line; /* the whole JSON text */
	size_t len;
};

/*
 * `data` is the folder data/, borrowed until the end; `kinds` a mask. Records before `since_us` are
 * left out. 0 or negative errno.
 */
int jem_replay_open(int data, uint32_t kinds, uint64_t since_us, struct jem_replay **ret);
void jem_replay_close(struct jem_replay *replay);

JEM_DEFINE_AUTO(jem_auto_replay, struct jem_replay, jem_replay_close)
#define auto_replay __attribute__((cleanup(jem_auto_replay)))

/*
 * Passes over the oldest segments of each kind so that `bytes` on disk are left, for a reader that
 * has no time for all. Before the first record.
 */
void jem_replay_keep_last(struct jem_replay *replay, uint64_t bytes);

/* 1 and a record; 0 at the end; negative errno when a segment cannot be read. */
int jem_replay_next(struct jem_replay *replay, struct jem_replay_record *ret);

/* Lines that were none of ours, or too long. */
uint64_t jem_replay_damaged(const struct jem_replay *replay);

#endif
