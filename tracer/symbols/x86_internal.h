/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86_internal: the state of decoding one instruction, shared by the decoder's files.
 */
#ifndef JEM_TRACER_SYMBOLS_X86_INTERNAL_H
#define JEM_TRACER_SYMBOLS_X86_INTERNAL_H

#include "tracer/symbols/x86_decode.h"

#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1

struct jem_x86_decoder {
	const uint8_t *code;
	size_t len, at;
	uint8_t rex;
	bool has_rex, is_vex, is_wide_vex;
	bool has_66, has_f2, has_f3, has_segment;
	uint8_t mod, reg, rm;
	bool is_cut;
	struct jem_x86_insn *insn;
};

uint8_t jem_x86_next_byte(struct jem_x86_decoder *d);
int64_t jem_x86_next_signed(struct jem_x86_decoder *d, unsigned bytes);
unsigned jem_x86_operand_size(const struct jem_x86_decoder *d);
struct jem_x86_operand jem_x86_gpr(unsigned reg);
struct jem_x86_operand jem_x86_xmm(unsigned reg);

/* Reads ModRM and what belongs to it: the operand that may be in memory; the other is d->reg. */
struct jem_x86_operand jem_x86_read_rm(struct jem_x86_decoder *d, bool is_xmm);

/* Two-byte opcodes of xmm registers. */
bool jem_x86_is_sse_move(uint8_t op);
bool jem_x86_is_sse_other(const struct jem_x86_decoder *d, uint8_t op);
int jem_x86_sse_move(struct jem_x86_decoder *d, uint8_t op);
int jem_x86_sse_other(struct jem_x86_decoder *d, uint8_t op);

#endif
