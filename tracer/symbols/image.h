/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image: what the debug data of one module says of its instrumented functions, ready to use.
 *
 * Flow:      jem-symbols (a process of its own, under a memory limit) writes it into a memfd once per
 *            module and configuration; the daemon maps it, relocates sites and code into the plans of
 *            processes, and decodes their records with it; `jem calls` reads it the same way
 * Ownership: a view borrows the mapping, which outlives it
 * Invariant: jem_image_open checks every offset, index and string once, so that what it accepts can be
 *            followed without further checks; it never writes
 *
 * Addresses are those of the ELF file; the process's are bias more. Strings are offsets into the
 * string section, NUL-terminated, 0 is "". Index 0 of functions and types is "none".
 *
 * The writer may put a later, fuller image behind an earlier one: sections come in any order, with gaps, and
 * the file may be longer than `file_bytes`.
 */
#ifndef JEM_TRACER_SYMBOLS_IMAGE_H
#define JEM_TRACER_SYMBOLS_IMAGE_H

#include "common/err.h"
#include "schemas/ring.h"

#include <stdbool.h>
#include <stddef.h>

#define JEM_IMAGE_MAGIC   "JEMIMG01"
#define JEM_IMAGE_VERSION 2u
#define JEM_IMAGE_MARKS   32 /* for the 256 patterns that there may be */

enum jem_image_section {
	JEM_IMAGE_STRINGS,   /* char */
	JEM_IMAGE_FUNCTIONS, /* struct jem_image_function */
	JEM_IMAGE_SITES,     /* struct jem_image_site, by address */
	JEM_IMAGE_CALLSITES, /* struct jem_image_callsite, by address */
	JEM_IMAGE_CODE,      /* struct jem_plan_op */
	JEM_IMAGE_SLOTS,     /* struct jem_image_slot */
	JEM_IMAGE_TYPES,     /* struct jem_image_type */
	JEM_IMAGE_MEMBERS,   /* struct jem_image_member: members, bases, enumerators */
	JEM_IMAGE_SECTION_COUNT
};

enum jem_image_flags {
	JEM_IMAGE_NO_DEBUG = 1,   /* no DWARF: names from the symbol table, no lines, no values */
	JEM_IMAGE_NOT_TRACED = 2, /* no call of the hooks: not built with -finstrument-functions */
	JEM_IMAGE_INCOMPLETE =
		4, /* part of the debug data was damaged, or the memory limit was near */
	JEM_IMAGE_BAD_DEBUG = 8, /* debug data was found, but does not belong to the module */
};

struct jem_image_header {
	char magic[8];
	uint32_t version;
	uint32_t flags; /* enum jem_image_flags */
	uint64_t file_bytes;
	uint32_t build_id_len;
	uint8_t build_id[JEM_RING_BUILD_MAX];
	uint32_t note; /* string: why values or names are missing, for a person; "" */
	struct {
		uint64_t offset; /* multiple of 8 */
		uint64_t count;  /* elements */
	} sections[JEM_IMAGE_SECTION_COUNT];
	uint8_t marks[JEM_IMAGE_MARKS]; /* a bit for each include pattern that takes something */
};

enum jem_function_flags {
	JEM_FUNCTION_INCLUDED = 1,
	JEM_FUNCTION_METHOD = 2, /* its first argument is `this` */
	JEM_FUNCTION_NO_DEBUG = 4,
	JEM_FUNCTION_VALUES = 8, /* plans were made */
};

/* A function of the source; its clones and inlined instances share it. */
struct jem_image_function {
	uint32_t name;         /* as a person writes it: ns::Class::method */
	uint32_t signature;    /* `double ns::Class::method(int, const Track &) const` */
	uint32_t linkage_name; /* mangled, "" if it has none */
	uint32_t file;    /* source file as the debug data has it, made absolute where it can be */
	uint32_t line;    /* of the declaration */
	uint32_t flags;   /* enum jem_function_flags */
	uint64_t address; /* of the out-of-line body, 0: none */
	uint32_t return_type; /* 0: void */
	uint32_t reserved;
};

/* A hook call, keyed by its return address; with JEM_SITE_TAIL by the function's address. */
struct jem_image_site {
	uint64_t pc;
	uint32_t function;
	uint32_t flags;  /* enum jem_site_flags, without INCLUDED */
	uint32_t caller; /* of an inlined instance: the function it stands in; else 0 */
	uint32_t caller_file;
	uint32_t caller_line; /* of an inlined instance: of the call */
	uint32_t code;        /* first op, 0 with code_count 0: no plan */
	uint32_t code_count;
	uint32_t slot; /* first of its slots */
	uint32_t slot_count;
	uint32_t fixed_words;
};

