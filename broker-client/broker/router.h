/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router: which subscribers want a topic.
 *
 * The answer is kept for the topics seen last, and found anew when a subscription comes or goes:
 * a busy topic costs one hash and one comparison a message, whatever the number of patterns.
 *
 * Ownership: subscribers are borrowed and removed before they go.
 * Bound: ROUTES topics are remembered; two of the same hash take turns.
 */
#ifndef JEM_BROKER_CLIENT_BROKER_ROUTER_H
#define JEM_BROKER_CLIENT_BROKER_ROUTER_H

#include "common/name.h"

struct jem_outlet;

struct jem_route {
	uint64_t generation;         /* 0: empty; of the subscriptions it was made from */
	struct jem_outlet **outlets; /* owned array of borrowed */
	size_t count;
	size_t capacity;
	size_t topic_len;
	char topic[JEM_TOPIC_MAX];
};

struct jem_subscription {
	struct jem_outlet *outlet; /* borrowed */
	size_t pattern_len;
	char pattern[JEM_TOPIC_MAX];
};

struct jem_router {
	struct jem_route *routes;               /* owned */
	struct jem_subscription *subscriptions; /* owned */
	size_t count;
	size_t capacity;
	uint64_t generation;
};

int jem_router_init(struct jem_router *router);
void jem_router_deinit(struct jem_router *router);

/* -EINVAL: no pattern; -ENOMEM. */
int jem_router_add(struct jem_router *router, const char *pattern, struct jem_outlet *outlet);
void jem_router_remove(struct jem_router *router, struct jem_outlet *outlet);

/* A topic is a pattern without wildcards. */
bool jem_router_is_topic(const char *topic, size_t len);

/* NULL: no topic, or no memory. Valid until the next call of any of these. */
const struct jem_route *jem_router_find(struct jem_router *router, const char *topic, size_t len);

#endif
