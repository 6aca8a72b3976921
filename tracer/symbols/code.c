/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/compile.h"

/* Temporaries of the machine: 19 to 31 and 49 to 63 (schemas/ring.h). */
#define POOL_LOW   13
#define POOL_COUNT 28

static unsigned pool_reg(unsigned i)
{
	return i < POOL_LOW ? 19 + i : 49 + i - POOL_LOW;
}

void jem_code_op(struct jem_compiler *c, unsigned op, unsigned ra, unsigned rb, unsigned rc,
		 int64_t imm)
{
	struct jem_plan *p = c->plan;

	/* one word is kept for END */
	if (p->op_count + 1 >= JEM_PLAN_OPS_MAX) {
		c->is_full = true;
		return;
	}
	p->ops[p->op_count++] = (struct jem_plan_op){ .op = (uint8_t)op,
						      .a = (uint8_t)ra,
						      .b = (uint8_t)rb,
						      .c = (uint8_t)rc,
						      .imm = (int32_t)imm };
}

unsigned jem_code_room(const struct jem_compiler *c)
{
	/* each block may take an op of its own */
	unsigned used = c->plan->op_count + c->block_count;

	return used < JEM_PLAN_OPS_MAX - 1 ? JEM_PLAN_OPS_MAX - 1 - used : 0;
}

unsigned jem_code_temp(struct jem_compiler *c)
{
	for (unsigned i = 0; i < POOL_COUNT; i++) {
		if (c->temps >> i & 1)
			continue;
		c->temps |= 1u << i;
		return pool_reg(i);
	}
	c->is_full = true;
	return pool_reg(0);
}

uint32_t jem_code_mark(const struct jem_compiler *c)
{
	return c->temps;
}

void jem_code_release(struct jem_compiler *c, uint32_t mark)
{
	c->temps = mark | c->pinned;
}

struct jem_term jem_term_const(int64_t value)
{
	return (struct jem_term){ .kind = JEM_TERM_CONST, .value = value };
}

struct jem_term jem_term_reg(unsigned reg)
{
	return (struct jem_term){ .kind = JEM_TERM_REG, .reg = (uint8_t)reg };
}

struct jem_term jem_term_plus(struct jem_term term, int64_t offset)
{
	term.value = (int64_t)((uint64_t)term.value + (uint64_t)offset);
	return term;
}

bool jem_code_frame_reg(struct jem_compiler *c, unsigned reg, struct jem_term *ret)
{
	if (reg >= 16 || !(c->known >> reg & 1))
		return false;
	if (reg == 1 || reg == 2 || (reg >= 8 && reg <= 11))
		c->plan->site_flags |= JEM_SITE_LIVE_REGS;
	*ret = jem_term_reg(reg);
	ret->is_stack = reg == 7;
	return true;
}

static void code_const(struct jem_compiler *c, unsigned to, const struct jem_term *term)
{
	if (term->kind == JEM_TERM_CONST && term->value == (int32_t)term->value) {
		jem_code_op(c, JEM_OP_CONST, to, 0, 0, term->value);
		return;
	}
	struct jem_plan *p = c->plan;

	if (p->op_count + 2 >= JEM_PLAN_OPS_MAX) {
		c->is_full = true;
		return;
	}
	jem_code_op(c, JEM_OP_CONST64, to, term->kind == JEM_TERM_ADDRESS, 0, 0);
	__builtin_memcpy(&p->ops[p->op_count++], &term->value, 8);
}

unsigned jem_code_base(struct jem_compiler *c, const struct jem_term *term, int32_t *offset)
{
	if (term->kind == JEM_TERM_REG && term->value == (int32_t)term->value) {
		*offset = (int32_t)term->value;
		return term->reg;
	}
	*offset = 0;
	return jem_code_reg(c, term);
}

unsigned jem_code_reg(struct jem_compiler *c, const struct jem_term *term)
{
	unsigned to;

	if (term->kind == JEM_TERM_REG && !term->value)
		return term->reg;
	to = jem_code_temp(c);
	if (term->kind != JEM_TERM_REG) {
		code_const(c, to, term);
	} else if (term->value == (int32_t)term->value) {
		jem_code_op(c, JEM_OP_LEA, to, term->reg, 0, term->value);
	} else {
		struct jem_term far = jem_term_const(term->value);

		code_const(c, to, &far);
		jem_code_op(c, JEM_OP_ADD, to, to, term->reg, 0);
	}
	return to;
}

