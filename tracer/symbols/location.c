/* SPDX-License-Identifier: Apache-2.0 */
/* Where a variable is at the plan's address: location lists, expressions, constants. */
#include "tracer/symbols/compile.h"

#include <dwarf.h>
#include <errno.h>

/* DW_AT_const_value. Short data forms are sign-extended, as compilers mean them and gdb reads them. */
static int constant(Dwarf_Attribute *attr, uint32_t size, struct jem_place *ret)
{
	Dwarf_Block block;
	Dwarf_Word word;
	Dwarf_Sword sword;
	Dwarf_Addr address;
	const char *text;

	*ret = (struct jem_place){ .kind = JEM_PLACE_VALUE, .size = size };
	switch (dwarf_whatform(attr)) {
	case DW_FORM_data1:
	case DW_FORM_data2:
	case DW_FORM_data4:
	case DW_FORM_data8:
	case DW_FORM_sdata:
	case DW_FORM_implicit_const:
		if (dwarf_formsdata(attr, &sword) != 0)
			return -EBADMSG;
		ret->term = jem_term_const(sword);
		return 0;
	case DW_FORM_udata:
		if (dwarf_formudata(attr, &word) != 0)
			return -EBADMSG;
		ret->term = jem_term_const((int64_t)word);
		return 0;
	case DW_FORM_addr:
	case DW_FORM_addrx:
		if (dwarf_formaddr(attr, &address) != 0)
			return -EBADMSG;
		ret->term =
			(struct jem_term){ .kind = JEM_TERM_ADDRESS, .value = (int64_t)address };
		return 0;
	case DW_FORM_string:
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_strx:
		text = dwarf_formstring(attr);
		if (!text)
			return -EBADMSG;
		ret->kind = JEM_PLACE_BYTES;
		ret->bytes = (const uint8_t *)text;
		ret->size = (uint32_t)(__builtin_strlen(text) + 1);
		return 0;
	default:
		if (dwarf_formblock(attr, &block) != 0)
			return -EBADMSG;
		ret->kind = JEM_PLACE_BYTES;
		ret->bytes = block.data;
		ret->size = (uint32_t)(block.length > UINT16_MAX ? UINT16_MAX : block.length);
		return 0;
	}
}

static int find_at(struct jem_compiler *c, Dwarf_Attribute *attr, uint64_t pc,
		   struct jem_place *ret)
{
	Dwarf_Op *ops;
	size_t count;
	int found = dwarf_getlocation_addr(attr, pc, &ops, &count, 1);

	if (found > 0 && count)
		return jem_expression_compile(c, attr, ops, count, ret);
	*ret = (struct jem_place){ .kind = JEM_PLACE_MISSING,
				   .missing = JEM_MISSING_OPTIMISED_OUT,
				   .size = ret->size };
	if (found >= 0)
		return 0;
	if (!jem_location_is_uninitialised(c->request->debug, attr, pc))
		return -EBADMSG;
	ret->missing = JEM_MISSING_UNINITIALISED;
	return 0;
}

/* A value, or pieces of which not all are missing. */
static bool is_found(const struct jem_place *place)
{
	if (place->kind != JEM_PLACE_PIECES)
		return place->kind != JEM_PLACE_MISSING;
	for (unsigned i = 0; i < place->piece_count; i++)
		if (place->pieces[i].kind != JEM_PLACE_MISSING)
			return true;
	return false;
}

static bool is_entry_value(const struct jem_place *place)
{
	return place->kind == JEM_PLACE_MISSING && place->missing == JEM_MISSING_ENTRY_VALUE;
}

int jem_location_find(struct jem_compiler *c, Dwarf_Die *variable, uint32_t size,
		      struct jem_place *ret)
{
	Dwarf_Attribute attr;
	struct jem_place at_call = { .size = size };
	uint32_t begin = c->plan->op_count, mark = jem_code_mark(c);
	int rc;

	*ret = (struct jem_place){ .kind = JEM_PLACE_MISSING,
				   .missing = JEM_MISSING_OPTIMISED_OUT,
				   .size = size };
	if (dwarf_attr_integrate(variable, DW_AT_const_value, &attr))
		return constant(&attr, size, ret);
	if (!dwarf_attr_integrate(variable, DW_AT_location, &attr))
		return 0;
	jem_reach_location(c, &attr);
	rc = find_at(c, &attr, c->pc, ret);
	if (rc < 0 || is_found(ret) || c->call_pc == c->pc)
		return rc;
	/*
	 * gcc ends the life of a caller-saved register one byte before the return address, but the hook's
	 * stub has kept it: look again at the first byte of the call.
	 */
	uint32_t end = c->plan->op_count;

	rc = find_at(c, &attr, c->call_pc, &at_call);
	if (rc == 0 && (is_found(&at_call) || (is_entry_value(&at_call) && !is_entry_value(ret)))) {
		*ret = at_call;
		return 0;
	}
	c->plan->op_count = end;
	if (!is_found(ret)) {
		c->plan->op_count = begin;
		jem_code_release(c, mark);
	}
	return 0;
}
