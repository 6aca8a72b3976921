/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/sites.h"

#include "tracer/symbols/x86_length.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	const struct jem_debug *debug;
	struct jem_hooks *hooks;
	size_t room;
};

static int which_hook(const char *name)
{
	if (!name || strncmp(name, "__cyg_profile_func_", 19))
		return -1;
	return !strcmp(name + 19, "enter") ? 0 : !strcmp(name + 19, "exit") ? 1 : -1;
}

static void add_target(struct jem_hook_target *list, size_t *count, uint64_t address, bool is_exit)
{
	for (size_t i = 0; i < *count; i++)
		if (list[i].address == address)
			return;
	if (*count < JEM_HOOK_TARGETS)
		list[(*count)++] = (struct jem_hook_target){ address, is_exit };
}

static const struct jem_hook_target *find_target(const struct jem_hook_target *list, size_t count,
						 uint64_t address)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].address == address)
			return &list[i];
	return NULL;
}

static void read_symbols(struct scan *scan, Elf_Scn *scn, const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;

	for (size_t i = 1; data && i < count; i++) {
		GElf_Sym symbol;
		int which;

		if (!gelf_getsym(data, (int)i, &symbol))
			return;
		if (symbol.st_shndx == SHN_UNDEF || GELF_ST_TYPE(symbol.st_info) != STT_FUNC)
			continue;
		which = which_hook(elf_strptr(scan->debug->elf, header->sh_link, symbol.st_name));
		if (which < 0)
			continue;
		add_target(scan->hooks->entries, &scan->hooks->entry_count, symbol.st_value, which);
		scan->hooks->has_own = true;
	}
}

static void read_relocations(struct scan *scan, Elf_Scn *scn, const GElf_Shdr *header)
{
	Elf *elf = scan->debug->elf;
	Elf_Scn *symbols = elf_getscn(elf, header->sh_link);
	Elf_Data *data = elf_getdata(scn, NULL);
	Elf_Data *symbol_data = symbols ? elf_getdata(symbols, NULL) : NULL;
	size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
	GElf_Shdr symbols_header;

	if (!symbol_data || !gelf_getshdr(symbols, &symbols_header))
		return;
	for (size_t i = 0; data && i < count; i++) {
		GElf_Rela rela;
		GElf_Sym symbol;
		int which;

		if (!gelf_getrela(data, (int)i, &rela))
			return;
		if (!GELF_R_SYM(rela.r_info) ||
		    !gelf_getsym(symbol_data, (int)GELF_R_SYM(rela.r_info), &symbol))
			continue;
		which = which_hook(elf_strptr(elf, symbols_header.sh_link, symbol.st_name));
		if (which >= 0)
			add_target(scan->hooks->slots, &scan->hooks->slot_count, rela.r_offset,
				   which);
	}
}

static uint64_t target_of(uint64_t behind, const uint8_t *displacement)
{
	int32_t value;

	memcpy(&value, displacement, sizeof(value));
	return behind + (uint64_t)(int64_t)value;
}

/* PLT entries: `jmp *slot(%rip)`, perhaps behind endbr64 and bnd; calls go to the entry's start. */
static void read_plt(struct scan *scan, const uint8_t *code, size_t len, uint64_t address)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };

	for (size_t i = 0; i + 6 <= len; i++) {
		const struct jem_hook_target *slot;
		size_t start = i;

		if (code[i] != 0xff || code[i + 1] != 0x25)
			continue;
		slot = find_target(scan->hooks->slots, scan->hooks->slot_count,
				   target_of(address + i + 6, code + i + 2));
		if (!slot)
			continue;
		add_target(scan->hooks->entries, &scan->hooks->entry_count, address + start,
			   slot->is_exit);
		if (start >= 1 && code[start - 1] == 0xf2)
			add_target(scan->hooks->entries, &scan->hooks->entry_count,
				   address + --start, slot->is_exit);
		if (start >= 4 && !memcmp(code + start - 4, endbr64, 4))
			add_target(scan->hooks->entries, &scan->hooks->entry_count,
				   address + start - 4, slot->is_exit);
	}
}

typedef void (*section_fn)(void *user, Elf_Scn *scn, const GElf_Shdr *header);

static void each_section(Elf *elf, section_fn fn, void *user)
{
	for (Elf_Scn *scn = elf_nextscn(elf, NULL); scn; scn = elf_nextscn(elf, scn)) {
		GElf_Shdr header;

		if (gelf_getshdr(scn, &header))
			fn(user, scn, &header);
	}
}

