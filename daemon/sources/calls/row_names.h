/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_names: a dictionary of CBOR items that a batch fills, found again by a key.
 *
 * Thread:    one
 * Ownership: owns its table and its items
 * Bound:     JEM_ROW_NAMES_MAX keys; a batch ends before (jem_row_names_is_full)
 * Invariant: clearing costs nothing: an entry is of this batch when it bears its number
 */
#ifndef JEM_DAEMON_SOURCES_CALLS_ROW_NAMES_H
#define JEM_DAEMON_SOURCES_CALLS_ROW_NAMES_H

#include "common/buf.h"

#include <stdint.h>

#define JEM_ROW_NAMES_SLOTS 8192u
#define JEM_ROW_NAMES_MAX   (JEM_ROW_NAMES_SLOTS / 2)

struct jem_row_names_slot {
	uint64_t key;
	uint32_t batch;
	uint32_t index;
};

struct jem_row_names {
	struct jem_row_names_slot *slots; /* owned; NULL before the first use */
	struct jem_buf items;
	uint32_t count;
	uint32_t batch;
};

void jem_row_names_init(struct jem_row_names *names);
void jem_row_names_deinit(struct jem_row_names *names);
void jem_row_names_clear(struct jem_row_names *names);

/*
 * The index of `key`. *is_new: it has been given just now, and the caller appends its item to `items`
 * at once. No memory: `items.failed` is set.
 */
uint32_t jem_row_names_index(struct jem_row_names *names, uint64_t key, bool *is_new);

static inline bool jem_row_names_is_full(const struct jem_row_names *names)
{
	return names->count >= JEM_ROW_NAMES_MAX;
}

#endif
