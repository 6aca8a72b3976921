/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/broker/broker_internal.h"
#include "broker-client/broker/peer.h"
#include "broker-client/wire/dial.h"
#include "common/log.h"

#include <errno.h>
#include <proton/codec.h>
#include <proton/connection.h>
#include <proton/session.h>
#include <stdlib.h>

void jem_connection_refuse_link(pn_link_t *link, const char *name, const char *why)
{
	pn_condition_t *condition = pn_link_condition(link);

	pn_link_open(link); /* without terminus: the attach says that a detach follows */
	pn_condition_set_name(condition, name);
	pn_condition_set_description(condition, why);
	pn_link_close(link);
}

void jem_connection_end(struct jem_connection *connection, const char *name, const char *why)
{
	pn_connection_t *pn = connection->engine.driver.connection;
	pn_condition_t *condition = pn_connection_condition(pn);

	if (pn_connection_state(pn) & PN_LOCAL_CLOSED)
		return;
	if (name) {
		pn_condition_set_name(condition, name);
		pn_condition_set_description(condition, why);
	}
	if (pn_connection_state(pn) & PN_LOCAL_UNINIT)
		pn_connection_open(pn); /* a close frame follows an open frame */
	pn_connection_close(pn);
	connection->deadline_ms = uv_now(connection->broker->options.loop) + JEM_BROKER_END_MS;
	jem_engine_wake(&connection->engine);
}

static void detach_link(pn_link_t *link)
{
	void *context = pn_link_get_context(link);

	if (!context)
		return;
	pn_link_set_context(link, NULL);
	if (pn_link_is_sender(link))
		jem_outlet_detach(context);
	else
		jem_inlet_detach(context);
}

static void detach_links_of(struct jem_connection *connection, pn_session_t *session)
{
	pn_link_t *link = pn_link_head(connection->engine.driver.connection, 0);

	while (link) {
		pn_link_t *next = pn_link_next(link, 0);

		if (!session || pn_link_session(link) == session)
			detach_link(link);
		link = next;
	}
}

/* A session's context is the number of its links. */
static void count_links(pn_session_t *session, int change)
{
	intptr_t count = (intptr_t)pn_session_get_context(session) + change;

	pn_session_set_context(session, (void *)count);
}

static void on_link_open(struct jem_connection *connection, pn_link_t *link)
{
	count_links(pn_link_session(link), 1);
	if (++connection->link_count > JEM_BROKER_LINKS_MAX) {
		jem_connection_end(connection, "amqp:resource-limit-exceeded",
				   "more links than a connection may have");
		return;
	}
	if (connection->broker->is_closing)
		jem_connection_refuse_link(link, "amqp:connection:forced", "the broker ends");
	else if (pn_link_is_sender(link))
		jem_outlet_attach(connection, link);
	else
		jem_inlet_attach(connection, link);
}

static void on_link_end(struct jem_connection *connection, pn_link_t *link, bool is_closed)
{
	detach_link(link);
	if (is_closed)
		pn_link_close(link);
	else
		pn_link_detach(link);
	count_links(pn_link_session(link), -1);
	pn_link_free(link);
	connection->link_count--;
}

static void on_session_open(struct jem_connection *connection, pn_session_t *session)
{
	if (++connection->session_count > JEM_BROKER_SESSIONS_MAX)
		jem_connection_end(connection, "amqp:resource-limit-exceeded",
				   "more sessions than a connection may have");
	else
		pn_session_open(session);
}

static void on_session_end(struct jem_connection *connection, pn_session_t *session)
{
	detach_links_of(connection, session);
	connection->link_count -= (unsigned)(intptr_t)pn_session_get_context(session);
	pn_session_close(session);
	pn_session_free(session);
	connection->session_count--;
}

static void end_handshake(struct jem_connection *connection)
{
	if (connection->is_open)
		return;
	connection->is_open = true;
	connection->deadline_ms = 0;
	if (!connection->auth.is_trusted)
		connection->broker->untrusted_count--;
}

