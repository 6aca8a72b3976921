/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"
#include "tests/unit/plan_bench.h"

#include <errno.h>

CASE(begins_with_an_empty_plan)
{
	struct plan_bench bench;
	const struct jem_plan_header *header;

	plan_open(&bench, FILE_BYTES);
	header = plan_header(&bench);
	CHECK(!memcmp(header->magic, JEM_PLAN_MAGIC, 8));
	CHECK_EQ(header->version, JEM_RING_VERSION);
	CHECK_EQ(header->file_bytes, FILE_BYTES);
	CHECK_EQ(header->sites_offset, 0);
	CHECK_EQ(header->site_mask, 0);
	CHECK_EQ(header->state, JEM_PLAN_VALUES);
	CHECK_EQ(header->process_limit, 20000);
	CHECK_EQ(header->record_bytes, 2048);
	CHECK_EQ(header->generation % 2, 0);
	CHECK(!plan_find(&bench, 0x1000));
	plan_close(&bench);
}

CASE(relocates_sites_and_code)
{
	const uint64_t bias = 0x555500000000;
	const struct jem_plan_site *site;
	const struct jem_plan_op *code;
	struct plan_module module;
	struct plan_bench bench;
	struct jem_err err;
	uint64_t word;

	plan_module_make(&module, 3);
	plan_open(&bench, FILE_BYTES);
	CHECK_EQ(jem_plan_file_add(bench.file, 7, &module.image, bias, 0, &err), 0);
	site = plan_find(&bench, bias + 0x2000);
	CHECK(site);
	CHECK_EQ(site->module, 7);
	CHECK_EQ(site->fixed_words, 2);
	CHECK_EQ(site->flags, JEM_SITE_POINTERS);
	code = plan_code(&bench, site->plan);
	CHECK_EQ(code[0].op, JEM_OP_CONST64);
	memcpy(&word, &code[1], 8);
	CHECK_EQ(word, bias + 0x4002);
	memcpy(&word, &code[3], 8);
	CHECK_EQ(word, 0x4002); /* a number, not an address */
	CHECK_EQ(code[4].op, JEM_OP_END);
	CHECK_EQ(plan_find(&bench, bias + 0x1000)->flags, JEM_SITE_POINTERS | JEM_SITE_INCLUDED);
	CHECK_EQ(plan_find(&bench, bias + 0x1080)->flags, JEM_SITE_EXIT | JEM_SITE_INCLUDED);
	CHECK_EQ(plan_find(&bench, bias + 0x1080)->plan, 0);
	CHECK(!plan_find(&bench, 0x1000));
	CHECK(!plan_find(&bench, bias + 0x1001));
	site = plan_find(&bench, bias + 0x1040);
	CHECK_EQ(site->flags, JEM_SITE_CALLSITE);
	CHECK_EQ(site->function, 0);
	CHECK_EQ(plan_code(&bench, site->plan)->op, JEM_OP_EMIT);
	CHECK(!plan_find(&bench, bias + 0x1044)); /* nothing to run there */
	plan_close(&bench);
	plan_module_free(&module);
}

CASE(tells_what_ids_mean)
{
	struct jem_plan_found found;
	struct plan_module first;
	struct plan_module second;
	struct plan_bench bench;
	uint32_t site;
	uint32_t function;

	plan_module_make(&first, 2);
	plan_module_make(&second, 5);
	plan_open(&bench, FILE_BYTES);
	CHECK_EQ(jem_plan_file_add(bench.file, 1, &first.image, 0x100000, 0, NULL), 0);
	CHECK_EQ(jem_plan_file_add(bench.file, 2, &second.image, 0x200000, 0, NULL), 0);
	for (unsigned i = 1; i <= 5; i++) {
		site = plan_find(&bench, 0x200000 + 0x1000 * i)->site;
		function = plan_find(&bench, 0x200000 + 0x1000 * i)->function;
		CHECK(jem_plan_file_find_site(bench.file, site, &found));
		CHECK(found.site == &second.image.sites[2 * (i - 1)]);
		CHECK_EQ(found.function, i);
		CHECK_EQ(found.module, 2);
		CHECK_EQ(found.bias, 0x200000);
		CHECK(jem_plan_file_find_function(bench.file, function, &found));
		CHECK(found.image == &second.image);
		CHECK_EQ(found.function, i);
		CHECK_LE(function, plan_header(&bench)->function_count - 1);
	}
	site = plan_find(&bench, 0x101040)->site;
	CHECK(jem_plan_file_find_site(bench.file, site, &found));
	CHECK(found.callsite == &first.image.callsites[0] && !found.site);
	CHECK(!jem_plan_file_find_site(bench.file, 0, &found));
	CHECK(!jem_plan_file_find_site(bench.file, 1000, &found));
	CHECK(!jem_plan_file_find_site(bench.file, UINT32_MAX, &found));
	CHECK(!jem_plan_file_find_function(bench.file, 0, &found));
	CHECK(!jem_plan_file_find_function(bench.file, 1000, &found));
	CHECK(jem_plan_file_find_address(bench.file, 0x201044, &found));
	CHECK(found.callsite == &second.image.callsites[1]);
	CHECK(!jem_plan_file_find_address(bench.file, 0x301044, &found));
	plan_close(&bench);
	plan_module_free(&first);
	plan_module_free(&second);
}

