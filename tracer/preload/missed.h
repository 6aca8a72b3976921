/* SPDX-License-Identifier: Apache-2.0 */
/*
 * missed: hook calls whose site the first probes did not find.
 *
 * Flow:      full probe -> else: is it in a module that the plan covers? then excluded, else unknown
 * Thread:    any; may scan the modules
 */
#ifndef JEM_TRACER_PRELOAD_MISSED_H
#define JEM_TRACER_PRELOAD_MISSED_H

#include "tracer/preload/state.h"

/* Whether to go on with the hook: *site is its entry, or NULL when it is unknown. */
bool jem_missed_look(uint64_t key, const struct jem_plan_site **site);

/* The site lies where a module was closed, and the daemon may not have seen it yet. */
static inline bool jem_missed_is_stale(uint64_t pc)
{
	uint32_t count = jem_state.stale_count;

	for (uint32_t i = 0; i < count && i < JEM_STALE_MAX; i++) {
		if (pc - jem_state.stale[i].start <=
		    jem_state.stale[i].end - jem_state.stale[i].start)
			return true;
	}
	return false;
}

#endif
