/* SPDX-License-Identifier: Apache-2.0 */
/* client_internal: what client.c (which broker, when) and session.c (AMQP) share. */
#ifndef JEM_BROKER_CLIENT_CLIENT_CLIENT_INTERNAL_H
#define JEM_BROKER_CLIENT_CLIENT_CLIENT_INTERNAL_H

#include "broker-client/client.h"
#include "broker-client/credentials.h"
#include "broker-client/wire/backoff.h"
#include "broker-client/wire/credit.h"
#include "broker-client/wire/dial.h"
#include "broker-client/wire/engine.h"
#include "broker-client/wire/login.h"
#include "broker-client/wire/window.h"
#include "common/buf.h"

#include <proton/delivery.h>
#include <proton/link.h>

#define JEM_REASON_SIZE 320

/*
 * Proton keeps the buffer of each delivery at its greatest size, and the deliveries for later use:
 * with messages in parts of this size, what it keeps is bounded by the number in flight.
 */
#define JEM_SEND_PART 32768u

/* One connection, from the connected socket to its end. */
struct jem_session {
	struct jem_engine engine;
	struct jem_login login;
	struct jem_client *client; /* borrowed, outlives us */
	enum jem_dialect dialect;  /* of the peer, once it is open */
	pn_link_t *sender;         /* borrowed from proton, NULL: none wanted */
	pn_link_t *receiver;
	bool is_open;                 /* the links are attached */
	bool is_over;                 /* the client has been told */
	char reason[JEM_REASON_SIZE]; /* why it ends, if the peer or we said so */
};

struct jem_client {
	struct jem_client_options options; /* its strings are owned, urls is NULL */
	struct jem_url *urls;              /* owned */
	char **url_texts;                  /* owned, as given */
	size_t url_count;
	size_t url_at;                       /* of the current or next attempt */
	struct jem_credentials *credentials; /* owned, or NULL */
	struct jem_tls_context *tls;         /* shared; NULL: no URL is amqps */
	bool has_certificate;

	enum jem_client_state state;
	uv_timer_t timer; /* back-off, hand-shake or close time-out, as the state has it */
	struct jem_backoff backoff;
	struct jem_dial *dial;       /* while connecting */
	struct jem_session *session; /* owned */

	struct jem_window sent;
	struct jem_window received;
	struct jem_credit credit;
	struct jem_buf head; /* scratch: sections before the body */
	struct jem_buf rest; /* of a large message that is being sent in parts */
	size_t rest_sent;
	struct jem_buf incoming; /* a message that comes in parts */
	bool wants_write;        /* a send was refused: tell when it would be taken */
	bool is_closing;
	void (*on_closed)(void *arg);
};

/* session.c */
int jem_session_create(struct jem_client *client, uv_stream_t *stream, bool is_local,
		       struct jem_err *err);
void jem_session_close_in_order(struct jem_session *session);
/* The end at once; the client hears of it before this returns. */
void jem_session_drop(struct jem_session *session, const char *reason);
void jem_session_send_rest(struct jem_session *session);

/* client.c, told by the session */
void jem_client_session_opened(struct jem_client *client);
/* It is being ended in order, which the peer gets a second for. */
void jem_client_session_ending(struct jem_client *client);
void jem_client_session_over(struct jem_client *client, const char *reason);
void jem_client_session_gone(struct jem_client *client);
void jem_client_progress(struct jem_client *client);
bool jem_client_can_send(const struct jem_client *client, size_t bytes);

#endif
