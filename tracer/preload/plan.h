/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: this process's copy of the plan's header, renewed when the generation moves.
 *
 * The daemon makes the generation odd, changes the header, makes it even (ring.h). Hooks compare it with
 * that of the copy; the first that finds a difference renews it. A plan that does not fit the file is
 * refused: the old copy stays.
 */
#ifndef JEM_TRACER_PRELOAD_PLAN_H
#define JEM_TRACER_PRELOAD_PLAN_H

#include "tracer/preload/settings.h"
#include "tracer/preload/state.h"

/* Before the first plan: nothing is known, everything is unknown, within the limits of the settings. */
void jem_plan_start(const struct jem_settings *settings);

/* Renews the copy. Another thread may be at it: then the old one goes on. */
void jem_plan_renew(void);

/* Sets jem_state.hot by the rest; after every change of mode, limits, closed modules. */
void jem_plan_settle(void);

#endif
