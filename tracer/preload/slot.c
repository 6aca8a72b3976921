/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/slot.h"

#include "tracer/preload/clock.h"
#include "tracer/preload/life.h"
#include "tracer/preload/record.h"
#include "tracer/preload/sys.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

enum {
	KEY_INLINE_MAX = 32, /* keys above it cost glibc an allocation a thread */
	REFUSED_CALLS = 256, /* hook calls of a thread without a slot until it asks again */
};

/*
 * Of the oldest version, which every glibc has; before 2.34 they are in libpthread, and absent where it
 * is: then the end of a thread is seen by its tid only.
 */
__asm__(".symver pthread_key_create, pthread_key_create@GLIBC_2.2.5");
__asm__(".symver pthread_setspecific, pthread_setspecific@GLIBC_2.2.5");
#pragma weak pthread_key_create
#pragma weak pthread_setspecific

static __thread uint32_t refused; /* calls until a slot is asked for again */

static JEM_COLD void end_thread(void *value)
{
	struct jem_thread *self = value;

	/* Other destructors may call hooks yet: end in the last round. */
	if (jem_self != self || jem_state.mode != JEM_MODE_ON)
		return;
	if (++self->ending < PTHREAD_DESTRUCTOR_ITERATIONS) {
		pthread_setspecific((pthread_key_t)(jem_kept.key - 1), self);
		return;
	}
	jem_self = NULL;
	jem_barrier();
	__atomic_store_n(&self->slot->depth, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&self->slot->state, JEM_THREAD_ENDED, __ATOMIC_RELEASE);
}

void jem_slot_start(void)
{
	pthread_key_t key;

	if (jem_kept.key || !pthread_key_create || !pthread_setspecific)
		return;
	if (pthread_key_create(&key, end_thread) == 0)
		jem_kept.key = (int32_t)key + 1;
}

/* The part of a slot's thread that the next one in it begins anew. */
static void reset(struct jem_thread *self)
{
	self->frames[0] = (struct jem_frame){ .sp = UINT64_MAX };
	self->base = NULL;
	self->low = 0;
	self->high = UINT64_MAX;
	self->above = 0;
	self->ending = 0;
	self->tokens = 0;
	self->window = 0;
	self->flags = 0;
	self->whole = 0;
	self->busy = 0;
}

static struct jem_thread *make(uint32_t index)
{
	const struct jem_ring_header *header = jem_state.rings;
	uint8_t *bytes = (uint8_t *)jem_state.rings;
	struct jem_thread *self = jem_sys_mmap(NULL, jem_kept.thread_bytes, PROT_READ | PROT_WRITE,
					       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	if (!self)
		return NULL;
	self->slot = (struct jem_ring_thread *)(void *)(bytes + header->threads_offset) + index;
	self->ring = bytes + header->rings_offset + (uint64_t)index * header->ring_bytes;
	self->ring_mask = header->ring_bytes - 1;
	self->edges = (struct jem_ring_edge *)(void *)(bytes + header->edges_offset) +
		      (uint64_t)index * header->edge_count;
	self->edge_mask = header->edge_count - 1;
	self->children = (struct jem_child *)(void *)(self->frames + JEM_FRAMES_MAX);
	return self;
}

/* Slots of threads that went without their destructor are left to the daemon. */
static void sweep(void)
{
	struct jem_ring_thread *slots =
		(void *)((uint8_t *)jem_state.rings + jem_state.rings->threads_offset);

	if (!jem_life_may_call())
		return;
	for (uint32_t i = 0; i < jem_state.thread_count; i++) {
		uint32_t live = JEM_THREAD_LIVE;
		uint32_t tid = slots[i].tid;

		if (slots[i].state == JEM_THREAD_LIVE && tid &&
		    jem_sys3(SYS_tgkill, (int)jem_state.pid, (int)tid, 0) == -ESRCH)
			__atomic_compare_exchange_n(&slots[i].state, &live, JEM_THREAD_ENDED, false,
						    __ATOMIC_RELEASE, __ATOMIC_RELAXED);
	}
}

static struct jem_thread *claim(void)
{
	struct jem_ring_thread *slots =
		(void *)((uint8_t *)jem_state.rings + jem_state.rings->threads_offset);
	uint32_t count = jem_state.thread_count;
	uint32_t first = jem_state.slot_hint;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = (first + i) % count;
		uint32_t state = JEM_THREAD_FREE;

		/* Pairs with the daemon's release of a slot that it has read: its tail is seen. */
		if (slots[index].state != JEM_THREAD_FREE ||
		    !__atomic_compare_exchange_n(&slots[index].state, &state, JEM_THREAD_LIVE,
						 false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;

		struct jem_thread *self = jem_state.tables->threads[index];

		if (!self)
			self = make(index);
		if (!self) {
			__atomic_store_n(&slots[index].state, JEM_THREAD_FREE, __ATOMIC_RELEASE);
			return NULL;
		}
		jem_state.tables->threads[index] = self;
		jem_state.slot_hint = (index + 1) % count;
		reset(self);
		__atomic_store_n(&slots[index].depth, 0, __ATOMIC_RELAXED);
		slots[index].tid = (uint32_t)jem_sys3(SYS_gettid, 0, 0, 0);
		return self;
	}
	sweep();
	return NULL;
}

static JEM_COLD struct jem_thread *first_call(void)
{
	struct jem_thread *self = NULL;

	if (jem_state.mode != JEM_MODE_ON)
		return NULL;
	if (refused) {
		refused--;
	} else if (jem_life_may_call()) {
		int saved = errno;

		self = claim();
		if (self) {
			jem_self = self;
			if (jem_kept.key > 0 && jem_kept.key <= KEY_INLINE_MAX)
				pthread_setspecific((pthread_key_t)(jem_kept.key - 1), self);
		}
		errno = saved;
		if (self)
			return self;
		refused = REFUSED_CALLS;
	}
	__atomic_fetch_add(&jem_state.rings->calls_unslotted, 1, __ATOMIC_RELAXED);
	return NULL;
}

/*
 * A hook within a hook: in a signal handler, as a rule. If the outer one was left by a jump (its stack
 * pointer is below ours on the same stack) its guard is stale.
 */
static JEM_COLD struct jem_thread *nested_call(struct jem_thread *self, uint64_t sp)
{
	if (jem_state.mode != JEM_MODE_ON)
		return NULL;
	if (sp > self->busy && jem_life_may_call()) {
		stack_t stack = { 0 };

		if (jem_sys3(SYS_sigaltstack, 0, (long)&stack, 0) == 0 &&
		    !(stack.ss_flags & SS_ONSTACK)) {
			self->busy = 0;
			return self;
		}
	}
	jem_record_seen(self->slot);
	jem_record_dropped(self);
	jem_count(&self->slot->edges_lost);
	return NULL;
}

JEM_SELDOM struct jem_thread *jem_slot_begin(uint64_t sp)
{
	struct jem_thread *self = jem_self;

	return self ? nested_call(self, sp) : first_call();
}
