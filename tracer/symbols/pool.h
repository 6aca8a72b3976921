/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: runs of elements, each stored once however often it is added.
 *
 * Most calls in a function that is not optimised have one plan in common, and instances of one template
 * many: told apart they would be most of an image.
 *
 * Ownership: owns its bytes
 * Bound:     `max` bytes, in elements at most UINT32_MAX
 */
#ifndef JEM_TRACER_SYMBOLS_POOL_H
#define JEM_TRACER_SYMBOLS_POOL_H

#include "common/buf.h"

#include <stdint.h>

struct jem_pool_run;

struct jem_pool {
	struct jem_buf bytes;
	size_t size;               /* of an element: a multiple of 8 */
	struct jem_pool_run *runs; /* owned: hash by content */
	size_t run_count, run_mask;
};

void jem_pool_init(struct jem_pool *pool, size_t size, size_t max);
void jem_pool_deinit(struct jem_pool *pool);

/* The place of the first of `count` elements, at least 1; -ENOMEM, beyond the bound too. */
int jem_pool_add(struct jem_pool *pool, const void *elements, uint32_t count, uint32_t *ret);

#endif
