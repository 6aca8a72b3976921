/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_internal: the parts of the broker and who knows whom.
 *
 *	listener -> connection -> inlet  -> router -> outlet -> queue
 *	                            |                    ^
 *	                            +-> local subscriber |
 *	                            +-> retained --------+  (when an outlet attaches)
 *
 * An inlet is a publisher's link, an outlet a subscriber's. The words are the broker's side.
 */
#ifndef JEM_BROKER_CLIENT_BROKER_INTERNAL_H
#define JEM_BROKER_CLIENT_BROKER_INTERNAL_H

#include "broker-client/broker.h"
#include "broker-client/broker/auth.h"
#include "broker-client/broker/queue.h"
#include "broker-client/broker/retained.h"
#include "broker-client/broker/router.h"
#include "broker-client/wire/credit.h"
#include "broker-client/wire/engine.h"
#include "broker-client/wire/window.h"
#include "common/buf.h"

#include <proton/delivery.h>
#include <proton/link.h>
#include <sys/stat.h>

enum {
	JEM_BROKER_LINKS_MAX = 64,    /* of a connection */
	JEM_BROKER_SESSIONS_MAX = 16, /* of a connection */
	JEM_BROKER_HANDSHAKE_MS = 10000,
	JEM_BROKER_END_MS = 5000, /* for a peer to answer a close */
	JEM_BROKER_IDLE_MS = 60000,
	JEM_BROKER_PARTIAL_MAX = 64 << 20, /* bytes of messages not complete yet, of all peers */
};

struct jem_connection;

struct jem_inlet {
	struct jem_connection *connection; /* borrowed, outlives us */
	struct jem_inlet *next;
	pn_link_t *link; /* borrowed from proton */
	struct jem_credit credit;
	struct jem_raw *partial; /* owned: of a message that comes in parts */
	size_t partial_len;      /* received of it; partial->len is its room */
	size_t held;             /* messages that wait for the local subscriber */
	size_t held_bytes;
	size_t topic_len; /* 0: each message names its own */
	char topic[JEM_TOPIC_MAX];
};

struct jem_outlet {
	struct jem_connection *connection; /* borrowed, outlives us */
	struct jem_outlet *next;
	pn_link_t *link; /* borrowed from proton */
	struct jem_queue queue;
	struct jem_queue_entry current; /* being sent; raw is NULL: none */
	size_t current_sent;
	uint64_t next_tag;
	uint64_t dropped_told; /* of queue.dropped, to the subscriber */
	bool is_settled;       /* sends without asking for outcomes */
};

struct jem_connection {
	struct jem_broker *broker; /* borrowed, outlives us */
	struct jem_connection *next;
	struct jem_connection *previous;
	struct jem_connection *next_urgent;
	struct jem_engine engine;
	struct jem_auth auth;
	struct jem_inlet *inlets;
	struct jem_outlet *outlets;
	unsigned session_count;
	unsigned link_count;
	uint64_t deadline_ms; /* of hand-shake or end; 0: none */
	bool is_open;
	bool is_urgent;
};

struct jem_listener {
	struct jem_broker *broker; /* borrowed, outlives us */
	struct jem_listener *next;
	union {
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} socket;
	bool is_unix;
	bool is_tls;
	char *url;  /* owned */
	char *path; /* owned; of the socket file that we made, else NULL */
	dev_t device;
	ino_t inode;
};

struct jem_broker {
	struct jem_broker_options options;
	struct jem_credentials *credentials; /* owned, or NULL */
	struct jem_tls_context *tls;         /* shared; NULL: no amqps */
	struct jem_listener *listeners;      /* in the order of jem_broker_listen */
	struct jem_connection *connections;
	struct jem_connection *urgent; /* a queue is long: flush before reading on */
	unsigned connection_count;
	unsigned untrusted_count; /* of them in their hand-shake */
	struct jem_router router;
	struct jem_retained retained;
	struct jem_window tickets;
	size_t partial_bytes;
	struct jem_buf prefix; /* scratch */
	uv_timer_t sweep;
	uv_timer_t close_timer;
	unsigned open_handles; /* listeners and timers */
	bool is_flushing;
	bool is_closing;
	struct jem_broker_stats stats;

	jem_broker_local_fn on_local;
	void *local_arg;
	void (*on_connections)(void *arg, unsigned count);
	void *connections_arg;
	void (*on_closed)(void *arg);
	void *closed_arg;
};

/* broker.c */
void jem_broker_part_closed(struct jem_broker *broker);
void jem_broker_count_changed(struct jem_broker *broker);
void jem_broker_forget_tickets(struct jem_broker *broker, struct jem_inlet *inlet);

/* listener.c */
void jem_listener_close_all(struct jem_broker *broker);

/* connection.c */
/* A connected socket, which it owns from now on whatever happens. */
void jem_connection_accept(struct jem_broker *broker, uv_stream_t *stream, bool is_tls);
void jem_connection_end(struct jem_connection *connection, const char *name, const char *why);
/* Without a word to the peer. */
void jem_connection_drop(struct jem_connection *connection, const char *reason);
void jem_connection_leave_when_empty(struct jem_connection *connection);
void jem_connection_refuse_link(pn_link_t *link, const char *name, const char *why);
void jem_connection_flush_urgent(struct jem_broker *broker);

/* inlet.c */
void jem_inlet_attach(struct jem_connection *connection, pn_link_t *link);
void jem_inlet_detach(struct jem_inlet *inlet);
void jem_inlet_on_delivery(struct jem_inlet *inlet, pn_delivery_t *delivery);
void jem_inlet_grant(struct jem_inlet *inlet);
void jem_inlet_settle(pn_delivery_t *delivery, enum jem_outcome outcome);

/* outlet.c */
void jem_outlet_attach(struct jem_connection *connection, pn_link_t *link);
void jem_outlet_detach(struct jem_outlet *outlet);
void jem_outlet_push(struct jem_outlet *outlet, struct jem_raw *raw, bool is_retained);
void jem_outlet_on_delivery(struct jem_outlet *outlet, pn_delivery_t *delivery);
void jem_outlet_pump(struct jem_outlet *outlet);
bool jem_outlet_is_empty(const struct jem_outlet *outlet);

#endif
