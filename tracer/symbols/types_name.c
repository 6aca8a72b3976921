/* SPDX-License-Identifier: Apache-2.0 */
/*
 * types_name: types as a person writes them. A C declarator grows from the inside out: `inner` is what has
 * been written of it so far, and each pointer, array or function puts its part around it.
 */
#include "tracer/symbols/types_internal.h"

#include <dwarf.h>
#include <stdio.h>
#include <string.h>

static void spell(struct jem_types *types, Dwarf_Die *die, const char *inner, struct jem_buf *out,
		  unsigned depth);

/* C says `struct node`, C++ `node`. */
static bool is_c(Dwarf_Die *die)
{
	Dwarf_Die unit;

	if (!dwarf_diecu(die, &unit, NULL, NULL))
		return false;
	switch (dwarf_srclang(&unit)) {
	case DW_LANG_C:
	case DW_LANG_C89:
	case DW_LANG_C99:
	case DW_LANG_C11:
		return true;
	default:
		return false;
	}
}

static void append_inner(const char *inner, struct jem_buf *out)
{
	if (!inner[0])
		return;
	jem_buf_add_char(out, ' ');
	jem_buf_add_str(out, inner);
}

static void append_tag(Dwarf_Die *die, struct jem_buf *out)
{
	if (!is_c(die))
		return;
	switch (dwarf_tag(die)) {
	case DW_TAG_structure_type:
		jem_buf_add_str(out, "struct ");
		break;
	case DW_TAG_union_type:
		jem_buf_add_str(out, "union ");
		break;
	case DW_TAG_enumeration_type:
		jem_buf_add_str(out, "enum ");
		break;
	}
}

static void spell_target(struct jem_types *types, Dwarf_Die *die, const char *inner,
			 struct jem_buf *out, unsigned depth)
{
	Dwarf_Die target;
	bool has_target = jem_die_type(die, &target);

	spell(types, has_target ? &target : NULL, inner, out, depth + 1);
}

/* Pointers to arrays and functions need parentheses. */
static void spell_pointer(struct jem_types *types, Dwarf_Die *die, const char *mark,
			  const char *inner, struct jem_buf *out, unsigned depth)
{
	char next[SPELL_BYTES_MAX];
	Dwarf_Die target;
	bool is_around =
		jem_die_type(die, &target) && (dwarf_tag(&target) == DW_TAG_array_type ||
					       dwarf_tag(&target) == DW_TAG_subroutine_type);

	snprintf(next, sizeof(next), "%s%s%s%s", is_around ? "(" : "", mark, inner,
		 is_around ? ")" : "");
	spell_target(types, die, next, out, depth);
}

static void spell_array(struct jem_types *types, Dwarf_Die *die, const char *inner,
			struct jem_buf *out, unsigned depth)
{
	char next[SPELL_BYTES_MAX];
	size_t len = (size_t)snprintf(next, sizeof(next), "%s", inner);
	Dwarf_Die child;

	if (dwarf_child(die, &child) == 0) {
		do {
			Dwarf_Attribute attribute;
			Dwarf_Word value;

			if (dwarf_tag(&child) != DW_TAG_subrange_type || len >= sizeof(next))
				continue;
			if (dwarf_attr(&child, DW_AT_count, &attribute) &&
			    dwarf_formudata(&attribute, &value) == 0)
				;
			else if (dwarf_attr(&child, DW_AT_upper_bound, &attribute) &&
				 dwarf_formudata(&attribute, &value) == 0)
				value++;
			else
				value = 0;
			len += (size_t)(value ? snprintf(next + len, sizeof(next) - len, "[%llu]",
							 (unsigned long long)value)
					      : snprintf(next + len, sizeof(next) - len, "[]"));
		} while (jem_die_next(&child));
	}
	spell_target(types, die, next, out, depth);
}

static void append_parameters(struct jem_types *types, Dwarf_Die *function, struct jem_buf *out,
			      unsigned depth)
{
	Dwarf_Die child;
	size_t count = 0;

	jem_buf_add_char(out, '(');
	if (dwarf_child(function, &child) == 0) {
		do {
			int tag = dwarf_tag(&child);

			if ((tag != DW_TAG_formal_parameter &&
			     tag != DW_TAG_unspecified_parameters) ||
			    dwarf_hasattr(&child, DW_AT_artificial))
				continue;
			if (count++)
				jem_buf_add_str(out, ", ");
			if (tag == DW_TAG_formal_parameter)
				spell_target(types, &child, "", out, depth);
			else
				jem_buf_add_str(out, "...");
		} while (jem_die_next(&child));
	}
	if (!count && is_c(function) && dwarf_hasattr(function, DW_AT_prototyped))
		jem_buf_add_str(out, "void");
	jem_buf_add_char(out, ')');
}

static void spell_function(struct jem_types *types, Dwarf_Die *die, const char *inner,
			   struct jem_buf *out, unsigned depth)
{
	struct jem_buf next;

	jem_buf_init(&next, SPELL_BYTES_MAX);
	jem_buf_add_str(&next, inner);
	append_parameters(types, die, &next, depth);
	spell_target(types, die, jem_buf_cstr(&next), out, depth);
	jem_buf_deinit(&next);
}

