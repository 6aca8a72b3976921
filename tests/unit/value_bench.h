/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value_bench: one plan's slots and a record's part made by hand, and what the decoder says, as JSON.
 *
 *	bench_begin -> types and slots through bench.maker -> bench_record -> words and cells -> bench_args
 */
#ifndef JEM_TESTS_UNIT_VALUE_BENCH_H
#define JEM_TESTS_UNIT_VALUE_BENCH_H

#include "tests/unit/image_maker.h"
#include "tracer/symbols/value.h"

enum {
	BENCH_WORDS = 1024
};

struct value_bench {
	struct image_maker maker;
	struct image_types types;
	struct jem_redactor *redactor;
	struct jem_value_config config;
	struct jem_value_decoder *decoder;
	uint8_t *bytes;
	struct jem_image image;
	uint32_t slot_count, fixed_words;
	struct jem_value_part part;
	uint64_t *words;
	uint32_t count; /* of words */
	struct jem_value_request request;
	struct jem_buf cbor;
	struct jem_buf json;
};

void bench_begin(struct value_bench *bench);
void bench_end(struct value_bench *bench);

/* An argument whose bytes are the next fixed words; another top-level slot; a child. Their place plus 1. */
uint16_t bench_fixed(struct value_bench *bench, const char *name, uint32_t type, uint32_t size);
uint16_t bench_slot(struct value_bench *bench, const char *name, struct jem_image_slot slot);
uint16_t bench_child(struct value_bench *bench, enum jem_slot_role role, uint16_t parent,
		     uint32_t offset, uint32_t type);

/* The image is made; the words follow. */
void bench_record(struct value_bench *bench, uint64_t mask);
void bench_word(struct value_bench *bench, uint64_t word);
void bench_bytes(struct value_bench *bench, const void *bytes, size_t len); /* padded to words */
void bench_cell(struct value_bench *bench, uint16_t place, enum jem_cell_status status,
		uint64_t address, uint64_t total, const void *bytes, uint32_t len);

/* The list of a role, the whole of it; or the value of its first item. */
const char *bench_list(struct value_bench *bench, unsigned role);
const char *bench_value(struct value_bench *bench);

/* The value of one argument of `size` bytes in fixed words. */
const char *bench_one(struct value_bench *bench, uint32_t type, const void *bytes, size_t size);

#endif
