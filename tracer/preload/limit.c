/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/limit.h"

#include "tracer/preload/clock.h"

enum {
	CALL = JEM_LIMIT_CALL,
	PARTS_SHIFT = 2,
	PARTS = 1 << PARTS_SHIFT, /* windows of a second */
	SHARE_MAX = 128,          /* records that a thread takes at once */
	SHARE_PARTS = 16,         /* of a window's */
};

#define SECOND_NS     1000000000ull
#define GUESSED_TICKS (3ull * SECOND_NS / PARTS) /* of a window, until it was measured */

void jem_limit_start(void)
{
	jem_state.window = 1;
	jem_state.window_shift = 0;
	jem_state.process_used = 1ull << 32;
	jem_state.window_ticks = jem_state.is_tsc ? GUESSED_TICKS : SECOND_NS / PARTS;
	jem_state.window_end = jem_state.start_ticks + jem_state.window_ticks;
}

/* Length of a window, measured from the start until now. */
static uint64_t measured_ticks(uint64_t ticks)
{
	uint64_t ns = jem_clock_mono_ns() - jem_state.start_mono_ns;
	uint64_t passed = ticks - jem_state.start_ticks;

	if (!jem_state.is_tsc || ns < SECOND_NS / 100 || passed >> 63)
		return jem_state.window_ticks;
	if (passed >> 33) { /* long ago: keep the product within 64 bits */
		ns >>= 20;
		passed >>= 20;
	}
	if (!ns)
		return jem_state.window_ticks;
	return passed / ns * (SECOND_NS / PARTS) + passed % ns * (SECOND_NS / PARTS) / ns;
}

static JEM_COLD void begin_window(uint64_t ticks)
{
	uint64_t end = jem_load(&jem_state.window_end);

	/* One of the threads that see the end begins the next one. */
	if (!__atomic_compare_exchange_n(&jem_state.window_end, &end,
					 ticks + jem_state.window_ticks, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return;
	uint32_t window = jem_state.window + 1;

	jem_state.window_shift = PARTS_SHIFT;
	jem_store(&jem_state.process_used, (uint64_t)window << 32);
	__atomic_store_n(&jem_state.window, window, __ATOMIC_RELEASE);
	jem_state.window_ticks = measured_ticks(ticks);
	jem_store(&jem_state.window_end, ticks + jem_state.window_ticks);
}

static bool takes_share(struct jem_thread *self, uint32_t window, uint32_t limit)
{
	uint64_t used = jem_load(&jem_state.process_used);
	uint32_t most = jem_limit_quota(limit);
	uint32_t share = most / SHARE_PARTS;

	share = share < CALL ? CALL : share > SHARE_MAX ? SHARE_MAX : share & ~1u;
	self->window = window;
	self->tokens = 0;
	do {
		if ((uint32_t)(used >> 32) != window || (uint32_t)used >= most)
			return false;
	} while (!__atomic_compare_exchange_n(&jem_state.process_used, &used, used + share, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	self->tokens = share;
	return true;
}

static bool process_allows(struct jem_thread *self, uint32_t window)
{
	uint32_t limit = jem_state.process_limit;

	if (!limit)
		return true;
	if (self->window == window && self->tokens == 1)
		return false; /* odd: it has been told so in this window */
	if (self->window != window || self->tokens < CALL) {
		if (!takes_share(self, window, limit)) {
			self->tokens = 1;
			return false;
		}
	}
	self->tokens -= CALL;
	return true;
}

JEM_SAVES bool jem_limit_allows(struct jem_thread *self, uint32_t function, uint64_t ticks)
{
	uint32_t limit = 0;
	uint64_t *counter = NULL;
	uint64_t used = 0;

	if (unlikely((int64_t)(ticks - jem_load(&jem_state.window_end)) >= 0))
		begin_window(ticks);

	uint32_t window = __atomic_load_n(&jem_state.window, __ATOMIC_ACQUIRE);

	if (function && function < jem_state.function_count)
		limit = jem_state.functions[function].limit;
	if (limit) {
		counter = &jem_state.tables->counters[function % JEM_COUNTERS_MAX];
		used = jem_load(counter);
		if ((uint32_t)(used >> 32) != window)
			used = (uint64_t)window << 32;
		if ((uint32_t)used >= jem_limit_quota(limit))
			return false;
	}
	if (!process_allows(self, window))
		return false;
	if (counter)
		jem_store(counter, used + CALL);
	return true;
}
