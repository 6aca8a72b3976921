/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments and locals of a scope, as DWARF lists them, into slots. */
#include "tracer/symbols/compile.h"

#include <dwarf.h>

#define NESTING_MAX 32

static unsigned decl_line(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	Dwarf_Word line = 0;

	dwarf_formudata(dwarf_attr_integrate(die, DW_AT_decl_line, &attr), &line);
	return (unsigned)line;
}

void jem_variables_slot(struct jem_compiler *c, unsigned role, const char *name, uint32_t type,
			unsigned line, const struct jem_place *place)
{
	struct jem_types *types = c->request->types;
	struct jem_image_slot slot = { .name = jem_strings_add(jem_types_strings(types),
							       name ? name : ""),
				       .type = type,
				       .role = (uint8_t)role,
				       .line = line,
				       .entry = place->entry };

	slot.size = jem_types_get(types, type)->size;
	jem_reach_line(c, line);
	if (c->call_line && line == c->call_line && jem_initial_is_unwritten(c, place, slot.size))
		slot.missing = JEM_MISSING_UNINITIALISED;
	int at = jem_slot_add(c, &slot);

	if (at < 0)
		return;
	if (!slot.missing)
		jem_slot_emit(c, at, place);
	/* what is declared after the call has no value yet: its pointers lead anywhere */
	if (!c->plan->slots[at].missing && !c->is_raw && !(c->call_line && line > c->call_line))
		jem_follow_add(c, at, type, place);
}

/* --- arguments ---------------------------------------------------------------------------------- */

static bool is_flag(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attr;
	bool is = false;

	return dwarf_formflag(dwarf_attr_integrate(die, name, &attr), &is) == 0 && is;
}

/* gcc lists one in abstract constructors and destructors that no instance takes. */
static bool is_phantom(Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);

	return name && name[0] == '_' && name[1] == '_' && is_flag(die, DW_AT_artificial);
}

/* `this` of a constructor, by its class: the function bears the class's name (C++ [class.ctor]). */
static bool is_made(Dwarf_Die *scope, Dwarf_Die *parameter)
{
	const char *function = dwarf_diename(scope);
	const char *name = dwarf_diename(parameter);
	const char *class_name;
	Dwarf_Attribute attr;
	Dwarf_Die type;
	size_t len;

	if (!function || !name || strcmp(name, "this") != 0 ||
	    !is_flag(parameter, DW_AT_artificial))
		return false;
	if (!dwarf_formref_die(dwarf_attr_integrate(parameter, DW_AT_type, &attr), &type) ||
	    dwarf_peel_type(&type, &type) != 0 ||
	    !dwarf_formref_die(dwarf_attr_integrate(&type, DW_AT_type, &attr), &type) ||
	    dwarf_peel_type(&type, &type) != 0)
		return false;
	class_name = dwarf_diename(&type);
	if (!class_name)
		return false;
	len = strcspn(class_name, "<");
	return !strncmp(function, class_name, len) && (!function[len] || function[len] == '<');
}

static unsigned add_parameters(Dwarf_Die *scope, struct jem_argument *list, unsigned count,
			       bool is_concrete)
{
	Dwarf_Die child;

	if (dwarf_child(scope, &child) != 0)
		return count;
	do {
		int tag = dwarf_tag(&child);

		if (tag == DW_TAG_GNU_formal_parameter_pack)
			count = add_parameters(&child, list, count, is_concrete);
		if (tag != DW_TAG_formal_parameter || count >= JEM_ARGUMENTS_MAX ||
		    (!is_concrete && is_phantom(&child)))
			continue;
		list[count++] = (struct jem_argument){ .die = child, .is_concrete = is_concrete };
	} while (dwarf_siblingof(&child, &child) == 0);
	return count;
}

static bool origin_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attr;

	return dwarf_formref_die(dwarf_attr(die, DW_AT_abstract_origin, &attr), ret) != NULL;
}

/*
 * The abstract instance has them all, in order; of each the concrete one is taken where it is there. What
 * only the concrete instance has goes behind.
 */
static unsigned merge_concrete(struct jem_argument *list, unsigned count, Dwarf_Die *scope)
{
	struct jem_argument concrete[JEM_ARGUMENTS_MAX];
	unsigned found = add_parameters(scope, concrete, 0, true);

	for (unsigned i = 0; i < found; i++) {
		Dwarf_Die origin;
		unsigned k = count;

		if (origin_of(&concrete[i].die, &origin))
			for (k = 0; k < count && list[k].die.addr != origin.addr; k++)
				;
		if (k < count)
			list[k] = concrete[i];
		else if (count < JEM_ARGUMENTS_MAX)
			list[count++] = concrete[i];
	}
	return count;
}

