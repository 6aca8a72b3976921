/* SPDX-License-Identifier: Apache-2.0 */
/* What the drain's thread tells of itself and of the processes, for the loop to read at any time. */
#include "daemon/sources/calls/drain_internal.h"

#include "common/clock.h"

void jem_drain_count(struct jem_calls_account *sum, const struct jem_traced *traced)
{
	struct jem_ring_account account;

	jem_ring_read_account(&traced->rings, &account);
	sum->unselected += traced->unselected;
	sum->seen += account.seen;
	sum->dropped += account.dropped;
	sum->limited += account.limited;
	sum->unslotted += account.unslotted;
	sum->unwound += account.unwound;
	sum->edges_lost += account.edges_lost;
	sum->broken += account.lost;
	sum->plan_faults += account.plan_faults;
	sum->patched += account.patched;
	sum->unpatchable += account.unpatchable;
	sum->modules_lost += account.modules_lost;
}

void jem_drain_tell_account(struct jem_drain *drain)
{
	struct jem_calls_account sum = drain->gone;

	for (const struct jem_traced *traced = drain->list; traced; traced = traced->next)
		jem_drain_count(&sum, traced);
	sum.rows = drain->rows;
	sum.processes = drain->processes;
	sum.profile_lost = jem_profile_lost(drain->shared.profile);
	sum.cpu_ns = jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	uv_mutex_lock(&drain->account_lock);
	drain->account = sum;
	uv_mutex_unlock(&drain->account_lock);
}

void jem_drain_account(struct jem_drain *drain, struct jem_calls_account *ret)
{
	uv_mutex_lock(&drain->account_lock);
	*ret = drain->account;
	uv_mutex_unlock(&drain->account_lock);
}
