/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hooks: what an enter or exit hook does once its site is known to be of interest.
 *
 * Flow:      entry.c (probe of the site table) -> account -> shadow stack -> limiter -> tree -> record
 * Thread:    any of the job's, also in signal handlers; no lock, no malloc, no system call on the way,
 *            errno and the callee-saved registers as they were
 * Bound:     one record of at most JEM_RECORD_WORDS_MAX words
 * Invariant: a hook that interrupts another one on the same thread counts itself as dropped and returns
 */
#ifndef JEM_TRACER_PRELOAD_HOOKS_H
#define JEM_TRACER_PRELOAD_HOOKS_H

#include "tracer/preload/machine.h"
#include "tracer/preload/state.h"

/* Registers at the hook: in place for the machine, filled by entry.c. */
struct jem_hook_frame {
	struct jem_machine_frame machine;
	uint64_t xmm[16];
};

/*
 * Entered by jumps from entry.c: `callsite` is what the compiler passes, `sp` is before the call of the
 * hook, `pc` its return address.
 */
void jem_hook_enter(uint64_t function, uint64_t callsite, const struct jem_plan_site *site,
		    uint64_t sp);
void jem_hook_exit(uint64_t function, uint64_t callsite, const struct jem_plan_site *site,
		   uint64_t sp);
void jem_hook_enter_missed(uint64_t function, uint64_t callsite, uint64_t pc, uint64_t sp);
void jem_hook_exit_missed(uint64_t function, uint64_t callsite, uint64_t pc, uint64_t sp);

/* The same with registers, when plans are run; `site` NULL: not found by the first probes. */
void jem_hook_enter_values(uint64_t function, uint64_t callsite, const struct jem_plan_site *site,
			   struct jem_hook_frame *registers);
void jem_hook_exit_values(uint64_t function, uint64_t callsite, const struct jem_plan_site *site,
			  struct jem_hook_frame *registers);

#endif
