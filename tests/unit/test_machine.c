/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/machine_stage.h"
#include "tracer/preload/guard.h"

#include <sys/mman.h>

static uint64_t two_operands(enum jem_plan_opcode op, uint64_t x, uint64_t y)
{
	struct jem_plan_op ops[] = {
		{ (uint8_t)op, 21, 19, 20, 0 },
		OP(EMIT, 21, 0, 0, 0),
		OP(END, 0, 0, 0, 0),
	};

	set_plan(ops, 3, 1);
	stage.frame.r[19] = x;
	stage.frame.r[20] = y;
	run_in(OUT_WORDS);
	CHECK_EQ(stage.faults, 0);
	CHECK_EQ(stage.words, 3);
	return FIXED(0);
}

CASE(emits_registers_and_marks_what_is_missing)
{
	stage.frame.r[3] = 0x1122334455667788;
	RUN(3, OP(EMIT, 3, 0, 0, 0), OP(EMIT_NONE, 0, 0, 0, 0), OP(EMIT, 3, 0, 0, 0),
	    OP(END, 0, 0, 0, 0));
	CHECK_EQ(stage.words, 5);
	CHECK_EQ(MASK, 2);
	CHECK_EQ(FIXED(0), 0x1122334455667788);
	CHECK_EQ(FIXED(1), 0);
	CHECK_EQ(FIXED(2), 0x1122334455667788);
	CHECK_EQ(stage.parts.caller_site, 0);
}

CASE(emits_memory_of_every_size)
{
	stage.stack[4] = 0xf1e2d3c4b5a69788;
	RUN(5, OP(EMIT_MEMORY, 0, 7, 1, 32), OP(EMIT_MEMORY, 0, 7, 2, 32),
	    OP(EMIT_MEMORY, 0, 7, 4, 33), OP(EMIT_MEMORY, 0, 7, 8, 32),
	    OP(EMIT_MEMORY, 0, 7, 4, 36), OP(END, 0, 0, 0, 0));
	CHECK_EQ(FIXED(0), 0x88);
	CHECK_EQ(FIXED(1), 0x9788);
	CHECK_EQ(FIXED(2), 0xc4b5a697);
	CHECK_EQ(FIXED(3), 0xf1e2d3c4b5a69788);
	CHECK_EQ(FIXED(4), 0xf1e2d3c4);
	CHECK_EQ(MASK, 0);
	CHECK_EQ(stage.faults, 0);
}

/* A load of eight bytes would reach over the end, in a run of such ops. */
CASE(emits_memory_at_both_ends_of_the_stack)
{
	stage.stack[0] = 0x11;
	stage.stack[31] = 0x2233445566778899;
	RUN(4, OP(EMIT_MEMORY, 0, 7, 8, 0), OP(EMIT_MEMORY, 0, 7, 8, 31 * 8),
	    OP(EMIT_MEMORY, 0, 7, 4, 31 * 8 + 4), OP(EMIT_MEMORY, 0, 7, 1, 31 * 8 + 7),
	    OP(END, 0, 0, 0, 0));
	CHECK_EQ(FIXED(0), 0x11);
	CHECK_EQ(FIXED(1), 0x2233445566778899);
	CHECK_EQ(FIXED(2), 0x22334455);
	CHECK_EQ(FIXED(3), 0x22);
	CHECK_EQ(MASK, 0);
}

CASE(emits_memory_without_a_stack_that_is_sure)
{
	static const struct jem_plan_op ops[] = { OP(EMIT_MEMORY, 0, 7, 8, 8),
						  OP(END, 0, 0, 0, 0) };

	set_plan(ops, 2, 1);
	stage.stack[1] = 99;
	stage.frame.stack_low = stage.frame.stack_high = 0;
	run_in(OUT_WORDS);
	CHECK_EQ(FIXED(0), 99);
	CHECK_EQ(MASK, 0);
}

CASE(emits_what_cannot_be_read_as_missing)
{
	stage.stack[2] = 5;
	RUN(4, OP(EMIT_MEMORY, 0, 7, 8, 16), OP(CONST, 19, 0, 0, 16), OP(EMIT_MEMORY, 0, 19, 8, 0),
	    OP(EMIT_MEMORY, 0, 19, 1, 4), OP(EMIT_MEMORY, 0, 7, 8, 16), OP(END, 0, 0, 0, 0));
	CHECK_EQ(FIXED(0), 5);
	CHECK_EQ(FIXED(1), 0);
	CHECK_EQ(FIXED(3), 5);
	CHECK_EQ(MASK, 6);
	CHECK_EQ(stage.faults, 0);
}

