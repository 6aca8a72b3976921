/* SPDX-License-Identifier: Apache-2.0 */
/* page_maker: pages of a ring buffer and the descriptions of their events, for tests of the decoder. */
#ifndef JEM_TESTS_UNIT_PAGE_MAKER_H
#define JEM_TESTS_UNIT_PAGE_MAKER_H

#include "tracer/sched/page.h"

enum {
	PAGE_BYTES = 4096,
	ID_SWITCH = 310,
	ID_MIGRATE = 314,
	ID_SWAP = 319,
};

extern const char page_header_64[], page_header_32[];
extern const char format_switch[], format_migrate[], format_swap[];

struct page_maker {
	uint8_t bytes[PAGE_BYTES];
	size_t head; /* bytes before the data */
	size_t len;  /* of the data */
};

/* An empty page that begins at that time; commit of 8 or 4 bytes. */
void page_begin(struct page_maker *page, uint64_t ns, size_t commit_size);
/* A record of `words` words: the head, then the data. */
void page_record(struct page_maker *page, uint64_t delta, const void *data, size_t words);
/* A word of that type (29 to 31) and what follows it. */
void page_mark(struct page_maker *page, unsigned type, uint64_t value);
/* Writes the commit, with these bits. */
void page_end(struct page_maker *page, uint32_t flags);

/* Data of events; they return their length in words. */
size_t data_switch(uint8_t *data, int32_t prev, const char *prev_comm, int64_t state, int32_t next,
		   const char *next_comm);
size_t data_migrate(uint8_t *data, int32_t mover, int32_t task, const char *comm, int32_t from,
		    int32_t to);

#endif
