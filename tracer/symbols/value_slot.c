/* SPDX-License-Identifier: Apache-2.0 */
/* value_slot: the parts of a record (ring.h) by the slots of its plan (image.h). */
#include "tracer/symbols/value_internal.h"

enum {
	CELL_WORDS = sizeof(struct jem_ring_cell) / sizeof(uint64_t)
};

/* Who is whose child. */
static void build_tree(struct jem_value_index *index)
{
	const struct jem_image_slot *slots = index->part.slots;
	uint32_t count = index->part.slot_count;

	index->has_children = false;
	for (uint32_t i = 0; i < count; i++)
		index->has_children |= slots[i].parent != 0;
	if (!index->has_children)
		return;
	memset(index->first_child, 0, count * sizeof(*index->first_child));
	/* From the last on, so that a list is in order. Parents are before their children. */
	for (uint32_t i = count; i-- > 0;) {
		if (!slots[i].parent)
			continue;
		index->next_child[i] = index->first_child[slots[i].parent - 1];
		index->first_child[slots[i].parent - 1] = (uint16_t)(i + 1);
	}
}

static void add_cell(struct jem_value_index *index, const struct jem_ring_cell *head,
		     const uint64_t *data)
{
	uint16_t number;

	if (head->slot >= index->part.slot_count || index->cell_count == JEM_VALUE_CELLS_MAX)
		return;
	index->cells[index->cell_count] =
		(struct jem_value_cell){ .head = *head, .data = (const uint8_t *)data };
	number = (uint16_t)++index->cell_count;
	if (index->last_cell[head->slot])
		index->cells[index->last_cell[head->slot] - 1].next = number;
	else
		index->first_cell[head->slot] = number;
	index->last_cell[head->slot] = number;
}

static void build_cells(struct jem_value_index *index, uint32_t from)
{
	const struct jem_value_part *part = &index->part;
	uint32_t at = from;

	index->cell_count = 0;
	memset(index->first_cell, 0, part->slot_count * sizeof(*index->first_cell));
	memset(index->last_cell, 0, part->slot_count * sizeof(*index->last_cell));
	while (at < part->word_count && part->word_count - at >= CELL_WORDS) {
		struct jem_ring_cell head;
		uint64_t words;

		memcpy(&head, &part->words[at], sizeof(head));
		at += CELL_WORDS;
		words = ((uint64_t)head.len + 7) / 8;
		if (words > part->word_count - at)
			return; /* not what the machine writes */
		add_cell(index, &head, &part->words[at]);
		at += (uint32_t)words;
	}
}

void jem_value_index_build(struct jem_value_index *index, const struct jem_value_part *part)
{
	index->part = *part;
	if (index->part.slot_count > JEM_VALUE_SLOTS_MAX)
		index->part.slot_count = JEM_VALUE_SLOTS_MAX;
	index->is_built = true;
	index->mask = part->word_count ? part->words[0] : 0;
	index->fixed_count = part->word_count ? part->word_count - 1 : 0;
	if (index->fixed_count > part->fixed_words)
		index->fixed_count = part->fixed_words;
	build_tree(index);
	build_cells(index, 1 + index->fixed_count);
}

static enum jem_missing cell_missing(const struct jem_value_cell *cell)
{
	switch (cell->head.status) {
	case JEM_CELL_UNREADABLE:
		return JEM_MISSING_UNREADABLE;
	case JEM_CELL_BUDGET:
		return JEM_MISSING_TRUNCATED;
	default:
		return JEM_MISSING_NONE;
	}
}

enum jem_missing jem_value_slot_at(const struct jem_value_index *index, uint32_t slot,
				   struct jem_value_at *ret)
{
	const struct jem_image_slot *one = &index->part.slots[slot];
	const struct jem_value_cell *cell;

	*ret = (struct jem_value_at){ .slot = slot };
	if (one->missing != JEM_MISSING_NONE)
		return (enum jem_missing)one->missing;
	if (one->fixed != JEM_SLOT_IN_CELL) {
		if ((uint32_t)one->fixed + one->words > index->fixed_count)
			return JEM_MISSING_TRUNCATED;
		/* No word unread is the rule. */
		for (unsigned i = one->fixed;
		     index->mask && i < (unsigned)one->fixed + one->words && i < 64; i++)
			if (index->mask >> i & 1)
				return JEM_MISSING_UNREADABLE;
		ret->data = (const uint8_t *)(index->part.words + 1 + one->fixed) + one->shift;
		ret->len = one->size;
		return JEM_MISSING_NONE;
	}
	if (!index->first_cell[slot])
		return JEM_MISSING_TRUNCATED;
	cell = &index->cells[index->first_cell[slot] - 1];
	ret->data = cell->data;
	ret->len = cell->head.len;
	ret->address = cell->head.address;
	return cell_missing(cell);
}

static const struct jem_value_cell *find_cell(const struct jem_value_index *index, uint32_t slot,
					      uint64_t address, bool is_many)
{
	uint16_t first = index->first_cell[slot];

	for (uint16_t i = first; i; i = index->cells[i - 1].next)
		if (index->cells[i - 1].head.address == address)
			return &index->cells[i - 1];
	/* A lone one is meant whatever its address, as behind a base that is not at the start. */
	return first && !is_many ? &index->cells[first - 1] : NULL;
}

struct jem_value_child jem_value_find_child(const struct jem_value_decoder *d,
					    const struct jem_value_at *at, uint32_t where,
					    unsigned roles, uint64_t address)
{
	const struct jem_value_index *index = d->index;
	struct jem_value_child child = { false, 0, NULL };

	if (!index->has_children || at->slot >= index->part.slot_count)
		return child;
	for (uint16_t i = index->first_child[at->slot]; i && !child.cell;
	     i = index->next_child[i - 1]) {
		const struct jem_image_slot *slot = &index->part.slots[i - 1];

		if (!(roles >> slot->role & 1) ||
		    (slot->offset != at->offset && slot->offset != at->offset + where))
			continue;
		child.exists = true;
		child.slot = i - 1u;
		child.cell = find_cell(index, i - 1u, address, at->is_many);
	}
	return child;
}

struct jem_value_at jem_value_child_at(const struct jem_value_child *child, bool is_many)
{
	return (struct jem_value_at){
		.data = child->cell->data,
		.len = child->cell->head.len,
		.address = child->cell->head.address,
		.slot = child->slot,
		.is_many = is_many,
	};
}
