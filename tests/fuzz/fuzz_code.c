/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as x86-64 code: the decoder, and the data flow over it. The first byte chooses which registers
 * are known. What the flow says must stay within its own tables.
 */
#include "tracer/symbols/flow.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE 0x1000

struct text {
	const uint8_t *bytes;
	size_t len;
};

static const uint8_t *code_at(void *data, uint64_t address, size_t *left)
{
	const struct text *text = data;

	if (address < BASE || address - BASE >= text->len)
		return NULL;
	*left = text->len - (size_t)(address - BASE);
	return text->bytes + (address - BASE);
}

static void check_node(const struct jem_flow *flow, uint16_t node)
{
	if (node >= flow->node_count)
		abort();
	/* terms are made of older ones only: they end */
	if (node && (flow->nodes[node].a >= node || flow->nodes[node].b >= node))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jem_flow flow;
	struct jem_x86_insn insn;

	if (size < 2)
		return 0;
	struct text text = { data + 1, size - 1 };
	int len = jem_x86_decode(text.bytes, text.len, &insn);

	if (len > 15 || (len > 0 && ((size_t)len > text.len || insn.length != len)))
		abort();
	jem_flow_init(&flow, code_at, &text, data[0] & 1 ? 0x1ffffff : 0xf0c8);
	jem_flow_run(&flow, BASE, data[0] & 2 ? BASE + text.len : 0);
	if (flow.node_count > JEM_FLOW_NODES || flow.store_count > JEM_FLOW_STORES)
		abort();
	for (uint16_t i = 0; i < flow.node_count; i++)
		check_node(&flow, i);
	for (unsigned i = 0; i < 16; i++) {
		check_node(&flow, flow.gpr[i]);
		check_node(&flow, flow.xmm[i][0]);
		check_node(&flow, jem_flow_low(&flow, flow.gpr[i], 1 + data[0] % 8));
		check_node(&flow, jem_flow_memory(&flow, i, -8, 8));
	}
	return 0;
}