static void on_delivery(struct jem_connection *connection, pn_event_t *event)
{
	pn_link_t *link = pn_event_link(event);
	pn_delivery_t *delivery = pn_event_delivery(event);
	void *context = link ? pn_link_get_context(link) : NULL;
	bool is_over = pn_connection_state(connection->engine.driver.connection) & PN_LOCAL_CLOSED;

	if (!context || is_over) {
		/* What still comes on a link that is refused or gone is thrown away. */
		if (link && pn_link_is_receiver(link) && delivery == pn_link_current(link))
			pn_delivery_settle(delivery);
		return;
	}
	if (pn_link_is_sender(link))
		jem_outlet_on_delivery(context, delivery);
	else
		jem_inlet_on_delivery(context, delivery);
}

static void on_event(void *arg, pn_event_t *event)
{
	struct jem_connection *connection = arg;
	pn_connection_t *pn = connection->engine.driver.connection;

	if ((pn_connection_state(pn) & PN_LOCAL_CLOSED) &&
	    pn_event_type(event) != PN_CONNECTION_REMOTE_CLOSE &&
	    pn_event_type(event) != PN_DELIVERY)
		return; /* we have said our last word */
	switch (pn_event_type(event)) {
	case PN_DELIVERY:
		on_delivery(connection, event);
		break;
	case PN_CONNECTION_REMOTE_OPEN:
		end_handshake(connection);
		pn_connection_open(pn);
		break;
	case PN_SESSION_REMOTE_OPEN:
		on_session_open(connection, pn_event_session(event));
		break;
	case PN_LINK_REMOTE_OPEN:
		on_link_open(connection, pn_event_link(event));
		break;
	case PN_LINK_REMOTE_CLOSE:
		on_link_end(connection, pn_event_link(event), true);
		break;
	case PN_LINK_REMOTE_DETACH:
		on_link_end(connection, pn_event_link(event), false);
		break;
	case PN_SESSION_REMOTE_CLOSE:
		on_session_end(connection, pn_event_session(event));
		break;
	case PN_CONNECTION_REMOTE_CLOSE:
		detach_links_of(connection, NULL);
		jem_connection_end(connection, NULL, NULL);
		break;
	default:
		break;
	}
}

/* Those with long queues first: otherwise a fast publisher fills them while we read it. */
void jem_connection_flush_urgent(struct jem_broker *broker)
{
	struct jem_connection *connection;

	if (broker->is_flushing)
		return;
	broker->is_flushing = true;
	while ((connection = broker->urgent) != NULL) {
		broker->urgent = connection->next_urgent;
		connection->is_urgent = false;
		jem_engine_flush(&connection->engine);
	}
	broker->is_flushing = false;
}

static void on_drained(void *arg)
{
	struct jem_connection *connection = arg;
	struct jem_broker *broker = connection->broker;

	if (pn_connection_state(connection->engine.driver.connection) & PN_LOCAL_CLOSED)
		return;
	for (struct jem_outlet *outlet = connection->outlets; outlet; outlet = outlet->next)
		jem_outlet_pump(outlet);
	if (broker->urgent)
		jem_connection_flush_urgent(broker);
	for (struct jem_inlet *inlet = connection->inlets; inlet; inlet = inlet->next)
		jem_inlet_grant(inlet);
	if (broker->is_closing)
		jem_connection_leave_when_empty(connection);
}

void jem_connection_leave_when_empty(struct jem_connection *connection)
{
	for (struct jem_outlet *outlet = connection->outlets; outlet; outlet = outlet->next)
		if (!jem_outlet_is_empty(outlet))
			return;
	jem_connection_end(connection, "amqp:connection:forced", "the broker ends");
}

static void unlink_urgent(struct jem_connection *connection)
{
	struct jem_connection **at = &connection->broker->urgent;

	while (*at && *at != connection)
		at = &(*at)->next_urgent;
	if (*at)
		*at = connection->next_urgent;
}

