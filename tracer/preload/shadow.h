/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shadow: which calls of the thread are open, by the stack pointers of their hooks.
 *
 * Flow:      enter pushes a frame, exit finds its own by (sp, function) and pops it with what is above
 * Bound:     JEM_FRAMES_MAX frames; calls above them are counted and dropped
 * Invariant: a frame that ended without its exit (longjmp, exceptions, pthread_exit, an excluded exit)
 *            is popped by the jump itself, or by the next enter or exit further out: on one stack a
 *            caller's sp is above that of what it calls, or equal where the callee was inlined into the
 *            same frame
 *
 * What it cannot see: a frame that was left by another way than libc's longjmp looks alive to a call from
 * further out whose own frame is bigger, since that is all below it; until a smaller one is called.
 *
 * A handler on an alternate signal stack is above what it has interrupted, wherever its stack is: its
 * frames stand on those of the thread's stack until they are gone or a hook runs outside of it. Other
 * stacks (coroutines) are not told apart: switching loses times and pairs, never more.
 */
#ifndef JEM_TRACER_PRELOAD_SHADOW_H
#define JEM_TRACER_PRELOAD_SHADOW_H

#include "tracer/preload/state.h"

/* How many calls are open; the place of the last one's frame. */
static inline uint32_t jem_shadow_depth(struct jem_thread *self)
{
	return __atomic_load_n(&self->slot->depth, __ATOMIC_RELAXED) & (JEM_FRAMES_MAX - 1);
}

static inline void jem_shadow_set_depth(struct jem_thread *self, uint32_t depth)
{
	jem_barrier(); /* a frame is whole before it is open */
	__atomic_store_n(&self->slot->depth, depth, __ATOMIC_RELAXED);
}

/* The last open call; the root, which is never left, when there is none. */
static inline struct jem_frame *jem_shadow_top(struct jem_thread *self)
{
	return &self->frames[jem_shadow_depth(self)];
}

static inline void jem_shadow_set_top(struct jem_thread *self, const struct jem_frame *frame)
{
	jem_shadow_set_depth(self, (uint32_t)(frame - self->frames));
}

/* From an alternate signal stack to the thread's own. */
void jem_shadow_go_back(struct jem_thread *self);

/* Pops what cannot be open any more when a call enters with this sp. */
JEM_SELDOM void jem_shadow_settle(struct jem_thread *self, uint64_t sp, uint64_t site,
				  bool is_inlined);

/* A longjmp to where the stack pointer was `mangled`, as libc keeps it: pops what that leaves. */
void jem_shadow_jump(uint64_t mangled);

/* The frame that ends with this exit, what is above it popped; NULL: it has none. */
JEM_SELDOM struct jem_frame *jem_shadow_find(struct jem_thread *self, uint64_t sp,
					     uint64_t function, bool is_tail);

/*
 * Where the frame of a call that enters goes: open once it is filled and jem_shadow_set_top says so.
 * NULL: no room.
 */
static inline struct jem_frame *jem_shadow_place(struct jem_thread *self, uint64_t sp,
						 uint64_t site, bool is_inlined)
{
	struct jem_frame *top = jem_shadow_top(self);

	if (unlikely(sp >= top->sp || sp < self->low)) {
		if (!(sp == top->sp && is_inlined && site != top->site && top[-1].sp != sp)) {
			jem_shadow_settle(self, sp, site, is_inlined);
			top = jem_shadow_top(self);
		}
	}
	return likely(top != &self->frames[JEM_FRAMES_MAX - 1]) ? top + 1 : NULL;
}

/* A site, or a return address: the bit that tells it from most others. */
static inline uint64_t jem_shadow_bit(uint64_t site)
{
	return 1ull << ((site ^ site >> 5) & 63);
}

/* The frame of a call that is filled bears its site; the one below it is its caller's. */
static inline void jem_shadow_set_site(struct jem_frame *frame, uint64_t site)
{
	frame->site = site;
	frame->beside = (frame->sp == frame[-1].sp ? frame[-1].beside : 0) | jem_shadow_bit(site);
}

/*
 * Whether a call at `sp` is called from `top` for certain: from further in, or inlined into the same frame
 * and by another site than all calls open there. False: jem_shadow_settle finds out. Not on an alternate stack.
 */
static inline bool jem_shadow_is_inner(const struct jem_frame *top, uint64_t sp,
				       const struct jem_plan_site *site)
{
	uint64_t where = (uint64_t)(uintptr_t)site;

	if (sp != top->sp)
		return likely(sp < top->sp);
	if (!(site->flags & JEM_SITE_INLINED))
		return false;
	if (likely(!(top->beside & jem_shadow_bit(where))))
		return true;
	/* The root's is above all stack pointers. */
	while (top->sp == sp && top->site != where)
		top--;
	return top->sp != sp;
}

/* The frame of an exit, as a rule the last one. It stays readable after jem_shadow_pop. */
static inline struct jem_frame *jem_shadow_match(struct jem_thread *self, uint64_t sp,
						 uint64_t function, bool is_tail)
{
	struct jem_frame *top = jem_shadow_top(self);

	if (likely(top->sp == sp && top->function == function && !is_tail))
		return top;
	return jem_shadow_find(self, sp, function, is_tail);
}

static inline void jem_shadow_pop(struct jem_thread *self, struct jem_frame *frame)
{
	jem_shadow_set_top(self, frame - 1);
	if (unlikely(frame - 1 == self->base))
		jem_shadow_go_back(self);
}

#endif
