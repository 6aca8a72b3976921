/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/dialect/dialect.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_EXCHANGE "amq.topic"

static const char *const names[JEM_DIALECT_COUNT] = {
	[JEM_DIALECT_AUTO] = "auto",         [JEM_DIALECT_EMBEDDED] = "jem",
	[JEM_DIALECT_RABBITMQ] = "rabbitmq", [JEM_DIALECT_RABBITMQ4] = "rabbitmq4",
	[JEM_DIALECT_ACTIVEMQ] = "activemq", [JEM_DIALECT_ARTEMIS] = "artemis",
	[JEM_DIALECT_QPID] = "qpid",
};

const char *jem_dialect_name(enum jem_dialect dialect)
{
	return names[dialect];
}

int jem_dialect_parse(const char *name, enum jem_dialect *ret)
{
	for (int i = 0; i < JEM_DIALECT_COUNT; i++)
		if (!strcmp(name, names[i])) {
			*ret = (enum jem_dialect)i;
			return 0;
		}
	return -EINVAL;
}

enum jem_dialect jem_dialect_detect(const char *product, const char *version)
{
	static const struct {
		const char *part;
		enum jem_dialect dialect;
	} products[] = {
		{ "rabbitmq", JEM_DIALECT_RABBITMQ },         { "artemis", JEM_DIALECT_ARTEMIS },
		{ "activemq", JEM_DIALECT_ACTIVEMQ },         { "qpid-cpp", JEM_DIALECT_QPID },
		{ "Apache Qpid Broker-J", JEM_DIALECT_QPID },
	};

	for (size_t i = 0; product && i < sizeof(products) / sizeof(*products); i++) {
		if (!strcasestr(product, products[i].part))
			continue;
		if (products[i].dialect == JEM_DIALECT_RABBITMQ && version &&
		    strtol(version, NULL, 10) >= 4)
			return JEM_DIALECT_RABBITMQ4;
		return products[i].dialect;
	}
	return JEM_DIALECT_EMBEDDED;
}

__attribute__((format(printf, 2, 3))) static void set_address(struct jem_terminus *ret,
							      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret->address, sizeof(ret->address), format, args);
	va_end(args);
}

void jem_dialect_publish(enum jem_dialect dialect, const char *exchange, struct jem_terminus *ret)
{
	const char *name = exchange ? exchange : DEFAULT_EXCHANGE;

	*ret = (struct jem_terminus){ .capability = NULL };
	switch (dialect) {
	case JEM_DIALECT_RABBITMQ:
		set_address(ret, "/exchange/%s", name);
		ret->is_durable = true;
		break;
	case JEM_DIALECT_RABBITMQ4:
		set_address(ret, "/exchanges/%s", name);
		break;
	case JEM_DIALECT_QPID:
		set_address(ret, "%s", name);
		break;
	default:
		break; /* anonymous: ActiveMQ and Artemis offer the relay, the embedded broker has it */
	}
}

void jem_dialect_to(enum jem_dialect dialect, const char *topic, size_t len,
		    char ret[JEM_DIALECT_ADDRESS_MAX])
{
	snprintf(ret, JEM_DIALECT_ADDRESS_MAX, "%s%.*s",
		 dialect == JEM_DIALECT_ACTIVEMQ ? "topic://" : "", (int)len, topic);
}

/* ActiveMQ has `>` for our `#`, and only at the end. */
static int to_activemq(const char *pattern, struct jem_terminus *ret, struct jem_err *err)
{
	const char *hash = strchr(pattern, '#');

	if (hash && (hash[1] || (hash > pattern && hash[-1] != '.')))
		return jem_err_set(err, -ENOTSUP,
				   "ActiveMQ takes # at the end of a pattern only, not \"%.128s\"",
				   pattern);
	set_address(ret, "topic://%.*s%s", hash ? (int)(hash - pattern) : (int)strlen(pattern),
		    pattern, hash ? ">" : "");
	return 0;
}

int jem_dialect_subscribe(enum jem_dialect dialect, const char *exchange, const char *pattern,
			  struct jem_terminus *ret, struct jem_err *err)
{
	const char *name = exchange ? exchange : DEFAULT_EXCHANGE;

	*ret = (struct jem_terminus){ .capability = NULL };
	switch (dialect) {
	case JEM_DIALECT_RABBITMQ:
		if (strcmp(name, DEFAULT_EXCHANGE) != 0)
			set_address(ret, "/exchange/%s/%s", name, pattern);
		else
			set_address(ret, "/topic/%s", pattern);
		return 0;
	case JEM_DIALECT_RABBITMQ4:
		return jem_err_set(
			err, -ENOTSUP,
			"RabbitMQ 4 delivers from queues only; bind a queue to %s with \"%.128s\" "
			"and read it with --queue",
			name, pattern);
	case JEM_DIALECT_ACTIVEMQ:
		return to_activemq(pattern, ret, err);
	case JEM_DIALECT_ARTEMIS:
		set_address(ret, "%s", pattern);
		ret->capability = "topic";
		return 0;
	case JEM_DIALECT_QPID:
		set_address(ret, "%s/%s", name, pattern);
		return 0;
	default:
		set_address(ret, "%s", pattern);
		return 0;
	}
}

void jem_dialect_queue(enum jem_dialect dialect, const char *queue, struct jem_terminus *ret)
{
	*ret = (struct jem_terminus){ .capability = NULL };
	switch (dialect) {
	case JEM_DIALECT_RABBITMQ:
		set_address(ret, "/amq/queue/%s", queue);
		ret->is_durable = true;
		break;
	case JEM_DIALECT_RABBITMQ4:
		set_address(ret, "/queues/%s", queue);
		break;
	case JEM_DIALECT_ACTIVEMQ:
		set_address(ret, "queue://%s", queue);
		break;
	case JEM_DIALECT_ARTEMIS:
		set_address(ret, "%s", queue);
		ret->capability = "queue";
		break;
	default:
		set_address(ret, "%s", queue);
		break;
	}
}