CASE(emits_halves_of_vector_registers)
{
	static const uint64_t xmm[16] = { [6] = 33, [7] = 44 };

	stage.frame.xmm = xmm;
	RUN(2, OP(EMIT_XMM, 3, 0, 0, 0), OP(EMIT_XMM, 3, 0, 1, 0), OP(END, 0, 0, 0, 0));
	CHECK_EQ(FIXED(0), 33);
	CHECK_EQ(FIXED(1), 44);
	RUN(1, OP(EMIT_XMM, 8, 0, 0, 0), OP(END, 0, 0, 0, 0));
	CHECK_EQ(stage.faults, 1);
	stage.frame.xmm = NULL;
	RUN(1, OP(EMIT_XMM, 3, 0, 0, 0), OP(END, 0, 0, 0, 0));
	CHECK_EQ(stage.faults, 0);
	CHECK_EQ(MASK, 1);
}

CASE(sets_constants)
{
	static const int64_t wide = 0x7766554433221100;
	struct jem_plan_op ops[] = { OP(CONST, 19, 0, 0, -5), OP(CONST64, 20, 0, 0, 0),
				     OP(END, 0, 0, 0, 0),     OP(LEA, 21, 20, 0, -0x100),
				     OP(EMIT, 19, 0, 0, 0),   OP(EMIT, 20, 0, 0, 0),
				     OP(EMIT, 21, 0, 0, 0),   OP(END, 0, 0, 0, 0) };

	memcpy(&ops[2], &wide, sizeof(wide));
	set_plan(ops, 8, 3);
	run_in(OUT_WORDS);
	CHECK_EQ(FIXED(0), -5);
	CHECK_EQ(FIXED(1), wide);
	CHECK_EQ(FIXED(2), wide - 0x100);
}

CASE(loads_with_zeros_and_with_the_sign)
{
	stage.stack[3] = 0x00000000fffffff0;
	RUN(4, OP(LOAD, 19, 7, 4, 24), OP(LOAD_SIGNED, 20, 7, 4, 24), OP(LOAD_SIGNED, 21, 7, 1, 24),
	    OP(LOAD_SIGNED, 22, 7, 8, 24), OP(EMIT, 19, 0, 0, 0), OP(EMIT, 20, 0, 0, 0),
	    OP(EMIT, 21, 0, 0, 0), OP(EMIT, 22, 0, 0, 0), OP(END, 0, 0, 0, 0));
	CHECK_EQ(FIXED(0), 0xfffffff0);
	CHECK_EQ(FIXED(1), -16);
	CHECK_EQ(FIXED(2), -16);
	CHECK_EQ(FIXED(3), 0xfffffff0);
}

CASE(calculates)
{
	const uint64_t least = 1ull << 63;

	CHECK_EQ(two_operands(JEM_OP_ADD, UINT64_MAX, 2), 1);
	CHECK_EQ(two_operands(JEM_OP_SUB, 1, 2), -1);
	CHECK_EQ(two_operands(JEM_OP_MUL, 1ull << 33, 1ull << 31), 0);
	CHECK_EQ(two_operands(JEM_OP_MUL, 7, (uint64_t)-3), -21);
	CHECK_EQ(two_operands(JEM_OP_DIV, (uint64_t)-21, 4), -5);
	CHECK_EQ(two_operands(JEM_OP_DIV, 21, 0), 0);
	CHECK_EQ(two_operands(JEM_OP_DIV, least, UINT64_MAX), least);
	CHECK_EQ(two_operands(JEM_OP_MOD, UINT64_MAX, 10), 5);
	CHECK_EQ(two_operands(JEM_OP_MOD, 21, 0), 0);
	CHECK_EQ(two_operands(JEM_OP_AND, 12, 10), 8);
	CHECK_EQ(two_operands(JEM_OP_OR, 12, 10), 14);
	CHECK_EQ(two_operands(JEM_OP_XOR, 12, 10), 6);
	CHECK_EQ(two_operands(JEM_OP_SHL, 3, 63), least);
	CHECK_EQ(two_operands(JEM_OP_SHL, 3, 64), 0);
	CHECK_EQ(two_operands(JEM_OP_SHR, least, 63), 1);
	CHECK_EQ(two_operands(JEM_OP_SHR, least, UINT64_MAX), 0);
	CHECK_EQ(two_operands(JEM_OP_SAR, least, 62), -2);
	CHECK_EQ(two_operands(JEM_OP_SAR, least, 64), -1);
	CHECK_EQ(two_operands(JEM_OP_SAR, 1, 200), 0);
	CHECK_EQ(two_operands(JEM_OP_NEG, 5, 0), -5);
	CHECK_EQ(two_operands(JEM_OP_NOT, 5, 0), -6);
	CHECK_EQ(two_operands(JEM_OP_EQ, 5, 5), 1);
	CHECK_EQ(two_operands(JEM_OP_EQ, 5, 6), 0);
	CHECK_EQ(two_operands(JEM_OP_LT, UINT64_MAX, 0), 1);
	CHECK_EQ(two_operands(JEM_OP_LT, 0, UINT64_MAX), 0);
	CHECK_EQ(two_operands(JEM_OP_BELOW, UINT64_MAX, 0), 0);
	CHECK_EQ(two_operands(JEM_OP_BELOW, 0, UINT64_MAX), 1);
}

