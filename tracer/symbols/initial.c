/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a local on the line of a call has got its value before it: `int x = f();` has not, the counter
 * of `for (int i = 0; ...) f();` has, and no debug data tells one from the other. In code that is not
 * optimised, where each variable has its place in the frame, the code before the call does.
 */
#include "tracer/symbols/compile.h"
#include "tracer/symbols/x86_decode.h"

#include <dwarf.h>

enum {
	STEPS_MAX = 4096,
	RSP_DWARF = 7,
	RSP = 4,
	LOOKS_MAX = 64, /* of one plan */
	RBP_DWARF = 6,
	RBP = 5
};

static bool is_in(const struct jem_x86_operand *operand, unsigned bytes, int64_t begin, int64_t end)
{
	return operand->where == JEM_X86_MEMORY && operand->base == RBP && !operand->is_segment &&
	       operand->value < end && operand->value + (int64_t)bytes > begin;
}

/* In what the frame pointer tells of the frame's own part; false: it is elsewhere. */
static bool place_in_frame(struct jem_compiler *c, const struct jem_place *place, int64_t *begin)
{
	struct jem_term frame;

	if (place->kind != JEM_PLACE_MEMORY || place->term.kind != JEM_TERM_REG ||
	    !jem_code_frame_reg(c, RBP_DWARF, &frame) || frame.kind != JEM_TERM_REG ||
	    frame.reg != place->term.reg)
		return false;
	*begin = place->term.value - frame.value;
	return *begin < 0;
}

bool jem_initial_is_unwritten(struct jem_compiler *c, const struct jem_place *place, uint32_t size)
{
	uint64_t at = c->request->function_start;
	bool has_address = false; /* taken, perhaps for this very call to write there */
	int64_t begin, end;

	if (!size || !place_in_frame(c, place, &begin) || c->looks++ >= LOOKS_MAX)
		return false;
	end = begin + size;
	for (unsigned steps = 0; at <= c->pc; steps++) {
		struct jem_x86_insn insn;
		size_t left;
		const uint8_t *code = jem_debug_code(c->request->debug, at, &left);
		bool is_touched;

		if (!code || steps == STEPS_MAX || jem_x86_decode(code, left, &insn) < 0)
			return false;
		if (at + insn.length > c->pc)
			return true; /* the call itself */
		is_touched = is_in(&insn.dst, insn.size ? insn.size : 1, begin, end) ||
			     is_in(&insn.src, 1, begin, end);
		if (insn.kind == JEM_X86_CALL && has_address)
			return false;
		if (is_touched && insn.kind != JEM_X86_LEA)
			return false;
		has_address |= is_touched;
		at += insn.length;
	}
	return false;
}

/* Where an operand is from the CFA on; false: not in the frame, or not to be told. */
static bool from_cfa(struct jem_compiler *c, const struct jem_x86_operand *operand, uint64_t at,
		     int64_t *ret)
{
	unsigned reg = operand->base == RSP ? RSP_DWARF : RBP_DWARF;
	Dwarf_Op rule;

	if (!jem_reach_cfa_rule(c->request->debug, at, &rule) || rule.atom != DW_OP_bregx ||
	    rule.number != reg)
		return false;
	*ret = operand->value - (int64_t)rule.number2;
	return true;
}

enum touch {
	TOUCHES_NOT,
	TOUCHES,
	TOUCHES_PERHAPS
};

/* Whether the instruction writes a part of `size` bytes at `begin` from the CFA on. */
static enum touch touch_of(struct jem_compiler *c, const struct jem_x86_insn *insn, uint64_t at,
			   int64_t begin, uint32_t size)
{
	const struct jem_x86_operand *operand = insn->kind == JEM_X86_LEA ? &insn->src : &insn->dst;
	bool copies_rsp = insn->kind == JEM_X86_MOV && insn->src.where == JEM_X86_GPR &&
			  insn->src.reg == RSP &&
			  !(insn->dst.where == JEM_X86_GPR && insn->dst.reg == RBP);
	int64_t there;

	if (copies_rsp)
		return TOUCHES_PERHAPS;
	if (operand->where != JEM_X86_MEMORY || operand->is_segment ||
	    (operand->base != RSP && operand->base != RBP))
		return TOUCHES_NOT;
	if (operand->index != JEM_X86_NO_REG)
		return TOUCHES_PERHAPS;
	if (!from_cfa(c, operand, at, &there))
		return operand->base == RBP ? TOUCHES_NOT : TOUCHES_PERHAPS;
	if (there >= begin + (int64_t)size || there + (insn->size ? insn->size : 1) <= begin)
		return TOUCHES_NOT;
	return insn->kind == JEM_X86_LEA ? TOUCHES_PERHAPS : TOUCHES;
}

bool jem_initial_is_partial(struct jem_compiler *c, const struct jem_place *place, uint32_t size)
{
	int64_t begin = (int64_t)((uint64_t)place->term.value - (uint64_t)c->cfa.value);
	uint64_t at = c->request->function_start;
	bool has_part[2] = { false, false };

	if (size <= 8 || size > 16 || place->kind != JEM_PLACE_MEMORY ||
	    place->term.kind != JEM_TERM_REG || !c->has_cfa || c->cfa.kind != JEM_TERM_REG ||
	    place->term.reg != c->cfa.reg || begin >= 0 || c->looks++ >= LOOKS_MAX)
		return false;
	for (unsigned steps = 0; at < c->request->function_end; steps++) {
		struct jem_x86_insn insn;
		size_t left;
		const uint8_t *code = jem_debug_code(c->request->debug, at, &left);

		if (!code || steps == STEPS_MAX || jem_x86_decode(code, left, &insn) < 0)
			return false;
		for (unsigned i = 0; i < 2; i++) {
			enum touch touch = touch_of(c, &insn, at, begin + 8 * i, i ? size - 8 : 8);

			if (touch == TOUCHES_PERHAPS)
				return false;
			has_part[i] |= touch == TOUCHES;
		}
		if (has_part[0] && has_part[1])
			return false;
		at += insn.length;
	}
	return true;
}
