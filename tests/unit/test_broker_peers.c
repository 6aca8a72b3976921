/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded broker and peers that are not ours: in parts, too much, damaged, without credit. */
#include "tests/unit/peer.h"

#include "broker-client/wire/address.h"
#include "broker-client/wire/message_codec.h"

#include <arpa/inet.h>
#include <unistd.h>

static const struct jem_client_options subscriber = { .subscribe = "jem.#" };

/* header, properties with `to`, and a data section of `len` bytes announced */
static size_t make_head(char *bytes, size_t size, const char *topic, size_t body_len)
{
	struct jem_message message = { .topic = { topic, strlen(topic) },
				       .body = { "", body_len } };
	struct jem_buf buf;
	size_t len;

	jem_buf_init(&buf, size);
	CHECK_OK(jem_message_encode_head(&message, &buf));
	len = buf.len;
	memcpy(bytes, buf.data, len);
	jem_buf_deinit(&buf);
	return len;
}

static void open_peer(struct wire_broker *broker, struct wire_client *receiver, struct peer *peer,
		      const char *target)
{
	wire_begin();
	wire_broker_open(broker, NULL);
	wire_client_open(receiver, broker->url, subscriber);
	WIRE_UNTIL(receiver->open_count, 1);
	peer_connect(peer, broker->url);
	peer_sender(peer, "link", target);
	CHECK_EQ(peer->attached_count, 1);
}

static void close_peer(struct wire_broker *broker, struct wire_client *receiver, struct peer *peer)
{
	peer_close(peer);
	wire_client_close(receiver);
	wire_broker_close(broker);
	wire_end();
}

CASE(takes_a_message_in_many_parts)
{
	static const char part[5000];
	struct wire_broker broker;
	struct wire_client receiver = { 0 };
	struct peer peer = { 0 };
	char head[256];
	size_t len = make_head(head, sizeof(head), "jem.a", 20 * sizeof(part));

	open_peer(&broker, &receiver, &peer, NULL);
	peer_begin(&peer, 1);
	peer_send(&peer, head, len, false);
	for (unsigned i = 0; i < 20; i++) {
		peer_send(&peer, part, sizeof(part), i == 19);
		wire_step();
		CHECK(i == 19 || !receiver.message_count);
	}
	WIRE_UNTIL(peer.outcome_count, 1);
	CHECK_EQ(peer.outcome, PN_ACCEPTED);
	WIRE_UNTIL(receiver.message_count, 1);
	CHECK_EQ(receiver.last_len, 20 * sizeof(part));
	close_peer(&broker, &receiver, &peer);
}

CASE(forgets_an_aborted_message)
{
	static const char part[100000];
	struct wire_broker broker;
	struct wire_client receiver = { 0 };
	struct peer peer = { 0 };
	char head[256];
	size_t len = make_head(head, sizeof(head), "jem.a", 3);

	open_peer(&broker, &receiver, &peer, NULL);
	for (unsigned i = 0; i < 3; i++) {
		pn_delivery_t *delivery = peer_begin(&peer, i);

		peer_send(&peer, part, sizeof(part), false);
		wire_settle();
		pn_delivery_abort(delivery);
		jem_engine_wake(&peer.engine);
		wire_settle();
	}
	peer_begin(&peer, 9);
	peer_send(&peer, head, len, false);
	peer_send(&peer, "abc", 3, true);
	WIRE_UNTIL(receiver.message_count, 1);
	CHECK_STR(jem_buf_cstr(&receiver.bodies), "abc\n");
	CHECK_EQ(jem_broker_stats(broker.broker).messages_in, 1);
	close_peer(&broker, &receiver, &peer);
}

CASE(rejects_a_message_too_large_while_it_comes)
{
	static const char part[1 << 20];
	struct wire_broker broker;
	struct wire_client receiver = { 0 };
	struct peer peer = { 0 };
	char head[256];
	size_t len = make_head(head, sizeof(head), "jem.a", 1);

	open_peer(&broker, &receiver, &peer, NULL);
	peer_begin(&peer, 1);
	for (unsigned i = 0; i < 20; i++) {
		peer_send(&peer, part, sizeof(part), i == 19);
		wire_settle();
	}
	WIRE_UNTIL(peer.outcome_count, 1);
	CHECK_EQ(peer.outcome, PN_REJECTED);
	CHECK_CONTAINS(peer.condition, "amqp:link:message-size-exceeded");
	peer_begin(&peer, 2);
	peer_send(&peer, head, len, false);
	peer_send(&peer, "y", 1, true);
	WIRE_UNTIL(receiver.message_count, 1); /* the link lives on */
	CHECK_STR(jem_buf_cstr(&receiver.bodies), "y\n");
	close_peer(&broker, &receiver, &peer);
}

