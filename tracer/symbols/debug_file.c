/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/debug_file.h"

#include "schemas/ring.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define DEBUG_FOLDER "/usr/lib/debug"

struct build_id {
	const void *bytes; /* borrowed of the ELF file */
	size_t len;
};

static struct build_id build_id_of(Elf *elf)
{
	struct build_id id = { NULL, 0 };
	ssize_t len = dwelf_elf_gnu_build_id(elf, &id.bytes);

	if (len > 0 && len <= JEM_RING_BUILD_MAX)
		id.len = (size_t)len;
	return id;
}

static bool is_same(struct build_id a, struct build_id b)
{
	return a.len && a.len == b.len && !memcmp(a.bytes, b.bytes, a.len);
}

void jem_debug_file_close(struct jem_debug_file *file)
{
	if (!file->elf)
		return;
	elf_end(file->elf);
	close(file->fd);
	file->elf = NULL;
}

/* Opens only plain files: what a hostile link names may be a FIFO or a device. */
static bool open_elf(struct jem_debug_file *file)
{
	struct stat st;

	file->elf = NULL;
	file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file->fd < 0)
		return false;
	if (!fstat(file->fd, &st) && S_ISREG(st.st_mode))
		file->elf = elf_begin(file->fd, ELF_C_READ_MMAP, NULL);
	if (file->elf && elf_kind(file->elf) == ELF_K_ELF)
		return true;
	elf_end(file->elf);
	close(file->fd);
	file->elf = NULL;
	return false;
}

bool jem_debug_file_has_dwarf(Elf *elf)
{
	size_t names;

	if (elf_getshdrstrndx(elf, &names) < 0)
		return false;
	for (Elf_Scn *scn = elf_nextscn(elf, NULL); scn; scn = elf_nextscn(elf, scn)) {
		GElf_Shdr header;
		const char *name;

		if (!gelf_getshdr(scn, &header) || header.sh_type == SHT_NOBITS || !header.sh_size)
			continue;
		name = elf_strptr(elf, names, header.sh_name);
		if (name && (!strcmp(name, ".debug_info") || !strcmp(name, ".zdebug_info")))
			return true;
	}
	return false;
}

__attribute__((format(printf, 2, 3))) static bool try_path(struct jem_debug_file *file,
							   const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(file->path, sizeof(file->path), format, args);
	va_end(args);
	return len > 0 && (size_t)len < sizeof(file->path) && open_elf(file);
}

static bool try_build_id(struct jem_debug_file *file, struct build_id id, const char *root)
{
	char hex[2 * JEM_RING_BUILD_MAX + 1] = "";

	for (size_t i = 0; i < id.len; i++)
		snprintf(hex + 2 * i, 3, "%02x", ((const uint8_t *)id.bytes)[i]);
	return id.len > 1 &&
	       try_path(file, "%s" DEBUG_FOLDER "/.build-id/%.2s/%s.debug", root, hex, hex + 2);
}

static bool has_checksum(const struct jem_debug_file *file, uint32_t wanted)
{
	size_t len = 0;
	const char *bytes = elf_rawfile(file->elf, &len);

	return bytes && crc32_z(0, (const Bytef *)bytes, len) == wanted;
}

/* The folder of `path` with its slash, "" if it has none. */
static int folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path) + 1 : 0;
}

/* Candidate `n` of the debug link; false beyond the last one, `is_open` tells of the file. */
static bool try_link(struct jem_debug_file *file, unsigned n, const char *path, const char *root,
		     const char *name, bool *is_open)
{
	static const char *const formats[] = { "%s%.*s%s", "%s%.*s.debug/%s",
					       "%s" DEBUG_FOLDER "%.*s%s" };
	const char *prefix = path[0] == '/' ? root : "";
	char full[PATH_MAX];
	int len;

	if (n >= sizeof(formats) / sizeof(*formats))
		return false;
	*is_open = false;
	if (n == 2 && path[0] != '/')
		return true;
		/* The formats differ in the folder alone. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	len = snprintf(full, sizeof(full), formats[n], n == 2 ? root : prefix, folder_len(path),
		       path, name);
#pragma GCC diagnostic pop
	*is_open = len > 0 && (size_t)len < sizeof(full) && try_path(file, "%s", full);
	return true;
}

bool jem_debug_file_find(struct jem_debug_file *ret, Elf *elf, const char *path, const char *root,
			 bool *is_foreign)
{
	struct build_id id = build_id_of(elf);
	GElf_Word checksum = 0;
	const char *link = dwelf_elf_gnu_debuglink(elf, &checksum);
	char foreign[PATH_MAX] = "";
	bool is_open = false;

	*is_foreign = false;
	if (try_build_id(ret, id, root)) {
		if (is_same(id, build_id_of(ret->elf)) && jem_debug_file_has_dwarf(ret->elf))
			return true;
		strcpy(foreign, ret->path);
		jem_debug_file_close(ret);
	}
	/* A link names a file in known folders, nothing else. */
	if (!link || !link[0] || strchr(link, '/'))
		link = NULL;
	for (unsigned n = 0; link && try_link(ret, n, path, root, link, &is_open); n++) {
		if (!is_open)
			continue;
		if (jem_debug_file_has_dwarf(ret->elf)) {
			if (id.len ? is_same(id, build_id_of(ret->elf))
				   : has_checksum(ret, checksum))
				return true;
			strcpy(foreign, ret->path);
		}
		jem_debug_file_close(ret);
	}
	*is_foreign = foreign[0] != '\0';
	strcpy(ret->path, foreign);
	return false;
}

bool jem_debug_file_find_alt(struct jem_debug_file *ret, Dwarf *dwarf, const char *path,
			     const char *root, bool *is_wanted)
{
	const char *name = NULL;
	struct build_id id = { NULL, 0 };
	ssize_t len = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &id.bytes);

	*is_wanted = len > 0;
	if (len <= 0 || len > JEM_RING_BUILD_MAX || !name)
		return false;
	id.len = (size_t)len;
	for (int n = 0; n < 2; n++) {
		bool is_open = n == 0 ? try_build_id(ret, id, root)
			       : name[0] == '/'
				       ? try_path(ret, "%s%s", root, name)
				       : try_path(ret, "%.*s%s", folder_len(path), path, name);

		if (!is_open)
			continue;
		if (is_same(id, build_id_of(ret->elf)))
			return true;
		jem_debug_file_close(ret);
	}
	return false;
}
