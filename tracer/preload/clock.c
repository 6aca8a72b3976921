/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/clock.h"

#include "tracer/preload/plan.h"
#include "tracer/preload/signals.h"
#include "tracer/preload/sys.h"

#include <cpuid.h>
#include <sys/prctl.h>
#include <time.h>

enum {
	POWER_LEAF = 0x80000007,
	INVARIANT_TSC = 1 << 8,
};

/* The last instant before anything was forbidden, on both; a fork's child inherits it. */
static uint64_t last_ticks, last_mono_ns;

static uint64_t read_ns(clockid_t clock)
{
	struct timespec now = { 0, 0 };

	if (likely(jem_signals_may_read_clock()))
		clock_gettime(clock, &now);
	else
		jem_sys3(SYS_clock_gettime, clock, (long)&now, 0);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t jem_clock_mono_ns(void)
{
	/* With some clock sources the vDSO makes a system call as well. */
	return jem_signals_may_call() ? read_ns(CLOCK_MONOTONIC) : last_mono_ns;
}

uint64_t jem_clock_start_wall_ns(void)
{
	return read_ns(CLOCK_REALTIME) - (jem_clock_mono_ns() - jem_state.start_mono_ns);
}

static bool has_invariant_tsc(void)
{
	unsigned eax, ebx, ecx, edx;

	return __get_cpuid(POWER_LEAF, &eax, &ebx, &ecx, &edx) && (edx & INVARIANT_TSC);
}

JEM_SAVES uint64_t jem_clock_other_ticks(void)
{
	/* Ticks of the counter go on as such. */
	if (jem_state.has_tsc)
		return last_ticks;
	return jem_clock_mono_ns();
}

static void stop_time(unsigned what)
{
	last_mono_ns = jem_clock_mono_ns();
	last_ticks = jem_ticks();
	if (!(what & JEM_FORBIDDEN_CLOCK))
		return;
	__atomic_store_n(&jem_state.is_tsc, 0, __ATOMIC_RELEASE);
	jem_plan_settle();
}

/* Outlives exec; our knowledge of it does not. */
static void ask_for_counter(void)
{
	int mode = PR_TSC_ENABLE;

	if (jem_sys3(SYS_prctl, PR_GET_TSC, (long)&mode, 0) == 0 && mode == PR_TSC_SIGSEGV)
		jem_signals_forbid(JEM_FORBIDDEN_CLOCK);
}

void jem_clock_start(bool is_for_file)
{
	if (jem_signals_may_read_clock())
		ask_for_counter();
	jem_state.is_tsc = !is_for_file && jem_signals_may_read_clock() && has_invariant_tsc();
	jem_state.has_tsc = jem_state.is_tsc;
	jem_signals_on_forbidden(stop_time);
	/* The reading of the other clock lies between two of ours: the middle is its instant. */
	uint64_t before = jem_ticks();
	uint64_t mono_ns = jem_clock_mono_ns();
	uint64_t after = jem_ticks();

	jem_state.start_ticks = before + (after - before) / 2;
	jem_state.start_mono_ns = mono_ns;
}