/* Ten down to one, summed up; then over a read that fails, twice: the mark is gone after the first. */
CASE(jumps)
{
	RUN(1, OP(CONST, 19, 0, 0, 10), OP(CONST, 20, 0, 0, 0), OP(CONST, 21, 0, 0, 1),
	    OP(JUMP_ZERO, 19, 0, 0, 3), OP(ADD, 20, 20, 19, 0), OP(SUB, 19, 19, 21, 0),
	    OP(JUMP, 0, 0, 0, -4), OP(EMIT, 20, 0, 0, 0), OP(END, 0, 0, 0, 0));
	CHECK_EQ(FIXED(0), 55);
	CHECK_EQ(stage.faults, 0);
	RUN(2, OP(CONST, 19, 0, 0, 1), OP(LOAD, 20, 19, 8, 0), OP(JUMP_FAILED, 0, 0, 0, 1),
	    OP(END, 0, 0, 0, 0), OP(EMIT, 19, 0, 0, 0), OP(JUMP_FAILED, 0, 0, 0, 2),
	    OP(JUMP_NONZERO, 19, 0, 0, 0), OP(EMIT, 20, 0, 0, 0), OP(END, 0, 0, 0, 0));
	CHECK_EQ(stage.faults, 0);
	CHECK_EQ(MASK, 0);
	CHECK_EQ(FIXED(0), 1);
	CHECK_EQ(FIXED(1), 0);
}

CASE(writes_cells_padded_with_zeros)
{
	const struct jem_ring_cell *cell;

	memset(stage.stack, 0xee, sizeof(stage.stack));
	memcpy(stage.stack, "abcdefghij", 11);
	memset(stage.out, 0xaa, sizeof(stage.out));
	RUN(0, OP(CELL, 0, 7, 0, SLOT(3, 11)), OP(CELL, 0, 7, 0, SLOT(9, 16)),
	    OP(CELL_VALUE, 0, 7, 0, SLOT(4, 0)), OP(CELL, 0, 7, 0, SLOT(5, 0)),
	    OP(END, 0, 0, 0, 0));
	CHECK_EQ(stage.words, 1 + 1 + 5 + 5 + 4 + 3);
	cell = cell_at(2);
	CHECK_EQ(cell->slot, 3);
	CHECK_EQ(cell->status, JEM_CELL_OK);
	CHECK_EQ(cell->len, 11);
	CHECK_EQ(cell->total, 11);
	CHECK_EQ(cell->address, (uintptr_t)stage.stack);
	CHECK_STR((const char *)(cell + 1), "abcdefghij");
	CHECK_EQ(stage.out[6], 0x6a69);
	cell = cell_at(7);
	CHECK_EQ(cell->slot, 9);
	CHECK_EQ(cell->len, 16);
	cell = cell_at(12);
	CHECK_EQ(cell->len, 8);
	CHECK_EQ(stage.out[15], (uintptr_t)stage.stack);
	cell = cell_at(16);
	CHECK_EQ(cell->slot, 5);
	CHECK_EQ(cell->len, 0);
	CHECK_EQ(cell->status, JEM_CELL_OK);
}

