/* SPDX-License-Identifier: Apache-2.0 */
/* DWARF 5 sections 2.5 and 2.6: the stack machine is run while compiling, on terms. */
#include "tracer/symbols/expression_internal.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#define OPS_MAX 256

static int push_reg(struct jem_expression *m, unsigned reg, int64_t offset, unsigned size,
		    bool is_signed)
{
	struct jem_term term;

	if (!jem_code_frame_reg(m->c, reg, &term)) {
		jem_expression_give_up(m, JEM_MISSING_OPTIMISED_OUT);
		return jem_expression_push(m, jem_term_const(0));
	}
	if (size)
		term = jem_code_extend(m->c, term, size, is_signed);
	term.size = (uint8_t)size;
	term.is_signed = is_signed;
	term.is_stack |= !m->attr; /* CFI speaks of frames only */
	return jem_expression_push(m, jem_term_plus(term, offset));
}

/* A register location: the variable lives there. */
static void register_location(struct jem_expression *m, uint64_t reg)
{
	m->has_location = true;
	m->location = (struct jem_piece){ .kind = JEM_PLACE_VALUE };
	if (reg >= 17 && reg < 33) {
		m->location.kind = JEM_PLACE_XMM;
		m->location.reg = (uint8_t)(reg - 17);
		if (!m->c->has_xmm || reg >= 25)
			jem_expression_give_up(m, JEM_MISSING_OPTIMISED_OUT);
	} else if (reg >= 33) {
		jem_expression_give_up(m, JEM_MISSING_UNSUPPORTED);
	} else if (!jem_code_frame_reg(m->c, (unsigned)reg, &m->location.term)) {
		jem_expression_give_up(m, JEM_MISSING_OPTIMISED_OUT);
	}
}

static int frame_base(struct jem_expression *m, int64_t offset)
{
	Dwarf_Attribute attr;
	Dwarf_Op *ops;
	size_t count;
	struct jem_place base = { .size = 8 };
	const struct jem_plan_request *r = m->c->request;

	if (!m->attr || !dwarf_attr_integrate(r->physical, DW_AT_frame_base, &attr) ||
	    dwarf_getlocation_addr(&attr, m->c->pc, &ops, &count, 1) != 1)
		return -EBADMSG;
	/* a frame base that asks for the frame base would never end */
	for (size_t i = 0; i < count; i++)
		if (ops[i].atom == DW_OP_fbreg)
			return -EBADMSG;
	int rc = jem_expression_compile(m->c, &attr, ops, count, &base);

	if (rc < 0)
		return rc;
	if (base.kind != JEM_PLACE_MEMORY && base.kind != JEM_PLACE_VALUE) {
		jem_expression_give_up(m, JEM_MISSING_OPTIMISED_OUT);
		base.term = jem_term_const(0);
	}
	base.term.is_stack = true;
	return jem_expression_push(m, jem_term_plus(base.term, offset));
}

/* The integer type of a typed operation; size 0: generic, or none that we can compute with. */
static void type_of(struct jem_expression *m, bool is_generic, unsigned *size, bool *is_signed)
{
	Dwarf_Die die;
	Dwarf_Attribute attr;
	Dwarf_Word encoding = 0, bytes = 0;

	*size = 0;
	*is_signed = true;
	if (is_generic)
		return;
	if (!m->attr || dwarf_getlocation_die(m->attr, m->op, &die) != 0 ||
	    dwarf_formudata(dwarf_attr(&die, DW_AT_encoding, &attr), &encoding) != 0 ||
	    dwarf_formudata(dwarf_attr(&die, DW_AT_byte_size, &attr), &bytes) != 0 || !bytes ||
	    bytes > 8 || (bytes & (bytes - 1)) || encoding == DW_ATE_float ||
	    encoding == DW_ATE_complex_float) {
		jem_expression_give_up(m, JEM_MISSING_UNSUPPORTED);
		return;
	}
	*size = (unsigned)bytes;
	*is_signed = encoding == DW_ATE_signed || encoding == DW_ATE_signed_char;
}

