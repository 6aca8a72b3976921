/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/broker/broker_internal.h"
#include "broker-client/wire/message_codec.h"

#include <errno.h>
#include <proton/disposition.h>
#include <proton/terminus.h>
#include <stdlib.h>

enum {
	BUDGET_BYTES = 4 << 20, /* of a link: on their way to us, or held by the local subscriber */
	CREDIT_MAX = 1000,
	PARTIAL_FIRST = JEM_FRAME_MAX + 4096 /* a batch and its sections */
};

void jem_inlet_attach(struct jem_connection *connection, pn_link_t *link)
{
	pn_terminus_t *target = pn_link_remote_target(link);
	const char *topic = pn_terminus_get_address(target);
	struct jem_inlet *inlet;

	if (pn_terminus_get_type(target) == PN_COORDINATOR || pn_terminus_is_dynamic(target)) {
		jem_connection_refuse_link(link, "amqp:not-implemented",
					   "no transactions and no dynamic nodes here");
		return;
	}
	if (topic && !jem_router_is_topic(topic, strlen(topic))) {
		jem_connection_refuse_link(link, "amqp:invalid-field",
					   "the target address is no topic: names with dots "
					   "between them");
		return;
	}
	inlet = calloc(1, sizeof(*inlet));
	if (!inlet) {
		jem_connection_refuse_link(link, "amqp:resource-limit-exceeded", "out of memory");
		return;
	}
	inlet->connection = connection;
	inlet->link = link;
	inlet->next = connection->inlets;
	connection->inlets = inlet;
	jem_credit_init(&inlet->credit, BUDGET_BYTES, CREDIT_MAX);
	if (topic) {
		inlet->topic_len = strlen(topic);
		memcpy(inlet->topic, topic, inlet->topic_len);
	}
	pn_terminus_set_type(pn_link_target(link), PN_TARGET);
	pn_terminus_set_address(pn_link_target(link), topic);
	pn_terminus_set_type(pn_link_source(link), PN_SOURCE);
	pn_terminus_set_address(pn_link_source(link),
				pn_terminus_get_address(pn_link_remote_source(link)));
	pn_link_set_max_message_size(link, JEM_MESSAGE_MAX);
	pn_link_set_snd_settle_mode(link, pn_link_remote_snd_settle_mode(link));
	pn_link_set_rcv_settle_mode(link, PN_RCV_FIRST);
	pn_link_set_context(link, inlet);
	pn_link_open(link);
	jem_inlet_grant(inlet);
}

static void drop_partial(struct jem_inlet *inlet)
{
	if (!inlet->partial)
		return;
	inlet->connection->broker->partial_bytes -= inlet->partial->len;
	jem_raw_unref(inlet->partial);
	inlet->partial = NULL;
	inlet->partial_len = 0;
}

void jem_inlet_detach(struct jem_inlet *inlet)
{
	struct jem_inlet **at = &inlet->connection->inlets;

	while (*at != inlet)
		at = &(*at)->next;
	*at = inlet->next;
	drop_partial(inlet);
	if (inlet->held)
		jem_broker_forget_tickets(inlet->connection->broker, inlet);
	free(inlet);
}

void jem_inlet_grant(struct jem_inlet *inlet)
{
	uint32_t grant = jem_credit_grant(&inlet->credit, pn_link_credit(inlet->link), inlet->held,
					  inlet->held_bytes);

	if (grant)
		pn_link_flow(inlet->link, (int)grant);
}

void jem_inlet_settle(pn_delivery_t *delivery, enum jem_outcome outcome)
{
	static const uint64_t states[] = { [JEM_OUTCOME_ACCEPTED] = PN_ACCEPTED,
					   [JEM_OUTCOME_REJECTED] = PN_REJECTED,
					   [JEM_OUTCOME_RELEASED] = PN_RELEASED };

	pn_delivery_update(delivery, states[outcome]);
	pn_delivery_settle(delivery);
}

static void reject(pn_delivery_t *delivery, const char *name, const char *why)
{
	pn_condition_t *condition = pn_disposition_condition(pn_delivery_local(delivery));

	pn_condition_set_name(condition, name);
	pn_condition_set_description(condition, why);
	jem_inlet_settle(delivery, JEM_OUTCOME_REJECTED);
}

/* Room for `more` bytes of a message in parts: within its own bound and that of all peers. */
static bool reserve_partial(struct jem_inlet *inlet, size_t more)
{
	struct jem_broker *broker = inlet->connection->broker;
	size_t before = inlet->partial ? inlet->partial->len : 0;
	size_t room = before ? before : PARTIAL_FIRST;
	size_t need = inlet->partial_len + more;
	struct jem_raw *grown;

	if (need <= before)
		return true;
	if (need > JEM_MESSAGE_MAX)
		return false;
	while (room < need)
		room *= 2;
	if (room > JEM_MESSAGE_MAX)
		room = JEM_MESSAGE_MAX;
	if (broker->partial_bytes + room - before > JEM_BROKER_PARTIAL_MAX)
		return false;
	grown = realloc(inlet->partial, sizeof(*grown) + room);
	if (!grown)
		return false;
	broker->partial_bytes += room - before;
	grown->references = 1;
	grown->len = room;
	inlet->partial = grown;
	return true;
}

/* The complete message, or NULL: not complete yet, or refused (then the delivery is settled). */
static struct jem_raw *collect(struct jem_inlet *inlet, pn_delivery_t *delivery)
{
	size_t pending = pn_delivery_pending(delivery);
	bool is_partial = pn_delivery_partial(delivery);
	struct jem_raw *raw;

