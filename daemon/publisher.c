/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/publisher.h"

#include "common/compress.h"
#include "daemon/packing.h"

#include <errno.h>
#include <stdlib.h>

enum {
	QUEUE_DEFAULT = 8 << 20,
	IN_FLIGHT_COUNT_MAX = 4096
};

struct entry {
	struct entry *next;
	struct entry *prev;
	uint64_t tag;
	struct jem_batch *batch; /* owned */
};

/* A list with a sentinel: order is the order of push, resent batches come back to its front. */
struct list {
	struct entry head;
};

struct jem_publisher {
	struct jem_publisher_options options;
	struct jem_client *client; /* owned, NULL without a broker */
	struct list queued;
	struct list in_flight;
	size_t bytes;
	size_t in_flight_count;
	uint64_t next_tag;
	bool is_sending;
	bool is_closing;
	struct jem_account account;
	void (*on_closed)(void *arg);
};

static void list_init(struct list *list)
{
	list->head.next = list->head.prev = &list->head;
}

static bool list_is_empty(const struct list *list)
{
	return list->head.next == &list->head;
}

static void insert_before(struct entry *at, struct entry *entry)
{
	entry->next = at;
	entry->prev = at->prev;
	at->prev->next = entry;
	at->prev = entry;
}

static void unlink_entry(struct entry *entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
}

static void lose(struct jem_publisher *publisher, struct entry *entry, enum jem_cause cause)
{
	unlink_entry(entry);
	publisher->bytes -= entry->batch->len;
	publisher->account.held--;
	publisher->account.dropped[cause]++;
	publisher->options.on_lost(publisher->options.arg, &entry->batch->head, cause);
	free(entry->batch);
	free(entry);
}

static struct jem_slice slice(const char *text)
{
	return (struct jem_slice){ text, strlen(text) };
}

static struct jem_property text_property(const char *name, const char *value)
{
	return (struct jem_property){ .name = slice(name), .text = slice(value) };
}

static struct jem_property number_property(const char *name, uint64_t value)
{
	return (struct jem_property){ .name = slice(name), .number = (int64_t)value };
}

/* Properties repeat the head for brokers and filters; no receiver depends on them. */
static void describe(const struct jem_batch *batch, const char *topic, const char *message_id,
		     struct jem_message *message)
{
	const struct jem_head *head = &batch->head;
	const struct jem_kind_info *kind = &jem_kinds[head->kind];
	struct jem_property properties[] = {
		text_property("kind", kind->name),
		text_property("site", head->source.names.site),
		text_property("user", head->source.names.user),
		text_property("job", head->source.names.job),
		text_property("node", head->source.names.node),
		text_property("epoch", head->epoch),
		number_property("seq", head->seq),
		number_property("first", head->first),
		number_property("n", head->n),
		number_property("schema", head->schema),
	};

	*message = (struct jem_message){
		.topic = slice(topic),
		.message_id = slice(message_id),
		.content_type = slice(kind->encoding == JEM_ENCODING_CBOR ? "application/cbor"
									  : "application/json"),
		.content_encoding =
			slice(jem_batch_is_packed(batch) ? JEM_CONTENT_ENCODING_ZSTD : ""),
		.creation_time_ms = (int64_t)(head->t0_us / 1000),
		.is_durable = kind->is_human,
		.property_count = sizeof(properties) / sizeof(*properties),
		.body = { batch->body, batch->len },
	};
	memcpy(message->properties, properties, sizeof(properties));
}

static int send_entry(struct jem_publisher *publisher, struct entry *entry)
{
	char topic[JEM_TOPIC_MAX];
	char message_id[JEM_TOPIC_MAX];
	struct jem_message message;

	jem_batch_topic(&entry->batch->head, topic);
	jem_batch_message_id(&entry->batch->head, message_id);
	describe(entry->batch, topic, message_id, &message);
	return jem_client_send(publisher->client, &message, entry->tag);
}

static void send_queued(struct jem_publisher *publisher)
{
	if (!publisher->client || publisher->is_sending)
		return;
	publisher->is_sending = true;
	while (!list_is_empty(&publisher->queued) &&
	       publisher->in_flight_count < IN_FLIGHT_COUNT_MAX) {
		struct entry *entry = publisher->queued.head.next;
		int status;

		/* An outcome may come while sending: the entry stands in its table before. */
		unlink_entry(entry);
		insert_before(&publisher->in_flight.head, entry);
		publisher->in_flight_count++;
		status = send_entry(publisher, entry);
		if (status >= 0)
			continue;
		publisher->in_flight_count--;
		if (status == -EAGAIN) {
			unlink_entry(entry);
			insert_before(publisher->queued.head.next, entry);
			break;
		}
		lose(publisher, entry,
		     status == -EMSGSIZE ? JEM_CAUSE_too_large : JEM_CAUSE_no_memory);
	}
	publisher->is_sending = false;
}

static void on_state(void *arg, enum jem_client_state state, const char *text)
{
	struct jem_publisher *publisher = arg;

	if (state == JEM_CLIENT_OPEN || state == JEM_CLIENT_WAITING)
		publisher->options.on_state(publisher->options.arg, state == JEM_CLIENT_OPEN, text);
}

static void on_writable(void *arg)
{
	send_queued(arg);
}

