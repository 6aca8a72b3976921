/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: one AMQP 1.0 connection to one of a list of brokers, kept up.
 *
 * Flow:      send -> credit -> link -> socket -> broker -> disposition -> on_outcome
 * Thread:    loop thread; never blocks (names by uv_getaddrinfo); the program ignores SIGPIPE
 * Ownership: owns connection, links and timers; a sent message is copied and may be freed at once
 * Bounds:    bytes in flight (sent, not settled) <= in_flight_max; frames 64 KiB; a larger incoming
 *            message than 16 MiB is refused while it comes in; messages given to on_message and
 *            not settled <= receive_window and about 8 MiB
 * Invariant: every message that jem_client_send took gets exactly one on_outcome while the client
 *            lives; when the connection is lost, those without an outcome get JEM_OUTCOME_UNKNOWN
 *
 * Lost connections are made anew with a jittered back-off of 0.2 to 30 s over the list of brokers;
 * the back-off starts over once a message was accepted or received.
 */
#ifndef JEM_BROKER_CLIENT_CLIENT_H
#define JEM_BROKER_CLIENT_CLIENT_H

#include "broker-client/dialect/dialect.h"
#include "broker-client/message.h"
#include "broker-client/wire/tls.h"
#include "common/err.h"

#include <uv.h>

struct jem_client;

enum jem_client_state {
	JEM_CLIENT_CONNECTING,
	JEM_CLIENT_OPEN,    /* links are attached; sending needs credit too */
	JEM_CLIENT_WAITING, /* until the next attempt */
	JEM_CLIENT_CLOSED,
};

/* A received message that waits to be settled; 0 is none. */
typedef uint64_t jem_delivery_id;

struct jem_client_events {
	/* `text` says which broker, or why it failed, in one line. */
	void (*on_state)(void *arg, enum jem_client_state state, const char *text);
	/* Sending is possible (again). */
	void (*on_writable)(void *arg);
	void (*on_outcome)(void *arg, uint64_t tag, enum jem_outcome outcome, const char *text);
	/* The message is valid during the call; settle now or later by its id. */
	void (*on_message)(void *arg, const struct jem_message *message, jem_delivery_id delivery);
};

/* How to a broker: from the configuration by jem_broker_access (settings.h). All may be 0. */
struct jem_broker_access {
	const char
		*credentials; /* path (credentials.h), or NULL; sent over TLS and loopback only */
	struct jem_tls_settings tls;
	enum jem_dialect dialect; /* AUTO: by what the broker says it is */
	const char *exchange;     /* of brokers that have such, NULL: amq.topic */
	uint64_t idle_timeout_ms; /* 0: 30 s */
	size_t in_flight_max;     /* bytes sent and not settled; 0: 4 MiB */
};

struct jem_client_options {
	uv_loop_t *loop;
	const char *const *urls; /* copied */
	size_t url_count;
	const char *container_id;        /* unique among live connections; NULL: made up */
	struct jem_broker_access access; /* its strings are copied */
	const char *subscribe;           /* pattern, or NULL: this connection only publishes */
	const char *queue;               /* durable queue to read instead of a pattern, or NULL */
	bool is_publisher;               /* attach a sending link */
	uint32_t receive_window;         /* messages; 0: 256 */
	uint64_t backoff_seed;           /* of the jitter; 0: random */
	struct jem_client_events events;
	void *arg;
};

/* Checks URLs and credentials and starts connecting; events come from the loop only, never from
 * here. A negative errno with the reason for a wrong URL, pattern or credentials file. */
int jem_client_create(const struct jem_client_options *options, struct jem_client **ret,
		      struct jem_err *err);

/* Whether a URL is one of ours (amqp[s]://[USER@]HOST[:PORT], unix:PATH; no password). */
int jem_client_check_url(const char *url, struct jem_err *err);

/* -EAGAIN: no connection, credit or room; try again on on_writable. -EMSGSIZE over 1 MiB. */
int jem_client_send(struct jem_client *client, const struct jem_message *message, uint64_t tag);

void jem_client_settle(struct jem_client *client, jem_delivery_id delivery,
		       enum jem_outcome outcome);

size_t jem_client_in_flight_bytes(const struct jem_client *client);

/* Ends the connection in order (links, then close frame), at most `timeout_ms`; the client is
 * freed after on_closed, which is called exactly once, from the loop. */
void jem_client_close(struct jem_client *client, uint64_t timeout_ms, void (*on_closed)(void *arg));

#endif
