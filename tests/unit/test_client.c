/* SPDX-License-Identifier: Apache-2.0 */
/* Our client and brokers that come, go, refuse, say nothing or too much. */
#include "tests/unit/peer.h"

#include "broker-client/wire/message_codec.h"

#include <errno.h>
#include <sys/stat.h>

static const struct jem_client_options publisher = { .is_publisher = true, .backoff_seed = 7 };
static const struct jem_client_options subscriber = { .subscribe = "jem.#", .backoff_seed = 7 };

static char url[128];

/* A foreign broker at `url`, and a client of it. */
static void open_server(struct peer *peer, struct wire_client *client,
			struct jem_client_options options)
{
	wire_begin();
	snprintf(url, sizeof(url), "unix:%s/server.sock", check_folder());
	peer_listen(peer, url + strlen("unix:"));
	wire_client_open(client, url, options);
}

static void close_server(struct peer *peer, struct wire_client *client)
{
	wire_client_close(client);
	peer_close(peer);
	wire_end();
}

static bool is_publishing(pn_event_t *event, pn_event_type_t type)
{
	return pn_event_type(event) == type && pn_link_is_receiver(pn_event_link(event));
}

static void grant(struct peer *peer, pn_event_t *event)
{
	if (is_publishing(event, PN_LINK_REMOTE_OPEN))
		pn_link_flow(peer->link, 1000);
}

/* --- outcomes --- */

static void answer_in_turn(struct peer *peer, pn_event_t *event)
{
	static const uint64_t states[] = { PN_ACCEPTED, PN_REJECTED, PN_RELEASED, PN_MODIFIED, 0 };
	pn_delivery_t *delivery = pn_event_delivery(event);

	grant(peer, event);
	if (!is_publishing(event, PN_DELIVERY))
		return;
	if (states[peer->transfer_count - 1] == PN_REJECTED) {
		pn_condition_t *condition = pn_disposition_condition(pn_delivery_local(delivery));

		pn_condition_set_name(condition, "amqp:not-allowed");
		pn_condition_set_description(condition, "go\naway");
	}
	if (states[peer->transfer_count - 1])
		pn_delivery_update(delivery, states[peer->transfer_count - 1]);
	pn_delivery_settle(delivery);
}

CASE(every_outcome_arrives_once)
{
	struct peer peer = { .on_event = answer_in_turn };
	struct wire_client client = { 0 };

	open_server(&peer, &client, publisher);
	WIRE_UNTIL(client.writable_count, 1);
	for (unsigned i = 0; i < 5; i++) {
		CHECK_OK(wire_send(&client, "jem.a", "x", i));
		WIRE_UNTIL(client.outcomes[0] + client.outcomes[1] + client.outcomes[2], i + 1);
		CHECK_EQ(client.last_tag, i);
		if (i == 1)
			CHECK_STR(client.last_reason, "amqp:not-allowed: go?away");
	}
	CHECK_EQ(client.outcomes[JEM_OUTCOME_ACCEPTED], 1);
	CHECK_EQ(client.outcomes[JEM_OUTCOME_REJECTED], 1);
	CHECK_EQ(client.outcomes[JEM_OUTCOME_RELEASED], 3); /* settled without a word: send again */
	CHECK_EQ(jem_client_in_flight_bytes(client.client), 0);
	close_server(&peer, &client);
}

CASE(what_is_in_flight_is_bounded_and_released_when_the_connection_breaks)
{
	static const char body[60000];
	struct peer peer = { .on_event = grant };
	struct wire_client client = { 0 };
	unsigned sent = 0;

	open_server(&peer, &client, publisher);
	WIRE_UNTIL(client.writable_count, 1);
	for (unsigned idle = 0; idle < 20;) {
		if (!wire_send_bytes(&client, "jem.a", body, sizeof(body), sent)) {
			sent++;
			idle = 0;
		} else {
			wire_step();
			idle++;
		}
	}
	CHECK_GE(sent, 60);
	CHECK_LE(jem_client_in_flight_bytes(client.client), 4 << 20);
	jem_engine_close(&peer.engine); /* without a word */
	WIRE_UNTIL(client.outcomes[JEM_OUTCOME_UNKNOWN], sent);
	CHECK_EQ(client.last_tag, sent - 1); /* in the order of sending */
	CHECK_EQ(jem_client_in_flight_bytes(client.client), 0);
	CHECK_EQ(wire_send(&client, "jem.a", "x", 0), -EAGAIN);
	CHECK_CONTAINS(jem_buf_cstr(&client.texts), "retrying in 0.");
	WIRE_UNTIL(client.open_count, 2);
	WIRE_UNTIL(client.writable_count, 2);
	CHECK_OK(wire_send(&client, "jem.a", "x", 0));
	close_server(&peer, &client);
	CHECK_EQ(client.outcomes[JEM_OUTCOME_UNKNOWN], sent + 1);
}

