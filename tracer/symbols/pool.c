/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/pool.h"

#include <errno.h>
#include <stdlib.h>

enum {
	FIRST_RUNS = 1024
};

struct jem_pool_run {
	uint32_t first;
	uint32_t count; /* 0: free */
	uint32_t hash;
};

void jem_pool_init(struct jem_pool *pool, size_t size, size_t max)
{
	*pool = (struct jem_pool){ .size = size };
	jem_buf_init(&pool->bytes, max);
}

void jem_pool_deinit(struct jem_pool *pool)
{
	jem_buf_deinit(&pool->bytes);
	free(pool->runs);
	pool->runs = NULL;
}

static uint32_t hash_of(const void *elements, size_t bytes)
{
	uint64_t hash = bytes;

	for (size_t at = 0; at < bytes; at += 8) {
		uint64_t word;

		memcpy(&word, (const char *)elements + at, 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 29;
	}
	return (uint32_t)(hash >> 32);
}

static int grow(struct jem_pool *pool)
{
	size_t mask = pool->runs ? 2 * pool->run_mask + 1 : FIRST_RUNS - 1;
	struct jem_pool_run *runs = calloc(mask + 1, sizeof(*runs));

	if (!runs)
		return -ENOMEM;
	for (size_t i = 0; pool->runs && i <= pool->run_mask; i++) {
		size_t at = pool->runs[i].hash & mask;

		if (!pool->runs[i].count)
			continue;
		while (runs[at].count)
			at = (at + 1) & mask;
		runs[at] = pool->runs[i];
	}
	free(pool->runs);
	pool->runs = runs;
	pool->run_mask = mask;
	return 0;
}

int jem_pool_add(struct jem_pool *pool, const void *elements, uint32_t count, uint32_t *ret)
{
	size_t bytes = count * pool->size, total = pool->bytes.len / pool->size;
	uint32_t hash = hash_of(elements, bytes);
	size_t at;

	if ((!pool->runs || 2 * pool->run_count > pool->run_mask) && grow(pool) < 0)
		return -ENOMEM;
	for (at = hash & pool->run_mask; pool->runs[at].count; at = (at + 1) & pool->run_mask) {
		const struct jem_pool_run *run = &pool->runs[at];

		if (run->hash == hash && run->count == count &&
		    !memcmp(pool->bytes.data + run->first * pool->size, elements, bytes)) {
			*ret = run->first;
			return 0;
		}
	}
	if (total > UINT32_MAX - count || jem_buf_reserve(&pool->bytes, bytes) < 0)
		return -ENOMEM;
	jem_buf_add(&pool->bytes, elements, bytes);
	pool->runs[at] = (struct jem_pool_run){ (uint32_t)total, count, hash };
	pool->run_count++;
	*ret = (uint32_t)total;
	return 0;
}
