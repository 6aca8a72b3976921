/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic of DWARF expressions: section 2.5.1.4, and the types of 2.5.1.6. */
#include "tracer/symbols/expression_internal.h"

#include <dwarf.h>
#include <errno.h>

void jem_expression_give_up(struct jem_expression *m, unsigned missing)
{
	if (!m->missing)
		m->missing = missing;
}

int jem_expression_push(struct jem_expression *m, struct jem_term term)
{
	if (m->depth >= JEM_EXPRESSION_STACK)
		return -EBADMSG;
	m->stack[m->depth++] = term;
	return 0;
}

int jem_expression_need(const struct jem_expression *m, unsigned count)
{
	return m->depth < count ? -EBADMSG : 0;
}

static unsigned opcode_of(unsigned atom)
{
	switch (atom) {
	case DW_OP_plus:
		return JEM_OP_ADD;
	case DW_OP_minus:
		return JEM_OP_SUB;
	case DW_OP_mul:
		return JEM_OP_MUL;
	case DW_OP_div:
		return JEM_OP_DIV;
	case DW_OP_mod:
		return JEM_OP_MOD;
	case DW_OP_and:
		return JEM_OP_AND;
	case DW_OP_or:
		return JEM_OP_OR;
	case DW_OP_xor:
		return JEM_OP_XOR;
	case DW_OP_shl:
		return JEM_OP_SHL;
	case DW_OP_shr:
		return JEM_OP_SHR;
	default:
		return JEM_OP_SAR;
	}
}

/*
 * The machine's DIV is signed and its MOD unsigned. An unsigned division by a positive constant goes by
 * way of the half, whose quotient is at most 1 too small when doubled.
 */
static bool divide(struct jem_expression *m, struct jem_term a, struct jem_term b, bool is_unsigned,
		   struct jem_term *ret)
{
	struct jem_compiler *c = m->c;
	struct jem_term one = jem_term_const(1), q;

	if (!is_unsigned || a.size < 8) {
		*ret = jem_code_binary(c, JEM_OP_DIV, a, b);
		return true;
	}
	if (b.kind != JEM_TERM_CONST || b.value <= 0)
		return false;
	q = jem_code_binary(c, JEM_OP_SHR, a, one);
	q = jem_code_binary(c, JEM_OP_DIV, q, b);
	q = jem_code_binary(c, JEM_OP_SHL, q, one);
	struct jem_term rest =
		jem_code_binary(c, JEM_OP_SUB, a, jem_code_binary(c, JEM_OP_MUL, q, b));

	rest = jem_code_binary(c, JEM_OP_BELOW, rest, b);
	*ret = jem_code_binary(c, JEM_OP_ADD, q, jem_code_binary(c, JEM_OP_XOR, rest, one));
	return true;
}

static bool compute(struct jem_expression *m, struct jem_term a, struct jem_term b,
		    struct jem_term *ret)
{
	unsigned atom = m->op->atom;
	bool is_typed = a.size != 0;

	if (atom == DW_OP_div)
		return divide(m, a, b, is_typed && !a.is_signed, ret);
	if (atom == DW_OP_mod && is_typed && a.is_signed) {
		struct jem_term q = jem_code_binary(m->c, JEM_OP_DIV, a, b);

		*ret = jem_code_binary(m->c, JEM_OP_SUB, a,
				       jem_code_binary(m->c, JEM_OP_MUL, q, b));
		return true;
	}
	*ret = jem_code_binary(m->c, opcode_of(atom), a, b);
	return true;
}

int jem_expression_binary(struct jem_expression *m)
{
	if (jem_expression_need(m, 2) < 0)
		return -EBADMSG;
	struct jem_term b = m->stack[--m->depth];
	struct jem_term *a = &m->stack[m->depth - 1];
	unsigned size = a->size;
	bool is_signed = a->is_signed;

	if (m->missing)
		return 0;
	if (!compute(m, *a, b, a)) {
		jem_expression_give_up(m, JEM_MISSING_UNSUPPORTED);
		return 0;
	}
	if (size && size < 8)
		*a = jem_code_extend(m->c, *a, size, is_signed);
	a->size = (uint8_t)size;
	a->is_signed = is_signed;
	return 0;
}

/*
 * The one branch that compilers make: a minimum or maximum is two values, a condition, and
 * `bra over; swap; over: drop`. Any other loses the stack.
 */
