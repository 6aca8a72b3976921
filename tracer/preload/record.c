/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/record.h"

JEM_SELDOM uint64_t *jem_record_make_room(struct jem_thread *self, uint64_t bytes, uint64_t *head)
{
	uint64_t size = self->ring_mask + 1;
	uint64_t start = jem_load(&self->slot->head) & ~7ull;
	uint64_t to_end = size - (start & self->ring_mask);
	/* Pairs with the reader's release of what it has copied. */
	uint64_t tail = __atomic_load_n(&self->slot->tail, __ATOMIC_ACQUIRE);
	uint64_t skip = bytes > to_end ? to_end : 0;
	uint64_t end;

	if (start + skip + bytes - tail > size)
		return NULL;
	if (skip) {
		jem_store((uint64_t *)(void *)(self->ring + (start & self->ring_mask)), 0);
		start += skip;
		to_end = size;
	}
	/* Until the ring's end, or what has not been read: whichever comes first. */
	end = start + to_end;
	self->whole = end - tail > size ? tail + size : end;
	*head = start;
	return (uint64_t *)(void *)(self->ring + (start & self->ring_mask));
}
