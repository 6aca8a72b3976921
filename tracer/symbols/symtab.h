/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symtab: the functions of a module's symbol table, for what has no debug data.
 *
 * Ownership: owns its list; names are borrowed of the ELF file
 */
#ifndef JEM_TRACER_SYMBOLS_SYMTAB_H
#define JEM_TRACER_SYMBOLS_SYMTAB_H

#include "common/buf.h"
#include "tracer/symbols/debug.h"

struct jem_symbol {
	uint64_t address;
	uint64_t bytes; /* 0: up to the next one */
	const char *name;
};

struct jem_symtab {
	struct jem_symbol *list; /* by address */
	size_t count;
};

int jem_symtab_read(const struct jem_debug *debug, struct jem_symtab *ret);
void jem_symtab_deinit(struct jem_symtab *symtab);

/* The function that has `address`, NULL if none. Of several the one without a compiler's suffix. */
const struct jem_symbol *jem_symtab_find(const struct jem_symtab *symtab, uint64_t address);

/* Does the compiler's own mark stand behind the name (.isra.0, .part.1, .cold)? */
bool jem_symbol_is_clone(const char *name);

/*
 * Appends the name for a person: without a compiler's suffix; of mangled names those that are but nested
 * words (ns::Class::method) are spelled out, others stay as they are.
 */
void jem_symbol_spell(const char *name, struct jem_buf *out);

#endif
