/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialect: how each broker names topics and queues in AMQP 1.0, which leaves that open.
 *
 *	embedded     topics and patterns as they are (`*` one level, `#` any); messages name their topic in `to`
 *	rabbitmq     3.x, AMQP 1.0 plugin: /exchange/NAME with the topic as subject, /topic/PATTERN, /amq/queue/NAME
 *	rabbitmq4    from 4.0: /exchanges/NAME with the topic as subject, /queues/NAME only (addresses version 2)
 *	activemq     Classic: topic://NAME in `to`, `*` one level, `>` any at the end, queue://NAME
 *	artemis      names as they are with the terminus capability `topic` or `queue`
 *	qpid         Qpid and Broker-J: EXCHANGE/PATTERN, the topic as subject
 *
 * The dialect follows from the peer's open frame (AMQP 1.0 part 2, section 2.7.1: properties), unless
 * `broker.dialect` names one. Canonical topics and patterns have levels of [A-Za-z0-9_-], so that no
 * broker's separators can be in them.
 */
#ifndef JEM_BROKER_CLIENT_DIALECT_DIALECT_H
#define JEM_BROKER_CLIENT_DIALECT_DIALECT_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

enum jem_dialect {
	JEM_DIALECT_AUTO,
	JEM_DIALECT_EMBEDDED,
	JEM_DIALECT_RABBITMQ,
	JEM_DIALECT_RABBITMQ4,
	JEM_DIALECT_ACTIVEMQ,
	JEM_DIALECT_ARTEMIS,
	JEM_DIALECT_QPID,
	JEM_DIALECT_COUNT
};

#define JEM_DIALECT_ADDRESS_MAX 512

/* A terminus (AMQP 1.0 part 3, sections 3.5.3 and 3.5.4). */
struct jem_terminus {
	char address
		[JEM_DIALECT_ADDRESS_MAX]; /* "": the anonymous terminus; messages say where to */
	const char *capability;            /* or NULL */
	bool is_durable;                   /* terminus durability: unsettled-state */
};

/* The names of broker.dialect; "auto" is the first. -EINVAL for another. */
const char *jem_dialect_name(enum jem_dialect dialect);
int jem_dialect_parse(const char *name, enum jem_dialect *ret);

/* What the peer is by `product` and `version` of its open frame; either may be NULL. */
enum jem_dialect jem_dialect_detect(const char *product, const char *version);

/* Where to publish. `exchange` as configured, or NULL: amq.topic. */
void jem_dialect_publish(enum jem_dialect dialect, const char *exchange, struct jem_terminus *ret);

/* `to` of a message on that link: the topic in the broker's words. */
void jem_dialect_to(enum jem_dialect dialect, const char *topic, size_t len,
		    char ret[JEM_DIALECT_ADDRESS_MAX]);

/*
 * Where to hear what matches a pattern. -ENOTSUP with the remedy where the broker has only queues, or
 * cannot express the pattern.
 */
int jem_dialect_subscribe(enum jem_dialect dialect, const char *exchange, const char *pattern,
			  struct jem_terminus *ret, struct jem_err *err);

/* Where to read a durable queue. */
void jem_dialect_queue(enum jem_dialect dialect, const char *queue, struct jem_terminus *ret);

#endif
