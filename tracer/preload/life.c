/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/life.h"

#include "tracer/preload/clock.h"
#include "tracer/preload/hello.h"
#include "tracer/preload/limit.h"
#include "tracer/preload/maps.h"
#include "tracer/preload/modules.h"
#include "tracer/preload/plan.h"
#include "tracer/preload/signals.h"
#include "tracer/preload/slot.h"
#include "tracer/preload/sys.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

enum {
	TRIES_MAX = 5,
	CALLS_A_LOOK =
		256, /* hook calls between two looks at the clock while waiting for a daemon */
	EARLY_CALLS = 100000, /* without an environment: then there will be none */
	WAIT_NS = 500000,     /* between two looks at the plan, with JEM_CALLS_WAIT */
};

#define FIRST_RETRY_NS 20000000ull

static const void *const here __attribute__((used)) = &jem_state_page;

/*
 * Not so in a resolver of an indirect function, which runs while the loader is not done with us: before
 * this pointer is relocated, none of libc's functions can be called.
 */
static bool is_relocated(void)
{
	const void *const volatile *pointer = &here;

	return *pointer == (const void *)&jem_state_page;
}

bool jem_life_may_call(void)
{
	return jem_signals_may_call();
}

static void be(enum jem_mode mode)
{
	__atomic_store_n(&jem_state.mode, mode, __ATOMIC_RELEASE);
}

static void wait_for_plan(uint64_t wait_ns)
{
	uint64_t end = jem_clock_mono_ns() + wait_ns;
	const struct timespec pause = { 0, WAIT_NS };

	/* An odd generation: it is being written. */
	while ((!(__atomic_load_n(&jem_state.plan->state, __ATOMIC_ACQUIRE) & JEM_PLAN_COMPLETE) ||
		(__atomic_load_n(&jem_state.plan->generation, __ATOMIC_ACQUIRE) & 1)) &&
	       jem_clock_mono_ns() < end)
		jem_sys4(SYS_nanosleep, (long)&pause, 0, 0, 0);
}

/* No daemon now: perhaps later. The distance grows five-fold: 20 ms to 12 s. */
static void try_later(void)
{
	if (++jem_state.tries == TRIES_MAX) {
		be(JEM_MODE_OFF);
		return;
	}

	uint64_t distance = FIRST_RETRY_NS;

	for (uint32_t i = 1; i < jem_state.tries; i++)
		distance *= 5;
	jem_state.retry_ns = jem_clock_mono_ns() + distance;
	jem_state.countdown = CALLS_A_LOOK;
	be(JEM_MODE_WAITING);
}

/* Rings, plan and hello. 0; -EAGAIN: no daemon; else it cannot be done here. */
static int make_connected(const struct jem_settings *settings, uint32_t parent, uint64_t ticks)
{
	int socket, rings_fd, plan_fd, status;

	socket = jem_hello_connect(settings->socket);
	if (socket == -ECONNREFUSED || socket == -ENOENT || socket == -EAGAIN)
		return -EAGAIN;
	if (socket < 0)
		return socket;
	status = jem_maps_make(settings, &rings_fd, &plan_fd);
	if (status == 0) {
		jem_modules_scan();
		status = jem_hello_send(socket, settings, parent, ticks, rings_fd, plan_fd);
		jem_sys_close(rings_fd);
		jem_sys_close(plan_fd);
		if (status < 0)
			jem_maps_release();
		if (status == -EPIPE || status == -ECONNRESET)
			status = -EAGAIN;
	}
	jem_sys_close(socket);
	return status;
}

static int make(const struct jem_settings *settings, uint32_t parent, uint64_t ticks)
{
	int status;

	if (settings->socket)
		return make_connected(settings, parent, ticks);
	status = jem_maps_make_file(settings);
	if (status == 0)
		jem_modules_scan();
	return status;
}

static JEM_COLD void begin(const struct jem_settings *settings)
{
	uint32_t pid = (uint32_t)jem_sys3(SYS_getpid, 0, 0, 0);
	uint32_t parent = jem_kept.pid == pid ? 0 : jem_kept.pid;
	int status;

	/* What a fork has left us is the parent's. */
	jem_maps_release();
	jem_self = NULL;
	jem_kept.patch_lock = 0;
	jem_state.pid = pid;
	jem_clock_start(!settings->socket);
	jem_limit_start();
	jem_plan_start(settings);
	status = make(settings, parent, jem_state.start_ticks);
	if (status == -EAGAIN) {
		try_later();
		return;
	}
	if (status < 0) {
		be(JEM_MODE_OFF);
		return;
	}
	jem_kept.pid = pid;
	jem_slot_start();
	if (jem_state.plan && settings->wait_ns)
		wait_for_plan(settings->wait_ns);
	__atomic_fetch_add(&jem_state.rings->calls_unslotted,
			   __atomic_exchange_n(&jem_state.early, 0, __ATOMIC_RELAXED),
			   __ATOMIC_RELAXED);
	be(JEM_MODE_ON);
	jem_plan_settle();
	/* What was waited for is for the first call, too. */
	if (settings->wait_ns)
		jem_plan_renew();
}

/* The first hook call of a process, of a fork's child, or a try after a while. */
static JEM_COLD void start(uint32_t from)
{
	struct jem_settings settings;

	if (!environ) { /* libc is not up: a constructor, perhaps, before its own */
		if (++jem_state.countdown == EARLY_CALLS)
			be(JEM_MODE_OFF);
		return;
	}
	if (!__atomic_compare_exchange_n(&jem_state.mode, &from, JEM_MODE_STARTING, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	if (!jem_life_may_call() || !jem_settings_read(&settings, environ) ||
	    jem_sys3(SYS_madvise, (long)&jem_state_page, sizeof(jem_state_page), MADV_WIPEONFORK) <
		    0) {
		be(JEM_MODE_OFF);
		return;
	}
	begin(&settings);
}

JEM_COLD int jem_life_cold(void)
{
	int saved;

	if (!is_relocated())
		return 0;
	/* A fork out of a signal handler, in the middle of a hook: that one must come to its end first. */
	if (jem_self && jem_self->busy && jem_state.mode == JEM_MODE_NEW)
		return 0;
	saved = errno;
	switch (jem_state.mode) {
	case JEM_MODE_NEW:
		start(JEM_MODE_NEW);
		break;
	case JEM_MODE_WAITING:
		if (jem_state.countdown-- == 0) {
			jem_state.countdown = CALLS_A_LOOK;
			if (jem_clock_mono_ns() >= jem_state.retry_ns)
				start(JEM_MODE_WAITING);
		}
		break;
	case JEM_MODE_ON:
	case JEM_MODE_PAUSED:
		jem_plan_renew();
		break;
	case JEM_MODE_STARTING:
		__atomic_fetch_add(&jem_state.early, 1, __ATOMIC_RELAXED);
		break;
	default:
		break;
	}
	errno = saved;
	return jem_state.mode == JEM_MODE_ON;
}
