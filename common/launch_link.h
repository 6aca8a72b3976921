/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launch_link: the monitor's end of its socket to the launcher.
 *
 * One short text message a packet (SOCK_SEQPACKET), "VERB key=value key=value". Sending never
 * blocks: a full or dead peer costs that message. The launcher's end is tools/run/link.c, which is
 * libc only; the messages are listed in doc/architecture.md.
 *
 * Thread:    loop thread
 * Ownership: owns the descriptor from open on
 */
#ifndef JEM_COMMON_LAUNCH_LINK_H
#define JEM_COMMON_LAUNCH_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct jem_link;

struct jem_link_events {
	void (*on_message)(void *arg, const char *message);
	/* The launcher is gone; comes once, and never after jem_link_close. */
	void (*on_gone)(void *arg);
};

int jem_link_open(uv_loop_t *loop, int fd, const struct jem_link_events *events, void *arg,
		  struct jem_link **ret);

/* Closes; memory is freed in the loop's next pass. Takes NULL. */
void jem_link_close(struct jem_link *link);

/* 0, or -EAGAIN, -EPIPE and the like when the message did not go out. Takes a NULL link: 0. */
int jem_link_send(struct jem_link *link, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Whether a message begins with this verb. */
bool jem_link_is(const char *message, const char *verb);

/* The value of `key` in a message: 0, or -ENOENT. */
int jem_link_number(const char *message, const char *key, int64_t *ret);

#endif
