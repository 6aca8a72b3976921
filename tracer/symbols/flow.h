/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow: what straight-line x86-64 code leaves in registers and memory, in terms of where it began.
 *
 * Flow:      the code from a function's entry to its hook (which argument is where now), or from the
 *            exit hook to `ret` (what the return value is made of)
 * Bound:     JEM_FLOW_STEPS instructions, JEM_FLOW_NODES terms; code that is not straight ends it
 * Invariant: a term is right or UNKNOWN; memory reached by different bases is taken not to overlap
 */
#ifndef JEM_TRACER_SYMBOLS_FLOW_H
#define JEM_TRACER_SYMBOLS_FLOW_H

#include "tracer/symbols/x86_decode.h"

#define JEM_FLOW_STEPS  160
#define JEM_FLOW_NODES  512
#define JEM_FLOW_STORES 64

enum jem_flow_kind {
	JEM_FLOW_UNKNOWN = 0, /* node 0 */
	JEM_FLOW_CONST,
	JEM_FLOW_ADDRESS, /* in the module: `value` */
	JEM_FLOW_REG,     /* the register as it was at the beginning, plus `value` */
	JEM_FLOW_XMM,     /* half `size` (0 or 1) of it at the beginning */
	JEM_FLOW_LOAD,    /* `size` bytes at node a plus `value`, zero-extended */
	JEM_FLOW_EXTEND,  /* the low `size` bytes of node a */
	JEM_FLOW_ALU,     /* a op b, 8 bytes */
	JEM_FLOW_EQUAL,   /* 1 or 0 */
	JEM_FLOW_LESS,
	JEM_FLOW_BELOW,
	JEM_FLOW_LOW,   /* node a, of which the low `size` bytes are right, the rest is not known */
	JEM_FLOW_GUARD, /* read from the thread's segment: the stack protector's word */
};

struct jem_flow_node {
	uint8_t kind; /* enum jem_flow_kind */
	uint8_t op;   /* enum jem_x86_alu */
	uint8_t size;
	uint8_t reg; /* by its DWARF number */
	bool is_signed;
	uint16_t a, b;
	int64_t value;
};

/* Bytes that were written: at `offset` from a register at the beginning, or from a node. */
struct jem_flow_store {
	uint16_t base; /* node, or JEM_FLOW_BASE_REG + DWARF number, or JEM_FLOW_BASE_MODULE */
	uint16_t value;
	uint8_t size; /* 0: overwritten since */
	int64_t offset;
};
#define JEM_FLOW_BASE_MODULE 0x7fff
#define JEM_FLOW_BASE_REG    0x8000

enum jem_flow_end {
	JEM_FLOW_REACHED, /* the stop address */
	JEM_FLOW_RETURNS,
	JEM_FLOW_NO_RETURN, /* a call that is not the stop address, ud2: a landing pad */
	JEM_FLOW_LOST,      /* unknown instruction, branch, or a bound */
};

/* The code at an address, NULL if there is none. */
typedef const uint8_t *(*jem_flow_code_fn)(void *data, uint64_t address, size_t *left);

struct jem_flow {
	jem_flow_code_fn code;
	void *data; /* borrowed */
	struct jem_flow_node nodes[JEM_FLOW_NODES];
	struct jem_flow_store stores[JEM_FLOW_STORES];
	uint16_t node_count, store_count;
	uint16_t gpr[16]; /* by DWARF number */
	uint16_t xmm[16][2];
	uint16_t st0;
	uint16_t flags_a, flags_b;
	uint8_t flags_kind; /* 0 none, else JEM_X86_COMPARE or JEM_X86_TEST */
	uint8_t flags_size;
	bool is_full;
	uint64_t calls; /* target of the call that ended it */
};

/* Registers that are known at the beginning: bits by DWARF number; bit 17 + n for xmm n. */
void jem_flow_init(struct jem_flow *flow, jem_flow_code_fn code, void *data, uint64_t known);

/* Runs from `from`; ends before the instruction that ends at `stop` (0: none). */
enum jem_flow_end jem_flow_run(struct jem_flow *flow, uint64_t from, uint64_t stop);

/* Executes one instruction that does not branch: 0, or -EILSEQ. `next` is the address after it. */
int jem_flow_step(struct jem_flow *flow, const struct jem_x86_insn *insn, uint64_t next);

/* The low `size` bytes of a node, zero-extended; 0 where they are not known. */
uint16_t jem_flow_low(struct jem_flow *flow, uint16_t node, unsigned size);

/* The 8 bytes (or fewer) that are now at `offset` from a register at the beginning; 0: not known. */
uint16_t jem_flow_memory(struct jem_flow *flow, unsigned base_reg, int64_t offset, unsigned size);

/* Something has been written at these bytes. */
bool jem_flow_is_written(const struct jem_flow *flow, unsigned base_reg, int64_t offset,
			 unsigned size);

#endif