static int convert(struct jem_expression *m, bool is_reinterpret)
{
	unsigned size;
	bool is_signed;

	if (jem_expression_need(m, 1) < 0)
		return -EBADMSG;
	struct jem_term *top = &m->stack[m->depth - 1];

	type_of(m, m->op->number == 0, &size, &is_signed);
	if (m->missing || is_reinterpret)
		goto typed;
	/* the value is kept extended by its own type; a narrower one cuts it anew */
	if (size && size < 8)
		*top = jem_code_extend(m->c, *top, size, is_signed);
typed:
	top->size = (uint8_t)size;
	top->is_signed = is_signed;
	return 0;
}

static int entry_value(struct jem_expression *m)
{
	Dwarf_Attribute attr;
	Dwarf_Op *ops;
	size_t count;
	struct jem_place place = { .kind = JEM_PLACE_MISSING };
	bool is_whole = m->depth == 0 && m->left == 1 && m->op[1].atom == DW_OP_stack_value;
	const struct jem_plan_request *r = m->c->request;
	unsigned size = is_whole && m->size && m->size <= 8 ? m->size : 8;

	if (!m->attr || dwarf_getlocation_attr(m->attr, m->op, &attr) != 0 ||
	    dwarf_getlocation(&attr, &ops, &count) != 0 || count != 1)
		return -EBADMSG;
	unsigned reg = ops[0].atom - DW_OP_reg0;

	if (ops[0].atom < DW_OP_reg0 || ops[0].atom > DW_OP_reg31) {
		jem_expression_give_up(m, JEM_MISSING_UNSUPPORTED);
		return jem_expression_push(m, jem_term_const(0));
	}
	if (r->kind == JEM_PLAN_ENTER && r->scope->addr == r->physical->addr)
		jem_prologue_entry(m->c, reg, size, &place);
	if (place.kind == JEM_PLACE_VALUE)
		return jem_expression_push(m, place.term);
	if (place.kind == JEM_PLACE_MEMORY)
		return jem_expression_push(
			m, jem_code_load(m->c, &place.term, size & (size - 1) ? 8 : size, false));
	jem_expression_give_up(m, is_whole ? JEM_MISSING_ENTRY_VALUE : JEM_MISSING_OPTIMISED_OUT);
	m->entry = reg;
	return jem_expression_push(m, jem_term_const(0));
}

static int deref(struct jem_expression *m, uint64_t size, unsigned type_size, bool is_signed)
{
	if (jem_expression_need(m, 1) < 0)
		return -EBADMSG;
	if (size != 1 && size != 2 && size != 4 && size != 8) {
		jem_expression_give_up(m, JEM_MISSING_UNSUPPORTED);
		size = 8;
	}
	struct jem_term *top = &m->stack[m->depth - 1];

	if (m->missing)
		return 0;
	*top = jem_code_load(m->c, top, (unsigned)size, type_size && is_signed);
	top->size = (uint8_t)type_size;
	top->is_signed = is_signed;
	return 0;
}

/* --- pieces and the end ------------------------------------------------------------------------- */

/* What has been computed since the last piece, as one. */
static struct jem_piece finish(struct jem_expression *m)
{
	struct jem_piece p = { .kind = JEM_PLACE_MISSING, .missing = JEM_MISSING_OPTIMISED_OUT };

	if (m->missing) {
		p.missing = (uint8_t)m->missing;
	} else if (m->has_location) {
		p = m->location;
		if (p.kind == JEM_PLACE_VALUE && m->depth)
			p.term = m->stack[m->depth - 1];
	} else if (m->depth) {
		p.kind = JEM_PLACE_MEMORY;
		p.term = m->stack[m->depth - 1];
	}
	m->missing = 0;
	m->has_location = false;
	m->depth = 0;
	return p;
}

