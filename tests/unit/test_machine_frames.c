/* SPDX-License-Identifier: Apache-2.0 */
/* Ops of what lies in frames: blocks, and the way to the caller. */
#include "tests/unit/machine_stage.h"
#include "tracer/preload/guard.h"

#include <sys/mman.h>

static void fill_stack(void)
{
	for (unsigned i = 0; i < 32; i++)
		stage.stack[i] = 0x1000 + i;
}

CASE(emits_blocks_of_every_length)
{
	for (unsigned words = 1; words <= 32; words++) {
		struct jem_plan_op ops[] = { OP(EMIT, 7, 0, 0, 0),
					     OP(EMIT_BLOCK, 0, 7, 0, 8 * (32 - (int)words)),
					     OP(END, 0, 0, 0, 0) };

		fill_stack();
		ops[1].a = (uint8_t)words;
		set_plan(ops, 3, words + 1);
		run_in(OUT_WORDS);
		CHECK_EQ(stage.faults, 0);
		CHECK_EQ(stage.words, 3 + words);
		CHECK_EQ(MASK, 0);
		for (unsigned i = 0; i < words; i++)
			CHECK_EQ(FIXED(1 + i), 0x1000 + 32 - words + i);
	}
}

CASE(refuses_blocks_without_words_for_them)
{
	fill_stack();
	RUN(2, OP(EMIT, 7, 0, 0, 0), OP(EMIT_BLOCK, 2, 7, 0, 0), OP(END, 0, 0, 0, 0));
	CHECK_EQ(stage.faults, 1);
	CHECK_EQ(MASK, 2);
	RUN(2, OP(EMIT_BLOCK, 0, 7, 0, 0), OP(END, 0, 0, 0, 0));
	CHECK_EQ(stage.faults, 1);
	RUN(2, OP(EMIT_BLOCK, 64, 7, 0, 0), OP(END, 0, 0, 0, 0));
	CHECK_EQ(stage.faults, 1);
	CHECK_EQ(MASK, 3);
}

/* Three words before the end of a page, with nothing behind it; none of it is known as the stack. */
CASE(marks_the_words_of_a_block_that_are_not_there)
{
	char *pages =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t *last = (uint64_t *)(void *)(pages + PAGE - 24);

	CHECK(pages != MAP_FAILED);
	CHECK_OK(mprotect(pages + PAGE, PAGE, PROT_NONE));
	CHECK_EQ(jem_guard_start(JEM_GUARD_FAULT), JEM_GUARD_FAULT);
	for (unsigned i = 0; i < 3; i++)
		last[i] = 7 + i;
	stage.frame.r[3] = (uintptr_t)last;
	RUN(7, OP(EMIT, 7, 0, 0, 0), OP(EMIT_BLOCK, 6, 3, 0, 0), OP(JUMP_FAILED, 0, 0, 0, 1),
	    { JEM_OP_COUNT, 0, 0, 0, 0 }, OP(END, 0, 0, 0, 0));
	CHECK_EQ(stage.faults, 0);
	CHECK_EQ(MASK, 0x70);
	CHECK_EQ(FIXED(1), 7);
	CHECK_EQ(FIXED(3), 9);
	CHECK_EQ(FIXED(4), 0);
	/* Known as the stack: the same, by the fault of a load. */
	stage.frame.stack_low = (uintptr_t)pages;
	stage.frame.stack_high = (uintptr_t)pages + 2 * PAGE;
	run_in(OUT_WORDS);
	CHECK_EQ(MASK, 0x70);
	CHECK_EQ(FIXED(3), 9);
	munmap(pages, 2 * PAGE);
}

static unsigned asked;

static uint64_t all_of_it(const struct jem_machine_frame *frame)
{
	CHECK_EQ(frame->stack_low, (uintptr_t)stage.stack);
	asked++;
	return (uintptr_t)(stage.stack + 32);
}

