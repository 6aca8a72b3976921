/* SPDX-License-Identifier: Apache-2.0 */
/* System V ABI of x86-64, section 3.2.3: classes of arguments and return values. */
#include "tracer/symbols/compile.h"

#include <dwarf.h>
#include <string.h>

#define NESTING_MAX  16
#define ELEMENTS_MAX 16 /* of 1 byte in two eightbytes */

static void merge(enum jem_class classes[2], uint64_t offset, uint32_t size, enum jem_class class)
{
	for (uint64_t i = offset / 8; size && i <= (offset + size - 1) / 8 && i < 2; i++) {
		if (classes[i] == JEM_CLASS_UNKNOWN || class == JEM_CLASS_UNKNOWN)
			classes[i] = JEM_CLASS_UNKNOWN;
		else if (classes[i] == JEM_CLASS_NONE || class == JEM_CLASS_INTEGER)
			classes[i] = class;
	}
}

static void classify(struct jem_types *types, uint32_t id, uint64_t offset, unsigned nesting,
		     enum jem_class classes[2])
{
	const struct jem_image_type *type = jem_types_get(types, id);

	if (nesting > NESTING_MAX || offset >= 16)
		return;
	switch (type->kind) {
	case JEM_TYPE_SIGNED:
	case JEM_TYPE_UNSIGNED:
	case JEM_TYPE_BOOL:
	case JEM_TYPE_CHAR:
	case JEM_TYPE_ENUM:
	case JEM_TYPE_POINTER:
	case JEM_TYPE_REFERENCE:
	case JEM_TYPE_MEMBER_POINTER:
		merge(classes, offset, type->size, JEM_CLASS_INTEGER);
		return;
	case JEM_TYPE_FLOAT:
	case JEM_TYPE_FLOAT128:
	case JEM_TYPE_COMPLEX:
		merge(classes, offset, type->size,
		      type->size > 8 && type->kind == JEM_TYPE_FLOAT ? JEM_CLASS_UNKNOWN
								     : JEM_CLASS_SSE);
		return;
	case JEM_TYPE_ARRAY: {
		const struct jem_image_type *element = jem_types_get(types, type->target);

		for (uint32_t i = 0; i < type->count && i < ELEMENTS_MAX && element->size; i++)
			classify(types, type->target, offset + (uint64_t)i * element->size,
				 nesting + 1, classes);
		return;
	}
	case JEM_TYPE_STRUCT:
	case JEM_TYPE_UNION: {
		const struct jem_image_member *members = jem_types_members(types, id);

		for (uint32_t i = 0; i < type->member_count; i++) {
			if (members[i].flags & JEM_MEMBER_BIT_FIELD)
				merge(classes, offset + members[i].offset / 8, 1,
				      JEM_CLASS_INTEGER);
			else
				classify(types, members[i].type, offset + members[i].offset,
					 nesting + 1, classes);
		}
		return;
	}
	case JEM_TYPE_STRING_VIEW:
	case JEM_TYPE_SPAN:
		merge(classes, offset, type->size, JEM_CLASS_INTEGER);
		return;
	default:
		merge(classes, offset, type->size, JEM_CLASS_UNKNOWN);
	}
}

/* --- C++ classes without DW_AT_calling_convention (gcc) ------------------------------------------- */

#define CLASS_NESTING_MAX 8

static bool has_flag(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attr;
	bool is = false;

	return dwarf_formflag(dwarf_attr(die, name, &attr), &is) == 0 && is;
}

static bool type_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attr;

	return dwarf_formref_die(dwarf_attr(die, DW_AT_type, &attr), ret) &&
	       dwarf_peel_type(ret, ret) == 0;
}

