/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/flow.h"

#include "tracer/symbols/flow_internal.h"

#include <errno.h>
#include <string.h>

#define RSP JEM_FLOW_RSP
#define RBP 6

/* Numbers of the instruction set to those of DWARF (x86-64 psABI figure 3.36). */
static const uint8_t dwarf_reg[16] = { 0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15 };

void jem_flow_init(struct jem_flow *flow, jem_flow_code_fn code, void *data, uint64_t known)
{
	memset(flow, 0, sizeof(*flow));
	flow->code = code;
	flow->data = data;
	flow->node_count = 1;
	for (unsigned i = 0; i < 16; i++) {
		struct jem_flow_node reg = { .kind = JEM_FLOW_REG, .reg = (uint8_t)i };

		if (known >> i & 1)
			flow->gpr[i] = jem_flow_add(flow, &reg);
		reg.kind = JEM_FLOW_XMM;
		for (unsigned half = 0; half < 2 && known >> (17 + i) & 1; half++) {
			reg.size = (uint8_t)half;
			flow->xmm[i][half] = jem_flow_add(flow, &reg);
		}
	}
}

/* --- operands ----------------------------------------------------------------------------------- */

static uint16_t address_of(struct jem_flow *f, const struct jem_x86_operand *o, uint64_t next)
{
	uint16_t sum;

	if (o->is_segment)
		return jem_flow_add(f, &(struct jem_flow_node){ .kind = JEM_FLOW_GUARD });
	if (o->is_relative)
		return jem_flow_add(f, &(struct jem_flow_node){
					       .kind = JEM_FLOW_ADDRESS,
					       .value = (int64_t)(next + (uint64_t)o->value) });
	sum = o->base == JEM_X86_NO_REG
		      ? jem_flow_constant(f, 0)
		      : jem_flow_extend(f, f->gpr[dwarf_reg[o->base & 15]], 8, false);
	if (o->index != JEM_X86_NO_REG) {
		uint16_t index = jem_flow_extend(f, f->gpr[dwarf_reg[o->index & 15]], 8, false);

		if (o->scale)
			index = jem_flow_alu(f, JEM_X86_SHL, index, jem_flow_constant(f, o->scale));
		sum = jem_flow_alu(f, JEM_X86_ADD, sum, index);
	}
	return o->value ? jem_flow_alu(f, JEM_X86_ADD, sum, jem_flow_constant(f, o->value)) : sum;
}

static uint16_t read_operand(struct jem_flow *f, const struct jem_x86_operand *o, unsigned size,
			     uint64_t next)
{
	switch (o->where) {
	case JEM_X86_IMMEDIATE:
		return jem_flow_constant(f, jem_flow_extend_value(o->value, size, false));
	case JEM_X86_GPR:
		return jem_flow_extend(f, f->gpr[dwarf_reg[o->reg & 15]], size, false);
	case JEM_X86_MEMORY:
		if (o->is_segment)
			return jem_flow_add(f, &(struct jem_flow_node){ .kind = JEM_FLOW_GUARD });
		return jem_flow_load_at(f, address_of(f, o, next), size);
	default:
		return 0;
	}
}

static uint16_t low_bytes(struct jem_flow *f, uint16_t value, unsigned size)
{
	return value ? jem_flow_add(f, &(struct jem_flow_node){ .kind = JEM_FLOW_LOW,
								.size = (uint8_t)size,
								.a = value })
		     : 0;
}

/* Writes of 4 bytes clear the upper half, shorter ones keep the rest of the register. */
static void write_operand(struct jem_flow *f, const struct jem_x86_operand *o, unsigned size,
			  uint16_t value, uint64_t next)
{
	if (o->where == JEM_X86_MEMORY) {
		if (!o->is_segment)
			jem_flow_store_at(f, address_of(f, o, next), size, value);
		return;
	}
	if (o->where != JEM_X86_GPR)
		return;
	uint16_t *reg = &f->gpr[dwarf_reg[o->reg & 15]];
	int64_t mask = size < 4 ? (1ll << (8 * size)) - 1 : 0;

	value = jem_flow_extend(f, value, size, false);
	if (size >= 4) {
		*reg = value;
		return;
	}
	uint16_t rest = jem_flow_alu(f, JEM_X86_AND, jem_flow_extend(f, *reg, 8, false),
				     jem_flow_constant(f, ~mask));

	if (!rest)
		*reg = low_bytes(f, value, size);
	else if (f->nodes[rest].kind == JEM_FLOW_CONST && !f->nodes[rest].value)
		*reg = value;
	else
		*reg = jem_flow_alu(f, JEM_X86_OR, rest, value);
}

