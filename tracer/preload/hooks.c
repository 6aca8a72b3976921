/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/hooks.h"

#include "tracer/preload/clock.h"
#include "tracer/preload/limit.h"
#include "tracer/preload/missed.h"
#include "tracer/preload/record.h"
#include "tracer/preload/shadow.h"
#include "tracer/preload/site.h"
#include "tracer/preload/slot.h"
#include "tracer/preload/tree.h"
#include "tracer/preload/values.h"

/* What is the same at an enter and an exit. Handed on by value: it lives in registers. */
struct call {
	uint64_t function, callsite, sp, pc;
	const struct jem_plan_site *site; /* NULL: unknown */
	struct jem_hook_frame *registers; /* NULL: no values */
};

#define INLINE static inline __attribute__((always_inline))

/* The thread, with its guard up, or NULL: nothing is to be done. */
INLINE struct jem_thread *begin(uint64_t sp)
{
	struct jem_thread *self = jem_self;

	if (unlikely(!self || self->busy)) {
		self = jem_slot_begin(sp);
		if (!self)
			return NULL;
	}
	self->busy = sp;
	jem_barrier();
	/* In the child of a fork, made by a signal handler just before: these rings are the parent's. */
	if (unlikely(!(__atomic_load_n(&jem_state.hot, __ATOMIC_RELAXED) & JEM_HOT_ON))) {
		self->busy = 0;
		return NULL;
	}
	jem_record_seen(self->slot);
	return self;
}

INLINE void end(struct jem_thread *self)
{
	jem_barrier();
	self->busy = 0;
}

/* Flags of the thread that a record bears; a gap is told once. */
INLINE uint64_t take_flags(struct jem_thread *self)
{
	uint64_t flags = self->flags;

	self->flags = flags & ~(uint64_t)JEM_RECORD_GAP;
	return flags;
}

INLINE uint64_t take_gap(struct jem_thread *self)
{
	return unlikely(self->flags) ? take_flags(self) : 0;
}

/* Writes a record of a known site. False: no room. */
INLINE bool write_known(struct jem_thread *self, struct call call, uint64_t ticks, unsigned kind,
			uint64_t flags)
{
	unsigned words = kind == JEM_RECORD_ENTER ? JEM_RECORD_ENTER_WORDS : JEM_RECORD_EXIT_WORDS;
	unsigned room = call.registers && call.site->plan ? jem_values_room() : 0;
	uint64_t head;
	uint64_t *to = jem_record_reserve(self, words + room, &head);

	if (unlikely(!to))
		return false;
	to[1] = ticks;
	to[2] = call.sp;
	if (kind == JEM_RECORD_ENTER)
		to[3] = call.callsite;
	if (room) {
		room = jem_values_copy(call.site, call.registers, ticks, to + words, room);
		words += room;
		flags |= room ? JEM_RECORD_VALUES : 0;
	}
	to[0] = jem_record_first(call.site->site, words, kind, flags);
	jem_record_commit(self->slot, head, words);
	return true;
}

INLINE bool write_unknown(struct jem_thread *self, struct call call, uint64_t ticks, unsigned kind,
			  uint64_t flags)
{
	uint64_t head;
	uint64_t *to = jem_record_reserve(self, JEM_RECORD_UNKNOWN_WORDS, &head);

	if (!to)
		return false;
	to[1] = ticks;
	to[2] = call.sp;
	to[3] = call.callsite;
	to[4] = call.pc;
	to[0] = jem_record_first(0, JEM_RECORD_UNKNOWN_WORDS, kind, flags | take_flags(self));
	jem_record_commit(self->slot, head, JEM_RECORD_UNKNOWN_WORDS);
	return true;
}

/* A call deeper than we follow: counted, in a node of its function. */
static JEM_SELDOM void enter_above(struct jem_thread *self, struct call call)
{
	self->above++;
	if (jem_state.plan_state & JEM_PLAN_PROFILE_OFF)
		;
	else if (call.site)
		jem_tree_call_elsewhere(self, call.site->function);
	else
		(void)jem_tree_call_unnamed(self, call.pc);
	jem_record_dropped(self);
}

