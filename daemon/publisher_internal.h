/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the publisher share: sending (publisher.c) and what waits on disk (publisher_disk.c). */
#ifndef JEM_DAEMON_PUBLISHER_INTERNAL_H
#define JEM_DAEMON_PUBLISHER_INTERNAL_H

#include "daemon/publisher.h"

struct entry {
	struct entry *next;
	struct entry *prev;
	uint64_t tag;
	uint64_t id; /* in the spool; 0: it is in memory only */
	uint64_t sent_ns;
	unsigned tries;          /* how often the broker gave it back */
	struct jem_batch *batch; /* owned */
};

/* A list with a sentinel: order is the order of push, resent batches come back to its front. */
struct list {
	struct entry head;
};

/* Memory first, then what is on disk only: from number `cursor` on. */
struct lane {
	struct list queued;
	uint64_t cursor; /* 0: nothing is on disk only */
};

struct jem_publisher {
	struct jem_publisher_options options;
	struct jem_client *client; /* owned, NULL without a broker */
	struct lane lanes[JEM_LANE_COUNT];
	struct list in_flight;
	size_t in_flight_bytes;
	size_t in_flight_count;
	size_t bytes; /* of all batches in memory */
	uint64_t next_tag;
	bool is_sending;
	bool is_paused; /* a batch was given back: until the next tick */
	bool is_closing;
	struct jem_account account;
	void (*on_closed)(void *arg);

	size_t window; /* bytes in flight that the broker digests in time */
	uint64_t narrowed_ns;

	struct jem_spool *spool;    /* owned, NULL: none */
	struct jem_err spool_fault; /* why; "": all is well */
	struct jem_buf body;        /* read from disk */
	uv_timer_t tick;
	uv_timer_t sync;
	unsigned open_handles;
	void (*then)(struct jem_publisher *publisher); /* when they are closed */
};

static inline bool list_is_empty(const struct list *list)
{
	return list->head.next == &list->head;
}

void publisher_insert_before(struct entry *at, struct entry *entry);
void publisher_lose(struct jem_publisher *publisher, const struct jem_head *head,
		    enum jem_cause cause);
/* A batch into the queue of its lane; -ENOMEM. */
int publisher_queue(struct jem_publisher *publisher, struct jem_batch *batch, uint64_t id);
void publisher_send(struct jem_publisher *publisher);

int disk_open(struct jem_publisher *publisher);
/* Puts the batch on disk; 0: it is not there. */
uint64_t disk_put(struct jem_publisher *publisher, const struct jem_batch *batch);
/* Reads more of a lane that waits on disk into memory; whether anything came. */
bool disk_refill(struct jem_publisher *publisher, enum jem_lane lane);
/* Ends what the loop holds of it, then calls `then`. */
void disk_close(struct jem_publisher *publisher, void (*then)(struct jem_publisher *publisher));

#endif
