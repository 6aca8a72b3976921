/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of client and broker that need no socket. */
#include "tests/unit/check.h"

#include "broker-client/broker/queue.h"
#include "broker-client/broker/retained.h"
#include "broker-client/broker/router.h"
#include "broker-client/credentials.h"
#include "broker-client/wire/address.h"
#include "broker-client/wire/backoff.h"
#include "broker-client/wire/credit.h"
#include "broker-client/wire/window.h"
#include "common/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/stat.h>

/* --- window --- */

CASE(window_finds_by_number_and_never_again)
{
	struct jem_window window;
	struct jem_window_slot slot;
	uint64_t first;
	uint64_t second;

	jem_window_init(&window, 128);
	first = jem_window_push(&window, (struct jem_window_slot){ .tag = 7, .bytes = 10 });
	second = jem_window_push(&window, (struct jem_window_slot){ .tag = 8, .bytes = 20 });
	CHECK_EQ(first, 1);
	CHECK_EQ(second, 2);
	CHECK_EQ(window.bytes, 30);
	CHECK(jem_window_take(&window, second, &slot));
	CHECK_EQ(slot.tag, 8);
	CHECK(!jem_window_take(&window, second, &slot));
	CHECK(!jem_window_find(&window, 0));
	CHECK(!jem_window_find(&window, 3));
	CHECK(jem_window_take_oldest(&window, &slot));
	CHECK_EQ(slot.tag, 7);
	CHECK_EQ(window.count, 0);
	CHECK_EQ(window.bytes, 0);
	CHECK_EQ(jem_window_push(&window, slot), 3);
	jem_window_deinit(&window);
}

CASE(window_is_bounded_by_its_oldest)
{
	struct jem_window window;
	struct jem_window_slot slot;

	jem_window_init(&window, 256);
	for (unsigned i = 1; i <= 256; i++)
		CHECK_EQ(jem_window_push(&window, (struct jem_window_slot){ .tag = i }), i);
	CHECK(jem_window_is_full(&window));
	CHECK_EQ(jem_window_push(&window, (struct jem_window_slot){ 0 }), 0);
	CHECK(jem_window_take(&window, 2, &slot)); /* not the oldest: still full */
	CHECK_EQ(jem_window_push(&window, (struct jem_window_slot){ 0 }), 0);
	CHECK(jem_window_take(&window, 1, &slot));
	CHECK_EQ(window.oldest, 3);
	CHECK_EQ(jem_window_push(&window, (struct jem_window_slot){ .tag = 257 }), 257);
	for (unsigned i = 3; i <= 257; i++) {
		CHECK(jem_window_take_oldest(&window, &slot));
		CHECK_EQ(slot.tag, i);
	}
	CHECK(!jem_window_take_oldest(&window, &slot));
	jem_window_deinit(&window);
}

/* --- credit --- */

CASE(credit_follows_the_size_of_messages)
{
	struct jem_credit credit;

	jem_credit_init(&credit, 4 << 20, 1000);
	CHECK_EQ(jem_credit_grant(&credit, 0, 0, 0), 64);
	for (unsigned i = 0; i < 2000; i++)
		jem_credit_note(&credit, 300);
	CHECK_EQ(jem_credit_grant(&credit, 0, 0, 0), 1000);
	for (unsigned i = 0; i < 30; i++)
		jem_credit_note(&credit, 1 << 20);
	CHECK_LE(jem_credit_grant(&credit, 0, 0, 0), 5);
}

CASE(credit_counts_what_is_held_and_never_stops_for_good)
{
	struct jem_credit credit;

	jem_credit_init(&credit, 4 << 20, 1000);
	CHECK_EQ(jem_credit_grant(&credit, 0, 10, 4 << 20), 0);
	CHECK_EQ(jem_credit_grant(&credit, 0, 1000, 1000), 0);
	CHECK_EQ(jem_credit_grant(&credit, 60, 0, 0), 0); /* enough is out */
	CHECK_EQ(jem_credit_grant(&credit, 10, 0, 0), 54);
	for (unsigned i = 0; i < 60; i++)
		jem_credit_note(&credit, 16 << 20);
	CHECK_EQ(jem_credit_grant(&credit, 0, 0, 0), 1); /* greater than the budget */
	CHECK_EQ(jem_credit_grant(&credit, 0, 1, 16 << 20), 0);
}

/* --- backoff --- */

