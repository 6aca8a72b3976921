/* SPDX-License-Identifier: Apache-2.0 */
/* The plan file, seen by a reader that does what ring.h asks of the library in the job. */
#include "tests/unit/check.h"
#include "tests/unit/image_maker.h"
#include "tracer/symbols/plan_file.h"

#include <errno.h>
#include <pthread.h>

enum {
	FILE_BYTES = 1 << 20,
	SECOND = 1000000000
};

static const struct jem_plan_settings settings = {
	.state = JEM_PLAN_VALUES,
	.process_limit = 20000,
	.function_limit = 1000,
	.guard = JEM_GUARD_FAULT,
	.record_bytes = 2048,
};

struct bench {
	uint8_t *bytes;
	size_t len;
	struct jem_plan_file *file;
};

static void bench_open(struct bench *bench, size_t len)
{
	bench->len = len;
	bench->bytes = malloc(len);
	memset(bench->bytes, 0xa5, len);
	CHECK_EQ(jem_plan_file_create(bench->bytes, len, &settings, &bench->file), 0);
}

static void bench_close(struct bench *bench)
{
	jem_plan_file_destroy(bench->file);
	free(bench->bytes);
}

/* --- the reader in the job --- */

struct view {
	uint32_t generation;
	uint32_t mask;
	const struct jem_plan_site *sites; /* NULL: no table */
};

/* Takes the table over if no change is under way; otherwise the old one stays. */
static void view_refresh(struct view *view, const uint8_t *bytes)
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

static const struct jem_plan_site *view_find(const struct view *view, uint64_t key)
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

static const struct jem_plan_site *find(const struct bench *bench, uint64_t key)
{
	struct view view = { .generation = UINT32_MAX - 1 };

	view_refresh(&view, bench->bytes);
	return view_find(&view, key);
}

static const struct jem_plan_header *header_of(const struct bench *bench)
{
	return (const void *)bench->bytes;
}

static const struct jem_plan_op *code_of(const struct bench *bench, uint32_t plan)
{
	const struct jem_plan_header *header = header_of(bench);

	CHECK(plan > 0 && plan < header->code_count);
	return (const struct jem_plan_op *)(const void *)(bench->bytes + header->code_offset) +
	       plan;
}

/* --- images --- */

struct module {
	uint8_t *bytes;
	struct jem_image image;
};

/* Functions f1 (included), f2 ...; site of each at 0x1000 * n, exit 0x80 after it; call sites of f1. */
static void module_make(struct module *module, unsigned functions)
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

static void module_free(struct module *module)
{
	free(module->bytes);
}

CASE(begins_with_an_empty_plan)
{
	struct bench bench;
	const struct jem_plan_header *header;

	bench_open(&bench, FILE_BYTES);
	header = header_of(&bench);
	CHECK(!memcmp(header->magic, JEM_PLAN_MAGIC, 8));
	CHECK_EQ(header->version, JEM_RING_VERSION);
	CHECK_EQ(header->file_bytes, FILE_BYTES);
	CHECK_EQ(header->sites_offset, 0);
	CHECK_EQ(header->site_mask, 0);
	CHECK_EQ(header->state, JEM_PLAN_VALUES);
	CHECK_EQ(header->process_limit, 20000);
	CHECK_EQ(header->record_bytes, 2048);
	CHECK_EQ(header->generation % 2, 0);
	CHECK(!find(&bench, 0x1000));
	bench_close(&bench);
}

