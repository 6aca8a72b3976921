/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hooks: a library to preload whose hooks do nothing but what hurts: at every call they read bad
 * addresses, follow whatever words of the caller's stack look like, and check what they get.
 *
 * It has the guards and the interposers of the tracer, without rings and plans, so that every call of a
 * program is a try at every back end ($JEM_TEST_GUARD: its number).
 */
#include "tracer/preload/guard.h"
#include "tracer/preload/raw.h"
#include "tracer/preload/signals.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default"), no_instrument_function))

enum {
	PAGE = 4096,
	BAD_PAGES = 512, /* of which each is forgotten as bad before its turn comes again */
	STACK_WORDS = 24,
};

static uint32_t started;
static char *bad;
static uint32_t turn;
static JEM_TLS uint32_t is_inside;

void __cyg_profile_func_enter(void *function, void *callsite);
void __cyg_profile_func_exit(void *function, void *callsite);

/* The interposed longjmp tells the shadow stack, of which there is none here. */
void jem_shadow_jump(uint64_t mangled);

__attribute__((visibility("hidden"))) void jem_shadow_jump(uint64_t mangled)
{
	(void)mangled;
}

static uint64_t now(void)
{
	static struct timespec time;

	/* With some clock sources it is a system call. */
	if (jem_signals_may_call())
		clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void start(void)
{
	const char *guard = getenv("JEM_TEST_GUARD");
	uint32_t none = 0;

	if (!__atomic_compare_exchange_n(&started, &none, 1, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return;
	bad = (char *)jem_raw(SYS_mmap, 0, BAD_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			      -1, 0);
	jem_guard_start(guard ? (enum jem_ring_guard)(guard[0] - '0') : JEM_GUARD_FAULT);
	__atomic_store_n(&started, 2, __ATOMIC_RELEASE);
}

static void fail(const char *text)
{
	jem_raw(SYS_write, 2, (long)text, (long)strlen(text), 0, 0, 0);
}

static void read_things(uint64_t ticks)
{
	static const char there[] = "something that is there";
	char to[64];
	bool is_whole;
	size_t got;
	uint32_t at = __atomic_add_fetch(&turn, 1, __ATOMIC_RELAXED) % BAD_PAGES;

	if (jem_guard_copy(to, (uintptr_t)bad + (uint64_t)at * PAGE, 32, ticks))
		fail("hooks: read what is not there\n");
	if (jem_guard_copy(to, 0x18, 8, ticks) || jem_guard_copy(to, 0x6b6b6b6b6b6b6b6b, 8, ticks))
		fail("hooks: read a wild pointer\n");
	got = jem_guard_copy_string(to, (uintptr_t)there, sizeof(to), ticks, &is_whole);
	if (jem_signals_may_call() && (got != sizeof(there) - 1 || !is_whole))
		fail("hooks: did not read what is there\n");
}

static void follow_stack(uint64_t ticks)
{
	uint64_t words[STACK_WORDS];
	char to[200];
	bool is_whole;
	size_t got =
		jem_guard_copy(words, (uintptr_t)__builtin_frame_address(0), sizeof(words), ticks);

	for (size_t i = 0; i < got / 8; i++) {
		jem_guard_copy(to, words[i], 16 + i, ticks);
		jem_guard_copy_string(to, words[i], sizeof(to), ticks, &is_whole);
	}
}

static void hook(void)
{
	uint64_t ticks;

	/* Before libc is up nobody can tell which guard it shall be. */
	if (is_inside || !jem_signals_may_read_clock() || !environ)
		return;
	is_inside = 1;
	if (__atomic_load_n(&started, __ATOMIC_ACQUIRE) == 0)
		start();
	if (__atomic_load_n(&started, __ATOMIC_ACQUIRE) == 2) {
		ticks = now();
		read_things(ticks);
		follow_stack(ticks);
	}
	is_inside = 0;
}

HOOK void __cyg_profile_func_enter(void *function, void *callsite)
{
	hook();
}

HOOK void __cyg_profile_func_exit(void *function, void *callsite)
{
	hook();
}