CASE(backoff_doubles_with_jitter_and_starts_over)
{
	struct jem_backoff backoff;
	uint64_t base = JEM_BACKOFF_FIRST_MS;

	jem_backoff_init(&backoff, 42);
	for (unsigned i = 0; i < 12; i++) {
		uint64_t wait = jem_backoff_next_ms(&backoff);

		CHECK_GE(wait, base / 2);
		CHECK_LE(wait, base + base / 2);
		base = base * 2 > JEM_BACKOFF_LAST_MS ? JEM_BACKOFF_LAST_MS : base * 2;
	}
	CHECK_EQ(base, JEM_BACKOFF_LAST_MS);
	jem_backoff_reset(&backoff);
	CHECK_LE(jem_backoff_next_ms(&backoff), JEM_BACKOFF_FIRST_MS * 3 / 2);
}

CASE(backoff_of_many_nodes_spreads)
{
	unsigned early = 0;
	unsigned late = 0;

	for (uint64_t seed = 1; seed <= 1000; seed++) {
		struct jem_backoff backoff;
		uint64_t wait;

		jem_backoff_init(&backoff, seed * 0x9e3779b97f4a7c15u);
		wait = jem_backoff_next_ms(&backoff);
		early += wait < 150;
		late += wait >= 250;
	}
	CHECK_GE(early, 150); /* a quarter each, when even */
	CHECK_GE(late, 150);
}

/* --- queue --- */

static struct jem_raw *raw_of(size_t len, char fill)
{
	struct jem_raw *raw = jem_raw_create(len);

	memset(raw->bytes, fill, len);
	return raw;
}

CASE(queue_drops_the_oldest_when_full)
{
	struct jem_queue queue;
	struct jem_queue_entry entry;
	size_t dropped = 0;

	jem_queue_init(&queue, 100000);
	for (unsigned i = 0; i < 1000; i++) {
		struct jem_raw *raw = raw_of(1000, (char)('a' + i % 26));

		dropped += jem_queue_push(&queue, raw, false);
		jem_raw_unref(raw);
		CHECK_LE(queue.bytes, 100000);
		CHECK_EQ(queue.pushed, queue.popped + queue.dropped + queue.count);
	}
	CHECK_EQ(dropped, queue.dropped);
	CHECK_EQ(dropped + queue.count, 1000);
	CHECK_GE(queue.count, 90);
	CHECK(jem_queue_pop(&queue, &entry));
	CHECK_EQ(entry.raw->bytes[0], 'a' + (char)(dropped % 26));
	jem_raw_unref(entry.raw);
	jem_queue_deinit(&queue);
}

CASE(queue_refuses_what_can_never_fit)
{
	struct jem_queue queue;
	struct jem_raw *small = raw_of(10, 's');
	struct jem_raw *large = raw_of(2000, 'l');

	jem_queue_init(&queue, 1000);
	CHECK_EQ(jem_queue_push(&queue, small, false), 0);
	CHECK_EQ(jem_queue_push(&queue, large, false), 1);
	CHECK_EQ(queue.count, 1); /* the small one need not go for it */
	CHECK_EQ(large->references, 1);
	CHECK_EQ(small->references, 2);
	jem_queue_deinit(&queue);
	CHECK_EQ(small->references, 1);
	jem_raw_unref(small);
	jem_raw_unref(large);
}

CASE(queue_charges_small_messages_for_their_memory)
{
	struct jem_queue queue;
	struct jem_raw *tiny = raw_of(0, 0);

	jem_queue_init(&queue, 65536);
	for (unsigned i = 0; i < 100000; i++)
		jem_queue_push(&queue, tiny, false);
	CHECK_LE(queue.count, 65536 / 32);
	jem_queue_deinit(&queue);
	jem_raw_unref(tiny);
}

/* --- retained --- */

struct seen {
	char text[256];
};

static void note(void *arg, struct jem_raw *raw)
{
	struct seen *seen = arg;
	size_t len = strlen(seen->text);

	snprintf(seen->text + len, sizeof(seen->text) - len, "%c", raw->bytes[0]);
}

static void put(struct jem_retained *retained, const char *topic, size_t len, char fill)
{
	struct jem_raw *raw = raw_of(len, fill);

	jem_retained_put(retained, topic, strlen(topic), raw);
	jem_raw_unref(raw);
}

CASE(retained_keeps_the_last_of_each_topic_in_order)
{
	struct jem_retained retained;
	struct seen seen = { "" };

	CHECK_OK(jem_retained_init(&retained, 100, 1 << 20));
	put(&retained, "jem.s.u.1.n.status", 10, 'a');
	put(&retained, "jem.s.u.2.n.status", 10, 'b');
	put(&retained, "jem.s.u.1.n.status", 10, 'c');
	jem_retained_each(&retained, "jem.#", 5, note, &seen);
	CHECK_STR(seen.text, "bc");
	jem_retained_each(&retained, "jem.*.*.2.#", 11, note, &seen);
	CHECK_STR(seen.text, "bcb");
	CHECK(jem_retained_wants("jem.s.u.1.n.status", 18));
	CHECK(!jem_retained_wants("jem.s.u.1.n.metric", 18));
	CHECK(!jem_retained_wants(".status", 7));
	jem_retained_deinit(&retained);
}

