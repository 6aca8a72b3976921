/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded broker and our client on real sockets, in one loop. */
#include "broker-client/client/client_internal.h"
#include "tests/unit/wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const struct jem_client_options publisher = { .is_publisher = true };
static const struct jem_client_options subscriber = { .subscribe = "jem.#" };

static void note_count(void *arg, unsigned count)
{
	*(unsigned *)arg = count;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	CHECK(file != NULL);
	fputs(text, file);
	fclose(file);
	CHECK_OK(chmod(path, 0600));
}

static void open_both(struct wire_broker *broker, struct wire_client *sender,
		      struct wire_client *receiver)
{
	wire_begin();
	wire_broker_open(broker, NULL);
	wire_client_open(receiver, broker->url, subscriber);
	WIRE_UNTIL(receiver->open_count, 1);
	wire_client_open(sender, broker->url, publisher);
	WIRE_UNTIL(sender->writable_count, 1);
}

static void close_both(struct wire_broker *broker, struct wire_client *sender,
		       struct wire_client *receiver)
{
	wire_client_close(sender);
	wire_client_close(receiver);
	wire_broker_close(broker);
	wire_end();
}

CASE(passes_a_message_to_those_who_asked_for_it)
{
	struct wire_broker broker;
	struct wire_client sender = { 0 };
	struct wire_client all = { 0 };
	struct wire_client other = { 0 };

	open_both(&broker, &sender, &all);
	wire_client_open(&other, broker.url,
			 (struct jem_client_options){ .subscribe = "jem.*.other.#" });
	WIRE_UNTIL(other.open_count, 1);
	CHECK_OK(wire_send(&sender, "jem.s.u.j.n.log", "one", 11));
	CHECK_OK(wire_send(&sender, "jem.s.other.j.n.log", "two", 12));
	WIRE_UNTIL(sender.outcomes[JEM_OUTCOME_ACCEPTED], 2);
	WIRE_UNTIL(all.message_count, 2);
	WIRE_UNTIL(other.message_count, 1);
	wire_settle();
	CHECK_STR(jem_buf_cstr(&all.bodies), "one\ntwo\n");
	CHECK_STR(jem_buf_cstr(&other.bodies), "two\n");
	CHECK_EQ(jem_client_in_flight_bytes(sender.client), 0);
	CHECK_EQ(jem_broker_stats(broker.broker).messages_out, 3);
	wire_client_close(&other);
	close_both(&broker, &sender, &all);
}

CASE(carries_messages_of_every_size)
{
	static const size_t sizes[] = { 0,     1,     255,    256,    65000,  65536,
					65537, 70000, 131072, 200000, 999999, 1 << 20 };
	static char body[1 << 20];
	struct wire_broker broker;
	struct wire_client sender = { 0 };
	struct wire_client receiver = { 0 };

	open_both(&broker, &sender, &receiver);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		CHECK_OK(wire_send_bytes(&sender, "jem.a", body, sizes[i], i));
		WIRE_UNTIL(receiver.message_count, i + 1);
		CHECK_EQ(receiver.last_len, sizes[i]);
		WIRE_UNTIL(sender.outcomes[JEM_OUTCOME_ACCEPTED], i + 1);
	}
	CHECK_EQ(wire_send_bytes(&sender, "jem.a", body, (1 << 20) + 1, 0), -EMSGSIZE);
	close_both(&broker, &sender, &receiver);
}

CASE(gives_late_subscribers_the_last_status)
{
	struct wire_broker broker;
	struct wire_client sender = { 0 };
	struct wire_client receiver = { 0 };
	struct wire_client late = { 0 };

	open_both(&broker, &sender, &receiver);
	CHECK_OK(wire_send(&sender, "jem.s.u.j.n.status", "starting", 1));
	CHECK_OK(wire_send(&sender, "jem.s.u.j.n.status", "running", 2));
	CHECK_OK(wire_send(&sender, "jem.s.u.k.n.status", "ended", 3));
	WIRE_UNTIL(receiver.message_count, 3);
	CHECK_EQ(receiver.retained_count, 0);
	wire_client_open(&late, broker.url,
			 (struct jem_client_options){ .subscribe = "jem.*.*.j.#" });
	WIRE_UNTIL(late.message_count, 1);
	wire_settle();
	CHECK_STR(jem_buf_cstr(&late.bodies), "running\n");
	CHECK_EQ(late.retained_count, 1);
	wire_client_close(&late);
	close_both(&broker, &sender, &receiver);
}