	if (!inlet->partial && !is_partial) {
		raw = jem_raw_create(pending);
		if (raw)
			pn_link_recv(inlet->link, raw->bytes, pending);
		else
			jem_inlet_settle(delivery, JEM_OUTCOME_RELEASED);
		return raw;
	}
	if (!reserve_partial(inlet, pending)) {
		drop_partial(inlet);
		reject(delivery, "amqp:link:message-size-exceeded",
		       "messages are taken up to 16 MiB, and few of that size at once");
		return NULL;
	}
	pn_link_recv(inlet->link, inlet->partial->bytes + inlet->partial_len, pending);
	inlet->partial_len += pending;
	if (is_partial)
		return NULL;
	inlet->connection->broker->partial_bytes -= inlet->partial->len;
	raw = realloc(inlet->partial, sizeof(*raw) + inlet->partial_len);
	raw = raw ? raw : inlet->partial;
	raw->len = inlet->partial_len;
	inlet->partial = NULL;
	inlet->partial_len = 0;
	return raw;
}

/* Delivery annotations are for one hop (part 3, section 3.2.2): the publisher's end here. */
static void strip_annotations(struct jem_raw *raw, const struct jem_message_scan *scan)
{
	char *at = raw->bytes + scan->header_len;

	raw->header_len = (uint32_t)scan->header_len;
	if (!scan->annotations_len)
		return;
	raw->len -= scan->annotations_len;
	memmove(at, at + scan->annotations_len, raw->len - scan->header_len);
}

/* A heartbeat (n = 0) is no status that a late subscriber could use. */
static bool has_records(const struct jem_message *message)
{
	for (size_t i = 0; i < message->property_count; i++) {
		const struct jem_property *property = &message->properties[i];

		if (property->name.len == 1 && *property->name.data == 'n' && !property->text.data)
			return property->number != 0;
	}
	return true;
}

static void retain(struct jem_broker *broker, struct jem_slice topic, struct jem_raw *raw)
{
	struct jem_message message;

	if (!jem_retained_wants(topic.data, topic.len) ||
	    jem_message_decode(raw->bytes, raw->len, &message) < 0 || !has_records(&message))
		return;
	jem_retained_put(&broker->retained, topic.data, topic.len, raw);
}

/* The delivery waits in the table of tickets until the local subscriber has its say. */
static void give_local(struct jem_inlet *inlet, pn_delivery_t *delivery, struct jem_slice topic,
		       struct jem_raw *raw, struct jem_message *message)
{
	struct jem_broker *broker = inlet->connection->broker;
	uint64_t ticket =
		jem_window_push(&broker->tickets, (struct jem_window_slot){ .delivery = delivery,
									    .owner = inlet,
									    .bytes = raw->len });

	if (!ticket) {
		jem_inlet_settle(delivery, JEM_OUTCOME_RELEASED);
		return;
	}
	inlet->held++;
	inlet->held_bytes += raw->len;
	pn_link_advance(inlet->link);
	message->topic = topic;
	broker->on_local(broker->local_arg, message, ticket);
}

static void publish(struct jem_inlet *inlet, pn_delivery_t *delivery, struct jem_raw *raw)
{
	struct jem_broker *broker = inlet->connection->broker;
	struct jem_slice topic = { inlet->topic, inlet->topic_len };
	const struct jem_route *route;
	struct jem_message_scan scan;
	struct jem_message message;

	if (jem_message_scan(raw->bytes, raw->len, &scan) < 0) {
		reject(delivery, "amqp:decode-error", "the message is damaged");
		return;
	}
	if (!topic.len)
		topic = scan.to.len ? scan.to : scan.subject;
	route = jem_router_find(&broker->router, topic.data, topic.len);
	if (!route) {
		reject(delivery, "amqp:invalid-field",
		       "neither the link's target nor the message's `to` is a topic");
		return;
	}
	strip_annotations(raw, &scan);
	topic = (struct jem_slice){ route->topic, route->topic_len };
	if (broker->on_local && jem_message_decode(raw->bytes, raw->len, &message) < 0) {
		reject(delivery, "amqp:decode-error",
		       "the body is one data section, binary or string");
		return;
	}
	broker->stats.messages_in++;
	for (size_t i = 0; i < route->count; i++)
		jem_outlet_push(route->outlets[i], raw, false);
	retain(broker, topic, raw);
	if (broker->on_local)
		give_local(inlet, delivery, topic, raw, &message);
	else
		jem_inlet_settle(delivery, JEM_OUTCOME_ACCEPTED);
}

void jem_inlet_on_delivery(struct jem_inlet *inlet, pn_delivery_t *delivery)
{
	struct jem_raw *raw;

	if (delivery != pn_link_current(inlet->link))
		return; /* an event of a message that is dealt with already */
	if (pn_delivery_aborted(delivery)) {
		drop_partial(inlet);
		pn_delivery_settle(delivery);
		return;
	}
	if (pn_link_credit(inlet->link) <= 0) { /* counted when a message is advanced over */
		jem_connection_end(inlet->connection, "amqp:link:transfer-limit-exceeded",
				   "more messages than there was credit for");
		return;
	}
	raw = collect(inlet, delivery);
	if (!raw)
		return;
	jem_credit_note(&inlet->credit, raw->len);
	publish(inlet, delivery, raw);
	jem_raw_unref(raw);
}
