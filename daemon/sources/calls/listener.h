/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener: where traced processes of the job report (JEM_CALLS_SOCKET).
 *
 * Flow:      accept -> peer allowed? -> hello -> on_hello, connection closed
 * Thread:    loop thread
 * Ownership: owns socket and connections; a hello belongs to the callee
 * Bound:     JEM_LISTENER_PEERS connections that have not spoken; a further one takes the place of the
 *            oldest
 *
 * Allowed are processes of our own user, of root, and, where we are root, of the job.
 */
#ifndef JEM_DAEMON_SOURCES_CALLS_LISTENER_H
#define JEM_DAEMON_SOURCES_CALLS_LISTENER_H

#include "daemon/sources/calls/hello.h"

#include <uv.h>

#define JEM_LISTENER_PEERS 64u

struct jem_listener;

struct jem_listener_events {
	/* A process has come; *in is the callee's. */
	void (*on_hello)(void *arg, struct jem_hello_in *in);
	/* One was refused. */
	void (*on_refused)(void *arg, pid_t pid, const char *why);
	void *arg;
};

/* `address`: a path, or @name of an abstract socket. `job` is the job's first process, 0: none. */
int jem_listener_open(uv_loop_t *loop, const char *address, pid_t job,
		      const struct jem_listener_events *events, struct jem_listener **ret,
		      struct jem_err *err);

/* Takes what waits in the socket now: those who send it may be gone already. */
void jem_listener_take(struct jem_listener *listener);

/* Memory is freed in the loop's next passes; the path is removed. Takes NULL. */
void jem_listener_close(struct jem_listener *listener);

#endif