/* One that does not settle gets its window's worth and no more; the rest waits, then goes. */
CASE(a_subscriber_that_does_not_settle_loses_its_oldest)
{
	static char body[60000];
	const struct jem_broker_options options = { .queue_bytes = 1 << 20 };
	struct wire_broker broker;
	struct wire_client sender = { 0 };
	struct wire_client lazy = { .keeps = true };
	struct jem_broker_stats stats;

	wire_begin();
	wire_broker_open(&broker, &options);
	wire_client_open(&lazy, broker.url,
			 (struct jem_client_options){ .subscribe = "#", .receive_window = 4 });
	wire_client_open(&sender, broker.url, publisher);
	WIRE_UNTIL(lazy.open_count, 1);
	WIRE_UNTIL(sender.writable_count, 1);
	for (unsigned i = 0; i < 100; i++)
		wire_send_waiting(&sender, "jem.a", body, sizeof(body), i);
	WIRE_UNTIL(sender.outcomes[JEM_OUTCOME_ACCEPTED], 100);
	wire_settle();
	CHECK_EQ(lazy.message_count, 4);
	stats = jem_broker_stats(broker.broker);
	CHECK_LE(stats.bytes_queued, 1 << 20);
	CHECK_GE(stats.messages_dropped, 70);
	lazy.keeps = false;
	for (unsigned i = 0; i < 4; i++)
		jem_client_settle(lazy.client, lazy.kept[i], JEM_OUTCOME_ACCEPTED);
	WIRE_UNTIL(lazy.message_count, 100 - (unsigned)stats.messages_dropped);
	wire_settle();
	CHECK_EQ(lazy.message_count, 100 - (unsigned)stats.messages_dropped);
	CHECK_EQ(lazy.dropped, (int64_t)stats.messages_dropped);
	CHECK_EQ(jem_broker_stats(broker.broker).bytes_queued, 0);
	close_both(&broker, &sender, &lazy);
}

CASE(accepts_only_what_the_local_subscriber_has_settled)
{
	struct wire_broker broker;
	struct wire_client sender = { 0 };
	struct wire_client receiver = { 0 };

	wire_begin();
	wire_broker_open(&broker, NULL);
	wire_broker_subscribe_local(&broker, false);
	wire_client_open(&receiver, broker.url, subscriber);
	wire_client_open(&sender, broker.url, publisher);
	WIRE_UNTIL(receiver.open_count, 1);
	WIRE_UNTIL(sender.writable_count, 1);
	for (unsigned i = 0; i < 3; i++)
		CHECK_OK(wire_send(&sender, "jem.s.u.j.n.log", "x", 100 + i));
	WIRE_UNTIL(broker.ticket_count, 3);
	WIRE_UNTIL(receiver.message_count, 3); /* others need not wait for it */
	wire_settle();
	CHECK_EQ(sender.outcomes[JEM_OUTCOME_ACCEPTED], 0);
	jem_broker_settle(broker.broker, broker.tickets[1], JEM_OUTCOME_ACCEPTED);
	WIRE_UNTIL(sender.outcomes[JEM_OUTCOME_ACCEPTED], 1);
	CHECK_EQ(sender.last_tag, 101);
	jem_broker_settle(broker.broker, broker.tickets[0], JEM_OUTCOME_REJECTED);
	WIRE_UNTIL(sender.outcomes[JEM_OUTCOME_REJECTED], 1);
	CHECK_EQ(sender.last_tag, 100);
	jem_broker_settle(broker.broker, broker.tickets[2], JEM_OUTCOME_RELEASED);
	WIRE_UNTIL(sender.outcomes[JEM_OUTCOME_RELEASED], 1);
	jem_broker_settle(broker.broker, broker.tickets[2], JEM_OUTCOME_ACCEPTED); /* once only */
	wire_settle();
	CHECK_EQ(sender.outcomes[JEM_OUTCOME_ACCEPTED], 1);
	CHECK_STR(jem_buf_cstr(&broker.topics),
		  "jem.s.u.j.n.log\njem.s.u.j.n.log\njem.s.u.j.n.log\n");
	close_both(&broker, &sender, &receiver);
}

