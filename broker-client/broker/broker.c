/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/broker.h"

#include "broker-client/broker/broker_internal.h"

#include <errno.h>
#include <stdlib.h>

enum {
	QUEUE_DEFAULT = 8 << 20,
	CONNECTIONS_DEFAULT = 64,
	TICKETS_MAX = 65536,
	RETAINED_COUNT = 4096,
	RETAINED_BYTES = 8 << 20,
	SWEEP_MS = 1000
};

static void free_broker(struct jem_broker *broker)
{
	jem_router_deinit(&broker->router);
	jem_retained_deinit(&broker->retained);
	jem_window_deinit(&broker->tickets);
	jem_buf_deinit(&broker->prefix);
	jem_credentials_destroy(broker->credentials);
	jem_tls_context_unref(broker->tls);
	free(broker);
}

/* Those who do not finish their hand-shake or their close in time. */
static void on_sweep(uv_timer_t *timer)
{
	struct jem_broker *broker = timer->data;
	uint64_t now = uv_now(timer->loop);

	for (struct jem_connection *connection = broker->connections; connection;
	     connection = connection->next) {
		if (!connection->deadline_ms || now < connection->deadline_ms)
			continue;
		connection->deadline_ms = 0;
		jem_connection_drop(connection, connection->is_open ? "no answer to a close"
								    : "no hand-shake in time");
	}
}

int jem_broker_create(const struct jem_broker_options *options, struct jem_broker **ret)
{
	struct jem_broker *broker = calloc(1, sizeof(*broker));
	int rc;

	if (!broker)
		return -ENOMEM;
	broker->options = *options;
	broker->options.credentials = NULL;
	broker->options.tls = (struct jem_tls_settings){ .wants_peer = options->tls.wants_peer };
	if (!broker->options.queue_bytes)
		broker->options.queue_bytes = QUEUE_DEFAULT;
	if (!broker->options.connections)
		broker->options.connections = CONNECTIONS_DEFAULT;
	jem_window_init(&broker->tickets, TICKETS_MAX);
	jem_buf_init(&broker->prefix, 0);
	rc = jem_router_init(&broker->router);
	if (rc >= 0)
		rc = jem_retained_init(&broker->retained, RETAINED_COUNT, RETAINED_BYTES);
	if (rc >= 0 && options->credentials)
		rc = jem_credentials_load(options->credentials, &broker->credentials, options->err);
	if (rc >= 0 && options->tls.cert)
		rc = jem_tls_context_create(&options->tls, true, &broker->tls, options->err);
	if (rc < 0) {
		free_broker(broker);
		return rc;
	}
	uv_timer_init(options->loop, &broker->sweep);
	uv_timer_init(options->loop, &broker->close_timer);
	broker->sweep.data = broker->close_timer.data = broker;
	broker->open_handles = 2;
	uv_timer_start(&broker->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	uv_unref((uv_handle_t *)&broker->sweep);
	*ret = broker;
	return 0;
}

void jem_broker_set_local(struct jem_broker *broker, jem_broker_local_fn on_message, void *arg)
{
	broker->on_local = on_message;
	broker->local_arg = arg;
}

void jem_broker_settle(struct jem_broker *broker, jem_broker_ticket ticket,
		       enum jem_outcome outcome)
{
	struct jem_window_slot slot;
	struct jem_inlet *inlet;

	if (!jem_window_take(&broker->tickets, ticket, &slot) || !slot.owner)
		return; /* its publisher has gone: it will send the message again */
	inlet = slot.owner;
	inlet->held--;
	inlet->held_bytes -= slot.bytes;
	jem_inlet_settle(slot.delivery, outcome);
	jem_engine_wake(&inlet->connection->engine);
}

void jem_broker_forget_tickets(struct jem_broker *broker, struct jem_inlet *inlet)
{
	for (uint64_t number = broker->tickets.oldest; number < broker->tickets.next; number++) {
		struct jem_window_slot *slot = jem_window_find(&broker->tickets, number);

		if (!slot || slot->owner != inlet)
			continue;
		slot->owner = NULL;
		slot->delivery = NULL;
	}
}

void jem_broker_on_connections(struct jem_broker *broker, void (*fn)(void *arg, unsigned count),
			       void *arg)
{
	broker->on_connections = fn;
	broker->connections_arg = arg;
}

struct jem_broker_stats jem_broker_stats(const struct jem_broker *broker)
{
	struct jem_broker_stats stats = broker->stats;

	stats.connections = broker->connection_count;
	return stats;
}

void jem_broker_part_closed(struct jem_broker *broker)
{
	void (*on_closed)(void *arg) = broker->on_closed;
	void *arg = broker->closed_arg;

	if (--broker->open_handles || broker->connection_count)
		return;
	free_broker(broker);
	if (on_closed)
		on_closed(arg);
}

static void on_timer_closed(uv_handle_t *handle)
{
	jem_broker_part_closed(handle->data);
}

static void close_timers(struct jem_broker *broker)
{
	if (uv_is_closing((uv_handle_t *)&broker->sweep))
		return;
	uv_close((uv_handle_t *)&broker->sweep, on_timer_closed);
	uv_close((uv_handle_t *)&broker->close_timer, on_timer_closed);
}

void jem_broker_count_changed(struct jem_broker *broker)
{
	if (broker->on_connections)
		broker->on_connections(broker->connections_arg, broker->connection_count);
	/* The timers go last: with them the broker. */
	if (broker->is_closing && !broker->connection_count)
		close_timers(broker);
}

static void on_close_late(uv_timer_t *timer)
{
	struct jem_broker *broker = timer->data;

	for (struct jem_connection *connection = broker->connections; connection;
	     connection = connection->next)
		jem_connection_drop(connection, "the broker ends");
}

void jem_broker_close(struct jem_broker *broker, uint64_t timeout_ms, void (*on_closed)(void *arg),
		      void *arg)
{
	if (broker->is_closing)
		return;
	broker->is_closing = true;
	broker->on_closed = on_closed;
	broker->closed_arg = arg;
	jem_listener_close_all(broker);
	uv_timer_start(&broker->close_timer, on_close_late, timeout_ms, 0);
	for (struct jem_connection *connection = broker->connections; connection;
	     connection = connection->next) {
		if (connection->is_open)
			jem_connection_leave_when_empty(connection);
		else
			jem_connection_drop(connection, "the broker ends");
	}
	if (!broker->connection_count)
		close_timers(broker);
}
