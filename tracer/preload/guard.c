/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/guard.h"

#include "tracer/preload/guard_backend.h"
#include "tracer/preload/guard_load.h"
#include "tracer/preload/signals.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum {
	PAGE = 4096, /* the smallest there is: a chunk lies in one page of any size */
	BAD_PAGES = 256,
	STRING_CHUNK = 32,
	LA57 = 1 << 16, /* of CPUID 7, ecx: addresses of 57 bits */
};

#define IS_LIKELY(condition) __builtin_expect(!!(condition), 1)

/* The first page is never mapped: the null pointer and members behind it. */
#define LOWEST 4096ull

/*
 * Pages that could not be read lately. The two words are written one after the other: a reader may see
 * the page of one and the time of another fault, which are both bad pages of just now.
 */
struct bad_page {
	uint64_t page;
	uint64_t ticks; /* of the fault */
};

static struct bad_page bad_pages[BAD_PAGES];
static uint32_t in_force; /* enum jem_ring_guard */
static uint64_t highest = 1ull << 47;

/* --- the range ---------------------------------------------------------------------------------- */

/* Beyond what the machine can address a load gives a general protection fault: spare it. */
static void find_highest(void)
{
#if defined(__x86_64__)
	unsigned a, b, c = 0, d;

	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & LA57))
		highest = 1ull << 56;
#elif defined(__aarch64__)
	highest = 1ull << 52;
#endif
}

/* The bytes of [from, from + len) that may be there at all, from the first one on. */
static inline size_t in_range(uint64_t from, size_t len)
{
	if (len > JEM_GUARD_COPY_MAX)
		len = JEM_GUARD_COPY_MAX;
	if (from < LOWEST || from >= highest)
		return 0;
	return len < highest - from ? len : highest - from;
}

/* --- bad pages ---------------------------------------------------------------------------------- */

static inline struct bad_page *bad_page_of(uint64_t page)
{
	return &bad_pages[(page ^ page >> 8) % BAD_PAGES];
}

static inline bool is_bad(uint64_t page, uint64_t ticks)
{
	const struct bad_page *bad = bad_page_of(page);

	return __atomic_load_n(&bad->page, __ATOMIC_RELAXED) == page &&
	       ticks - __atomic_load_n(&bad->ticks, __ATOMIC_RELAXED) < JEM_GUARD_BAD_TICKS;
}

static __attribute__((noinline)) void note_bad(uint64_t page, uint64_t ticks)
{
	struct bad_page *bad = bad_page_of(page);

	__atomic_store_n(&bad->ticks, ticks, __ATOMIC_RELAXED);
	__atomic_store_n(&bad->page, page, __ATOMIC_RELAXED);
}

/* --- copies ------------------------------------------------------------------------------------- */

/* How this copy is done; NONE: there is no way now. */
static inline enum jem_ring_guard way(uint64_t ticks)
{
	enum jem_ring_guard guard = __atomic_load_n(&in_force, __ATOMIC_RELAXED);

	bool may_call = jem_signals_may_call();

	/* A victim is woken by a system call; where there are none, our handler is there as well. */
	if (guard != JEM_GUARD_NONE && guard != JEM_GUARD_READV && jem_signals_ready(ticks))
		return may_call ? guard : JEM_GUARD_FAULT;
	return may_call ? JEM_GUARD_READV : JEM_GUARD_NONE;
}

static __attribute__((noinline)) bool copy_slowly(enum jem_ring_guard guard, void *to,
						  uint64_t from, size_t len)
{
	int ret;

	if (guard == JEM_GUARD_VICTIM) {
		ret = jem_guard_victim_copy(to, from, len);
		if (ret >= 0)
			return ret;
	}
	return guard != JEM_GUARD_NONE && jem_guard_readv_copy(to, from, len);
}

