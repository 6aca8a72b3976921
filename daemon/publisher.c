/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/publisher.h"

#include "common/clock.h"
#include "common/log.h"
#include "daemon/batch_message.h"
#include "daemon/publisher_internal.h"

#include <errno.h>
#include <stdlib.h>

enum {
	QUEUE_DEFAULT = 8 << 20,
	HUMAN_PART = 4, /* of the queue, for kinds that are on disk anyway */
	IN_FLIGHT_COUNT_MAX = 4096,
	TRIES_MAX = 5,
	WINDOW_MIN = 64 << 10,
	WINDOW_STEP = 16 << 10,
};

#define SLOW_NS 1000000000ull /* an outcome that takes longer says that the broker has too much */

static void list_init(struct list *list)
{
	list->head.next = list->head.prev = &list->head;
}

void publisher_insert_before(struct entry *at, struct entry *entry)
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

static struct lane *lane_of(struct jem_publisher *publisher, const struct entry *entry)
{
	return &publisher->lanes[jem_spool_lane(entry->batch->head.kind)];
}

void publisher_lose(struct jem_publisher *publisher, const struct jem_head *head,
		    enum jem_cause cause)
{
	publisher->account.dropped[cause]++;
	publisher->options.on_lost(publisher->options.arg, head, cause);
}

/* Out of memory's lists and gone; what is on disk of it is not touched. */
static void discard(struct jem_publisher *publisher, struct entry *entry)
{
	unlink_entry(entry);
	publisher->bytes -= entry->batch->len;
	publisher->account.held--;
	free(entry->batch);
	free(entry);
}

static void acknowledge(struct jem_publisher *publisher, const struct entry *entry)
{
	if (entry->id && publisher->spool)
		jem_spool_ack(publisher->spool, jem_spool_lane(entry->batch->head.kind), entry->id);
}

static void lose(struct jem_publisher *publisher, struct entry *entry, enum jem_cause cause)
{
	publisher_lose(publisher, &entry->batch->head, cause);
	discard(publisher, entry);
}

/* Refused for good: kept for people where there is a spool, and never sent again. */
static void reject(struct jem_publisher *publisher, struct entry *entry, enum jem_cause cause)
{
	acknowledge(publisher, entry);
	if (publisher->spool)
		jem_spool_keep_rejected(publisher->spool, &entry->batch->head, entry->batch->body,
					entry->batch->len);
	lose(publisher, entry, cause);
}

/* --- sending -------------------------------------------------------------------------------------- */

static int send_entry(struct jem_publisher *publisher, const struct entry *entry)
{
	struct jem_batch_message message;

	jem_batch_message_make(entry->batch, &message);
	return jem_client_send(publisher->client, &message.message, entry->tag);
}

/* What people read goes first. */
static struct entry *next_entry(struct jem_publisher *publisher)
{
	for (int i = 0; i < JEM_LANE_COUNT; i++) {
		struct lane *lane = &publisher->lanes[i];

		if (!list_is_empty(&lane->queued) ||
		    (lane->cursor && disk_refill(publisher, (enum jem_lane)i)))
			return lane->queued.head.next;
	}
	return NULL;
}

static bool is_window_full(const struct jem_publisher *publisher)
{
	return publisher->in_flight_count >= IN_FLIGHT_COUNT_MAX ||
	       publisher->in_flight_bytes >= publisher->window;
}

