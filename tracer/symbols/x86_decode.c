/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/x86_decode.h"

#include "tracer/symbols/x86_internal.h"

#include <errno.h>

uint8_t jem_x86_next_byte(struct jem_x86_decoder *d)
{
	if (d->at >= d->len || d->at >= 15) {
		d->is_cut = true;
		return 0;
	}
	return d->code[d->at++];
}

int64_t jem_x86_next_signed(struct jem_x86_decoder *d, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)jem_x86_next_byte(d) << (8 * i);
	if (bytes < 8 && value >> (8 * bytes - 1))
		value |= ~0ull << (8 * bytes);
	return (int64_t)value;
}

unsigned jem_x86_operand_size(const struct jem_x86_decoder *d)
{
	return d->rex & REX_W ? 8 : d->has_66 ? 2 : 4;
}

struct jem_x86_operand jem_x86_gpr(unsigned reg)
{
	return (struct jem_x86_operand){ .where = JEM_X86_GPR, .reg = (uint8_t)reg };
}

struct jem_x86_operand jem_x86_xmm(unsigned reg)
{
	return (struct jem_x86_operand){ .where = JEM_X86_XMM, .reg = (uint8_t)reg };
}

static struct jem_x86_operand immediate(int64_t value)
{
	return (struct jem_x86_operand){ .where = JEM_X86_IMMEDIATE, .value = value };
}

static void read_sib(struct jem_x86_decoder *d, struct jem_x86_operand *m)
{
	uint8_t sib = jem_x86_next_byte(d);
	unsigned index = (sib >> 3 & 7) | (d->rex & REX_X ? 8 : 0);
	unsigned base = sib & 7;

	m->scale = sib >> 6;
	m->index = index == 4 ? JEM_X86_NO_REG : (uint8_t)index;
	if (base == 5 && d->mod == 0) {
		m->base = JEM_X86_NO_REG;
		m->value = jem_x86_next_signed(d, 4);
		return;
	}
	m->base = (uint8_t)(base | (d->rex & REX_B ? 8 : 0));
}

/* Reads the ModRM byte; the memory operand, if it is one, into `m`. */
static void read_modrm(struct jem_x86_decoder *d, struct jem_x86_operand *m)
{
	uint8_t byte = jem_x86_next_byte(d);

	d->mod = byte >> 6;
	d->reg = (byte >> 3 & 7) | (d->rex & REX_R ? 8 : 0);
	d->rm = byte & 7;
	if (d->mod == 3) {
		d->rm |= d->rex & REX_B ? 8 : 0;
		return;
	}
	*m = (struct jem_x86_operand){ .where = JEM_X86_MEMORY,
				       .base = JEM_X86_NO_REG,
				       .index = JEM_X86_NO_REG,
				       .is_segment = d->has_segment };
	if (d->rm == 4) {
		read_sib(d, m);
	} else if (d->rm == 5 && d->mod == 0) {
		m->is_relative = true;
		m->value = jem_x86_next_signed(d, 4);
	} else {
		m->base = (uint8_t)(d->rm | (d->rex & REX_B ? 8 : 0));
	}
	if (d->mod == 1)
		m->value = jem_x86_next_signed(d, 1);
	else if (d->mod == 2)
		m->value = jem_x86_next_signed(d, 4);
}

struct jem_x86_operand jem_x86_read_rm(struct jem_x86_decoder *d, bool is_xmm)
{
	struct jem_x86_operand m = { 0 };

	read_modrm(d, &m);
	if (d->mod != 3)
		return m;
	return is_xmm ? jem_x86_xmm(d->rm) : jem_x86_gpr(d->rm);
}

/* Without REX the byte registers 4 to 7 are ah, ch, dh, bh: not followed, so a value is lost. */
static bool is_high_byte(const struct jem_x86_decoder *d, unsigned size,
			 const struct jem_x86_operand *o)
{
	return size == 1 && !d->has_rex && o->where == JEM_X86_GPR && o->reg >= 4 && o->reg < 8;
}

/* An operation on ah and its like becomes OTHER on the register that it is part of. */
static int end_byte_regs(struct jem_x86_decoder *d)
{
	struct jem_x86_insn *i = d->insn;
	bool is_high = is_high_byte(d, i->size, &i->dst);

	if (is_high)
		i->dst.reg -= 4;
	if (is_high || is_high_byte(d, i->src_size ? i->src_size : i->size, &i->src)) {
		if (i->dst.where == JEM_X86_GPR || i->kind == JEM_X86_COMPARE ||
		    i->kind == JEM_X86_TEST)
			i->kind = JEM_X86_OTHER;
		i->size = 8;
	}
	return 0;
}

