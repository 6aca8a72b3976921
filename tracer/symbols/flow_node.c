/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/flow_internal.h"

uint16_t jem_flow_add(struct jem_flow *f, const struct jem_flow_node *node)
{
	if (f->node_count >= JEM_FLOW_NODES) {
		f->is_full = true;
		return 0;
	}
	f->nodes[f->node_count] = *node;
	return f->node_count++;
}

uint16_t jem_flow_constant(struct jem_flow *f, int64_t value)
{
	return jem_flow_add(f, &(struct jem_flow_node){ .kind = JEM_FLOW_CONST, .value = value });
}

int64_t jem_flow_extend_value(int64_t value, unsigned size, bool is_signed)
{
	if (size >= 8)
		return value;
	uint64_t mask = (1ull << (8 * size)) - 1;
	uint64_t low = (uint64_t)value & mask;

	return (int64_t)(is_signed && low >> (8 * size - 1) ? low | ~mask : low);
}

/* A register whose low bytes were written: of `a | b`, a has none of the low `size` bytes. */
static bool is_merged(const struct jem_flow *f, const struct jem_flow_node *n, unsigned size)
{
	const struct jem_flow_node *rest = &f->nodes[n->a];

	return n->kind == JEM_FLOW_ALU && n->op == JEM_X86_OR && rest->kind == JEM_FLOW_ALU &&
	       rest->op == JEM_X86_AND && f->nodes[rest->b].kind == JEM_FLOW_CONST &&
	       !((uint64_t)f->nodes[rest->b].value << (64 - 8 * size));
}

uint16_t jem_flow_extend(struct jem_flow *f, uint16_t a, unsigned size, bool is_signed)
{
	const struct jem_flow_node *n = &f->nodes[a];

	if (n->kind == JEM_FLOW_LOW)
		return n->size < size ? 0 : jem_flow_extend(f, n->a, size, is_signed);
	if (!a || size >= 8 || n->kind == JEM_FLOW_GUARD)
		return a;
	if (is_merged(f, n, size))
		return jem_flow_extend(f, n->b, size, is_signed);
	if (n->kind == JEM_FLOW_CONST)
		return jem_flow_constant(f, jem_flow_extend_value(n->value, size, is_signed));
	if ((n->kind == JEM_FLOW_LOAD || (n->kind == JEM_FLOW_EXTEND && !n->is_signed)) &&
	    n->size <= size && !(is_signed && n->size == size))
		return a;
	if (n->kind == JEM_FLOW_EXTEND && n->size >= size)
		a = n->a; /* the wider extension changes no byte that is kept */
	return jem_flow_add(f, &(struct jem_flow_node){ .kind = JEM_FLOW_EXTEND,
							.size = (uint8_t)size,
							.is_signed = is_signed,
							.a = a });
}

static int64_t compute(unsigned op, int64_t a, int64_t b)
{
	uint64_t x = (uint64_t)a, y = (uint64_t)b;

	switch (op) {
	case JEM_X86_ADD:
		return (int64_t)(x + y);
	case JEM_X86_SUB:
		return (int64_t)(x - y);
	case JEM_X86_AND:
		return (int64_t)(x & y);
	case JEM_X86_OR:
		return (int64_t)(x | y);
	case JEM_X86_XOR:
		return (int64_t)(x ^ y);
	case JEM_X86_MUL:
		return (int64_t)(x * y);
	case JEM_X86_SHL:
		return (int64_t)(x << (y & 63));
	case JEM_X86_SHR:
		return (int64_t)(x >> (y & 63));
	case JEM_X86_SAR:
		return a >> (y & 63);
	case JEM_X86_NEG:
		return (int64_t)-x;
	default:
		return (int64_t)~x;
	}
}

static bool is_linear(const struct jem_flow_node *n)
{
	return n->kind == JEM_FLOW_REG || n->kind == JEM_FLOW_ADDRESS;
}

uint16_t jem_flow_alu(struct jem_flow *f, unsigned op, uint16_t a, uint16_t b)
{
	const struct jem_flow_node *x = &f->nodes[a], *y = &f->nodes[b];
	bool is_unary = op == JEM_X86_NEG || op == JEM_X86_NOT;

	if (x->kind == JEM_FLOW_GUARD || (!is_unary && y->kind == JEM_FLOW_GUARD))
		return jem_flow_add(f, &(struct jem_flow_node){ .kind = JEM_FLOW_GUARD });
	if (!a || (!b && !is_unary))
		return 0;
	if (x->kind == JEM_FLOW_CONST && (is_unary || y->kind == JEM_FLOW_CONST))
		return jem_flow_constant(f, compute(op, x->value, is_unary ? 0 : y->value));
	if (op == JEM_X86_ADD && x->kind == JEM_FLOW_CONST) {
		const struct jem_flow_node *swap = x;
		uint16_t swap_id = a;

		x = y;
		y = swap;
		a = b;
		b = swap_id;
	}
	if ((op == JEM_X86_ADD || op == JEM_X86_SUB) && is_linear(x) && y->kind == JEM_FLOW_CONST) {
		struct jem_flow_node moved = *x;

		moved.value = compute(op, x->value, y->value);
		return jem_flow_add(f, &moved);
	}
	return jem_flow_add(f, &(struct jem_flow_node){
				       .kind = JEM_FLOW_ALU, .op = (uint8_t)op, .a = a, .b = b });
}

