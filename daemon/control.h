/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control: the daemon's local socket for `jem control`.
 *
 * Flow:      connection of our own user (or root) -> one packet of assignments -> on_request -> one line
 * Thread:    loop thread; never waits
 * Ownership: owns socket and connections
 * Bound:     JEM_CONTROL_PEERS connections at a time, JEM_CONTROL_REQUEST_MAX bytes a request
 *
 * A request is "SECTION.KEY=VALUE" texts, a NUL after each; the answer "ok TEXT" or "error TEXT".
 */
#ifndef JEM_DAEMON_CONTROL_H
#define JEM_DAEMON_CONTROL_H

#include "common/err.h"

#include <stddef.h>
#include <uv.h>

#define JEM_CONTROL_PEERS       8u
#define JEM_CONTROL_REQUEST_MAX 16384u

struct jem_control;

/* 0, or a negative errno with the reason and the remedy. `assignments` ends in a NUL. */
typedef int (*jem_control_fn)(void *arg, const char *assignments, size_t len, struct jem_err *err);

/* `address`: a path, or @name of an abstract socket. */
int jem_control_open(uv_loop_t *loop, const char *address, jem_control_fn on_request, void *arg,
		     struct jem_control **ret, struct jem_err *err);

/* The path is removed; memory is freed in the loop's next passes. Takes NULL. */
void jem_control_close(struct jem_control *control);

#endif
