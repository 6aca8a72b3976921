/* SPDX-License-Identifier: Apache-2.0 */
/* Slots of a plan and the ops that fill them: fixed words, or a cell where the value is large. */
#include "tracer/symbols/compile.h"

#include <string.h>

#define FIXED_BYTES 32u /* a larger value is a cell: its header is no longer what counts */

int jem_slot_add(struct jem_compiler *c, const struct jem_image_slot *slot)
{
	struct jem_plan *p = c->plan;

	if (p->slot_count >= JEM_PLAN_SLOTS_MAX)
		return -1;
	p->slots[p->slot_count] = *slot;
	return (int)p->slot_count++;
}

static void emit_op(struct jem_compiler *c, unsigned op, unsigned a, unsigned b, unsigned size,
		    int64_t imm)
{
	jem_code_op(c, op, a, b, size, imm);
	c->plan->fixed_words++;
}

static bool has_words(const struct jem_compiler *c, unsigned words)
{
	return c->plan->fixed_words + c->block_words + words <= JEM_PLAN_FIXED_MAX &&
	       jem_code_room(c) > 8 * words + 8;
}

bool jem_slot_cell(struct jem_compiler *c, int slot, unsigned op, unsigned ra, unsigned rb,
		   unsigned rc, uint32_t len)
{
	struct jem_image_slot *s = &c->plan->slots[slot];

	if (jem_code_room(c) < 4)
		return false;
	if (len > UINT16_MAX)
		len = UINT16_MAX;
	jem_code_op(c, op, ra, rb, rc, (int32_t)((uint32_t)slot << 16 | len));
	s->fixed = JEM_SLOT_IN_CELL;
	s->words = 0;
	return true;
}

static void emit_value(struct jem_compiler *c, const struct jem_term *term)
{
	unsigned reg = jem_code_reg(c, term);

	if (!term->is_read) {
		emit_op(c, JEM_OP_EMIT, reg, 0, 0, 0);
		return;
	}
	/* what was read on the way to it may not have been there */
	uint32_t failed = jem_code_jump(c, JEM_OP_JUMP_FAILED, 0);

	emit_op(c, JEM_OP_EMIT, reg, 0, 0, 0);
	uint32_t done = jem_code_jump(c, JEM_OP_JUMP, 0);

	jem_code_land(c, failed);
	jem_code_op(c, JEM_OP_EMIT_NONE, 0, 0, 0, 0); /* instead of the EMIT: counted once */
	jem_code_land(c, done);
}

