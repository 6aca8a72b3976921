/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: a foreign AMQP peer, either side, that does what a test tells it, right or wrong. It is
 * qpid-proton on the same loop; the test gives it a function for events and pulls its strings.
 */
#ifndef JEM_TESTS_UNIT_PEER_H
#define JEM_TESTS_UNIT_PEER_H

#include "broker-client/wire/engine.h"
#include "tests/unit/wire.h"

#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>

struct peer {
	struct jem_engine engine;
	uv_pipe_t listener; /* of a server; one connection at a time */
	bool is_server;
	bool is_live; /* the engine is */
	bool is_listening;
	void (*on_event)(struct peer *peer, pn_event_t *event); /* besides what the peer does */
	pn_link_t *link;                                        /* the last one that was attached */
	unsigned attached_count;
	unsigned transfer_count;
	unsigned closed_count; /* links closed by the other side */
	uint64_t outcome;      /* the last, as PN_ACCEPTED, ... */
	unsigned outcome_count;
	char condition[256]; /* why the other side closed link or connection */
	unsigned end_count;
};

/* A client at `url` (unix:PATH), opened, with one session. */
void peer_connect(struct peer *peer, const char *url);

/* A server at `path` that opens whatever is opened to it, and says nothing else. */
void peer_listen(struct peer *peer, const char *path);

pn_link_t *peer_sender(struct peer *peer, const char *name, const char *target);

/* One delivery of these bytes; `is_last` false leaves it unfinished. */
pn_delivery_t *peer_begin(struct peer *peer, uint64_t tag);
void peer_send(struct peer *peer, const void *bytes, size_t len, bool is_last);

void peer_close(struct peer *peer);

#endif
