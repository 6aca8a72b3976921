/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compile: the state of compiling one plan, shared by the compiler's files.
 *
 * Flow:      expression.c turns DWARF expressions into terms, location.c variables into places, cfi.c
 *            frames into registers, prologue.c and returns.c code into places; code.c writes the ops
 * Ownership: borrows the request and the plan; what it allocates ends with jem_compiler_deinit
 */
#ifndef JEM_TRACER_SYMBOLS_COMPILE_H
#define JEM_TRACER_SYMBOLS_COMPILE_H

#include "tracer/symbols/flow.h"
#include "tracer/symbols/plan.h"

/* A value while compiling: nothing is written until it is needed in a register. */
enum jem_term_kind {
	JEM_TERM_CONST,   /* value */
	JEM_TERM_ADDRESS, /* value, in the module */
	JEM_TERM_REG,     /* r[reg] + value */
};

struct jem_term {
	uint8_t kind;    /* enum jem_term_kind */
	uint8_t reg;     /* of the machine */
	bool is_stack;   /* an address in this thread's stack frame */
	bool is_signed;  /* of typed DWARF values */
	uint8_t size;    /* of typed DWARF values; 0: generic */
	uint8_t is_read; /* comes from memory that may be unreadable */
	int64_t value;
};

enum jem_place_kind {
	JEM_PLACE_MISSING, /* `missing`, `entry` */
	JEM_PLACE_MEMORY,  /* at `term` */
	JEM_PLACE_VALUE,   /* is `term` */
	JEM_PLACE_XMM,     /* in register `reg` */
	JEM_PLACE_BYTES,   /* constant: `bytes`, `size` of them */
	JEM_PLACE_PIECES,  /* place `pieces[i].place`, next after next */
};

#define JEM_PIECES_MAX 8

struct jem_piece {
	struct jem_term term;
	const uint8_t *bytes;
	uint32_t size; /* bytes of the variable */
	uint8_t kind;  /* enum jem_place_kind, not PIECES */
	uint8_t reg;
	uint8_t missing; /* enum jem_missing */
};

struct jem_place {
	uint8_t kind;    /* enum jem_place_kind */
	uint8_t missing; /* enum jem_missing */
	uint8_t reg;
	uint8_t half;   /* of XMM: 0, or 1 where it begins in the upper half */
	uint32_t entry; /* of ENTRY_VALUE: the DWARF number of the register at entry */
	uint32_t size;
	const uint8_t *bytes; /* borrowed from the debug data */
	struct jem_term term;
	struct jem_piece pieces[JEM_PIECES_MAX];
	unsigned piece_count;
};

#define JEM_FRAME_READS 4

/* A value in the frame itself that waits for its op. */
struct jem_block_part {
	uint16_t slot;
	uint8_t base; /* register of the frame */
	int32_t offset;
	uint32_t size;
};

struct jem_argument {
	Dwarf_Die die;    /* concrete, or abstract where the compiler has dropped it */
	bool is_concrete; /* `die` is of the concrete instance */
	uint32_t type;
	uint32_t size;
};
#define JEM_ARGUMENTS_MAX 64

struct jem_follow;

struct jem_compiler {
	const struct jem_plan_request *request; /* borrowed */
	struct jem_plan *plan;                  /* borrowed */
	uint64_t pc,
		call_pc;     /* where locations are looked up: in the call, and at its first byte */
	uint32_t known;      /* registers of the frame that may be read, bits by DWARF number */
	bool has_xmm;        /* xmm0 to xmm7 may be read */
	bool is_gone;        /* tail exit: nothing of the frame is left */
	uint32_t temps;      /* temporaries in use, bits by number in the pool */
	uint32_t pinned;     /* temporaries that a place to be followed needs until then */
	bool is_full;        /* ops or temporaries ran out */
	struct jem_term cfa; /* of the physical frame */
	bool has_cfa;
	Dwarf_Frame *frame;    /* owned */
	struct jem_flow *flow; /* owned; the prologue, NULL until it is run */
	bool has_flow;         /* it reached the hook */
	bool is_flow_tried;
	bool is_cleared; /* FAILED is of this variable's reads only */
	bool is_hook_frame;
	int unsound_count;   /* variables whose location is not to be understood */
	unsigned call_line;  /* of the call in the frame, 0: not known */
	unsigned looks;      /* for who has written a variable */
	unsigned loop_steps; /* steps of the machine that loops may take at most, so far */
	int64_t frame_reads[JEM_FRAME_READS]; /* from the CFA: what loads of this variable read */
	unsigned frame_read_count;
	struct jem_argument arguments[JEM_ARGUMENTS_MAX]; /* of the physical function */
	unsigned argument_count;
	bool has_arguments;
	struct jem_follow *follow; /* owned */
	struct jem_block_part blocks[JEM_PLAN_FIXED_MAX];
	unsigned block_count;
	unsigned block_words; /* fixed words that they take at most, without gaps between them */
	struct jem_plan_reach reach;
	bool is_raw; /* what the value points to is not made yet: it is not followed */
};