CASE(a_busy_local_subscriber_stops_the_publisher_within_bounds)
{
	static char body[60000];
	struct wire_broker broker;
	struct wire_client sender = { 0 };
	unsigned sent = 0;
	unsigned settled = 0;

	wire_begin();
	wire_broker_open(&broker, NULL);
	wire_broker_subscribe_local(&broker, false);
	wire_client_open(&sender, broker.url, publisher);
	WIRE_UNTIL(sender.writable_count, 1);
	for (unsigned idle = 0; idle < 50;) {
		if (wire_send_bytes(&sender, "jem.a", body, sizeof(body), sent) == 0) {
			sent++;
			idle = 0;
		} else {
			wire_step();
			idle++;
		}
	}
	CHECK_LE(jem_client_in_flight_bytes(sender.client), 4 << 20);
	CHECK_LE(broker.message_count, 80); /* 4 MiB */
	CHECK_GE(sent, 30);
	while (settled < broker.ticket_count)
		jem_broker_settle(broker.broker, broker.tickets[settled++], JEM_OUTCOME_ACCEPTED);
	WIRE_UNTIL(sender.outcomes[JEM_OUTCOME_ACCEPTED], settled);
	WIRE_UNTIL(sender.writable_count, 2);
	wire_send_waiting(&sender, "jem.a", body, sizeof(body), sent);
	wire_client_close(&sender);
	wire_broker_close(&broker);
	wire_end();
}

CASE(tickets_of_a_publisher_that_is_gone_are_harmless)
{
	struct wire_broker broker;
	struct wire_client sender = { 0 };

	wire_begin();
	wire_broker_open(&broker, NULL);
	wire_broker_subscribe_local(&broker, false);
	wire_client_open(&sender, broker.url, publisher);
	WIRE_UNTIL(sender.writable_count, 1);
	CHECK_OK(wire_send(&sender, "jem.a", "x", 1));
	CHECK_OK(wire_send(&sender, "jem.a", "y", 2));
	WIRE_UNTIL(broker.ticket_count, 2);
	jem_broker_settle(broker.broker, broker.tickets[1], JEM_OUTCOME_ACCEPTED);
	wire_client_close(&sender);
	CHECK_EQ(sender.outcomes[JEM_OUTCOME_RELEASED], 1);
	jem_broker_settle(broker.broker, broker.tickets[0], JEM_OUTCOME_ACCEPTED);
	jem_broker_settle(broker.broker, 123456789, JEM_OUTCOME_ACCEPTED);
	wire_broker_close(&broker);
	wire_end();
}

CASE(closing_waits_for_what_subscribers_still_get)
{
	static char body[60000];
	struct wire_broker broker;
	struct wire_client sender = { 0 };
	struct wire_client receiver = { 0 };

	open_both(&broker, &sender, &receiver);
	for (unsigned i = 0; i < 30; i++)
		wire_send_waiting(&sender, "jem.a", body, sizeof(body), i);
	WIRE_UNTIL(sender.outcomes[JEM_OUTCOME_ACCEPTED], 30);
	wire_broker_close(&broker);
	CHECK_EQ(receiver.message_count, 30);
	WIRE_UNTIL(receiver.state, JEM_CLIENT_WAITING);
	CHECK_CONTAINS(jem_buf_cstr(&receiver.texts), "the broker ends");
	wire_client_close(&sender);
	wire_client_close(&receiver);
	wire_end();
}

