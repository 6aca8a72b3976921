/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine: runs the plan of a site (schemas/ring.h), which copies values into a record.
 *
 * Flow:      site -> ops -> parts word, part of the site, part of its caller, in the ring's layout
 * Thread:    the job's, in the hook; no lock, no malloc, no errno; a system call only in a guard's fallback
 * Bound:     JEM_PLAN_STEPS ops in all, the words of `out`, the ops of `code`; every read of memory is
 *            guarded; a wrong op, register, jump or length ends the plan and is counted
 * Invariant: whatever the plan is, at most `out_words` words of `out` are written, all that are
 *            returned were written by this run, and a part has all the fixed words of its site
 */
#ifndef JEM_TRACER_PRELOAD_MACHINE_H
#define JEM_TRACER_PRELOAD_MACHINE_H

#include "schemas/ring.h"

/*
 * The file of registers. The plan of the call site runs 32 registers further up: what its predecessor
 * puts into 32 to 48 is what it finds in 0 to 16, and nothing is copied.
 */
#define JEM_MACHINE_REGISTERS (JEM_PLAN_REGISTERS + JEM_PLAN_CALLER)

struct jem_machine_frame {
	/* Set by the hook: 0 to 18 as ring.h says, those that are not known 0. The others are scratch. */
	uint64_t r[JEM_MACHINE_REGISTERS];
	const uint64_t *xmm; /* xmm0 to xmm7, two words each; NULL: EMIT_XMM emits none */
	/*
	 * [stack_low, stack_high): a part of the stack that the thread runs on, which is mapped for
	 * certain, as a rule from the stack pointer to the end of its page. Both 0 when not sure: then all
	 * reads go through the guard.
	 */
	uint64_t stack_low, stack_high;
	uint64_t ticks; /* of this hook, on the ring's clock */
};

/* May change while it runs, `code` together with its count only to one that is as good. */
struct jem_machine {
	const struct jem_plan_op *code;
	uint64_t code_count; /* ops that are mapped at `code` */
	/* The CALLSITE entry of a return address, or NULL. Must be cheap: a probe of the site table. */
	const struct jem_plan_site *(*find_site)(const struct jem_machine *machine, uint64_t key);
	/* What more of the stack is there for certain: its new end. NULL: nobody knows. Seldom asked. */
	uint64_t (*stack_end)(const struct jem_machine_frame *frame);
	void *context;         /* the finder's */
	uint32_t *faults;      /* plan_faults of the rings: plans that were ended; relaxed atomic */
	uint32_t record_bytes; /* most bytes of values a record, as in the plan's header */
};

/*
 * Runs site->plan. Writes the parts word and the parts, returns the words written: 0 when nothing
 * is to be told (no plan, no room for the fixed words), else at least 2. `out` is aligned to 8;
 * out_words is at most JEM_RECORD_WORDS_MAX.
 */
unsigned jem_machine_run(const struct jem_machine *machine, const struct jem_plan_site *site,
			 struct jem_machine_frame *frame, uint64_t *out, unsigned out_words);

#endif