int jem_expression_choose(struct jem_expression *m)
{
	const Dwarf_Op *op = m->op;
	struct jem_compiler *c = m->c;

	if (m->left < 2 || op[1].atom != DW_OP_swap || op[2].atom != DW_OP_drop ||
	    op->offset + 3 + (Dwarf_Word)(int16_t)op->number != op[2].offset)
		return ENOTSUP;
	if (jem_expression_need(m, 3) < 0)
		return -EBADMSG;
	struct jem_term condition = m->stack[--m->depth];
	struct jem_term top = m->stack[--m->depth];
	struct jem_term *second = &m->stack[m->depth - 1];

	m->skip = 2;
	if (m->missing)
		return 0;
	unsigned test = jem_code_reg(c, &condition), from;
	struct jem_term chosen = jem_term_reg(jem_code_temp(c));
	uint32_t jump;

	chosen.size = top.size;
	chosen.is_signed = top.is_signed;
	chosen.is_read = top.is_read | second->is_read | condition.is_read;
	from = jem_code_reg(c, &top);
	unsigned other = jem_code_reg(c, second);

	jem_code_op(c, JEM_OP_LEA, chosen.reg, other, 0, 0);
	jump = jem_code_jump(c, JEM_OP_JUMP_NONZERO, test);
	jem_code_op(c, JEM_OP_LEA, chosen.reg, from, 0, 0);
	jem_code_land(c, jump);
	*second = chosen;
	return 0;
}

int jem_expression_compare(struct jem_expression *m)
{
	if (jem_expression_need(m, 2) < 0)
		return -EBADMSG;
	struct jem_term b = m->stack[--m->depth];
	struct jem_term a = m->stack[m->depth - 1];
	unsigned less = a.size && !a.is_signed ? JEM_OP_BELOW : JEM_OP_LT;
	bool is_negated = false;
	struct jem_term r;

	if (m->missing)
		return 0;
	switch (m->op->atom) {
	case DW_OP_eq:
	case DW_OP_ne:
		r = jem_code_binary(m->c, JEM_OP_EQ, a, b);
		is_negated = m->op->atom == DW_OP_ne;
		break;
	case DW_OP_lt:
	case DW_OP_ge:
		r = jem_code_binary(m->c, less, a, b);
		is_negated = m->op->atom == DW_OP_ge;
		break;
	default:
		r = jem_code_binary(m->c, less, b, a);
		is_negated = m->op->atom == DW_OP_le;
	}
	if (is_negated)
		r = jem_code_binary(m->c, JEM_OP_XOR, r, jem_term_const(1));
	r.size = 0;
	m->stack[m->depth - 1] = r;
	return 0;
}

int jem_expression_unary(struct jem_expression *m)
{
	if (jem_expression_need(m, 1) < 0)
		return -EBADMSG;
	struct jem_term *a = &m->stack[m->depth - 1];
	unsigned size = a->size;
	bool is_signed = a->is_signed;

	if (m->missing)
		return 0;
	*a = jem_code_unary(m->c, m->op->atom == DW_OP_neg ? JEM_OP_NEG : JEM_OP_NOT, *a);
	if (size && size < 8)
		*a = jem_code_extend(m->c, *a, size, is_signed);
	return 0;
}

int jem_expression_rearrange(struct jem_expression *m)
{
	unsigned depth = m->depth;
	unsigned pick = m->op->atom == DW_OP_over   ? 1
			: m->op->atom == DW_OP_pick ? (unsigned)m->op->number
						    : 0;
	struct jem_term t;

	switch (m->op->atom) {
	case DW_OP_dup:
	case DW_OP_over:
	case DW_OP_pick:
		return pick >= depth ? -EBADMSG
				     : jem_expression_push(m, m->stack[depth - 1 - pick]);
	case DW_OP_drop:
		if (!depth)
			return -EBADMSG;
		m->depth--;
		return 0;
	case DW_OP_swap:
		if (depth < 2)
			return -EBADMSG;
		t = m->stack[depth - 1];
		m->stack[depth - 1] = m->stack[depth - 2];
		m->stack[depth - 2] = t;
		return 0;
	default: /* rot */
		if (depth < 3)
			return -EBADMSG;
		t = m->stack[depth - 1];
		m->stack[depth - 1] = m->stack[depth - 2];
		m->stack[depth - 2] = m->stack[depth - 3];
		m->stack[depth - 3] = t;
		return 0;
	}
}
