/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/signals_stack.h"

#include "tracer/preload/raw.h"
#include "tracer/preload/signals.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum {
	STACK_BYTES = 1 << 15, /* a frame with all the registers there are takes up to 12 KiB */
	PAGE = 4096,
};

static char *stacks;       /* all of them in a row; NULL: not mapped */
static uint32_t is_mapped; /* 1: by somebody, who may not have finished */
static uint32_t is_withdrawn;
static int32_t owners[JEM_SIGNALS_STACKS]; /* tid, 0: free */
static JEM_TLS uint32_t is_settled; /* 1: has one of ours; 2: has its own, or none can be had */

bool jem_signals_stack_is_ours(const stack_t *stack)
{
	const char *start = __atomic_load_n(&stacks, __ATOMIC_ACQUIRE);
	const char *at = stack->ss_sp;

	return start && at >= start && at < start + JEM_SIGNALS_STACKS * STACK_BYTES;
}

static char *mapped(void)
{
	uint32_t none = 0;
	long start;

	if (!__atomic_compare_exchange_n(&is_mapped, &none, 1, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return __atomic_load_n(&stacks, __ATOMIC_ACQUIRE);
	start = jem_raw(SYS_mmap, 0, JEM_SIGNALS_STACKS * STACK_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start < 0 && start > -PAGE)
		return NULL;
	__atomic_store_n(&stacks, (char *)start, __ATOMIC_RELEASE);
	return (char *)start;
}

/* The place of a thread that has ended is free: it cannot tell, and its stack went with it. */
static char *claim(char *start)
{
	int32_t tid = (int32_t)jem_raw(SYS_gettid, 0, 0, 0, 0, 0, 0);
	long pid = jem_raw(SYS_getpid, 0, 0, 0, 0, 0, 0);

	for (int i = 0; i < JEM_SIGNALS_STACKS; i++) {
		int32_t owner = __atomic_load_n(&owners[i], __ATOMIC_ACQUIRE);

		if (owner && owner != tid && jem_raw(SYS_tgkill, pid, owner, 0, 0, 0, 0) == 0)
			continue;
		if (__atomic_compare_exchange_n(&owners[i], &owner, tid, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return start + i * STACK_BYTES;
	}
	return NULL;
}

static void give_back(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };
	stack_t now;

	if (jem_raw(SYS_sigaltstack, 0, (long)&now, 0, 0, 0, 0) == 0 &&
	    jem_signals_stack_is_ours(&now))
		jem_raw(SYS_sigaltstack, (long)&none, 0, 0, 0, 0, 0);
	is_settled = 2;
}

void jem_signals_stack_offer(void)
{
	stack_t ours = { .ss_size = STACK_BYTES };
	stack_t now;
	char *start;

	if (__atomic_load_n(&is_withdrawn, __ATOMIC_ACQUIRE)) {
		if (is_settled == 1)
			give_back();
		return;
	}
	if (is_settled)
		return;
	is_settled = 2;
	if (jem_raw(SYS_sigaltstack, 0, (long)&now, 0, 0, 0, 0) < 0 || !(now.ss_flags & SS_DISABLE))
		return;
	start = mapped();
	ours.ss_sp = start ? claim(start) : NULL;
	if (ours.ss_sp && jem_raw(SYS_sigaltstack, (long)&ours, 0, 0, 0, 0, 0) == 0)
		is_settled = 1;
}

void jem_signals_stack_withdraw(void)
{
	__atomic_store_n(&is_withdrawn, 1, __ATOMIC_RELEASE);
	if (is_settled == 1)
		give_back();
}

void jem_signals_stack_forked(void)
{
	char *start = __atomic_load_n(&stacks, __ATOMIC_ACQUIRE);
	int32_t tid = (int32_t)jem_raw(SYS_gettid, 0, 0, 0, 0, 0, 0);
	stack_t now;
	bool has_ours = jem_raw(SYS_sigaltstack, 0, (long)&now, 0, 0, 0, 0) == 0 &&
			jem_signals_stack_is_ours(&now);

	for (int i = 0; i < JEM_SIGNALS_STACKS; i++)
		__atomic_store_n(&owners[i],
				 has_ours && now.ss_sp == start + i * STACK_BYTES ? tid : 0,
				 __ATOMIC_RELEASE);
}