CASE(relocates_sites_and_code)
{
	const uint64_t bias = 0x555500000000;
	const struct jem_plan_site *site;
	const struct jem_plan_op *code;
	struct module module;
	struct bench bench;
	struct jem_err err;
	uint64_t word;

	module_make(&module, 3);
	bench_open(&bench, FILE_BYTES);
	CHECK_EQ(jem_plan_file_add(bench.file, 7, &module.image, bias, 0, &err), 0);
	site = find(&bench, bias + 0x2000);
	CHECK(site);
	CHECK_EQ(site->module, 7);
	CHECK_EQ(site->fixed_words, 2);
	CHECK_EQ(site->flags, JEM_SITE_POINTERS);
	code = code_of(&bench, site->plan);
	CHECK_EQ(code[0].op, JEM_OP_CONST64);
	memcpy(&word, &code[1], 8);
	CHECK_EQ(word, bias + 0x4002);
	memcpy(&word, &code[3], 8);
	CHECK_EQ(word, 0x4002); /* a number, not an address */
	CHECK_EQ(code[4].op, JEM_OP_END);
	CHECK_EQ(find(&bench, bias + 0x1000)->flags, JEM_SITE_POINTERS | JEM_SITE_INCLUDED);
	CHECK_EQ(find(&bench, bias + 0x1080)->flags, JEM_SITE_EXIT | JEM_SITE_INCLUDED);
	CHECK_EQ(find(&bench, bias + 0x1080)->plan, 0);
	CHECK(!find(&bench, 0x1000));
	CHECK(!find(&bench, bias + 0x1001));
	site = find(&bench, bias + 0x1040);
	CHECK_EQ(site->flags, JEM_SITE_CALLSITE);
	CHECK_EQ(site->function, 0);
	CHECK_EQ(code_of(&bench, site->plan)->op, JEM_OP_EMIT);
	CHECK(!find(&bench, bias + 0x1044)); /* nothing to run there */
	bench_close(&bench);
	module_free(&module);
}

CASE(tells_what_ids_mean)
{
	struct jem_plan_found found;
	struct module first;
	struct module second;
	struct bench bench;
	uint32_t site;
	uint32_t function;

	module_make(&first, 2);
	module_make(&second, 5);
	bench_open(&bench, FILE_BYTES);
	CHECK_EQ(jem_plan_file_add(bench.file, 1, &first.image, 0x100000, 0, NULL), 0);
	CHECK_EQ(jem_plan_file_add(bench.file, 2, &second.image, 0x200000, 0, NULL), 0);
	for (unsigned i = 1; i <= 5; i++) {
		site = find(&bench, 0x200000 + 0x1000 * i)->site;
		function = find(&bench, 0x200000 + 0x1000 * i)->function;
		CHECK(jem_plan_file_find_site(bench.file, site, &found));
		CHECK(found.site == &second.image.sites[2 * (i - 1)]);
		CHECK_EQ(found.function, i);
		CHECK_EQ(found.module, 2);
		CHECK_EQ(found.bias, 0x200000);
		CHECK(jem_plan_file_find_function(bench.file, function, &found));
		CHECK(found.image == &second.image);
		CHECK_EQ(found.function, i);
		CHECK_LE(function, header_of(&bench)->function_count - 1);
	}
	site = find(&bench, 0x101040)->site;
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
	bench_close(&bench);
	module_free(&first);
	module_free(&second);
}

CASE(gives_every_function_its_limit)
{
	const struct jem_plan_function *functions;
	struct jem_plan_settings other = settings;
	struct module module;
	struct bench bench;

	module_make(&module, 40);
	bench_open(&bench, FILE_BYTES);
	for (uint32_t i = 0; i < 10; i++)
		CHECK_EQ(jem_plan_file_add(bench.file, i, &module.image, 0x100000ull * i, 0, NULL),
			 0);
	CHECK_EQ(header_of(&bench)->function_count, 1 + 10 * 41);
	functions = (const void *)(bench.bytes + header_of(&bench)->functions_offset);
	for (uint32_t i = 0; i < header_of(&bench)->function_count; i++)
		CHECK_EQ(functions[i].limit, 1000);
	other.function_limit = 5;
	other.process_limit = 6;
	other.state = JEM_PLAN_OFF;
	jem_plan_file_set(bench.file, &other);
	for (uint32_t i = 0; i < header_of(&bench)->function_count; i++)
		CHECK_EQ(functions[i].limit, 5);
	CHECK_EQ(header_of(&bench)->process_limit, 6);
	CHECK_EQ(header_of(&bench)->state, JEM_PLAN_OFF);
	bench_close(&bench);
	module_free(&module);
}

