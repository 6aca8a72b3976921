/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker: the embedded AMQP 1.0 broker.
 *
 * Flow:      publisher's link -> topic -> local subscriber and subscribers' queues -> links
 * Thread:    loop thread; the program ignores SIGPIPE
 * Ownership: owns listeners, connections and queues
 * Bounds:    connections, frames of 64 KiB, messages of 16 MiB, bytes queued per subscriber
 *            (then its oldest go, counted, and a notice tells it), 10 s for a handshake
 * Invariant: per subscriber, messages in == sent + dropped + queued; a publisher never waits for a
 *            slow subscriber; where a local subscriber is set, a batch is accepted only when that
 *            one has settled it
 *
 * A subscriber's source address is a pattern (`*` one level, `#` any number). A publisher's target
 * is a topic, or none: then each message names its topic in `to` or in its subject. The last
 * `status` message of each job with records in it is kept and given to late subscribers first.
 *
 * What the broker has to say about a delivery travels with it as delivery annotations, which
 * jem_client gives as properties: `jem-dropped`, how many messages of this subscription have been
 * dropped so far because its queue was full, on the first message after a drop; `jem-retained`, 1
 * on a message kept from before the subscription. (On the wire: x-opt-jem-dropped, ...)
 *
 * A peer within this machine must be ours or root's (SO_PEERCRED on a unix socket, /proc/net/tcp on
 * loopback), else it is asked for credentials: SASL PLAIN, which without a file nobody has, or EXTERNAL
 * with a certificate that an authority of ours has signed. Beyond loopback listens only amqps://.
 */
#ifndef JEM_BROKER_CLIENT_BROKER_H
#define JEM_BROKER_CLIENT_BROKER_H

#include "broker-client/message.h"
#include "broker-client/wire/tls.h"
#include "common/err.h"

#include <uv.h>

struct jem_broker;

struct jem_broker_options {
	uv_loop_t *loop;
	size_t queue_bytes;          /* per subscriber; 0: 8 MiB */
	unsigned connections;        /* at most; 0: 64 */
	const char *credentials;     /* path: users and passwords asked from peers, or NULL */
	struct jem_tls_settings tls; /* of amqps:// listeners; read by create where `cert` is set */
	struct jem_err *err;         /* receives why create failed, or NULL */
};

struct jem_broker_stats {
	uint64_t connections;
	uint64_t connections_refused; /* too many, or strangers */
	uint64_t messages_in;
	uint64_t messages_out;
	uint64_t messages_dropped; /* from full queues */
	uint64_t bytes_queued;
};

int jem_broker_create(const struct jem_broker_options *options, struct jem_broker **ret);

/* "HOST:PORT", "amqp[s]://HOST:PORT" or "unix:PATH". Port 0 takes a free one, see jem_broker_address. */
int jem_broker_listen(struct jem_broker *broker, const char *address, struct jem_err *err);
/* A listening socket made by somebody else; the broker owns it from now on. */
int jem_broker_listen_fd(struct jem_broker *broker, int fd, struct jem_err *err);
/* The URL of the i-th listener, NULL beyond. */
const char *jem_broker_url(const struct jem_broker *broker, size_t i);

/*
 * The in-process subscriber to everything that is published. It must call jem_broker_settle once
 * for every message, now or later; the publisher's delivery is settled with that outcome.
 */
typedef uint64_t jem_broker_ticket;
typedef void (*jem_broker_local_fn)(void *arg, const struct jem_message *message,
				    jem_broker_ticket ticket);
void jem_broker_set_local(struct jem_broker *broker, jem_broker_local_fn on_message, void *arg);
void jem_broker_settle(struct jem_broker *broker, jem_broker_ticket ticket,
		       enum jem_outcome outcome);

/* Called with the number of open connections whenever it changes. */
void jem_broker_on_connections(struct jem_broker *broker, void (*fn)(void *arg, unsigned count),
			       void *arg);

struct jem_broker_stats jem_broker_stats(const struct jem_broker *broker);

/* Stops listening, closes connections in order within `timeout_ms`, then frees and calls back. */
void jem_broker_close(struct jem_broker *broker, uint64_t timeout_ms, void (*on_closed)(void *arg),
		      void *arg);

#endif
