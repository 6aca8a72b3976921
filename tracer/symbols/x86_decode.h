/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86_decode: one x86-64 instruction: its length, operands, and what it does in the words of the data
 * flow (flow.h).
 *
 * Bound:     reads at most `len` and 15 bytes; an instruction it does not know is refused
 * Invariant: JEM_X86_OTHER writes its `dst` and flags only; what could write anything else is refused
 *
 * Follows the Intel manual volume 2, chapters 2 and appendix A. VEX forms are read as their SSE kin.
 */
#ifndef JEM_TRACER_SYMBOLS_X86_DECODE_H
#define JEM_TRACER_SYMBOLS_X86_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum jem_x86_kind {
	JEM_X86_NOP,
	JEM_X86_MOV,
	JEM_X86_MOVZX, /* src_size -> size */
	JEM_X86_MOVSX,
	JEM_X86_LEA,
	JEM_X86_ALU, /* dst <- dst op src */
	JEM_X86_COMPARE,
	JEM_X86_TEST,
	JEM_X86_SETCC,
	JEM_X86_PUSH,
	JEM_X86_POP,
	JEM_X86_LEAVE,
	JEM_X86_RET,
	JEM_X86_JUMP,
	JEM_X86_JUMP_IF,
	JEM_X86_CALL,
	JEM_X86_STOP, /* ud2, hlt, int3: control does not go on */
	JEM_X86_SSE_MOV, /* size bytes; a load clears the rest of the register, a move of 4 or 8 does not */
	JEM_X86_SSE_MERGE,   /* movss, movsd between registers: the low bytes only */
	JEM_X86_SSE_HIGH,    /* 8 bytes into or from the upper half */
	JEM_X86_SSE_ZERO,    /* xor of a register with itself */
	JEM_X86_SSE_UNPACK,  /* punpcklqdq, unpcklpd, movlhps: upper half <- lower half of src */
	JEM_X86_FLOAT_LOAD,  /* st0 <- size bytes */
	JEM_X86_FLOAT_STORE, /* size bytes <- st0, which goes */
	JEM_X86_OTHER,       /* dst <- something */
};

enum jem_x86_alu {
	JEM_X86_ADD,
	JEM_X86_SUB,
	JEM_X86_AND,
	JEM_X86_OR,
	JEM_X86_XOR,
	JEM_X86_MUL,
	JEM_X86_SHL,
	JEM_X86_SHR,
	JEM_X86_SAR,
	JEM_X86_NEG,
	JEM_X86_NOT,
};

enum jem_x86_where {
	JEM_X86_NONE,
	JEM_X86_GPR,
	JEM_X86_XMM,
	JEM_X86_MEMORY,
	JEM_X86_IMMEDIATE,
};

#define JEM_X86_NO_REG 0xff

struct jem_x86_operand {
	uint8_t where; /* enum jem_x86_where */
	uint8_t reg; /* by its number in the instruction set: 0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp ... */
	uint8_t base, index, scale; /* MEMORY: JEM_X86_NO_REG for none; scale as a shift */
	bool is_relative;           /* MEMORY: to the end of the instruction */
	bool is_segment;            /* MEMORY: fs or gs */
	int64_t value;              /* displacement or immediate */
};

struct jem_x86_insn {
	uint8_t kind; /* enum jem_x86_kind */
	uint8_t length;
	uint8_t size; /* bytes of the operation */
	uint8_t src_size;
	uint8_t alu;       /* enum jem_x86_alu */
	uint8_t condition; /* of SETCC and JUMP_IF: the low 4 bits of the opcode */
	bool has_target;   /* direct JUMP, JUMP_IF, CALL: `target` bytes from the end */
	int64_t target;
	struct jem_x86_operand dst, src;
};

/* The length, or -EILSEQ for what is unknown or cut. */
int jem_x86_decode(const uint8_t *code, size_t len, struct jem_x86_insn *ret);

#endif