/* The bytes lie in one page. */
static inline bool copy_chunk(enum jem_ring_guard guard, void *to, uint64_t from, size_t len,
			      uint64_t ticks)
{
	uint64_t page = from / PAGE;

	if (is_bad(page, ticks))
		return false;
	if (guard == JEM_GUARD_FAULT ? jem_guard_fault_copy(to, from, len)
				     : copy_slowly(guard, to, from, len))
		return true;
	note_bad(page, ticks);
	return false;
}

static inline size_t to_end_of_page(uint64_t from, size_t len)
{
	size_t rest = PAGE - from % PAGE;

	return len < rest ? len : rest;
}

static __attribute__((noinline)) size_t copy_in_chunks(void *to, uint64_t from, size_t len,
						       uint64_t ticks)
{
	enum jem_ring_guard guard;
	size_t done = 0;
	size_t chunk;

	len = in_range(from, len);
	if (!len)
		return 0;
	guard = way(ticks);
	do {
		chunk = to_end_of_page(from + done, len - done);
		if (!copy_chunk(guard, (char *)to + done, from + done, chunk, ticks))
			break;
		done += chunk;
	} while (done < len);
	return done;
}

/* What is nearly always so costs a few comparisons: in one page, in range, trusted, not known as bad. */
size_t jem_guard_copy(void *to, uint64_t from, size_t len, uint64_t ticks)
{
	uint64_t page = from / PAGE;

	if (!IS_LIKELY(from % PAGE + len <= PAGE && len && from - LOWEST < highest - LOWEST &&
		       __atomic_load_n(&in_force, __ATOMIC_RELAXED) == JEM_GUARD_FAULT &&
		       ticks < jem_signals_until &&
		       __atomic_load_n(&bad_page_of(page)->page, __ATOMIC_RELAXED) != page))
		return copy_in_chunks(to, from, len, ticks);
	if (IS_LIKELY(jem_guard_load_bytes(to, from, len)))
		return len;
	note_bad(page, ticks);
	return 0;
}

/* Place of the first NUL, or len. */
static size_t find_nul(const char *bytes, size_t len)
{
	const uint64_t ones = 0x0101010101010101ull;
	size_t at = 0;
	uint64_t word;

	for (; at + 8 <= len; at += 8) {
		memcpy(&word, bytes + at, sizeof(word));
		word = (word - ones) & ~word & ones << 7;
		if (word) /* little-endian; what is above the lowest mark may be a false one */
			return at + (size_t)__builtin_ctzll(word) / 8;
	}
	while (at < len && bytes[at])
		at++;
	return at;
}

size_t jem_guard_copy_string(void *to, uint64_t from, size_t len, uint64_t ticks, bool *is_whole)
{
	enum jem_ring_guard guard;
	size_t done = 0;
	size_t chunk;
	size_t end;

	*is_whole = false;
	len = in_range(from, len);
	if (!len)
		return 0;
	guard = way(ticks);
	do {
		chunk = to_end_of_page(from + done, len - done);
		/* A system call is dear: it takes what it can get. */
		if (guard == JEM_GUARD_FAULT && chunk > STRING_CHUNK)
			chunk = STRING_CHUNK;
		if (!copy_chunk(guard, (char *)to + done, from + done, chunk, ticks))
			break;
		end = find_nul((const char *)to + done, chunk);
		done += end;
		if (end < chunk) {
			*is_whole = true;
			break;
		}
	} while (done < len);
	return done;
}

/* --- start -------------------------------------------------------------------------------------- */

enum jem_ring_guard jem_guard_start(enum jem_ring_guard wanted)
{
	enum jem_ring_guard guard = JEM_GUARD_READV;

	find_highest();
	if (wanted != JEM_GUARD_READV && jem_signals_start())
		guard = wanted == JEM_GUARD_VICTIM && jem_guard_victim_start() ? JEM_GUARD_VICTIM
									       : JEM_GUARD_FAULT;
	__atomic_store_n(&in_force, guard, __ATOMIC_RELAXED);
	return guard;
}

void jem_guard_stop(void)
{
	__atomic_store_n(&in_force, JEM_GUARD_NONE, __ATOMIC_RELAXED);
}