static int two_operands(struct jem_x86_decoder *d, unsigned kind, unsigned size, bool is_to_reg)
{
	struct jem_x86_operand rm = jem_x86_read_rm(d, false);
	struct jem_x86_operand reg = jem_x86_gpr(d->reg);

	d->insn->kind = (uint8_t)kind;
	d->insn->size = (uint8_t)size;
	d->insn->dst = is_to_reg ? reg : rm;
	d->insn->src = is_to_reg ? rm : reg;
	return end_byte_regs(d);
}

static int other_rm(struct jem_x86_decoder *d, unsigned size)
{
	d->insn->kind = JEM_X86_OTHER;
	d->insn->size = (uint8_t)size;
	d->insn->dst = jem_x86_read_rm(d, false);
	return end_byte_regs(d);
}

static int other_reg(struct jem_x86_decoder *d, unsigned size)
{
	(void)jem_x86_read_rm(d, false);
	d->insn->kind = JEM_X86_OTHER;
	d->insn->size = (uint8_t)size;
	d->insn->dst = jem_x86_gpr(d->reg);
	return 0;
}

/* The eight operations of opcodes 00 to 3f, and of the group 80, 81, 83. */
static int arithmetic(struct jem_x86_decoder *d, unsigned which)
{
	static const int8_t alu[8] = { JEM_X86_ADD, JEM_X86_OR,  -1,          -1,
				       JEM_X86_AND, JEM_X86_SUB, JEM_X86_XOR, -1 };

	if (which == 7)
		d->insn->kind = JEM_X86_COMPARE;
	else if (alu[which] < 0)
		d->insn->kind = JEM_X86_OTHER; /* adc, sbb */
	else
		d->insn->alu = (uint8_t)alu[which];
	return end_byte_regs(d);
}

static int opcode_low(struct jem_x86_decoder *d, uint8_t op)
{
	unsigned size = op & 1 ? jem_x86_operand_size(d) : 1;

	switch (op & 7) {
	case 0:
	case 1:
	case 2:
	case 3:
		two_operands(d, JEM_X86_ALU, size, (op & 2) != 0);
		break;
	case 4:
	case 5:
		d->insn->kind = JEM_X86_ALU;
		d->insn->size = (uint8_t)size;
		d->insn->dst = jem_x86_gpr(0);
		d->insn->src = immediate(jem_x86_next_signed(d, size == 8 ? 4 : size));
		break;
	default:
		return -EILSEQ;
	}
	/* end_byte_regs may have made it OTHER already */
	return d->insn->kind == JEM_X86_ALU ? arithmetic(d, op >> 3) : 0;
}

static int group_immediate(struct jem_x86_decoder *d, uint8_t op)
{
	unsigned size = op == 0x80 ? 1 : jem_x86_operand_size(d);

	d->insn->kind = JEM_X86_ALU;
	d->insn->size = (uint8_t)size;
	d->insn->dst = jem_x86_read_rm(d, false);
	d->insn->src = immediate(jem_x86_next_signed(d, op == 0x81 ? (size == 2 ? 2 : 4) : 1));
	return arithmetic(d, d->reg & 7);
}

static int group_shift(struct jem_x86_decoder *d, uint8_t op)
{
	unsigned size = op & 1 ? jem_x86_operand_size(d) : 1;

	d->insn->size = (uint8_t)size;
	d->insn->dst = jem_x86_read_rm(d, false);
	if (op < 0xd0)
		d->insn->src = immediate(jem_x86_next_signed(d, 1));
	else if (op < 0xd2)
		d->insn->src = immediate(1);
	d->insn->kind = op < 0xd2 ? JEM_X86_ALU : JEM_X86_OTHER;
	switch (d->reg & 7) {
	case 4:
	case 6:
		d->insn->alu = JEM_X86_SHL;
		break;
	case 5:
		d->insn->alu = JEM_X86_SHR;
		break;
	case 7:
		d->insn->alu = JEM_X86_SAR;
		break;
	default:
		d->insn->kind = JEM_X86_OTHER; /* rotations */
	}
	return end_byte_regs(d);
}