static bool is_size(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static void emit_memory(struct jem_compiler *c, int slot, const struct jem_place *place)
{
	struct jem_image_slot *s = &c->plan->slots[slot];
	unsigned words = (s->size + 7) / 8;
	uint32_t tail = s->size - 8 * (words - 1);
	int32_t offset;

	if (!place->term.is_stack)
		c->plan->site_flags |= JEM_SITE_POINTERS;
	else if (s->size <= FIXED_BYTES && place->term.kind == JEM_TERM_REG &&
		 place->term.value == (int32_t)place->term.value &&
		 jem_block_add(c, slot, place->term.reg, (int32_t)place->term.value, s->size))
		return;
	if (s->size > FIXED_BYTES || !is_size(tail) || !has_words(c, words)) {
		uint32_t most = c->request->limits->object_bytes;

		jem_slot_cell(c, slot, JEM_OP_CELL, 0, jem_code_reg(c, &place->term), 0,
			      most && s->size > most ? most : s->size);
		return;
	}
	unsigned base = jem_code_base(c, &place->term, &offset);

	s->fixed = (uint16_t)c->plan->fixed_words;
	s->words = (uint8_t)words;
	for (unsigned i = 0; i < words; i++)
		emit_op(c, JEM_OP_EMIT_MEMORY, 0, base, i + 1 < words ? 8 : tail,
			(int64_t)offset + 8 * i);
}

static void emit_bytes(struct jem_compiler *c, int slot, const struct jem_place *place)
{
	struct jem_image_slot *s = &c->plan->slots[slot];
	unsigned words = (s->size + 7) / 8;

	if (s->size > FIXED_BYTES || !has_words(c, words)) {
		s->missing = JEM_MISSING_TRUNCATED;
		return;
	}
	s->fixed = (uint16_t)c->plan->fixed_words;
	s->words = (uint8_t)words;
	for (unsigned i = 0; i < words; i++) {
		uint32_t mark = jem_code_mark(c);
		int64_t word = 0;

		if (place->size > 8 * i)
			memcpy(&word, place->bytes + 8 * i,
			       place->size - 8 * i < 8 ? place->size - 8 * i : 8);
		struct jem_term term = jem_term_const(word);

		emit_op(c, JEM_OP_EMIT, jem_code_reg(c, &term), 0, 0, 0);
		jem_code_release(c, mark);
	}
}

static void emit_xmm(struct jem_compiler *c, int slot, unsigned reg)
{
	struct jem_image_slot *s = &c->plan->slots[slot];
	unsigned words = (s->size + 7) / 8;

	if (words > 2 || !has_words(c, words)) {
		s->missing = JEM_MISSING_UNSUPPORTED;
		return;
	}
	s->fixed = (uint16_t)c->plan->fixed_words;
	s->words = (uint8_t)words;
	c->plan->site_flags |= JEM_SITE_XMM;
	for (unsigned i = 0; i < words; i++)
		emit_op(c, JEM_OP_EMIT_XMM, reg, 0, i, 0);
}

/* --- pieces ------------------------------------------------------------------------------------- */

/* The piece's bytes from `from` on, at most 8, as a value whose upper bytes are 0. */
static bool piece_value(struct jem_compiler *c, const struct jem_piece *p, uint32_t from,
			uint32_t size, struct jem_term *ret)
{
	struct jem_term at;
	int64_t word = 0;

	switch (p->kind) {
	case JEM_PLACE_MEMORY:
		at = jem_term_plus(p->term, from);
		if (!is_size(size))
			return false;
		*ret = jem_code_load(c, &at, size, false);
		return true;
	case JEM_PLACE_VALUE:
		if (from)
			return false;
		*ret = jem_code_extend(c, p->term, size, false);
		return true;
	case JEM_PLACE_BYTES:
		if (p->size < from + size)
			return false;
		memcpy(&word, p->bytes + from, size);
		*ret = jem_term_const(word);
		return true;
	default:
		return false;
	}
}

/* One word of the value, of all pieces that have bytes in it. False where any of them is missing. */
static bool piece_word(struct jem_compiler *c, const struct jem_place *place, uint32_t begin,
		       uint32_t end, struct jem_term *ret)
{
	uint32_t at = 0;
	struct jem_term sum = jem_term_const(0);

	for (unsigned i = 0; i < place->piece_count; i++) {
		const struct jem_piece *p = &place->pieces[i];
		uint32_t low = at > begin ? at : begin;
		uint32_t high = at + p->size < end ? at + p->size : end;
		struct jem_term part;

		if (low < high) {
			if (!piece_value(c, p, low - at, high - low, &part))
				return false;
			if (low > begin)
				part = jem_code_binary(c, JEM_OP_SHL, part,
						       jem_term_const(8 * (low - begin)));
			sum = low > begin ? jem_code_binary(c, JEM_OP_OR, sum, part) : part;
		}
		at += p->size;
	}
	*ret = sum;
	return at >= end;
}

/* The piece that fills the word at `begin` from an xmm register, NULL if it is none such. */
static const struct jem_piece *piece_xmm(const struct jem_place *place, uint32_t begin)
{
	uint32_t at = 0;

	for (unsigned i = 0; i < place->piece_count; at += place->pieces[i++].size)
		if (at == begin && place->pieces[i].kind == JEM_PLACE_XMM)
			return place->pieces[i].size <= 8 ? &place->pieces[i] : NULL;
	return NULL;
}

static void emit_pieces(struct jem_compiler *c, int slot, const struct jem_place *place)
{
	struct jem_image_slot *s = &c->plan->slots[slot];
	unsigned words = (s->size + 7) / 8;
	unsigned missing = JEM_MISSING_UNSUPPORTED;
	bool is_whole = true;

	/* a value of which a part is missing is shown as that: a word unread would mean unreadable */
	for (unsigned i = 0; i < place->piece_count; i++) {
		is_whole &= place->pieces[i].kind != JEM_PLACE_MISSING;
		if (place->pieces[i].kind == JEM_PLACE_MISSING)
			missing = place->pieces[i].missing;
	}
	if (!is_whole || s->size > FIXED_BYTES || !has_words(c, 2 * words)) {
		s->missing = (uint8_t)missing;
		return;
	}
	s->fixed = (uint16_t)c->plan->fixed_words;
	s->words = (uint8_t)words;
	for (unsigned i = 0; i < words; i++) {
		uint32_t mark = jem_code_mark(c), end = 8 * i + 8;
		uint32_t begin = c->plan->op_count;
		const struct jem_piece *p = piece_xmm(place, 8 * i);
		struct jem_term word;

		if (p) {
			c->plan->site_flags |= JEM_SITE_XMM;
			emit_op(c, JEM_OP_EMIT_XMM, p->reg, 0, 0, 0);
		} else if (piece_word(c, place, 8 * i, end > s->size ? s->size : end, &word)) {
			emit_value(c, &word);
		} else {
			c->plan->op_count = begin;
			emit_op(c, JEM_OP_EMIT_NONE, 0, 0, 0, 0);
		}
		jem_code_release(c, mark);
	}
}

void jem_slot_emit(struct jem_compiler *c, int slot, const struct jem_place *place)
{
	struct jem_image_slot *s = &c->plan->slots[slot];

	if (place->kind == JEM_PLACE_MISSING) {
		s->missing = place->missing;
		return;
	}
	if (!s->size) {
		/* an array of a length known at run time only, or a type that nobody defines */
		s->missing = JEM_MISSING_UNSUPPORTED;
		return;
	}
	if (jem_code_room(c) < 64) {
		s->missing = JEM_MISSING_TRUNCATED;
		return;
	}
	switch (place->kind) {
	case JEM_PLACE_MEMORY:
		emit_memory(c, slot, place);
		break;
	case JEM_PLACE_BYTES:
		emit_bytes(c, slot, place);
		break;
	case JEM_PLACE_XMM:
		emit_xmm(c, slot, place->reg);
		break;
	case JEM_PLACE_PIECES:
		emit_pieces(c, slot, place);
		break;
	default:
		if (s->size > 8) {
			s->missing = JEM_MISSING_UNSUPPORTED;
		} else if (!has_words(c, 1)) {
			s->missing = JEM_MISSING_TRUNCATED;
		} else {
			s->fixed = (uint16_t)c->plan->fixed_words;
			s->words = 1;
			emit_value(c, &place->term);
		}
	}
}