CASE(asks_once_for_more_of_the_stack)
{
	static const struct jem_plan_op ops[] = {
		OP(EMIT_MEMORY, 0, 7, 8, 0), OP(EMIT_MEMORY, 0, 7, 8, 64),
		OP(EMIT_BLOCK, 2, 7, 0, 72), OP(EMIT_MEMORY, 0, 7, 4, 8 * 32), OP(END, 0, 0, 0, 0)
	};

	fill_stack();
	set_plan(ops, 5, 5);
	stage.machine.stack_end = all_of_it;
	stage.frame.stack_high = (uintptr_t)(stage.stack + 4);
	run_in(OUT_WORDS);
	CHECK_EQ(asked, 1);
	CHECK_EQ(stage.faults, 0);
	CHECK_EQ(FIXED(0), 0x1000);
	CHECK_EQ(FIXED(1), 0x1008);
	CHECK_EQ(FIXED(2), 0x1009);
	CHECK_EQ(FIXED(3), 0x100a);
	/* Not when it does not know where it is at all. */
	stage.frame.stack_low = stage.frame.stack_high = 0;
	run_in(OUT_WORDS);
	CHECK_EQ(asked, 1);
	CHECK_EQ(FIXED(3), 0x100a);
}

/* A CFA at word 10: the return address at 9, rbp at 8, r13 at 5. */
CASE(unwinds_to_the_caller_with_its_registers)
{
	static const struct jem_plan_op
		ops
			[] = {
				OP(UNWIND, 0, 7, 0, 80),
				{ 0, 2, 0, 5, 0 }, /* 3: same, 6: 2 words, 12: same, 13: 5 */
				OP(EMIT, 3, 0, 0, 0),
				OP(EMIT, 6, 0, 0, 0),
				OP(EMIT, 7, 0, 0, 0),
				OP(EMIT, 12, 0, 0, 0),
				OP(EMIT, 13, 0, 0, 0),
				OP(EMIT, 14, 0, 0, 0),
				OP(EMIT, 15, 0, 0, 0),
				OP(EMIT, 16, 0, 0, 0),
				OP(END, 0, 0, 0, 0),
			};
	static const unsigned kept[] = { 3, 6, 12, 13, 14, 15 };
	const uint64_t *words = &stage.out[3];

	fill_stack();
	for (unsigned i = 0; i < 6; i++)
		stage.frame.r[kept[i]] = 100 + kept[i];
	set_plan(ops, 11, 0);
	stage.caller.plan = 3;
	stage.caller.fixed_words = 8;
	stage.stack[9] = CALLER_KEY;
	run_in(OUT_WORDS);
	CHECK_EQ(stage.faults, 0);
	CHECK_EQ(stage.parts.caller_site, 7);
	CHECK_EQ(stage.words, 2 + 9);
	CHECK_EQ(words[0], 103);
	CHECK_EQ(words[1], 0x1008);
	CHECK_EQ(words[2], (uintptr_t)(stage.stack + 10));
	CHECK_EQ(words[3], 112);
	CHECK_EQ(words[4], 0x1005);
	CHECK_EQ(words[5], 114);
	CHECK_EQ(words[6], 115);
	CHECK_EQ(words[7], CALLER_KEY);
	/* Nobody calls the caller. */
	stage.code[3] = ops[0];
	run_in(OUT_WORDS);
	CHECK_EQ(stage.faults, 1);
}

CASE(ends_where_the_caller_cannot_be_had)
{
	RUN(1, OP(EMIT, 7, 0, 0, 0), OP(UNWIND, 0, 3, 0, 0), { 0, 2, 0, 0, 0 });
	CHECK_EQ(stage.faults, 0); /* r3 is 0: no return address */
	CHECK_EQ(stage.words, 3);
	CHECK_EQ(MASK, 0);
	CHECK_EQ(stage.parts.caller_site, 0);
	/* Its word is beyond the code. */
	RUN(1, OP(EMIT, 7, 0, 0, 0), OP(UNWIND, 0, 7, 0, 80));
	CHECK_EQ(stage.faults, 1);
}

TESTS(T(emits_blocks_of_every_length), T(refuses_blocks_without_words_for_them),
      T(marks_the_words_of_a_block_that_are_not_there), T(asks_once_for_more_of_the_stack),
      T(unwinds_to_the_caller_with_its_registers), T(ends_where_the_caller_cannot_be_had))