/* --- instructions ------------------------------------------------------------------------------- */

static bool is_low_closed(unsigned op)
{
	return op <= JEM_X86_MUL || op >= JEM_X86_NEG;
}

/* How many of the low bytes of an operand are known. */
static unsigned known_bytes(struct jem_flow *f, const struct jem_x86_operand *o, unsigned size)
{
	if (o->where != JEM_X86_GPR)
		return size;
	const struct jem_flow_node *n = &f->nodes[f->gpr[dwarf_reg[o->reg & 15]]];

	return n->kind == JEM_FLOW_LOW && n->size < size ? n->size : size;
}

/* The low bytes of a sum, and the like, depend on the low bytes alone: setcc leaves only these. */
static bool step_low(struct jem_flow *f, const struct jem_x86_insn *i, uint64_t next)
{
	unsigned a = known_bytes(f, &i->dst, i->size), b = known_bytes(f, &i->src, i->size);
	unsigned size = a < b ? a : b;

	if (size == i->size || i->dst.where != JEM_X86_GPR || !is_low_closed(i->alu))
		return false;
	uint16_t x = read_operand(f, &i->dst, size, next);
	uint16_t y = i->src.where == JEM_X86_NONE ? 0 : read_operand(f, &i->src, size, next);

	f->gpr[dwarf_reg[i->dst.reg & 15]] = low_bytes(f, jem_flow_alu(f, i->alu, x, y), size);
	f->flags_kind = 0;
	return true;
}

static void step_alu(struct jem_flow *f, const struct jem_x86_insn *i, uint64_t next)
{
	bool is_same = i->dst.where == JEM_X86_GPR && i->src.where == JEM_X86_GPR &&
		       i->dst.reg == i->src.reg;
	bool is_arithmetic_shift = i->alu == JEM_X86_SAR;
	uint16_t a = read_operand(f, &i->dst, i->size, next);
	uint16_t b = i->src.where == JEM_X86_NONE ? 0 : read_operand(f, &i->src, i->size, next);
	uint16_t value;

	if (!is_same && step_low(f, i, next))
		return;
	if (is_arithmetic_shift)
		a = jem_flow_extend(f, a, i->size, true);
	if (i->alu >= JEM_X86_SHL && i->alu <= JEM_X86_SAR && f->nodes[b].kind == JEM_FLOW_CONST)
		b = jem_flow_constant(f, f->nodes[b].value & (i->size == 8 ? 63 : 31));
	if (is_same && (i->alu == JEM_X86_XOR || i->alu == JEM_X86_SUB))
		value = jem_flow_constant(f, 0);
	else
		value = jem_flow_alu(f, i->alu, a, b);
	write_operand(f, &i->dst, i->size, value, next);
	f->flags_kind = JEM_X86_TEST; /* good for zero and sign of the result */
	f->flags_a = f->flags_b = jem_flow_extend(f, value, i->size, false);
	f->flags_size = i->size;
	if (i->alu == JEM_X86_SUB) {
		f->flags_kind = JEM_X86_COMPARE;
		f->flags_a = a;
		f->flags_b = b;
	} else if (i->alu != JEM_X86_AND && i->alu != JEM_X86_OR && i->alu != JEM_X86_XOR) {
		f->flags_kind = 0;
	}
}

static uint16_t relation(struct jem_flow *f, unsigned kind, uint16_t a, uint16_t b)
{
	if (!a || !b || f->nodes[a].kind == JEM_FLOW_GUARD || f->nodes[b].kind == JEM_FLOW_GUARD)
		return 0;
	return jem_flow_add(f, &(struct jem_flow_node){ .kind = (uint8_t)kind, .a = a, .b = b });
}

