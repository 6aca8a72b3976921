/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: compiles what a site's values are into a program for the machine and slots that explain it.
 *
 * Flow:      scope and address -> variables -> locations, CFI, prologue, return recipe -> ops and slots;
 *            then pointers, strings and containers by type, breadth first, up to the depth
 * Thread:    any; no state between calls but what the request lends
 * Bound:     JEM_PLAN_OPS_MAX ops, JEM_PLAN_SLOTS_MAX slots; what does not fit is marked truncated
 *
 * Follows DWARF 5 sections 2.5, 2.6 (expressions, location lists), 6.4 (CFI), and the x86-64 psABI
 * section 3.2 (parameters).
 */
#ifndef JEM_TRACER_SYMBOLS_PLAN_H
#define JEM_TRACER_SYMBOLS_PLAN_H

#include "tracer/symbols/debug.h"
#include "tracer/symbols/types.h"

#define JEM_PLAN_OPS_MAX   1024u
#define JEM_PLAN_SLOTS_MAX 256u

enum jem_plan_kind {
	JEM_PLAN_ENTER, /* arguments; of an inlined instance also the locals of the function around it */
	JEM_PLAN_EXIT,     /* arguments as they are now, locals, return value */
	JEM_PLAN_CALLSITE, /* arguments and locals of the frame that calls */
};

/* How far values are followed (calls.depth, calls.string_bytes, calls.items). */
struct jem_plan_limits {
	unsigned depth; /* pointers behind pointers: 0 none, at most 8 */
	unsigned string_bytes;
	unsigned items;        /* of an array or container */
	unsigned object_bytes; /* of one value */
};

struct jem_plan_request {
	struct jem_debug *debug;
	struct jem_types *types;
	const struct jem_plan_limits *limits;
	enum jem_plan_kind kind;
	bool is_tail; /* exit by a jump: the frame is gone */
	uint64_t pc;  /* return address of the hook, or of the call */
	Dwarf_Die *
		scope; /* concrete: DW_TAG_subprogram or DW_TAG_inlined_subroutine, innermost at pc */
	Dwarf_Die *physical; /* the DW_TAG_subprogram whose frame it is; the same unless inlined */
	Dwarf_Die
		*caller; /* ENTER of an inlined instance: the concrete scope around it; else NULL */
	uint32_t call_line; /* CALLSITE: of the call, 0: not known */
	uint64_t
		function_start; /* of the physical function's part that has pc, and behind its end */
	uint64_t function_end;
};

/* For which calls besides its own a plan of a call is the right one. */
struct jem_plan_reach {
	const void *scope;               /* Dwarf_Die.addr; NULL: for none */
	uint64_t pc_low, pc_high;        /* of the byte before the return address: from, up to */
	uint32_t line_low, line_high;    /* of the call: between these two */
	uint64_t cfa_number, cfa_offset; /* of the rule's op */
	uint8_t cfa_atom;
};

struct jem_plan {
	struct jem_plan_op ops[JEM_PLAN_OPS_MAX];
	struct jem_image_slot slots[JEM_PLAN_SLOTS_MAX];
	uint32_t op_count, slot_count, fixed_words;
	uint32_t site_flags; /* JEM_SITE_LIVE_REGS, _XMM, _POINTERS as the ops need */
	struct jem_plan_reach reach;
};

/*
 * Every variable gets a slot, with a value or with the reason why not. A plan of a physical ENTER ends
 * with CALLER where the caller's registers can be had. How many variables have a location that is damaged or
 * in words of a later standard: those are unsupported. Or a negative errno.
 */
int jem_plan_compile(const struct jem_plan_request *request, struct jem_plan *ret);

/* The plan that has this reach is what the request would be compiled to. */
bool jem_plan_reaches(const struct jem_plan_reach *reach, const struct jem_plan_request *request);

#endif
