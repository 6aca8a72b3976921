/* SPDX-License-Identifier: Apache-2.0 */
/* drain_internal: what the two sides of the drain share; drain.c is the loop's, drain_thread.c the thread's. */
#ifndef JEM_DAEMON_SOURCES_CALLS_DRAIN_INTERNAL_H
#define JEM_DAEMON_SOURCES_CALLS_DRAIN_INTERNAL_H

#include "daemon/sources/calls/drain.h"
#include "daemon/sources/calls/mail.h"
#include "daemon/sources/calls/traced.h"

#include <poll.h>
#include <stdatomic.h>

struct jem_drain {
	struct jem_drain_events events;
	uv_loop_t *loop; /* borrowed */
	uv_async_t async;
	uv_thread_t thread;
	int wake; /* owned: eventfd */
	struct jem_mailbox in, out;
	void (*on_finished)(void *arg);
	bool is_stopped, is_closing;

	/* the thread's own, from here on */
	struct jem_redactor *redactor; /* owned */
	struct jem_traced_shared shared;
	struct jem_traced *list; /* owned */
	uint32_t count;
	struct pollfd *polled; /* owned: pid_fds, as they were polled last */
	uint32_t polled_cap;
	atomic_bool is_ending; /* set by the loop where no mail can be had */
	bool is_finishing, has_finished, gives_up;
	bool is_profile_due; /* something has moved since the last one */
	uint64_t flush_ns, check_ns, profile_ns;
	pid_t loop_tid;      /* of the loop's thread */
	int nice;            /* of the thread as it began */
	bool is_raised;      /* both have a usual process's priority for now */
	bool may_not_raise;  /* it was refused once */
	uint64_t crowded_ns; /* when a ring was so full last */
	unsigned profiles;
	uint64_t rows, processes;
	struct jem_calls_account gone; /* of processes that are no more */

	uv_mutex_t account_lock;
	struct jem_calls_account account; /* under it: what is told */
};

/* The thread: returns when it is told to end. */
void jem_drain_run(void *arg);

/* Adds what a process has counted. */
void jem_drain_count(struct jem_calls_account *sum, const struct jem_traced *traced);

/* The account of this moment, for jem_drain_account. */
void jem_drain_tell_account(struct jem_drain *drain);

/* What it works with, made before it starts; jem_drain_create frees it. */
int jem_drain_prepare(struct jem_drain *drain);

#endif
