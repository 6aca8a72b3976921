/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message: an AMQP 1.0 message as the rest of the product sees it (no proton type, no encoding).
 *
 * One data section and the few properties that brokers and filters may use; the body describes
 * itself and no receiver depends on anything else (AMQP 1.0 part 3, section 3.2).
 */
#ifndef JEM_BROKER_CLIENT_MESSAGE_H
#define JEM_BROKER_CLIENT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes somebody else owns. */
struct jem_slice {
	const char *data;
	size_t len;
};

#define JEM_PROPERTIES_MAX 16
#define JEM_MESSAGE_MAX    (16u << 20) /* bytes with its sections; larger ones are refused */

/* An application property: a string, or a long when text.data is NULL. */
struct jem_property {
	struct jem_slice name;
	struct jem_slice text;
	int64_t number;
};

struct jem_message {
	struct jem_slice topic;        /* subject */
	struct jem_slice to;           /* where it goes in the broker's words; empty: the topic */
	struct jem_slice message_id;   /* at most 255 bytes */
	struct jem_slice content_type; /* symbol */
	struct jem_slice content_encoding; /* symbol, empty: none */
	int64_t creation_time_ms;          /* wall clock, 0: none */
	bool is_durable;
	struct jem_property properties[JEM_PROPERTIES_MAX];
	size_t property_count;
	struct jem_slice body;
};

/* What became of a message (AMQP 1.0 part 3, section 3.4). */
enum jem_outcome {
	JEM_OUTCOME_ACCEPTED,
	JEM_OUTCOME_REJECTED, /* not valid for the receiver: never send it again */
	JEM_OUTCOME_RELEASED, /* not taken: send it again later */
	JEM_OUTCOME_UNKNOWN, /* the connection was lost first: send it again, it may be there twice */
};

#endif