CASE(small_messages_in_flight_are_bounded_by_number)
{
	struct peer peer = { .on_event = grant };
	struct wire_client client = { 0 };
	unsigned sent = 0;

	open_server(&peer, &client, publisher);
	WIRE_UNTIL(client.writable_count, 1);
	while (!wire_send(&client, "jem.a", "x", sent))
		sent++;
	CHECK_GE(sent, 100);
	CHECK_LE(sent, 256);
	close_server(&peer, &client);
}

/* --- the broker's side ends --- */

static void close_what_was_opened(struct peer *peer, pn_event_t *event)
{
	pn_condition_t *condition = NULL;

	if (pn_event_type(event) != PN_LINK_REMOTE_OPEN)
		return;
	switch (peer->attached_count) {
	case 1:
		condition = pn_link_condition(peer->link);
		pn_link_close(peer->link);
		break;
	case 2:
		condition = pn_session_condition(pn_link_session(peer->link));
		pn_session_close(pn_link_session(peer->link));
		break;
	case 3:
		condition = pn_connection_condition(peer->engine.driver.connection);
		pn_connection_close(peer->engine.driver.connection);
		break;
	default:
		return;
	}
	pn_condition_set_name(condition, "amqp:not-found");
	pn_condition_set_description(condition, "nothing here");
}

CASE(comes_back_whatever_the_broker_closes)
{
	struct peer peer = { .on_event = close_what_was_opened };
	struct wire_client client = { 0 };
	const char *text;
	unsigned reasons = 0;

	open_server(&peer, &client, subscriber);
	WIRE_UNTIL(peer.attached_count, 4);
	WIRE_UNTIL(client.state == JEM_CLIENT_OPEN, 1);
	text = jem_buf_cstr(&client.texts);
	while ((text = strstr(text, ": amqp:not-found: nothing here, retrying in")) != NULL) {
		reasons++;
		text++;
	}
	CHECK_EQ(reasons, 3);
	close_server(&peer, &client);
}

CASE(back_off_grows_until_the_broker_does_something)
{
	struct wire_client client = { 0 };
	const char *text;
	double waits[3];
	char none[128];

	wire_begin();
	snprintf(none, sizeof(none), "unix:%s/none.sock", check_folder());
	wire_client_open(&client, none, publisher);
	for (unsigned i = 0; i < 3; i++) {
		WIRE_UNTIL(client.state == JEM_CLIENT_WAITING, 1);
		text = strstr(jem_buf_cstr(&client.texts), "retrying in ");
		CHECK(text != NULL);
		waits[i] = strtod(text + strlen("retrying in "), NULL);
		jem_buf_clear(&client.texts);
		client.state = JEM_CLIENT_CONNECTING;
	}
	CHECK(waits[0] >= 0.1 && waits[0] <= 0.3);
	CHECK(waits[1] >= 0.2 && waits[1] <= 0.6);
	CHECK(waits[2] >= 0.4 && waits[2] <= 1.2);
	wire_client_close(&client);
	wire_end();
}

CASE(goes_on_to_the_next_broker_of_the_list)
{
	struct wire_broker broker;
	struct wire_client client = { 0 };
	char none[128];
	const char *urls[2] = { none };

	wire_begin();
	snprintf(none, sizeof(none), "unix:%s/none.sock", check_folder());
	wire_broker_open(&broker, NULL);
	urls[1] = broker.url;
	wire_client_open(
		&client, NULL,
		(struct jem_client_options){
			.is_publisher = true, .urls = urls, .url_count = 2, .backoff_seed = 7 });
	WIRE_UNTIL(client.open_count, 1);
	CHECK_CONTAINS(jem_buf_cstr(&client.texts), "none.sock: no such file or directory");
	CHECK_CONTAINS(jem_buf_cstr(&client.texts), "broker.sock\n");
	wire_client_close(&client);
	wire_broker_close(&broker);
	wire_end();
}