static int group_unary(struct jem_x86_decoder *d, uint8_t op)
{
	unsigned size = op & 1 ? jem_x86_operand_size(d) : 1;

	d->insn->size = (uint8_t)size;
	d->insn->dst = jem_x86_read_rm(d, false);
	switch (d->reg & 7) {
	case 0:
	case 1:
		d->insn->kind = JEM_X86_TEST;
		d->insn->src = immediate(jem_x86_next_signed(d, size == 8 ? 4 : size));
		return end_byte_regs(d);
	case 2:
	case 3:
		d->insn->kind = JEM_X86_ALU;
		d->insn->alu = (d->reg & 7) == 2 ? JEM_X86_NOT : JEM_X86_NEG;
		return end_byte_regs(d);
	default:
		return -EILSEQ; /* mul and div write two registers */
	}
}

static int group_ff(struct jem_x86_decoder *d, uint8_t op)
{
	struct jem_x86_operand rm = jem_x86_read_rm(d, false);
	unsigned which = d->reg & 7;

	d->insn->size = (uint8_t)(op == 0xfe ? 1 : jem_x86_operand_size(d));
	d->insn->dst = rm;
	if (which < 2) {
		d->insn->kind = JEM_X86_ALU;
		d->insn->alu = which ? JEM_X86_SUB : JEM_X86_ADD;
		d->insn->src = immediate(1);
		return end_byte_regs(d);
	}
	if (op == 0xfe)
		return -EILSEQ;
	if (which == 2)
		d->insn->kind = JEM_X86_CALL;
	else if (which == 4)
		d->insn->kind = JEM_X86_JUMP;
	else if (which == 6)
		d->insn->kind = JEM_X86_PUSH;
	else
		return -EILSEQ;
	d->insn->size = 8;
	d->insn->src = rm;
	return 0;
}

static int jump(struct jem_x86_decoder *d, unsigned kind, unsigned bytes)
{
	d->insn->kind = (uint8_t)kind;
	d->insn->target = jem_x86_next_signed(d, bytes);
	d->insn->has_target = true;
	return 0;
}

static int one_reg(struct jem_x86_decoder *d, uint8_t op, unsigned kind)
{
	d->insn->kind = (uint8_t)kind;
	d->insn->size = 8;
	d->insn->dst = d->insn->src = jem_x86_gpr((op & 7u) | (d->rex & REX_B ? 8 : 0));
	return 0;
}

static int move_immediate(struct jem_x86_decoder *d, uint8_t op)
{
	unsigned size = op < 0xb8 ? 1 : jem_x86_operand_size(d);

	one_reg(d, op, JEM_X86_MOV);
	d->insn->size = (uint8_t)size;
	d->insn->src = immediate(jem_x86_next_signed(d, size));
	return end_byte_regs(d);
}

/* Loads of st0, and stores, which pop: of both the width is told by the opcode. */
static int opcode_x87(struct jem_x86_decoder *d, uint8_t op)
{
	struct jem_x86_operand m = jem_x86_read_rm(d, false);
	unsigned which = d->reg & 7;

	if (d->mod == 3 || (op == 0xdb && which != 5 && which != 7) ||
	    (op != 0xdb && which != 0 && which != 3))
		return -EILSEQ;
	d->insn->size = op == 0xd9 ? 4 : op == 0xdd ? 8 : 10;
	if (which == 0 || which == 5) {
		d->insn->kind = JEM_X86_FLOAT_LOAD;
		d->insn->src = m;
	} else {
		d->insn->kind = JEM_X86_FLOAT_STORE;
		d->insn->dst = m;
	}
	return 0;
}

