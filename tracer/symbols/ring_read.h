/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring_read: what a process wrote into its rings file, copied out and checked.
 *
 * Flow:      open -> per pass and thread: begin, next until 0, release -> account, edges, modules
 * Thread:    one thread reads one file at a time; the process writes meanwhile
 * Ownership: the mapping is borrowed and outlives the reader; what it returns is its own memory,
 *            valid until the next call with the same reader
 * Bound:     nothing grows with what the process writes: cursors by the header's checked counts, one
 *            buffer of a record
 * Invariant: the process may write anything at any time. Sizes and places are taken from a copy of the
 *            header that was checked once; a record is copied before it is looked at. A ring that is
 *            not as ring.h says is broken for good: it is read no more, what it held counts as lost.
 *
 * A thread's slot is used again by later threads; its counters and edges go on, they never start anew.
 */
#ifndef JEM_TRACER_SYMBOLS_RING_READ_H
#define JEM_TRACER_SYMBOLS_RING_READ_H

#include "common/err.h"
#include "schemas/ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Most that a header may ask for. */
#define JEM_RING_READ_THREADS_MAX 4096u
#define JEM_RING_READ_MODULES_MAX 4096u

struct jem_ring_cursor {
	uint64_t tail;    /* bytes read; the process never sees it before release */
	uint64_t limit;   /* head as begin saw it */
	uint64_t records; /* read, of any kind but SKIP */
	bool is_broken;
};

struct jem_ring_read {
	uint8_t *bytes;                  /* borrowed: the mapping */
	struct jem_ring_header header;   /* as it was at open: sizes, places, pid, clock */
	struct jem_ring_cursor *cursors; /* owned: one a thread */
	uint64_t *record;                /* owned: the record last copied */
	bool is_writable;                /* `tail` and states may be written */
};

/*
 * A record. Fields that its kind has not are 0. The parts are words of the reader: words[0] is the mask.
 */
struct jem_ring_entry {
	struct jem_ring_record record;
	uint32_t caller_site; /* whose plan made the caller's part; 0: none */
	uint32_t site_words, caller_words;
	const uint64_t *site;
	const uint64_t *caller;
};

/*
 * Checks the header against the mapping. `is_writable` false: a file on disk, release does nothing.
 * -EBADMSG with what is wrong, -ENOMEM.
 */
int jem_ring_read_open(struct jem_ring_read *ret, void *bytes, size_t len, bool is_writable,
		       struct jem_err *err);
void jem_ring_read_close(struct jem_ring_read *reader);

/* Bytes that wait in the thread's ring; next gives records up to there. 0 of a broken one. */
uint64_t jem_ring_read_begin(struct jem_ring_read *reader, uint32_t thread);

/* 1 with a record, 0 at the end of the pass, -EBADMSG: found broken just now. */
int jem_ring_read_next(struct jem_ring_read *reader, uint32_t thread, struct jem_ring_entry *ret);

/*
 * The short way: a copy of the next record where it is a known ENTER or EXIT without values or any other flag,
 * and its words; else 0, and `next` has it. `pass` goes on behind it.
 */
static inline unsigned jem_ring_read_peek(const struct jem_ring_read *reader, uint32_t thread,
					  struct jem_ring_record *ret)
{
	const struct jem_ring_cursor *cursor = &reader->cursors[thread];
	uint64_t at = cursor->tail & (reader->header.ring_bytes - 1);
	uint64_t left = cursor->limit - cursor->tail;
	uint64_t to_end = reader->header.ring_bytes - at;
	const uint64_t *words =
		(const uint64_t *)(const void *)(reader->bytes + reader->header.rings_offset +
						 (uint64_t)thread * reader->header.ring_bytes + at);
	uint64_t first;

	/* An EXIT may stand where an ENTER would not fit any more: the slow way tells. */
	if (left < 8ull * JEM_RECORD_ENTER_WORDS || to_end < 8ull * JEM_RECORD_ENTER_WORDS)
		return 0;
	/* Read once: the process may change them at any time. */
	first = __atomic_load_n(&words[0], __ATOMIC_RELAXED);
	memcpy(ret, &first, sizeof(first));
	ret->ticks = __atomic_load_n(&words[1], __ATOMIC_RELAXED);
	ret->frame = __atomic_load_n(&words[2], __ATOMIC_RELAXED);
	ret->callsite = __atomic_load_n(&words[3], __ATOMIC_RELAXED);
	if (ret->flags || !ret->site)
		return 0;
	if (ret->kind == JEM_RECORD_ENTER && ret->words == JEM_RECORD_ENTER_WORDS)
		return JEM_RECORD_ENTER_WORDS;
	return ret->kind == JEM_RECORD_EXIT && ret->words == JEM_RECORD_EXIT_WORDS
		       ? JEM_RECORD_EXIT_WORDS
		       : 0;
}

static inline void jem_ring_read_pass(struct jem_ring_read *reader, uint32_t thread, unsigned words)
{
	reader->cursors[thread].tail += 8ull * words;
	reader->cursors[thread].records++;
}

/* Gives the room of what was read back to the thread. */
void jem_ring_read_release(struct jem_ring_read *reader, uint32_t thread);

struct jem_ring_account {
	uint64_t seen, written, dropped, limited, unwound, edges_lost; /* as ring.h has them */
	uint64_t records;                                              /* of `written`: read */
	uint64_t lost;      /* of `written`: in broken rings */
	uint64_t unslotted; /* calls of threads without a slot */
	uint32_t modules_lost, patched, unpatchable, plan_faults, guard;
	uint32_t broken; /* rings */
};

/* Of one thread: its slot's counters since the start, not those of the file. */
void jem_ring_read_thread_account(const struct jem_ring_read *reader, uint32_t thread,
				  struct jem_ring_account *ret);
/* Of the process. */
void jem_ring_read_account(const struct jem_ring_read *reader, struct jem_ring_account *ret);

struct jem_ring_slot {
	uint32_t state; /* enum jem_thread_state; another value: taken as LIVE */
	uint32_t tid;
	uint32_t depth;
};

void jem_ring_read_slot(const struct jem_ring_read *reader, uint32_t thread,
			struct jem_ring_slot *ret);

/*
 * Frees the slot of a thread that has ended, or is known to be dead, for another one. Only when nothing
 * waits in its ring: -EBUSY otherwise, -EROFS of a file, -EPERM of a broken ring (its slot stays).
 */
int jem_ring_read_free(struct jem_ring_read *reader, uint32_t thread);

/*
 * Copies one node of a thread's tree of calls (index below header.edge_count). False: there is none, or
 * not one that can be used (a parent beyond the table). Counts never decrease from one look to the next
 * unless the process cheats: the caller checks.
 */
bool jem_ring_read_edge(const struct jem_ring_read *reader, uint32_t thread, uint32_t index,
			struct jem_ring_edge *ret);

/* Entries of the module table that hold something. */
uint32_t jem_ring_read_module_count(const struct jem_ring_read *reader);
/* One of them, its path terminated. Its state, or -EBADMSG: not to be used. */
int jem_ring_read_module(const struct jem_ring_read *reader, uint32_t index,
			 struct jem_ring_module *ret);

#endif
