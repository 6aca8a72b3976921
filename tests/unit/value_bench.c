/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/value_bench.h"

#include "common/cbor_json.h"
#include "tests/unit/check.h"

void bench_begin(struct value_bench *bench)
{
	*bench = (struct value_bench){ 0 };
	image_maker_init(&bench->maker);
	bench->types = image_basic_types(&bench->maker);
	jem_buf_init(&bench->cbor, 0);
	jem_buf_init(&bench->json, 0);
	CHECK_EQ(jem_redactor_create(NULL, 0, &bench->redactor, NULL), 0);
	bench->config.redactor = bench->redactor;
}

static void drop_record(struct value_bench *bench)
{
	jem_value_destroy(bench->decoder);
	free(bench->bytes);
	free(bench->words);
	bench->decoder = NULL;
	bench->bytes = NULL;
	bench->words = NULL;
}

void bench_end(struct value_bench *bench)
{
	drop_record(bench);
	jem_redactor_destroy(bench->redactor);
	image_maker_deinit(&bench->maker);
	jem_buf_deinit(&bench->cbor);
	jem_buf_deinit(&bench->json);
}

uint16_t bench_slot(struct value_bench *bench, const char *name, struct jem_image_slot slot)
{
	image_slot(&bench->maker, name, slot);
	return (uint16_t)++bench->slot_count;
}

uint16_t bench_fixed(struct value_bench *bench, const char *name, uint32_t type, uint32_t size)
{
	uint16_t words = (uint16_t)((size + 7) / 8);
	uint16_t first = (uint16_t)bench->fixed_words;

	bench->fixed_words += words;
	return bench_slot(bench, name,
			  (struct jem_image_slot){ .type = type,
						   .role = JEM_SLOT_ARGUMENT,
						   .fixed = first,
						   .words = words,
						   .size = size });
}

uint16_t bench_child(struct value_bench *bench, enum jem_slot_role role, uint16_t parent,
		     uint32_t offset, uint32_t type)
{
	return bench_slot(bench, "",
			  (struct jem_image_slot){ .type = type,
						   .role = (uint8_t)role,
						   .fixed = JEM_SLOT_IN_CELL,
						   .parent = parent,
						   .offset = offset });
}

void bench_record(struct value_bench *bench, uint64_t mask)
{
	size_t len;

	drop_record(bench);
	image_site(&bench->maker,
		   (struct jem_image_site){ .pc = 1, .fixed_words = bench->fixed_words });
	bench->bytes = image_make(&bench->maker, &len, &bench->image);
	bench->count = 0;
	CHECK_EQ(jem_value_create(&bench->config, &bench->decoder), 0);
	bench_word(bench, mask);
}

/* An allocation of the exact size, so that the sanitizer sees one word too far. */
void bench_word(struct value_bench *bench, uint64_t word)
{
	CHECK_LE(bench->count, BENCH_WORDS - 1);
	bench->words = realloc(bench->words, (bench->count + 1) * sizeof(*bench->words));
	CHECK(bench->words);
	bench->words[bench->count++] = word;
}

void bench_bytes(struct value_bench *bench, const void *bytes, size_t len)
{
	for (size_t at = 0; at < len; at += 8) {
		uint64_t word = 0;

		memcpy(&word, (const char *)bytes + at, len - at < 8 ? len - at : 8);
		bench_word(bench, word);
	}
}

void bench_cell(struct value_bench *bench, uint16_t place, enum jem_cell_status status,
		uint64_t address, uint64_t total, const void *bytes, uint32_t len)
{
	struct jem_ring_cell cell = { .slot = (uint16_t)(place - 1),
				      .status = (uint8_t)status,
				      .len = len,
				      .total = total,
				      .address = address };

	bench_bytes(bench, &cell, sizeof(cell));
	bench_bytes(bench, bytes, len);
}

static const char *to_json(struct value_bench *bench)
{
	struct jem_cbor_reader reader = { .data = (const uint8_t *)bench->cbor.data,
					  .len = bench->cbor.len };
	struct jem_json json;
	struct jem_err err = { "" };

	jem_buf_clear(&bench->json);
	json = jem_json_to(&bench->json);
	if (jem_cbor_to_json(&reader, &json, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
	CHECK_EQ(reader.pos, reader.len);
	return jem_buf_cstr(&bench->json);
}

const char *bench_list(struct value_bench *bench, unsigned role)
{
	const struct jem_image_site *site = &bench->image.sites[bench->image.site_count - 1];

	bench->part = jem_value_part_of_site(&bench->image, site, bench->words, bench->count);
	bench->request.part = &bench->part;
	jem_buf_clear(&bench->cbor);
	jem_value_list(bench->decoder, &bench->request, role, &bench->cbor);
	return to_json(bench);
}

const char *bench_value(struct value_bench *bench)
{
	static const char before[] = "\"value\":";
	const char *text = bench_list(bench, JEM_SLOT_ARGUMENT);
	char *value = strstr(text, before);
	size_t len = strlen(text);

	CHECK(value && len > 2 && !strcmp(text + len - 2, "}]"));
	value += sizeof(before) - 1;
	value[strlen(value) - 2] = '\0';
	return value;
}

const char *bench_one(struct value_bench *bench, uint32_t type, const void *bytes, size_t size)
{
	bench->slot_count = 0;
	bench->fixed_words = 0;
	bench_fixed(bench, "x", type, (uint32_t)size);
	bench_record(bench, 0);
	bench_bytes(bench, bytes, size);
	return bench_value(bench);
}
