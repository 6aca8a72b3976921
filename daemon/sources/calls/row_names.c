/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/row_names.h"

#include <stdlib.h>

void jem_row_names_init(struct jem_row_names *names)
{
	memset(names, 0, sizeof(*names));
	jem_buf_init(&names->items, 0);
	names->batch = 1;
}

void jem_row_names_deinit(struct jem_row_names *names)
{
	free(names->slots);
	jem_buf_deinit(&names->items);
	jem_row_names_init(names);
}

void jem_row_names_clear(struct jem_row_names *names)
{
	jem_buf_clear(&names->items);
	names->count = 0;
	if (++names->batch)
		return;
	names->batch = 1; /* once in four thousand million batches */
	if (names->slots)
		memset(names->slots, 0, JEM_ROW_NAMES_SLOTS * sizeof(*names->slots));
}

uint32_t jem_row_names_index(struct jem_row_names *names, uint64_t key, bool *is_new)
{
	uint64_t at = key * 0x9e3779b97f4a7c15u >> 32;

	*is_new = false;
	if (!names->slots) {
		names->slots = calloc(JEM_ROW_NAMES_SLOTS, sizeof(*names->slots));
		if (!names->slots) {
			names->items.failed = true;
			return 0;
		}
	}
	for (;; at++) {
		struct jem_row_names_slot *slot = &names->slots[at % JEM_ROW_NAMES_SLOTS];

		if (slot->batch == names->batch && slot->key == key)
			return slot->index;
		if (slot->batch == names->batch)
			continue;
		*slot = (struct jem_row_names_slot){ key, names->batch, names->count };
		*is_new = true;
		return names->count++;
	}
}
