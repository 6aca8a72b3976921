/* SPDX-License-Identifier: Apache-2.0 */
/* values: runs a site's plan into the ring, by the machine, with the guard that the plan wants. */
#ifndef JEM_TRACER_PRELOAD_VALUES_H
#define JEM_TRACER_PRELOAD_VALUES_H

#include "tracer/preload/hooks.h"

/* Words that a record's values may take. */
static inline unsigned jem_values_room(void)
{
	return jem_state.record_bytes / 8;
}

/* Copies the values of this hook; the words written, at most `room`. */
unsigned jem_values_copy(struct jem_thread *self, const struct jem_plan_site *site,
			 struct jem_hook_frame *registers, uint64_t ticks, uint64_t *to,
			 unsigned room);

#endif
