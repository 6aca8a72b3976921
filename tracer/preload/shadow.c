/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/shadow.h"

#include "tracer/preload/life.h"
#include "tracer/preload/record.h"
#include "tracer/preload/sys.h"
#include "tracer/preload/tree.h"

#include <signal.h>

enum {
	SEARCH_MAX = 256, /* frames that an exit without its own looks at */
};

void jem_shadow_go_back(struct jem_thread *self)
{
	self->base = NULL;
	self->low = 0;
	self->high = UINT64_MAX;
	self->flags &= ~(uint64_t)JEM_RECORD_LIVE_SP;
}

/* Pops down to `frame`, which stays; counts those whose exit should have come. */
static void unwind(struct jem_thread *self, struct jem_frame *frame)
{
	uint64_t count = 0;

	for (struct jem_frame *f = jem_shadow_top(self); f > frame; f--) {
		count += !(f->outcome & JEM_UNKNOWN);
		/* The record of its enter alone puts it into no profile. */
		if ((f->outcome & JEM_UNNAMED) && !f->node &&
		    !(f->outcome & (JEM_LIMITED | JEM_DROPPED)) &&
		    !(jem_state.plan_state & JEM_PLAN_PROFILE_OFF))
			(void)jem_tree_call_unnamed(self, f->site);
	}
	jem_store(&self->slot->unwound, jem_load(&self->slot->unwound) + count);
	if (self->base && frame <= self->base)
		jem_shadow_go_back(self);
	jem_shadow_set_top(self, frame);
	self->above = 0;
}

/* Whether the thread runs on its alternate signal stack just now, and where that is. */
static bool is_on_alternate_stack(struct jem_range *ret)
{
	stack_t stack = { 0 };

	if (!jem_life_may_call() || jem_sys3(SYS_sigaltstack, 0, (long)&stack, 0) < 0 ||
	    !(stack.ss_flags & SS_ONSTACK))
		return false;
	ret->start = (uint64_t)(uintptr_t)stack.ss_sp;
	ret->end = ret->start + stack.ss_size;
	return true;
}

static void settle_on_this_stack(struct jem_thread *self, uint64_t sp, uint64_t site,
				 bool is_inlined)
{
	struct jem_frame *bottom = self->base ? self->base : self->frames;
	struct jem_frame *top = jem_shadow_top(self);

	while (top > bottom && top->sp < sp)
		top--;
	if (top->sp == sp && !is_inlined) {
		while (top > bottom && top->sp == sp)
			top--;
	} else if (top->sp == sp) {
		/* Inlined into one frame: only the same call again tells that the first one is gone. */
		for (struct jem_frame *f = top; f > bottom && f->sp == sp; f--) {
			if (f->site == site)
				top = f - 1;
		}
	}
	if (top != jem_shadow_top(self))
		unwind(self, top);
}

JEM_SELDOM void jem_shadow_settle(struct jem_thread *self, uint64_t sp, uint64_t site,
				  bool is_inlined)
{
	struct jem_range other;
	struct jem_frame *top;

	if (self->base && (sp < self->low || sp >= self->high))
		unwind(self, self->base); /* the handler is gone, by a jump or with its exit */
	top = jem_shadow_top(self);
	if (sp < top->sp)
		return;
	if (!self->base && sp > top->sp && top > self->frames && is_on_alternate_stack(&other)) {
		self->base = top;
		self->low = other.start;
		self->high = other.end;
		self->flags |= JEM_RECORD_LIVE_SP;
		return;
	}
	settle_on_this_stack(self, sp, site, is_inlined);
}

/* libc's PTR_MANGLE: the thread's pointer guard is at 0x30 from its block, the shift twice the word's size. */
static uint64_t demangle(uint64_t mangled)
{
	uint64_t guard;

	__asm__("mov %%fs:0x30, %0" : "=r"(guard));
	return (mangled >> 17 | mangled << 47) ^ guard;
}

/* The daemon has a stack of its own. */
static void tell_jump(struct jem_thread *self, uint64_t sp)
{
	uint64_t flags = self->flags & (uint64_t)JEM_RECORD_LIVE_SP;
	uint64_t head;
	uint64_t *to = jem_record_reserve(self, JEM_RECORD_EXIT_WORDS, &head);

	if (!to)
		return;
	to[1] = 0; /* when is not asked for */
	to[2] = sp;
	to[0] = jem_record_first(0, JEM_RECORD_EXIT_WORDS, JEM_RECORD_JUMP, flags);
	jem_record_publish(self->slot, head, JEM_RECORD_EXIT_WORDS);
}

/* Whose own frame is bigger than all that was left would else be taken for a callee of what was. */
JEM_SELDOM void jem_shadow_jump(uint64_t mangled)
{
	struct jem_thread *self = jem_self;
	uint64_t here = (uint64_t)(uintptr_t)__builtin_frame_address(0);
	uint64_t sp = demangle(mangled);
	struct jem_frame *frame, *before;

	/* To another stack, or not what this libc keeps there: the next hook finds out what it can. */
	if (!self || self->busy || sp <= here ||
	    !(__atomic_load_n(&jem_state.hot, __ATOMIC_RELAXED) & JEM_HOT_ON))
		return;
	self->busy = here;
	jem_barrier();
	before = jem_shadow_top(self);
	if (self->base && (sp < self->low || sp >= self->high))
		unwind(self, self->base);
	frame = jem_shadow_top(self);
	while (frame > (self->base ? self->base : self->frames) && frame->sp < sp)
		frame--;
	if (frame != jem_shadow_top(self))
		unwind(self, frame);
	if (frame != before)
		tell_jump(self, sp);
	jem_barrier();
	self->busy = 0;
}

JEM_SELDOM struct jem_frame *jem_shadow_find(struct jem_thread *self, uint64_t sp,
					     uint64_t function, bool is_tail)
{
	struct jem_frame *top = jem_shadow_top(self);
	struct jem_frame *frame = top;

	for (unsigned i = 0; i < SEARCH_MAX && frame > self->frames; i++, frame--) {
		/* Below its enter: arguments of calls wait to be taken off, or it has called alloca. */
		bool is_it = is_tail ? frame->sp < sp : frame->sp >= sp;

		if (is_it && frame->function == function) {
			if (frame != top)
				unwind(self, frame);
			return frame;
		}
		/* Further out on this stack: below it there is none of this call. */
		if (frame->sp > sp && !(self->base && frame > self->base))
			break;
	}
	return NULL;
}