unsigned jem_variables_arguments(struct jem_compiler *c, Dwarf_Die *scope,
				 struct jem_argument arguments[JEM_ARGUMENTS_MAX])
{
	struct jem_types *types = c->request->types;
	Dwarf_Die origin;
	unsigned count;

	if (origin_of(scope, &origin))
		count = merge_concrete(arguments, add_parameters(&origin, arguments, 0, false),
				       scope);
	else
		count = add_parameters(scope, arguments, 0, true);
	for (unsigned i = 0; i < count; i++) {
		arguments[i].type = jem_types_of(types, &arguments[i].die);
		arguments[i].size = jem_types_get(types, arguments[i].type)->size;
	}
	return count;
}

/* The arguments of the function whose frame it is, once. */
static void know_physical(struct jem_compiler *c)
{
	if (!c->has_arguments)
		c->argument_count = jem_variables_arguments(c, c->request->physical, c->arguments);
	c->has_arguments = true;
}

/* The slots are those of the arguments that are shown. */
static uint32_t place_among_shown(struct jem_compiler *c, unsigned index)
{
	uint32_t place = 0;

	for (unsigned i = 0; i < index; i++)
		place += !is_phantom(&c->arguments[i].die);
	return place;
}

/* Which argument the register brought: the one that its location list says was there at entry. */
static bool argument_of(struct jem_compiler *c, unsigned reg, uint32_t *ret)
{
	Dwarf_Addr entry;

	know_physical(c);
	if (dwarf_entrypc(c->request->physical, &entry) != 0)
		return false;
	for (unsigned i = 0; i < c->argument_count; i++) {
		Dwarf_Attribute attr;
		Dwarf_Op *ops;
		size_t count;

		if (!c->arguments[i].is_concrete ||
		    !dwarf_attr(&c->arguments[i].die, DW_AT_location, &attr) ||
		    dwarf_getlocation_addr(&attr, entry, &ops, &count, 1) != 1)
			continue;
		if (count != 1 || ops[0].atom != DW_OP_reg0 + reg)
			continue;
		*ret = place_among_shown(c, i);
		return !is_phantom(&c->arguments[i].die);
	}
	return false;
}

/* The decoder takes the value from the enter record, which has it by the argument's place. */
static void name_entry(struct jem_compiler *c, struct jem_place *place)
{
	uint32_t index;

	if (place->kind != JEM_PLACE_MISSING || place->missing != JEM_MISSING_ENTRY_VALUE)
		return;
	/* at the enter hook itself there is no earlier record: what the prologue has lost is lost */
	if ((c->request->kind == JEM_PLAN_ENTER &&
	     c->request->scope->addr == c->request->physical->addr) ||
	    !argument_of(c, place->entry, &index)) {
		place->missing = JEM_MISSING_OPTIMISED_OUT;
		place->entry = 0;
		return;
	}
	place->entry = index;
	if (c->request->scope->addr != c->request->physical->addr)
		place->entry |= JEM_SLOT_ENTRY_OF_FRAME;
}

/* A location that is damaged, or in words that nobody here understands, costs its variable only. */
static void find(struct jem_compiler *c, Dwarf_Die *die, uint32_t size, struct jem_place *ret)
{
	uint32_t begin = c->plan->op_count;

	c->is_cleared = false;
	c->frame_read_count = 0;
	if (jem_location_find(c, die, size, ret) >= 0)
		return;
	c->unsound_count++;
	c->plan->op_count = begin;
	*ret = (struct jem_place){ .kind = JEM_PLACE_MISSING,
				   .missing = JEM_MISSING_UNSUPPORTED,
				   .size = size };
}

