/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/client/client_internal.h"
#include "broker-client/wire/message_codec.h"

#include <errno.h>
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	IDLE_DEFAULT_MS = 30000
};

/* The first reason is the cause, later ones follow from it. */
static void note_reason(struct jem_session *session, pn_condition_t *condition,
			const char *otherwise)
{
	char text[JEM_REASON_SIZE];

	if (!session->reason[0])
		snprintf(session->reason, sizeof(session->reason), "%s",
			 jem_engine_condition(condition, otherwise, text, sizeof(text)));
}

static void over(struct jem_session *session, const char *reason)
{
	if (session->is_over)
		return;
	session->is_over = true;
	if (session->login.why[0])
		reason = session->login.why;
	jem_client_session_over(session->client, session->reason[0] ? session->reason : reason);
	jem_engine_close(&session->engine);
}

void jem_session_drop(struct jem_session *session, const char *reason)
{
	over(session, reason);
}

/* Ends a connection on which something is wrong; the peer is told, if it reads. */
static void give_up(struct jem_session *session, pn_condition_t *condition, const char *otherwise)
{
	note_reason(session, condition, otherwise);
	pn_connection_close(session->engine.driver.connection);
	jem_client_session_ending(session->client);
}

void jem_session_close_in_order(struct jem_session *session)
{
	note_reason(session, NULL, "closed");
	if (session->sender)
		pn_link_close(session->sender);
	if (session->receiver)
		pn_link_close(session->receiver);
	pn_connection_close(session->engine.driver.connection);
	jem_engine_wake(&session->engine);
}

static bool is_attached(pn_link_t *link)
{
	return !link || (pn_link_state(link) & PN_REMOTE_ACTIVE);
}

static void on_attached(struct jem_session *session, pn_link_t *link)
{
	pn_terminus_t *remote =
		link == session->sender ? pn_link_remote_target(link) : pn_link_remote_source(link);

	if (link != session->sender && link != session->receiver) {
		give_up(session, NULL, "the broker attached a link that nobody asked for");
		return;
	}
	/* Without a terminus the broker refuses; its detach follows and says why. */
	if (pn_terminus_get_type(remote) == PN_UNSPECIFIED || session->is_open)
		return;
	if (!is_attached(session->sender) || !is_attached(session->receiver))
		return;
	session->is_open = true;
	jem_client_session_opened(session->client);
}

static bool read_outcome(pn_delivery_t *delivery, enum jem_outcome *outcome)
{
	switch (pn_delivery_remote_state(delivery)) {
	case PN_ACCEPTED:
		*outcome = JEM_OUTCOME_ACCEPTED;
		return true;
	case PN_REJECTED:
		*outcome = JEM_OUTCOME_REJECTED;
		return true;
	case PN_RELEASED:
	case PN_MODIFIED:
		*outcome = JEM_OUTCOME_RELEASED;
		return true;
	default:
		/* Settled without a word: sending again may double it, not doing so lose it. */
		*outcome = JEM_OUTCOME_RELEASED;
		return pn_delivery_settled(delivery);
	}
}

static void on_disposition(struct jem_session *session, pn_delivery_t *delivery)
{
	struct jem_client *client = session->client;
	pn_delivery_tag_t delivery_tag = pn_delivery_tag(delivery);
	struct jem_window_slot slot;
	enum jem_outcome outcome;
	char text[JEM_REASON_SIZE];
	uint64_t number;
	const char *reason;

	if (!pn_delivery_updated(delivery) || !read_outcome(delivery, &outcome) ||
	    delivery_tag.size != sizeof(number))
		return;
	memcpy(&number, delivery_tag.start, sizeof(number));
	reason = jem_engine_condition(pn_disposition_condition(pn_delivery_remote(delivery)), "",
				      text, sizeof(text));
	if (pn_delivery_current(delivery)) {
		/* The outcome of a message whose rest is not sent yet. */
		jem_buf_clear(&client->rest);
	}
	pn_delivery_settle(delivery);
	if (!jem_window_take(&client->sent, number, &slot))
		return;
	if (outcome == JEM_OUTCOME_ACCEPTED)
		jem_client_progress(client);
	if (client->options.events.on_outcome)
		client->options.events.on_outcome(client->options.arg, slot.tag, outcome, reason);
}

