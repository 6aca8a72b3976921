/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_table: the site table of a plan file, written so that a reader in the job may look at any time.
 *
 * Ownership: the file's bytes are borrowed; owns a map of the buckets in use, because the file itself is
 *            never read back
 * Bound:     at most half the buckets are used; no entry is JEM_PLAN_PROBES away from its place
 * Invariant: an entry is whole before its key can be seen (release), and never moves
 */
#ifndef JEM_TRACER_SYMBOLS_PLAN_TABLE_H
#define JEM_TRACER_SYMBOLS_PLAN_TABLE_H

#include "schemas/ring.h"
#include "tracer/symbols/plan_space.h"

#include <stdbool.h>

#define JEM_PLAN_TABLE_MIN 64u        /* buckets */
#define JEM_PLAN_TABLE_MAX (1u << 27) /* buckets */
#define JEM_PLAN_NO_BUCKET UINT32_MAX
#define JEM_PLAN_REMOVED   UINT64_MAX /* the key of an entry that was taken out */

struct jem_plan_table {
	struct jem_plan_area area; /* in the file */
	struct jem_plan_site *sites;
	uint64_t *used_map; /* owned: a bit a bucket */
	uint32_t buckets;   /* a power of two; 0: no table */
	uint32_t used;      /* entries, removed ones too */
};

/* Buckets for so many entries, 0: too many. */
uint32_t jem_plan_table_buckets(uint64_t entries);

/* An empty table over zeroed bytes of the file: 0 or -ENOMEM. */
int jem_plan_table_init(struct jem_plan_table *table, uint8_t *file, struct jem_plan_area area,
			uint32_t buckets);
void jem_plan_table_deinit(struct jem_plan_table *table);

bool jem_plan_table_has_room(const struct jem_plan_table *table, uint64_t entries);

/* Its bucket, or JEM_PLAN_NO_BUCKET. */
uint32_t jem_plan_table_put(struct jem_plan_table *table, const struct jem_plan_site *entry);
void jem_plan_table_remove(struct jem_plan_table *table, uint32_t bucket);
/* Puts the key of a removed entry back, with the same site, function and plan. */
void jem_plan_table_restore(struct jem_plan_table *table, uint32_t bucket,
			    const struct jem_plan_site *entry);
void jem_plan_table_set_flags(struct jem_plan_table *table, uint32_t bucket, uint32_t flags);

#endif
