/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/debug.h"

#include "tracer/symbols/debug_file.h"

#include <errno.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEGMENTS_MAX = 32
};

struct jem_debug_files {
	struct jem_debug_file separate;
	struct jem_debug_file alt;
	Dwarf *alt_dwarf;
	struct {
		uint64_t address, bytes;
		const uint8_t *data; /* borrowed of the ELF file */
	} code[SEGMENTS_MAX];
	size_t code_count;
};

static void add_note(struct jem_debug *debug, const char *text, const char *what)
{
	size_t len = strlen(debug->note);

	if (!len)
		snprintf(debug->note, sizeof(debug->note), "%s%s", text, what);
	else
		snprintf(debug->note + len, sizeof(debug->note) - len, "; %s%s", text, what);
}

static int check_elf(Elf *elf, struct jem_err *err)
{
	GElf_Ehdr header;

	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header))
		return jem_err_set(err, -ENOEXEC, "not an ELF file");
	if (gelf_getclass(elf) != ELFCLASS64 || header.e_machine != EM_X86_64)
		return jem_err_set(err, -ENOEXEC, "calls are traced on x86-64 only");
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
		return jem_err_set(err, -ENOEXEC, "neither a program nor a shared library");
	return 0;
}

static void find_code(struct jem_debug *debug)
{
	struct jem_debug_files *files = debug->files;
	size_t count = 0, len = 0;
	const uint8_t *bytes = (const uint8_t *)elf_rawfile(debug->elf, &len);

	if (!bytes || elf_getphdrnum(debug->elf, &count) < 0)
		return;
	for (size_t i = 0; i < count && files->code_count < SEGMENTS_MAX; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(debug->elf, (int)i, &header) || header.p_type != PT_LOAD ||
		    !(header.p_flags & PF_X) || header.p_offset >= len)
			continue;
		files->code[files->code_count].address = header.p_vaddr;
		files->code[files->code_count].bytes = header.p_filesz < len - header.p_offset
							       ? header.p_filesz
							       : len - header.p_offset;
		files->code[files->code_count++].data = bytes + header.p_offset;
	}
}

static void open_alt(struct jem_debug *debug, const char *path, const char *root)
{
	struct jem_debug_files *files = debug->files;
	bool is_wanted = false;

	if (jem_debug_file_find_alt(&files->alt, debug->dwarf, path, root, &is_wanted)) {
		files->alt_dwarf = dwarf_begin_elf(files->alt.elf, DWARF_C_READ, NULL);
		if (files->alt_dwarf)
			dwarf_setalt(debug->dwarf, files->alt_dwarf);
	}
	if (is_wanted && !files->alt_dwarf) {
		debug->flags |= JEM_IMAGE_INCOMPLETE;
		add_note(debug, "the shared (dwz) debug file is missing", "");
	}
}

static void open_dwarf(struct jem_debug *debug, const char *path, const char *root)
{
	struct jem_debug_files *files = debug->files;
	bool is_foreign = false;
	Elf *elf = debug->elf;

	if (!jem_debug_file_has_dwarf(elf)) {
		elf = NULL;
		if (jem_debug_file_find(&files->separate, debug->elf, path, root, &is_foreign)) {
			elf = files->separate.elf;
			path = files->separate.path;
		} else if (is_foreign) {
			debug->flags |= JEM_IMAGE_BAD_DEBUG;
			add_note(debug, "debug data of another build: ", files->separate.path);
		}
	}
	if (elf)
		debug->dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (debug->dwarf) {
		open_alt(debug, path, root);
		debug->dbg_cfi = dwarf_getcfi(debug->dwarf);
		return;
	}
	debug->flags |= JEM_IMAGE_NO_DEBUG;
	if (elf)
		debug->flags |= JEM_IMAGE_INCOMPLETE;
	if (!debug->note[0])
		add_note(debug, elf ? "damaged debug data" : "no debug data: build with -g", "");
}

int jem_debug_open(struct jem_debug *ret, int fd, const char *path, const char *root,
		   struct jem_err *err)
{
	int rc;

	memset(ret, 0, sizeof(*ret));
	elf_version(EV_CURRENT);
	ret->files = calloc(1, sizeof(*ret->files));
	if (!ret->files)
		return jem_err_set(err, -ENOMEM, "out of memory");
	ret->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	rc = check_elf(ret->elf, err);
	if (rc < 0) {
		jem_debug_close(ret);
		return rc;
	}
	find_code(ret);
	ret->eh_cfi = dwarf_getcfi_elf(ret->elf);
	open_dwarf(ret, path, root);
	return 0;
}

void jem_debug_close(struct jem_debug *debug)
{
	if (debug->eh_cfi)
		dwarf_cfi_end(debug->eh_cfi);
	if (debug->dwarf)
		dwarf_end(debug->dwarf);
	if (debug->files) {
		if (debug->files->alt_dwarf)
			dwarf_end(debug->files->alt_dwarf);
		jem_debug_file_close(&debug->files->alt);
		jem_debug_file_close(&debug->files->separate);
	}
	if (debug->elf)
		elf_end(debug->elf);
	free(debug->files);
	memset(debug, 0, sizeof(*debug));
}

Elf *jem_debug_dwarf_elf(const struct jem_debug *debug)
{
	return debug->dwarf ? dwarf_getelf(debug->dwarf) : NULL;
}

Dwarf *jem_debug_dwarf_again(const struct jem_debug *debug)
{
	Dwarf *dwarf = dwarf_begin_elf(jem_debug_dwarf_elf(debug), DWARF_C_READ, NULL);

	if (dwarf && debug->files->alt_dwarf)
		dwarf_setalt(dwarf, debug->files->alt_dwarf);
	return dwarf;
}

const uint8_t *jem_debug_code(const struct jem_debug *debug, uint64_t address, size_t *left)
{
	const struct jem_debug_files *files = debug->files;

	for (size_t i = 0; i < files->code_count; i++) {
		uint64_t offset = address - files->code[i].address;

		if (offset < files->code[i].bytes) {
			*left = files->code[i].bytes - offset;
			return files->code[i].data + offset;
		}
	}
	*left = 0;
	return NULL;
}

bool jem_debug_segment(const struct jem_debug *debug, size_t number, uint64_t *address,
		       uint64_t *bytes)
{
	const struct jem_debug_files *files = debug->files;

	if (number >= files->code_count)
		return false;
	*address = files->code[number].address;
	*bytes = files->code[number].bytes;
	return true;
}