CASE(retained_is_bounded_by_count_and_bytes)
{
	struct jem_retained retained;
	struct seen seen = { "" };
	char topic[64];

	CHECK_OK(jem_retained_init(&retained, 3, 1 << 20));
	for (unsigned i = 0; i < 10; i++) {
		snprintf(topic, sizeof(topic), "jem.s.u.%u.n.status", i);
		put(&retained, topic, 10, (char)('a' + i));
	}
	jem_retained_each(&retained, "#", 1, note, &seen);
	CHECK_STR(seen.text, "hij");
	jem_retained_deinit(&retained);
	CHECK_OK(jem_retained_init(&retained, 100, 100000));
	for (unsigned i = 0; i < 10; i++) {
		snprintf(topic, sizeof(topic), "jem.s.u.%u.n.status", i);
		put(&retained, topic, 30000, (char)('a' + i));
		CHECK_LE(retained.bytes, 100000);
	}
	CHECK_EQ(retained.count, 3);
	put(&retained, "jem.s.u.x.n.status", 65537, 'x'); /* too large to keep */
	CHECK_EQ(retained.count, 3);
	jem_retained_deinit(&retained);
}

/* --- router --- */

CASE(router_finds_anew_when_subscriptions_change)
{
	struct jem_router router;
	struct jem_outlet *one = (struct jem_outlet *)&router; /* never looked into */
	struct jem_outlet *two = (struct jem_outlet *)&one;
	const struct jem_route *route;

	CHECK_OK(jem_router_init(&router));
	CHECK_OK(jem_router_add(&router, "a.#", one));
	CHECK_OK(jem_router_add(&router, "a.*.c", two));
	route = jem_router_find(&router, "a.b.c", 5);
	CHECK_EQ(route->count, 2);
	CHECK(route == jem_router_find(&router, "a.b.c", 5));
	CHECK_EQ(jem_router_find(&router, "a.b", 3)->count, 1);
	CHECK_EQ(jem_router_find(&router, "b", 1)->count, 0);
	jem_router_remove(&router, one);
	CHECK_EQ(jem_router_find(&router, "a.b.c", 5)->count, 1);
	CHECK(jem_router_find(&router, "a.b.c", 5)->outlets[0] == two);
	jem_router_deinit(&router);
}

CASE(router_takes_only_topics_and_patterns)
{
	struct jem_router router;
	struct jem_outlet *one = (struct jem_outlet *)&router;
	char longest[JEM_TOPIC_MAX + 1];

	memset(longest, 'a', sizeof(longest));
	for (size_t i = 10; i < sizeof(longest); i += 10)
		longest[i] = '.';
	CHECK_OK(jem_router_init(&router));
	CHECK_EQ(jem_router_add(&router, "a b", one), -EINVAL);
	CHECK_EQ(jem_router_add(&router, "", one), -EINVAL);
	CHECK(!jem_router_find(&router, "a.*", 3));
	CHECK(!jem_router_find(&router, "a.#", 3));
	CHECK(!jem_router_find(&router, "a/b", 3));
	CHECK(!jem_router_find(&router, "", 0));
	CHECK(!jem_router_find(&router, longest, sizeof(longest)));
	CHECK(jem_router_find(&router, longest, 255) != NULL);
	jem_router_deinit(&router);
}

/* --- credentials --- */

static const char *write_secrets(const char *text, mode_t mode)
{
	static char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/secrets", check_folder());
	file = fopen(path, "w");
	CHECK(file != NULL);
	fputs(text, file);
	fclose(file);
	CHECK_OK(chmod(path, mode));
	return path;
}

CASE(credentials_are_found_and_checked)
{
	struct jem_credentials *credentials;
	struct jem_err err = { "" };
	const char *user;
	const char *password;

	CHECK_OK(jem_credentials_load(write_secrets("# ours\n\njob:a:b c\r\nother:x\n", 0600),
				      &credentials, &err));
	CHECK(jem_credentials_find(credentials, NULL, &user, &password));
	CHECK_STR(user, "job");
	CHECK_STR(password, "a:b c");
	CHECK(jem_credentials_find(credentials, "other", &user, &password));
	CHECK_STR(password, "x");
	CHECK(!jem_credentials_find(credentials, "nobody", &user, &password));
	CHECK(jem_credentials_check(credentials, "job", 3, "a:b c", 5));
	CHECK(!jem_credentials_check(credentials, "job", 3, "a:b", 3));
	CHECK(!jem_credentials_check(credentials, "job", 3, "x", 1));
	CHECK(!jem_credentials_check(credentials, "jo", 2, "a:b c", 5));
	CHECK(!jem_credentials_check(credentials, "job", 3, "", 0));
	jem_credentials_destroy(credentials);
	jem_credentials_destroy(NULL);
}

