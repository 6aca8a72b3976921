/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/values.h"

#include "tracer/preload/guard.h"
#include "tracer/preload/life.h"
#include "tracer/preload/shadow.h"
#include "tracer/preload/site.h"

enum {
	CALLERS_MAX = 8, /* frames that are looked at for how far the stack is there for certain */
};

static const struct jem_plan_site *find_callsite(const struct jem_machine *machine, uint64_t key)
{
	const struct jem_plan_site *site = jem_site_find(key);

	(void)machine;
	return site && (site->flags & JEM_SITE_CALLSITE) ? site : NULL;
}

static JEM_COLD void start_guard(void)
{
	/* It takes system calls; without a guard such memory counts as unreadable. */
	if (!jem_life_may_call())
		return;
	jem_state.guard = jem_guard_start(jem_state.guard_wanted);
	jem_state.rings->guard = jem_state.guard;
	/* Not wished again until the plan changes its mind. */
	jem_state.guard_wanted = JEM_GUARD_NONE;
}

/*
 * How far the stack above `sp` is mapped: the page that a return address was just pushed to, and, as
 * long as it is on the next page at most, that of the frame it was called from, and so on. A gap may
 * be another stack: nothing is said about it.
 */
static uint64_t certain_end(struct jem_thread *self, uint64_t sp)
{
	const uint64_t last = JEM_PAGE - 1;
	uint64_t end = (sp | last) + 1;
	const struct jem_frame *frame = jem_shadow_top(self);

	for (unsigned i = 0; i < CALLERS_MAX && frame > self->frames; i++, frame--) {
		if (frame->sp < sp || frame->sp - end >= JEM_PAGE)
			continue;
		end = (frame->sp | last) + 1;
	}
	return end;
}

unsigned jem_values_copy(struct jem_thread *self, const struct jem_plan_site *site,
			 struct jem_hook_frame *registers, uint64_t ticks, uint64_t *to,
			 unsigned room)
{
	struct jem_machine machine = {
		.code = jem_state.code,
		.code_count = jem_state.code_count,
		.find_site = find_callsite,
		.faults = &jem_state.rings->plan_faults,
		.record_bytes = jem_state.record_bytes,
	};
	struct jem_machine_frame *frame = &registers->machine;
	uint64_t sp = frame->r[7];

	if ((site->flags & JEM_SITE_POINTERS) && jem_state.guard_wanted != JEM_GUARD_NONE)
		start_guard();
	frame->ticks = ticks;
	frame->xmm = registers->xmm;
	frame->stack_low = sp;
	frame->stack_high = certain_end(self, sp);
	return jem_machine_run(&machine, site, frame, to, room);
}
