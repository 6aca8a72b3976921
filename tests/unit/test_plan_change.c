/* SPDX-License-Identifier: Apache-2.0 */
/* Modules that come, go and come again in a plan file, with little room and a reader beside. */
#include "tests/unit/check.h"
#include "tests/unit/plan_bench.h"

#include <errno.h>
#include <pthread.h>

CASE(takes_modules_out)
{
	struct jem_plan_found found;
	struct plan_module module;
	struct plan_bench bench;
	uint32_t site;
	uint32_t generation;

	plan_module_make(&module, 3);
	plan_open(&bench, FILE_BYTES);
	jem_plan_file_add(bench.file, 1, &module.image, 0x100000, 0, NULL);
	jem_plan_file_add(bench.file, 2, &module.image, 0x200000, 0, NULL);
	site = plan_find(&bench, 0x101000)->site;
	generation = plan_header(&bench)->generation;
	CHECK_EQ(jem_plan_file_remove(bench.file, 1, 0), 0);
	CHECK_EQ(plan_header(&bench)->generation, generation + 2);
	CHECK(!plan_find(&bench, 0x101000) && !plan_find(&bench, 0x101040));
	CHECK(plan_find(&bench, 0x201000) && plan_find(&bench, 0x201040));
	CHECK_EQ(jem_plan_file_remove(bench.file, 1, 0), -ENOENT);
	/* Its late records are still understood. */
	CHECK(jem_plan_file_find_site(bench.file, site, &found));
	CHECK_EQ(found.bias, 0x100000);
	CHECK(!jem_plan_file_find_address(bench.file, 0x101000, &found));
	plan_close(&bench);
	plan_module_free(&module);
}

/* dlopen and dlclose in a loop, the clock standing still: nothing becomes free by time. */
CASE(lets_a_module_come_and_go_without_end)
{
	struct plan_module module;
	struct plan_bench bench;
	struct jem_plan_usage usage;
	uint64_t free_bytes = 0;

	plan_module_make(&module, 50);
	plan_open(&bench, 65536);
	for (uint32_t i = 0; i < 20000; i++) {
		CHECK_EQ(jem_plan_file_add(bench.file, i, &module.image, 0x100000, 0, NULL), 0);
		CHECK_EQ(plan_find(&bench, 0x101000)->module, i);
		CHECK(plan_find(&bench, 0x132000));
		CHECK(plan_find(&bench, 0x101040));
		CHECK_EQ(jem_plan_file_remove(bench.file, i, 0), 0);
		CHECK(!plan_find(&bench, 0x101000));
		jem_plan_file_usage(bench.file, &usage);
		CHECK(!i || usage.free_bytes == free_bytes);
		free_bytes = usage.free_bytes;
	}
	plan_close(&bench);
	plan_module_free(&module);
}

/* The same, but it comes to another place every time, and the clock goes on. */
CASE(uses_the_space_of_removed_modules_again)
{
	struct plan_module module;
	struct plan_bench bench;

	plan_module_make(&module, 50);
	plan_open(&bench, 65536);
	for (uint32_t i = 0; i < 3000; i++) {
		uint64_t bias = 0x100000ull * (i + 1);

		CHECK_EQ(jem_plan_file_add(bench.file, i, &module.image, bias, i * 3ull * SECOND,
					   NULL),
			 0);
		CHECK(plan_find(&bench, bias + 0x32000));
		CHECK_EQ(plan_header(&bench)->function_count, 1 + 51);
		CHECK_EQ(jem_plan_file_remove(bench.file, i, i * 3ull * SECOND), 0);
	}
	plan_close(&bench);
	plan_module_free(&module);
}

CASE(does_not_use_space_again_before_the_grace)
{
	struct plan_module module;
	struct plan_module other;
	struct plan_bench bench;
	const struct jem_plan_op *code;
	int status = 0;
	uint32_t added = 0;

	plan_module_make(&module, 50);
	plan_module_make(&other, 50);
	plan_open(&bench, 65536);
	CHECK_EQ(jem_plan_file_add(bench.file, 0, &module.image, 0x100000, 0, NULL), 0);
	code = plan_code(&bench, plan_find(&bench, 0x101000)->plan);
	CHECK_EQ(jem_plan_file_remove(bench.file, 0, 0), 0);
	while (status == 0) { /* until there is no room for code or table */
		uint64_t bias = 0x1000000ull * ++added;

		status = jem_plan_file_add(bench.file, added, &other.image, bias, SECOND - 1, NULL);
	}
	CHECK(status == 1 || status == -ENOSPC);
	CHECK_EQ(code[0].op, JEM_OP_CONST64);
	CHECK_EQ(code[4].op, JEM_OP_END);
	plan_close(&bench);
	plan_module_free(&module);
	plan_module_free(&other);
}

CASE(says_when_there_is_no_room)
{
	struct jem_err err = { "" };
	struct jem_plan_file *file;
	struct plan_module module;
	struct plan_bench bench;
	uint32_t generation;

	plan_module_make(&module, 40); /* 81 entries: 256 buckets of 32 bytes, or 4096 ... */
	CHECK_EQ(jem_plan_file_create((void *)&module, 100, &plan_settings, &file), -EINVAL);
	plan_open(&bench, 4096);
	generation = plan_header(&bench)->generation;
	CHECK_EQ(jem_plan_file_add(bench.file, 1, &module.image, 0, 0, &err), -ENOSPC);
	CHECK_CONTAINS(err.text, "no room in the plan file of 4096 bytes");
	CHECK_EQ(plan_header(&bench)->generation, generation);
	CHECK(!plan_find(&bench, 0x1000));
	plan_close(&bench);
	/* The table fits (8 KiB), the code (1.6 KiB) does not. */
	plan_open(&bench, 8192 + 1024);
	CHECK_EQ(jem_plan_file_add(bench.file, 1, &module.image, 0x100000, 0, &err), 1);
	CHECK_CONTAINS(err.text, "no values");
	CHECK_EQ(plan_find(&bench, 0x101000)->plan, 0);
	CHECK_EQ(plan_find(&bench, 0x101000)->fixed_words, 0);
	CHECK_EQ(plan_find(&bench, 0x101000)->flags & JEM_SITE_INCLUDED, JEM_SITE_INCLUDED);
	CHECK(!plan_find(&bench, 0x101040));
	plan_close(&bench);
	plan_module_free(&module);
}