/* The constructor's second parameter, behind `this`, refers to an object of its own class. */
static bool is_copying(Dwarf_Die *constructor, Dwarf_Die *class)
{
	Dwarf_Die child, type;
	unsigned seen = 0;

	if (dwarf_child(constructor, &child) != 0)
		return false;
	do {
		if (dwarf_tag(&child) != DW_TAG_formal_parameter || seen++ == 0)
			continue;
		if (!type_of(&child, &type) || (dwarf_tag(&type) != DW_TAG_reference_type &&
						dwarf_tag(&type) != DW_TAG_rvalue_reference_type))
			return false;
		return type_of(&type, &type) && type.addr == class->addr;
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

/* A destructor, copy or move constructor that somebody wrote. */
static bool is_special(Dwarf_Die *function, Dwarf_Die *class, const char *class_name)
{
	const char *name = dwarf_diename(function);
	size_t len = strcspn(class_name, "<");

	if (!name || has_flag(function, DW_AT_artificial) ||
	    dwarf_hasattr(function, DW_AT_defaulted))
		return false;
	if (name[0] == '~')
		return true;
	return !strncmp(name, class_name, len) && (!name[len] || name[len] == '<') &&
	       is_copying(function, class);
}

/* Not trivial for the purposes of calls: an object of it is passed by its address (Itanium C++ ABI 1.1). */
static bool is_nontrivial(Dwarf_Die *class, unsigned nesting)
{
	const char *name = dwarf_diename(class);
	Dwarf_Die child, type;

	if (nesting > CLASS_NESTING_MAX || dwarf_child(class, &child) != 0)
		return false;
	if (dwarf_hasattr(class, DW_AT_containing_type))
		return true; /* virtual functions */
	do {
		int tag = dwarf_tag(&child);

		if (tag == DW_TAG_subprogram && is_special(&child, class, name ? name : ""))
			return true;
		if (tag != DW_TAG_member && tag != DW_TAG_inheritance)
			continue;
		if (tag == DW_TAG_inheritance && dwarf_hasattr(&child, DW_AT_virtuality))
			return true;
		if (has_flag(&child, DW_AT_external) || !type_of(&child, &type))
			continue;
		while (dwarf_tag(&type) == DW_TAG_array_type && type_of(&type, &type))
			;
		if (dwarf_tag(&type) != DW_TAG_pointer_type && is_nontrivial(&type, nesting + 1))
			return true;
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

static bool is_cplusplus(Dwarf_Die *die)
{
	Dwarf_Die unit;
	int language = dwarf_diecu(die, &unit, NULL, NULL) ? dwarf_srclang(&unit) : -1;

	return language != DW_LANG_C && language != DW_LANG_C89 && language != DW_LANG_C99 &&
	       language != DW_LANG_C11;
}

/*
 * clang describes what the library instantiates by declarations only. All of these manage memory, and so
 * none is trivial.
 */
static bool is_known_to_be_nontrivial(Dwarf_Die *class)
{
	static const char *const names[] = { "basic_string<",  "vector<",
					     "list<",          "deque<",
					     "map<",           "set<",
					     "multimap<",      "multiset<",
					     "unordered_map<", "unordered_set<",
					     "shared_ptr<",    "unique_ptr<",
					     "forward_list<",  "basic_ostringstream<" };
	const char *name = dwarf_diename(class);

	for (size_t i = 0; name && i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	return false;
}

/* DW_CC_pass_by_reference, DW_CC_pass_by_value, or 0 where it cannot be told. */
static unsigned convention(Dwarf_Die *holder)
{
	Dwarf_Attribute attr;
	Dwarf_Die type;
	Dwarf_Word word;

	if (!dwarf_formref_die(dwarf_attr_integrate(holder, DW_AT_type, &attr), &type) ||
	    dwarf_peel_type(&type, &type) != 0)
		return 0;
	if (dwarf_formudata(dwarf_attr(&type, DW_AT_calling_convention, &attr), &word) == 0)
		return (unsigned)word;
	if (!is_cplusplus(holder))
		return DW_CC_pass_by_value;
	if (has_flag(&type, DW_AT_declaration))
		return is_known_to_be_nontrivial(&type) ? DW_CC_pass_by_reference : 0;
	return is_nontrivial(&type, 0) ? DW_CC_pass_by_reference : DW_CC_pass_by_value;
}

static bool is_class(unsigned kind)
{
	return kind == JEM_TYPE_STRUCT || kind == JEM_TYPE_UNION || kind >= JEM_TYPE_STRING;
}

void jem_abi_classify(struct jem_types *types, Dwarf_Die *holder, uint32_t id,
		      enum jem_class classes[2])
{
	const struct jem_image_type *type = jem_types_get(types, id);

	classes[0] = classes[1] = JEM_CLASS_NONE;
	if (is_class(type->kind)) {
		unsigned says = convention(holder);

		if (says == DW_CC_pass_by_reference)
			classes[0] = JEM_CLASS_POINTER;
		else if (says != DW_CC_pass_by_value)
			classes[0] = JEM_CLASS_UNKNOWN;
		else if (type->size > 16)
			classes[0] = JEM_CLASS_MEMORY;
		if (classes[0] != JEM_CLASS_NONE)
			return;
	} else if (type->kind == JEM_TYPE_FLOAT && type->size > 8) {
		classes[0] = JEM_CLASS_X87;
		return;
	} else if (type->kind == JEM_TYPE_FLOAT128) {
		classes[0] = JEM_CLASS_SSE;
		return;
	} else if (type->size > 16) {
		classes[0] = JEM_CLASS_MEMORY;
		return;
	}
	classify(types, id, 0, 0, classes);
}