/* Writes the enter's record, if it may be written and there is room. */
INLINE uint32_t judge(struct jem_thread *self, struct call call, uint64_t ticks)
{
	bool is_written;

	if (jem_state.has_limits &&
	    !jem_limit_allows(self, call.site ? call.site->function : 0, ticks)) {
		jem_record_limited(self);
		return JEM_LIMITED;
	}
	is_written = call.site ? write_known(self, call, ticks, JEM_RECORD_ENTER, take_flags(self))
			       : write_unknown(self, call, ticks, JEM_RECORD_UNKNOWN_ENTER, 0);
	if (likely(is_written))
		return JEM_RECORDED;
	jem_record_dropped(self);
	return JEM_DROPPED;
}

/* The node that what is called from `frame` stands under: one that may be of no interest is none. */
INLINE uint32_t node_above(const struct jem_frame *frame)
{
	return frame->outcome & JEM_UNNAMED ? 0 : frame->node;
}

/*
 * Calls that began before the plan was there: those of functions that it includes are put into the tree, so
 * that what they call stands under them and their own time is theirs alone. Those without a record are there
 * already, by their site.
 */
static JEM_SELDOM void name_frames(struct jem_thread *self)
{
	struct jem_frame *top = jem_shadow_top(self);

	for (struct jem_frame *f = self->frames + 1; f <= top; f++) {
		const struct jem_plan_site *site;

		if (!(f->outcome & JEM_UNNAMED))
			continue;
		site = jem_site_find(f->site);
		if (site && (site->flags & JEM_SITE_INCLUDED)) {
			if (!f->node && !(f->outcome & (JEM_LIMITED | JEM_DROPPED))) {
				f->node = jem_tree_call(self, site->function, node_above(f - 1));
				if (f->node)
					jem_tree_recorded(self, f->node);
			}
		} else if (!(jem_state.plan_state & JEM_PLAN_COMPLETE)) {
			continue;
		} else {
			f->node = 0;
		}
		f->outcome &= ~(uint32_t)JEM_UNNAMED;
	}
}

static JEM_SELDOM void enter(struct jem_thread *self, struct call call)
{
	const struct jem_plan_site *site = call.site;
	bool is_inlined = !site || (site->flags & JEM_SITE_INLINED);
	uint64_t where = site ? (uint64_t)(uintptr_t)site : call.pc;
	struct jem_frame *frame = jem_shadow_place(self, call.sp, where, is_inlined);

	if (unlikely(!frame)) {
		enter_above(self, call);
		return;
	}
	frame->node = 0;
	if (site && !(jem_state.plan_state & JEM_PLAN_PROFILE_OFF)) {
		if (frame[-1].outcome & JEM_UNNAMED)
			name_frames(self);
		frame->node = jem_tree_call(self, site->function, node_above(frame - 1));
	}
	frame->ticks = jem_ticks();
	frame->outcome = (site ? 0 : JEM_UNKNOWN | JEM_UNNAMED) | judge(self, call, frame->ticks);
	/* What has no record is known by nothing else. */
	if (!site && (frame->outcome & (JEM_LIMITED | JEM_DROPPED)) &&
	    !(jem_state.plan_state & JEM_PLAN_PROFILE_OFF))
		frame->node = jem_tree_call_unnamed(self, call.pc);
	frame->sp = call.sp;
	frame->function = call.function;
	frame->children = 0;
	jem_shadow_set_site(frame, where);
	jem_shadow_set_top(self, frame);
	if (frame->node && !(frame->outcome & (JEM_LIMITED | JEM_DROPPED)))
		jem_tree_recorded(self, frame->node);
}

/* An exit whose enter was not seen: it began before its function was included. */
static JEM_SELDOM bool may_record_alone(struct jem_thread *self, uint64_t sp, uint64_t ticks)
{
	if (self->above && sp < jem_shadow_top(self)->sp) {
		self->above--;
		jem_record_dropped(self);
		return false;
	}
	if (jem_state.has_limits && !jem_limit_allows(self, 0, ticks)) {
		jem_record_limited(self);
		return false;
	}
	return true;
}

/* Times of a call that ends, and what it was to its caller. */
INLINE void count_return(struct jem_thread *self, struct jem_frame *frame, uint64_t ticks)
{
	uint64_t total = ticks - frame->ticks;

	if (unlikely(total >> 63))
		total = 0; /* another core's counter, behind */
	frame[-1].children += total;
	if (likely(frame->node))
		jem_tree_return(self, frame->node, total,
				total > frame->children ? total - frame->children : 0);
}