/* What setcc makes of the last comparison; 0 for conditions that need other flags. */
static uint16_t condition(struct jem_flow *f, unsigned code)
{
	bool is_test = f->flags_kind == JEM_X86_TEST;
	uint16_t a = f->flags_a, b = f->flags_b;
	uint16_t result;

	if (!f->flags_kind)
		return 0;
	if (is_test) {
		a = a == b ? a : jem_flow_alu(f, JEM_X86_AND, a, b);
		b = jem_flow_constant(f, 0);
	}
	uint16_t signed_a = jem_flow_extend(f, a, f->flags_size, true);
	uint16_t signed_b = jem_flow_extend(f, b, f->flags_size, true);

	switch (code & ~1u) {
	case 2: /* below */
		result = relation(f, JEM_FLOW_BELOW, a, b);
		break;
	case 4: /* equal */
		result = relation(f, JEM_FLOW_EQUAL, a, b);
		break;
	case 6: /* below or equal: not (b below a) */
		result = relation(f, JEM_FLOW_BELOW, b, a);
		code ^= 1;
		break;
	case 8: /* sign: of a difference only where it is a test */
		result = is_test ? relation(f, JEM_FLOW_LESS, signed_a, signed_b) : 0;
		break;
	case 12: /* less */
		result = relation(f, JEM_FLOW_LESS, signed_a, signed_b);
		break;
	case 14:
		result = relation(f, JEM_FLOW_LESS, signed_b, signed_a);
		code ^= 1;
		break;
	default:
		return 0;
	}
	return code & 1 ? jem_flow_alu(f, JEM_X86_XOR, result, jem_flow_constant(f, 1)) : result;
}

static void push(struct jem_flow *f, uint16_t value)
{
	f->gpr[RSP] = jem_flow_alu(f, JEM_X86_SUB, f->gpr[RSP], jem_flow_constant(f, 8));
	jem_flow_store_at(f, f->gpr[RSP], 8, value);
}

static uint16_t pop(struct jem_flow *f)
{
	uint16_t value = jem_flow_load_at(f, f->gpr[RSP], 8);

	f->gpr[RSP] = jem_flow_alu(f, JEM_X86_ADD, f->gpr[RSP], jem_flow_constant(f, 8));
	return value;
}

static void sse_load(struct jem_flow *f, const struct jem_x86_insn *i, uint64_t next)
{
	uint16_t *to = f->xmm[i->dst.reg & 15];
	unsigned low = i->size > 8 ? 8 : i->size;

	if (i->kind == JEM_X86_SSE_HIGH) {
		to[1] = read_operand(f, &i->src, 8, next);
		return;
	}
	if (i->src.where == JEM_X86_XMM) {
		const uint16_t *from = f->xmm[i->src.reg & 15];

		if (i->kind == JEM_X86_SSE_MERGE && i->size == 4) {
			/* the low 4 bytes; what is above them is not asked for by a float */
			to[0] = low_bytes(f, jem_flow_extend(f, from[0], 4, false), 4);
			return;
		}
		to[0] = from[0];
		if (i->kind == JEM_X86_SSE_MOV)
			to[1] = i->size == 16 ? from[1] : jem_flow_constant(f, 0);
		return;
	}
	if (i->src.where == JEM_X86_MEMORY) {
		uint16_t address = i->src.is_segment ? 0 : address_of(f, &i->src, next);

		to[0] = jem_flow_load_at(f, address, low);
		if (i->kind == JEM_X86_SSE_MOV)
			to[1] = i->size == 16
					? jem_flow_load_at(f,
							   jem_flow_alu(f, JEM_X86_ADD, address,
									jem_flow_constant(f, 8)),
							   8)
					: jem_flow_constant(f, 0);
		return;
	}
	to[0] = read_operand(f, &i->src, low, next);
	if (i->kind == JEM_X86_SSE_MOV)
		to[1] = jem_flow_constant(f, 0);
}