CASE(stays_at_most_half_full)
{
	struct jem_plan_usage usage;
	struct module module;
	struct bench bench;

	module_make(&module, 60);
	bench_open(&bench, FILE_BYTES);
	for (uint32_t i = 0; i < 30; i++) {
		CHECK_EQ(jem_plan_file_add(bench.file, i, &module.image, 0x1000000ull * i, 0, NULL),
			 0);
		jem_plan_file_usage(bench.file, &usage);
		CHECK_EQ(usage.sites, (i + 1) * 121);
		CHECK_GE(usage.buckets, 2 * usage.sites);
		CHECK_EQ(header_of(&bench)->site_mask, usage.buckets - 1);
	}
	for (uint32_t i = 0; i < 30; i++)
		for (unsigned f = 1; f <= 60; f++)
			CHECK(find(&bench, 0x1000000ull * i + 0x1000 * f));
	bench_close(&bench);
	module_free(&module);
}

CASE(takes_modules_out)
{
	struct jem_plan_found found;
	struct module module;
	struct bench bench;
	uint32_t site;
	uint32_t generation;

	module_make(&module, 3);
	bench_open(&bench, FILE_BYTES);
	jem_plan_file_add(bench.file, 1, &module.image, 0x100000, 0, NULL);
	jem_plan_file_add(bench.file, 2, &module.image, 0x200000, 0, NULL);
	site = find(&bench, 0x101000)->site;
	generation = header_of(&bench)->generation;
	CHECK_EQ(jem_plan_file_remove(bench.file, 1, 0), 0);
	CHECK_EQ(header_of(&bench)->generation, generation + 2);
	CHECK(!find(&bench, 0x101000) && !find(&bench, 0x101040));
	CHECK(find(&bench, 0x201000) && find(&bench, 0x201040));
	CHECK_EQ(jem_plan_file_remove(bench.file, 1, 0), -ENOENT);
	/* Its late records are still understood. */
	CHECK(jem_plan_file_find_site(bench.file, site, &found));
	CHECK_EQ(found.bias, 0x100000);
	CHECK(!jem_plan_file_find_address(bench.file, 0x101000, &found));
	bench_close(&bench);
	module_free(&module);
}

/* dlopen and dlclose in a loop, the clock standing still: nothing becomes free by time. */
CASE(lets_a_module_come_and_go_without_end)
{
	struct module module;
	struct bench bench;
	struct jem_plan_usage usage;
	uint64_t free_bytes = 0;

	module_make(&module, 50);
	bench_open(&bench, 65536);
	for (uint32_t i = 0; i < 20000; i++) {
		CHECK_EQ(jem_plan_file_add(bench.file, i, &module.image, 0x100000, 0, NULL), 0);
		CHECK_EQ(find(&bench, 0x101000)->module, i);
		CHECK(find(&bench, 0x132000));
		CHECK(find(&bench, 0x101040));
		CHECK_EQ(jem_plan_file_remove(bench.file, i, 0), 0);
		CHECK(!find(&bench, 0x101000));
		jem_plan_file_usage(bench.file, &usage);
		CHECK(!i || usage.free_bytes == free_bytes);
		free_bytes = usage.free_bytes;
	}
	bench_close(&bench);
	module_free(&module);
}

/* The same, but it comes to another place every time, and the clock goes on. */
CASE(uses_the_space_of_removed_modules_again)
{
	struct module module;
	struct bench bench;

	module_make(&module, 50);
	bench_open(&bench, 65536);
	for (uint32_t i = 0; i < 3000; i++) {
		uint64_t bias = 0x100000ull * (i + 1);

		CHECK_EQ(jem_plan_file_add(bench.file, i, &module.image, bias, i * 3ull * SECOND,
					   NULL),
			 0);
		CHECK(find(&bench, bias + 0x32000));
		CHECK_EQ(jem_plan_file_remove(bench.file, i, i * 3ull * SECOND), 0);
	}
	bench_close(&bench);
	module_free(&module);
}