/* A call instruction in an instrumented function, keyed by its return address. */
struct jem_image_callsite {
	uint64_t pc;
	uint32_t function; /* innermost, inlined ones too */
	uint32_t file;
	uint32_t line; /* of the call */
	uint32_t code, code_count, slot, slot_count, fixed_words;
};

enum jem_slot_role {
	JEM_SLOT_ARGUMENT = 1,
	JEM_SLOT_LOCAL = 2, /* of the function itself */
	JEM_SLOT_RETURN = 3,
	JEM_SLOT_CALLER_LOCAL = 4, /* of the caller: its arguments and locals */
	JEM_SLOT_POINTEE = 5,      /* what a pointer or reference in the parent points to */
	JEM_SLOT_STRING = 6,       /* bytes of a C string, or of a string object in the parent */
	JEM_SLOT_ELEMENTS = 7, /* elements of a container or array behind a pointer, in one cell */
	JEM_SLOT_NODE = 8,     /* one element of a node container a cell: lists, maps, sets */
};

/* Why there is no value. The words are those of the records: "optimised out", ... */
#define JEM_MISSING_REASONS(MISSING)                                                               \
	MISSING(NONE, "")                                                                          \
	MISSING(OPTIMISED_OUT, "optimised out")                                                    \
	MISSING(UNREADABLE, "unreadable")                                                          \
	MISSING(TRUNCATED, "truncated")                                                            \
	MISSING(UNINITIALISED, "uninitialised")                                                    \
	MISSING(NOT_PLANNED, "not yet planned")                                                    \
	MISSING(UNSUPPORTED, "unsupported")                                                        \
	MISSING(REDACTED, "redacted")                                                              \
	MISSING(ENTRY_VALUE, "value at entry") /* internal: take it from the enter record */

enum jem_missing {
#define MISSING(name, word) JEM_MISSING_##name,
	JEM_MISSING_REASONS(MISSING)
#undef MISSING
	JEM_MISSING_COUNT
};

/*
 * A value, or bytes that belong to one. Top-level slots come in the order of the source; their bytes are
 * fixed words (`fixed`, `words`, little-endian, `size` bytes of them from `shift` on; others may have
 * bytes in the same words) or a cell with the slot's place among the plan's slots as its number. A slot with a parent holds what stands behind the pointer
 * or in the container at byte `offset` of the parent's value, and comes after its parent. `offset` is that
 * of the pointer or of the container object (with or without the `where` of its type).
 *
 * ELEMENTS is one cell of elements side by side; its children count `offset` from the first one. NODE is a
 * cell for each element (or for a few side by side), in order; `offset` of its children counts within one,
 * and they have a cell for each too, told apart by their address: that of the bytes is what the pointer
 * in the element says. A NODE cell without bytes: there are more, the walk ended before them.
 */
#define JEM_SLOT_IN_CELL 0xffffu
struct jem_image_slot {
	uint32_t name;
	uint32_t
		type; /* of the value; of POINTEE and elements: of one of them; STRING: of a character */
	uint8_t role;    /* enum jem_slot_role */
	uint8_t missing; /* enum jem_missing */
	uint16_t fixed;  /* first fixed word, or JEM_SLOT_IN_CELL */
	uint8_t words;
	uint8_t shift;   /* bytes of the first fixed word that are not its; of a cell 0 */
	uint16_t parent; /* place among the plan's slots plus 1; 0: top level */
	uint32_t offset; /* in the parent */
	uint32_t size;   /* bytes of the value; of elements: of one */
	uint32_t line;   /* of the declaration: after the line of the call it is uninitialised */
	uint32_t entry;  /* of ENTRY_VALUE: which argument, from 0; see JEM_SLOT_ENTRY_OF_FRAME */
};

/*
 * In `entry`: it is an argument of the function whose physical frame it is, not of the inlined one that
 * the plan is of: the enter record of the site whose frame is the same and that is not INLINED has it.
 */
#define JEM_SLOT_ENTRY_OF_FRAME 0x80000000u

