/* SPDX-License-Identifier: Apache-2.0 */
/* DWARF 5 section 6.4: the frame of the hook's call, and the registers that its caller will have. */
#include "tracer/symbols/compile.h"

#include <dwarf.h>
#include <stdlib.h>

#define COLUMN_RETURN 16

/* Callee-saved, and so known after one step of unwinding. */
static const uint8_t saved_regs[] = { 3, 6, 12, 13, 14, 15 };

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

void jem_cfi_caller(struct jem_compiler *c)
{
	uint32_t mark = jem_code_mark(c), begin = c->plan->op_count;
	int32_t offset;

	if (!c->has_cfa || jem_code_room(c) < 40)
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
