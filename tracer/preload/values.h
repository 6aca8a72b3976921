/* SPDX-License-Identifier: Apache-2.0 */
/* values: runs a site's plan into the ring, by the machine, with the guard that the plan wants. */
#ifndef JEM_TRACER_PRELOAD_VALUES_H
#define JEM_TRACER_PRELOAD_VALUES_H

#include "tracer/preload/hooks.h"

/* The part of the plan's header that is the machine's. */
void jem_values_take(const struct jem_plan_op *code, uint64_t code_count, uint32_t record_bytes);

/* Starts the guard that the plan wants. */
JEM_COLD void jem_values_guard(void);

/* Words that a record's values may take. */
static inline unsigned jem_values_room(void)
{
	return jem_state.machine.record_bytes / 8;
}

/* Copies the values of this hook; the words written, at most `room`. */
static inline unsigned jem_values_copy(const struct jem_plan_site *site,
				       struct jem_hook_frame *registers, uint64_t ticks,
				       uint64_t *to, unsigned room)
{
	struct jem_machine_frame *frame = &registers->machine;

	if (unlikely((site->flags & JEM_SITE_POINTERS) && jem_state.guard_wanted != JEM_GUARD_NONE))
		jem_values_guard();
	frame->ticks = ticks;
	frame->xmm = registers->xmm;
	frame->stack_low = frame->r[7];
	frame->stack_high = (frame->r[7] | (JEM_PAGE - 1)) + 1;
	return jem_machine_run(&jem_state.machine, site, frame, to, room);
}

#endif