static void on_table(void *user, Elf_Scn *scn, const GElf_Shdr *header)
{
	if (header->sh_type == SHT_SYMTAB || header->sh_type == SHT_DYNSYM)
		read_symbols(user, scn, header);
	else if (header->sh_type == SHT_RELA)
		read_relocations(user, scn, header);
}

static bool is_plt(Elf *elf, const GElf_Shdr *header)
{
	size_t names;
	const char *name;

	if (header->sh_type != SHT_PROGBITS || !(header->sh_flags & SHF_EXECINSTR) ||
	    elf_getshdrstrndx(elf, &names) < 0)
		return false;
	name = elf_strptr(elf, names, header->sh_name);
	return name && !strncmp(name, ".plt", 4);
}

static void on_plt(void *user, Elf_Scn *scn, const GElf_Shdr *header)
{
	struct scan *scan = user;
	size_t left;
	const uint8_t *code;

	if (!is_plt(scan->debug->elf, header))
		return;
	code = jem_debug_code(scan->debug, header->sh_addr, &left);
	if (code)
		read_plt(scan, code, header->sh_size < left ? header->sh_size : left,
			 header->sh_addr);
}

static int add_hook(struct scan *scan, const struct jem_hook *hook)
{
	struct jem_hooks *hooks = scan->hooks;

	if (hooks->count == JEM_SITES_MAX) {
		hooks->is_cut = true;
		return 0;
	}
	if (hooks->count == scan->room) {
		size_t room = scan->room ? 2 * scan->room : 256;
		struct jem_hook *list = realloc(hooks->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		hooks->list = list;
		scan->room = room;
	}
	hooks->list[hooks->count++] = *hook;
	return 0;
}

static int scan_code(struct scan *scan, const uint8_t *code, size_t len, uint64_t address)
{
	for (size_t i = 0; i + 6 <= len; i++) {
		uint8_t byte = code[i];
		const struct jem_hook_target *target = NULL;
		struct jem_hook hook = { 0 };
		size_t size = 5;

		if (byte == 0xe8 || byte == 0xe9) {
			target = find_target(scan->hooks->entries, scan->hooks->entry_count,
					     target_of(address + i + 5, code + i + 1));
			hook.is_jump = byte == 0xe9;
		} else if (byte == 0xff && (code[i + 1] == 0x15 || code[i + 1] == 0x25)) {
			size = 6;
			target = find_target(scan->hooks->slots, scan->hooks->slot_count,
					     target_of(address + i + 6, code + i + 2));
			hook.is_jump = code[i + 1] == 0x25;
			/* a PLT entry is where hooks are called through, not a caller */
			if (target && hook.is_jump &&
			    find_target(scan->hooks->entries, scan->hooks->entry_count,
					address + i))
				target = NULL;
		}
		if (!target)
			continue;
		hook.is_exit = target->is_exit;
		hook.inside = address + i;
		hook.pc = hook.is_jump ? address + i : address + i + size;
		if (add_hook(scan, &hook) < 0)
			return -ENOMEM;
		i += size - 1;
	}
	return 0;
}

static int by_pc(const void *a, const void *b)
{
	const struct jem_hook *x = a, *y = b;

	return x->pc < y->pc ? -1 : x->pc > y->pc;
}

int jem_sites_find(const struct jem_debug *debug, struct jem_hooks *ret)
{
	struct scan scan = { .debug = debug, .hooks = ret };
	uint64_t address, bytes;
	int rc = 0;

	memset(ret, 0, sizeof(*ret));
	each_section(debug->elf, on_table, &scan);
	each_section(debug->elf, on_plt, &scan);
	if (!ret->slot_count && !ret->entry_count)
		return 0;
	for (size_t n = 0; !rc && jem_debug_segment(debug, n, &address, &bytes); n++) {
		size_t left;
		const uint8_t *code = jem_debug_code(debug, address, &left);

		if (code)
			rc = scan_code(&scan, code, left, address);
	}
	if (rc < 0) {
		jem_sites_deinit(ret);
		return rc;
	}
	/* found in order, but for segments that are not: qsort would take as much memory again */
	for (size_t i = 1; i < ret->count; i++) {
		if (ret->list[i - 1].pc <= ret->list[i].pc)
			continue;
		qsort(ret->list, ret->count, sizeof(*ret->list), by_pc);
		break;
	}
	return 0;
}

void jem_sites_deinit(struct jem_hooks *hooks)
{
	free(hooks->list);
	memset(hooks, 0, sizeof(*hooks));
}

bool jem_sites_between(const struct jem_hooks *hooks, uint64_t low, uint64_t high)
{
	size_t from = 0, to = hooks->count;

	while (from < to) {
		size_t middle = (from + to) / 2;

		if (hooks->list[middle].inside < low)
			from = middle + 1;
		else
			to = middle;
	}
	return from < hooks->count && hooks->list[from].inside < high;
}

void jem_calls_deinit(struct jem_calls *calls)
{
	free(calls->list);
	memset(calls, 0, sizeof(*calls));
}

static int add_call(struct jem_calls *calls, uint64_t pc)
{
	if (calls->count == JEM_CALLS_MAX) {
		calls->is_cut = true;
		return 0;
	}
	if (calls->count == calls->room) {
		size_t room = calls->room ? 2 * calls->room : 1024;
		uint64_t *list = realloc(calls->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		calls->list = list;
		calls->room = room;
	}
	calls->list[calls->count++] = pc;
	return 0;
}

static bool has_entry(const uint64_t *entries, size_t count, uint64_t address)
{
	size_t from = 0, to = count;

	if (address < entries[0] || address > entries[count - 1])
		return false;
	while (from < to) {
		size_t middle = (from + to) / 2;

		if (entries[middle] < address)
			from = middle + 1;
		else
			to = middle;
	}
	return from < count && entries[from] == address;
}

/*
 * Every byte E8 is tried: what is none of an instruction but looks like a call of an entry is never
 * returned to, so it does no harm.
 */
int jem_calls_find_direct(const struct jem_debug *debug, const uint64_t *entries, size_t count,
			  struct jem_calls *calls)
{
	uint64_t address, bytes;

	for (size_t n = 0; count && jem_debug_segment(debug, n, &address, &bytes); n++) {
		size_t len;
		const uint8_t *code = jem_debug_code(debug, address, &len);
		const uint8_t *at = code;

		while (code && (at = memchr(at, 0xe8, len - (size_t)(at - code)))) {
			uint64_t behind = address + (size_t)(at - code) + 5;

			if (len - (size_t)(at - code) < 5)
				break;
			if (has_entry(entries, count, target_of(behind, at + 1)) &&
			    add_call(calls, behind) < 0)
				return -ENOMEM;
			at++;
		}
	}
	return 0;
}

/* Is there a jump through memory at the target, as PLT entries have it? */
static bool is_plt_entry(const struct jem_debug *debug, uint64_t address)
{
	size_t left, opcode;
	const uint8_t *code = jem_debug_code(debug, address, &left);

	if (!code || left < 16)
		return false;
	if (code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e) {
		code += 4;
		left -= 4;
	}
	return jem_x86_length(code, left, &opcode) && code[opcode] == 0xff &&
	       code[opcode + 1] == 0x25;
}

/* Of a call at `code`: does it go to a function that is not known, and is no hook? */
static bool is_indirect(const struct jem_debug *debug, const struct jem_hooks *hooks,
			const uint8_t *code, size_t opcode, size_t size, uint64_t behind)
{
	uint64_t target;

	if (code[opcode] == 0xe8) {
		target = target_of(behind, code + size - 4);
		return !find_target(hooks->entries, hooks->entry_count, target) &&
		       is_plt_entry(debug, target);
	}
	if (code[opcode] != 0xff || opcode + 1 >= size || (code[opcode + 1] >> 3 & 7) != 2)
		return false;
	return code[opcode + 1] != 0x15 || size < opcode + 6 ||
	       !find_target(hooks->slots, hooks->slot_count, target_of(behind, code + opcode + 2));
}

int jem_calls_find_indirect(const struct jem_debug *debug, const struct jem_hooks *hooks,
			    uint64_t low, uint64_t high, struct jem_calls *calls)
{
	size_t left, size, opcode;
	const uint8_t *code = jem_debug_code(debug, low, &left);

	if (!code || high < low)
		return 0;
	if (left > high - low)
		left = high - low;
	for (uint64_t at = low; left && (size = jem_x86_length(code, left, &opcode));
	     at += size, code += size, left -= size) {
		if (is_indirect(debug, hooks, code, opcode, size, at + size) &&
		    add_call(calls, at + size) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void jem_calls_sort(struct jem_calls *calls)
{
	size_t kept = 0;

	if (!calls->count)
		return;
	qsort(calls->list, calls->count, sizeof(*calls->list), by_number);
	for (size_t i = 0; i < calls->count; i++)
		if (!kept || calls->list[kept - 1] != calls->list[i])
			calls->list[kept++] = calls->list[i];
	calls->count = kept;
}
