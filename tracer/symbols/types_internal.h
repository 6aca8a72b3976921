/* SPDX-License-Identifier: Apache-2.0 */
/* types_internal: what the files of types share. */
#ifndef JEM_TRACER_SYMBOLS_TYPES_INTERNAL_H
#define JEM_TRACER_SYMBOLS_TYPES_INTERNAL_H

#include "tracer/symbols/scopes.h"
#include "tracer/symbols/types.h"

enum {
	TYPE_CHUNK = 1024,
	MEMBER_CHUNK = 8192, /* members of one type are in one chunk */
	TYPE_DEPTH_MAX = 32,
	SPELL_DEPTH_MAX = 24,
	SPELL_BYTES_MAX = 1024
};

enum type_state {
	TYPE_DONE,
	TYPE_LAZY, /* members are not read yet */
	TYPE_BUSY, /* they are being read: one that holds itself is damaged */
};

/* What is not in the image. */
struct type_more {
	Dwarf_Die die; /* of a struct, union or enum */
	uint32_t base; /* the same type without typedefs and qualifiers; 0: this one is it */
	uint8_t state; /* enum type_state */
	struct jem_shape shape;
};

struct type_chunk {
	struct jem_image_type types[TYPE_CHUNK];
	struct type_more more[TYPE_CHUNK];
};

struct type_key {
	uint64_t key; /* 0: free */
	uint32_t type;
};

struct type_map {
	struct type_key *list;
	size_t count, mask;
};

struct definitions;

struct jem_types {
	struct jem_strings *strings; /* borrowed, outlives us */
	struct jem_scopes *scopes;   /* owned, as all that follows */
	struct type_chunk **chunks;
	size_t count; /* 0 is void */
	struct jem_image_member **member_chunks;
	size_t member_count;
	struct type_map by_die;
	struct type_map by_content;
	struct jem_buf text;
	struct definitions *definitions; /* NULL until a unit only declares what is asked for */
};

struct jem_image_type *jem_type_at(struct jem_types *types, uint32_t id);
struct type_more *jem_type_more(struct jem_types *types, uint32_t id);

/* The type of a type entry (not of a variable), by its DIE. */
uint32_t jem_types_resolve(struct jem_types *types, Dwarf_Die *die, unsigned depth);

/* DW_AT_type, its own or its origin's. False: void. */
bool jem_die_type(Dwarf_Die *die, Dwarf_Die *ret);

/* Through typedefs and qualifiers; false: ends in void. */
bool jem_die_strip(Dwarf_Die *die, Dwarf_Die *ret);

/* types_name.c: the type as a person writes it; `die` NULL is void. */
void jem_types_spell(struct jem_types *types, Dwarf_Die *die, const char *inner,
		     struct jem_buf *out);

/* types_members.c */
void jem_types_read_members(struct jem_types *types, uint32_t id);

/* types_definition.c: the one definition of what is declared here; false: there is none, or no telling. */
bool jem_types_find_definition(struct jem_types *types, Dwarf_Die *declaration, Dwarf_Die *ret);
void jem_types_forget_definitions(struct jem_types *types);

/* types_shape.c: makes a string, container or pointer of a struct that looks like one. */
void jem_types_recognise(struct jem_types *types, uint32_t id);

#endif
