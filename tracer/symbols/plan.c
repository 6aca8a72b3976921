/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/plan.h"

#include "tracer/symbols/compile.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* DWARF numbers: rbx, rbp, rsp, r12 to r15; and what the hook's stub keeps besides: rdx, rcx, r8 to r11. */
#define SAVED_REGS 0xf0c8u
#define LIVE_REGS  0x0f06u

/* The first byte of the call that returns to `pc`. */
static uint64_t call_before(const struct jem_debug *debug, uint64_t pc)
{
	size_t left;
	const uint8_t *code = jem_debug_code(debug, pc - 6, &left);

	if (!code || left < 6)
		return pc - 1;
	if (code[1] == 0xe8)
		return pc - 5;
	return code[0] == 0xff && code[1] == 0x15 ? pc - 6 : pc - 1;
}

static unsigned call_line(Dwarf_Die *inlined)
{
	Dwarf_Attribute attr;
	Dwarf_Word line = 0;

	dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attr), &line);
	return (unsigned)line;
}

static void compiler_init(struct jem_compiler *c, const struct jem_plan_request *request,
			  struct jem_plan *plan)
{
	*c = (struct jem_compiler){ .request = request, .plan = plan };
	c->is_hook_frame = request->kind != JEM_PLAN_CALLSITE;
	c->pc = c->call_pc = request->pc - 1;
	if (request->is_tail) {
		c->pc = c->call_pc = request->pc;
		return;
	}
	c->known = SAVED_REGS;
	if (c->is_hook_frame) {
		c->known |= LIVE_REGS;
		c->has_xmm = true;
		c->call_pc = call_before(request->debug, request->pc);
	}
	jem_cfi_init(c, c->pc);
}

static void compiler_deinit(struct jem_compiler *c)
{
	free(c->frame);
	free(c->flow);
	free(c->follow);
}

static void compile_enter(struct jem_compiler *c)
{
	const struct jem_plan_request *r = c->request;

	jem_variables_compile(c, r->scope, JEM_SLOT_ARGUMENT, 0);
	if (r->caller) {
		c->call_line = call_line(r->scope);
		jem_variables_compile(c, r->caller, JEM_SLOT_CALLER_LOCAL, JEM_SLOT_CALLER_LOCAL);
	}
}

static void compile_exit(struct jem_compiler *c)
{
	const struct jem_plan_request *r = c->request;
	struct jem_place place;
	uint32_t type;
	uint32_t mark;

	jem_variables_compile(c, r->scope, JEM_SLOT_ARGUMENT, r->is_tail ? 0 : JEM_SLOT_LOCAL);
	mark = jem_code_mark(c);
	c->is_cleared = false;
	jem_returns_compile(c, &place, &type);
	if (type)
		jem_variables_slot(c, JEM_SLOT_RETURN, "", type, 0, &place);
	jem_code_release(c, mark);
}

int jem_plan_compile(const struct jem_plan_request *request, struct jem_plan *ret)
{
	struct jem_compiler c;

	ret->op_count = ret->slot_count = ret->fixed_words = ret->site_flags = 0;
	compiler_init(&c, request, ret);
	switch (request->kind) {
	case JEM_PLAN_ENTER:
		compile_enter(&c);
		break;
	case JEM_PLAN_EXIT:
		compile_exit(&c);
		break;
	default:
		c.call_line = request->call_line;
		jem_reach_begin(&c);
		jem_variables_compile(&c, request->scope, JEM_SLOT_CALLER_LOCAL,
				      JEM_SLOT_CALLER_LOCAL);
	}
	jem_block_emit(&c);
	jem_follow_compile(&c);
	if (request->kind == JEM_PLAN_ENTER && request->scope->addr == request->physical->addr)
		jem_cfi_caller(&c);
	ret->ops[ret->op_count++] = (struct jem_plan_op){ .op = JEM_OP_END };
	ret->reach = c.reach;
	compiler_deinit(&c);
	return c.unsound_count;
}
