/* SPDX-License-Identifier: Apache-2.0 */
/*
 * types: DWARF types into the image's table, each once.
 *
 * Standard strings, containers and smart pointers of libstdc++ (and libc++ where it is cheap) are known
 * by name and checked by shape: one whose members are not as expected stays a struct.
 */
#ifndef JEM_TRACER_SYMBOLS_TYPES_H
#define JEM_TRACER_SYMBOLS_TYPES_H

#include "common/buf.h"
#include "tracer/symbols/image.h"
#include "tracer/symbols/strings.h"

#include <elfutils/libdw.h>

struct jem_types;

/* How a value of a standard type is walked: what is to be compiled, and where. */
enum jem_shape_kind {
	JEM_SHAPE_PLAIN = 0, /* nothing special */
	JEM_SHAPE_STRING,    /* text at *begin, *size characters (the text inside the object too) */
	JEM_SHAPE_RANGE,     /* elements from *begin to *end */
	JEM_SHAPE_COUNTED, /* *size elements from *begin on; no size offset: `count` of the type */
	JEM_SHAPE_DEQUE,   /* see below */
	JEM_SHAPE_LIST, /* from *begin, next node at *(node + next), until back at object + begin */
	JEM_SHAPE_CHAIN,   /* the same, until 0: forward_list, unordered containers */
	JEM_SHAPE_TREE,    /* red-black: leftmost node *begin, node: parent at 8, left 16, right 24;
			      * ends at the header, object + header */
	JEM_SHAPE_POINTER, /* one element at *begin, if that is not 0 */
	JEM_SHAPE_OPTIONAL, /* element at offset 0 if the byte at `size` is not 0 */
	JEM_SHAPE_BITS,     /* bitset: from offset 0 on, `count` of the type */
	JEM_SHAPE_BIT_RANGE, /* vector<bool>: word at *begin, end word at *end and 4 bytes of bits after it */
};

#define JEM_SHAPE_NONE 0xffffffffu

/*
 * Offsets in the object unless said otherwise; JEM_SHAPE_NONE: not there. A DEQUE: *begin is the first
 * element's address, *(begin + 16) the end of its block, *(begin + 24) its place in the map of blocks;
 * *end is behind the last element, `block` bytes are in each block.
 */
struct jem_shape {
	uint8_t kind; /* enum jem_shape_kind */
	uint32_t begin, end, size;
	uint32_t header;       /* of a TREE */
	uint32_t next, value;  /* in a node */
	uint32_t block;        /* of a DEQUE */
	uint32_t element;      /* type */
	uint32_t element_size; /* bytes */
};

/* Of a type that jem_types_get has been asked for; never NULL. */
const struct jem_shape *jem_types_shape(struct jem_types *types, uint32_t id);

/* `strings` is borrowed and outlives it. */
int jem_types_create(struct jem_strings *strings, struct jem_types **ret);
void jem_types_destroy(struct jem_types *types);

/* The type of a variable, parameter, member or function (its DW_AT_type); 0: void or none. */
uint32_t jem_types_of(struct jem_types *types, Dwarf_Die *die);

/*
 * Never NULL: id 0 is void. What stands behind a pointer is known by name only until it is asked for here:
 * then its members follow, and the types of those. Pointers stay valid as long as `types`.
 */
const struct jem_image_type *jem_types_get(struct jem_types *types, uint32_t id);
const struct jem_image_member *jem_types_members(struct jem_types *types, uint32_t id);
struct jem_strings *jem_types_strings(struct jem_types *types);

/* The qualified names that types are called by; owned by `types`. */
struct jem_scopes *jem_types_scopes(struct jem_types *types);

/* `int ns::f(int, const T &) const` of a function called `name`; without its return type if so asked. */
void jem_types_signature(struct jem_types *types, Dwarf_Die *function, const char *name,
			 bool has_return, struct jem_buf *out);

/* Into the image: all types and members, in place. Those that nobody asked for are incomplete. */
size_t jem_types_count(const struct jem_types *types);
size_t jem_types_member_count(const struct jem_types *types);
void jem_types_copy(struct jem_types *types, struct jem_image_type *types_out,
		    struct jem_image_member *members_out);

#endif