enum jem_type_kind {
	JEM_TYPE_UNKNOWN = 0,
	JEM_TYPE_SIGNED,
	JEM_TYPE_UNSIGNED,
	JEM_TYPE_BOOL,
	JEM_TYPE_CHAR,  /* signed or not, 1 byte; wchar_t, char16_t, char32_t by size */
	JEM_TYPE_FLOAT, /* 4, 8, 10 or 16 bytes; 16: x87 in 16 bytes unless FLOAT128 */
	JEM_TYPE_FLOAT128,
	JEM_TYPE_COMPLEX, /* two floats of half the size */
	JEM_TYPE_ENUM,    /* `members`: enumerators; `target`: underlying type */
	JEM_TYPE_POINTER,
	JEM_TYPE_REFERENCE,
	JEM_TYPE_FUNCTION, /* behind a pointer */
	JEM_TYPE_MEMBER_POINTER,
	JEM_TYPE_ARRAY,  /* `target` elements, `count`; 0: not known */
	JEM_TYPE_STRUCT, /* structs and classes; `members`: bases first, then members */
	JEM_TYPE_UNION,
	JEM_TYPE_VOID,
	/* what the standard libraries make of structs: shown as a person expects, `target` is the element */
	/* `where`: byte offset in the object; 0xffffffff: there is none. std::array is an ARRAY. */
	JEM_TYPE_STRING, /* of any character type: a STRING slot at `where`, the pointer to the text */
	JEM_TYPE_STRING_VIEW,
	JEM_TYPE_VECTOR, /* begin at `where`, end 8 bytes after it: an ELEMENTS slot */
	JEM_TYPE_SPAN,   /* pointer at `where`; `count`: elements where the type fixes them */
	JEM_TYPE_LIST,   /* list, forward_list, deque: NODE slots; `where`: their number, if kept */
	JEM_TYPE_SET,    /* (multi)set, unordered_(multi)set: NODE slots; `where`: their number */
	JEM_TYPE_MAP,    /* the same; `target` is the pair */
	JEM_TYPE_SMART_POINTER, /* unique_ptr, shared_ptr, weak_ptr: pointer at `where` */
	JEM_TYPE_OPTIONAL,      /* flag of 1 byte at `where`, value at offset 0 */
	JEM_TYPE_BIT_VECTOR,    /* bitset: `count` bits from offset 0 on; vector<bool>: `count` 0,
				 * begin at `where`, end (word, then 4 bytes of bits) 16 after it */
	JEM_TYPE_COUNT
};

/* Typedefs and qualifiers are in the name only. */
struct jem_image_type {
	uint32_t name;         /* as a person writes it: `const Track *` */
	uint8_t kind;          /* enum jem_type_kind */
	uint8_t is_incomplete; /* a declaration without its definition */
	uint16_t reserved;
	uint32_t size;    /* bytes */
	uint32_t target;  /* type: pointed to, element, underlying; 0: void or none */
	uint32_t count;   /* of an array's elements */
	uint32_t members; /* first of them */
	uint32_t member_count;
	uint32_t where; /* see the kinds */
};

enum jem_member_flags {
	JEM_MEMBER_BASE = 1,
	JEM_MEMBER_BIT_FIELD = 2,
	JEM_MEMBER_VIRTUAL_BASE = 4, /* its place is not known without the object: not decoded */
};

struct jem_image_member {
	uint32_t name;
	uint32_t type; /* 0 of enumerators */
	union {
		uint64_t offset; /* bytes; of a bit-field: bits from the start of the struct */
		int64_t value;   /* of an enumerator */
	};
	uint32_t bits;  /* width of a bit-field */
	uint32_t flags; /* enum jem_member_flags */
};

/* A checked image. Tables of `count` elements each. */
struct jem_image {
	uint32_t
		serial; /* of no other image that this process opened, wherever it lies: for caches */
	const struct jem_image_header *header;
	const char *strings;
	const struct jem_image_function *functions;
	const struct jem_image_site *sites;
	const struct jem_image_callsite *callsites;
	const struct jem_plan_op *code;
	const struct jem_image_slot *slots;
	const struct jem_image_type *types;
	const struct jem_image_member *members;
	size_t function_count, site_count, callsite_count, code_count, slot_count, type_count,
		member_count, string_bytes;
};

/* Checks all of it: 0, or -EBADMSG with what is wrong. */
int jem_image_open(struct jem_image *ret, const void *bytes, size_t len, struct jem_err *err);

/* Exact matches by address (of the ELF file), NULL if there is none. */
const struct jem_image_site *jem_image_find_site(const struct jem_image *image, uint64_t pc);
const struct jem_image_callsite *jem_image_find_callsite(const struct jem_image *image,
							 uint64_t pc);

static inline const char *jem_image_string(const struct jem_image *image, uint32_t offset)
{
	return image->strings + offset;
}

JEM_RING_ASSERT(sizeof(struct jem_image_function) == 40, "layout");
JEM_RING_ASSERT(sizeof(struct jem_image_site) == 48, "layout");
JEM_RING_ASSERT(sizeof(struct jem_image_callsite) == 40, "layout");
JEM_RING_ASSERT(sizeof(struct jem_image_slot) == 32, "layout");
JEM_RING_ASSERT(sizeof(struct jem_image_type) == 32, "layout");
JEM_RING_ASSERT(sizeof(struct jem_image_member) == 24, "layout");

#endif