static void step_sse(struct jem_flow *f, const struct jem_x86_insn *i, uint64_t next)
{
	if (i->kind == JEM_X86_SSE_ZERO) {
		f->xmm[i->dst.reg & 15][0] = f->xmm[i->dst.reg & 15][1] = jem_flow_constant(f, 0);
		return;
	}
	if (i->kind == JEM_X86_SSE_UNPACK) {
		f->xmm[i->dst.reg & 15][1] =
			i->src.where == JEM_X86_XMM ? f->xmm[i->src.reg & 15][0] : 0;
		return;
	}
	if (i->dst.where == JEM_X86_XMM) {
		sse_load(f, i, next);
		return;
	}
	const uint16_t *from = f->xmm[i->src.reg & 15];

	if (i->dst.where == JEM_X86_GPR) {
		write_operand(f, &i->dst, i->size, from[0], next);
		return;
	}
	uint16_t address = i->dst.is_segment ? 0 : address_of(f, &i->dst, next);

	if (i->kind == JEM_X86_SSE_HIGH) {
		jem_flow_store_at(f, address, 8, from[1]);
		return;
	}
	jem_flow_store_at(f, address, i->size > 8 ? 8 : i->size, from[0]);
	if (i->size > 8)
		jem_flow_store_at(f, jem_flow_alu(f, JEM_X86_ADD, address, jem_flow_constant(f, 8)),
				  8, from[1]);
	if (i->size > 16)
		for (unsigned at = 16; at < i->size; at += 8)
			jem_flow_store_at(
				f, jem_flow_alu(f, JEM_X86_ADD, address, jem_flow_constant(f, at)),
				8, 0);
}

static void step_other(struct jem_flow *f, const struct jem_x86_insn *i, uint64_t next)
{
	f->flags_kind = 0;
	if (i->dst.where == JEM_X86_XMM)
		f->xmm[i->dst.reg & 15][0] = f->xmm[i->dst.reg & 15][1] = 0;
	else if (i->dst.where == JEM_X86_GPR)
		f->gpr[dwarf_reg[i->dst.reg & 15]] = 0;
	else if (i->dst.where == JEM_X86_MEMORY)
		write_operand(f, &i->dst, i->size, 0, next);
}

static void step_compare(struct jem_flow *f, const struct jem_x86_insn *i, uint64_t next)
{
	f->flags_kind = i->kind;
	f->flags_size = i->size;
	f->flags_a = read_operand(f, &i->dst, i->size, next);
	f->flags_b = read_operand(f, &i->src, i->size, next);
}

static void step_push_pop(struct jem_flow *f, const struct jem_x86_insn *i, uint64_t next)
{
	if (i->kind == JEM_X86_PUSH)
		push(f, i->src.where == JEM_X86_IMMEDIATE ? jem_flow_constant(f, i->src.value)
							  : read_operand(f, &i->src, 8, next));
	else if (i->kind == JEM_X86_POP)
		write_operand(f, &i->dst, 8, pop(f), next);
	else {
		f->gpr[RSP] = f->gpr[RBP];
		f->gpr[RBP] = pop(f);
	}
}

int jem_flow_step(struct jem_flow *f, const struct jem_x86_insn *i, uint64_t next)
{
	uint16_t value;

	switch (i->kind) {
	case JEM_X86_NOP:
		return 0;
	case JEM_X86_MOV:
	case JEM_X86_MOVZX:
		value = read_operand(f, &i->src, i->src_size ? i->src_size : i->size, next);
		write_operand(f, &i->dst, i->size, value, next);
		return 0;
	case JEM_X86_MOVSX:
		value = jem_flow_extend(f, read_operand(f, &i->src, i->src_size, next), i->src_size,
					true);
		write_operand(f, &i->dst, i->size, value, next);
		return 0;
	case JEM_X86_LEA:
		write_operand(f, &i->dst, i->size, address_of(f, &i->src, next), next);
		return 0;
	case JEM_X86_ALU:
		step_alu(f, i, next);
		return 0;
	case JEM_X86_COMPARE:
	case JEM_X86_TEST:
		step_compare(f, i, next);
		return 0;
	case JEM_X86_SETCC:
		write_operand(f, &i->dst, 1, condition(f, i->condition), next);
		return 0;
	case JEM_X86_PUSH:
	case JEM_X86_POP:
	case JEM_X86_LEAVE:
		step_push_pop(f, i, next);
		return 0;
	case JEM_X86_SSE_MOV:
	case JEM_X86_SSE_MERGE:
	case JEM_X86_SSE_HIGH:
	case JEM_X86_SSE_ZERO:
	case JEM_X86_SSE_UNPACK:
		step_sse(f, i, next);
		return 0;
	case JEM_X86_FLOAT_LOAD:
		value = address_of(f, &i->src, next);
		f->st0 = value && i->size == 10
				 ? jem_flow_add(f, &(struct jem_flow_node){ .kind = JEM_FLOW_LOAD,
									    .size = 10,
									    .a = value })
				 : 0;
		return 0;
	case JEM_X86_FLOAT_STORE:
		f->st0 = 0;
		write_operand(f, &i->dst, i->size, 0, next);
		return 0;
	case JEM_X86_OTHER:
		step_other(f, i, next);
		return 0;
	default:
		return -EILSEQ;
	}
}