/* Its enter's record says nothing of a call in the profile before the exit's does, which found no room. */
static JEM_SELDOM void count_lost_exit(struct jem_thread *self, struct jem_frame *frame,
				       uint64_t ticks)
{
	if (!(frame->outcome & JEM_UNNAMED) || jem_state.plan_state & JEM_PLAN_PROFILE_OFF)
		return;
	frame->node = jem_tree_call_unnamed(self, frame->site);
	frame[-1].children -= ticks - frame->ticks;
	count_return(self, frame, ticks);
}

static JEM_SELDOM void leave(struct jem_thread *self, struct call call, uint64_t ticks,
			     bool is_tail)
{
	struct jem_frame *frame = jem_shadow_match(self, call.sp, call.function, is_tail);
	uint64_t flags = is_tail ? JEM_RECORD_TAIL_EXIT : 0;
	bool is_written;

	if (likely(frame != NULL)) {
		if (call.site && (frame->outcome & JEM_UNNAMED) &&
		    !(jem_state.plan_state & JEM_PLAN_PROFILE_OFF))
			name_frames(self);
		count_return(self, frame, ticks);
		jem_shadow_pop(self, frame);
		if (unlikely(frame->outcome & (JEM_DROPPED | JEM_LIMITED))) {
			if (frame->outcome & JEM_DROPPED)
				jem_record_dropped(self);
			else
				jem_record_limited(self);
			return;
		}
	} else if (!may_record_alone(self, call.sp, ticks)) {
		return;
	}
	is_written = call.site ? write_known(self, call, ticks, JEM_RECORD_EXIT,
					     flags | take_flags(self))
			       : write_unknown(self, call, ticks, JEM_RECORD_UNKNOWN_EXIT, flags);
	if (unlikely(!is_written)) {
		jem_record_dropped(self);
		if (frame)
			count_lost_exit(self, frame, ticks);
	}
}

static JEM_COLD void enter_long(struct call call)
{
	struct jem_thread *self = begin(call.sp);

	if (!self)
		return;
	if (call.site && jem_missed_is_stale(call.pc))
		call.site = NULL;
	enter(self, call);
	end(self);
}

static JEM_COLD void leave_long(struct call call, bool is_tail)
{
	uint64_t ticks = jem_ticks();
	struct jem_thread *self = begin(call.sp);

	if (!self)
		return;
	if (call.site && jem_missed_is_stale(call.pc))
		call.site = NULL;
	leave(self, call, ticks, is_tail);
	end(self);
}

/* The long way of a known site without values. */
static JEM_COLD void enter_known(uint64_t function, uint64_t callsite,
				 const struct jem_plan_site *site, uint64_t sp)
{
	struct call call = { function, callsite, sp, site->key, site, NULL };

	enter_long(call);
}

static JEM_COLD void leave_known(uint64_t function, uint64_t callsite,
				 const struct jem_plan_site *site, uint64_t sp)
{
	struct call call = { function, callsite, sp, site->key, site, NULL };

	leave_long(call, site->flags & JEM_SITE_TAIL);
}

/* Neither an alternate stack nor an odd state. A gap is usual: while the ring is full there is always one. */
INLINE bool is_usual(const struct jem_thread *self, uint32_t hot)
{
	return likely((hot & ~JEM_HOT_LIMITS) == JEM_HOT_ON &&
		      !(self->flags & ~(uint64_t)JEM_RECORD_GAP));
}

/* An enter where nothing is unusual: neither a hook within a hook. False: nothing was done. */
INLINE bool enter_usual(struct call call)
{
	const struct jem_plan_site *site = call.site;
	struct jem_thread *self = jem_self;
	uint32_t outcome = JEM_RECORDED;
	uint32_t node, hot;
	uint64_t ticks;

	if (unlikely(!self || self->busy))
		return false;
	self->busy = call.sp;
	jem_barrier();
	hot = __atomic_load_n(&jem_state.hot, __ATOMIC_RELAXED);

	uint32_t depth = jem_shadow_depth(self);
	struct jem_frame *frame = &self->frames[depth + 1];

	if (unlikely(!is_usual(self, hot) || depth == JEM_FRAMES_MAX - 1 ||
		     (frame[-1].outcome & JEM_UNNAMED) ||
		     !jem_shadow_is_inner(&frame[-1], call.sp, site))) {
		self->busy = 0;
		return false;
	}
	jem_record_seen(self->slot);
	node = jem_tree_call(self, site->function, frame[-1].node);
	ticks = jem_ticks_tsc();
	frame->sp = call.sp;
	frame->function = call.function;
	frame->ticks = ticks;
	frame->children = 0;
	jem_shadow_set_site(frame, (uint64_t)(uintptr_t)site);
	frame->node = node;
	if ((hot & JEM_HOT_LIMITS) && (jem_limit_is_over(self, site->function, ticks) ||
				       !jem_limit_allows(self, site->function, ticks))) {
		outcome = JEM_LIMITED;
		jem_record_limited(self);
	} else if (unlikely(!write_known(self, call, ticks, JEM_RECORD_ENTER, take_gap(self)))) {
		outcome = JEM_DROPPED;
		jem_record_dropped(self);
	} else if (likely(node)) {
		jem_tree_recorded(self, node);
	}
	frame->outcome = outcome;
	jem_shadow_set_depth(self, depth + 1);
	end(self);
	return true;
}

