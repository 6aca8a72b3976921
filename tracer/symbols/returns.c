/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The return value, from the code between the exit hook and `ret`: it rebuilds the registers of the result
 * from what the hook had to keep. Landing pads of exceptions, which do not return, have none.
 */
#include "tracer/symbols/compile.h"

#include <stdlib.h>

#define DEPTH_MAX  12
#define SAVED_REGS (1ull << 3 | 1ull << 6 | 1ull << 7 | 0xfull << 12)

static const uint8_t *code_at(void *data, uint64_t address, size_t *left)
{
	return jem_debug_code(data, address, left);
}

static unsigned opcode_of(unsigned alu)
{
	switch (alu) {
	case JEM_X86_ADD:
		return JEM_OP_ADD;
	case JEM_X86_SUB:
		return JEM_OP_SUB;
	case JEM_X86_AND:
		return JEM_OP_AND;
	case JEM_X86_OR:
		return JEM_OP_OR;
	case JEM_X86_XOR:
		return JEM_OP_XOR;
	case JEM_X86_MUL:
		return JEM_OP_MUL;
	case JEM_X86_SHL:
		return JEM_OP_SHL;
	case JEM_X86_SHR:
		return JEM_OP_SHR;
	default:
		return JEM_OP_SAR;
	}
}

static bool compile(struct jem_compiler *c, struct jem_flow *f, uint16_t id, unsigned depth,
		    struct jem_term *ret)
{
	struct jem_flow_node n = f->nodes[id];
	struct jem_term a, b = jem_term_const(0);
	bool is_unary = n.op == JEM_X86_NEG || n.op == JEM_X86_NOT;

	if (depth > DEPTH_MAX || c->is_full)
		return false;
	switch (n.kind) {
	case JEM_FLOW_CONST:
	case JEM_FLOW_ADDRESS:
		*ret = jem_term_const(n.value);
		ret->kind = n.kind == JEM_FLOW_CONST ? JEM_TERM_CONST : JEM_TERM_ADDRESS;
		return true;
	case JEM_FLOW_REG:
		if (!jem_code_frame_reg(c, n.reg, ret))
			return false;
		*ret = jem_term_plus(*ret, n.value);
		ret->is_stack |= n.reg == 6 && c->cfa.kind == JEM_TERM_REG && c->cfa.reg == 6;
		return true;
	case JEM_FLOW_LOAD:
		if (n.size > 8 || !compile(c, f, n.a, depth + 1, &a))
			return false;
		*ret = jem_code_load(c, &a, n.size, false);
		return true;
	case JEM_FLOW_EXTEND:
		if (!compile(c, f, n.a, depth + 1, &a))
			return false;
		*ret = jem_code_extend(c, a, n.size, n.is_signed);
		return true;
	case JEM_FLOW_ALU:
		if (!compile(c, f, n.a, depth + 1, &a) ||
		    (!is_unary && !compile(c, f, n.b, depth + 1, &b)))
			return false;
		*ret = is_unary
			       ? jem_code_unary(c, n.op == JEM_X86_NEG ? JEM_OP_NEG : JEM_OP_NOT, a)
			       : jem_code_binary(c, opcode_of(n.op), a, b);
		return true;
	case JEM_FLOW_EQUAL:
	case JEM_FLOW_LESS:
	case JEM_FLOW_BELOW:
		if (!compile(c, f, n.a, depth + 1, &a) || !compile(c, f, n.b, depth + 1, &b))
			return false;
		*ret = jem_code_binary(c,
				       n.kind == JEM_FLOW_EQUAL  ? JEM_OP_EQ
				       : n.kind == JEM_FLOW_LESS ? JEM_OP_LT
								 : JEM_OP_BELOW,
				       a, b);
		return true;
	default:
		return false;
	}
}

bool jem_flow_compile(struct jem_compiler *c, struct jem_flow *flow, uint16_t node, unsigned size,
		      struct jem_term *ret)
{
	uint16_t low = jem_flow_low(flow, node, size);