/* --- straight lines ----------------------------------------------------------------------------- */

static int decode_at(struct jem_flow *f, uint64_t pc, struct jem_x86_insn *insn)
{
	size_t left = 0;
	const uint8_t *code = f->code(f->data, pc, &left);

	return code ? jem_x86_decode(code, left, insn) : -EILSEQ;
}

/* A variadic function saves its xmm registers only if there are any: nothing else is skipped. */
static bool skips_only_saves(struct jem_flow *f, uint64_t pc, uint64_t end)
{
	struct jem_x86_insn insn;

	if (end <= pc || end - pc > 256)
		return false;
	while (pc < end) {
		if (decode_at(f, pc, &insn) < 0 || insn.kind != JEM_X86_SSE_MOV ||
		    insn.dst.where != JEM_X86_MEMORY)
			return false;
		pc += insn.length;
	}
	return pc == end;
}

/* Where a conditional jump goes in every run that returns; 0: not known. */
static uint64_t follow_branch(struct jem_flow *f, const struct jem_x86_insn *insn, uint64_t next)
{
	uint64_t target = next + (uint64_t)insn->target;
	struct jem_x86_insn there;

	if (skips_only_saves(f, next, target))
		return target;
	if (f->nodes[f->flags_a].kind != JEM_FLOW_GUARD &&
	    f->nodes[f->flags_b].kind != JEM_FLOW_GUARD)
		return 0;
	/* the stack protector: one side calls what does not return */
	if (decode_at(f, target, &there) >= 0 && there.kind == JEM_X86_CALL)
		return next;
	if (decode_at(f, next, &there) >= 0 && there.kind == JEM_X86_CALL)
		return target;
	return 0;
}

enum jem_flow_end jem_flow_run(struct jem_flow *f, uint64_t from, uint64_t stop)
{
	struct jem_x86_insn insn;
	uint64_t pc = from;

	for (unsigned steps = 0; steps < JEM_FLOW_STEPS; steps++) {
		if (decode_at(f, pc, &insn) < 0)
			return JEM_FLOW_LOST;
		uint64_t next = pc + insn.length;

		if (next == stop)
			return f->is_full ? JEM_FLOW_LOST : JEM_FLOW_REACHED;
		if (insn.kind == JEM_X86_RET)
			return f->is_full ? JEM_FLOW_LOST : JEM_FLOW_RETURNS;
		if (insn.kind == JEM_X86_CALL || insn.kind == JEM_X86_STOP) {
			f->calls = insn.has_target ? next + (uint64_t)insn.target : 0;
			return JEM_FLOW_NO_RETURN;
		}
		if (insn.kind == JEM_X86_JUMP && insn.has_target) {
			pc = next + (uint64_t)insn.target;
			continue;
		}
		if (insn.kind == JEM_X86_JUMP_IF) {
			pc = follow_branch(f, &insn, next);
			if (!pc)
				return JEM_FLOW_LOST;
			continue;
		}
		if (jem_flow_step(f, &insn, next) < 0)
			return JEM_FLOW_LOST;
		pc = next;
	}
	return JEM_FLOW_LOST;
}