static int opcode_move(struct jem_x86_decoder *d, uint8_t op)
{
	switch (op) {
	case 0x63:
		two_operands(d, JEM_X86_MOVSX, jem_x86_operand_size(d), true);
		d->insn->src_size = 4;
		return 0;
	case 0x84:
	case 0x85:
		return two_operands(d, JEM_X86_TEST, op & 1 ? jem_x86_operand_size(d) : 1, false);
	case 0x88:
	case 0x89:
	case 0x8a:
	case 0x8b:
		return two_operands(d, JEM_X86_MOV, op & 1 ? jem_x86_operand_size(d) : 1,
				    op >= 0x8a);
	case 0x8d:
		two_operands(d, JEM_X86_LEA, jem_x86_operand_size(d), true);
		return d->mod == 3 ? -EILSEQ : 0;
	case 0xa8:
	case 0xa9:
		d->insn->kind = JEM_X86_TEST;
		d->insn->size = (uint8_t)(op & 1 ? jem_x86_operand_size(d) : 1);
		d->insn->dst = jem_x86_gpr(0);
		d->insn->src = immediate(jem_x86_next_signed(d, op == 0xa8  ? 1
								: d->has_66 ? 2
									    : 4));
		return 0;
	case 0xc6:
	case 0xc7:
		d->insn->kind = JEM_X86_MOV;
		d->insn->size = (uint8_t)(op & 1 ? jem_x86_operand_size(d) : 1);
		d->insn->dst = jem_x86_read_rm(d, false);
		d->insn->src = immediate(jem_x86_next_signed(d, op == 0xc6  ? 1
								: d->has_66 ? 2
									    : 4));
		return d->reg & 7 ? -EILSEQ : end_byte_regs(d);
	default:
		return -EILSEQ;
	}
}

static int opcode_rest(struct jem_x86_decoder *d, uint8_t op)
{
	struct jem_x86_insn *i = d->insn;

	switch (op) {
	case 0x68:
	case 0x6a:
		i->kind = JEM_X86_PUSH;
		i->size = 8;
		i->src = immediate(jem_x86_next_signed(d, op == 0x68 ? 4 : 1));
		return 0;
	case 0x69:
	case 0x6b:
		other_reg(d, jem_x86_operand_size(d));
		(void)jem_x86_next_signed(d, op == 0x6b ? 1 : d->has_66 ? 2 : 4);
		return 0;
	case 0x90:
		i->kind = JEM_X86_NOP;
		return d->rex & REX_B ? -EILSEQ : 0;
	case 0x98: /* cbw, cwde, cdqe */
		i->kind = JEM_X86_MOVSX;
		i->size = (uint8_t)jem_x86_operand_size(d);
		i->src_size = i->size / 2;
		i->dst = i->src = jem_x86_gpr(0);
		return 0;
	case 0x99: /* cwd, cdq, cqo */
		i->kind = JEM_X86_OTHER;
		i->size = (uint8_t)jem_x86_operand_size(d);
		i->dst = jem_x86_gpr(2);
		return 0;
	case 0xc2:
		(void)jem_x86_next_signed(d, 2);
		/* fall through */
	case 0xc3:
		i->kind = JEM_X86_RET;
		return 0;
	case 0xc9:
		i->kind = JEM_X86_LEAVE;
		return 0;
	case 0xcc:
	case 0xf4:
		i->kind = JEM_X86_STOP;
		return 0;
	default:
		return -EILSEQ;
	}
}

static int opcode_one(struct jem_x86_decoder *d, uint8_t op)
{
	if (op < 0x40)
		return opcode_low(d, op);
	if (op >= 0x50 && op < 0x60)
		return one_reg(d, op, op < 0x58 ? JEM_X86_PUSH : JEM_X86_POP);
	if (op >= 0x70 && op < 0x80) {
		d->insn->condition = op & 15;
		return jump(d, JEM_X86_JUMP_IF, 1);
	}
	if (op >= 0xb0 && op < 0xc0)
		return move_immediate(d, op);
	switch (op) {
	case 0x80:
	case 0x81:
	case 0x83:
		return group_immediate(d, op);
	case 0xc0:
	case 0xc1:
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3:
		return group_shift(d, op);
	case 0xd9:
	case 0xdb:
	case 0xdd:
		return opcode_x87(d, op);
	case 0xe8:
		return jump(d, JEM_X86_CALL, 4);
	case 0xe9:
		return jump(d, JEM_X86_JUMP, 4);
	case 0xeb:
		return jump(d, JEM_X86_JUMP, 1);
	case 0xf6:
	case 0xf7:
		return group_unary(d, op);
	case 0xfe:
	case 0xff:
		return group_ff(d, op);
	default:
		break;
	}
	int rc = opcode_move(d, op);

	return rc == -EILSEQ && d->at <= d->len && d->insn->kind == JEM_X86_NOP ? opcode_rest(d, op)
										: rc;
}

