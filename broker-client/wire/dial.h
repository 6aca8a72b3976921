/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dial: connects to a URL, without TLS or AMQP.
 *
 * Flow:      name -> uv_getaddrinfo -> each address in turn -> connected stream
 * Thread:    loop thread (names are resolved in libuv's pool); never blocks
 * Ownership: frees itself after its callback or a cancel; the stream is the callback's, on the heap
 */
#ifndef JEM_BROKER_CLIENT_WIRE_DIAL_H
#define JEM_BROKER_CLIENT_WIRE_DIAL_H

#include "broker-client/wire/url.h"

#include <uv.h>

struct jem_dial;

/* `stream` is NULL on failure, with `status` a negative errno of libuv's domain. */
typedef void (*jem_dial_fn)(void *arg, uv_stream_t *stream, bool is_local, int status);

/* The callback is called once, from the loop, never from here. -ENOMEM. */
int jem_dial_start(uv_loop_t *loop, const struct jem_url *url, jem_dial_fn on_done, void *arg,
		   struct jem_dial **ret);

/* No callback follows. */
void jem_dial_cancel(struct jem_dial *dial);

/* A stream on the heap around a descriptor, which it owns on success. NULL: no memory or -errno. */
uv_stream_t *jem_dial_stream(uv_loop_t *loop, int fd, bool is_unix);

/* Closes and frees a stream that nobody took. */
void jem_dial_drop(uv_stream_t *stream);

#endif