static void refuse_message(pn_delivery_t *delivery, const char *name, const char *why)
{
	pn_condition_t *condition = pn_disposition_condition(pn_delivery_local(delivery));

	pn_condition_set_name(condition, name);
	pn_condition_set_description(condition, why);
	pn_delivery_update(delivery, PN_REJECTED);
	pn_delivery_settle(delivery);
}

/* Takes what has come of the current message. False: too large, and refused. */
static bool collect(struct jem_session *session, pn_delivery_t *delivery)
{
	struct jem_client *client = session->client;
	size_t pending = pn_delivery_pending(delivery);
	char *room;

	if (!pending)
		return true;
	room = jem_buf_extend(&client->incoming, pending);
	if (!room) {
		refuse_message(delivery, "amqp:link:message-size-exceeded",
			       "messages are taken up to 16 MiB");
		jem_buf_deinit(&client->incoming);
		return false;
	}
	pn_link_recv(session->receiver, room, pending);
	return true;
}

static void give_message(struct jem_session *session, pn_delivery_t *delivery)
{
	struct jem_client *client = session->client;
	struct jem_message message;
	uint64_t number;

	jem_credit_note(&client->credit, client->incoming.len);
	if (jem_message_decode(client->incoming.data, client->incoming.len, &message) < 0) {
		refuse_message(delivery, "amqp:decode-error",
			       "the body is one data section, binary or string");
		return;
	}
	number = jem_window_push(
		&client->received,
		(struct jem_window_slot){ .delivery = delivery, .bytes = client->incoming.len });
	if (!number) {
		give_up(session, NULL, "too many messages wait to be settled");
		return;
	}
	pn_link_advance(session->receiver);
	jem_client_progress(client);
	client->options.events.on_message(client->options.arg, &message, number);
}

static void on_transfer(struct jem_session *session, pn_delivery_t *delivery)
{
	struct jem_client *client = session->client;

	if (delivery != pn_link_current(session->receiver))
		return; /* an event of a message that is dealt with already */
	if (pn_delivery_aborted(delivery)) {
		jem_buf_clear(&client->incoming);
		pn_delivery_settle(delivery);
		return;
	}
	if (pn_link_credit(session->receiver) <= 0) { /* counted when a message is advanced over */
		give_up(session, NULL, "the broker sent more messages than it had credit for");
		return;
	}
	if (!collect(session, delivery) || pn_delivery_partial(delivery))
		return;
	if (client->incoming.len)
		give_message(session, delivery);
	else
		refuse_message(delivery, "amqp:decode-error", "the message is empty");
	if (client->incoming.cap > JEM_FRAME_MAX * 2)
		jem_buf_deinit(&client->incoming);
	else
		jem_buf_clear(&client->incoming);
}

static void on_delivery(struct jem_session *session, pn_event_t *event)
{
	if (session->is_over || pn_event_link(event) == NULL)
		return;
	if (pn_event_link(event) == session->sender)
		on_disposition(session, pn_event_delivery(event));
	else if (pn_event_link(event) == session->receiver)
		on_transfer(session, pn_event_delivery(event));
}

static void set_terminus(pn_terminus_t *at, const struct jem_terminus *terminus)
{
	if (terminus->address[0])
		pn_terminus_set_address(at, terminus->address);
	if (terminus->capability)
		pn_data_put_symbol(pn_terminus_capabilities(at),
				   pn_bytes(strlen(terminus->capability), terminus->capability));
	if (terminus->is_durable)
		pn_terminus_set_durability(at, PN_DELIVERIES);
}

static void attach_sender(struct jem_session *session, pn_session_t *ssn)
{
	struct jem_terminus terminus;

	jem_dialect_publish(session->dialect, session->client->options.access.exchange, &terminus);
	session->sender = pn_sender(ssn, "publish");
	pn_terminus_set_type(pn_link_source(session->sender), PN_SOURCE);
	pn_terminus_set_type(pn_link_target(session->sender), PN_TARGET);
	set_terminus(pn_link_target(session->sender), &terminus);
	pn_link_set_snd_settle_mode(session->sender, PN_SND_UNSETTLED);
	pn_link_open(session->sender);
}