static struct jem_term result(struct jem_compiler *c, const struct jem_term *a,
			      const struct jem_term *b)
{
	struct jem_term r = jem_term_reg(jem_code_temp(c));

	r.is_read = a->is_read | (b ? b->is_read : 0);
	r.size = a->size;
	r.is_signed = a->is_signed;
	return r;
}

struct jem_term jem_code_binary(struct jem_compiler *c, unsigned op, struct jem_term a,
				struct jem_term b)
{
	bool is_module = a.kind == JEM_TERM_ADDRESS || b.kind == JEM_TERM_ADDRESS;

	if (op == JEM_OP_ADD && b.kind == JEM_TERM_CONST)
		return jem_term_plus(a, b.value);
	if (op == JEM_OP_ADD && a.kind == JEM_TERM_CONST && !is_module) {
		b.size = a.size;
		b.is_signed = a.is_signed;
		return jem_term_plus(b, a.value);
	}
	if (op == JEM_OP_SUB && b.kind == JEM_TERM_CONST)
		return jem_term_plus(a, (int64_t)(0 - (uint64_t)b.value));
	unsigned ra = jem_code_reg(c, &a);
	unsigned rb = jem_code_reg(c, &b);
	struct jem_term r = result(c, &a, &b);

	r.is_stack = (op == JEM_OP_AND || op == JEM_OP_ADD) && a.is_stack;
	jem_code_op(c, op, r.reg, ra, rb, 0);
	return r;
}

struct jem_term jem_code_unary(struct jem_compiler *c, unsigned op, struct jem_term a)
{
	unsigned ra = jem_code_reg(c, &a);
	struct jem_term r = result(c, &a, NULL);

	jem_code_op(c, op, r.reg, ra, 0, 0);
	return r;
}

struct jem_term jem_code_load(struct jem_compiler *c, const struct jem_term *address, unsigned size,
			      bool is_signed)
{
	int32_t offset;
	unsigned base = jem_code_base(c, address, &offset);
	struct jem_term r = jem_term_reg(jem_code_temp(c));

	r.is_read = address->is_read || !address->is_stack;
	if (!address->is_stack) {
		c->plan->site_flags |= JEM_SITE_POINTERS;
		if (!c->is_cleared)
			jem_code_op(c, JEM_OP_JUMP_FAILED, 0, 0, 0, 0);
		c->is_cleared = true;
	} else if (c->has_cfa && address->kind == JEM_TERM_REG && address->reg == c->cfa.reg &&
		   c->frame_read_count < JEM_FRAME_READS) {
		c->frame_reads[c->frame_read_count++] =
			(int64_t)((uint64_t)address->value - (uint64_t)c->cfa.value);
	}
	jem_code_op(c, is_signed ? JEM_OP_LOAD_SIGNED : JEM_OP_LOAD, r.reg, base, size, offset);
	return r;
}

struct jem_term jem_code_extend(struct jem_compiler *c, struct jem_term a, unsigned size,
				bool is_signed)
{
	if (size >= 8)
		return a;
	if (a.kind == JEM_TERM_CONST) {
		uint64_t mask = (1ull << (8 * size)) - 1;
		uint64_t low = (uint64_t)a.value & mask;

		a.value = (int64_t)(is_signed && low >> (8 * size - 1) ? low | ~mask : low);
		return a;
	}
	struct jem_term shift = jem_term_const(64 - 8 * (int64_t)size);

	a = jem_code_binary(c, JEM_OP_SHL, a, shift);
	return jem_code_binary(c, is_signed ? JEM_OP_SAR : JEM_OP_SHR, a, shift);
}

uint32_t jem_code_jump(struct jem_compiler *c, unsigned op, unsigned reg)
{
	jem_code_op(c, op, reg, 0, 0, 0);
	return c->plan->op_count - 1;
}

void jem_code_land(struct jem_compiler *c, uint32_t jump)
{
	c->plan->ops[jump].imm = (int32_t)(c->plan->op_count - jump - 1);
}

void jem_code_jump_back(struct jem_compiler *c, uint32_t to)
{
	jem_code_op(c, JEM_OP_JUMP, 0, 0, 0, (int64_t)to - (int64_t)c->plan->op_count - 1);
}
