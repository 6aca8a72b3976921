/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/plan.h"

#include "tracer/preload/patch.h"
#include "tracer/preload/values.h"

void jem_plan_start(const struct jem_settings *settings)
{
	jem_state.sites = jem_no_sites;
	jem_state.mask = 0;
	jem_state.process_limit = (uint32_t)settings->process_limit;
	jem_state.has_limits = settings->process_limit != 0;
}

static bool lies_inside(uint64_t offset, uint64_t count, uint64_t size)
{
	return offset % 8 == 0 && offset <= jem_state.plan_bytes &&
	       count <= (jem_state.plan_bytes - offset) / size;
}

static bool is_sound(const struct jem_plan_header *header)
{
	uint64_t buckets = (uint64_t)header->site_mask + 1;

	for (unsigned i = 0; i < sizeof(header->magic); i++) {
		if (header->magic[i] != JEM_PLAN_MAGIC[i])
			return false;
	}
	return header->version == JEM_RING_VERSION && !(buckets & header->site_mask) &&
	       lies_inside(header->sites_offset, buckets, sizeof(struct jem_plan_site)) &&
	       lies_inside(header->functions_offset, header->function_count,
			   sizeof(struct jem_plan_function)) &&
	       lies_inside(header->code_offset, header->code_count, sizeof(struct jem_plan_op)) &&
	       header->record_bytes <= 8 * (JEM_RECORD_WORDS_MAX - JEM_RECORD_ENTER_WORDS);
}

/* Probes load the mask first, then the table: a bigger mask must come after its table. */
static void set_sites(const struct jem_plan_site *sites, uint64_t mask)
{
	if (mask < jem_state.mask)
		jem_store(&jem_state.mask, mask);
	__atomic_store_n(&jem_state.sites, sites, __ATOMIC_RELEASE);
	__atomic_store_n(&jem_state.mask, mask, __ATOMIC_RELEASE);
}

static bool has_function_limits(const struct jem_plan_header *header)
{
	for (uint32_t i = 1; i < header->function_count; i++) {
		if (jem_state.functions[i].limit)
			return true;
	}
	return false;
}

static void take(const struct jem_plan_header *header)
{
	const uint8_t *bytes = (const uint8_t *)jem_state.plan;

	jem_state.functions = (const void *)(bytes + header->functions_offset);
	jem_state.function_count = header->function_count;
	jem_values_take((const void *)(bytes + header->code_offset), header->code_count,
			header->record_bytes);
	jem_state.process_limit = header->process_limit;
	jem_state.has_limits = header->process_limit || has_function_limits(header);
	jem_state.guard_wanted = header->guard == jem_state.guard ? JEM_GUARD_NONE : header->guard;
	jem_state.plan_state = header->state;
	if (header->sites_offset)
		set_sites((const void *)(bytes + header->sites_offset),
			  (uint64_t)header->site_mask * sizeof(struct jem_plan_site));
	else
		set_sites(jem_no_sites, 0);
	jem_state.values =
		(header->state & JEM_PLAN_VALUES) && header->record_bytes >= 16 ? UINT32_MAX : 0;
	jem_state.stale_count = 0;
	jem_patch_allow(header->state & JEM_PLAN_PATCH);
}

void jem_plan_settle(void)
{
	bool is_odd = !jem_state.is_tsc || jem_state.stale_count ||
		      (jem_state.plan_state & JEM_PLAN_PROFILE_OFF);

	__atomic_store_n(&jem_state.hot,
			 (jem_state.mode == JEM_MODE_ON ? JEM_HOT_ON : 0) |
				 (jem_state.has_limits ? JEM_HOT_LIMITS : 0) |
				 (is_odd ? JEM_HOT_ODD : 0),
			 __ATOMIC_RELEASE);
}

void jem_plan_renew(void)
{
	const struct jem_plan_header *shared = jem_state.plan;
	uint32_t generation;
	struct jem_plan_header copy;

	if (!shared || __atomic_exchange_n(&jem_state.plan_lock, 1, __ATOMIC_ACQUIRE))
		return;
	/* Pairs with the daemon's releases around its change. */
	generation = __atomic_load_n(&shared->generation, __ATOMIC_ACQUIRE);
	copy = *(const volatile struct jem_plan_header *)shared;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (!(generation & 1) &&
	    generation == __atomic_load_n(&shared->generation, __ATOMIC_RELAXED) && is_sound(&copy))
		take(&copy);
	/* Odd: the old copy holds until it moves again. */
	__atomic_store_n(&jem_state.generation, generation, __ATOMIC_RELEASE);
	__atomic_store_n(&jem_state.mode,
			 (jem_state.plan_state & JEM_PLAN_OFF) ? JEM_MODE_PAUSED : JEM_MODE_ON,
			 __ATOMIC_RELEASE);
	jem_plan_settle();
	__atomic_store_n(&jem_state.plan_lock, 0, __ATOMIC_RELEASE);
}
