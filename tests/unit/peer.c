/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/peer.h"

#include "broker-client/wire/address.h"
#include "broker-client/wire/dial.h"

#include <unistd.h>

static void note(struct peer *peer, pn_condition_t *condition)
{
	char text[256];

	snprintf(peer->condition, sizeof(peer->condition), "%s",
		 jem_engine_condition(condition, "", text, sizeof(text)));
}

static void on_delivery(struct peer *peer, pn_event_t *event)
{
	pn_delivery_t *delivery = pn_event_delivery(event);

	if (pn_link_is_receiver(pn_event_link(event))) {
		if (delivery == pn_link_current(pn_event_link(event)) &&
		    !pn_delivery_partial(delivery)) {
			peer->transfer_count++;
			pn_link_advance(pn_event_link(event));
		}
		return;
	}
	if (!pn_delivery_remote_state(delivery))
		return;
	peer->outcome = pn_delivery_remote_state(delivery);
	peer->outcome_count++;
	note(peer, pn_disposition_condition(pn_delivery_remote(delivery)));
	pn_delivery_settle(delivery);
}

static void open_link(struct peer *peer, pn_link_t *link)
{
	peer->link = link;
	if (peer->is_server) {
		pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
		pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
		pn_link_open(link);
	}
	peer->attached_count++;
}

static void on_event(void *arg, pn_event_t *event)
{
	struct peer *peer = arg;

	switch (pn_event_type(event)) {
	case PN_CONNECTION_REMOTE_OPEN:
		if (peer->is_server)
			pn_connection_open(peer->engine.driver.connection);
		break;
	case PN_SESSION_REMOTE_OPEN:
		if (peer->is_server)
			pn_session_open(pn_event_session(event));
		break;
	case PN_LINK_REMOTE_OPEN:
		open_link(peer, pn_event_link(event));
		break;
	case PN_LINK_REMOTE_CLOSE:
		peer->closed_count++;
		note(peer, pn_link_remote_condition(pn_event_link(event)));
		break;
	case PN_CONNECTION_REMOTE_CLOSE:
		note(peer, pn_connection_remote_condition(peer->engine.driver.connection));
		pn_connection_close(peer->engine.driver.connection);
		break;
	case PN_DELIVERY:
		on_delivery(peer, event);
		break;
	default:
		break;
	}
	if (peer->on_event)
		peer->on_event(peer, event);
}

static void on_end(void *arg, const char *reason)
{
	struct peer *peer = arg;

	if (!peer->condition[0])
		snprintf(peer->condition, sizeof(peer->condition), "%s", reason);
	peer->end_count++;
	jem_engine_close(&peer->engine);
}

static void on_closed(void *arg)
{
	struct peer *peer = arg;

	peer->is_live = false;
}

static const struct jem_engine_handler handler = { on_event, NULL, on_end, on_closed };

void peer_connect(struct peer *peer, const char *url)
{
	int fd = jem_address_connect(url + strlen("unix:"));
	pn_session_t *session;

	CHECK_OK(fd);
	CHECK_OK(jem_engine_init(&peer->engine, &wire_loop, &handler, peer));
	peer->is_live = true;
	pn_connection_set_container(peer->engine.driver.connection, "peer");
	pn_connection_open(peer->engine.driver.connection);
	session = pn_session(peer->engine.driver.connection);
	pn_session_open(session);
	pn_connection_set_context(peer->engine.driver.connection, session);
	jem_engine_start(&peer->engine, jem_dial_stream(&wire_loop, fd, true));
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct peer *peer = listener->data;
	uv_pipe_t *pipe = calloc(1, sizeof(*pipe));

	CHECK_OK(status);
	uv_pipe_init(&wire_loop, pipe, 0);
	CHECK_OK(uv_accept(listener, (uv_stream_t *)pipe));
	if (peer->is_live) {
		jem_dial_drop((uv_stream_t *)pipe);
		return;
	}
	CHECK_OK(jem_engine_init(&peer->engine, &wire_loop, &handler, peer));
	peer->is_live = true;
	pn_transport_set_server(peer->engine.driver.transport);
	pn_sasl_allowed_mechs(pn_sasl(peer->engine.driver.transport), "ANONYMOUS");
	pn_connection_set_container(peer->engine.driver.connection, "server");
	jem_engine_start(&peer->engine, (uv_stream_t *)pipe);
}

void peer_listen(struct peer *peer, const char *path)
{
	peer->is_server = peer->is_listening = true;
	uv_pipe_init(&wire_loop, &peer->listener, 0);
	peer->listener.data = peer;
	CHECK_OK(uv_pipe_bind(&peer->listener, path));
	CHECK_OK(uv_listen((uv_stream_t *)&peer->listener, 8, on_connection));
}

pn_link_t *peer_sender(struct peer *peer, const char *name, const char *target)
{
	pn_session_t *session = pn_connection_get_context(peer->engine.driver.connection);
	pn_link_t *link = pn_sender(session, name);
	unsigned before = peer->attached_count;

	pn_terminus_set_type(pn_link_target(link), PN_TARGET);
	pn_terminus_set_address(pn_link_target(link), target);
	pn_link_open(link);
	jem_engine_wake(&peer->engine);
	WIRE_UNTIL(peer->attached_count + peer->end_count, before + 1);
	return link;
}

pn_delivery_t *peer_begin(struct peer *peer, uint64_t tag)
{
	return pn_delivery(peer->link, pn_dtag((char *)&tag, sizeof(tag)));
}

void peer_send(struct peer *peer, const void *bytes, size_t len, bool is_last)
{
	pn_link_send(peer->link, bytes, len);
	if (is_last)
		pn_link_advance(peer->link);
	jem_engine_wake(&peer->engine);
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct peer *peer = handle->data;

	peer->is_listening = false;
}

void peer_close(struct peer *peer)
{
	if (peer->is_live)
		jem_engine_close(&peer->engine);
	if (peer->is_server && peer->is_listening)
		uv_close((uv_handle_t *)&peer->listener, on_listener_closed);
	WIRE_UNTIL(!peer->is_live && !peer->is_listening, 1);
}