CASE(holds_a_peer_back_by_credit)
{
	struct wire_broker broker;
	struct wire_client receiver = { 0 };
	struct peer peer = { 0 };
	char message[256];
	size_t len = make_head(message, sizeof(message), "jem.a", 0);

	wire_begin();
	wire_broker_open(&broker, NULL);
	wire_broker_subscribe_local(&broker, false); /* nothing is settled: credit stays out */
	wire_client_open(&receiver, broker.url, subscriber);
	WIRE_UNTIL(receiver.open_count, 1);
	peer_connect(&peer, broker.url);
	peer_sender(&peer, "link", NULL);
	wire_settle();
	for (uint64_t tag = 0; tag < 3000 && !peer.end_count; tag++) {
		peer_begin(&peer, tag);
		peer_send(&peer, message, len, true);
		if (tag % 50 == 0)
			wire_settle();
	}
	wire_settle();
	CHECK_LE(broker.message_count, 1100); /* held back by credit */
	CHECK_GE(broker.message_count, 60);
	peer_close(&peer);
	wire_client_close(&receiver);
	wire_broker_close(&broker);
	wire_end();
}

CASE(rejects_damaged_messages_and_wrong_topics)
{
	struct wire_broker broker;
	struct wire_client receiver = { 0 };
	struct peer peer = { 0 };
	char message[256];
	size_t len = make_head(message, sizeof(message), "jem/a", 0);

	open_peer(&broker, &receiver, &peer, NULL);
	peer_begin(&peer, 1);
	peer_send(&peer, "\x00\x53\x75\xb0\xff\xff\xff\xffx", 9, true);
	WIRE_UNTIL(peer.outcome_count, 1);
	CHECK_EQ(peer.outcome, PN_REJECTED);
	CHECK_CONTAINS(peer.condition, "amqp:decode-error");
	peer_begin(&peer, 2);
	peer_send(&peer, message, len, true);
	WIRE_UNTIL(peer.outcome_count, 2);
	CHECK_EQ(peer.outcome, PN_REJECTED);
	CHECK_CONTAINS(peer.condition, "amqp:invalid-field");
	peer_begin(&peer, 3);
	peer_send(&peer, "\x00\x53\x75\xa0\x01x", 6, true); /* no address at all */
	WIRE_UNTIL(peer.outcome_count, 3);
	CHECK_EQ(peer.outcome, PN_REJECTED);
	wire_settle();
	CHECK_EQ(receiver.message_count, 0);
	close_peer(&broker, &receiver, &peer);
}

CASE(strips_what_a_publisher_says_in_the_brokers_name)
{
	static const char annotations[] = "\x00\x53\x71\xc1\x16\x02\xa3\x11"
					  "x-opt-jem-dropped\x55\x63";
	struct wire_broker broker;
	struct wire_client receiver = { 0 };
	struct peer peer = { 0 };
	char message[256];
	size_t len = make_head(message, sizeof(message), "jem.a", 1);

	open_peer(&broker, &receiver, &peer, NULL);
	peer_begin(&peer, 1);
	peer_send(&peer, annotations, sizeof(annotations) - 1, false);
	peer_send(&peer, message, len, false);
	peer_send(&peer, "z", 1, true);
	WIRE_UNTIL(receiver.message_count, 1);
	CHECK_EQ(peer.outcome, PN_ACCEPTED);
	CHECK_EQ(receiver.dropped, 0);
	CHECK_STR(jem_buf_cstr(&receiver.bodies), "z\n");
	close_peer(&broker, &receiver, &peer);
}

CASE(ends_a_connection_with_too_many_links)
{
	struct wire_broker broker;
	struct wire_client receiver = { 0 };
	struct peer peer = { 0 };
	char name[16];

	open_peer(&broker, &receiver, &peer, NULL);
	for (unsigned i = 0; i < 100 && !peer.end_count; i++) {
		snprintf(name, sizeof(name), "link-%u", i);
		peer_sender(&peer, name, "jem.a");
	}
	WIRE_UNTIL(peer.end_count, 1);
	CHECK_CONTAINS(peer.condition, "amqp:resource-limit-exceeded");
	CHECK_LE(peer.attached_count, 64);
	close_peer(&broker, &receiver, &peer);
}

