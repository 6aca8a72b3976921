/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/plan_bench.h"

#include "tests/unit/check.h"

const struct jem_plan_settings plan_settings = {
	.state = JEM_PLAN_VALUES,
	.process_limit = 20000,
	.function_limit = 1000,
	.guard = JEM_GUARD_FAULT,
	.record_bytes = 2048,
};

void plan_open(struct plan_bench *bench, size_t len)
{
	bench->len = len;
	bench->bytes = malloc(len);
	memset(bench->bytes, 0xa5, len);
	CHECK_EQ(jem_plan_file_create(bench->bytes, len, &plan_settings, &bench->file), 0);
}

void plan_close(struct plan_bench *bench)
{
	jem_plan_file_destroy(bench->file);
	free(bench->bytes);
}

void plan_view_refresh(struct plan_view *view, const uint8_t *bytes)
{
	const struct jem_plan_header *header = (const void *)bytes;
	uint32_t before = __atomic_load_n(&header->generation, __ATOMIC_ACQUIRE);
	uint64_t offset;
	uint32_t mask;

	if (before == view->generation || before & 1)
		return;
	offset = __atomic_load_n(&header->sites_offset, __ATOMIC_RELAXED);
	mask = __atomic_load_n(&header->site_mask, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&header->generation, __ATOMIC_RELAXED) != before)
		return;
	view->generation = before;
	view->mask = mask;
	view->sites = offset ? (const void *)(bytes + offset) : NULL;
}

const struct jem_plan_site *plan_view_find(const struct plan_view *view, uint64_t key)
{
	uint32_t bucket = (uint32_t)jem_plan_hash(key) & view->mask;

	for (uint32_t i = 0; view->sites && i < JEM_PLAN_PROBES; i++) {
		const struct jem_plan_site *site = &view->sites[(bucket + i) & view->mask];
		uint64_t found = __atomic_load_n(&site->key, __ATOMIC_ACQUIRE);

		if (found == key)
			return site;
		if (!found)
			break;
	}
	return NULL;
}

const struct jem_plan_site *plan_find(const struct plan_bench *bench, uint64_t key)
{
	struct plan_view view = { .generation = UINT32_MAX - 1 };

	plan_view_refresh(&view, bench->bytes);
	return plan_view_find(&view, key);
}

const struct jem_plan_header *plan_header(const struct plan_bench *bench)
{
	return (const void *)bench->bytes;
}

const struct jem_plan_op *plan_code(const struct plan_bench *bench, uint32_t plan)
{
	const struct jem_plan_header *header = plan_header(bench);

	CHECK(plan > 0 && plan < header->code_count);
	return (const struct jem_plan_op *)(const void *)(bench->bytes + header->code_offset) +
	       plan;
}

void plan_module_make(struct plan_module *module, unsigned functions)
{
	struct image_maker maker;
	size_t len;

	image_maker_init(&maker);
	image_basic_types(&maker);
	for (unsigned i = 1; i <= functions; i++)
		image_function(&maker, "f", i == 1 ? JEM_FUNCTION_INCLUDED : 0);
	for (unsigned i = 1; i <= functions; i++) {
		image_op(&maker, (struct jem_plan_op){ .op = JEM_OP_CONST64, .a = 20, .b = 1 });
		image_word(&maker, 0x4000 + i);
		image_op(&maker, (struct jem_plan_op){ .op = JEM_OP_CONST64, .a = 21 });
		image_word(&maker, 0x4000 + i);
		image_op(&maker, (struct jem_plan_op){ .op = JEM_OP_END });
		image_site(&maker, (struct jem_image_site){ .pc = 0x1000 * i,
							    .function = i,
							    .fixed_words = 2,
							    .flags = JEM_SITE_POINTERS });
		image_site(&maker, (struct jem_image_site){ .pc = 0x1000 * i + 0x80,
							    .function = i,
							    .flags = JEM_SITE_EXIT });
	}
	image_op(&maker, (struct jem_plan_op){ .op = JEM_OP_EMIT, .a = 7 });
	image_op(&maker, (struct jem_plan_op){ .op = JEM_OP_END });
	image_callsite(&maker, (struct jem_image_callsite){
				       .pc = 0x1040, .function = 1, .fixed_words = 1 });
	image_callsite(&maker, (struct jem_image_callsite){ .pc = 0x1044, .function = 1 });
	module->bytes = image_make(&maker, &len, &module->image);
	image_maker_deinit(&maker);
}

void plan_module_free(struct plan_module *module)
{
	free(module->bytes);
}
