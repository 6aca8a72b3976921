/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JEM_COMMON_SCHED_EPISODES_INTERNAL_H
#define JEM_COMMON_SCHED_EPISODES_INTERNAL_H

#include "common/sched/episodes.h"

/* A wait within the window, and where it was. */
struct jem_sched_wait {
	int64_t from_ns, to_ns;
	uint16_t cpu;
	bool is_bound; /* for this core and no other, or not of the selection */
};

/* Is there anything of it in the window? */
bool jem_sched_wait_of(const struct jem_sched_model *model, const struct jem_sched_select *select,
		       const struct jem_sched_slice *slice, struct jem_sched_wait *ret);

/* Who waited and what was idle in the episodes that are kept. */
int jem_sched_episodes_detail(const struct jem_sched_model *model,
			      const struct jem_sched_select *select,
			      struct jem_sched_episodes *episodes);

#endif