uint16_t jem_flow_low(struct jem_flow *flow, uint16_t node, unsigned size)
{
	return jem_flow_extend(flow, node, size, false);
}

/* --- memory ------------------------------------------------------------------------------------- */

/* Splits an address into a base and an offset, so that equal places are found to be equal. */
static uint16_t split(const struct jem_flow *f, uint16_t address, int64_t *offset)
{
	const struct jem_flow_node *n = &f->nodes[address];

	*offset = 0;
	if (n->kind == JEM_FLOW_REG) {
		*offset = n->value;
		return JEM_FLOW_BASE_REG + n->reg;
	}
	if (n->kind == JEM_FLOW_ADDRESS || n->kind == JEM_FLOW_CONST) {
		*offset = n->value;
		return JEM_FLOW_BASE_MODULE;
	}
	if (n->kind == JEM_FLOW_ALU && (n->op == JEM_X86_ADD || n->op == JEM_X86_SUB) &&
	    f->nodes[n->b].kind == JEM_FLOW_CONST) {
		*offset = compute(n->op, 0, f->nodes[n->b].value);
		return n->a;
	}
	return address;
}

static bool overlaps(const struct jem_flow_store *s, uint16_t base, int64_t offset, unsigned size)
{
	/* distances, not ends: offsets come from hostile code */
	return s->size && s->base == base &&
	       (uint64_t)s->offset - (uint64_t)offset + s->size - 1 < (uint64_t)s->size + size - 1;
}

void jem_flow_store_at(struct jem_flow *f, uint16_t address, unsigned size, uint16_t value)
{
	int64_t offset;
	uint16_t base = split(f, address, &offset);

	if (!address) {
		/* somewhere: what was known of other memory than the stack may be gone */
		for (unsigned i = 0; i < f->store_count; i++)
			if (f->stores[i].base != JEM_FLOW_BASE_REG + JEM_FLOW_RSP)
				f->stores[i].value = 0;
		return;
	}
	for (unsigned i = 0; i < f->store_count; i++)
		if (overlaps(&f->stores[i], base, offset, size))
			f->stores[i].size = 0;
	if (f->store_count >= JEM_FLOW_STORES) {
		f->is_full = true;
		return;
	}
	f->stores[f->store_count++] = (struct jem_flow_store){
		.base = base, .value = value, .size = (uint8_t)size, .offset = offset
	};
}

uint16_t jem_flow_load_at(struct jem_flow *f, uint16_t address, unsigned size)
{
	int64_t offset;
	uint16_t base = split(f, address, &offset);

	if (!address || f->nodes[address].kind == JEM_FLOW_GUARD)
		return 0;
	for (unsigned i = f->store_count; i-- > 0;) {
		const struct jem_flow_store *s = &f->stores[i];

		if (!overlaps(s, base, offset, size))
			continue;
		if (s->offset != offset || s->size < size)
			return 0;
		return f->nodes[s->value].kind == JEM_FLOW_XMM && size == 8
			       ? s->value
			       : jem_flow_extend(f, s->value, size, false);
	}
	return jem_flow_add(f, &(struct jem_flow_node){ .kind = JEM_FLOW_LOAD,
							.size = (uint8_t)size,
							.a = address });
}

uint16_t jem_flow_memory(struct jem_flow *flow, unsigned base_reg, int64_t offset, unsigned size)
{
	uint16_t base = (uint16_t)(JEM_FLOW_BASE_REG + base_reg);

	for (unsigned i = flow->store_count; i-- > 0;) {
		const struct jem_flow_store *s = &flow->stores[i];

		if (overlaps(s, base, offset, size))
			return s->offset == offset && s->size >= size ? s->value : 0;
	}
	return 0;
}

bool jem_flow_is_written(const struct jem_flow *flow, unsigned base_reg, int64_t offset,
			 unsigned size)
{
	for (unsigned i = 0; i < flow->store_count; i++)
		if (overlaps(&flow->stores[i], (uint16_t)(JEM_FLOW_BASE_REG + base_reg), offset,
			     size))
			return true;
	return false;
}
