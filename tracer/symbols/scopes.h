/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scopes: the qualified names of functions and types.
 *
 * DWARF has no way from an entry to its parent, and libdw's answer walks the whole unit for every question.
 * So the tree of what gives names to what is in it (namespaces, classes, functions) is kept, and grown only
 * where somebody asks.
 *
 * Ownership: owns the tree; the Dwarf is borrowed and outlives it
 * Bound:     JEM_SCOPE_NODES_MAX nodes; beyond them names are unqualified
 */
#ifndef JEM_TRACER_SYMBOLS_SCOPES_H
#define JEM_TRACER_SYMBOLS_SCOPES_H

#include "common/buf.h"

#include <elfutils/libdw.h>
#include <stdbool.h>

#define JEM_SCOPE_NODES_MAX (4u << 20)
#define JEM_SCOPE_DEPTH_MAX 32

struct jem_scopes;

/* The next sibling; damaged data may point backwards, for ever. */
static inline bool jem_die_next(Dwarf_Die *die)
{
	Dwarf_Die next;

	if (dwarf_siblingof(die, &next) != 0 || (const char *)next.addr <= (const char *)die->addr)
		return false;
	*die = next;
	return true;
}

int jem_scopes_create(struct jem_scopes **ret);
void jem_scopes_destroy(struct jem_scopes *scopes);

/*
 * The entry that says what `die` is: its abstract origin's specification's ..., the one in a type unit; itself,
 * if it has none of these. False if the chain is damaged.
 */
bool jem_scopes_root(Dwarf_Die *die, Dwarf_Die *ret);

/* The first on that way that has the attribute itself. False: none has. */
bool jem_scopes_who_says(Dwarf_Die *die, unsigned attribute, Dwarf_Die *ret);

/* Appends `ns::Class::` of what `die` stands in. */
void jem_scopes_prefix(struct jem_scopes *scopes, Dwarf_Die *die, struct jem_buf *out);

/* Appends the qualified name of a function or type; "(anonymous class)" and the like if it has none. */
void jem_scopes_name(struct jem_scopes *scopes, Dwarf_Die *die, struct jem_buf *out);

#endif