CASE(tries_every_address_of_a_name)
{
	struct wire_broker broker;
	struct wire_client client = { 0 };
	char by_name[64];

	wire_begin();
	wire_broker_open(&broker, NULL);
	CHECK_OK(jem_broker_listen(broker.broker, "127.0.0.1:0", NULL));
	snprintf(by_name, sizeof(by_name), "amqp://localhost%s",
		 strrchr(jem_broker_url(broker.broker, 1), ':'));
	wire_client_open(&client, by_name, publisher); /* may be ::1 first */
	WIRE_UNTIL(client.open_count, 1);
	wire_client_close(&client);
	wire_broker_close(&broker);
	wire_end();
}

CASE(finds_a_broker_that_was_started_anew)
{
	struct wire_broker broker;
	struct wire_client sender = { 0 };
	struct wire_client receiver = { 0 };
	char address[128];

	wire_begin();
	wire_broker_open(&broker, NULL);
	snprintf(address, sizeof(address), "%s", broker.url);
	wire_client_open(&sender, address, publisher);
	wire_client_open(&receiver, address, subscriber);
	for (unsigned i = 1; i <= 3; i++) {
		WIRE_UNTIL(sender.open_count, i);
		WIRE_UNTIL(receiver.open_count, i);
		while (wire_send(&sender, "jem.a", "x", i))
			wire_step();
		WIRE_UNTIL(receiver.message_count, i);
		wire_broker_close(&broker);
		wire_broker_open(&broker, NULL);
	}
	WIRE_UNTIL(sender.open_count, 4);
	wire_client_close(&sender);
	wire_client_close(&receiver);
	wire_broker_close(&broker);
	wire_end();
}

/* --- what a broker may send --- */

static void send_raw(struct peer *peer, const void *bytes, size_t len)
{
	static uint64_t tag;

	pn_delivery(peer->link, pn_dtag((char *)&tag, sizeof(tag)));
	tag++;
	peer_send(peer, bytes, len, true);
}

CASE(refuses_what_it_cannot_read_and_goes_on)
{
	struct peer peer = { 0 };
	struct wire_client client = { 0 };

	open_server(&peer, &client, subscriber);
	WIRE_UNTIL(client.open_count, 1);
	WIRE_UNTIL(pn_link_credit(peer.link), 1);
	send_raw(&peer, "nonsense", 8);
	WIRE_UNTIL(peer.outcome_count, 1);
	CHECK_EQ(peer.outcome, PN_REJECTED);
	CHECK_CONTAINS(peer.condition, "amqp:decode-error");
	send_raw(&peer, "", 0);
	WIRE_UNTIL(peer.outcome_count, 2);
	CHECK_EQ(peer.outcome, PN_REJECTED);
	send_raw(&peer, "\x00\x53\x77\xa1\x02hi", 7);
	WIRE_UNTIL(peer.outcome_count, 3);
	CHECK_EQ(peer.outcome, PN_ACCEPTED);
	CHECK_STR(jem_buf_cstr(&client.bodies), "hi\n");
	CHECK_EQ(client.open_count, 1);
	close_server(&peer, &client);
}

CASE(refuses_a_message_too_large_while_it_comes)
{
	static const char part[1 << 20];
	struct peer peer = { 0 };
	struct wire_client client = { 0 };

	open_server(&peer, &client, subscriber);
	WIRE_UNTIL(client.open_count, 1);
	WIRE_UNTIL(pn_link_credit(peer.link), 1);
	peer_begin(&peer, 1);
	for (unsigned i = 0; i < 20; i++) {
		peer_send(&peer, part, sizeof(part), i == 19);
		wire_settle();
	}
	WIRE_UNTIL(peer.outcome_count, 1);
	CHECK_EQ(peer.outcome, PN_REJECTED);
	CHECK_CONTAINS(peer.condition, "amqp:link:message-size-exceeded");
	send_raw(&peer, "\x00\x53\x75\xa0\x02hi", 7);
	WIRE_UNTIL(client.message_count, 1);
	close_server(&peer, &client);
}

