/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc_events: fork, name and exit of every process of the node, told by the proc connector.
 *
 * The connector (Documentation/driver-api/connector.rst, linux/cn_proc.h) costs the job nothing, on
 * any number of processors, but it tells of all processes of the node: whoever listens has to know
 * which are the job's. Root may listen (CAP_NET_ADMIN), from Linux 6.6 on everybody; nobody inside
 * a container, where the kernel keeps silent. A filter in the kernel keeps threads away from us.
 *
 * Thread:    loop thread; drained each tick, and some 20 times a second at most in between
 * Ownership: owns its socket
 * Invariant: a full socket is told by drain
 */
#ifndef JEM_DAEMON_METRICS_PROC_EVENTS_H
#define JEM_DAEMON_METRICS_PROC_EVENTS_H

#include "daemon/sources/metrics/task_event.h"

#include <stdbool.h>
#include <stddef.h>

/* A socket, or -EACCES (the kernel does not answer), -EPERM, -ECONNREFUSED, ... */
int jem_proc_events_open(void);
void jem_proc_events_close(int fd);

/* Hands on what has come; returns how often the socket was too full, each with events lost. */
uint64_t jem_proc_events_drain(int fd, jem_task_event_fn on_event, void *arg);

/* One message as the kernel sends it: false when it is none of fork, name or end of a process. */
bool jem_proc_events_parse(const void *message, size_t len, struct jem_task_event *ret);

#endif
