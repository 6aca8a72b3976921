/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies in the frame itself is read in blocks of whole words: one op for what is side by side. So it is
 * noted first, and the ops are written when all is known.
 */
#include "tracer/symbols/compile.h"

#include <stdlib.h>

enum {
	BLOCK_WORDS_MAX = 32,
	GAP_WORDS_MAX = 2, /* cheaper to copy than another op */
};

/* The word around a byte at `offset`: frames are aligned, so that it is all on one page. */
static int32_t word_of(int32_t offset)
{
	return offset & ~7;
}

static int32_t end_of(const struct jem_block_part *part)
{
	return word_of((int32_t)(part->offset + (int32_t)part->size + 7));
}

unsigned jem_block_words(int32_t offset, uint32_t size)
{
	return ((uint32_t)(offset & 7) + size + 7) / 8;
}

bool jem_block_add(struct jem_compiler *c, int slot, unsigned base, int32_t offset, uint32_t size)
{
	unsigned words = jem_block_words(offset, size);

	/* Only the frame's own registers stay what they are until the end. */
	if (base >= 16 || offset < INT32_MIN / 2 || offset > INT32_MAX / 2 ||
	    c->block_count == JEM_PLAN_FIXED_MAX ||
	    c->plan->fixed_words + c->block_words + words > JEM_PLAN_FIXED_MAX)
		return false;
	c->blocks[c->block_count++] = (struct jem_block_part){
		.slot = (uint16_t)slot, .base = (uint8_t)base, .offset = offset, .size = size
	};
	c->block_words += words;
	return true;
}

static int by_place(const void *a, const void *b)
{
	const struct jem_block_part *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* How many parts from `from` on make one block; at most `spare` words of gaps, of which it takes some. */
static unsigned count_parts(const struct jem_compiler *c, unsigned from, int32_t *end,
			    unsigned *spare)
{
	const struct jem_block_part *first = &c->blocks[from];
	unsigned count = 1;

	*end = end_of(first);
	for (; from + count < c->block_count; count++) {
		const struct jem_block_part *part = &first[count];
		int32_t begin = word_of(part->offset);
		int32_t gap = begin > *end ? (begin - *end) / 8 : 0;
		int32_t new_end = end_of(part) > *end ? end_of(part) : *end;

		if (part->base != first->base || gap > GAP_WORDS_MAX || gap > (int32_t)*spare ||
		    new_end - word_of(first->offset) > 8 * BLOCK_WORDS_MAX)
			break;
		*spare -= (unsigned)gap;
		*end = new_end;
	}
	return count;
}

void jem_block_emit(struct jem_compiler *c)
{
	struct jem_plan *plan = c->plan;
	unsigned spare = JEM_PLAN_FIXED_MAX - plan->fixed_words - c->block_words;
	unsigned count;

	qsort(c->blocks, c->block_count, sizeof(*c->blocks), by_place);
	for (unsigned i = 0; i < c->block_count; i += count) {
		int32_t end, begin = word_of(c->blocks[i].offset);

		count = count_parts(c, i, &end, &spare);
		for (unsigned k = i; k < i + count; k++) {
			const struct jem_block_part *part = &c->blocks[k];
			struct jem_image_slot *slot = &plan->slots[part->slot];
			uint32_t at = (uint32_t)(part->offset - begin);

			slot->fixed = (uint16_t)(plan->fixed_words + at / 8);
			slot->shift = at % 8;
			slot->words = (uint8_t)jem_block_words(part->offset, part->size);
		}
		jem_code_op(c, JEM_OP_EMIT_BLOCK, (unsigned)(end - begin) / 8, c->blocks[i].base, 0,
			    begin);
		plan->fixed_words += (uint32_t)(end - begin) / 8;
	}
	c->block_count = 0;
	c->block_words = 0;
}
