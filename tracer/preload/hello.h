/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello: tells the daemon of this process, in one packet with the descriptors of rings and plan.
 *
 * Nothing is waited for: a socket whose queue is full is a daemon that does not answer.
 */
#ifndef JEM_TRACER_PRELOAD_HELLO_H
#define JEM_TRACER_PRELOAD_HELLO_H

#include "tracer/preload/settings.h"

/* A descriptor of a connected socket, or a negative errno. A path that begins with @ is abstract. */
int jem_hello_connect(const char *path);

int jem_hello_send(int socket, const struct jem_settings *settings, uint32_t parent, uint64_t ticks,
		   int rings_fd, int plan_fd);

#endif