CASE(closing_ends_in_time_when_a_subscriber_takes_nothing)
{
	static char body[60000];
	struct wire_broker broker;
	struct wire_client sender = { 0 };
	struct wire_client lazy = { .keeps = true };
	uint64_t start;

	wire_begin();
	wire_broker_open(&broker, NULL);
	wire_client_open(&lazy, broker.url,
			 (struct jem_client_options){ .subscribe = "#", .receive_window = 4 });
	wire_client_open(&sender, broker.url, publisher);
	WIRE_UNTIL(lazy.open_count, 1);
	WIRE_UNTIL(sender.writable_count, 1);
	for (unsigned i = 0; i < 30; i++)
		wire_send_waiting(&sender, "jem.a", body, sizeof(body), i);
	WIRE_UNTIL(sender.outcomes[JEM_OUTCOME_ACCEPTED], 30);
	start = uv_hrtime();
	wire_broker_close(&broker);
	CHECK_GE((uv_hrtime() - start) / 1000000, 900);
	CHECK_LE((uv_hrtime() - start) / 1000000, 5000);
	wire_client_close(&sender);
	wire_client_close(&lazy);
	wire_end();
}

CASE(closing_does_not_wait_for_a_silent_hand_shake)
{
	struct wire_broker broker;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	uint64_t start;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	wire_begin();
	wire_broker_open(&broker, NULL);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", broker.url + strlen("unix:"));
	CHECK_OK(connect(fd, (struct sockaddr *)&address, sizeof(address)));
	WIRE_UNTIL(jem_broker_stats(broker.broker).connections, 1);
	start = uv_hrtime();
	wire_broker_close(&broker);
	CHECK_LE((uv_hrtime() - start) / 1000000, 500);
	close(fd);
	wire_end();
}

CASE(tells_how_many_connections_there_are)
{
	struct wire_broker broker;
	struct wire_client one = { 0 };
	struct wire_client two = { 0 };
	unsigned count = 99;

	wire_begin();
	wire_broker_open(&broker, NULL);
	jem_broker_on_connections(broker.broker, note_count, &count);
	wire_client_open(&one, broker.url, publisher);
	WIRE_UNTIL(one.open_count, 1);
	CHECK_EQ(count, 1);
	wire_client_open(&two, broker.url, subscriber);
	WIRE_UNTIL(two.open_count, 1);
	CHECK_EQ(count, 2);
	wire_client_close(&one);
	wire_client_close(&two);
	wire_settle();
	CHECK_EQ(count, 0);
	CHECK_EQ(jem_broker_stats(broker.broker).connections, 0);
	wire_broker_close(&broker);
	wire_end();
}

CASE(refuses_connections_beyond_the_limit)
{
	const struct jem_broker_options options = { .connections = 2 };
	struct wire_broker broker;
	struct wire_client clients[3] = { 0 };

	wire_begin();
	wire_broker_open(&broker, &options);
	for (unsigned i = 0; i < 2; i++) {
		wire_client_open(&clients[i], broker.url, publisher);
		WIRE_UNTIL(clients[i].open_count, 1);
	}
	wire_client_open(&clients[2], broker.url, publisher);
	WIRE_UNTIL(clients[2].state, JEM_CLIENT_WAITING);
	CHECK_GE(jem_broker_stats(broker.broker).connections_refused, 1);
	wire_client_close(&clients[0]);
	WIRE_UNTIL(clients[2].open_count, 1); /* it tries again and finds a place */
	wire_client_close(&clients[1]);
	wire_client_close(&clients[2]);
	wire_broker_close(&broker);
	wire_end();
}

