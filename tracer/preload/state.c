/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/state.h"

#include "tracer/preload/hooks.h"

/* Whole pages of zeros, which the loader maps without a file behind: they can be wiped and replaced. */
union jem_state_page jem_state_page __attribute__((aligned(JEM_PAGE)));
union jem_plan_page jem_plan_page __attribute__((aligned(JEM_PAGE)));
struct jem_kept jem_kept;
const struct jem_plan_site jem_no_sites[1];
__thread struct jem_thread *jem_self;

/* What entry.S has as numbers. */
#define AT(type, field, place) JEM_RING_ASSERT(offsetof(type, field) == (place), "entry.S")
AT(struct jem_process, mode, 0);
AT(struct jem_process, generation, 4);
AT(struct jem_process, sites, 8);
AT(struct jem_process, mask, 16);
AT(struct jem_process, patch, 24);
AT(struct jem_process, values, 28);
AT(struct jem_plan_header, generation, 24);
AT(struct jem_plan_site, key, 0);
AT(struct jem_plan_site, flags, 16);
AT(struct jem_plan_site, plan, 20);
AT(struct jem_hook_frame, xmm, 800);
JEM_RING_ASSERT(sizeof(struct jem_hook_frame) == 928, "entry.S");
JEM_RING_ASSERT(JEM_MODE_ON == 1 && JEM_MODE_OFF == 2 && JEM_MODE_PAUSED == 3, "entry.S");
JEM_RING_ASSERT(JEM_SITE_INCLUDED == 1 && JEM_SITE_TAIL == 4 && JEM_SITE_XMM == 32, "entry.S");