CASE(writes_whole_elements_of_arrays)
{
	const struct jem_ring_cell *cell;

	stage.frame.r[19] = 5;
	stage.frame.r[20] = 12;
	stage.frame.r[22] = 0;
	RUN(0, OP(CELL_COUNT, 3, 7, 19, SLOT(1, 100)), OP(CELL_COUNT, 3, 7, 19, SLOT(2, 39)),
	    OP(CELL_ARRAY, 20, 7, 19, SLOT(3, 30)), OP(CELL_ARRAY, 22, 7, 19, SLOT(4, 30)),
	    OP(END, 0, 0, 0, 0));
	cell = cell_at(2);
	CHECK_EQ(cell->len, 40);
	CHECK_EQ(cell->total, 5);
	CHECK_EQ(cell->status, JEM_CELL_OK);
	cell = cell_at(10);
	CHECK_EQ(cell->len, 32);
	CHECK_EQ(cell->total, 5);
	CHECK_EQ(cell->status, JEM_CELL_TRUNCATED);
	cell = cell_at(17);
	CHECK_EQ(cell->len, 24);
	CHECK_EQ(cell->status, JEM_CELL_TRUNCATED);
	cell = cell_at(23);
	CHECK_EQ(cell->len, 0);
	CHECK_EQ(cell->status, JEM_CELL_OK);
	/* A count that is no count, of elements that are no size. */
	stage.frame.r[19] = stage.frame.r[20] = UINT64_MAX;
	RUN(0, OP(CELL_COUNT, 31, 7, 19, SLOT(1, 100)), OP(CELL_ARRAY, 20, 7, 19, SLOT(2, 100)),
	    OP(CELL_COUNT, 0, 7, 19, SLOT(3, 8)), OP(END, 0, 0, 0, 0));
	CHECK_EQ(cell_at(2)->len, 0);
	CHECK_EQ(cell_at(2)->status, JEM_CELL_TRUNCATED);
	CHECK_EQ(cell_at(5)->status, JEM_CELL_TRUNCATED);
	CHECK_EQ(cell_at(8)->len, 8);
	CHECK_EQ(cell_at(8)->total, UINT64_MAX);
}

CASE(writes_strings)
{
	memset(stage.stack, 'x', sizeof(stage.stack));
	memcpy(stage.stack, "hello", 6);
	stage.frame.r[20] = 8;
	RUN(0, OP(CELL_STRING, 0, 7, 0, SLOT(1, 64)), OP(CELL_STRING, 0, 7, 0, SLOT(2, 3)),
	    OP(CELL_STRING, 0, 7, 0, SLOT(3, 5)), OP(CELL_STRING, 0, 20, 0, SLOT(4, 64)),
	    OP(END, 0, 0, 0, 0));
	CHECK_EQ(cell_at(2)->len, 5);
	CHECK_EQ(cell_at(2)->total, 5);
	CHECK_EQ(cell_at(2)->status, JEM_CELL_OK);
	CHECK_STR((const char *)(cell_at(2) + 1), "hello");
	CHECK_EQ(cell_at(6)->len, 3);
	CHECK_EQ(cell_at(6)->status, JEM_CELL_TRUNCATED);
	CHECK_EQ(cell_at(6)->total, 4);
	CHECK_EQ(cell_at(10)->len, 5);
	CHECK_EQ(cell_at(10)->status, JEM_CELL_TRUNCATED);
	CHECK_EQ(cell_at(14)->status, JEM_CELL_UNREADABLE);
	CHECK_EQ(cell_at(14)->address, 8);
	CHECK_EQ(stage.words, 17);
}

CASE(tells_what_is_behind_the_end_of_a_page)
{
	char *page =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	munmap(page + PAGE, PAGE);
	memset(page, 'y', PAGE);
	stage.frame.r[19] = (uintptr_t)page + PAGE - 12;
	stage.frame.r[20] = (uintptr_t)page + PAGE;
	RUN(0, OP(CELL, 0, 19, 0, SLOT(1, 32)), OP(CELL_STRING, 0, 19, 0, SLOT(2, 32)),
	    OP(CELL, 0, 20, 0, SLOT(3, 32)), OP(END, 0, 0, 0, 0));
	CHECK_EQ(cell_at(2)->status, JEM_CELL_TRUNCATED);
	CHECK_EQ(cell_at(2)->len, 12);
	CHECK_EQ(cell_at(2)->total, 32);
	CHECK_EQ(stage.out[6], 0x79797979);
	CHECK_EQ(cell_at(7)->status, JEM_CELL_TRUNCATED);
	CHECK_EQ(cell_at(7)->len, 12);
	CHECK_EQ(cell_at(12)->status, JEM_CELL_UNREADABLE);
	CHECK_EQ(cell_at(12)->len, 0);
	CHECK_EQ(stage.words, 15);
}