/* --- code.c --- */

void jem_code_op(struct jem_compiler *c, unsigned op, unsigned ra, unsigned rb, unsigned rc,
		 int64_t imm);
/* A temporary, until jem_code_release. 0 with is_full set when there is none. */
unsigned jem_code_temp(struct jem_compiler *c);
uint32_t jem_code_mark(const struct jem_compiler *c);
void jem_code_release(struct jem_compiler *c, uint32_t mark);
/* The register that holds a term; for addresses the register and what is to be added, in imm's range. */
unsigned jem_code_reg(struct jem_compiler *c, const struct jem_term *term);
unsigned jem_code_base(struct jem_compiler *c, const struct jem_term *term, int32_t *offset);
struct jem_term jem_code_binary(struct jem_compiler *c, unsigned op, struct jem_term a,
				struct jem_term b);
struct jem_term jem_code_unary(struct jem_compiler *c, unsigned op, struct jem_term a);
struct jem_term jem_code_load(struct jem_compiler *c, const struct jem_term *address, unsigned size,
			      bool is_signed);
/* The low `size` bytes, extended to 8. */
struct jem_term jem_code_extend(struct jem_compiler *c, struct jem_term a, unsigned size,
				bool is_signed);
struct jem_term jem_term_const(int64_t value);
struct jem_term jem_term_reg(unsigned reg);
struct jem_term jem_term_plus(struct jem_term term, int64_t offset);
/* The DWARF register of the frame as a term; false where it is not known here. */
bool jem_code_frame_reg(struct jem_compiler *c, unsigned reg, struct jem_term *ret);
/* How many ops may still be written. */
unsigned jem_code_room(const struct jem_compiler *c);

/* --- expression.c --- */

/*
 * A location expression (attr: the attribute it came from, NULL of CFI) into a place. 0, or -EBADMSG for
 * a damaged one; what cannot be had is MISSING.
 */
int jem_expression_compile(struct jem_compiler *c, Dwarf_Attribute *attr, const Dwarf_Op *ops,
			   size_t count, struct jem_place *ret);

/* --- location.c --- */

/* Where a variable or parameter is; `size` of its type. */
int jem_location_find(struct jem_compiler *c, Dwarf_Die *variable, uint32_t size,
		      struct jem_place *ret);

/* --- location_list.c --- */

/* Of a location that libdw refuses: the compiler says that the variable has no value yet at `pc`. */
bool jem_location_is_uninitialised(const struct jem_debug *debug, Dwarf_Attribute *attr,
				   uint64_t pc);

/*
 * An argument that came in two registers, of which the function has never stored one where the debug data
 * has it: nobody reads that part, and what is there is something else.
 */
bool jem_initial_is_partial(struct jem_compiler *c, const struct jem_place *place, uint32_t size);

/* --- reach.c --- */

/* The one op of the CFA's rule, a register and an offset; false: it is more than that. */
bool jem_reach_cfa_rule(const struct jem_debug *debug, uint64_t pc, Dwarf_Op *ret);

/* What the plan is found to depend on narrows its reach: where a variable is, what is open, what is declared. */
void jem_reach_begin(struct jem_compiler *c);
void jem_reach_location(struct jem_compiler *c, Dwarf_Attribute *attr);
void jem_reach_block(struct jem_compiler *c, Dwarf_Die *block);
void jem_reach_line(struct jem_compiler *c, uint32_t line);

/* --- initial.c --- */

/* Nothing before the call has written what is at the place, as far as the code is straight to read. */
bool jem_initial_is_unwritten(struct jem_compiler *c, const struct jem_place *place, uint32_t size);

/* --- cfi.c --- */

/* Finds the frame and the CFA at `pc`; without CFI has_cfa stays false. */
void jem_cfi_init(struct jem_compiler *c, uint64_t pc);
/* The caller's registers into 32 and up, then CALLER; nothing where they cannot be had. */
void jem_cfi_caller(struct jem_compiler *c);

/* --- prologue.c --- */

/* Where the register `reg` (DWARF number) had at entry is at the hook; MISSING where it is lost. */
void jem_prologue_entry(struct jem_compiler *c, unsigned reg, uint32_t size, struct jem_place *ret);
/* Whether what the place reads of the frame's own memory is not yet written when the hook is called. */
bool jem_prologue_is_stale(struct jem_compiler *c, const struct jem_place *place, uint32_t size);
/* The argument's place by the calling convention; MISSING where it cannot be told. */
void jem_prologue_argument(struct jem_compiler *c, const struct jem_argument *arguments,
			   unsigned count, unsigned index, struct jem_place *ret);