CASE(the_receive_window_holds_until_messages_are_settled)
{
	struct jem_client_options options = subscriber;
	struct peer peer = { 0 };
	struct wire_client client = { .keeps = true };
	unsigned sent = 0;

	options.receive_window = 10;
	open_server(&peer, &client, options);
	WIRE_UNTIL(client.open_count, 1);
	for (unsigned idle = 0; idle < 20;) {
		if (pn_link_credit(peer.link) > 0) {
			send_raw(&peer, "\x00\x53\x75\xa0\x02hi", 7);
			sent++;
			idle = 0;
		} else {
			wire_step();
			idle++;
		}
	}
	CHECK_EQ(sent, 10);
	CHECK_EQ(client.message_count, 10);
	jem_client_settle(client.client, client.kept[3], JEM_OUTCOME_REJECTED);
	WIRE_UNTIL(peer.outcome_count, 1);
	CHECK_EQ(peer.outcome, PN_REJECTED);
	for (unsigned i = 0; i < 10; i++)
		jem_client_settle(client.client, client.kept[i], JEM_OUTCOME_ACCEPTED);
	WIRE_UNTIL(peer.outcome_count, 10);
	WIRE_UNTIL(pn_link_credit(peer.link), 10);
	close_server(&peer, &client);
}

/* --- life --- */

CASE(closes_at_any_time)
{
	struct peer silent = { 0 };
	struct wire_client client = { 0 };
	char none[128];
	uint64_t start;

	wire_begin();
	snprintf(none, sizeof(none), "unix:%s/none.sock", check_folder());
	wire_client_open(&client, none, publisher); /* before the first pass */
	wire_client_close(&client);
	wire_client_open(&client, none, publisher); /* while waiting */
	WIRE_UNTIL(client.state == JEM_CLIENT_WAITING, 1);
	wire_client_close(&client);
	wire_client_open(&client, "amqp://localhost:1", publisher); /* while resolving */
	wire_step();
	wire_client_close(&client);
	snprintf(url, sizeof(url), "unix:%s/silent.sock", check_folder());
	silent.is_live = true; /* takes connections and drops them */
	peer_listen(&silent, url + strlen("unix:"));
	wire_client_open(&client, url, publisher); /* in the hand-shake */
	WIRE_UNTIL(client.state == JEM_CLIENT_CONNECTING, 1);
	start = uv_hrtime();
	wire_client_close(&client);
	CHECK_LE((uv_hrtime() - start) / 1000000, 1500);
	silent.is_live = false;
	peer_close(&silent);
	wire_end();
}

static const char *refuse(struct jem_client_options options, const char *broker, int code)
{
	static struct jem_err err;
	struct jem_client *client;

	err.text[0] = '\0';
	options.loop = &wire_loop;
	options.urls = &broker;
	options.url_count = broker ? 1 : 0;
	CHECK_EQ(jem_client_create(&options, &client, &err), code);
	return err.text;
}

CASE(refuses_wrong_options_with_a_reason)
{
	struct jem_client_options options = { .subscribe = "jem.**" };
	char secrets[128];
	FILE *file;

	wire_begin();
	CHECK_CONTAINS(refuse(publisher, "nonsense", -EINVAL), "amqp://HOST");
	CHECK_CONTAINS(refuse(publisher, NULL, -EINVAL), "URL");
	CHECK_CONTAINS(refuse(options, "amqp://h", -EINVAL), "`jem.**` is no pattern");
	options = publisher;
	options.access.credentials = "/nowhere";
	CHECK_CONTAINS(refuse(options, "amqp://h", -ENOENT), "/nowhere");
	snprintf(secrets, sizeof(secrets), "%s/secrets", check_folder());
	file = fopen(secrets, "w");
	CHECK(file != NULL);
	fclose(file);
	chmod(secrets, 0600);
	options.access.credentials = secrets;
	CHECK_CONTAINS(refuse(options, "amqp://h", -EINVAL), "USER:PASSWORD");
	CHECK_OK(jem_client_check_url("amqp://user@[::1]:5672", NULL));
	CHECK_EQ(jem_client_check_url("amqp://user:word@h", NULL), -EINVAL);
	wire_end();
}

TESTS(T(every_outcome_arrives_once),
      T(what_is_in_flight_is_bounded_and_released_when_the_connection_breaks),
      T(small_messages_in_flight_are_bounded_by_number), T(comes_back_whatever_the_broker_closes),
      T(back_off_grows_until_the_broker_does_something), T(goes_on_to_the_next_broker_of_the_list),
      T(tries_every_address_of_a_name), T(finds_a_broker_that_was_started_anew),
      T(refuses_what_it_cannot_read_and_goes_on), T(refuses_a_message_too_large_while_it_comes),
      T(the_receive_window_holds_until_messages_are_settled), T(closes_at_any_time),
      T(refuses_wrong_options_with_a_reason))