CASE(gives_every_function_its_limit)
{
	const struct jem_plan_function *functions;
	struct jem_plan_settings other = plan_settings;
	struct plan_module module;
	struct plan_bench bench;

	plan_module_make(&module, 40);
	plan_open(&bench, FILE_BYTES);
	for (uint32_t i = 0; i < 10; i++)
		CHECK_EQ(jem_plan_file_add(bench.file, i, &module.image, 0x100000ull * i, 0, NULL),
			 0);
	CHECK_EQ(plan_header(&bench)->function_count, 1 + 10 * 41);
	functions = (const void *)(bench.bytes + plan_header(&bench)->functions_offset);
	for (uint32_t i = 0; i < plan_header(&bench)->function_count; i++)
		CHECK_EQ(functions[i].limit, 1000);
	other.function_limit = 5;
	other.process_limit = 6;
	other.state = JEM_PLAN_OFF;
	jem_plan_file_set(bench.file, &other);
	for (uint32_t i = 0; i < plan_header(&bench)->function_count; i++)
		CHECK_EQ(functions[i].limit, 5);
	CHECK_EQ(plan_header(&bench)->process_limit, 6);
	CHECK_EQ(plan_header(&bench)->state, JEM_PLAN_OFF);
	plan_close(&bench);
	plan_module_free(&module);
}

CASE(stays_at_most_half_full)
{
	struct jem_plan_usage usage;
	struct plan_module module;
	struct plan_bench bench;

	plan_module_make(&module, 60);
	plan_open(&bench, FILE_BYTES);
	for (uint32_t i = 0; i < 30; i++) {
		CHECK_EQ(jem_plan_file_add(bench.file, i, &module.image, 0x1000000ull * i, 0, NULL),
			 0);
		jem_plan_file_usage(bench.file, &usage);
		CHECK_EQ(usage.sites, (i + 1) * 121);
		CHECK_GE(usage.buckets, 2 * usage.sites);
		CHECK_EQ(plan_header(&bench)->site_mask, usage.buckets - 1);
	}
	for (uint32_t i = 0; i < 30; i++)
		for (unsigned f = 1; f <= 60; f++)
			CHECK(plan_find(&bench, 0x1000000ull * i + 0x1000 * f));
	plan_close(&bench);
	plan_module_free(&module);
}

static bool only_the_third(void *user, const struct jem_image *image, uint32_t function)
{
	(void)user, (void)image;
	return function == 3;
}

CASE(chooses_other_functions_without_new_images)
{
	struct plan_module module;
	struct plan_bench bench;
	uint32_t generation;
	uint64_t offset;

	plan_module_make(&module, 3);
	plan_open(&bench, FILE_BYTES);
	jem_plan_file_add(bench.file, 1, &module.image, 0, 0, NULL);
	generation = plan_header(&bench)->generation;
	offset = plan_header(&bench)->sites_offset;
	jem_plan_file_select(bench.file, only_the_third, NULL);
	CHECK_EQ(plan_header(&bench)->sites_offset, offset);
	CHECK_EQ(plan_header(&bench)->generation, generation + 2);
	CHECK(!(plan_find(&bench, 0x1000)->flags & JEM_SITE_INCLUDED));
	CHECK(plan_find(&bench, 0x3000)->flags & JEM_SITE_INCLUDED);
	CHECK(plan_find(&bench, 0x3080)->flags & JEM_SITE_INCLUDED);
	CHECK_EQ(plan_find(&bench, 0x1040)->flags, JEM_SITE_CALLSITE);
	/* Also what comes later, and what comes back. */
	jem_plan_file_add(bench.file, 2, &module.image, 0x100000, 0, NULL);
	CHECK(!(plan_find(&bench, 0x101000)->flags & JEM_SITE_INCLUDED));
	jem_plan_file_remove(bench.file, 2, 0);
	jem_plan_file_select(bench.file, NULL, NULL);
	CHECK(plan_find(&bench, 0x1000)->flags & JEM_SITE_INCLUDED);
	jem_plan_file_add(bench.file, 3, &module.image, 0x100000, 0, NULL);
	CHECK(plan_find(&bench, 0x101000)->flags & JEM_SITE_INCLUDED);
	plan_close(&bench);
	plan_module_free(&module);
}

CASE(never_believes_what_the_process_wrote)
{
	struct jem_plan_found found;
	struct plan_module module;
	struct plan_bench bench;
	uint32_t site;

	plan_module_make(&module, 3);
	plan_open(&bench, FILE_BYTES);
	jem_plan_file_add(bench.file, 1, &module.image, 0, 0, NULL);
	site = plan_find(&bench, 0x2000)->site;
	memset(bench.bytes, 0xff, bench.len);
	jem_plan_file_add(bench.file, 2, &module.image, 0x100000, 0, NULL);
	jem_plan_file_select(bench.file, only_the_third, NULL);
	jem_plan_file_remove(bench.file, 1, 0);
	CHECK(jem_plan_file_find_site(bench.file, site, &found));
	CHECK_EQ(found.function, 2);
	CHECK_EQ(plan_header(&bench)->generation % 2, 0);
	plan_close(&bench);
	plan_module_free(&module);
}

TESTS(T(begins_with_an_empty_plan), T(relocates_sites_and_code), T(tells_what_ids_mean),
      T(gives_every_function_its_limit), T(stays_at_most_half_full),
      T(chooses_other_functions_without_new_images), T(never_believes_what_the_process_wrote))
