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

JEM_COLD void jem_values_guard(void)
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
static uint64_t certain_end(const struct jem_machine_frame *registers)
{
	const uint64_t last = JEM_PAGE - 1;
	uint64_t sp = registers->stack_low;
	uint64_t end = (sp | last) + 1;
	struct jem_thread *self = jem_self;
	const struct jem_frame *frame = jem_shadow_top(self);

	for (unsigned i = 0; i < CALLERS_MAX && frame > self->frames; i++, frame--) {
		if (frame->sp < sp || frame->sp - end >= JEM_PAGE)
			continue;
		end = (frame->sp | last) + 1;
	}
	return end;
}

void jem_values_take(const struct jem_plan_op *code, uint64_t code_count, uint32_t record_bytes)
{
	struct jem_machine *machine = &jem_state.machine;

	machine->find_site = find_callsite;
	machine->stack_end = certain_end;
	machine->faults = &jem_state.rings->plan_faults;
	machine->record_bytes = record_bytes;
	machine->code = code;
	machine->code_count = code_count;
}
