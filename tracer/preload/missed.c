/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/missed.h"

#include "tracer/preload/modules.h"
#include "tracer/preload/site.h"

bool jem_missed_look(uint64_t key, const struct jem_plan_site **site)
{
	bool is_stale = jem_missed_is_stale(key);
	const struct jem_plan_site *found = is_stale ? NULL : jem_site_find(key);

	*site = NULL;
	if (found && !(found->flags & JEM_SITE_CALLSITE)) {
		if (!(found->flags & JEM_SITE_INCLUDED))
			return false;
		*site = found;
		return true;
	}

	const struct jem_module *module = jem_modules_find(key);

	if (!module)
		module = jem_modules_look_again(key);
	/* A module that came after the plan was made is in the next one. */
	return !module || is_stale || !(jem_state.plan_state & JEM_PLAN_COMPLETE) ||
	       module->generation == jem_state.generation;
}
