/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the spool share: lanes (lane.c) and what holds for all of them (spool.c). */
#ifndef JEM_BROKER_CLIENT_SPOOL_SPOOL_INTERNAL_H
#define JEM_BROKER_CLIENT_SPOOL_SPOOL_INTERNAL_H

#include "broker-client/spool/acked.h"
#include "broker-client/spool/spool.h"

#define SPOOL_NAME_SIZE 32

/* A segment of a lane, oldest first. Its file is named by the number of its first frame. */
struct piece {
	uint64_t first_id;
	uint64_t end_id; /* of the next one; of the last: of the next frame */
	uint64_t bytes;
	uint64_t created_us; /* of one that was found: when it was last written */
	uint64_t written_us;
	uint64_t told; /* damage before this offset was told */
};

struct lane {
	struct jem_spool *spool; /* borrowed: we are part of it */
	const char *name;
	struct piece *pieces; /* owned */
	size_t count, cap;
	struct jem_segment writing; /* of the last piece, fd -1: none is open */
	struct jem_segment reading;
	uint64_t reading_first_id; /* of the piece that is read */
	struct jem_segment_scan scan;
	uint64_t next_id;
	struct jem_acked acked;
	struct jem_spool_last last[JEM_KIND_COUNT];
};

struct jem_spool {
	struct jem_spool_options options;
	char *dir;  /* owned */
	int folder; /* descriptor */
	int lock;
	struct lane lanes[JEM_LANE_COUNT];
	struct jem_spool_last previous[JEM_KIND_COUNT];
	uint64_t bytes;
	uint64_t damaged;
	uint64_t retry_us; /* no writing before; 0: all is well */
	bool needs_sync;
	unsigned rejected; /* files that hold a refused batch */
};

int lane_init(struct lane *lane, struct jem_spool *spool, const char *name);
void lane_deinit(struct lane *lane);
/* Takes a file of the folder if it is a segment of this lane. */
int lane_find(struct lane *lane, const char *name);
/* All were found: sorts them, reads the last and what is acked. */
int lane_recover(struct lane *lane);
int lane_append(struct lane *lane, struct jem_frame *frame, const void *body, uint64_t now_us);
int lane_next(struct lane *lane, uint64_t from, struct jem_frame *ret, struct jem_buf *body);
/* See jem_spool_each_late. */
void lane_each_late(struct lane *lane, enum jem_kind kind, jem_spool_late_fn fn, void *arg);
/* Removes the oldest segment and tells what in it was not acked; false: there is none. */
bool lane_evict(struct lane *lane);
/* Saves what is acked and removes segments that are needed no more. */
void lane_tidy(struct lane *lane, uint64_t now_us, bool is_end);
uint64_t lane_bytes(const struct lane *lane);

void spool_trouble(struct jem_spool *spool, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
