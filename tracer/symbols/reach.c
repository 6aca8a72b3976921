/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For which other calls of a scope a plan is the right one too: where every variable has one place for its
 * whole life, as in code that is not optimised, the plans of all calls are the same but for what blocks
 * are open, what has been declared, and the frame's size.
 */
#include "tracer/symbols/compile.h"

#include <dwarf.h>
#include <stdlib.h>

bool jem_reach_cfa_rule(const struct jem_debug *debug, uint64_t pc, Dwarf_Op *ret)
{
	Dwarf_Frame *frame = NULL;
	Dwarf_Op *ops;
	size_t count;
	bool is_simple;

	if (!debug->eh_cfi || dwarf_cfi_addrframe(debug->eh_cfi, pc, &frame) != 0)
		return false;
	is_simple = dwarf_frame_cfa(frame, &ops, &count) == 0 && count == 1;
	if (is_simple)
		*ret = ops[0];
	free(frame);
	return is_simple;
}

void jem_reach_begin(struct jem_compiler *c)
{
	const struct jem_plan_request *r = c->request;
	Dwarf_Op rule;

	c->reach = (struct jem_plan_reach){ .pc_high = UINT64_MAX, .line_high = UINT32_MAX };
	if (r->kind != JEM_PLAN_CALLSITE || !r->call_line ||
	    !jem_reach_cfa_rule(r->debug, c->pc, &rule))
		return;
	c->reach.scope = r->scope->addr;
	c->reach.cfa_atom = rule.atom;
	c->reach.cfa_number = rule.number;
	c->reach.cfa_offset = rule.number2;
}

static void end_reach(struct jem_compiler *c)
{
	c->reach.scope = NULL;
}

void jem_reach_location(struct jem_compiler *c, Dwarf_Attribute *attr)
{
	switch (dwarf_whatform(attr)) {
	case DW_FORM_exprloc:
	case DW_FORM_block:
	case DW_FORM_block1:
	case DW_FORM_block2:
	case DW_FORM_block4:
		return;
	default:
		end_reach(c);
	}
}

void jem_reach_block(struct jem_compiler *c, Dwarf_Die *block)
{
	struct jem_plan_reach *reach = &c->reach;
	Dwarf_Addr low, high;

	if (!dwarf_hasattr(block, DW_AT_low_pc) && !dwarf_hasattr(block, DW_AT_ranges))
		return;
	if (dwarf_hasattr(block, DW_AT_ranges) || dwarf_lowpc(block, &low) != 0 ||
	    dwarf_highpc(block, &high) != 0) {
		end_reach(c);
		return;
	}
	if (c->pc < low) {
		reach->pc_high = low < reach->pc_high ? low : reach->pc_high;
	} else if (c->pc >= high) {
		reach->pc_low = high > reach->pc_low ? high : reach->pc_low;
	} else {
		reach->pc_low = low > reach->pc_low ? low : reach->pc_low;
		reach->pc_high = high < reach->pc_high ? high : reach->pc_high;
	}
}

void jem_reach_line(struct jem_compiler *c, uint32_t line)
{
	struct jem_plan_reach *reach = &c->reach;

	if (line == c->call_line)
		end_reach(c);
	else if (line < c->call_line)
		reach->line_low = line > reach->line_low ? line : reach->line_low;
	else
		reach->line_high = line < reach->line_high ? line : reach->line_high;
}

bool jem_plan_reaches(const struct jem_plan_reach *reach, const struct jem_plan_request *request)
{
	uint64_t pc = request->pc - 1;
	Dwarf_Op rule;

	return reach->scope && reach->scope == request->scope->addr &&
	       request->kind == JEM_PLAN_CALLSITE && pc >= reach->pc_low && pc < reach->pc_high &&
	       request->call_line > reach->line_low && request->call_line < reach->line_high &&
	       jem_reach_cfa_rule(request->debug, pc, &rule) && rule.atom == reach->cfa_atom &&
	       rule.number == reach->cfa_number && rule.number2 == reach->cfa_offset;
}
