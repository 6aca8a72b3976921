/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record: room in the thread's ring, and the account of what became of a hook call.
 *
 * Order of stores, which is what a reader sees after a SIGKILL at any instruction (x86-64 keeps it, the
 * releases name it): seen, then the record, then head, then written. So seen is at most one more than
 * written + dropped + limited, for the call under way; and the ring holds at most one record more
 * than written, and only then.
 *
 * Whatever the program writes into the shared counters, a record is written inside of the ring.
 */
#ifndef JEM_TRACER_PRELOAD_RECORD_H
#define JEM_TRACER_PRELOAD_RECORD_H

#include "tracer/preload/state.h"

#define JEM_RECORD_AHEAD 512u

/* One instruction: whole for a reader, and for a signal handler on this thread. */
static inline void jem_count(uint64_t *counter)
{
	__asm__ volatile("incq %0" : "+m"(*counter)::"cc");
}

static inline void jem_record_seen(struct jem_ring_thread *slot)
{
	jem_count(&slot->seen);
	jem_barrier();
}

static inline void jem_record_limited(struct jem_thread *self)
{
	jem_count(&self->slot->limited);
}

static inline void jem_record_dropped(struct jem_thread *self)
{
	self->flags |= JEM_RECORD_GAP;
	jem_count(&self->slot->dropped);
}

/*
 * Room for so many words in one piece from *head on, which may move over the end of the ring; NULL: there is
 * none. Nothing is published before jem_record_commit.
 */
JEM_SELDOM uint64_t *jem_record_make_room(struct jem_thread *self, uint64_t bytes, uint64_t *head);

static inline uint64_t *jem_record_reserve(struct jem_thread *self, unsigned words, uint64_t *head)
{
	uint64_t bytes = words * sizeof(uint64_t);
	uint64_t at = jem_load(&self->slot->head);

	if (unlikely(at + bytes > self->whole))
		return jem_record_make_room(self, bytes, head);
	*head = at;
	/* The ring is bigger than the caches next to the core: ask for a line that comes soon. */
	__builtin_prefetch(self->ring + ((at + JEM_RECORD_AHEAD) & self->ring_mask), 1, 3);
	return (uint64_t *)(void *)(self->ring + (at & self->ring_mask));
}

static inline uint64_t jem_record_first(uint32_t site, unsigned words, unsigned kind,
					uint64_t flags)
{
	return site | (uint64_t)words << 32 | (uint64_t)kind << 48 | flags << 56;
}

/* Of what is no hook call: it is not counted, and where there is no room nothing is. */
static inline void jem_record_publish(struct jem_ring_thread *slot, uint64_t head, unsigned words)
{
	/* Pairs with the reader's acquire of head. */
	__atomic_store_n(&slot->head, head + words * sizeof(uint64_t), __ATOMIC_RELEASE);
	jem_barrier();
}

static inline void jem_record_commit(struct jem_ring_thread *slot, uint64_t head, unsigned words)
{
	jem_record_publish(slot, head, words);
	jem_count(&slot->written);
}

#endif