CASE(goes_on_to_the_plan_of_the_caller)
{
	static const struct jem_plan_op ops[] = {
		OP(CONST, 32 + 6, 0, 0, 77), OP(CONST, 48, 0, 0, CALLER_KEY),
		OP(EMIT_NONE, 0, 0, 0, 0),   OP(CELL_VALUE, 0, 7, 0, SLOT(1, 0)),
		OP(CALLER, 0, 0, 0, 0),      OP(EMIT, 6, 0, 0, 0),
		OP(EMIT, 16, 0, 0, 0),       OP(END, 0, 0, 0, 0),
	};

	set_plan(ops, 8, 1);
	stage.caller.plan = 6;
	stage.caller.fixed_words = 2;
	run_in(OUT_WORDS);
	CHECK_EQ(stage.faults, 0);
	CHECK_EQ(stage.parts.site_words, 2 + 4);
	CHECK_EQ(stage.parts.caller_words, 3);
	CHECK_EQ(stage.parts.caller_site, 7);
	CHECK_EQ(stage.out[7], 0);
	CHECK_EQ(stage.out[8], 77);
	CHECK_EQ(stage.out[9], CALLER_KEY);
	/* One caller, not its caller's too. */
	stage.code[6] = (struct jem_plan_op)OP(CALLER, 0, 0, 0, 0);
	run_in(OUT_WORDS);
	CHECK_EQ(stage.faults, 1);
	CHECK_EQ(stage.parts.caller_words, 3);
	CHECK_EQ(stage.out[7], 3);
	/* A caller that is not planned. */
	stage.caller.key++;
	run_in(OUT_WORDS);
	CHECK_EQ(stage.faults, 0);
	CHECK_EQ(stage.parts.caller_site, 0);
	CHECK_EQ(stage.words, 7);
}

CASE(fills_up_the_words_of_a_plan_that_is_wrong)
{
	RUN(3, OP(EMIT, 7, 0, 0, 0), { JEM_OP_COUNT, 0, 0, 0, 0 });
	CHECK_EQ(stage.faults, 1);
	CHECK_EQ(stage.words, 5);
	CHECK_EQ(MASK, 6);
	CHECK_EQ(FIXED(0), (uintptr_t)stage.stack);
	CHECK_EQ(FIXED(2), 0);
}

CASE(refuses_wrong_ops)
{
	static const struct jem_plan_op wrong[] = {
		{ JEM_OP_COUNT, 0, 0, 0, 0 },
		{ 0xff, 0xff, 0xff, 0xff, -1 },
		OP(EMIT, 64, 0, 0, 0),
		OP(LEA, 1, 64, 0, 0),
		OP(ADD, 1, 1, 200, 0),
		OP(LOAD, 1, 7, 3, 0),
		OP(LOAD, 1, 7, 0, 0),
		OP(LOAD, 1, 7, 16, 0),
		OP(EMIT_MEMORY, 0, 7, 5, 0),
		OP(LOAD_SIGNED, 1, 7, 0, 0),
		OP(JUMP, 0, 0, 0, 100),
		OP(JUMP, 0, 0, 0, -3),
		OP(JUMP, 0, 0, 0, INT32_MIN),
		OP(EMIT_XMM, 0, 0, 2, 0),
		OP(CELL_COUNT, 32, 7, 7, 0x108),
		OP(JUMP, 0, 0, 0, INT32_MAX),
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct jem_plan_op ops[] = { wrong[i], OP(EMIT, 7, 0, 0, 0), OP(END, 0, 0, 0, 0) };

		set_plan(ops, 3, 1);
		run_in(OUT_WORDS);
		CHECK_EQ(stage.faults, 1);
		CHECK_EQ(MASK, 1);
	}
}

CASE(refuses_to_leave_the_code)
{
	RUN(1, OP(EMIT, 7, 0, 0, 0)); /* no END */
	CHECK_EQ(stage.faults, 1);
	CHECK_EQ(FIXED(0), (uintptr_t)stage.stack);
	RUN(1, OP(EMIT_MEMORY, 0, 7, 8, 0));
	CHECK_EQ(stage.faults, 1);
	RUN(1, OP(CONST64, 19, 0, 0, 0));
	CHECK_EQ(stage.faults, 1);
	RUN(1, OP(EMIT, 7, 0, 0, 0), OP(EMIT, 7, 0, 0, 0), OP(END, 0, 0, 0, 0));
	CHECK_EQ(stage.faults, 1);
	CHECK_EQ(stage.words, 3);
	RUN(1, OP(END, 0, 0, 0, 0));
	stage.site.plan = 2;
	run_in(OUT_WORDS);
	CHECK_EQ(stage.faults, 1);
	stage.site.plan = UINT32_MAX;
	run_in(OUT_WORDS);
	CHECK_EQ(stage.faults, 1);
}

