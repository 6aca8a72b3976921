/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86_length: how long an instruction is, so that code can be walked from a function's start.
 *
 * Follows the Intel manual, volume 2, chapter 2 and appendix A (64-bit mode, VEX and EVEX too).
 */
#ifndef JEM_TRACER_SYMBOLS_X86_LENGTH_H
#define JEM_TRACER_SYMBOLS_X86_LENGTH_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the instruction at `code`, 0: not one, or cut by `left`. `opcode`, if wanted: where its opcode
 * byte stands, behind the prefixes. */
size_t jem_x86_length(const uint8_t *code, size_t left, size_t *opcode);

#endif