CASE(credentials_refuse_what_others_may_read_or_nobody_can_use)
{
	struct jem_credentials *credentials;
	struct jem_err err = { "" };

	CHECK_EQ(jem_credentials_load(write_secrets("u:secret\n", 0640), &credentials, &err),
		 -EPERM);
	CHECK_CONTAINS(err.text, "chmod 600");
	CHECK_EQ(jem_credentials_load(write_secrets("u:secret\nnonsense\n", 0600), &credentials,
				      &err),
		 -EINVAL);
	CHECK_CONTAINS(err.text, ":2:");
	CHECK(!strstr(err.text, "secret:") && !strstr(err.text, "nonsense"));
	CHECK_EQ(jem_credentials_load(write_secrets("# none\n", 0600), &credentials, &err),
		 -EINVAL);
	CHECK_EQ(jem_credentials_load("/nowhere/at/all", &credentials, &err), -ENOENT);
	CHECK_EQ(jem_credentials_load("/dev", &credentials, &err), -EINVAL);
}

/* --- address --- */

CASE(address_takes_a_path_of_any_length)
{
	struct sockaddr_un address;
	char path[600];
	int folder;

	CHECK_OK(jem_address_of_path("short.sock", &address, &folder));
	CHECK_EQ(folder, -1);
	CHECK_STR(address.sun_path, "short.sock");
	snprintf(path, sizeof(path), "%s/%0100d", check_folder(), 1);
	CHECK_OK(mkdir(path, 0700));
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%0100d", 2);
	CHECK_OK(mkdir(path, 0700));
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/broker.sock");
	CHECK_OK(jem_address_of_path(path, &address, &folder));
	CHECK_GE(folder, 0);
	CHECK_CONTAINS(address.sun_path, "/proc/self/fd/");
	close(folder);
	snprintf(path, sizeof(path), "%s/%0120d", check_folder(), 3);
	CHECK_EQ(jem_address_of_path(path, &address, &folder), -ENAMETOOLONG);
	snprintf(path, sizeof(path), "%s/none/%0120d", check_folder(), 3);
	CHECK_EQ(jem_address_of_path(path, &address, &folder), -ENOENT);
}

CASE(address_knows_loopback)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	inet_pton(AF_INET, "127.1.2.3", &in.sin_addr);
	CHECK(jem_address_is_local((struct sockaddr *)&in));
	inet_pton(AF_INET, "128.0.0.1", &in.sin_addr);
	CHECK(!jem_address_is_local((struct sockaddr *)&in));
	inet_pton(AF_INET, "0.0.0.0", &in.sin_addr);
	CHECK(!jem_address_is_local((struct sockaddr *)&in));
	inet_pton(AF_INET6, "::1", &in6.sin6_addr);
	CHECK(jem_address_is_local((struct sockaddr *)&in6));
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr);
	CHECK(jem_address_is_local((struct sockaddr *)&in6));
	inet_pton(AF_INET6, "::", &in6.sin6_addr);
	CHECK(!jem_address_is_local((struct sockaddr *)&in6));
	inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr);
	CHECK(!jem_address_is_local((struct sockaddr *)&in6));
}

TESTS(T(window_finds_by_number_and_never_again), T(window_is_bounded_by_its_oldest),
      T(credit_follows_the_size_of_messages),
      T(credit_counts_what_is_held_and_never_stops_for_good),
      T(backoff_doubles_with_jitter_and_starts_over), T(backoff_of_many_nodes_spreads),
      T(queue_drops_the_oldest_when_full), T(queue_refuses_what_can_never_fit),
      T(queue_charges_small_messages_for_their_memory),
      T(retained_keeps_the_last_of_each_topic_in_order), T(retained_is_bounded_by_count_and_bytes),
      T(router_finds_anew_when_subscriptions_change), T(router_takes_only_topics_and_patterns),
      T(credentials_are_found_and_checked),
      T(credentials_refuse_what_others_may_read_or_nobody_can_use),
      T(address_takes_a_path_of_any_length), T(address_knows_loopback))