	/* only the low bytes are asked for: the extension need not be computed */
	if (low && flow->nodes[low].kind == JEM_FLOW_EXTEND && flow->nodes[low].size >= size)
		low = flow->nodes[low].a;
	return low && compile(c, flow, low, 0, ret);
}

static void in_registers(struct jem_compiler *c, struct jem_flow *f,
			 const enum jem_class classes[2], uint32_t size, struct jem_place *ret)
{
	static const uint8_t integers[] = { 0, 1 };
	unsigned integer = 0, vector = 0;
	uint16_t nodes[2] = { 0, 0 };
	struct jem_term term;

	for (unsigned i = 0; i < 2 && i * 8 < size; i++) {
		if (classes[i] == JEM_CLASS_INTEGER)
			nodes[i] = f->gpr[integers[integer++]];
		else if (classes[i] == JEM_CLASS_SSE)
			nodes[i] = f->xmm[vector++][0];
	}
	if (classes[0] == JEM_CLASS_SSE && classes[1] == JEM_CLASS_NONE && size > 8)
		nodes[1] = f->xmm[0][1]; /* one value of 16 bytes */
	if (size <= 8) {
		if (jem_flow_compile(c, f, nodes[0], size, &term)) {
			ret->kind = JEM_PLACE_VALUE;
			ret->term = term;
		}
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct jem_piece *p = &ret->pieces[ret->piece_count++];

		*p = (struct jem_piece){ .size = i ? size - 8 : 8,
					 .missing = JEM_MISSING_OPTIMISED_OUT };
		if (jem_flow_compile(c, f, nodes[i], p->size, &p->term)) {
			p->kind = JEM_PLACE_VALUE;
			ret->kind = JEM_PLACE_PIECES;
		}
	}
}

static void in_memory(struct jem_compiler *c, struct jem_flow *f, uint16_t node,
		      struct jem_place *ret)
{
	struct jem_term address;

	if (!node || !compile(c, f, node, 0, &address))
		return;
	ret->kind = JEM_PLACE_MEMORY;
	ret->term = address;
	ret->term.is_stack = false;
}

static void take_result(struct jem_compiler *c, struct jem_flow *f, const enum jem_class classes[2],
			struct jem_place *ret)
{
	switch (classes[0]) {
	case JEM_CLASS_INTEGER:
	case JEM_CLASS_SSE:
		in_registers(c, f, classes, ret->size, ret);
		return;
	case JEM_CLASS_MEMORY:
	case JEM_CLASS_POINTER: /* rax has the address of the object that the caller gave */
		in_memory(c, f, f->gpr[0], ret);
		return;
	case JEM_CLASS_X87:
		if (f->st0)
			in_memory(c, f, f->nodes[f->st0].a, ret);
		return;
	default:
		ret->missing = JEM_MISSING_UNSUPPORTED;
	}
}

void jem_returns_compile(struct jem_compiler *c, struct jem_place *ret, uint32_t *type)
{
	const struct jem_plan_request *r = c->request;
	enum jem_class classes[2];
	struct jem_flow *flow;

	*type = jem_types_of(r->types, r->scope);
	*ret = (struct jem_place){ .kind = JEM_PLACE_MISSING,
				   .missing = JEM_MISSING_OPTIMISED_OUT,
				   .size = jem_types_get(r->types, *type)->size };
	/* an inlined instance returns into the middle of its function: no register is its own */
	if (!*type || !ret->size || r->is_tail || r->scope->addr != r->physical->addr)
		return;
	flow = malloc(sizeof(*flow));
	if (!flow)
		return;
	jem_abi_classify(r->types, r->scope, *type, classes);
	jem_flow_init(flow, code_at, r->debug, SAVED_REGS);
	enum jem_flow_end end = jem_flow_run(flow, r->pc, 0);

	if (end == JEM_FLOW_NO_RETURN)
		*type = 0;
	else if (end == JEM_FLOW_RETURNS)
		take_result(c, flow, classes, ret);
	free(flow);
}
