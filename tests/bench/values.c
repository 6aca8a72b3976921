/* SPDX-License-Identifier: Apache-2.0 */
/*
 * values: what a record of calls costs the daemon: reading the ring, values to CBOR, images and plans.
 *
 * Each row runs for about 0.1 s of CPU, five times; the median is printed. The floor of decoding is a
 * copy of the bytes that come out.
 */
#include "common/clock.h"
#include "tests/unit/image_maker.h"
#include "tracer/symbols/plan_file.h"
#include "tracer/symbols/ring_read.h"
#include "tracer/symbols/value.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	ROUNDS = 5,
	ROUND_NS = 100000000,
	SITES = 100000,
	RING = 1 << 19,
	PLAN_BYTES = 64 << 20,
};

struct bench {
	struct jem_value_decoder *decoder;
	struct jem_value_request request;
	struct jem_value_part part;
	struct jem_image image;
	uint8_t *image_bytes;
	size_t image_len;
	uint64_t words[64];
	uint32_t count;
	struct jem_buf out, copy;
	/* of the ring */
	uint8_t *file;
	struct jem_ring_read reader;
	uint64_t head;
	uint32_t records;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

/* `batch`: runs between two looks at the clock, which costs as much as a few of them. */
static double cpu_ns_of(void (*run)(struct bench *), struct bench *bench, int batch)
{
	double results[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = jem_clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
		uint64_t end = start;
		uint64_t runs = 0;

		while (end - start < ROUND_NS) {
			for (int i = 0; i < batch; i++, runs++)
				run(bench);
			end = jem_clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
		}
		results[round] = (double)(end - start) / (double)runs;
	}
	qsort(results, ROUNDS, sizeof(*results), by_value);
	return results[ROUNDS / 2];
}

static void decode(struct bench *bench)
{
	jem_buf_clear(&bench->out);
	jem_value_list(bench->decoder, &bench->request, JEM_SLOT_ARGUMENT, &bench->out);
}

static void copy(struct bench *bench)
{
	jem_buf_clear(&bench->copy);
	jem_buf_add(&bench->copy, bench->out.data, bench->out.len);
	__asm__ volatile("" : : "r"(bench->copy.data) : "memory");
}

static void finish(struct bench *bench, struct image_maker *maker, const char *what)
{
	double ns;

	bench->image_bytes = image_make(maker, &bench->image_len, &bench->image);
	bench->part = jem_value_part_of_site(&bench->image, &bench->image.sites[0], bench->words,
					     bench->count);
	bench->request.part = &bench->part;
	ns = cpu_ns_of(decode, bench, 1024);
	printf("%-52s %9.1f ns  %5zu bytes  (copied: %.1f ns)\n", what, ns, bench->out.len,
	       cpu_ns_of(copy, bench, 1024));
	image_maker_deinit(maker);
	free(bench->image_bytes);
}

static void add_scalar(struct bench *bench, struct image_maker *maker, const char *name,
		       uint32_t type, uint32_t size, uint64_t word)
{
	image_slot(maker, name,
		   (struct jem_image_slot){ .type = type,
					    .role = JEM_SLOT_ARGUMENT,
					    .fixed = (uint16_t)(bench->count - 1),
					    .words = 1,
					    .size = size });
	bench->words[bench->count++] = word;
}

static void add_cell(struct bench *bench, uint16_t slot, uint64_t address, uint64_t total,
		     const void *bytes, uint32_t len)
{
	struct jem_ring_cell cell = {
		.slot = slot, .len = len, .total = total, .address = address
	};

	memcpy(&bench->words[bench->count], &cell, sizeof(cell));
	memcpy(&bench->words[bench->count + 3], bytes, len);
	bench->count += 3 + (len + 7) / 8;
}

static void bench_scalars(struct bench *bench)
{
	double real = 2.5;
	struct image_maker maker;
	struct image_types types;
	uint64_t bits;

	image_maker_init(&maker);
	types = image_basic_types(&maker);
	memcpy(&bits, &real, sizeof(bits));
	bench->count = 1;
	add_scalar(bench, &maker, "count", types.int_, 4, 41);
	add_scalar(bench, &maker, "flags", types.uint, 4, 0x8001);
	add_scalar(bench, &maker, "energy", types.double_, 8, bits);
	add_scalar(bench, &maker, "is_last", types.bool_, 1, 1);
	add_scalar(bench, &maker, "event", types.ulong, 8, 1234567);
	add_scalar(bench, &maker, "pt", types.double_, 8, bits);
	add_scalar(bench, &maker, "index", types.int_, 4, 7);
	image_site(&maker, (struct jem_image_site){ .fixed_words = 7 });
	finish(bench, &maker, "seven scalars");
}

static void bench_struct(struct bench *bench)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
	const int values[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct image_maker maker;
	struct image_types types;
	uint32_t pair;
	uint32_t pointer;

	image_maker_init(&maker);
	types = image_basic_types(&maker);
	pair = image_type(&maker, "Track",
			  (struct jem_image_type){ .kind = JEM_TYPE_STRUCT, .size = 32 });
	for (unsigned i = 0; i < 8; i++)
		image_member(&maker, names[i],
			     (struct jem_image_member){ .type = types.int_, .offset = 4 * i });
	pointer = image_type(
		&maker, "Track *",
		(struct jem_image_type){ .kind = JEM_TYPE_POINTER, .size = 8, .target = pair });
	bench->count = 1;
	add_scalar(bench, &maker, "track", pointer, 8, 0x7f0000001000);
	image_slot(&maker, "",
		   (struct jem_image_slot){ .type = pair,
					    .role = JEM_SLOT_POINTEE,
					    .parent = 1,
					    .fixed = JEM_SLOT_IN_CELL });
	add_cell(bench, 1, 0x7f0000001000, 32, values, 32);
	image_site(&maker, (struct jem_image_site){ .fixed_words = 1 });
	finish(bench, &maker, "a pointer to a struct of eight integers");
}

static void bench_text(struct bench *bench)
{
	struct image_maker maker;
	struct image_types types;

	image_maker_init(&maker);
	types = image_basic_types(&maker);
	bench->count = 1;
	add_scalar(bench, &maker, "path", types.charp, 8, 0x5000);
	image_slot(&maker, "",
		   (struct jem_image_slot){ .type = types.char_,
					    .role = JEM_SLOT_STRING,
					    .parent = 1,
					    .fixed = JEM_SLOT_IN_CELL });
	add_cell(bench, 1, 0x5000, 29, "/data/run356124/events.0017.d", 29);
	image_site(&maker, (struct jem_image_site){ .fixed_words = 1 });
	finish(bench, &maker, "a C string of 29 bytes, redacted");
}

/* --- the ring --- */

static void fill_ring(struct bench *bench, unsigned words)
{
	struct jem_ring_header header = { .version = JEM_RING_VERSION,
					  .clock = JEM_RING_TSC,
					  .ring_bytes = RING,
					  .edge_count = 1,
					  .thread_count = 1,
					  .threads_offset = sizeof(header),
					  .rings_offset =
						  sizeof(header) + sizeof(struct jem_ring_thread) };
	struct jem_ring_record record = { .site = 1,
					  .words = (uint16_t)words,
					  .kind = JEM_RECORD_ENTER,
					  .flags = words > 4 ? JEM_RECORD_VALUES : 0 };
	struct jem_ring_parts parts = { .site_words = words > 4 ? (uint16_t)(words - 5) : 0 };
	uint64_t len = header.rings_offset + RING + sizeof(struct jem_ring_edge);

	memcpy(header.magic, JEM_RING_MAGIC, sizeof(header.magic));
	header.edges_offset = header.rings_offset + RING;
	header.modules_offset = header.edges_offset;
	header.file_bytes = len;
	bench->file = calloc(1, len);
	memcpy(bench->file, &header, sizeof(header));
	bench->records = RING / 8 / words;
	for (uint32_t i = 0; i < bench->records; i++) {
		uint8_t *at = bench->file + header.rings_offset + i * 8ull * words;

		memcpy(at, &record, 8);
		if (words > 4)
			memcpy(at + 32, &parts, sizeof(parts));
	}
	bench->head = bench->records * 8ull * words;
	if (jem_ring_read_open(&bench->reader, bench->file, len, true, NULL) < 0)
		abort();
}

static void read_ring(struct bench *bench)
{
	struct jem_ring_thread *thread = (void *)(bench->file + sizeof(struct jem_ring_header));
	struct jem_ring_entry entry;
	uint32_t count = 0;

	thread->head = bench->head;
	bench->reader.cursors[0].tail = 0;
	jem_ring_read_begin(&bench->reader, 0);
	while (jem_ring_read_next(&bench->reader, 0, &entry) == 1)
		count++;
	jem_ring_read_release(&bench->reader, 0);
	if (count != bench->records)
		abort();
}

static void bench_ring(struct bench *bench, unsigned words, const char *what)
{
	fill_ring(bench, words);
	printf("%-52s %9.1f ns\n", what, cpu_ns_of(read_ring, bench, 1) / bench->records);
	jem_ring_read_close(&bench->reader);
	free(bench->file);
}

/* --- images and plans --- */

static void open_image(struct bench *bench)
{
	if (jem_image_open(&bench->image, bench->image_bytes, bench->image_len, NULL) < 0)
		abort();
}

static uint8_t *plan;

static void plan_image(struct bench *bench)
{
	const struct jem_plan_settings settings = { .state = JEM_PLAN_VALUES };
	struct jem_plan_file *file;

	if (jem_plan_file_create(plan, PLAN_BYTES, &settings, &file) < 0 ||
	    jem_plan_file_add(file, 1, &bench->image, 0x10000, 0, NULL) != 0)
		abort();
	jem_plan_file_destroy(file);
}

static void bench_image(struct bench *bench)
{
	struct image_maker maker;

	image_maker_init(&maker);
	for (uint32_t i = 0; i < SITES / 2; i++)
		image_function(&maker, "f", JEM_FUNCTION_INCLUDED);
	for (uint32_t i = 0; i < SITES; i++) {
		struct jem_image_site site = { .pc = 0x1000 + i * 37ull,
					       .function = i / 2 + 1,
					       .slot = 1 };

		jem_buf_add(&maker.sections[JEM_IMAGE_SITES], &site, sizeof(site));
	}
	bench->image_bytes = image_make(&maker, &bench->image_len, NULL);
	printf("%-52s %9.2f ms\n", "open an image of 100,000 sites",
	       cpu_ns_of(open_image, bench, 1) / 1e6);
	plan = malloc(PLAN_BYTES);
	printf("%-52s %9.2f ms\n", "put it into an empty plan file",
	       cpu_ns_of(plan_image, bench, 1) / 1e6);
	image_maker_deinit(&maker);
	free(bench->image_bytes);
	free(plan);
}

int main(void)
{
	static struct bench bench;
	struct jem_value_config config = { NULL };

	if (jem_redactor_create(NULL, 0, &config.redactor, NULL) < 0 ||
	    jem_value_create(&config, &bench.decoder) < 0)
		return EXIT_FAILURE;
	bench_scalars(&bench);
	bench_struct(&bench);
	bench_text(&bench);
	bench_ring(&bench, 4, "ring: a record without values");
	bench_ring(&bench, 13, "ring: a record with seven words of values");
	bench_image(&bench);
	jem_value_destroy(bench.decoder);
	jem_redactor_destroy(config.redactor);
	jem_buf_deinit(&bench.out);
	jem_buf_deinit(&bench.copy);
	return EXIT_SUCCESS;
}