/* At the enter hook of the function itself the code knows better than DWARF in two cases. */
static void ask_prologue(struct jem_compiler *c, unsigned index, struct jem_place *place)
{
	struct jem_place other;
	Dwarf_Die die = c->arguments[index].die;
	enum jem_class classes[2];
	bool is_missing = place->kind == JEM_PLACE_MISSING;
	bool is_stale = !is_missing && jem_prologue_is_stale(c, place, c->arguments[index].size);

	if (!is_stale &&
	    !(is_missing && place->missing == JEM_MISSING_OPTIMISED_OUT &&
	      is_flag(c->request->physical, DW_AT_external) && jem_prologue_is_global(c)))
		return;
	jem_abi_classify(c->request->types, &die, c->arguments[index].type, classes);
	if (is_stale && classes[0] == JEM_CLASS_NONE)
		return; /* an empty class: nothing is stored ever */
	jem_prologue_argument(c, c->arguments, c->argument_count, index, &other);
	if (other.kind != JEM_PLACE_MISSING || is_stale)
		*place = other;
}

static void compile_arguments(struct jem_compiler *c, Dwarf_Die *scope, unsigned role)
{
	const struct jem_plan_request *r = c->request;
	bool is_physical = scope->addr == r->physical->addr;
	struct jem_argument own[JEM_ARGUMENTS_MAX], *list = own;
	unsigned count;

	if (is_physical) {
		know_physical(c);
		list = c->arguments;
		count = c->argument_count;
	} else {
		count = jem_variables_arguments(c, scope, own);
	}
	for (unsigned i = 0; i < count; i++) {
		uint32_t mark = jem_code_mark(c);
		struct jem_place place = { .kind = JEM_PLACE_MISSING,
					   .missing = JEM_MISSING_OPTIMISED_OUT };

		/* whether a base is to be built, which table is to be used: the compiler's own */
		if (is_phantom(&list[i].die))
			continue;
		if (list[i].is_concrete)
			find(c, &list[i].die, list[i].size, &place);
		if (is_physical && r->kind == JEM_PLAN_ENTER && r->scope->addr == scope->addr)
			ask_prologue(c, i, &place);
		else if (is_physical && jem_initial_is_partial(c, &place, list[i].size))
			place = (struct jem_place){ .kind = JEM_PLACE_MISSING,
						    .missing = JEM_MISSING_OPTIMISED_OUT };
		name_entry(c, &place);
		/* what a constructor is about to make is nothing yet, and its pointers lead anywhere */
		c->is_raw = r->kind == JEM_PLAN_ENTER && r->scope->addr == scope->addr &&
			    is_made(scope, &list[i].die);
		jem_variables_slot(c, role, dwarf_diename(&list[i].die), list[i].type,
				   decl_line(&list[i].die), &place);
		c->is_raw = false;
		jem_code_release(c, mark);
	}
}

/* --- locals ------------------------------------------------------------------------------------- */

static void compile_local(struct jem_compiler *c, Dwarf_Die *die, unsigned role)
{
	struct jem_place place;
	uint32_t mark = jem_code_mark(c);
	uint32_t type;

	/* what the compiler made up has no meaning to a person; declarations stand elsewhere */
	if (is_flag(die, DW_AT_artificial) || is_flag(die, DW_AT_declaration))
		return;
	type = jem_types_of(c->request->types, die);
	find(c, die, jem_types_get(c->request->types, type)->size, &place);
	name_entry(c, &place);
	jem_variables_slot(c, role, dwarf_diename(die), type, decl_line(die), &place);
	jem_code_release(c, mark);
}

/* A block without addresses is part of what is around it (as gdb has it). */
static bool is_open(struct jem_compiler *c, Dwarf_Die *block)
{
	return dwarf_haspc(block, c->pc) > 0 ||
	       (!dwarf_hasattr(block, DW_AT_low_pc) && !dwarf_hasattr(block, DW_AT_ranges));
}

static void compile_locals(struct jem_compiler *c, Dwarf_Die *scope, unsigned role,
			   unsigned nesting)
{
	Dwarf_Die child;

	if (nesting > NESTING_MAX || dwarf_child(scope, &child) != 0)
		return;
	do {
		int tag = dwarf_tag(&child);

		if (tag == DW_TAG_variable)
			compile_local(c, &child, role);
		if (tag != DW_TAG_lexical_block)
			continue;
		jem_reach_block(c, &child);
		if (is_open(c, &child))
			compile_locals(c, &child, role, nesting + 1);
	} while (dwarf_siblingof(&child, &child) == 0);
}

void jem_variables_compile(struct jem_compiler *c, Dwarf_Die *scope, unsigned argument_role,
			   unsigned local_role)
{
	if (argument_role)
		compile_arguments(c, scope, argument_role);
	if (local_role)
		compile_locals(c, scope, local_role, 0);
}
