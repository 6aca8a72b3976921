/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue: the messages that wait for one subscriber, bounded in bytes; the oldest go first.
 *
 * A message is kept once, as the bytes that came, and counted by the queues that hold it. Each
 * queue charges it in full, so that the bound holds for each whatever the others do.
 *
 * Invariant: pushed == popped + dropped + count
 */
#ifndef JEM_BROKER_CLIENT_BROKER_QUEUE_H
#define JEM_BROKER_CLIENT_BROKER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message as it came, without its delivery annotations. */
struct jem_raw {
	unsigned references;
	uint32_t header_len; /* the header section, at the start */
	size_t len;
	char bytes[];
};

/* One reference; NULL without memory. */
struct jem_raw *jem_raw_create(size_t len);
struct jem_raw *jem_raw_ref(struct jem_raw *raw);
void jem_raw_unref(struct jem_raw *raw);

struct jem_queue_entry {
	struct jem_raw *raw; /* a reference */
	bool is_retained;    /* kept from before the subscription */
};

struct jem_queue {
	struct jem_queue_entry *ring; /* owned */
	size_t capacity;              /* power of two */
	size_t head;
	size_t count;
	size_t bytes;
	size_t bytes_max;
	uint64_t pushed;
	uint64_t popped;
	uint64_t dropped;
};

void jem_queue_init(struct jem_queue *queue, size_t bytes_max);
void jem_queue_deinit(struct jem_queue *queue);

/* Takes a reference of its own. Returns how many messages were dropped, this one included. */
size_t jem_queue_push(struct jem_queue *queue, struct jem_raw *raw, bool is_retained);

/* Hands the oldest and its reference over; false when empty. */
bool jem_queue_pop(struct jem_queue *queue, struct jem_queue_entry *ret);

#endif
