/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/broker/router.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROUTES = 256
};

int jem_router_init(struct jem_router *router)
{
	*router = (struct jem_router){ .generation = 1 };
	router->routes = calloc(ROUTES, sizeof(*router->routes));
	return router->routes ? 0 : -ENOMEM;
}

void jem_router_deinit(struct jem_router *router)
{
	for (size_t i = 0; router->routes && i < ROUTES; i++)
		free(router->routes[i].outlets);
	free(router->routes);
	free(router->subscriptions);
	*router = (struct jem_router){ 0 };
}

int jem_router_add(struct jem_router *router, const char *pattern, struct jem_outlet *outlet)
{
	size_t len = strlen(pattern);
	struct jem_subscription *subscription;

	if (!jem_pattern_is_valid(pattern, len))
		return -EINVAL;
	if (router->count == router->capacity) {
		size_t capacity = router->capacity ? router->capacity * 2 : 8;

		subscription = reallocarray(router->subscriptions, capacity, sizeof(*subscription));
		if (!subscription)
			return -ENOMEM;
		router->subscriptions = subscription;
		router->capacity = capacity;
	}
	subscription = &router->subscriptions[router->count++];
	subscription->outlet = outlet;
	subscription->pattern_len = len;
	memcpy(subscription->pattern, pattern, len + 1);
	router->generation++;
	return 0;
}

void jem_router_remove(struct jem_router *router, struct jem_outlet *outlet)
{
	size_t kept = 0;

	for (size_t i = 0; i < router->count; i++)
		if (router->subscriptions[i].outlet != outlet)
			router->subscriptions[kept++] = router->subscriptions[i];
	if (kept != router->count)
		router->generation++;
	router->count = kept;
}

bool jem_router_is_topic(const char *topic, size_t len)
{
	return jem_pattern_is_valid(topic, len) && !memchr(topic, '*', len) &&
	       !memchr(topic, '#', len);
}

/* FNV-1a over eight bytes at a time: topics are long and differ at their ends. */
static size_t hash_of(const char *topic, size_t len)
{
	uint64_t hash = 14695981039346656037u ^ len;
	uint64_t word;

	for (; len >= sizeof(word); topic += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, topic, sizeof(word));
		hash = (hash ^ word) * 1099511628211u;
		hash ^= hash >> 32;
	}
	for (; len; topic++, len--)
		hash = (hash ^ (unsigned char)*topic) * 1099511628211u;
	return (size_t)(hash ^ hash >> 29) % ROUTES;
}

static bool add_outlet(struct jem_route *route, struct jem_outlet *outlet)
{
	struct jem_outlet **grown;

	if (route->count == route->capacity) {
		grown = reallocarray(route->outlets, route->capacity * 2 + 4,
				     sizeof(struct jem_outlet *));
		if (!grown)
			return false;
		route->outlets = grown;
		route->capacity = route->capacity * 2 + 4;
	}
	route->outlets[route->count++] = outlet;
	return true;
}

static bool fill(struct jem_router *router, struct jem_route *route, const char *topic, size_t len)
{
	route->generation = 0;
	route->count = 0;
	if (!jem_router_is_topic(topic, len))
		return false;
	for (size_t i = 0; i < router->count; i++) {
		const struct jem_subscription *subscription = &router->subscriptions[i];

		if (jem_pattern_matches(subscription->pattern, subscription->pattern_len, topic,
					len) &&
		    !add_outlet(route, subscription->outlet))
			return false;
	}
	memcpy(route->topic, topic, len);
	route->topic_len = len;
	route->generation = router->generation;
	return true;
}

const struct jem_route *jem_router_find(struct jem_router *router, const char *topic, size_t len)
{
	struct jem_route *route;

	if (!len || len >= JEM_TOPIC_MAX)
		return NULL;
	route = &router->routes[hash_of(topic, len)];
	if (route->generation == router->generation && route->topic_len == len &&
	    !memcmp(route->topic, topic, len))
		return route;
	return fill(router, route, topic, len) ? route : NULL;
}