CASE(ends_a_plan_that_does_not_end)
{
	RUN(1, OP(JUMP, 0, 0, 0, -1));
	CHECK_EQ(stage.faults, 1);
	/* Caller and site have the steps of one. */
	RUN(0, OP(CONST, 48, 0, 0, CALLER_KEY), OP(CONST, 19, 0, 0, JEM_PLAN_STEPS / 2 - 4),
	    OP(CONST, 20, 0, 0, 1), OP(SUB, 19, 19, 20, 0), OP(JUMP_NONZERO, 19, 0, 0, -2),
	    OP(CALLER, 0, 0, 0, 0), OP(CONST, 20, 0, 0, 0), OP(ADD, 20, 20, 20, 0),
	    OP(ADD, 20, 20, 20, 0), OP(ADD, 20, 20, 20, 0), OP(ADD, 20, 20, 20, 0),
	    OP(END, 0, 0, 0, 0));
	CHECK_EQ(stage.faults, 0);
	stage.caller.plan = 7;
	run_in(OUT_WORDS);
	CHECK_EQ(stage.faults, 1);
}

CASE(keeps_to_the_room_it_is_given)
{
	static const struct jem_plan_op ops[] = {
		OP(EMIT, 7, 0, 0, 0),
		OP(EMIT, 7, 0, 0, 0),
		OP(CELL, 0, 7, 0, SLOT(1, 24)),
		OP(CELL_STRING, 0, 7, 0, SLOT(2, 24)),
		OP(CELL_COUNT, 3, 7, 19, SLOT(3, 64)),
		OP(CELL_VALUE, 0, 7, 0, SLOT(4, 0)),
		OP(CELL, 0, 7, 0, SLOT(5, 24)),
		OP(END, 0, 0, 0, 0),
	};
	unsigned least = 4;

	set_plan(ops, 8, 2);
	stage.frame.r[19] = 3;
	memset(stage.stack, 'z', sizeof(stage.stack));
	for (unsigned words = 0; words <= 40; words++) {
		run_in(words);
		CHECK_EQ(stage.faults, 0);
		CHECK_EQ(stage.words >= least, words >= least);
		CHECK_EQ(!stage.words, words < least);
	}
	run_in(4 + 3 + 5); /* the first has no room for its bytes, but for the word of it; so on */
	CHECK_EQ(cell_at(4)->status, JEM_CELL_OK);
	CHECK_EQ(stage.words, 10);
	run_in(4 + 5);
	CHECK_EQ(cell_at(4)->status, JEM_CELL_BUDGET);
	CHECK_EQ(cell_at(4)->total, 24);
	CHECK_EQ(cell_at(4)->len, 0);
	stage.machine.record_bytes = 8 * 5;
	run_in(OUT_WORDS);
	CHECK_EQ(stage.words, 4);
}

CASE(tells_nothing_without_a_plan)
{
	RUN(0, OP(END, 0, 0, 0, 0));
	CHECK_EQ(stage.words, 2);
	stage.site.plan = 0;
	run_in(OUT_WORDS);
	CHECK_EQ(stage.words, 0);
	stage.site.plan = 1;
	stage.site.fixed_words = JEM_PLAN_FIXED_MAX + 1;
	run_in(OUT_WORDS);
	CHECK_EQ(stage.words, 0);
}

TESTS(T(emits_registers_and_marks_what_is_missing), T(emits_memory_of_every_size),
      T(emits_memory_at_both_ends_of_the_stack), T(emits_memory_without_a_stack_that_is_sure),
      T(emits_what_cannot_be_read_as_missing), T(emits_halves_of_vector_registers),
      T(sets_constants), T(loads_with_zeros_and_with_the_sign), T(calculates), T(jumps),
      T(writes_cells_padded_with_zeros), T(writes_whole_elements_of_arrays), T(writes_strings),
      T(tells_what_is_behind_the_end_of_a_page), T(goes_on_to_the_plan_of_the_caller),
      T(fills_up_the_words_of_a_plan_that_is_wrong), T(refuses_wrong_ops),
      T(refuses_to_leave_the_code), T(ends_a_plan_that_does_not_end),
      T(keeps_to_the_room_it_is_given), T(tells_nothing_without_a_plan))
