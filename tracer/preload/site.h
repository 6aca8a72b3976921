/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site: the plan's table of sites, as entry.c probes it in assembly, in full.
 *
 * Mask and sites are changed one after the other (plan.c); a probe that sees an old mask with new sites
 * reads inside the mapping and finds nothing, or what is there.
 */
#ifndef JEM_TRACER_PRELOAD_SITE_H
#define JEM_TRACER_PRELOAD_SITE_H

#include "tracer/preload/state.h"

#define JEM_SITE_PROBES_MAX JEM_PLAN_PROBES

/* The entry of a key, or NULL. */
static inline const struct jem_plan_site *jem_site_find(uint64_t key)
{
	uint64_t mask = jem_load(&jem_state.mask);
	const struct jem_plan_site *sites = __atomic_load_n(&jem_state.sites, __ATOMIC_RELAXED);
	uint64_t at = (key * 0x9e3779b97f4a7c15ull) >> 27 & mask;

	for (unsigned i = 0; i < JEM_SITE_PROBES_MAX; i++) {
		const struct jem_plan_site *site = sites + at / sizeof(*sites);
		/* Pairs with the daemon's release of the key. */
		uint64_t found = __atomic_load_n(&site->key, __ATOMIC_ACQUIRE);

		if (found == key)
			return site;
		if (!found)
			return NULL;
		at = (at + sizeof(*sites)) & mask;
	}
	return NULL;
}

JEM_RING_ASSERT(sizeof(struct jem_plan_site) == 32, "a shift of 5");

#endif
