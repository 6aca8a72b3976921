/* SPDX-License-Identifier: Apache-2.0 */
/*
 * debug: one module's ELF file and the debug data that belongs to it, opened.
 *
 * Flow:      path -> build-id -> separate file (build-id folder, .gnu_debuglink, .gnu_debugaltlink) ->
 *            Dwarf and CFI
 * Ownership: owns all it opened; addresses are those of the ELF file (no bias)
 */
#ifndef JEM_TRACER_SYMBOLS_DEBUG_H
#define JEM_TRACER_SYMBOLS_DEBUG_H

#include "tracer/symbols/image.h"

#include <elfutils/libdw.h>

struct jem_debug {
	Elf *elf;           /* the module itself; owned */
	Dwarf *dwarf;       /* NULL: no debug data; owned */
	Dwarf_CFI *eh_cfi;  /* of .eh_frame, NULL: none; owned */
	Dwarf_CFI *dbg_cfi; /* of .debug_frame, owned by dwarf */
	uint32_t flags;     /* enum jem_image_flags, what was found out so far */
	char note[256];
	struct jem_debug_files *files; /* owned: descriptors and mappings */
};

/*
 * `fd` is the module, borrowed; `path` where it was, for files beside it; `root` is put before absolute
 * paths of debug files ("" or /proc/PID/root). Without debug data it is no error: see flags.
 */
int jem_debug_open(struct jem_debug *ret, int fd, const char *path, const char *root,
		   struct jem_err *err);
void jem_debug_close(struct jem_debug *debug);

/* The ELF file that the debug data is in; NULL without any. */
Elf *jem_debug_dwarf_elf(const struct jem_debug *debug);

/* A second view of the debug data, whose caches go with dwarf_end; NULL without memory. */
Dwarf *jem_debug_dwarf_again(const struct jem_debug *debug);

/* Executable segment `number`, from 0; false beyond the last one. */
bool jem_debug_segment(const struct jem_debug *debug, size_t number, uint64_t *address,
		       uint64_t *bytes);

/* The bytes of an executable segment from `address` on, NULL if there are none. */
const uint8_t *jem_debug_code(const struct jem_debug *debug, uint64_t address, size_t *left);

#endif