CASE(does_not_use_space_again_before_the_grace)
{
	struct module module;
	struct module other;
	struct bench bench;
	const struct jem_plan_op *code;
	int status = 0;
	uint32_t added = 0;

	module_make(&module, 50);
	module_make(&other, 50);
	bench_open(&bench, 65536);
	CHECK_EQ(jem_plan_file_add(bench.file, 0, &module.image, 0x100000, 0, NULL), 0);
	code = code_of(&bench, find(&bench, 0x101000)->plan);
	CHECK_EQ(jem_plan_file_remove(bench.file, 0, 0), 0);
	while (status == 0) { /* until there is no room for code or table */
		uint64_t bias = 0x1000000ull * ++added;

		status = jem_plan_file_add(bench.file, added, &other.image, bias, SECOND - 1, NULL);
	}
	CHECK(status == 1 || status == -ENOSPC);
	CHECK_EQ(code[0].op, JEM_OP_CONST64);
	CHECK_EQ(code[4].op, JEM_OP_END);
	bench_close(&bench);
	module_free(&module);
	module_free(&other);
}

CASE(says_when_there_is_no_room)
{
	struct jem_err err = { "" };
	struct jem_plan_file *file;
	struct module module;
	struct bench bench;
	uint32_t generation;

	module_make(&module, 40); /* 81 entries: 256 buckets of 32 bytes, or 4096 ... */
	CHECK_EQ(jem_plan_file_create((void *)&module, 100, &settings, &file), -EINVAL);
	bench_open(&bench, 4096);
	generation = header_of(&bench)->generation;
	CHECK_EQ(jem_plan_file_add(bench.file, 1, &module.image, 0, 0, &err), -ENOSPC);
	CHECK_CONTAINS(err.text, "no room in the plan file of 4096 bytes");
	CHECK_EQ(header_of(&bench)->generation, generation);
	CHECK(!find(&bench, 0x1000));
	bench_close(&bench);
	/* The table fits (8 KiB), the code (1.6 KiB) does not. */
	bench_open(&bench, 8192 + 1024);
	CHECK_EQ(jem_plan_file_add(bench.file, 1, &module.image, 0x100000, 0, &err), 1);
	CHECK_CONTAINS(err.text, "no values");
	CHECK_EQ(find(&bench, 0x101000)->plan, 0);
	CHECK_EQ(find(&bench, 0x101000)->fixed_words, 0);
	CHECK_EQ(find(&bench, 0x101000)->flags & JEM_SITE_INCLUDED, JEM_SITE_INCLUDED);
	CHECK(!find(&bench, 0x101040));
	bench_close(&bench);
	module_free(&module);
}

static bool only_the_third(void *user, const struct jem_image *image, uint32_t function)
{
	(void)user, (void)image;
	return function == 3;
}

CASE(chooses_other_functions_without_new_images)
{
	struct module module;
	struct bench bench;
	uint32_t generation;
	uint64_t offset;

	module_make(&module, 3);
	bench_open(&bench, FILE_BYTES);
	jem_plan_file_add(bench.file, 1, &module.image, 0, 0, NULL);
	generation = header_of(&bench)->generation;
	offset = header_of(&bench)->sites_offset;
	jem_plan_file_select(bench.file, only_the_third, NULL);
	CHECK_EQ(header_of(&bench)->sites_offset, offset);
	CHECK_EQ(header_of(&bench)->generation, generation + 2);
	CHECK(!(find(&bench, 0x1000)->flags & JEM_SITE_INCLUDED));
	CHECK(find(&bench, 0x3000)->flags & JEM_SITE_INCLUDED);
	CHECK(find(&bench, 0x3080)->flags & JEM_SITE_INCLUDED);
	CHECK_EQ(find(&bench, 0x1040)->flags, JEM_SITE_CALLSITE);
	/* Also what comes later, and what comes back. */
	jem_plan_file_add(bench.file, 2, &module.image, 0x100000, 0, NULL);
	CHECK(!(find(&bench, 0x101000)->flags & JEM_SITE_INCLUDED));
	jem_plan_file_remove(bench.file, 2, 0);
	jem_plan_file_select(bench.file, NULL, NULL);
	CHECK(find(&bench, 0x1000)->flags & JEM_SITE_INCLUDED);
	jem_plan_file_add(bench.file, 3, &module.image, 0x100000, 0, NULL);
	CHECK(find(&bench, 0x101000)->flags & JEM_SITE_INCLUDED);
	bench_close(&bench);
	module_free(&module);
}

