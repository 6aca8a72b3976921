/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/wire.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

uv_loop_t wire_loop;
static uv_timer_t step_timer;

void wire_begin(void)
{
	signal(SIGPIPE, SIG_IGN); /* as every program that uses libuv streams must */
	CHECK_OK(uv_loop_init(&wire_loop));
	uv_timer_init(&wire_loop, &step_timer);
}

void wire_end(void)
{
	uv_close((uv_handle_t *)&step_timer, NULL);
	uv_run(&wire_loop, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&wire_loop), 0);
	uv_library_shutdown();
}

static void on_step(uv_timer_t *timer)
{
	(void)timer;
}

void wire_step(void)
{
	uv_timer_start(&step_timer, on_step, 5, 0);
	uv_run(&wire_loop, UV_RUN_ONCE);
	uv_timer_stop(&step_timer);
}

void wire_settle(void)
{
	/* A pass that waited for its whole 5 ms had nothing to do. */
	for (unsigned idle = 0; idle < 4;) {
		uint64_t start = uv_hrtime();

		wire_step();
		idle = uv_hrtime() - start > 4000000 ? idle + 1 : 0;
	}
}

static void on_broker_closed(void *arg)
{
	struct wire_broker *broker = arg;

	broker->is_closed = true;
}

void wire_broker_open(struct wire_broker *broker, const struct jem_broker_options *options)
{
	struct jem_broker_options made = options ? *options : (struct jem_broker_options){ 0 };
	struct jem_err err = { "" };
	char address[128];

	*broker = (struct wire_broker){ .outcome = JEM_OUTCOME_ACCEPTED };
	made.loop = &wire_loop;
	CHECK_OK(jem_broker_create(&made, &broker->broker));
	snprintf(address, sizeof(address), "unix:%s/broker.sock", check_folder());
	if (jem_broker_listen(broker->broker, address, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
	broker->url = jem_broker_url(broker->broker, 0);
}

static void on_local(void *arg, const struct jem_message *message, jem_broker_ticket ticket)
{
	struct wire_broker *broker = arg;

	broker->message_count++;
	jem_buf_add(&broker->topics, message->topic.data, message->topic.len);
	jem_buf_add_char(&broker->topics, '\n');
	if (message->body.len <= 200) {
		jem_buf_add(&broker->bodies, message->body.data, message->body.len);
		jem_buf_add_char(&broker->bodies, '\n');
	}
	if (broker->settles)
		jem_broker_settle(broker->broker, ticket, broker->outcome);
	else if (broker->ticket_count < 64)
		broker->tickets[broker->ticket_count++] = ticket;
}

void wire_broker_subscribe_local(struct wire_broker *broker, bool settles)
{
	broker->settles = settles;
	jem_broker_set_local(broker->broker, on_local, broker);
}

void wire_broker_close(struct wire_broker *broker)
{
	jem_broker_close(broker->broker, 1000, on_broker_closed, broker);
	WIRE_UNTIL(broker->is_closed, 1);
	jem_buf_deinit(&broker->bodies);
	jem_buf_deinit(&broker->topics);
}

static void on_state(void *arg, enum jem_client_state state, const char *text)
{
	struct wire_client *client = arg;

	client->state = state;
	client->open_count += state == JEM_CLIENT_OPEN;
	jem_buf_add_str(&client->texts, text);
	jem_buf_add_char(&client->texts, '\n');
}

static void on_writable(void *arg)
{
	struct wire_client *client = arg;

	client->writable_count++;
}

static void on_outcome(void *arg, uint64_t tag, enum jem_outcome outcome, const char *text)
{
	struct wire_client *client = arg;

	client->outcomes[outcome]++;
	client->last_tag = tag;
	snprintf(client->last_reason, sizeof(client->last_reason), "%s", text);
}

static bool is_named(const struct jem_property *property, const char *name)
{
	return property->name.len == strlen(name) &&
	       !memcmp(property->name.data, name, property->name.len);
}

static void on_message(void *arg, const struct jem_message *message, jem_delivery_id delivery)
{
	struct wire_client *client = arg;

	for (size_t i = 0; i < message->property_count; i++) {
		if (is_named(&message->properties[i], "jem-dropped"))
			client->dropped = message->properties[i].number;
		if (is_named(&message->properties[i], "jem-retained"))
			client->retained_count++;
	}
	client->last_len = message->body.len;
	if (message->body.len <= 200) {
		jem_buf_add(&client->bodies, message->body.data, message->body.len);
		jem_buf_add_char(&client->bodies, '\n');
	}
	if (!client->keeps)
		jem_client_settle(client->client, delivery, JEM_OUTCOME_ACCEPTED);
	else if (client->message_count < 512)
		client->kept[client->message_count] = delivery;
	client->message_count++;
}

static void on_client_closed(void *arg)
{
	struct wire_client *client = arg;

	client->is_closed = true;
}

void wire_client_open(struct wire_client *client, const char *url,
		      struct jem_client_options options)
{
	struct jem_err err = { "" };
	bool keeps = client->keeps;

	*client = (struct wire_client){ .keeps = keeps };
	options.loop = &wire_loop;
	if (!options.urls) {
		options.urls = &url;
		options.url_count = 1;
	}
	options.events =
		(struct jem_client_events){ on_state, on_writable, on_outcome, on_message };
	options.arg = client;
	if (jem_client_create(&options, &client->client, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
}

void wire_client_close(struct wire_client *client)
{
	jem_client_close(client->client, 1000, on_client_closed);
	WIRE_UNTIL(client->is_closed, 1);
	jem_buf_deinit(&client->texts);
	jem_buf_deinit(&client->bodies);
}

int wire_send_bytes(struct wire_client *client, const char *topic, const void *body, size_t len,
		    uint64_t tag)
{
	struct jem_message message = { .topic = { topic, strlen(topic) }, .body = { body, len } };

	return jem_client_send(client->client, &message, tag);
}

int wire_send(struct wire_client *client, const char *topic, const char *body, uint64_t tag)
{
	return wire_send_bytes(client, topic, body, strlen(body), tag);
}

void wire_send_waiting(struct wire_client *client, const char *topic, const void *body, size_t len,
		       uint64_t tag)
{
	int rc;

	while ((rc = wire_send_bytes(client, topic, body, len, tag)) == -EAGAIN)
		wire_step();
	CHECK_OK(rc);
}
