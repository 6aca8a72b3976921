/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page: a sub-buffer of one core's ring buffer -> events, the same live and from a file.
 *
 * Layout:    kernel/trace/ring_buffer.c: timestamp, commit, then records of 5 bits type and 27 bits delta
 * Thread:    one a decoder; decoders that share names belong to one thread
 * Ownership: borrows the bytes during the call
 * Bound:     of what a page says nothing is believed: a record that leaves the page ends it, counted as
 *            damage, and a LOST event of unknown number says so
 * Invariant: the times of a core's events never go back; records == events of kinds that are read, plus
 *            those that are not
 */
#ifndef JEM_TRACER_SCHED_PAGE_H
#define JEM_TRACER_SCHED_PAGE_H

#include "tracer/sched/event.h"
#include "tracer/sched/format.h"
#include "tracer/sched/names.h"

struct jem_sched_decoder {
	const struct jem_sched_format *format; /* borrowed */
	struct jem_sched_names *names;         /* borrowed */
	uint16_t cpu;
	/* Units of the clock to ns: (t * multiplier >> shift) + offset; multiplier 0: they are ns. */
	uint32_t multiplier, shift;
	uint64_t offset;
	/* Its own. */
	int64_t last_ns;
	struct {
		uint64_t words[2];
		uint32_t index;
		bool is_known;
	} came; /* the name of the last task that came: mostly the one to leave next */
	uint64_t records, lost, damaged, backward;
};

/* Room that jem_sched_page_decode may want for a page of that size. */
static inline size_t jem_sched_page_events(size_t page_bytes)
{
	return page_bytes / 4 + 2; /* a record has 8 bytes and is two events at most */
}

/* Returns how many events it wrote. `len` is what there is of the page. */
size_t jem_sched_page_decode(struct jem_sched_decoder *decoder, const uint8_t *page, size_t len,
			     struct jem_sched_event *ret);

/* The time that a page begins with, in ns; 0 if it has no head. */
int64_t jem_sched_page_time(const struct jem_sched_decoder *decoder, const uint8_t *page,
			    size_t len);

#endif
