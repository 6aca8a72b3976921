/* SPDX-License-Identifier: Apache-2.0 */
/* index_internal: what the two files of the index share. */
#ifndef JEM_TRACER_SYMBOLS_INDEX_INTERNAL_H
#define JEM_TRACER_SYMBOLS_INDEX_INTERNAL_H

#include "tracer/symbols/index.h"

/* A concrete function of a unit. */
struct body {
	const char *die;
	Dwarf_CU *unit;
	bool is_walked;
};

/* Addresses [low, high) of a body, or of a scope. */
struct span {
	uint64_t low, high;
	uint32_t of;
	uint32_t depth;
};

struct spans {
	struct span *list;
	size_t count, room;
};

/* Functions by what identifies them: the address of their root entry, or a string. */
struct function_key {
	uint64_t key; /* 0: free */
	uint32_t function;
};

struct jem_index {
	const struct jem_debug *debug;
	const struct jem_hooks *hooks;
	const struct jem_symtab *symtab;
	struct jem_scopes *scopes;
	struct jem_strings *strings;
	struct body *bodies; /* owned, as all that follows */
	size_t body_count, body_room;
	struct spans body_spans;
	struct jem_scope *scope_list; /* 0 unused */
	size_t scope_count, scope_room;
	struct spans scope_spans;
	size_t finished_count; /* scope_spans that the segments are of */
	struct spans segments; /* disjoint, by address */
	size_t last_segment;   /* found: the next question is often of it or near */
	const struct jem_symbol *last_symbol;
	uint32_t last_function;         /* of that */
	struct jem_function *functions; /* 0 unused */
	size_t function_count, function_room;
	struct function_key *keys;
	size_t key_count, key_mask;
	struct jem_buf text;
	const char *note;
	bool is_cut;
};

int jem_spans_add(struct spans *spans, struct span span);
void jem_spans_sort(struct spans *spans);

/* index_walk.c */
int jem_index_find_bodies(struct jem_index *index);
/* Adds those that stand in classes and in bodies that have not been walked. */
int jem_index_find_nested(struct jem_index *index);
int jem_index_walk_body(struct jem_index *index, size_t body);

/* The function of a concrete entry, made if it is new; 0 without memory or name. */
uint32_t jem_index_function_of(struct jem_index *index, Dwarf_Die *die);

#endif