/* const and the like stand before what they are of, but behind the * of a pointer. */
static void spell_qualified(struct jem_types *types, Dwarf_Die *die, const char *word,
			    const char *inner, struct jem_buf *out, unsigned depth)
{
	char next[SPELL_BYTES_MAX];
	Dwarf_Die target;

	if (!jem_die_type(die, &target)) {
		jem_buf_printf(out, "%s ", word);
		spell(types, NULL, inner, out, depth + 1);
		return;
	}
	if (dwarf_tag(&target) != DW_TAG_pointer_type) {
		Dwarf_Die next_target;

		/* whichever of the two the compiler names first */
		if (!strcmp(word, "volatile") && dwarf_tag(&target) == DW_TAG_const_type &&
		    jem_die_type(&target, &next_target)) {
			word = "const volatile";
			target = next_target;
		}
		jem_buf_printf(out, "%s ", word);
		spell(types, &target, inner, out, depth + 1);
		return;
	}
	snprintf(next, sizeof(next), "%s%s%s", word, inner[0] && inner[0] != '[' ? " " : "", inner);
	spell(types, &target, next, out, depth + 1);
}

static void spell_member_pointer(struct jem_types *types, Dwarf_Die *die, const char *inner,
				 struct jem_buf *out, unsigned depth)
{
	Dwarf_Attribute attribute;
	struct jem_buf mark;
	Dwarf_Die class;

	jem_buf_init(&mark, SPELL_BYTES_MAX);
	if (dwarf_formref_die(dwarf_attr(die, DW_AT_containing_type, &attribute), &class))
		jem_scopes_name(types->scopes, &class, &mark);
	jem_buf_add_str(&mark, "::*");
	spell_pointer(types, die, jem_buf_cstr(&mark), inner, out, depth);
	jem_buf_deinit(&mark);
}

static void spell(struct jem_types *types, Dwarf_Die *die, const char *inner, struct jem_buf *out,
		  unsigned depth)
{
	if (!die || depth > SPELL_DEPTH_MAX) {
		jem_buf_add_str(out, die ? "..." : "void");
		append_inner(inner, out);
		return;
	}
	switch (dwarf_tag(die)) {
	case DW_TAG_pointer_type:
		spell_pointer(types, die, "*", inner, out, depth);
		break;
	case DW_TAG_reference_type:
		spell_pointer(types, die, "&", inner, out, depth);
		break;
	case DW_TAG_rvalue_reference_type:
		spell_pointer(types, die, "&&", inner, out, depth);
		break;
	case DW_TAG_ptr_to_member_type:
		spell_member_pointer(types, die, inner, out, depth);
		break;
	case DW_TAG_array_type:
		spell_array(types, die, inner, out, depth);
		break;
	case DW_TAG_subroutine_type:
		spell_function(types, die, inner, out, depth);
		break;
	case DW_TAG_const_type:
		spell_qualified(types, die, "const", inner, out, depth);
		break;
	case DW_TAG_volatile_type:
		spell_qualified(types, die, "volatile", inner, out, depth);
		break;
	case DW_TAG_restrict_type:
		spell_qualified(types, die, "restrict", inner, out, depth);
		break;
	case DW_TAG_atomic_type:
		spell_qualified(types, die, "_Atomic", inner, out, depth);
		break;
	default:
		append_tag(die, out);
		jem_scopes_name(types->scopes, die, out);
		append_inner(inner, out);
	}
}

/* Cut at the bound, which is then told. */
void jem_types_spell(struct jem_types *types, Dwarf_Die *die, const char *inner,
		     struct jem_buf *out)
{
	struct jem_buf text;

	jem_buf_init(&text, 0);
	spell(types, die, inner, &text, 0);
	if (text.len > SPELL_BYTES_MAX - 8) {
		text.len = SPELL_BYTES_MAX - 8;
		jem_buf_add_str(&text, "...");
	}
	jem_buf_add(out, text.data, text.len);
	jem_buf_deinit(&text);
}

/* Constructors and destructors have no return type. */
static bool is_structor(const char *name)
{
	const char *last = name, *before = name; /* the last components */
	unsigned depth = 0;

	for (const char *at = name; *at; at++) {
		if (*at == '<' || *at == '(')
			depth++;
		else if ((*at == '>' || *at == ')') && depth)
			depth--;
		else if (!depth && at[0] == ':' && at[1] == ':') {
			before = last;
			last = at + 2;
			if (!strncmp(last, "operator", 8))
				return false;
		}
	}
	return last != name && (last[0] == '~' || (strcspn(last, "<") == strcspn(before, "<:") &&
						   !strncmp(last, before, strcspn(last, "<"))));
}

static bool is_const_method(Dwarf_Die *function)
{
	Dwarf_Die child, pointer, target;

	if (dwarf_child(function, &child) != 0 || dwarf_tag(&child) != DW_TAG_formal_parameter ||
	    !dwarf_hasattr(&child, DW_AT_artificial) || !jem_die_type(&child, &pointer))
		return false;
	if (dwarf_tag(&pointer) == DW_TAG_const_type && !jem_die_type(&pointer, &pointer))
		return false;
	return dwarf_tag(&pointer) == DW_TAG_pointer_type && jem_die_type(&pointer, &target) &&
	       dwarf_tag(&target) == DW_TAG_const_type;
}

void jem_types_signature(struct jem_types *types, Dwarf_Die *function, const char *name,
			 bool has_return, struct jem_buf *out)
{
	struct jem_buf inner;
	Dwarf_Die type;

	jem_buf_init(&inner, 2 * SPELL_BYTES_MAX);
	jem_buf_add_str(&inner, name);
	append_parameters(types, function, &inner, 0);
	if (is_const_method(function))
		jem_buf_add_str(&inner, " const");
	if (!has_return || is_structor(name))
		jem_buf_add_str(out, jem_buf_cstr(&inner));
	else
		spell(types, jem_die_type(function, &type) ? &type : NULL, jem_buf_cstr(&inner),
		      out, 0);
	jem_buf_deinit(&inner);
}