/* A released batch goes back before every younger one, so the stream's order is kept. */
static void queue_again(struct jem_publisher *publisher, struct entry *entry)
{
	struct entry *at = publisher->queued.head.next;

	while (at != &publisher->queued.head && at->tag < entry->tag)
		at = at->next;
	unlink_entry(entry);
	insert_before(at, entry);
}

static void on_outcome(void *arg, uint64_t tag, enum jem_outcome outcome, const char *text)
{
	struct jem_publisher *publisher = arg;
	struct entry *entry = publisher->in_flight.head.next;

	(void)text;
	while (entry != &publisher->in_flight.head && entry->tag != tag)
		entry = entry->next;
	if (entry == &publisher->in_flight.head)
		return;
	publisher->in_flight_count--;
	switch (outcome) {
	case JEM_OUTCOME_ACCEPTED:
		unlink_entry(entry);
		publisher->bytes -= entry->batch->len;
		publisher->account.held--;
		publisher->account.out++;
		free(entry->batch);
		free(entry);
		break;
	case JEM_OUTCOME_REJECTED:
		lose(publisher, entry, JEM_CAUSE_rejected);
		break;
	case JEM_OUTCOME_RELEASED:
		queue_again(publisher, entry);
		break;
	}
	if (jem_publisher_is_drained(publisher) && !publisher->is_closing)
		publisher->options.on_drained(publisher->options.arg);
}

int jem_publisher_create(const struct jem_publisher_options *options, struct jem_publisher **ret,
			 struct jem_err *err)
{
	struct jem_publisher *publisher = calloc(1, sizeof(*publisher));
	struct jem_client_options client = {
		.loop = options->loop,
		.urls = options->urls,
		.url_count = options->url_count,
		.container_id = options->container_id,
		.credentials = options->credentials,
		.is_publisher = true,
		.idle_timeout_ms = options->idle_timeout_ms,
		.in_flight_max = options->in_flight_max,
		.events = { .on_state = on_state,
			    .on_writable = on_writable,
			    .on_outcome = on_outcome },
		.arg = publisher,
	};
	int status;

	if (!publisher)
		return jem_err_set(err, -ENOMEM, "no memory for the publisher");
	publisher->options = *options;
	if (!publisher->options.queue_max)
		publisher->options.queue_max = QUEUE_DEFAULT;
	list_init(&publisher->queued);
	list_init(&publisher->in_flight);
	if (options->url_count) {
		status = jem_client_create(&client, &publisher->client, err);
		if (status < 0) {
			free(publisher);
			return status;
		}
	}
	*ret = publisher;
	return 0;
}

static struct entry *oldest(struct jem_publisher *publisher, bool is_human)
{
	for (struct entry *e = publisher->queued.head.next; e != &publisher->queued.head;
	     e = e->next)
		if (is_human || !jem_kinds[e->batch->head.kind].is_human)
			return e;
	return NULL;
}

static void make_room(struct jem_publisher *publisher, size_t len)
{
	while (publisher->bytes + len > publisher->options.queue_max) {
		struct entry *victim = oldest(publisher, false);

		if (!victim)
			victim = oldest(publisher, true);
		if (!victim)
			return; /* all in flight, which has its own bound */
		lose(publisher, victim, JEM_CAUSE_queue_full);
	}
}

void jem_publisher_push(struct jem_publisher *publisher, struct jem_batch *batch)
{
	struct entry *entry = malloc(sizeof(*entry));

	publisher->account.in++;
	if (!entry || !publisher->client || publisher->is_closing) {
		enum jem_cause cause = entry ? JEM_CAUSE_undelivered : JEM_CAUSE_no_memory;

		publisher->account.dropped[cause]++;
		publisher->options.on_lost(publisher->options.arg, &batch->head, cause);
		free(batch);
		free(entry);
		return;
	}
	make_room(publisher, batch->len);
	entry->tag = publisher->next_tag++;
	entry->batch = batch;
	publisher->bytes += batch->len;
	publisher->account.held++;
	insert_before(&publisher->queued.head, entry);
	send_queued(publisher);
}

bool jem_publisher_is_drained(const struct jem_publisher *publisher)
{
	return list_is_empty(&publisher->queued) && list_is_empty(&publisher->in_flight);
}

const struct jem_account *jem_publisher_account(const struct jem_publisher *publisher)
{
	return &publisher->account;
}

static void finish_close(void *arg)
{
	struct jem_publisher *publisher = arg;
	void (*on_closed)(void *) = publisher->on_closed;
	void *user = publisher->options.arg;

	while (!list_is_empty(&publisher->queued))
		lose(publisher, publisher->queued.head.next, JEM_CAUSE_undelivered);
	while (!list_is_empty(&publisher->in_flight))
		lose(publisher, publisher->in_flight.head.next, JEM_CAUSE_undelivered);
	free(publisher);
	on_closed(user);
}

void jem_publisher_close(struct jem_publisher *publisher, uint64_t timeout_ms,
			 void (*on_closed)(void *arg))
{
	if (!publisher)
		return;
	publisher->is_closing = true;
	publisher->on_closed = on_closed;
	if (publisher->client)
		jem_client_close(publisher->client, timeout_ms, finish_close);
	else
		finish_close(publisher);
}
