/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the arguments are when the hook is called, by the code between the function's entry and the hook.
 * clang -O0 calls the hook before it stores them where DWARF says they are; optimising compilers drop
 * those that nobody uses, though the register that brought them is still in place.
 */
#include "tracer/symbols/compile.h"

#include <dwarf.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#define RSP      7
#define ALL_REGS (0xffffull | 0xffull << 17)

/* Where an entry register is looked for at the hook: those that cost nothing first. */
static const uint8_t cheap_regs[] = { 3, 6, 12, 13, 14, 15 };
static const uint8_t live_regs[] = { 1, 2, 8, 9, 10, 11 };

static const uint8_t *code_at(void *data, uint64_t address, size_t *left)
{
	return jem_debug_code(data, address, left);
}

static bool run(struct jem_compiler *c)
{
	const struct jem_plan_request *r = c->request;

	if (c->is_flow_tried)
		return c->has_flow;
	c->is_flow_tried = true;
	if (r->kind != JEM_PLAN_ENTER || r->scope->addr != r->physical->addr || !c->has_cfa)
		return false;
	c->flow = malloc(sizeof(*c->flow));
	if (!c->flow)
		return false;
	jem_flow_init(c->flow, code_at, r->debug, ALL_REGS);
	c->has_flow = jem_flow_run(c->flow, r->function_start, r->pc) == JEM_FLOW_REACHED;
	return c->has_flow;
}

/* The node is what `reg` was at entry, at least its low `size` bytes. */
static bool is_entry(const struct jem_flow *f, uint16_t node, unsigned kind, unsigned reg,
		     uint32_t size)
{
	const struct jem_flow_node *n = &f->nodes[node];

	/* clang stores a bool's lowest bit: the calling convention has no others */
	if (size == 1 && n->kind == JEM_FLOW_ALU && n->op == JEM_X86_AND &&
	    f->nodes[n->b].kind == JEM_FLOW_CONST && f->nodes[n->b].value == 1)
		n = &f->nodes[n->a];
	if ((n->kind == JEM_FLOW_EXTEND || n->kind == JEM_FLOW_LOW) && n->size >= size)
		n = &f->nodes[n->a];
	return n->kind == kind && n->reg == reg && !n->value && (kind != JEM_FLOW_XMM || !n->size);
}

static bool in_register(struct jem_compiler *c, const uint8_t *regs, size_t count, unsigned reg,
			uint32_t size, struct jem_place *ret)
{
	for (size_t i = 0; i < count; i++) {
		if (!is_entry(c->flow, c->flow->gpr[regs[i]], JEM_FLOW_REG, reg, size) ||
		    !jem_code_frame_reg(c, regs[i], &ret->term))
			continue;
		ret->kind = JEM_PLACE_VALUE;
		return true;
	}
	return false;
}

static bool in_memory(struct jem_compiler *c, unsigned kind, unsigned reg, uint32_t size,
		      struct jem_place *ret)
{
	for (unsigned i = c->flow->store_count; i-- > 0;) {
		const struct jem_flow_store *s = &c->flow->stores[i];

		if (s->size < size || s->base != JEM_FLOW_BASE_REG + RSP ||
		    !is_entry(c->flow, s->value, kind, reg, size))
			continue;
		/* at entry the stack pointer is one word below the CFA */
		ret->kind = JEM_PLACE_MEMORY;
		ret->term = jem_term_plus(c->cfa, s->offset - 8);
		return true;
	}
	return false;
}

static void entry_xmm(struct jem_compiler *c, unsigned reg, uint32_t size, struct jem_place *ret)
{
	for (unsigned i = 0; i < 8 && c->has_xmm; i++) {
		if (!is_entry(c->flow, c->flow->xmm[i][0], JEM_FLOW_XMM, reg, size))
			continue;
		ret->kind = JEM_PLACE_XMM;
		ret->reg = (uint8_t)i;
		return;
	}
	in_memory(c, JEM_FLOW_XMM, reg, size, ret);
}

