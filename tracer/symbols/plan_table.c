/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/plan_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint32_t jem_plan_table_buckets(uint64_t entries)
{
	uint64_t buckets = JEM_PLAN_TABLE_MIN;

	if (entries > JEM_PLAN_TABLE_MAX / 2)
		return 0;
	while (buckets < entries * 2)
		buckets *= 2;
	return (uint32_t)buckets;
}

int jem_plan_table_init(struct jem_plan_table *table, uint8_t *file, struct jem_plan_area area,
			uint32_t buckets)
{
	*table = (struct jem_plan_table){
		.area = area,
		.sites = (struct jem_plan_site *)(void *)(file + area.offset),
		.used_map = calloc(buckets / 64, sizeof(*table->used_map)),
		.buckets = buckets,
	};
	if (!table->used_map)
		return -ENOMEM;
	memset(table->sites, 0, (size_t)buckets * sizeof(*table->sites));
	return 0;
}

void jem_plan_table_deinit(struct jem_plan_table *table)
{
	free(table->used_map);
	*table = (struct jem_plan_table){ 0 };
}

bool jem_plan_table_has_room(const struct jem_plan_table *table, uint64_t entries)
{
	return table->buckets && table->used + entries <= table->buckets / 2;
}

uint32_t jem_plan_table_put(struct jem_plan_table *table, const struct jem_plan_site *entry)
{
	uint32_t mask = table->buckets - 1;
	uint32_t bucket = (uint32_t)jem_plan_hash(entry->key) & mask;
	struct jem_plan_site *place;
	struct jem_plan_site rest = *entry;
	unsigned probes = 0;

	if (!entry->key || entry->key == JEM_PLAN_REMOVED)
		return JEM_PLAN_NO_BUCKET;
	while (table->used_map[bucket / 64] >> bucket % 64 & 1) {
		bucket = (bucket + 1) & mask;
		if (++probes == JEM_PLAN_PROBES)
			return JEM_PLAN_NO_BUCKET;
	}
	place = &table->sites[bucket];
	rest.key = 0;
	memcpy(place, &rest, sizeof(rest));
	/* Pairs with the acquire of the key in the job's probe. */
	__atomic_store_n(&place->key, entry->key, __ATOMIC_RELEASE);
	table->used_map[bucket / 64] |= 1ull << bucket % 64;
	table->used++;
	return bucket;
}

void jem_plan_table_remove(struct jem_plan_table *table, uint32_t bucket)
{
	__atomic_store_n(&table->sites[bucket].key, JEM_PLAN_REMOVED, __ATOMIC_RELEASE);
}

void jem_plan_table_restore(struct jem_plan_table *table, uint32_t bucket,
			    const struct jem_plan_site *entry)
{
	struct jem_plan_site *place = &table->sites[bucket];

	__atomic_store_n(&place->flags, entry->flags, __ATOMIC_RELAXED);
	__atomic_store_n(&place->module, entry->module, __ATOMIC_RELAXED);
	__atomic_store_n(&place->key, entry->key, __ATOMIC_RELEASE);
}

void jem_plan_table_set_flags(struct jem_plan_table *table, uint32_t bucket, uint32_t flags)
{
	__atomic_store_n(&table->sites[bucket].flags, flags, __ATOMIC_RELEASE);
}
