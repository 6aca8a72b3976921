/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index: which function an address belongs to, inlined instances too.
 *
 * Flow:      all units' functions by address -> the bodies of those that are asked for (they call a hook, or
 *            an included function) -> intervals -> innermost scope at an address
 * Ownership: owns its lists; entries of the debug data are borrowed of the Dwarf, which outlives it
 * Bound:     JEM_INDEX_SCOPES_MAX scopes; `is_cut` tells
 *
 * libdw's own look-ups walk a unit for every question, know one tree only at an inlined instance, and find
 * nothing under -flto; so the entries are walked once here (DWARF 5, section 3.3).
 */
#ifndef JEM_TRACER_SYMBOLS_INDEX_H
#define JEM_TRACER_SYMBOLS_INDEX_H

#include "tracer/symbols/lines.h"
#include "tracer/symbols/scopes.h"
#include "tracer/symbols/sites.h"
#include "tracer/symbols/symtab.h"

#define JEM_INDEX_SCOPES_MAX (3u << 20)

/* A function of the source. Its clones and instances share it, of all units. */
struct jem_function {
	Dwarf_Die root;        /* what says the most of it; addr NULL: known by its symbol only */
	Dwarf_Die place;       /* what says its file; addr NULL: nothing does */
	uint32_t name;         /* string: qualified */
	uint32_t linkage_name; /* string */
	uint32_t file, line;   /* file once jem_index_ask_files is resolved */
	uint64_t address;      /* of the body, 0: none; not of a clone where there is another */
	uint32_t body;         /* the scope of that */
	bool is_asked;         /* for its file */
	bool is_included;      /* for the user of the index */
	uint32_t number;       /* the same */
};

/* A body or an inlined instance. */
struct jem_scope {
	const char *die; /* Dwarf_Die.addr */
	Dwarf_CU *unit;
	uint32_t function;
	uint32_t parent; /* the scope that an inlined instance stands in; 0: a physical function */
	uint32_t call_file; /* number in the unit's table */
	uint32_t call_line;
	uint64_t entry; /* of a physical function: where it begins */
	bool has_hooks; /* of a physical function */
};

struct jem_index;

/* Finds the functions and walks the bodies that have hooks. */
int jem_index_create(const struct jem_debug *debug, const struct jem_hooks *hooks,
		     const struct jem_symtab *symtab, struct jem_scopes *scopes,
		     struct jem_strings *strings, struct jem_index **ret);
void jem_index_destroy(struct jem_index *index);

/* Walks the body that has `pc`, if it has not been yet. */
int jem_index_walk_at(struct jem_index *index, uint64_t pc);

/* Makes the intervals of what has been walked; again after more walks. */
int jem_index_finish(struct jem_index *index);

/* Gives back what only walks and jem_index_finish need, neither of which may follow. */
void jem_index_seal(struct jem_index *index);

/* The innermost scope at `pc`, 0: none is known. Needs jem_index_finish. */
uint32_t jem_index_find(struct jem_index *index, uint64_t pc);

/* Scopes and functions are numbered from 1; scopes may move with walks, functions with new ones. */
size_t jem_index_scope_count(const struct jem_index *index);
const struct jem_scope *jem_index_scope(const struct jem_index *index, uint32_t scope);
uint32_t jem_index_physical(const struct jem_index *index, uint32_t scope);
Dwarf_Die jem_index_die(const struct jem_index *index, uint32_t scope);
size_t jem_index_function_count(const struct jem_index *index);
struct jem_function *jem_index_function(const struct jem_index *index, uint32_t function);

/* The function that the symbol table has at `pc`, made if need be; 0: none. */
uint32_t jem_index_symbol(struct jem_index *index, uint64_t pc);

/* Asks for the files of all functions that have not been asked for. */
int jem_index_ask_files(struct jem_index *index, struct jem_lines *lines);

/* Bounds of the part of a physical function that has `pc`; false: not in it. */
bool jem_index_part(const struct jem_index *index, uint32_t physical, uint64_t pc, uint64_t *low,
		    uint64_t *high);

/* Why not everything is known; "" if nothing is missing. */
const char *jem_index_note(const struct jem_index *index);

#endif