/* Debug data made so that all sites fall into one bucket must not make the writer slow. */
CASE(bounds_the_walk_of_keys_that_collide)
{
	struct jem_plan_usage usage;
	struct image_maker maker;
	struct jem_image image;
	struct plan_bench bench;
	uint8_t *bytes;
	size_t len;
	uint64_t pc = 0;

	image_maker_init(&maker);
	image_function(&maker, "f", JEM_FUNCTION_INCLUDED);
	for (unsigned i = 0; i < 3000; i++) {
		do
			pc++;
		while (jem_plan_hash(pc) % 4096);
		image_site(&maker, (struct jem_image_site){ .pc = pc, .function = 1 });
	}
	bytes = image_make(&maker, &len, &image);
	image_maker_deinit(&maker);
	plan_open(&bench, FILE_BYTES);
	CHECK_EQ(jem_plan_file_add(bench.file, 1, &image, 0, 0, NULL), 0);
	jem_plan_file_usage(bench.file, &usage);
	CHECK_LE(usage.sites, 3000);
	CHECK_GE(usage.sites, JEM_PLAN_PROBES);
	plan_close(&bench);
	free(bytes);
}

/* Many sites as they lie in a program: none is left out, in a table that others have half filled. */
CASE(finds_every_site_of_a_large_module)
{
	const unsigned count = 40000;
	struct image_maker maker;
	struct jem_image image;
	struct plan_bench bench;
	uint8_t *bytes;
	size_t len;

	image_maker_init(&maker);
	image_function(&maker, "f", JEM_FUNCTION_INCLUDED);
	for (unsigned i = 0; i < count; i++) {
		struct jem_image_site site = { .pc = 0x401000 + i * 64ull + i % 7,
					       .function = 1,
					       .slot = 1 };

		jem_buf_add(&maker.sections[JEM_IMAGE_SITES], &site, sizeof(site));
	}
	bytes = image_make(&maker, &len, &image);
	image_maker_deinit(&maker);
	plan_open(&bench, 64 << 20);
	for (uint32_t m = 0; m < 3; m++)
		CHECK_EQ(jem_plan_file_add(bench.file, m, &image, 0x7f0000000000ull * m, 0, NULL),
			 0);
	for (uint64_t m = 0; m < 3; m++)
		for (unsigned i = 0; i < count; i++)
			CHECK(plan_find(&bench, 0x7f0000000000ull * m + image.sites[i].pc));
	plan_close(&bench);
	free(bytes);
}

struct race {
	struct plan_bench bench;
	struct plan_view view;
	bool is_over;
	unsigned missed, looked;
};

/* A site of a module that stays is found at every instant, with its own plan. */
static void *look_all_the_time(void *user)
{
	struct race *race = user;

	do {
		for (unsigned i = 1; i <= 40; i++) {
			const struct jem_plan_site *site;

			plan_view_refresh(&race->view, race->bench.bytes);
			site = plan_view_find(&race->view, 0x100000 + 0x1000 * i);
			race->missed += !site || !site->plan || site->fixed_words != 2;
			race->looked++;
		}
	} while (!__atomic_load_n(&race->is_over, __ATOMIC_ACQUIRE));
	return NULL;
}

CASE(hides_no_site_while_others_come_and_go)
{
	struct race race = { 0 };
	struct plan_module stays;
	struct plan_module other;
	pthread_t thread;

	plan_module_make(&stays, 40);
	plan_module_make(&other, 40);
	/* The clock stands still, so that nothing is used again and the thread may be as slow as it likes. */
	plan_open(&race.bench, 64 << 20);
	jem_plan_file_add(race.bench.file, 1, &stays.image, 0x100000, 0, NULL);
	/* From here on it has a table, if only an old one while a change is under way. */
	race.view.generation = UINT32_MAX - 1;
	plan_view_refresh(&race.view, race.bench.bytes);
	CHECK_EQ(pthread_create(&thread, NULL, look_all_the_time, &race), 0);
	for (uint32_t i = 2; i < 1000; i++) {
		CHECK_EQ(jem_plan_file_add(race.bench.file, i, &other.image, 0x1000000ull * i, 0,
					   NULL),
			 0);
		if (i % 7 == 0) /* in its own place */
			CHECK_EQ(jem_plan_file_add(race.bench.file, 1, &stays.image, 0x100000, 0,
						   NULL),
				 0);
		CHECK_EQ(jem_plan_file_remove(race.bench.file, i, 0), 0);
	}
	__atomic_store_n(&race.is_over, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	CHECK_EQ(race.missed, 0);
	CHECK_GE(race.looked, 40);
	plan_close(&race.bench);
	plan_module_free(&stays);
	plan_module_free(&other);
}

TESTS(T(takes_modules_out), T(lets_a_module_come_and_go_without_end),
      T(uses_the_space_of_removed_modules_again), T(does_not_use_space_again_before_the_grace),
      T(says_when_there_is_no_room), T(bounds_the_walk_of_keys_that_collide),
      T(finds_every_site_of_a_large_module), T(hides_no_site_while_others_come_and_go))