INLINE bool leave_usual(struct call call)
{
	struct jem_thread *self = jem_self;
	uint64_t ticks;

	if (unlikely(!self || self->busy))
		return false;
	self->busy = call.sp;
	jem_barrier();

	uint32_t depth = jem_shadow_depth(self);
	struct jem_frame *frame = &self->frames[depth];
	uint32_t hot = __atomic_load_n(&jem_state.hot, __ATOMIC_RELAXED);

	if (unlikely(!is_usual(self, hot) || frame->sp != call.sp ||
		     frame->function != call.function || (frame->outcome & JEM_UNNAMED) ||
		     (call.site->flags & JEM_SITE_TAIL))) {
		self->busy = 0;
		return false;
	}
	ticks = jem_ticks_tsc();
	jem_record_seen(self->slot);
	count_return(self, frame, ticks);
	jem_shadow_set_depth(self, depth - 1);
	if (frame->outcome & JEM_LIMITED)
		jem_record_limited(self);
	else if (unlikely((frame->outcome & JEM_DROPPED) ||
			  !write_known(self, call, ticks, JEM_RECORD_EXIT, take_gap(self))))
		jem_record_dropped(self);
	end(self);
	return true;
}

JEM_HOT void jem_hook_enter(uint64_t function, uint64_t callsite, const struct jem_plan_site *site,
			    uint64_t sp)
{
	struct call call = { function, callsite, sp, 0, site, NULL };

	if (unlikely(!enter_usual(call)))
		enter_known(function, callsite, site, sp);
}

JEM_HOT void jem_hook_exit(uint64_t function, uint64_t callsite, const struct jem_plan_site *site,
			   uint64_t sp)
{
	struct call call = { function, callsite, sp, 0, site, NULL };

	if (unlikely(!leave_usual(call)))
		leave_known(function, callsite, site, sp);
}

JEM_HOT void jem_hook_enter_missed(uint64_t function, uint64_t callsite, uint64_t pc, uint64_t sp)
{
	struct call call = { function, callsite, sp, pc, NULL, NULL };

	if (!jem_missed_look(pc, &call.site))
		return;
	if (!call.site || !enter_usual(call))
		enter_long(call);
}

JEM_HOT void jem_hook_exit_missed(uint64_t function, uint64_t callsite, uint64_t pc, uint64_t sp)
{
	struct call call = { function, callsite, sp, pc, NULL, NULL };
	bool is_tail = pc == callsite;

	if (is_tail)
		call.pc = function; /* what such an exit is looked up by, here and by the daemon */
	if (!jem_missed_look(call.pc, &call.site))
		return;
	if (!call.site || !leave_usual(call))
		leave_long(call, is_tail);
}

JEM_HOT void jem_hook_enter_values(uint64_t function, uint64_t callsite,
				   const struct jem_plan_site *site,
				   struct jem_hook_frame *registers)
{
	uint64_t pc = registers->machine.r[16];
	struct call call = { function, callsite, registers->machine.r[7], pc, site, registers };

	if (!site && !jem_missed_look(pc, &call.site))
		return;
	if (!call.site || !enter_usual(call))
		enter_long(call);
}

JEM_HOT void jem_hook_exit_values(uint64_t function, uint64_t callsite,
				  const struct jem_plan_site *site,
				  struct jem_hook_frame *registers)
{
	uint64_t pc = registers->machine.r[16];
	bool is_tail = pc == callsite;
	struct call call = { function, callsite, registers->machine.r[7], pc, site, registers };

	if (is_tail)
		call.pc = function;
	if (!site && !jem_missed_look(call.pc, &call.site))
		return;
	if (!call.site || !leave_usual(call))
		leave_long(call, is_tail);
}
