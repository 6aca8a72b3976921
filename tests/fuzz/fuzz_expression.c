/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DWARF expressions of any ops and operands, as CFI gives them (without an attribute), compiled into a
 * plan: whatever it says, the plan's ops stay in bounds and name registers that the machine has.
 */
#include "tracer/symbols/compile.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPS 64

static size_t read_ops(const uint8_t *data, size_t size, Dwarf_Op ops[OPS])
{
	size_t count = 0;

	while (size >= 4 && count < OPS) {
		/* two bytes of operands: small ones, with a sign, or far ones */
		int64_t number = (int8_t)data[1];

		if (data[3] & 1)
			number = (int64_t)((uint64_t)number << (data[2] & 63));
		ops[count] = (Dwarf_Op){ .atom = data[0],
					 .number = (Dwarf_Word)number,
					 .number2 = (Dwarf_Word)(int8_t)data[2],
					 .offset = 4 * count };
		count++;
		data += 4;
		size -= 4;
	}
	return count;
}

static void check_plan(const struct jem_plan *plan)
{
	if (plan->op_count > JEM_PLAN_OPS_MAX)
		abort();
	for (uint32_t i = 0; i < plan->op_count; i++) {
		const struct jem_plan_op *op = &plan->ops[i];

		if (op->op >= JEM_OP_COUNT || op->a >= JEM_PLAN_REGISTERS ||
		    op->b >= JEM_PLAN_REGISTERS)
			abort();
		i += jem_plan_op_words(op->op) - 1;
		if (op->op >= JEM_OP_JUMP && op->op <= JEM_OP_JUMP_FAILED &&
		    (int64_t)i + 1 + op->imm > plan->op_count)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jem_plan plan;
	static const struct jem_plan_limits limits = { 1, 64, 8, 256 };
	Dwarf_Die scope;
	Dwarf_Op ops[OPS] = { { .atom = 0 } };

	memset(&scope, 0, sizeof(scope));
	struct jem_plan_request request = {
		.limits = &limits, .kind = JEM_PLAN_EXIT, .scope = &scope, .physical = &scope
	};
	struct jem_compiler c = { .request = &request, .plan = &plan, .known = 0xf0c8 };
	struct jem_place place = { .size = 8 };

	plan.op_count = plan.slot_count = plan.fixed_words = plan.site_flags = 0;
	if (jem_expression_compile(&c, NULL, ops, read_ops(data, size, ops), &place) < 0)
		return 0;
	int slot = jem_slot_add(&c, &(struct jem_image_slot){ .role = JEM_SLOT_LOCAL,
							      .size = size ? data[0] % 40 : 0 });

	jem_slot_emit(&c, slot, &place);
	jem_block_emit(&c);
	if (!c.is_full)
		check_plan(&plan);
	if (plan.fixed_words > JEM_PLAN_FIXED_MAX)
		abort();
	return 0;
}
