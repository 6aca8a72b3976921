/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool: batches on disk until a broker has taken them.
 *
 * Flow:      append -> segments of two lanes -> next -> broker -> ack -> segments go
 * Thread:    loop thread; a call makes at most a few system calls on files, none waits for a disk but
 *            where durability is `power`
 * Ownership: owns its folder (0700, files 0600) against other daemons by a lock
 * Bound:     bytes on disk, age and free space; over a bound the oldest whole segment of the fire-hose lane
 *            goes first, then of the other. Memory: a few bytes a segment, nothing a batch.
 * Invariant: every batch appended is acked, told by on_lost, or still there; damage costs what is damaged
 *            and never the start.
 *
 * Batches of human-rate kinds and of fire-hose kinds are two lanes, each numbered from 1 in the order of
 * appending. What survives: `process` durability a killed daemon, `power` a machine that goes down, but for
 * the last 50 ms.
 */
#ifndef JEM_BROKER_CLIENT_SPOOL_SPOOL_H
#define JEM_BROKER_CLIENT_SPOOL_SPOOL_H

#include "broker-client/spool/segment.h"

struct jem_spool;

enum jem_lane {
	JEM_LANE_HUMAN,
	JEM_LANE_HOSE,
	JEM_LANE_COUNT
};

struct jem_spool_options {
	const char *dir;        /* made when it is not there */
	uint64_t max_bytes;     /* 0: none */
	uint64_t max_age_us;    /* 0: none */
	double min_free;        /* part of the file system that stays free, 0 to 1 */
	uint64_t segment_bytes; /* 0: 8 MiB */
	bool is_power;          /* durability */
	bool is_read_only;      /* look only: no lock, nothing is changed */
	/* A batch leaves undelivered: evicted (bounds) or unreadable (damaged). */
	void (*on_lost)(void *arg, const struct jem_frame *frame, enum jem_cause cause);
	/* For people, one line: damage, a full disk and its end. */
	void (*on_trouble)(void *arg, const char *text);
	void *arg;
};

/* -EWOULDBLOCK: another process has it; else only what keeps a folder from being made or opened. */
int jem_spool_open(const struct jem_spool_options *options, struct jem_spool **ret,
		   struct jem_err *err);
/* What is left stays; an empty spool takes its folder away. */
void jem_spool_close(struct jem_spool *spool);

enum jem_lane jem_spool_lane(enum jem_kind kind);

/* 0 with its number, or -errno: it is not on disk (full, for 10 s then nothing is tried). */
int jem_spool_append(struct jem_spool *spool, const struct jem_head *head, const void *body,
		     size_t len, uint64_t *ret_id);

/*
 * The first batch of a lane from number `from` on that is not acked: 1, or 0 when there is none. Costs a
 * read where `from` follows what was read last, else a scan of its segment.
 */
int jem_spool_next(struct jem_spool *spool, enum jem_lane lane, uint64_t from,
		   struct jem_frame *ret, struct jem_buf *body);

void jem_spool_ack(struct jem_spool *spool, enum jem_lane lane, uint64_t id);

/* The number that the next batch of a lane will have, and of the oldest that is not acked. */
uint64_t jem_spool_end(const struct jem_spool *spool, enum jem_lane lane);
uint64_t jem_spool_oldest(const struct jem_spool *spool, enum jem_lane lane);
/* How many of the numbers from `from` to before `to` are not acked, counting what damage has taken. */
uint64_t jem_spool_unacked(const struct jem_spool *spool, enum jem_lane lane, uint64_t from,
			   uint64_t to);
/*
 * The numbers from `from` to before `to` that are not acked will never be read: damage has taken them. They
 * hold nothing back from now on. Returns how many there were.
 */
uint64_t jem_spool_give_up(struct jem_spool *spool, enum jem_lane lane, uint64_t from, uint64_t to);
bool jem_spool_is_empty(const struct jem_spool *spool);
const char *jem_spool_dir(const struct jem_spool *spool);

/*
 * Keeps the body of a batch that the broker refused for good, as a file of its own (rejected-*), at most
 * JEM_SPOOL_REJECTED_MAX. 0, -ENOSPC beyond them, -errno.
 */
#define JEM_SPOOL_REJECTED_MAX 32
int jem_spool_keep_rejected(struct jem_spool *spool, const struct jem_head *head, const void *body,
			    size_t len);

/* Once a second: remembers what is acked, frees what is not needed, keeps the bounds. */
void jem_spool_tick(struct jem_spool *spool, uint64_t now_us);

/* By kind, the last batch that was spooled before this opening; epoch 0: none. */
const struct jem_spool_last *jem_spool_previous(const struct jem_spool *spool);

/*
 * What is acked of the human lane stays this long after it was written, for a daemon that comes after a kill: it
 * reads there which records its predecessor had finished last.
 */
#define JEM_SPOOL_LATE_US 3000000u

/* The batches of a kind of the last JEM_SPOOL_LATE_US before the last was written, acked or not; of four segments
 * at most, so that a start does not wait for them. */
typedef void (*jem_spool_late_fn)(void *arg, const char *body, size_t len);
void jem_spool_each_late(struct jem_spool *spool, enum jem_kind kind, jem_spool_late_fn fn,
			 void *arg);

struct jem_spool_size {
	uint64_t bytes;
	uint64_t segments;
	uint64_t damaged_bytes; /* met so far */
	uint64_t oldest_us;     /* wall clock of the oldest segment, 0: none */
};
struct jem_spool_size jem_spool_size(const struct jem_spool *spool);

/* A descriptor for fdatasync(2) on another thread, to be closed by it; -1: nothing to do. */
int jem_spool_take_sync(struct jem_spool *spool);

#endif
