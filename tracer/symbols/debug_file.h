/* SPDX-License-Identifier: Apache-2.0 */
/*
 * debug_file: finds the separate file that holds a module's debug data, and knows it by its build-id
 * or checksum.
 *
 * Flow: build-id folder, then the debug link beside the module, in .debug/ and below /usr/lib/debug,
 *       as gdb documents it under "Separate Debug Files"; a dwz file by .gnu_debugaltlink
 */
#ifndef JEM_TRACER_SYMBOLS_DEBUG_FILE_H
#define JEM_TRACER_SYMBOLS_DEBUG_FILE_H

#include <elfutils/libdw.h>
#include <limits.h>
#include <stdbool.h>

struct jem_debug_file {
	Elf *elf; /* NULL: none */
	int fd;
	char path[PATH_MAX]; /* where it was found, as opened (with the root) */
};

void jem_debug_file_close(struct jem_debug_file *file);

/* Has it DWARF sections with content? */
bool jem_debug_file_has_dwarf(Elf *elf);

/*
 * The file for `elf`, which was at `path`. True if there is one. `is_foreign` is set if there was one that
 * belongs to another build, whose path is then in ret->path.
 */
bool jem_debug_file_find(struct jem_debug_file *ret, Elf *elf, const char *path, const char *root,
			 bool *is_foreign);

/* The dwz file that `dwarf`, opened from `path`, refers to. False if it refers to none that is there. */
bool jem_debug_file_find_alt(struct jem_debug_file *ret, Dwarf *dwarf, const char *path,
			     const char *root, bool *is_wanted);

#endif
