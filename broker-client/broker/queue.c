/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/broker/queue.h"

#include <stdlib.h>

enum {
	CAPACITY_FIRST = 16,
	CAPACITY_KEPT = 1024, /* a greater ring is given back when the queue is empty */
	ALLOCATION_COST = 32  /* malloc's own and the ring's, charged for each message */
};

struct jem_raw *jem_raw_create(size_t len)
{
	struct jem_raw *raw = malloc(sizeof(*raw) + len);

	if (raw)
		*raw = (struct jem_raw){ .references = 1, .len = len };
	return raw;
}

struct jem_raw *jem_raw_ref(struct jem_raw *raw)
{
	raw->references++;
	return raw;
}

void jem_raw_unref(struct jem_raw *raw)
{
	if (raw && !--raw->references)
		free(raw);
}

static size_t cost_of(const struct jem_raw *raw)
{
	return sizeof(*raw) + raw->len + ALLOCATION_COST;
}

void jem_queue_init(struct jem_queue *queue, size_t bytes_max)
{
	*queue = (struct jem_queue){ .bytes_max = bytes_max };
}

void jem_queue_deinit(struct jem_queue *queue)
{
	struct jem_queue_entry entry;

	while (jem_queue_pop(queue, &entry))
		jem_raw_unref(entry.raw);
	free(queue->ring);
	queue->ring = NULL;
	queue->capacity = 0;
}

static bool grow(struct jem_queue *queue)
{
	size_t capacity = queue->capacity ? queue->capacity * 2 : CAPACITY_FIRST;
	struct jem_queue_entry *ring = calloc(capacity, sizeof(*ring));

	if (!ring)
		return false;
	for (size_t i = 0; i < queue->count; i++)
		ring[i] = queue->ring[(queue->head + i) & (queue->capacity - 1)];
	free(queue->ring);
	queue->ring = ring;
	queue->capacity = capacity;
	queue->head = 0;
	return true;
}

static void drop_oldest(struct jem_queue *queue)
{
	struct jem_queue_entry entry;

	if (!jem_queue_pop(queue, &entry))
		return;
	jem_raw_unref(entry.raw);
	queue->popped--;
	queue->dropped++;
}

size_t jem_queue_push(struct jem_queue *queue, struct jem_raw *raw, bool is_retained)
{
	size_t cost = cost_of(raw);
	uint64_t before = queue->dropped;

	queue->pushed++;
	if (cost > queue->bytes_max) {
		queue->dropped++;
		return 1;
	}
	while (queue->bytes + cost > queue->bytes_max)
		drop_oldest(queue);
	if (queue->count == queue->capacity && !grow(queue)) {
		queue->dropped++;
		return (size_t)(queue->dropped - before);
	}
	queue->ring[(queue->head + queue->count++) & (queue->capacity - 1)] =
		(struct jem_queue_entry){ jem_raw_ref(raw), is_retained };
	queue->bytes += cost;
	return (size_t)(queue->dropped - before);
}

bool jem_queue_pop(struct jem_queue *queue, struct jem_queue_entry *ret)
{
	if (!queue->count)
		return false;
	*ret = queue->ring[queue->head];
	queue->head = (queue->head + 1) & (queue->capacity - 1);
	queue->count--;
	queue->popped++;
	queue->bytes -= cost_of(ret->raw);
	if (!queue->count && queue->capacity > CAPACITY_KEPT) {
		free(queue->ring);
		queue->ring = NULL;
		queue->capacity = queue->head = 0;
	}
	return true;
}