void jem_prologue_entry(struct jem_compiler *c, unsigned reg, uint32_t size, struct jem_place *ret)
{
	*ret = (struct jem_place){ .kind = JEM_PLACE_MISSING,
				   .missing = JEM_MISSING_OPTIMISED_OUT,
				   .size = size };
	if (!run(c))
		return;
	if (reg >= 17 && reg < 25) {
		entry_xmm(c, reg - 17, size > 8 ? 8 : size, ret);
		return;
	}
	if (reg < 16 && !in_register(c, cheap_regs, sizeof(cheap_regs), reg, size, ret) &&
	    !in_memory(c, JEM_FLOW_REG, reg, size, ret))
		in_register(c, live_regs, sizeof(live_regs), reg, size, ret);
}

static bool is_clang(Dwarf_Die *die)
{
	Dwarf_Die unit;
	Dwarf_Attribute attr;
	const char *producer = NULL;

	if (dwarf_diecu(die, &unit, NULL, NULL))
		producer = dwarf_formstring(dwarf_attr(&unit, DW_AT_producer, &attr));
	return producer && strstr(producer, "clang");
}

/* In bytes from the CFA; what is on the caller's side was there before the call. */
static bool is_unwritten(struct jem_compiler *c, int64_t offset, uint32_t size)
{
	if (offset >= 0)
		return false;
	if (!run(c))
		return is_clang(c->request->physical);
	for (uint32_t at = 0; at < size && at < 64; at += 8) {
		uint32_t left = size - at;

		/* at entry the stack pointer is one word below the CFA */
		if (!jem_flow_is_written(c->flow, RSP, offset + at + 8, left < 8 ? left : 8))
			return true;
	}
	return false;
}

bool jem_prologue_is_stale(struct jem_compiler *c, const struct jem_place *place, uint32_t size)
{
	const struct jem_term *t = &place->term;

	if (!c->has_cfa || c->cfa.kind != JEM_TERM_REG)
		return false;
	for (unsigned i = 0; i < c->frame_read_count; i++)
		if (is_unwritten(c, c->frame_reads[i], 8))
			return true;
	return place->kind == JEM_PLACE_MEMORY && t->kind == JEM_TERM_REG && t->reg == c->cfa.reg &&
	       is_unwritten(c, (int64_t)((uint64_t)t->value - (uint64_t)c->cfa.value), size);
}

bool jem_prologue_is_global(struct jem_compiler *c)
{
	Elf_Scn *section = NULL;
	Elf *elf = c->request->debug->elf;

	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		GElf_Sym symbol;
		Elf_Data *data;

		if (!gelf_getshdr(section, &header) || !header.sh_entsize ||
		    (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM))
			continue;
		data = elf_getdata(section, NULL);
		for (int i = 1; data && gelf_getsym(data, i, &symbol); i++)
			if (symbol.st_value == c->request->function_start &&
			    GELF_ST_TYPE(symbol.st_info) == STT_FUNC &&
			    GELF_ST_BIND(symbol.st_info) != STB_LOCAL)
				return true;
	}
	return false;
}

/* --- the calling convention --------------------------------------------------------------------- */

static const uint8_t integer_regs[] = { 5, 4, 1, 2, 8, 9 };

struct assignment {
	unsigned integers, floats; /* registers that are taken */
	uint64_t stack;            /* bytes above the CFA */
};

/* The registers of the two eightbytes; false: on the stack. */
static bool take_registers(struct assignment *a, const enum jem_class classes[2], unsigned regs[2])
{
	unsigned integers = 0, floats = 0;

	for (unsigned i = 0; i < 2; i++) {
		integers += classes[i] == JEM_CLASS_INTEGER || classes[i] == JEM_CLASS_POINTER;
		floats += classes[i] == JEM_CLASS_SSE;
	}
	if (a->integers + integers > 6 || a->floats + floats > 8)
		return false;
	for (unsigned i = 0; i < 2; i++) {
		if (classes[i] == JEM_CLASS_INTEGER || classes[i] == JEM_CLASS_POINTER)
			regs[i] = integer_regs[a->integers++];
		else if (classes[i] == JEM_CLASS_SSE)
			regs[i] = 17 + a->floats++;
	}
	return true;
}

