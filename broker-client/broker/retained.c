/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/broker/retained.h"

#include "common/name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUCKETS = 1024,
	MESSAGE_MAX = 65536
};

struct jem_retained_entry {
	struct jem_retained_entry *next_in_bucket;
	struct jem_retained_entry *older;
	struct jem_retained_entry *newer;
	struct jem_raw *raw; /* a reference */
	size_t topic_len;
	char topic[];
};

int jem_retained_init(struct jem_retained *retained, size_t count_max, size_t bytes_max)
{
	*retained = (struct jem_retained){ .count_max = count_max, .bytes_max = bytes_max };
	retained->buckets = calloc(BUCKETS, sizeof(*retained->buckets));
	return retained->buckets ? 0 : -ENOMEM;
}

static size_t cost_of(const struct jem_retained_entry *entry)
{
	return sizeof(*entry) + entry->topic_len + entry->raw->len;
}

static struct jem_retained_entry **bucket_of(const struct jem_retained *retained, const char *topic,
					     size_t len)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)topic[i]) * 16777619u;
	return &retained->buckets[hash % BUCKETS];
}

static struct jem_retained_entry *find(const struct jem_retained *retained, const char *topic,
				       size_t len)
{
	struct jem_retained_entry *entry = *bucket_of(retained, topic, len);

	while (entry && (entry->topic_len != len || memcmp(entry->topic, topic, len) != 0))
		entry = entry->next_in_bucket;
	return entry;
}

static void unlink_by_age(struct jem_retained *retained, struct jem_retained_entry *entry)
{
	*(entry->older ? &entry->older->newer : &retained->oldest) = entry->newer;
	*(entry->newer ? &entry->newer->older : &retained->newest) = entry->older;
}

static void link_as_newest(struct jem_retained *retained, struct jem_retained_entry *entry)
{
	entry->older = retained->newest;
	entry->newer = NULL;
	*(retained->newest ? &retained->newest->newer : &retained->oldest) = entry;
	retained->newest = entry;
}

static void remove_entry(struct jem_retained *retained, struct jem_retained_entry *entry)
{
	struct jem_retained_entry **at = bucket_of(retained, entry->topic, entry->topic_len);

	while (*at != entry)
		at = &(*at)->next_in_bucket;
	*at = entry->next_in_bucket;
	unlink_by_age(retained, entry);
	retained->count--;
	retained->bytes -= cost_of(entry);
	jem_raw_unref(entry->raw);
	free(entry);
}

void jem_retained_deinit(struct jem_retained *retained)
{
	while (retained->oldest)
		remove_entry(retained, retained->oldest);
	free(retained->buckets);
	retained->buckets = NULL;
}

bool jem_retained_wants(const char *topic, size_t len)
{
	static const char last[] = ".status";
	size_t last_len = sizeof(last) - 1;

	return len > last_len && !memcmp(topic + len - last_len, last, last_len);
}

void jem_retained_put(struct jem_retained *retained, const char *topic, size_t len,
		      struct jem_raw *raw)
{
	struct jem_retained_entry *entry = find(retained, topic, len);
	struct jem_retained_entry **bucket;

	if (raw->len > MESSAGE_MAX)
		return;
	if (entry)
		remove_entry(retained, entry);
	entry = malloc(sizeof(*entry) + len);
	if (!entry)
		return;
	bucket = bucket_of(retained, topic, len);
	*entry = (struct jem_retained_entry){ .next_in_bucket = *bucket,
					      .raw = jem_raw_ref(raw),
					      .topic_len = len };
	memcpy(entry->topic, topic, len);
	*bucket = entry;
	link_as_newest(retained, entry);
	retained->count++;
	retained->bytes += cost_of(entry);
	while (retained->count > retained->count_max || retained->bytes > retained->bytes_max)
		remove_entry(retained, retained->oldest);
}

void jem_retained_each(const struct jem_retained *retained, const char *pattern, size_t pattern_len,
		       void (*fn)(void *arg, struct jem_raw *raw), void *arg)
{
	for (struct jem_retained_entry *entry = retained->oldest; entry; entry = entry->newer)
		if (jem_pattern_matches(pattern, pattern_len, entry->topic, entry->topic_len))
			fn(arg, entry->raw);
}
