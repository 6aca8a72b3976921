/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine_internal: what the loop of the machine and the ops that write cells share.
 *
 * Cells are calls out of the loop: they need what is in memory only, so that the rest stays in registers.
 */
#ifndef JEM_TRACER_PRELOAD_MACHINE_INTERNAL_H
#define JEM_TRACER_PRELOAD_MACHINE_INTERNAL_H

#include "tracer/preload/machine.h"

#include <stdbool.h>
#include <stddef.h>

#define IS_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define INLINE               static inline __attribute__((always_inline))

/* What an op leaves to be done. */
enum jem_verdict {
	GO_ON,
	ENDED,
	FAULT, /* of the plan itself */
};

/* What the cells need too, in memory. */
struct jem_machine_state {
	const struct jem_machine *machine;
	struct jem_machine_frame *frame;
	bool has_failed; /* a read, since the last JUMP_FAILED */
	bool is_caller;
	bool is_wide; /* the machine has been asked for more of the stack */
	/* Those of the machine, which may change meanwhile. */
	const struct jem_plan_op *code;
	uint64_t code_count;
	uint64_t stack_span;
	uint64_t value;  /* that was read the slow way */
	uint64_t *part;  /* that is being written; NULL: it has no room */
	uint64_t *cells; /* behind the last one */
	uint64_t *end;   /* of the room */
	uint64_t parts;  /* struct jem_ring_parts, as a word */
};

/* `r`: the registers of the part that is being written. */
enum jem_verdict jem_machine_cell(struct jem_machine_state *run, const uint64_t *r,
				  struct jem_plan_op op);
enum jem_verdict jem_machine_cell_elements(struct jem_machine_state *run, const uint64_t *r,
					   struct jem_plan_op op, uint64_t size);
enum jem_verdict jem_machine_cell_string(struct jem_machine_state *run, const uint64_t *r,
					 struct jem_plan_op op);
enum jem_verdict jem_machine_cell_value(struct jem_machine_state *run, const uint64_t *r,
					struct jem_plan_op op);

#endif
