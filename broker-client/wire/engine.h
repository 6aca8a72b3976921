/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine: drives one AMQP connection of qpid-proton over one libuv stream.
 *
 * Flow:      socket (-> TLS) -> read buffer -> proton -> events -> handler -> proton -> write buffer (-> TLS) ->
 *            socket
 * Thread:    loop thread; never blocks
 * Ownership: owns the driver and the stream; the handler is borrowed and outlives the engine
 * Invariant: proton is asked for output only while no write is in flight (its buffer may move);
 *            output goes out once per loop pass, after every handler of the pass has had its say
 *
 * Proton's connection driver does no I/O and knows no clock: this is all of both that it gets.
 */
#ifndef JEM_BROKER_CLIENT_WIRE_ENGINE_H
#define JEM_BROKER_CLIENT_WIRE_ENGINE_H

#include "broker-client/wire/tls.h"
#include "common/buf.h"

#include <proton/condition.h>
#include <proton/connection_driver.h>
#include <stdbool.h>
#include <uv.h>

/* Both sides announce this; larger frames gain nothing, smaller ones cost up to half more. */
#define JEM_FRAME_MAX 65536u

struct jem_engine_handler {
	void (*on_event)(void *arg, pn_event_t *event);
	/* After the events of one read, write or timer: the place for what may wait for all. */
	void (*on_drained)(void *arg);
	/* The connection is over, in order or not; `reason` is one line. Called once at most. */
	void (*on_end)(void *arg, const char *reason);
	/* Follows jem_engine_close; the engine's memory is free from now on. */
	void (*on_closed)(void *arg);
};

struct jem_engine {
	pn_connection_driver_t driver;
	uv_stream_t *stream;   /* owned; NULL until started */
	struct jem_tls *tls;   /* owned; NULL: plain */
	struct jem_buf cipher; /* with TLS: read from the socket, or written and in flight */
	struct jem_buf sending;
	uv_timer_t tick;
	uv_prepare_t flush;
	uv_write_t write;
	size_t write_len; /* bytes of the write in flight, 0: none */
	size_t read_len;  /* bytes read in this pass */
	uint64_t tick_at_ms;
	unsigned open_handles;
	bool is_draining;
	bool is_closing;
	bool has_ended;
	const struct jem_engine_handler *handler; /* borrowed, outlives us */
	void *arg;
};

/*
 * Makes the driver and the handles. Until jem_engine_start, the driver's connection and transport
 * may be configured. -ENOMEM, nothing is left to close then.
 */
int jem_engine_init(struct jem_engine *engine, uv_loop_t *loop,
		    const struct jem_engine_handler *handler, void *arg);

/* Takes a connected stream (heap, closed and freed by the engine) and begins. */
void jem_engine_start(struct jem_engine *engine, uv_stream_t *stream);

/* The same under TLS, which the engine takes over. */
void jem_engine_start_tls(struct jem_engine *engine, uv_stream_t *stream, struct jem_tls *tls);

/* Something was done to proton's objects outside of the handler: output goes out in this pass. */
void jem_engine_wake(struct jem_engine *engine);

/* The same at once, unless its handler is just being called. */
void jem_engine_flush(struct jem_engine *engine);

/* Drops the connection now, without a word to the peer; idempotent. on_closed follows. */
void jem_engine_close(struct jem_engine *engine);

/* "name: description" of a condition into `text`; `otherwise` when it is not set. */
const char *jem_engine_condition(pn_condition_t *condition, const char *otherwise, char *text,
				 size_t size);

#endif
