/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/x86_internal.h"

#include <errno.h>

/* Moves of the SSE set: 0f 10, 11, 12, 13, 16, 17, 28, 29, 6e, 6f, 7e, 7f, d6, with their prefixes. */
int jem_x86_sse_move(struct jem_x86_decoder *d, uint8_t op)
{
	struct jem_x86_insn *i = d->insn;
	bool is_store = op == 0x11 || op == 0x13 || op == 0x17 || op == 0x29 || op == 0x7f ||
			op == 0xd6 || (op == 0x7e && !d->has_f3);
	bool is_general = op == 0x6e || (op == 0x7e && !d->has_f3);
	struct jem_x86_operand rm = jem_x86_read_rm(d, !is_general);
	bool is_reg = d->mod == 3;

	i->kind = JEM_X86_SSE_MOV;
	i->dst = is_store ? rm : jem_x86_xmm(d->reg);
	i->src = is_store ? jem_x86_xmm(d->reg) : rm;
	i->size = 16;
	switch (op) {
	case 0x10:
	case 0x11:
		if (d->has_f2 || d->has_f3) {
			i->size = d->has_f3 ? 4 : 8;
			if (is_reg)
				i->kind = d->is_vex ? JEM_X86_OTHER : JEM_X86_SSE_MERGE;
		}
		break;
	case 0x12:
	case 0x13:
		i->size = 8;
		i->kind = is_reg || d->has_f2 || d->has_f3 || d->is_vex ? JEM_X86_OTHER
									: JEM_X86_SSE_MERGE;
		break;
	case 0x16:
	case 0x17:
		i->size = 8;
		i->kind = d->has_f3 || d->is_vex ? JEM_X86_OTHER
			  : is_reg               ? JEM_X86_SSE_UNPACK
						 : JEM_X86_SSE_HIGH;
		break;
	case 0x6e:
		i->size = d->rex & REX_W ? 8 : 4;
		break;
	case 0x7e:
		i->size = d->has_f3 || d->rex & REX_W ? 8 : 4;
		break;
	case 0x6f:
	case 0x7f:
		if (!d->has_66 && !d->has_f3)
			return -EILSEQ; /* MMX */
		break;
	case 0xd6:
		i->size = 8;
		break;
	default:
		break;
	}
	if (is_general && !d->has_66)
		return -EILSEQ;
	if (d->is_wide_vex && i->dst.where == JEM_X86_MEMORY)
		i->size = 32;
	return 0;
}

/* What computes in xmm registers: the result is lost, but the place is known. */
int jem_x86_sse_other(struct jem_x86_decoder *d, uint8_t op)
{
	struct jem_x86_insn *i = d->insn;
	struct jem_x86_operand rm = jem_x86_read_rm(d, true);
	bool is_logic = op == 0x57 || op == 0xef;

	i->kind = JEM_X86_OTHER;
	i->size = 16;
	i->dst = jem_x86_xmm(d->reg);
	if ((op == 0x2c || op == 0x2d) && (d->has_f2 || d->has_f3)) {
		i->dst = jem_x86_gpr(d->reg);
		i->size = 8;
	} else if (op == 0x2e || op == 0x2f) {
		i->dst.where = JEM_X86_NONE;
	} else if (is_logic && d->mod == 3 && rm.reg == d->reg && !d->is_vex) {
		i->kind = JEM_X86_SSE_ZERO;
	} else if ((op == 0x14 || op == 0x6c) && d->has_66 && !d->is_vex) {
		i->kind = JEM_X86_SSE_UNPACK;
		i->src = rm;
	}
	if (op == 0xc6 || op == 0x70 || op == 0xc2)
		(void)jem_x86_next_byte(d);
	return 0;
}

bool jem_x86_is_sse_move(uint8_t op)
{
	return op == 0x10 || op == 0x11 || op == 0x12 || op == 0x13 || op == 0x16 || op == 0x17 ||
	       op == 0x28 || op == 0x29 || op == 0x6e || op == 0x6f || op == 0x7e || op == 0x7f ||
	       op == 0xd6;
}

bool jem_x86_is_sse_other(const struct jem_x86_decoder *d, uint8_t op)
{
	if (op == 0x14 || op == 0x15 || op == 0x2a || op == 0x2c || op == 0x2d || op == 0x2e ||
	    op == 0x2f || op == 0xc2 || op == 0xc6)
		return true;
	if (op >= 0x51 && op < 0x60)
		return true;
	if (op == 0x6c || op == 0x6d)
		return d->has_66;
	return (op == 0x70 && (d->has_66 || d->has_f2 || d->has_f3)) ||
	       (d->has_66 && (op == 0xef || op == 0xeb || op == 0xdb || op == 0xdf || op == 0xd4 ||
			      op == 0xfe || op == 0xfa || op == 0xfb || op == 0x62));
}
