/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine_stage: a machine with a stack, a site and its caller, for tests of plans.
 *
 * RUN(words, ops) runs ops as the plan of the site, with so many fixed words; what came of it is in `stage`.
 */
#ifndef JEM_TESTS_UNIT_MACHINE_STAGE_H
#define JEM_TESTS_UNIT_MACHINE_STAGE_H

#include "tests/unit/check.h"
#include "tracer/preload/machine.h"

enum {
	OUT_WORDS = 128,
	CODE_MAX = 64,
	PAGE = 4096,
	CALLER_KEY = 0x4242,
	GUARD_WORD = 0x5a5a5a5a,
};

#define OP(name, a, b, c, imm)                                                                     \
	{                                                                                          \
		JEM_OP_##name, a, b, c, imm                                                        \
	}
#define SLOT(slot, length) ((int32_t)((uint32_t)(slot) << 16 | (length)))

static struct stage {
	struct jem_machine machine;
	struct jem_machine_frame frame;
	struct jem_plan_site site, caller;
	struct jem_plan_op code[CODE_MAX];
	uint32_t faults;
	uint64_t stack[32];
	uint64_t out[OUT_WORDS + 1];
	unsigned words;
	struct jem_ring_parts parts;
} stage;

static const struct jem_plan_site *find_site(const struct jem_machine *machine, uint64_t key)
{
	CHECK(machine->context == &stage);
	return key == stage.caller.key ? &stage.caller : NULL;
}

/* The plan begins at 1 and is followed by nothing. */
static void set_plan(const struct jem_plan_op *ops, size_t count, unsigned fixed_words)
{
	CHECK(count < CODE_MAX);
	memcpy(stage.code + 1, ops, count * sizeof(*ops));
	stage.machine = (struct jem_machine){ .code = stage.code,
					      .code_count = count + 1,
					      .find_site = find_site,
					      .context = &stage,
					      .faults = &stage.faults,
					      .record_bytes = 8 * OUT_WORDS };
	stage.site = (struct jem_plan_site){
		.key = 0x1000, .site = 1, .plan = 1, .fixed_words = fixed_words
	};
	stage.caller = (struct jem_plan_site){ .key = CALLER_KEY, .site = 7 };
	stage.frame.stack_low = (uintptr_t)stage.stack;
	stage.frame.stack_high = (uintptr_t)(stage.stack + 32);
	stage.frame.r[7] = (uintptr_t)stage.stack;
	stage.frame.ticks = 1 << 30;
}

static void run_in(unsigned out_words)
{
	stage.faults = 0;
	stage.out[out_words] = GUARD_WORD;
	stage.words =
		jem_machine_run(&stage.machine, &stage.site, &stage.frame, stage.out, out_words);
	CHECK_EQ(stage.out[out_words], GUARD_WORD);
	CHECK_LE(stage.words, out_words);
	memset(&stage.parts, 0, sizeof(stage.parts));
	if (stage.words) {
		memcpy(&stage.parts, stage.out, sizeof(stage.parts));
		CHECK_EQ(1 + stage.parts.site_words + stage.parts.caller_words, stage.words);
	}
}

#define RUN(fixed_words, ...)                                                                      \
	do {                                                                                       \
		static const struct jem_plan_op ops_[] = { __VA_ARGS__ };                          \
                                                                                                   \
		set_plan(ops_, sizeof(ops_) / sizeof(*ops_), fixed_words);                         \
		run_in(OUT_WORDS);                                                                 \
	} while (0)

#define FIXED(n) (stage.out[2 + (n)])
#define MASK     (stage.out[1])

static inline const struct jem_ring_cell *cell_at(unsigned word)
{
	CHECK_LE(word + sizeof(struct jem_ring_cell) / 8, stage.words);
	return (const struct jem_ring_cell *)(const void *)(stage.out + word);
}

#endif