static int piece(struct jem_expression *m)
{
	uint64_t bytes = m->op->number;
	struct jem_place *place = m->place;

	if (m->op->atom == DW_OP_bit_piece) {
		if (m->op->number2 || bytes % 8)
			jem_expression_give_up(m, JEM_MISSING_UNSUPPORTED);
		bytes /= 8;
	}
	struct jem_piece p = finish(m);

	if (bytes > UINT16_MAX)
		return -EBADMSG;
	if (place->piece_count >= JEM_PIECES_MAX) {
		place->missing = JEM_MISSING_UNSUPPORTED;
		return 0;
	}
	p.size = (uint32_t)bytes;
	place->kind = JEM_PLACE_PIECES;
	place->pieces[place->piece_count++] = p;
	return 0;
}

static int location_op(struct jem_expression *m)
{
	Dwarf_Block block;

	switch (m->op->atom) {
	case DW_OP_piece:
	case DW_OP_bit_piece:
		return piece(m);
	case DW_OP_stack_value:
		if (jem_expression_need(m, 1) < 0)
			return -EBADMSG;
		m->has_location = true;
		m->location = (struct jem_piece){ .kind = JEM_PLACE_VALUE };
		return 0;
	case DW_OP_implicit_value:
		if (!m->attr || dwarf_getlocation_implicit_value(m->attr, m->op, &block) != 0)
			return -EBADMSG;
		m->has_location = true;
		m->location = (struct jem_piece){
			.kind = JEM_PLACE_BYTES,
			.bytes = block.data,
			.size = (uint32_t)(block.length > UINT16_MAX ? UINT16_MAX : block.length)
		};
		return 0;
	case DW_OP_implicit_pointer:
	case DW_OP_GNU_implicit_pointer:
		m->depth = 0;
		jem_expression_give_up(m, JEM_MISSING_UNSUPPORTED);
		return 0;
	default:
		return ENOTSUP; /* branches, calls, thread-local and other spaces: the stack is lost */
	}
}

static int typed_op(struct jem_expression *m)
{
	unsigned size;
	bool is_signed;
	Dwarf_Attribute attr;
	Dwarf_Block block;

	switch (m->op->atom) {
	case DW_OP_convert:
	case DW_OP_GNU_convert:
		return convert(m, false);
	case DW_OP_reinterpret:
	case DW_OP_GNU_reinterpret:
		return convert(m, true);
	case DW_OP_regval_type:
	case DW_OP_GNU_regval_type:
		type_of(m, false, &size, &is_signed);
		return push_reg(m, m->op->number > 255 ? 255 : (unsigned)m->op->number, 0, size,
				is_signed);
	case DW_OP_deref_type:
	case DW_OP_GNU_deref_type:
		type_of(m, false, &size, &is_signed);
		return deref(m, m->op->number, size, is_signed);
	default: /* const_type */
		type_of(m, false, &size, &is_signed);
		if (!m->attr || dwarf_getlocation_attr(m->attr, m->op, &attr) != 0 ||
		    dwarf_formblock(&attr, &block) != 0)
			return -EBADMSG;
		uint64_t value = 0;

		memcpy(&value, block.data, block.length < 8 ? block.length : 8);
		struct jem_term term = jem_term_const((int64_t)value);

		if (size)
			term = jem_code_extend(m->c, term, size, is_signed);
		term.size = (uint8_t)size;
		term.is_signed = is_signed;
		return jem_expression_push(m, term);
	}
}

static int address_op(struct jem_expression *m)
{
	struct jem_term term = { .kind = JEM_TERM_ADDRESS, .value = (int64_t)m->op->number };
	Dwarf_Attribute attr;
	Dwarf_Addr address;

	if (m->op->atom != DW_OP_addr) {
		if (!m->attr || dwarf_getlocation_attr(m->attr, m->op, &attr) != 0 ||
		    dwarf_formaddr(&attr, &address) != 0)
			return -EBADMSG;
		term.value = (int64_t)address;
	}
	return jem_expression_push(m, term);
}