static int opcode_two(struct jem_x86_decoder *d, uint8_t op)
{
	struct jem_x86_insn *i = d->insn;

	if (jem_x86_is_sse_move(op))
		return jem_x86_sse_move(d, op);
	if (jem_x86_is_sse_other(d, op))
		return jem_x86_sse_other(d, op);
	if (d->is_vex)
		return -EILSEQ;
	if (op == 0x0b) {
		i->kind = JEM_X86_STOP;
		return 0;
	}
	if (op >= 0x18 && op < 0x20) { /* hints, endbr, long nops */
		struct jem_x86_operand rm = jem_x86_read_rm(d, false);

		(void)rm;
		i->kind = JEM_X86_NOP;
		return 0;
	}
	if (op >= 0x40 && op < 0x50)
		return other_reg(d, jem_x86_operand_size(d));
	if (op >= 0x80 && op < 0x90) {
		i->condition = op & 15;
		return jump(d, JEM_X86_JUMP_IF, 4);
	}
	if (op >= 0x90 && op < 0xa0) {
		other_rm(d, 1);
		if (i->size == 1 && i->dst.where == JEM_X86_GPR)
			i->kind = JEM_X86_SETCC;
		i->condition = op & 15;
		return 0;
	}
	if (op == 0xaf) {
		two_operands(d, JEM_X86_ALU, jem_x86_operand_size(d), true);
		i->alu = JEM_X86_MUL;
		return 0;
	}
	if (op == 0xb6 || op == 0xb7 || op == 0xbe || op == 0xbf) {
		i->src_size = op & 1 ? 2 : 1;
		two_operands(d, op < 0xb8 ? JEM_X86_MOVZX : JEM_X86_MOVSX, jem_x86_operand_size(d),
			     true);
		return 0;
	}
	if (op == 0xa3) { /* bt: flags only */
		struct jem_x86_operand rm = jem_x86_read_rm(d, false);

		(void)rm;
		i->kind = JEM_X86_OTHER;
		return 0;
	}
	if (op == 0xbc || op == 0xbd)
		return other_reg(d, jem_x86_operand_size(d));
	if (op >= 0xc8 && op < 0xd0) /* bswap */
		return one_reg(d, op, JEM_X86_OTHER);
	return -EILSEQ;
}

static int read_vex(struct jem_x86_decoder *d, uint8_t first)
{
	uint8_t b = jem_x86_next_byte(d);
	uint8_t map = 1;

	d->rex = b & 0x80 ? 0 : REX_R;
	if (first == 0xc4) {
		d->rex |= (b & 0x40 ? 0 : REX_X) | (b & 0x20 ? 0 : REX_B);
		map = b & 31;
		b = jem_x86_next_byte(d);
		d->rex |= b & 0x80 ? REX_W : 0;
	}
	d->is_vex = d->has_rex = true;
	d->is_wide_vex = (b & 4) != 0;
	d->has_66 = (b & 3) == 1;
	d->has_f3 = (b & 3) == 2;
	d->has_f2 = (b & 3) == 3;
	return map == 1 ? opcode_two(d, jem_x86_next_byte(d)) : -EILSEQ;
}

/* The prefixes, up to the opcode, which it returns. */
static uint8_t read_prefixes(struct jem_x86_decoder *d)
{
	for (;;) {
		uint8_t b = jem_x86_next_byte(d);

		if (b == 0x66)
			d->has_66 = true;
		else if (b == 0xf2)
			d->has_f2 = true;
		else if (b == 0xf3)
			d->has_f3 = true;
		else if (b == 0x64 || b == 0x65)
			d->has_segment = true;
		else if (b != 0x2e && b != 0x3e && b != 0x26 && b != 0x36)
			return b;
		if (d->is_cut)
			return b;
	}
}

int jem_x86_decode(const uint8_t *code, size_t len, struct jem_x86_insn *ret)
{
	struct jem_x86_insn insn = { .kind = JEM_X86_NOP };
	struct jem_x86_decoder d = { .code = code, .len = len, .insn = &insn };
	uint8_t op = read_prefixes(&d);
	int rc;

	if ((op & 0xf0) == 0x40) {
		d.has_rex = true;
		d.rex = op & 15;
		op = jem_x86_next_byte(&d);
	}
	if (op == 0x0f)
		rc = opcode_two(&d, jem_x86_next_byte(&d));
	else if (op == 0xc4 || op == 0xc5)
		rc = read_vex(&d, op);
	else
		rc = opcode_one(&d, op);
	if (rc < 0 || d.is_cut)
		return -EILSEQ;
	insn.length = (uint8_t)d.at;
	*ret = insn;
	return insn.length;
}