static void on_stack(struct jem_compiler *c, struct assignment *a, uint32_t size, bool is_aligned,
		     struct jem_place *ret)
{
	if (is_aligned)
		a->stack = (a->stack + 15) & ~15ull;
	if (c->has_cfa) {
		ret->kind = JEM_PLACE_MEMORY;
		ret->term = jem_term_plus(c->cfa, (int64_t)a->stack);
	}
	a->stack += (size + 7ull) & ~7ull;
}

static void in_registers(struct jem_compiler *c, const enum jem_class classes[2],
			 const unsigned regs[2], uint32_t size, struct jem_place *ret)
{
	struct jem_place part;

	if (size <= 8) {
		jem_prologue_entry(c, regs[0], size, ret);
		return;
	}
	if (classes[1] == JEM_CLASS_NONE)
		return; /* 16 bytes in one vector register */
	ret->kind = JEM_PLACE_PIECES;
	for (unsigned i = 0; i < 2; i++) {
		uint32_t bytes = i ? size - 8 : 8;

		jem_prologue_entry(c, regs[i], bytes, &part);
		ret->pieces[ret->piece_count++] = (struct jem_piece){ .kind = part.kind,
								      .term = part.term,
								      .size = bytes,
								      .reg = part.reg,
								      .missing = part.missing };
	}
}

static void by_reference(struct jem_compiler *c, unsigned reg, struct jem_place *ret)
{
	struct jem_place pointer;

	jem_prologue_entry(c, reg, 8, &pointer);
	if (pointer.kind == JEM_PLACE_MISSING)
		return;
	ret->kind = JEM_PLACE_MEMORY;
	ret->term = pointer.kind == JEM_PLACE_VALUE ? pointer.term
						    : jem_code_load(c, &pointer.term, 8, false);
	ret->term.is_stack = false;
}

void jem_prologue_argument(struct jem_compiler *c, const struct jem_argument *arguments,
			   unsigned count, unsigned index, struct jem_place *ret)
{
	struct jem_types *types = c->request->types;
	struct assignment a = { 0 };
	enum jem_class classes[2];
	uint32_t returned = jem_types_of(types, c->request->physical);

	*ret = (struct jem_place){ .kind = JEM_PLACE_MISSING,
				   .missing = JEM_MISSING_OPTIMISED_OUT };
	if (returned) {
		jem_abi_classify(types, c->request->physical, returned, classes);
		if (classes[0] == JEM_CLASS_UNKNOWN)
			return;
		a.integers = classes[0] == JEM_CLASS_MEMORY || classes[0] == JEM_CLASS_POINTER;
	}
	for (unsigned i = 0; i < count && i <= index; i++) {
		unsigned regs[2] = { 0, 0 };
		struct jem_place here = *ret;
		Dwarf_Die die = arguments[i].die;
		uint32_t size = arguments[i].size;

		here.size = size;
		jem_abi_classify(types, &die, arguments[i].type, classes);
		if (classes[0] == JEM_CLASS_UNKNOWN || classes[1] == JEM_CLASS_UNKNOWN)
			return;
		bool is_memory = classes[0] == JEM_CLASS_MEMORY || classes[0] == JEM_CLASS_X87 ||
				 !take_registers(&a, classes, regs);

		if (classes[0] == JEM_CLASS_NONE)
			continue;
		if (is_memory)
			on_stack(c, &a, size, classes[0] == JEM_CLASS_X87, &here);
		else if (i == index && classes[0] == JEM_CLASS_POINTER)
			by_reference(c, regs[0], &here);
		else if (i == index)
			in_registers(c, classes, regs, size, &here);
		if (i == index)
			*ret = here;
	}
}