static int attach_receiver(struct jem_session *session, pn_session_t *ssn, struct jem_err *err)
{
	const struct jem_client_options *options = &session->client->options;
	struct jem_terminus terminus;
	int rc = 0;

	if (options->queue)
		jem_dialect_queue(session->dialect, options->queue, &terminus);
	else
		rc = jem_dialect_subscribe(session->dialect, options->access.exchange,
					   options->subscribe, &terminus, err);
	if (rc < 0)
		return rc;
	session->receiver = pn_receiver(ssn, "subscribe");
	set_terminus(pn_link_source(session->receiver), &terminus);
	pn_link_set_max_message_size(session->receiver, JEM_MESSAGE_MAX);
	pn_link_open(session->receiver);
	return 0;
}

/* A text of the peer's open frame, cut to the room there is; "" if it is not there. */
static void read_property(pn_connection_t *connection, const char *name, char *ret, size_t size)
{
	pn_data_t *data = pn_connection_remote_properties(connection);
	size_t count;

	ret[0] = '\0';
	pn_data_rewind(data);
	if (!pn_data_next(data) || pn_data_type(data) != PN_MAP)
		return;
	count = pn_data_get_map(data);
	pn_data_enter(data);
	for (size_t i = 0; i + 1 < count; i += 2) {
		bool is_it = pn_data_next(data) && pn_data_type(data) == PN_SYMBOL &&
			     pn_data_get_symbol(data).size == strlen(name) &&
			     !memcmp(pn_data_get_symbol(data).start, name, strlen(name));

		if (!pn_data_next(data))
			return;
		if (is_it && pn_data_type(data) == PN_STRING)
			snprintf(ret, size, "%.*s", (int)pn_data_get_string(data).size,
				 pn_data_get_string(data).start);
	}
}

/* The peer has said what it is: now links can be named in its words. */
static void on_opened(struct jem_session *session)
{
	pn_connection_t *connection = session->engine.driver.connection;
	const struct jem_client_options *options = &session->client->options;
	struct jem_err err = { "" };
	char product[64];
	char version[32];
	pn_session_t *ssn;

	if (session->sender || session->receiver || session->is_over)
		return;
	read_property(connection, "product", product, sizeof(product));
	read_property(connection, "version", version, sizeof(version));
	session->dialect = options->access.dialect;
	if (session->dialect == JEM_DIALECT_AUTO)
		session->dialect = jem_dialect_detect(product, version);
	ssn = pn_session(connection);
	pn_session_open(ssn);
	if (options->is_publisher)
		attach_sender(session, ssn);
	if ((options->subscribe || options->queue) && attach_receiver(session, ssn, &err) < 0)
		give_up(session, NULL, err.text);
}

static void on_event(void *arg, pn_event_t *event)
{
	struct jem_session *session = arg;

	switch (pn_event_type(event)) {
	case PN_DELIVERY:
		on_delivery(session, event);
		break;
	case PN_CONNECTION_REMOTE_OPEN:
		on_opened(session);
		break;
	case PN_LINK_REMOTE_OPEN:
		on_attached(session, pn_event_link(event));
		break;
	case PN_LINK_REMOTE_CLOSE:
	case PN_LINK_REMOTE_DETACH:
		give_up(session, pn_link_remote_condition(pn_event_link(event)),
			"the broker closed the link");
		break;
	case PN_SESSION_REMOTE_CLOSE:
		give_up(session, pn_session_remote_condition(pn_event_session(event)),
			"the broker closed the session");
		break;
	case PN_CONNECTION_REMOTE_CLOSE:
		give_up(session, pn_connection_remote_condition(session->engine.driver.connection),
			"the broker closed the connection");
		break;
	default:
		break;
	}
}