static int simple_op(struct jem_expression *m)
{
	const Dwarf_Op *op = m->op;

	switch (op->atom) {
	case DW_OP_addr:
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index:
		return address_op(m);
	case DW_OP_const1u ... DW_OP_consts:
		return jem_expression_push(m, jem_term_const((int64_t)op->number));
	case DW_OP_call_frame_cfa:
		if (!m->c->has_cfa)
			jem_expression_give_up(m, JEM_MISSING_OPTIMISED_OUT);
		return jem_expression_push(m, m->c->has_cfa ? m->c->cfa : jem_term_const(0));
	case DW_OP_fbreg:
		return frame_base(m, (int64_t)op->number);
	case DW_OP_bregx:
		return push_reg(m, op->number > 255 ? 255 : (unsigned)op->number,
				(int64_t)op->number2, 0, false);
	case DW_OP_regx:
		register_location(m, op->number);
		return 0;
	case DW_OP_plus_uconst:
		if (jem_expression_need(m, 1) < 0)
			return -EBADMSG;
		m->stack[m->depth - 1] = jem_term_plus(m->stack[m->depth - 1], (int64_t)op->number);
		return 0;
	case DW_OP_deref:
		return deref(m, 8, 0, false);
	case DW_OP_deref_size:
		return deref(m, op->number, 0, false);
	case DW_OP_nop:
		return 0;
	default:
		return location_op(m);
	}
}

static int step(struct jem_expression *m)
{
	unsigned atom = m->op->atom;

	if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31)
		return jem_expression_push(m, jem_term_const(atom - DW_OP_lit0));
	if (atom >= DW_OP_reg0 && atom <= DW_OP_reg31) {
		register_location(m, atom - DW_OP_reg0);
		return 0;
	}
	if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
		return push_reg(m, atom - DW_OP_breg0, (int64_t)m->op->number, 0, false);
	switch (atom) {
	case DW_OP_dup:
	case DW_OP_drop:
	case DW_OP_over:
	case DW_OP_pick:
	case DW_OP_swap:
	case DW_OP_rot:
		return jem_expression_rearrange(m);
	case DW_OP_and:
	case DW_OP_div:
	case DW_OP_minus:
	case DW_OP_mod:
	case DW_OP_mul:
	case DW_OP_or:
	case DW_OP_plus:
	case DW_OP_shl:
	case DW_OP_shr:
	case DW_OP_shra:
	case DW_OP_xor:
		return jem_expression_binary(m);
	case DW_OP_bra:
		return jem_expression_choose(m);
	case DW_OP_neg:
	case DW_OP_not:
		return jem_expression_unary(m);
	case DW_OP_eq ... DW_OP_ne:
		return jem_expression_compare(m);
	case DW_OP_entry_value:
	case DW_OP_GNU_entry_value:
		return entry_value(m);
	case DW_OP_const_type ... DW_OP_reinterpret:
	case DW_OP_GNU_const_type ... DW_OP_GNU_convert:
	case DW_OP_GNU_reinterpret:
		return typed_op(m);
	default:
		return simple_op(m);
	}
}

int jem_expression_compile(struct jem_compiler *c, Dwarf_Attribute *attr, const Dwarf_Op *ops,
			   size_t count, struct jem_place *ret)
{
	struct jem_expression m = { .c = c, .attr = attr, .size = ret->size, .place = ret };
	int rc = count > OPS_MAX ? -EBADMSG : 0;

	*ret = (struct jem_place){ .kind = JEM_PLACE_MISSING,
				   .missing = JEM_MISSING_OPTIMISED_OUT,
				   .size = ret->size };
	for (size_t i = 0; i < count && rc == 0; i++) {
		m.op = &ops[i];
		m.left = count - i - 1;
		m.skip = 0;
		rc = step(&m);
		i += m.skip;
	}
	if (rc > 0) {
		ret->kind = JEM_PLACE_MISSING;
		ret->missing = JEM_MISSING_UNSUPPORTED;
		return 0;
	}
	if (rc < 0 || ret->kind == JEM_PLACE_PIECES)
		return rc;
	struct jem_piece p = finish(&m);

	ret->kind = p.kind;
	ret->missing = p.missing;
	ret->entry = m.entry;
	ret->reg = p.reg;
	ret->term = p.term;
	ret->bytes = p.bytes;
	if (p.kind == JEM_PLACE_BYTES)
		ret->size = p.size;
	return 0;
}