void publisher_send(struct jem_publisher *publisher)
{
	struct entry *entry;

	if (!publisher->client || publisher->is_sending || publisher->is_paused ||
	    publisher->is_closing)
		return;
	publisher->is_sending = true;
	while (!is_window_full(publisher) && (entry = next_entry(publisher))) {
		struct lane *lane = lane_of(publisher, entry);
		size_t len = entry->batch->len;
		int status;

		/* An outcome may come while sending: the entry stands in its table before. */
		unlink_entry(entry);
		publisher_insert_before(&publisher->in_flight.head, entry);
		publisher->in_flight_count++;
		publisher->in_flight_bytes += len;
		entry->sent_ns = jem_now_ns();
		status = send_entry(publisher, entry);
		if (status >= 0)
			continue;
		publisher->in_flight_count--;
		publisher->in_flight_bytes -= len;
		if (status == -EAGAIN) {
			unlink_entry(entry);
			publisher_insert_before(lane->queued.head.next, entry);
			break;
		}
		acknowledge(publisher, entry);
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
	publisher_send(arg);
}

/* --- outcomes -------------------------------------------------------------------------------------- */

/* A batch that came back goes before every younger one, so the stream's order is kept. */
static void queue_again(struct jem_publisher *publisher, struct entry *entry)
{
	struct lane *lane = lane_of(publisher, entry);
	struct entry *at = lane->queued.head.next;

	while (at != &lane->queued.head && at->tag < entry->tag)
		at = at->next;
	unlink_entry(entry);
	publisher_insert_before(at, entry);
}

/*
 * Credit says nothing about a broker that has too much (RabbitMQ grants 65,536 and blocks no AMQP 1.0
 * publisher): the time to an outcome does. Halved at most once in that time, widened by steps.
 */
static void adapt_window(struct jem_publisher *publisher, const struct entry *entry)
{
	uint64_t now = jem_now_ns();

	if (now - entry->sent_ns <= SLOW_NS) {
		publisher->window += WINDOW_STEP;
		if (publisher->window > publisher->options.access.in_flight_max)
			publisher->window = publisher->options.access.in_flight_max;
	} else if (entry->sent_ns > publisher->narrowed_ns) {
		publisher->window /= 2;
		if (publisher->window < WINDOW_MIN)
			publisher->window = WINDOW_MIN;
		publisher->narrowed_ns = now;
	}
}

static void take_back(struct jem_publisher *publisher, struct entry *entry)
{
	if (++entry->tries >= TRIES_MAX) {
		reject(publisher, entry, JEM_CAUSE_rejected);
		return;
	}
	/* Not at once, or a broker that gives all back would be busy with us alone. */
	publisher->is_paused = publisher->spool != NULL;
	queue_again(publisher, entry);
}

static void on_outcome(void *arg, uint64_t tag, enum jem_outcome outcome, const char *text)
{
	struct jem_publisher *publisher = arg;
	struct entry *entry = publisher->in_flight.head.next;

	while (entry != &publisher->in_flight.head && entry->tag != tag)
		entry = entry->next;
	if (entry == &publisher->in_flight.head)
		return;
	publisher->in_flight_count--;
	publisher->in_flight_bytes -= entry->batch->len;
	switch (outcome) {
	case JEM_OUTCOME_ACCEPTED:
		adapt_window(publisher, entry);
		acknowledge(publisher, entry);
		publisher->account.out++;
		discard(publisher, entry);
		break;
	case JEM_OUTCOME_REJECTED:
		log_warning("the broker refuses a batch of %s: %s",
			    jem_kinds[entry->batch->head.kind].name, text ? text : "no reason");
		reject(publisher, entry, JEM_CAUSE_rejected);
		break;
	case JEM_OUTCOME_RELEASED:
		take_back(publisher, entry);
		break;
	case JEM_OUTCOME_UNKNOWN:
		queue_again(publisher, entry);
		break;
	}
	if (publisher->is_closing)
		return;
	publisher_send(publisher);
	if (jem_publisher_is_drained(publisher))
		publisher->options.on_drained(publisher->options.arg);
}

/* --- taking batches --------------------------------------------------------------------------------- */

int publisher_queue(struct jem_publisher *publisher, struct jem_batch *batch, uint64_t id)
{
	struct entry *entry = malloc(sizeof(*entry));
	struct lane *lane = &publisher->lanes[jem_spool_lane(batch->head.kind)];

	if (!entry)
		return -ENOMEM;
	*entry = (struct entry){ .tag = publisher->next_tag++, .id = id, .batch = batch };
	publisher->bytes += batch->len;
	publisher->account.held++;
	publisher_insert_before(&lane->queued.head, entry);
	return 0;
}

/* The oldest that is nowhere else. */
static struct entry *oldest(struct jem_publisher *publisher, enum jem_lane lane)
{
	struct list *queued = &publisher->lanes[lane].queued;

	for (struct entry *e = queued->head.next; e != &queued->head; e = e->next)
		if (!e->id)
			return e;
	return NULL;
}

static void make_room(struct jem_publisher *publisher, size_t len)
{
	while (publisher->bytes + len > publisher->options.queue_max) {
		struct entry *victim = oldest(publisher, JEM_LANE_HOSE);

		if (!victim)
			victim = oldest(publisher, JEM_LANE_HUMAN);
		if (!victim)
			return; /* all in flight, which has its own bound */
		lose(publisher, victim, JEM_CAUSE_queue_full);
	}
}

/* Whether memory takes the batch, so that it need not be read from disk again. */
static bool is_for_memory(const struct jem_publisher *publisher, const struct jem_batch *batch)
{
	enum jem_lane lane = jem_spool_lane(batch->head.kind);
	size_t max = publisher->options.queue_max;

	if (!publisher->spool)
		return true;
	if (lane == JEM_LANE_HUMAN)
		max /= HUMAN_PART;
	return !publisher->lanes[lane].cursor && publisher->client &&
	       publisher->bytes + batch->len <= max;
}

static bool leave_on_disk(struct jem_publisher *publisher, struct jem_batch *batch, uint64_t id)
{
	struct lane *lane = &publisher->lanes[jem_spool_lane(batch->head.kind)];

	if (!id)
		id = disk_put(publisher, batch);
	if (!id)
		return false;
	if (!lane->cursor)
		lane->cursor = id;
	publisher->account.held++;
	free(batch);
	return true;
}

void jem_publisher_push(struct jem_publisher *publisher, struct jem_batch *batch)
{
	uint64_t id = 0;

	publisher->account.in++;
	if ((!publisher->client && !publisher->spool) || publisher->is_closing) {
		publisher_lose(publisher, &batch->head, JEM_CAUSE_undelivered);
		free(batch);
		return;
	}
	if (jem_spool_lane(batch->head.kind) == JEM_LANE_HUMAN)
		id = disk_put(publisher, batch);
	if (is_for_memory(publisher, batch) || !leave_on_disk(publisher, batch, id)) {
		make_room(publisher, batch->len);
		if (publisher_queue(publisher, batch, id) < 0) {
			publisher_lose(publisher, &batch->head, JEM_CAUSE_no_memory);
			free(batch);
			return;
		}
	}
	publisher_send(publisher);
}

/* --- life ------------------------------------------------------------------------------------------- */

static int open_client(struct jem_publisher *publisher, struct jem_err *err)
{
	const struct jem_publisher_options *options = &publisher->options;
	const struct jem_client_options client = {
		.loop = options->loop,
		.urls = options->urls,
		.url_count = options->url_count,
		.container_id = options->container_id,
		.access = options->access,
		.is_publisher = true,
		.events = { .on_state = on_state,
			    .on_writable = on_writable,
			    .on_outcome = on_outcome },
		.arg = publisher,
	};

	return options->url_count ? jem_client_create(&client, &publisher->client, err) : 0;
}

int jem_publisher_create(const struct jem_publisher_options *options, struct jem_publisher **ret,
			 struct jem_err *err)
{
	struct jem_publisher *publisher = calloc(1, sizeof(*publisher));
	int status;

	if (!publisher)
		return jem_err_set(err, -ENOMEM, "no memory for the publisher");
	publisher->options = *options;
	if (!publisher->options.queue_max)
		publisher->options.queue_max = QUEUE_DEFAULT;
	if (!publisher->options.access.in_flight_max)
		publisher->options.access.in_flight_max = QUEUE_DEFAULT / 2;
	publisher->window = publisher->options.access.in_flight_max;
	for (int i = 0; i < JEM_LANE_COUNT; i++)
		list_init(&publisher->lanes[i].queued);
	list_init(&publisher->in_flight);
	status = open_client(publisher, err);
	if (status < 0) {
		free(publisher);
		return status;
	}
	/* Without a spool it works on, in memory. */
	if (options->spool.dir)
		disk_open(publisher);
	*ret = publisher;
	return 0;
}

bool jem_publisher_is_drained(const struct jem_publisher *publisher)
{
	/* Without a broker nothing leaves, however long one waits. */
	if (!publisher->client)
		return true;
	for (int i = 0; i < JEM_LANE_COUNT; i++)
		if (!list_is_empty(&publisher->lanes[i].queued) || publisher->lanes[i].cursor)
			return false;
	return list_is_empty(&publisher->in_flight);
}

const struct jem_account *jem_publisher_account(const struct jem_publisher *publisher)
{
	return &publisher->account;
}

void jem_publisher_each_late(struct jem_publisher *publisher, enum jem_kind kind,
			     jem_spool_late_fn fn, void *arg)
{
	if (publisher->spool)
		jem_spool_each_late(publisher->spool, kind, fn, arg);
}

const char *jem_publisher_spool_fault(const struct jem_publisher *publisher)
{
	return publisher->spool_fault.text[0] ? publisher->spool_fault.text : NULL;
}

const struct jem_spool *jem_publisher_spool(const struct jem_publisher *publisher)
{
	return publisher->spool;
}

/* What is in memory at the end: what is on disk stays there, the rest goes there if it can. */
static void leave_all(struct jem_publisher *publisher, struct list *list)
{
	while (!list_is_empty(list)) {
		struct entry *entry = list->head.next;

		if (entry->id || disk_put(publisher, entry->batch)) {
			discard(publisher, entry);
			publisher->account.held++;
		} else {
			lose(publisher, entry, JEM_CAUSE_undelivered);
		}
	}
}

static void finish(struct jem_publisher *publisher)
{
	void (*on_closed)(void *) = publisher->on_closed;
	void *user = publisher->options.arg;

	free(publisher);
	on_closed(user);
}

static void finish_close(void *arg)
{
	struct jem_publisher *publisher = arg;

	leave_all(publisher, &publisher->in_flight);
	for (int i = 0; i < JEM_LANE_COUNT; i++)
		leave_all(publisher, &publisher->lanes[i].queued);
	if (publisher->spool)
		disk_close(publisher, finish);
	else
		finish(publisher);
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
