/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/symtab.h"

#include <ctype.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

enum {
	SYMBOLS_MAX = 8 << 20,
	NAME_MAX_BYTES = 512
};

static Elf_Scn *find_table(Elf *elf, uint32_t type, GElf_Shdr *header)
{
	for (Elf_Scn *scn = elf ? elf_nextscn(elf, NULL) : NULL; scn; scn = elf_nextscn(elf, scn))
		if (gelf_getshdr(scn, header) && header->sh_type == type && header->sh_size)
			return scn;
	return NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct jem_symbol *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static int read_table(Elf *elf, Elf_Scn *scn, const GElf_Shdr *header, struct jem_symtab *ret)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;

	if (!data)
		return 0;
	if (count > SYMBOLS_MAX)
		count = SYMBOLS_MAX;
	ret->list = calloc(count ? count : 1, sizeof(*ret->list));
	if (!ret->list)
		return -ENOMEM;
	for (size_t i = 1; i < count; i++) {
		GElf_Sym symbol;
		const char *name;

		if (!gelf_getsym(data, (int)i, &symbol))
			break;
		if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF)
			continue;
		name = elf_strptr(elf, header->sh_link, symbol.st_name);
		if (name && name[0])
			ret->list[ret->count++] =
				(struct jem_symbol){ symbol.st_value, symbol.st_size, name };
	}
	if (ret->count)
		qsort(ret->list, ret->count, sizeof(*ret->list), by_address);
	return 0;
}

int jem_symtab_read(const struct jem_debug *debug, struct jem_symtab *ret)
{
	Elf *elves[] = { debug->elf, jem_debug_dwarf_elf(debug), debug->elf };
	static const uint32_t types[] = { SHT_SYMTAB, SHT_SYMTAB, SHT_DYNSYM };

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < 3; i++) {
		GElf_Shdr header;
		Elf_Scn *scn = find_table(elves[i], types[i], &header);

		if (scn)
			return read_table(elves[i], scn, &header, ret);
	}
	return 0;
}

void jem_symtab_deinit(struct jem_symtab *symtab)
{
	free(symtab->list);
	memset(symtab, 0, sizeof(*symtab));
}

bool jem_symbol_is_clone(const char *name)
{
	return strchr(name, '.') != NULL && name[0] != '.';
}

const struct jem_symbol *jem_symtab_find(const struct jem_symtab *symtab, uint64_t address)
{
	const struct jem_symbol *best = NULL;
	size_t from = 0, to = symtab->count;

	while (from < to) {
		size_t middle = (from + to) / 2;

		if (symtab->list[middle].address <= address)
			from = middle + 1;
		else
			to = middle;
	}
	while (from > 0) {
		const struct jem_symbol *symbol = &symtab->list[--from];

		if (best && symbol->address != best->address)
			break;
		if (symbol->bytes && address - symbol->address >= symbol->bytes)
			continue;
		if (!best ||
		    (jem_symbol_is_clone(best->name) && !jem_symbol_is_clone(symbol->name)))
			best = symbol;
		if (symtab->list[from].address < address && !symbol->bytes)
			break;
	}
	return best;
}

/* <source-name>: a number and as many bytes. Itanium C++ ABI, 5.1.2. */
static const char *read_word(const char *at, struct jem_buf *out)
{
	size_t len = 0;

	if (!isdigit((unsigned char)*at))
		return NULL;
	for (; isdigit((unsigned char)*at) && len < NAME_MAX_BYTES; at++)
		len = len * 10 + (size_t)(*at - '0');
	if (!len || strnlen(at, len) < len)
		return NULL;
	if (len >= 10 && !strncmp(at, "_GLOBAL__N", 10))
		jem_buf_add_str(out, "(anonymous namespace)");
	else
		jem_buf_add(out, at, len);
	return at + len;
}

static bool spell_nested(const char *at, struct jem_buf *out)
{
	size_t words = 0;

	while (*at == 'K' || *at == 'V' || *at == 'r')
		at++;
	for (; *at && *at != 'E'; words++) {
		if (words)
			jem_buf_add_str(out, "::");
		at = read_word(at, out);
		if (!at)
			return false;
	}
	return *at == 'E' && words > 1;
}

void jem_symbol_spell(const char *name, struct jem_buf *out)
{
	size_t before = out->len;
	const char *dot = strchr(name, '.');
	bool is_plain = !strncmp(name, "_ZN", 3)             ? spell_nested(name + 3, out)
			: !strncmp(name, "_ZL", 3)           ? read_word(name + 3, out) != NULL
			: !strncmp(name, "_Z", 2) && name[2] ? read_word(name + 2, out) != NULL
							     : false;

	if (is_plain)
		return;
	out->len = before;
	jem_buf_add(out, name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
}
