/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Location lists as they lie in the file, for the one thing that libdw does not tell: gcc's word that a
 * variable has no value yet, DW_OP_GNU_uninit, which libdw takes for damage (DWARF 5 section 7.7.3,
 * DWARF 4 section 7.7.3).
 */
#include "tracer/symbols/compile.h"

#include <dwarf.h>
#include <gelf.h>
#include <string.h>

enum {
	ENTRIES_MAX = 4096
};

struct reader {
	const uint8_t *at, *end;
	uint64_t base;
	bool is_broken;
};

struct entry {
	uint64_t low, high;
	const uint8_t *expression;
	uint64_t bytes;
};

static uint64_t take(struct reader *r, unsigned bytes)
{
	uint64_t value = 0;

	if ((uint64_t)(r->end - r->at) < bytes) {
		r->is_broken = true;
		return 0;
	}
	memcpy(&value, r->at, bytes);
	r->at += bytes;
	return value;
}

static uint64_t take_uleb(struct reader *r)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint64_t byte = take(r, 1);

		value |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	r->is_broken = true;
	return 0;
}

static bool take_expression(struct reader *r, uint64_t bytes, struct entry *ret)
{
	if (r->is_broken || (uint64_t)(r->end - r->at) < bytes)
		return false;
	ret->expression = r->at;
	ret->bytes = bytes;
	r->at += bytes;
	return true;
}

/* The next entry with an expression; false: there is none, or one of which nobody knows where it is. */
static bool next_old(struct reader *r, struct entry *ret)
{
	for (;;) {
		uint64_t low = take(r, 8), high = take(r, 8);

		if (r->is_broken || (!low && !high))
			return false;
		if (low != UINT64_MAX) {
			*ret = (struct entry){ .low = r->base + low, .high = r->base + high };
			return take_expression(r, take(r, 2), ret);
		}
		r->base = high;
	}
}

static bool next_new(struct reader *r, struct entry *ret)
{
	while (!r->is_broken) {
		switch (take(r, 1)) {
		case DW_LLE_base_address:
			r->base = take(r, 8);
			continue;
		case DW_LLE_GNU_view_pair:
			take_uleb(r);
			take_uleb(r);
			continue;
		case DW_LLE_offset_pair:
			ret->low = r->base + take_uleb(r);
			ret->high = r->base + take_uleb(r);
			break;
		case DW_LLE_start_end:
			ret->low = take(r, 8);
			ret->high = take(r, 8);
			break;
		case DW_LLE_start_length:
			ret->low = take(r, 8);
			ret->high = ret->low + take_uleb(r);
			break;
		default: /* the end; by numbers in another section, as gcc writes it in split units only */
			return false;
		}
		return take_expression(r, take_uleb(r), ret);
	}
	return false;
}

static bool find_section(Elf *elf, const char *name, struct reader *ret)
{
	size_t names;

	if (elf_getshdrstrndx(elf, &names) < 0)
		return false;
	for (Elf_Scn *scn = elf_nextscn(elf, NULL); scn; scn = elf_nextscn(elf, scn)) {
		GElf_Shdr header;
		const char *there;
		Elf_Data *data;

		if (!gelf_getshdr(scn, &header) || header.sh_type == SHT_NOBITS ||
		    header.sh_flags & SHF_COMPRESSED)
			continue;
		there = elf_strptr(elf, names, header.sh_name);
		if (!there || strcmp(there, name))
			continue;
		data = elf_rawdata(scn, NULL);
		if (!data || !data->d_buf)
			return false;
		*ret = (struct reader){ .at = data->d_buf,
					.end = (const uint8_t *)data->d_buf + data->d_size };
		return true;
	}
	return false;
}

/* It stands behind the whole, or in a composite behind each piece's place: those are registers. */
static bool has_mark(const struct entry *entry)
{
	const uint8_t *ops = entry->expression;

	if (entry->bytes < 2)
		return false;
	return ops[entry->bytes - 1] == DW_OP_GNU_uninit ||
	       (ops[0] >= DW_OP_reg0 && ops[0] <= DW_OP_reg31 && ops[1] == DW_OP_GNU_uninit);
}

bool jem_location_is_uninitialised(const struct jem_debug *debug, Dwarf_Attribute *attr,
				   uint64_t pc)
{
	struct reader reader;
	struct entry entry;
	Dwarf_Half version;
	Dwarf_Die unit;
	Dwarf_Word offset;
	Dwarf_Addr base;

	if (dwarf_whatform(attr) != DW_FORM_sec_offset || dwarf_formudata(attr, &offset) != 0 ||
	    dwarf_cu_info(attr->cu, &version, NULL, &unit, NULL, NULL, NULL, NULL) != 0 ||
	    dwarf_cu_getdwarf(attr->cu) != debug->dwarf ||
	    !find_section(jem_debug_dwarf_elf(debug),
			  version < 5 ? ".debug_loc" : ".debug_loclists", &reader) ||
	    offset >= (uint64_t)(reader.end - reader.at))
		return false;
	reader.at += offset;
	reader.base = dwarf_lowpc(&unit, &base) == 0 ? base : 0;
	for (unsigned i = 0; i < ENTRIES_MAX; i++) {
		if (!(version < 5 ? next_old(&reader, &entry) : next_new(&reader, &entry)))
			return false;
		if (pc >= entry.low && pc < entry.high)
			return has_mark(&entry);
	}
	return false;
}
