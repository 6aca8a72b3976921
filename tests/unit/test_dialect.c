/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/dialect/dialect.h"
#include "tests/unit/check.h"

#include <errno.h>

static const char topic[] = "jem.site.user.job.node.log";

CASE(the_peer_is_known_by_its_open_frame)
{
	CHECK_EQ(jem_dialect_detect("RabbitMQ", "3.10.8"), JEM_DIALECT_RABBITMQ);
	CHECK_EQ(jem_dialect_detect("RabbitMQ", "4.0.2"), JEM_DIALECT_RABBITMQ4);
	CHECK_EQ(jem_dialect_detect("RabbitMQ", "10.1"), JEM_DIALECT_RABBITMQ4);
	CHECK_EQ(jem_dialect_detect("RabbitMQ", NULL), JEM_DIALECT_RABBITMQ);
	CHECK_EQ(jem_dialect_detect("ActiveMQ", "5.17.2"), JEM_DIALECT_ACTIVEMQ);
	CHECK_EQ(jem_dialect_detect("apache-activemq-artemis", "2.28.0"), JEM_DIALECT_ARTEMIS);
	CHECK_EQ(jem_dialect_detect("qpid-cpp", "1.39.0"), JEM_DIALECT_QPID);
	CHECK_EQ(jem_dialect_detect("Apache Qpid Broker-J", "9.0"), JEM_DIALECT_QPID);
	CHECK_EQ(jem_dialect_detect("jem-broker", "0.1.0"), JEM_DIALECT_EMBEDDED);
	CHECK_EQ(jem_dialect_detect("somebody else", "1"), JEM_DIALECT_EMBEDDED);
	CHECK_EQ(jem_dialect_detect(NULL, NULL), JEM_DIALECT_EMBEDDED);
}

CASE(every_name_is_parsed)
{
	enum jem_dialect dialect;

	for (int i = 0; i < JEM_DIALECT_COUNT; i++) {
		CHECK_OK(jem_dialect_parse(jem_dialect_name((enum jem_dialect)i), &dialect));
		CHECK_EQ(dialect, i);
	}
	CHECK_EQ(jem_dialect_parse("rabbit", &dialect), -EINVAL);
}

CASE(each_broker_is_published_to_in_its_words)
{
	static const struct {
		enum jem_dialect dialect;
		const char *address;
		const char *to;
		bool is_durable;
	} wanted[] = {
		{ JEM_DIALECT_EMBEDDED, "", topic, false },
		{ JEM_DIALECT_RABBITMQ, "/exchange/amq.topic", topic, true },
		{ JEM_DIALECT_RABBITMQ4, "/exchanges/amq.topic", topic, false },
		{ JEM_DIALECT_ACTIVEMQ, "", "topic://jem.site.user.job.node.log", false },
		{ JEM_DIALECT_ARTEMIS, "", topic, false },
		{ JEM_DIALECT_QPID, "amq.topic", topic, false },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		struct jem_terminus terminus;
		char to[JEM_DIALECT_ADDRESS_MAX];

		jem_dialect_publish(wanted[i].dialect, NULL, &terminus);
		jem_dialect_to(wanted[i].dialect, topic, strlen(topic), to);
		CHECK_STR(terminus.address, wanted[i].address);
		CHECK_STR(to, wanted[i].to);
		CHECK_EQ(terminus.is_durable, wanted[i].is_durable);
	}
	{
		struct jem_terminus terminus;

		jem_dialect_publish(JEM_DIALECT_RABBITMQ, "site", &terminus);
		CHECK_STR(terminus.address, "/exchange/site");
	}
}

CASE(patterns_and_queues_in_each_brokers_words)
{
	static const struct {
		enum jem_dialect dialect;
		const char *pattern;
		const char *address;
		const char *queue;
		const char *capability;
	} wanted[] = {
		{ JEM_DIALECT_EMBEDDED, "jem.*.#", "jem.*.#", "q", NULL },
		{ JEM_DIALECT_RABBITMQ, "jem.*.#", "/topic/jem.*.#", "/amq/queue/q", NULL },
		{ JEM_DIALECT_ACTIVEMQ, "jem.*.#", "topic://jem.*.>", "queue://q", NULL },
		{ JEM_DIALECT_ACTIVEMQ, "#", "topic://>", "queue://q", NULL },
		{ JEM_DIALECT_ACTIVEMQ, "jem.a", "topic://jem.a", "queue://q", NULL },
		{ JEM_DIALECT_ARTEMIS, "jem.*.#", "jem.*.#", "q", "topic" },
		{ JEM_DIALECT_QPID, "jem.*.#", "amq.topic/jem.*.#", "q", NULL },
	};
	struct jem_terminus terminus;
	struct jem_err err;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		CHECK_OK(jem_dialect_subscribe(wanted[i].dialect, NULL, wanted[i].pattern,
					       &terminus, &err));
		CHECK_STR(terminus.address, wanted[i].address);
		CHECK(!wanted[i].capability ? !terminus.capability
					    : !strcmp(terminus.capability, wanted[i].capability));
		jem_dialect_queue(wanted[i].dialect, "q", &terminus);
		CHECK_STR(terminus.address, wanted[i].queue);
	}
	CHECK_OK(jem_dialect_subscribe(JEM_DIALECT_RABBITMQ, "site", "jem.#", &terminus, &err));
	CHECK_STR(terminus.address, "/exchange/site/jem.#");
	CHECK_EQ(jem_dialect_subscribe(JEM_DIALECT_RABBITMQ4, NULL, "jem.#", &terminus, &err),
		 -ENOTSUP);
	CHECK_CONTAINS(err.text, "--queue");
	jem_dialect_queue(JEM_DIALECT_RABBITMQ4, "q", &terminus);
	CHECK_STR(terminus.address, "/queues/q");
	CHECK_EQ(jem_dialect_subscribe(JEM_DIALECT_ACTIVEMQ, NULL, "jem.#.log", &terminus, &err),
		 -ENOTSUP);
	CHECK_CONTAINS(err.text, "at the end");
}

TESTS(T(the_peer_is_known_by_its_open_frame), T(every_name_is_parsed),
      T(each_broker_is_published_to_in_its_words), T(patterns_and_queues_in_each_brokers_words))
