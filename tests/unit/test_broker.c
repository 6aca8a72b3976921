/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded broker and our client on real sockets, in one loop. */
#include "tests/unit/wire.h"

#include <errno.h>

static const struct jem_client_options publisher = { .is_publisher = true };
static const struct jem_client_options subscriber = { .subscribe = "jem.#" };

CASE(passes_a_message_to_those_who_asked_for_it)
{
	struct wire_broker broker;
	struct wire_client sender = { 0 };
	struct wire_client all = { 0 };
	struct wire_client other = { 0 };

	wire_begin();
	wire_broker_open(&broker, NULL);
	wire_client_open(&all, broker.url, subscriber);
	wire_client_open(&other, broker.url,
			 (struct jem_client_options){ .subscribe = "jem.*.other.#" });
	wire_client_open(&sender, broker.url, publisher);
	WIRE_UNTIL(all.open_count, 1);
	WIRE_UNTIL(other.open_count, 1);
	WIRE_UNTIL(sender.open_count, 1);
	WIRE_UNTIL(sender.writable_count, 1);
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
	wire_client_close(&sender);
	wire_client_close(&all);
	wire_client_close(&other);
	wire_broker_close(&broker);
	wire_end();
}

TESTS(T(passes_a_message_to_those_who_asked_for_it))
