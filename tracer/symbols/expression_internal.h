/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expression_internal: the stack of a DWARF expression while it is compiled, and its arithmetic.
 */
#ifndef JEM_TRACER_SYMBOLS_EXPRESSION_INTERNAL_H
#define JEM_TRACER_SYMBOLS_EXPRESSION_INTERNAL_H

#include "tracer/symbols/compile.h"

#define JEM_EXPRESSION_STACK 32

#define JEM_EXPRESSION_STACK 32

struct jem_expression {
	struct jem_compiler *c;
	Dwarf_Attribute *attr; /* borrowed, may be NULL */
	const Dwarf_Op *op;    /* the current one */
	size_t left;           /* behind it */
	size_t skip;           /* of those, done already */
	struct jem_term stack[JEM_EXPRESSION_STACK];
	unsigned depth;
	unsigned missing; /* enum jem_missing: the value cannot be had; the rest is only skipped */
	uint32_t entry;
	uint32_t size; /* of the variable */
	struct jem_piece
		location; /* what was said instead of an address: kind, or MISSING for none */
	bool has_location;
	struct jem_place *place;
};

/* The value cannot be had; the first reason counts. */
void jem_expression_give_up(struct jem_expression *m, unsigned missing);
/* 0, or -EBADMSG: the expression is damaged. */
int jem_expression_push(struct jem_expression *m, struct jem_term term);
int jem_expression_need(const struct jem_expression *m, unsigned count);
int jem_expression_binary(struct jem_expression *m);
int jem_expression_compare(struct jem_expression *m);
int jem_expression_unary(struct jem_expression *m);
int jem_expression_rearrange(struct jem_expression *m);
/* DW_OP_bra; ENOTSUP where the stack is lost. */
int jem_expression_choose(struct jem_expression *m);

#endif
