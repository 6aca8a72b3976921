/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retained: the last status of each job, for subscribers that come late.
 *
 * Kept by topic (site, user, job and node), in the order of their last change.
 * Bounds: topics and bytes; beyond them the one unchanged for longest goes. A status message over
 * 64 KiB is passed on but not kept.
 */
#ifndef JEM_BROKER_CLIENT_BROKER_RETAINED_H
#define JEM_BROKER_CLIENT_BROKER_RETAINED_H

#include "broker-client/broker/queue.h"

struct jem_retained_entry;

struct jem_retained {
	struct jem_retained_entry **buckets; /* owned */
	struct jem_retained_entry *oldest;
	struct jem_retained_entry *newest;
	size_t count;
	size_t bytes;
	size_t count_max;
	size_t bytes_max;
};

int jem_retained_init(struct jem_retained *retained, size_t count_max, size_t bytes_max);
void jem_retained_deinit(struct jem_retained *retained);

/* Whether messages of this topic are kept: its last level is `status`. */
bool jem_retained_wants(const char *topic, size_t len);

/* Takes a reference of its own. */
void jem_retained_put(struct jem_retained *retained, const char *topic, size_t len,
		      struct jem_raw *raw);

/* Calls `fn` for each kept message whose topic matches, the one unchanged for longest first. */
void jem_retained_each(const struct jem_retained *retained, const char *pattern, size_t pattern_len,
		       void (*fn)(void *arg, struct jem_raw *raw), void *arg);

#endif