void jem_session_send_rest(struct jem_session *session)
{
	struct jem_client *client = session->client;
	size_t left = client->rest.len - client->rest_sent;
	size_t part = left > JEM_SEND_PART ? JEM_SEND_PART : left;

	if (!client->rest.len || pn_session_outgoing_bytes(pn_link_session(session->sender)))
		return;
	pn_link_send(session->sender, client->rest.data + client->rest_sent, part);
	client->rest_sent += part;
	if (part < left)
		return;
	jem_buf_deinit(&client->rest);
	pn_link_advance(session->sender);
}

static void grant_credit(struct jem_session *session)
{
	struct jem_client *client = session->client;
	uint32_t grant = jem_credit_grant(&client->credit, pn_link_credit(session->receiver),
					  client->received.count, client->received.bytes);

	if (grant)
		pn_link_flow(session->receiver, (int)grant);
}

static void on_drained(void *arg)
{
	struct jem_session *session = arg;
	struct jem_client *client = session->client;

	if (!session->is_open || session->is_over || session->reason[0])
		return;
	if (session->receiver)
		grant_credit(session);
	if (session->sender)
		jem_session_send_rest(session);
	if (client->wants_write && jem_client_can_send(client, 0)) {
		client->wants_write = false;
		if (client->options.events.on_writable)
			client->options.events.on_writable(client->options.arg);
	}
}

static void on_end(void *arg, const char *reason)
{
	over(arg, reason);
}

static void on_closed(void *arg)
{
	struct jem_session *session = arg;
	struct jem_client *client = session->client;

	explicit_bzero(&session->login, sizeof(session->login));
	free(session);
	jem_client_session_gone(client);
}

static const struct jem_engine_handler handler = { on_event, on_drained, on_end, on_closed };

static int set_login(struct jem_session *session, bool is_local, struct jem_err *err)
{
	struct jem_client *client = session->client;
	const struct jem_url *url = &client->urls[client->url_at];
	struct jem_login *login = &session->login;

	login->has_certificate = url->is_tls && client->has_certificate;
	if (client->credentials && !is_local && !url->is_tls)
		return jem_err_set(err, -EACCES,
				   "a password is not sent without TLS beyond loopback");
	if (client->credentials &&
	    !jem_credentials_find(client->credentials, url->user, &login->user, &login->password))
		return jem_err_set(err, -ENOENT, "the credentials file has no user `%s`",
				   url->user);
	jem_login_setup(session->engine.driver.transport, login);
	return 0;
}

static void configure(struct jem_session *session)
{
	const struct jem_client *client = session->client;
	const struct jem_url *url = &client->urls[client->url_at];
	pn_connection_t *connection = session->engine.driver.connection;
	uint64_t idle_ms = client->options.access.idle_timeout_ms;

	pn_connection_set_container(connection, client->options.container_id);
	pn_connection_set_hostname(connection, url->is_unix ? "localhost" : url->host);
	pn_transport_set_idle_timeout(session->engine.driver.transport,
				      (pn_millis_t)(idle_ms ? idle_ms : IDLE_DEFAULT_MS));
	pn_connection_open(connection);
}

static void on_refused_closed(void *arg)
{
	free(arg);
}

static const struct jem_engine_handler refused = { .on_closed = on_refused_closed };

int jem_session_create(struct jem_client *client, uv_stream_t *stream, bool is_local,
		       struct jem_err *err)
{
	struct jem_session *session = calloc(1, sizeof(*session));
	const struct jem_url *url = &client->urls[client->url_at];
	struct jem_tls *tls = NULL;
	int rc;

	if (!session)
		return -ENOMEM;
	session->client = client;
	rc = jem_engine_init(&session->engine, stream->loop, &handler, session);
	if (rc < 0) {
		free(session);
		return rc;
	}
	rc = set_login(session, is_local, err);
	if (rc >= 0 && url->is_tls)
		rc = jem_tls_create(client->tls, url->host, &tls);
	if (rc < 0) {
		session->engine.handler = &refused;
		jem_engine_close(&session->engine);
		return rc;
	}
	configure(session);
	client->session = session;
	if (tls)
		jem_engine_start_tls(&session->engine, stream, tls);
	else
		jem_engine_start(&session->engine, stream);
	return 0;
}