CASE(forgets_links_that_are_closed)
{
	struct wire_broker broker;
	struct wire_client receiver = { 0 };
	struct peer peer = { 0 };
	char name[16];

	open_peer(&broker, &receiver, &peer, NULL);
	for (unsigned i = 0; i < 200; i++) {
		pn_link_t *link;

		snprintf(name, sizeof(name), "link-%u", i);
		link = peer_sender(&peer, name, "jem.a");
		pn_link_close(link);
		jem_engine_wake(&peer.engine);
		WIRE_UNTIL(peer.closed_count, i + 1);
		pn_link_free(link);
	}
	CHECK_EQ(peer.end_count, 0);
	close_peer(&broker, &receiver, &peer);
}

/* What proton sends to open a connection that publishes to and subscribes to everything. */
static size_t make_opening(char *ret, size_t size)
{
	pn_connection_driver_t driver;
	pn_session_t *session;
	pn_bytes_t bytes;
	pn_link_t *link;
	size_t len;

	pn_connection_driver_init(&driver, NULL, NULL);
	pn_connection_set_container(driver.connection, "echo");
	pn_connection_open(driver.connection);
	session = pn_session(driver.connection);
	pn_session_open(session);
	link = pn_sender(session, "publish");
	pn_terminus_set_address(pn_link_target(link), "jem.a");
	pn_link_open(link);
	link = pn_receiver(session, "subscribe");
	pn_terminus_set_address(pn_link_source(link), "#");
	pn_link_open(link);
	pn_link_flow(link, 1000);
	while (pn_connection_driver_next_event(&driver))
		continue;
	bytes = pn_connection_driver_write_buffer(&driver);
	CHECK_LE(bytes.size, size);
	len = bytes.size;
	memcpy(ret, bytes.start, len);
	pn_connection_driver_destroy(&driver);
	return len;
}

enum {
	ECHO_BODY = 60000
};

/* A transfer frame with one data section, written as far as the socket takes it. */
static void echo_send(int fd, uint32_t id)
{
	static char frame[8 + 17 + 8 + ECHO_BODY]; /* head, performative, section */
	static const char transfer[] = "\x02\x00\x00\x00\x00\x53\x14\xc0\x0c\x05\x43\x70";
	const uint32_t size = htonl(sizeof(frame));
	const uint32_t body = htonl(ECHO_BODY);
	size_t at = 4 + sizeof(transfer) - 1;

	id = htonl(id);
	memcpy(frame, &size, 4);
	memcpy(frame + 4, transfer, sizeof(transfer) - 1);
	memcpy(frame + at, &id, 4);
	memcpy(frame + at + 4, "\xa0\x01x\x43\x42\x00\x53\x75\xb0", 9);
	memcpy(frame + at + 13, &body, 4);
	for (size_t sent = 0; sent < sizeof(frame);) {
		ssize_t n = write(fd, frame + sent, sizeof(frame) - sent);

		if (n > 0)
			sent += (size_t)n;
		else
			wire_step();
	}
}

/*
 * Reading is paused after so many bytes of a pass; a write that ends in the same pass must not
 * make the broker forget to go on.
 */
CASE(reads_on_after_a_pass_in_which_a_write_ended)
{
	static char ignored[1 << 20];
	struct wire_broker broker;
	char opening[4096];
	size_t len = make_opening(opening, sizeof(opening));
	const int room = 4 << 20;
	uint32_t id = 0;
	int fd;

	wire_begin();
	wire_broker_open(&broker, NULL);
	fd = jem_address_connect(broker.url + strlen("unix:"));
	CHECK_OK(fd);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	CHECK_EQ(write(fd, opening, len), (ssize_t)len);
	wire_settle();
	for (unsigned turn = 0; turn < 5; turn++) {
		while (id < 30 + 6 * turn)
			echo_send(fd, id++); /* comes back, and nobody reads: a write waits */
		wire_settle();
		/* Before the next pass: more to read than a pass takes, and room to write. */
		for (unsigned i = 0; i < 6; i++)
			echo_send(fd, id++);
		while (read(fd, ignored, sizeof(ignored)) > 0)
			continue;
		for (unsigned i = 0; i < 200; i++) {
			wire_step();
			while (read(fd, ignored, sizeof(ignored)) > 0)
				continue;
		}
		CHECK_EQ(jem_broker_stats(broker.broker).messages_in, id);
	}
	close(fd);
	wire_broker_close(&broker);
	wire_end();
}

TESTS(T(takes_a_message_in_many_parts), T(forgets_an_aborted_message),
      T(rejects_a_message_too_large_while_it_comes), T(holds_a_peer_back_by_credit),
      T(rejects_damaged_messages_and_wrong_topics),
      T(strips_what_a_publisher_says_in_the_brokers_name), T(ends_a_connection_with_too_many_links),
      T(forgets_links_that_are_closed), T(reads_on_after_a_pass_in_which_a_write_ended))