/* The symbol at the function's start is global: nobody changed its calling convention. */
bool jem_prologue_is_global(struct jem_compiler *c);
/* Compiles what a node of the flow stands for, `size` bytes of it; false where it is not to be had. */
bool jem_flow_compile(struct jem_compiler *c, struct jem_flow *flow, uint16_t node, unsigned size,
		      struct jem_term *ret);

/* --- abi.c --- */

enum jem_class {
	JEM_CLASS_NONE, /* takes no register */
	JEM_CLASS_UNKNOWN,
	JEM_CLASS_INTEGER,
	JEM_CLASS_SSE,
	JEM_CLASS_X87,
	JEM_CLASS_MEMORY,  /* copied to the stack; returned through a hidden pointer */
	JEM_CLASS_POINTER, /* C++ object passed by the address of a copy */
};

/* The class of each of the two eightbytes (psABI 3.2.3). `holder` has the DW_AT_type. */
void jem_abi_classify(struct jem_types *types, Dwarf_Die *holder, uint32_t type,
		      enum jem_class classes[2]);

/* --- returns.c --- */

void jem_returns_compile(struct jem_compiler *c, struct jem_place *ret, uint32_t *type);

/* --- slots.c --- */

/* A new slot; its number, or -1 with no room. `words`, `fixed`, `missing` are set when it is emitted. */
int jem_slot_add(struct jem_compiler *c, const struct jem_image_slot *slot);
/* Writes the ops that read a place into the slot's fixed words or its cell, or says why not. */
void jem_slot_emit(struct jem_compiler *c, int slot, const struct jem_place *place);
/* A cell of `slot`: `op` and its registers; false with no room. */
bool jem_slot_cell(struct jem_compiler *c, int slot, unsigned op, unsigned ra, unsigned rb,
		   unsigned rc, uint32_t len);

/* --- blocks.c --- */

/* Notes a slot's value at r[base] + offset, in this thread's frame; false: it takes an op of its own. */
bool jem_block_add(struct jem_compiler *c, int slot, unsigned base, int32_t offset, uint32_t size);
/* Whole words that hold so many bytes at an offset. */
unsigned jem_block_words(int32_t offset, uint32_t size);
/* Writes the ops for what was noted, gives the slots their words. */
void jem_block_emit(struct jem_compiler *c);

/* --- variables.c --- */

/* A slot of a variable, argument or return value at a known place, noted to be followed. */
void jem_variables_slot(struct jem_compiler *c, unsigned role, const char *name, uint32_t type,
			unsigned line, const struct jem_place *place);
/* The arguments of a function, in the order of the source. */
unsigned jem_variables_arguments(struct jem_compiler *c, Dwarf_Die *scope,
				 struct jem_argument arguments[JEM_ARGUMENTS_MAX]);
/* Slots of the arguments and of the locals of a scope, with these roles (0: leave them out). */
void jem_variables_compile(struct jem_compiler *c, Dwarf_Die *scope, unsigned argument_role,
			   unsigned local_role);

/* --- follow.c --- */

/* Remembers that what the slot points to is wanted. */
void jem_follow_add(struct jem_compiler *c, int slot, uint32_t type, const struct jem_place *place);
/* The ops for all that was remembered, breadth first. */
void jem_follow_compile(struct jem_compiler *c);

/* --- containers.c --- */

/* An object to be followed: in memory, or (place) in registers. `slot` has its bytes from `offset` on. */
struct jem_object {
	struct jem_term address;
	const struct jem_place *place; /* borrowed; NULL: it is at `address` */
	int slot;
	uint32_t offset; /* in the slot's bytes */
	uint32_t within; /* in the place */
	uint32_t type;
	unsigned depth; /* pointers that led here */
	unsigned nesting;
};

/* `size` bytes at `offset` of the object, zero-extended; false where they are not one value. */
bool jem_object_read(struct jem_compiler *c, const struct jem_object *object, uint32_t offset,
		     unsigned size, struct jem_term *ret);
/* The part of an object at `offset`, of another type. */
struct jem_object jem_object_part(const struct jem_object *object, uint32_t offset, uint32_t type);
/* Follows all that is in the object; what is behind pointers one level further is queued. */
void jem_follow_object(struct jem_compiler *c, const struct jem_object *object);
/* The same of a pointer at the object's begin to `target`. */
void jem_follow_pointer(struct jem_compiler *c, const struct jem_object *object, uint32_t target,
			bool is_text);
/* In a loop or a branch of the plan there is no coming back: all is followed in place, depth first. */
void jem_follow_branch(struct jem_compiler *c, bool is_in);
void jem_container_compile(struct jem_compiler *c, const struct jem_object *object,
			   const struct jem_shape *shape);

/* Jumps forward: the place of the jump, and its landing here. */
uint32_t jem_code_jump(struct jem_compiler *c, unsigned op, unsigned reg);
void jem_code_land(struct jem_compiler *c, uint32_t jump);
void jem_code_jump_back(struct jem_compiler *c, uint32_t to);

#endif