CASE(never_believes_what_the_process_wrote)
{
	struct jem_plan_found found;
	struct module module;
	struct bench bench;
	uint32_t site;

	module_make(&module, 3);
	bench_open(&bench, FILE_BYTES);
	jem_plan_file_add(bench.file, 1, &module.image, 0, 0, NULL);
	site = find(&bench, 0x2000)->site;
	memset(bench.bytes, 0xff, bench.len);
	jem_plan_file_add(bench.file, 2, &module.image, 0x100000, 0, NULL);
	jem_plan_file_select(bench.file, only_the_third, NULL);
	jem_plan_file_remove(bench.file, 1, 0);
	CHECK(jem_plan_file_find_site(bench.file, site, &found));
	CHECK_EQ(found.function, 2);
	CHECK_EQ(header_of(&bench)->generation % 2, 0);
	bench_close(&bench);
	module_free(&module);
}

/* Debug data made so that all sites fall into one bucket must not make the writer slow. */
CASE(bounds_the_walk_of_keys_that_collide)
{
	struct jem_plan_usage usage;
	struct image_maker maker;
	struct jem_image image;
	struct bench bench;
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
	bench_open(&bench, FILE_BYTES);
	CHECK_EQ(jem_plan_file_add(bench.file, 1, &image, 0, 0, NULL), 0);
	jem_plan_file_usage(bench.file, &usage);
	CHECK_LE(usage.sites, 3000);
	CHECK_GE(usage.sites, JEM_PLAN_PROBES);
	bench_close(&bench);
	free(bytes);
}

/* Many sites as they lie in a program: none is left out, in a table that others have half filled. */
CASE(finds_every_site_of_a_large_module)
{
	const unsigned count = 40000;
	struct image_maker maker;
	struct jem_image image;
	struct bench bench;
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
	bench_open(&bench, 64 << 20);
	for (uint32_t m = 0; m < 3; m++)
		CHECK_EQ(jem_plan_file_add(bench.file, m, &image, 0x7f0000000000ull * m, 0, NULL),
			 0);
	for (uint64_t m = 0; m < 3; m++)
		for (unsigned i = 0; i < count; i++)
			CHECK(find(&bench, 0x7f0000000000ull * m + image.sites[i].pc));
	bench_close(&bench);
	free(bytes);
}

struct race {
	struct bench bench;
	struct view view;
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

			view_refresh(&race->view, race->bench.bytes);
			site = view_find(&race->view, 0x100000 + 0x1000 * i);
			race->missed += !site || !site->plan || site->fixed_words != 2;
			race->looked++;
		}
	} while (!__atomic_load_n(&race->is_over, __ATOMIC_ACQUIRE));
	return NULL;
}

CASE(hides_no_site_while_others_come_and_go)
{
	struct race race = { 0 };
	struct module stays;
	struct module other;
	pthread_t thread;

	module_make(&stays, 40);
	module_make(&other, 40);
	/* The clock stands still, so that nothing is used again and the thread may be as slow as it likes. */
	bench_open(&race.bench, 64 << 20);
	jem_plan_file_add(race.bench.file, 1, &stays.image, 0x100000, 0, NULL);
	/* From here on it has a table, if only an old one while a change is under way. */
	race.view.generation = UINT32_MAX - 1;
	view_refresh(&race.view, race.bench.bytes);
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
	bench_close(&race.bench);
	module_free(&stays);
	module_free(&other);
}

TESTS(T(begins_with_an_empty_plan), T(relocates_sites_and_code), T(tells_what_ids_mean),
      T(gives_every_function_its_limit), T(stays_at_most_half_full), T(takes_modules_out),
      T(lets_a_module_come_and_go_without_end), T(uses_the_space_of_removed_modules_again),
      T(does_not_use_space_again_before_the_grace), T(says_when_there_is_no_room),
      T(chooses_other_functions_without_new_images), T(never_believes_what_the_process_wrote),
      T(bounds_the_walk_of_keys_that_collide), T(finds_every_site_of_a_large_module),
      T(hides_no_site_while_others_come_and_go))