void jem_connection_drop(struct jem_connection *connection, const char *reason)
{
	log_debug("broker: a connection ended: %s", reason);
	detach_links_of(connection, NULL);
	end_handshake(connection);
	jem_engine_close(&connection->engine);
}

static void on_end(void *arg, const char *reason)
{
	jem_connection_drop(arg, reason);
}

static void on_closed(void *arg)
{
	struct jem_connection *connection = arg;
	struct jem_broker *broker = connection->broker;

	if (connection->is_urgent)
		unlink_urgent(connection);
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		broker->connections = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	free(connection);
	broker->connection_count--;
	jem_broker_count_changed(broker);
}

static const struct jem_engine_handler handler = { on_event, on_drained, on_end, on_closed };

static void configure(struct jem_connection *connection)
{
	pn_connection_t *pn = connection->engine.driver.connection;
	pn_transport_t *transport = connection->engine.driver.transport;
	pn_data_t *data = pn_connection_properties(pn);

	pn_transport_set_server(transport);
	pn_transport_set_idle_timeout(transport, JEM_BROKER_IDLE_MS);
	pn_transport_set_channel_max(transport, JEM_BROKER_SESSIONS_MAX - 1);
	jem_auth_setup(transport, &connection->auth);
	pn_connection_set_container(pn, "jem-broker");
	pn_data_put_map(data);
	pn_data_enter(data);
	pn_data_put_symbol(data, pn_bytes(strlen("product"), "product"));
	pn_data_put_string(data, pn_bytes(strlen("jem-broker"), "jem-broker"));
	pn_data_put_symbol(data, pn_bytes(strlen("version"), "version"));
	pn_data_put_string(data, pn_bytes(strlen(JEM_VERSION), JEM_VERSION));
	pn_data_exit(data);
	data = pn_connection_offered_capabilities(pn);
	pn_data_put_symbol(data, pn_bytes(strlen("ANONYMOUS-RELAY"), "ANONYMOUS-RELAY"));
}

/* NULL: refused, and the stream is for the caller to drop. */
static struct jem_connection *admit(struct jem_broker *broker, uv_stream_t *stream)
{
	struct jem_connection *connection;
	uv_os_fd_t fd;
	bool is_trusted = !uv_fileno((uv_handle_t *)stream, &fd) && jem_peer_is_trusted(fd);

	if (broker->is_closing || broker->connection_count >= broker->options.connections)
		return NULL;
	/* Strangers may not fill the house while they are asked who they are. */
	if (!is_trusted && broker->untrusted_count >= (broker->options.connections + 3) / 4)
		return NULL;
	connection = calloc(1, sizeof(*connection));
	if (!connection)
		return NULL;
	connection->broker = broker;
	connection->auth =
		(struct jem_auth){ .credentials = broker->credentials, .is_trusted = is_trusted };
	if (jem_engine_init(&connection->engine, broker->options.loop, &handler, connection) < 0) {
		free(connection);
		return NULL;
	}
	broker->untrusted_count += !is_trusted;
	return connection;
}

void jem_connection_accept(struct jem_broker *broker, uv_stream_t *stream, bool is_tls)
{
	struct jem_connection *connection = NULL;
	struct jem_tls *tls = NULL;

	if (!is_tls || jem_tls_create(broker->tls, NULL, &tls) >= 0)
		connection = admit(broker, stream);
	if (!connection) {
		log_debug("broker: a connection was refused");
		broker->stats.connections_refused++;
		jem_tls_destroy(tls);
		jem_dial_drop(stream);
		return;
	}
	connection->auth.tls = tls;
	configure(connection);
	connection->next = broker->connections;
	if (broker->connections)
		broker->connections->previous = connection;
	broker->connections = connection;
	connection->deadline_ms = uv_now(broker->options.loop) + JEM_BROKER_HANDSHAKE_MS;
	broker->connection_count++;
	jem_broker_count_changed(broker);
	if (tls)
		jem_engine_start_tls(&connection->engine, stream, tls);
	else
		jem_engine_start(&connection->engine, stream);
}