CASE(listens_at_several_addresses)
{
	struct wire_broker broker;
	struct wire_client client = { 0 };
	struct wire_client client6 = { 0 };
	struct jem_err err = { "" };
	char path[128];
	struct stat st;

	wire_begin();
	wire_broker_open(&broker, NULL);
	CHECK_OK(jem_broker_listen(broker.broker, "localhost:0", &err));
	CHECK_OK(jem_broker_listen(broker.broker, "amqp://[::1]:0", &err));
	CHECK_CONTAINS(jem_broker_url(broker.broker, 1), "amqp://127.0.0.1:");
	CHECK_CONTAINS(jem_broker_url(broker.broker, 2), "amqp://[::1]:");
	CHECK(!jem_broker_url(broker.broker, 3));
	CHECK_EQ(jem_broker_listen(broker.broker, broker.url, &err), -EADDRINUSE);
	CHECK_EQ(jem_broker_listen(broker.broker, jem_broker_url(broker.broker, 1), &err),
		 -EADDRINUSE);
	CHECK_EQ(jem_broker_listen(broker.broker, "0.0.0.0:0", &err), -EACCES);
	CHECK_EQ(jem_broker_listen(broker.broker, "nonsense", &err), -EACCES);
	CHECK_EQ(jem_broker_listen(broker.broker, "a:b:c", &err), -EINVAL);
	wire_client_open(&client, jem_broker_url(broker.broker, 1), publisher);
	wire_client_open(&client6, jem_broker_url(broker.broker, 2), publisher);
	WIRE_UNTIL(client.open_count, 1);
	WIRE_UNTIL(client6.open_count, 1);
	wire_client_close(&client);
	wire_client_close(&client6);
	snprintf(path, sizeof(path), "%s/broker.sock", check_folder());
	CHECK_OK(stat(path, &st));
	CHECK_EQ(st.st_mode & 07777, 0600);
	wire_broker_close(&broker);
	CHECK_EQ(stat(path, &st), -1);
	wire_end();
}

CASE(asks_for_a_password_where_it_has_some)
{
	char secrets[128];
	struct jem_broker_options options = { .credentials = secrets };
	struct wire_broker broker;
	struct wire_client right = { 0 };
	struct wire_client wrong = { 0 };
	char wrong_secrets[128];

	snprintf(secrets, sizeof(secrets), "%s/right", check_folder());
	snprintf(wrong_secrets, sizeof(wrong_secrets), "%s/wrong", check_folder());
	write_file(secrets, "job:right\n");
	write_file(wrong_secrets, "job:wrong\n");
	wire_begin();
	wire_broker_open(&broker, &options);
	wire_client_open(
		&right, broker.url,
		(struct jem_client_options){ .is_publisher = true, .access.credentials = secrets });
	wire_client_open(&wrong, broker.url,
			 (struct jem_client_options){ .is_publisher = true,
						      .access.credentials = wrong_secrets });
	WIRE_UNTIL(right.open_count, 1);
	CHECK_STR(right.client->session->login.mechanism, "SCRAM-SHA-256");
	CHECK(right.client->session->login.scram.is_signed); /* the broker knew it, too */
	WIRE_UNTIL(wrong.state, JEM_CLIENT_WAITING);
	CHECK_EQ(wrong.open_count, 0);
	CHECK_CONTAINS(jem_buf_cstr(&wrong.texts), "amqp:unauthorized-access");
	CHECK(!strstr(jem_buf_cstr(&wrong.texts), "wrong\n"));
	wire_client_close(&right);
	wire_client_close(&wrong);
	wire_broker_close(&broker);
	wire_end();
}

TESTS(T(passes_a_message_to_those_who_asked_for_it), T(carries_messages_of_every_size),
      T(gives_late_subscribers_the_last_status),
      T(a_subscriber_that_does_not_settle_loses_its_oldest),
      T(accepts_only_what_the_local_subscriber_has_settled),
      T(a_busy_local_subscriber_stops_the_publisher_within_bounds),
      T(tickets_of_a_publisher_that_is_gone_are_harmless),
      T(closing_waits_for_what_subscribers_still_get),
      T(closing_ends_in_time_when_a_subscriber_takes_nothing),
      T(closing_does_not_wait_for_a_silent_hand_shake), T(tells_how_many_connections_there_are),
      T(refuses_connections_beyond_the_limit), T(listens_at_several_addresses),
      T(asks_for_a_password_where_it_has_some))
