/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire: the ground of the tests of clients and brokers: a loop with a time limit, a broker on a
 * unix socket in the case's folder, and clients that remember what they were told.
 */
#ifndef JEM_TESTS_UNIT_WIRE_H
#define JEM_TESTS_UNIT_WIRE_H

#include "broker-client/broker.h"
#include "broker-client/client.h"
#include "common/buf.h"
#include "tests/unit/check.h"

#include <uv.h>

struct wire_broker {
	struct jem_broker *broker;
	const char *url;
	bool is_closed;
	/* of the local subscriber, when there is one */
	bool settles; /* at once, with `outcome` */
	enum jem_outcome outcome;
	jem_broker_ticket tickets[64];
	size_t ticket_count;
	size_t message_count;
	struct jem_buf bodies; /* one a line */
	struct jem_buf topics;
};

struct wire_client {
	struct jem_client *client;
	enum jem_client_state state;
	struct jem_buf texts; /* of on_state, one a line */
	unsigned open_count;
	unsigned writable_count;
	unsigned outcomes[4]; /* by enum jem_outcome */
	uint64_t last_tag;
	char last_reason[256];
	unsigned message_count;
	unsigned retained_count;
	int64_t dropped; /* as the last notice says */
	size_t last_len;
	struct jem_buf bodies; /* of messages up to 200 bytes, one a line */
	bool keeps;            /* does not settle */
	jem_delivery_id kept[512];
	bool is_closed;
};

extern uv_loop_t wire_loop;

/* Before and after everything else; the end checks that nothing of the loop's is left. */
void wire_begin(void);
void wire_end(void);

#define WIRE_UNTIL(variable, wanted)                                                               \
	do {                                                                                       \
		uint64_t start_ = uv_hrtime();                                                     \
                                                                                                   \
		while (!((variable) >= (wanted))) {                                                \
			wire_step();                                                               \
			if (uv_hrtime() - start_ > 20000000000u)                                   \
				check_fail(__FILE__, __LINE__, "%s is %lld, wanted %lld",          \
					   #variable, (long long)(variable), (long long)(wanted)); \
		}                                                                                  \
	} while (0)
/* One pass of the loop, waiting for an event for a few milliseconds at most. */
void wire_step(void);
/* As many passes as it takes until nothing moves any more. */
void wire_settle(void);

void wire_broker_open(struct wire_broker *broker, const struct jem_broker_options *options);
void wire_broker_subscribe_local(struct wire_broker *broker, bool settles);
void wire_broker_close(struct wire_broker *broker);

/* Fields of `options` that are not set get sensible values. */
void wire_client_open(struct wire_client *client, const char *url,
		      struct jem_client_options options);
void wire_client_close(struct wire_client *client);

int wire_send(struct wire_client *client, const char *topic, const char *body, uint64_t tag);
/* Until the client takes it. */
void wire_send_waiting(struct wire_client *client, const char *topic, const void *body, size_t len,
		       uint64_t tag);
int wire_send_bytes(struct wire_client *client, const char *topic, const void *body, size_t len,
		    uint64_t tag);

#endif
