/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_load: single instructions whose fault may be redirected, and the table of them.
 *
 * Each load leaves a pair of distances in the section jem_fixups: to the instruction that may fault
 * and to where to go on. The signal handler looks the program counter up there. Without the
 * handler in place a fault is what it always was, so that a load must be preceded by
 * jem_signals_ready, or be of memory that is known to be mapped.
 */
#ifndef JEM_TRACER_PRELOAD_GUARD_LOAD_H
#define JEM_TRACER_PRELOAD_GUARD_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jem_guard_fixup {
	int32_t fault; /* from this field on */
	int32_t go_on; /* from this field on */
};

/* Where to go on after a fault at pc, or 0. */
uintptr_t jem_guard_fixup(uintptr_t pc);

#if defined(__x86_64__)

#define JEM_GUARD_FIXUP(fault, go_on)                                                              \
	".pushsection jem_fixups, \"a\", @progbits\n"                                              \
	".balign 4\n"                                                                              \
	".long " fault " - .\n"                                                                    \
	".long " go_on " - .\n"                                                                    \
	".popsection\n"

/* Eight bytes at `address`. False: they are not there. */
static inline __attribute__((always_inline)) bool jem_guard_load(uint64_t address, uint64_t *ret)
{
	uint64_t value;

	__asm__ volatile goto("1: movq (%[address]), %[value]\n" JEM_GUARD_FIXUP("1b", "%l[bad]")
			      : [value] "=r"(value)
			      : [address] "r"(address)
			      : "memory"
			      : bad);
	*ret = value;
	return true;
bad:
	return false;
}

/* One load that may fault, and the store of what it got; to `bad` if it did. */
#define JEM_GUARD_MOVE(load, store, scratch, offset)                                               \
	__asm__ goto("1: " load " (%[from]), %%" scratch "\n" store " %%" scratch                  \
		     ", (%[to])\n" JEM_GUARD_FIXUP("1b", "%l[bad]")                                \
		     :                                                                             \
		     : [from] "r"(from + (offset)), [to] "r"((char *)to + (offset))                \
		     : scratch, "memory"                                                           \
		     : bad)
#define JEM_GUARD_MOVE16(offset) JEM_GUARD_MOVE("movdqu", "movdqu", "xmm0", offset)
#define JEM_GUARD_MOVE8(offset)  JEM_GUARD_MOVE("movq", "movq", "rax", offset)
#define JEM_GUARD_MOVE4(offset)  JEM_GUARD_MOVE("movl", "movl", "eax", offset)
#define JEM_GUARD_MOVE1(offset)  JEM_GUARD_MOVE("movb", "movb", "al", offset)

/* Sixteen bytes; not whole if they are on two pages, of which one is not there. */
static inline __attribute__((always_inline)) bool jem_guard_load_pair(uint64_t *to, uint64_t from)
{
	JEM_GUARD_MOVE16(0);
	return true;
bad:
	return false;
}

/* `len` bytes. The last piece overlaps the one before it: no loop over a rest. */
static inline __attribute__((always_inline)) bool jem_guard_load_bytes(void *to, uint64_t from,
								       size_t len)
{
	size_t at = 0;

	if (len >= 16) {
		do {
			JEM_GUARD_MOVE16(at);
			at += 16;
		} while (at + 16 <= len);
		if (at < len)
			JEM_GUARD_MOVE16(len - 16);
	} else if (len >= 8) {
		JEM_GUARD_MOVE8(0);
		JEM_GUARD_MOVE8(len - 8);
	} else if (len >= 4) {
		JEM_GUARD_MOVE4(0);
		JEM_GUARD_MOVE4(len - 4);
	} else {
		for (; at < len; at++)
			JEM_GUARD_MOVE1(at);
	}
	return true;
bad:
	return false;
}

#else

/* Elsewhere nothing is redirected: only memory that is known to be there is loaded so. */
static inline bool jem_guard_load(uint64_t address, uint64_t *ret)
{
	__builtin_memcpy(ret, (const void *)(uintptr_t)address, sizeof(*ret));
	return true;
}

static inline bool jem_guard_load_pair(uint64_t *to, uint64_t from)
{
	__builtin_memcpy(to, (const void *)(uintptr_t)from, 2 * sizeof(*to));
	return true;
}

static inline bool jem_guard_load_bytes(void *to, uint64_t from, size_t len)
{
	__builtin_memcpy(to, (const void *)(uintptr_t)from, len);
	return true;
}

#endif
#endif
