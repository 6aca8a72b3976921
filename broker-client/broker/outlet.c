/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/broker/broker_internal.h"
#include "broker-client/wire/message_codec.h"

#include <proton/session.h>
#include <proton/terminus.h>
#include <stdlib.h>

enum {
	HIGH_WATER = 2 * JEM_FRAME_MAX, /* bytes proton holds for a session */
	UNSETTLED_MAX = 1000,
	URGENT_BYTES = 256 << 10
};

static void give_retained(void *arg, struct jem_raw *raw)
{
	jem_outlet_push(arg, raw, true);
}

static void subscribe(struct jem_outlet *outlet, const char *pattern)
{
	struct jem_broker *broker = outlet->connection->broker;
	pn_link_t *link = outlet->link;

	outlet->is_settled = pn_link_remote_snd_settle_mode(link) != PN_SND_UNSETTLED;
	pn_link_set_snd_settle_mode(link, outlet->is_settled ? PN_SND_SETTLED : PN_SND_UNSETTLED);
	pn_link_set_rcv_settle_mode(link, PN_RCV_FIRST);
	pn_terminus_set_address(pn_link_source(link), pattern);
	pn_terminus_set_type(pn_link_target(link), PN_TARGET);
	pn_terminus_set_address(pn_link_target(link),
				pn_terminus_get_address(pn_link_remote_target(link)));
	pn_link_set_context(link, outlet);
	pn_link_open(link);
	jem_retained_each(&broker->retained, pattern, strlen(pattern), give_retained, outlet);
}

void jem_outlet_attach(struct jem_connection *connection, pn_link_t *link)
{
	struct jem_broker *broker = connection->broker;
	pn_terminus_t *source = pn_link_remote_source(link);
	const char *pattern = pn_terminus_get_address(source);
	struct jem_outlet *outlet;
	int rc;

	if (pn_terminus_is_dynamic(source) || !pattern) {
		jem_connection_refuse_link(link, "amqp:not-implemented",
					   "a subscription needs a pattern as its source address");
		return;
	}
	outlet = calloc(1, sizeof(*outlet));
	rc = outlet ? jem_router_add(&broker->router, pattern, outlet) : -1;
	if (rc < 0) {
		free(outlet);
		jem_connection_refuse_link(link, "amqp:invalid-field",
					   "the source address is no pattern: names, `*` and `#` "
					   "with dots between them");
		return;
	}
	outlet->connection = connection;
	outlet->link = link;
	outlet->next = connection->outlets;
	connection->outlets = outlet;
	jem_queue_init(&outlet->queue, broker->options.queue_bytes);
	subscribe(outlet, pattern);
}

void jem_outlet_detach(struct jem_outlet *outlet)
{
	struct jem_connection *connection = outlet->connection;
	struct jem_outlet **at = &connection->outlets;

	while (*at != outlet)
		at = &(*at)->next;
	*at = outlet->next;
	jem_router_remove(&connection->broker->router, outlet);
	connection->broker->stats.bytes_queued -= outlet->queue.bytes;
	jem_queue_deinit(&outlet->queue);
	jem_raw_unref(outlet->current.raw);
	free(outlet);
}

void jem_outlet_push(struct jem_outlet *outlet, struct jem_raw *raw, bool is_retained)
{
	struct jem_connection *connection = outlet->connection;
	struct jem_broker *broker = connection->broker;
	size_t before = outlet->queue.bytes;

	broker->stats.messages_dropped += jem_queue_push(&outlet->queue, raw, is_retained);
	broker->stats.bytes_queued += outlet->queue.bytes - before;
	jem_engine_wake(&connection->engine);
	if (outlet->queue.bytes < URGENT_BYTES || connection->is_urgent)
		return;
	connection->is_urgent = true;
	connection->next_urgent = broker->urgent;
	broker->urgent = connection;
}

void jem_outlet_on_delivery(struct jem_outlet *outlet, pn_delivery_t *delivery)
{
	uint64_t state = pn_delivery_remote_state(delivery);

	(void)outlet;
	if (!pn_delivery_updated(delivery))
		return;
	/* A topic has nobody else to give a released message to: every outcome ends it. */
	if (pn_delivery_settled(delivery) || (state && state != PN_RECEIVED))
		pn_delivery_settle(delivery);
}

bool jem_outlet_is_empty(const struct jem_outlet *outlet)
{
	return !outlet->queue.count && !outlet->current.raw;
}

/* Begins the next message: its header, and what we have to say about this delivery. */
static bool begin(struct jem_outlet *outlet)
{
	struct jem_broker *broker = outlet->connection->broker;
	struct jem_buf *prefix = &broker->prefix;
	size_t before = outlet->queue.bytes;
	uint64_t tag;
	struct jem_raw *raw;

	if (!jem_queue_pop(&outlet->queue, &outlet->current))
		return false;
	broker->stats.bytes_queued -= before - outlet->queue.bytes;
	raw = outlet->current.raw;
	tag = outlet->next_tag++;
	pn_delivery(outlet->link, pn_dtag((const char *)&tag, sizeof(tag)));
	outlet->current_sent = 0;
	if (outlet->queue.dropped == outlet->dropped_told && !outlet->current.is_retained)
		return true;
	jem_buf_clear(prefix);
	jem_message_encode_annotations(
		outlet->queue.dropped == outlet->dropped_told ? 0 : outlet->queue.dropped,
		outlet->current.is_retained, prefix);
	if (prefix->failed)
		return true; /* the notice goes with the next one */
	outlet->dropped_told = outlet->queue.dropped;
	pn_link_send(outlet->link, raw->bytes, raw->header_len);
	pn_link_send(outlet->link, prefix->data, prefix->len);
	outlet->current_sent = raw->header_len;
	return true;
}

static void finish(struct jem_outlet *outlet)
{
	pn_delivery_t *delivery = pn_link_current(outlet->link);

	pn_link_advance(outlet->link);
	if (outlet->is_settled)
		pn_delivery_settle(delivery);
	jem_raw_unref(outlet->current.raw);
	outlet->current.raw = NULL;
	outlet->connection->broker->stats.messages_out++;
}

static bool has_room(const struct jem_outlet *outlet)
{
	return pn_session_outgoing_bytes(pn_link_session(outlet->link)) < HIGH_WATER;
}

void jem_outlet_pump(struct jem_outlet *outlet)
{
	while (has_room(outlet)) {
		size_t left;
		size_t part;

		if (!outlet->current.raw &&
		    (pn_link_credit(outlet->link) <= 0 ||
		     pn_link_unsettled(outlet->link) >= UNSETTLED_MAX || !begin(outlet)))
			break;
		left = outlet->current.raw->len - outlet->current_sent;
		part = left > HIGH_WATER ? HIGH_WATER : left;
		pn_link_send(outlet->link, outlet->current.raw->bytes + outlet->current_sent, part);
		outlet->current_sent += part;
		if (part == left)
			finish(outlet);
	}
	if (jem_outlet_is_empty(outlet) && pn_link_get_drain(outlet->link))
		pn_link_drained(outlet->link);
}
