/* SPDX-License-Identifier: Apache-2.0 */
/* DWARF 5 section 6.4: the frame of the hook's call, and the registers that its caller will have. */
#include "tracer/symbols/compile.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#define COLUMN_RETURN 16

/* Callee-saved, and so known after one step of unwinding. */
static const uint8_t saved_regs[] = JEM_PLAN_SAVED;

static bool frame_at(Dwarf_CFI *cfi, uint64_t pc, Dwarf_Frame **frame)
{
	return cfi && dwarf_cfi_addrframe(cfi, pc, frame) == 0;
}

void jem_cfi_init(struct jem_compiler *c, uint64_t pc)
{
	Dwarf_Op *ops;
	size_t count;
	struct jem_place cfa = { .size = 8 };

	if (!frame_at(c->request->debug->eh_cfi, pc, &c->frame) &&
	    !frame_at(c->request->debug->dbg_cfi, pc, &c->frame))
		return;
	if (dwarf_frame_cfa(c->frame, &ops, &count) != 0 || !count ||
	    jem_expression_compile(c, NULL, ops, count, &cfa) < 0)
		return;
	/* not a location: what the expression leaves is the address itself */
	if (cfa.kind != JEM_PLACE_MEMORY && cfa.kind != JEM_PLACE_VALUE)
		return;
	c->cfa = cfa.term;
	c->cfa.is_stack = true;
	c->has_cfa = true;
}

/* The caller's register `reg` into machine register `to`. */
static bool restore(struct jem_compiler *c, int reg, unsigned to)
{
	Dwarf_Op mem[3], *ops;
	size_t count;
	struct jem_place place = { .size = 8 };
	int32_t offset;

	if (dwarf_frame_register(c->frame, reg, mem, &ops, &count) != 0)
		return false;
	if (!count) {
		if (ops == mem)
			return false; /* undefined */
		jem_code_op(c, JEM_OP_LEA, to, (unsigned)reg, 0, 0);
		return true;
	}
	if (jem_expression_compile(c, NULL, ops, count, &place) < 0)
		return false;
	if (place.kind != JEM_PLACE_MEMORY && place.kind != JEM_PLACE_VALUE)
		return false;
	unsigned base = jem_code_base(c, &place.term, &offset);

	if (place.kind == JEM_PLACE_MEMORY)
		jem_code_op(c, JEM_OP_LOAD, to, base, 8, offset);
	else
		jem_code_op(c, JEM_OP_LEA, to, base, 0, offset);
	return true;
}

/* How many words below the CFA a place is, from 1 to 255, or 0. */
static unsigned words_below(const struct jem_compiler *c, const struct jem_place *place)
{
	int64_t below = (int64_t)((uint64_t)c->cfa.value - (uint64_t)place->term.value);

	if (place->kind != JEM_PLACE_MEMORY || c->cfa.kind != JEM_TERM_REG ||
	    place->term.kind != JEM_TERM_REG || place->term.reg != c->cfa.reg || below % 8 != 0 ||
	    below <= 0 || below > 8 * 255)
		return 0;
	return (unsigned)below / 8;
}

/* Where a register is saved, in words below the CFA; 0: it is what it was; -1: neither. */
static int saved_at(struct jem_compiler *c, int reg)
{
	Dwarf_Op mem[3], *ops;
	size_t count;
	struct jem_place place = { .size = 8 };

	if (dwarf_frame_register(c->frame, reg, mem, &ops, &count) != 0)
		return -1;
	if (!count)
		return ops == mem ? -1 : 0;
	if (jem_expression_compile(c, NULL, ops, count, &place) < 0)
		return -1;
	unsigned words = words_below(c, &place);

	return words ? (int)words : -1;
}

/* What nearly all frames are: one op. False: nothing was written. */
static bool unwind(struct jem_compiler *c)
{
	uint64_t places = 0;
	struct jem_plan *plan = c->plan;
	uint32_t begin = plan->op_count;
	uint32_t mark = jem_code_mark(c);
	int32_t offset;
	unsigned base = jem_code_base(c, &c->cfa, &offset);
	bool is_usual = saved_at(c, COLUMN_RETURN) == 1;

	for (unsigned i = 0; i < sizeof(saved_regs) && is_usual; i++) {
		int at = saved_at(c, saved_regs[i]);

		is_usual = at >= 0;
		places |= (uint64_t)(unsigned)at << (8 * i);
	}
	jem_code_release(c, mark);
	if (!is_usual || base >= 16) {
		plan->op_count = begin;
		return false;
	}
	jem_code_op(c, JEM_OP_UNWIND, 0, base, 0, offset);
	memcpy(&plan->ops[plan->op_count++], &places, sizeof(places));
	return true;
}

void jem_cfi_caller(struct jem_compiler *c)
{
	uint32_t mark = jem_code_mark(c), begin = c->plan->op_count;
	int32_t offset;

	if (!c->has_cfa || jem_code_room(c) < 40)
		return;
	if (unwind(c))
		return;

	unsigned base = jem_code_base(c, &c->cfa, &offset);

	jem_code_op(c, JEM_OP_LEA, JEM_PLAN_CALLER + 7, base, 0, offset);
	if (!restore(c, COLUMN_RETURN, JEM_PLAN_CALLER + COLUMN_RETURN)) {
		c->plan->op_count = begin; /* the outermost frame: nobody called */
		jem_code_release(c, mark);
		return;
	}
	for (unsigned i = 0; i < sizeof(saved_regs); i++)
		if (!restore(c, saved_regs[i], JEM_PLAN_CALLER + saved_regs[i]))
			jem_code_op(c, JEM_OP_CONST, JEM_PLAN_CALLER + saved_regs[i], 0, 0, 0);
	jem_code_op(c, JEM_OP_CALLER, 0, 0, 0, 0);
	jem_code_release(c, mark);
}
