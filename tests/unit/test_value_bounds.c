/* SPDX-License-Identifier: Apache-2.0 */
/* What values must not show, and how much they may: secrets, broken names, endless types. */
#include "tests/unit/check.h"
#include "tests/unit/value_bench.h"

static uint32_t type_of(struct value_bench *bench, const char *name, enum jem_type_kind kind,
			uint32_t size, uint32_t target)
{
	return image_type(
		&bench->maker, name,
		(struct jem_image_type){ .kind = (uint8_t)kind, .size = size, .target = target });
}

CASE(hides_secrets)
{
	struct value_bench bench;
	uint32_t login;
	uint32_t text;

	bench_begin(&bench);
	text = image_type(&bench.maker, "char [32]",
			  (struct jem_image_type){ .kind = JEM_TYPE_ARRAY,
						   .size = 32,
						   .target = bench.types.char_,
						   .count = 32 });
	login = type_of(&bench, "Login", JEM_TYPE_STRUCT, 8, 0);
	image_member(&bench.maker, "uid", (struct jem_image_member){ .type = bench.types.int_ });
	image_member(&bench.maker, "token",
		     (struct jem_image_member){ .type = bench.types.int_, .offset = 4 });
	bench_fixed(&bench, "password", bench.types.int_, 4);
	bench_fixed(&bench, "login", login, 8);
	bench_fixed(&bench, "url", text, 32);
	bench_record(&bench, 0);
	bench_word(&bench, 1234);
	bench_word(&bench, 0x4d2000003e8);
	bench_bytes(&bench, "https://joe:hunter2@host/x\0\0\0\0\0", 32);
	bench_list(&bench, JEM_SLOT_ARGUMENT);
	CHECK_CONTAINS(bench.json.data,
		       "\"password\",\"type\":\"int\",\"value\":{\"missing\":\"redacted\"}");
	CHECK_CONTAINS(bench.json.data, "{\"uid\":1000,\"token\":{\"missing\":\"redacted\"}}");
	CHECK_CONTAINS(bench.json.data, "https://");
	CHECK(!strstr(bench.json.data, "hunter2"));
	CHECK(!strstr(bench.json.data, "1234"));
	bench_end(&bench);
}

static bool shows_return(struct value_bench *bench, const char *function)
{
	bench->request.function = function;
	jem_buf_clear(&bench->cbor);
	CHECK(jem_value_return(bench->decoder, &bench->request, &bench->cbor));
	return !memmem(bench->cbor.data, bench->cbor.len, "redacted", 8);
}

CASE(hides_what_functions_with_such_names_return)
{
	struct value_bench bench;

	bench_begin(&bench);
	bench_slot(
		&bench, "",
		(struct jem_image_slot){
			.type = bench.types.int_, .role = JEM_SLOT_RETURN, .words = 1, .size = 4 });
	bench.fixed_words = 1;
	bench_record(&bench, 0);
	bench_word(&bench, 9);
	bench_list(&bench, JEM_SLOT_RETURN);
	CHECK(shows_return(&bench, NULL));
	CHECK(shows_return(&bench, "ns::Auth::name"));
	CHECK(shows_return(&bench, "count<Token>(int)"));
	CHECK(shows_return(&bench, ""));
	CHECK(!shows_return(&bench, "get_token"));
	CHECK(!shows_return(&bench, "ns::Session::cookie<int>() const"));
	bench_end(&bench);
}

/* Names of the image are what debug data had: any bytes. */
CASE(makes_names_well_formed)
{
	struct value_bench bench;
	char name[1000];

	bench_begin(&bench);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	bench_fixed(&bench,
		    "a\xff"
		    "b",
		    bench.types.int_, 4);
	bench_fixed(&bench, name, bench.types.int_, 4);
	bench_record(&bench, 0);
	bench_word(&bench, 1);
	bench_word(&bench, 2);
	CHECK_CONTAINS(bench_list(&bench, JEM_SLOT_ARGUMENT), "\"name\":\"a\",");
	CHECK_CONTAINS(bench.json.data, "nnn...\",\"type\"");
	CHECK_LE(bench.json.len, 400);
	bench_end(&bench);
}

/* A list of many large values ends within its bound, and says that it was cut. */
CASE(ends_within_its_bound)
{
	struct value_bench bench;
	uint32_t row;
	uint32_t deep;

	bench_begin(&bench);
	row = image_type(&bench.maker, "int [1000]",
			 (struct jem_image_type){ .kind = JEM_TYPE_ARRAY,
						  .size = 4000,
						  .target = bench.types.int_,
						  .count = 1000 });
	for (unsigned i = 0; i < 100; i++)
		bench_slot(&bench, "rows",
			   (struct jem_image_slot){ .type = row,
						    .role = JEM_SLOT_ARGUMENT,
						    .fixed = JEM_SLOT_IN_CELL });
	bench_record(&bench, 0);
	/* The machine's records are shorter; a hostile process may do as it likes. */
	free(bench.words);
	bench.words = calloc(60000, 8);
	bench.count = 0;
	bench.words[bench.count++] = 0;
	for (uint16_t i = 0; i < 100; i++) {
		struct jem_ring_cell cell = { .slot = i, .len = 4000 };

		memcpy(bench.words + bench.count, &cell, sizeof(cell));
		memset(bench.words + bench.count + 3, 0x7f, 4000);
		bench.count += 503;
	}
	bench_list(&bench, JEM_SLOT_ARGUMENT);
	CHECK_LE(bench.cbor.len, JEM_VALUE_BYTES_MAX + 2048);
	CHECK_GE(bench.cbor.len, JEM_VALUE_BYTES_MAX);
	CHECK_CONTAINS(bench.json.data, "{\"missing\":\"truncated\"}]}");
	bench_end(&bench);

	bench_begin(&bench);
	deep = bench.types.int_;
	for (unsigned i = 0; i < 30; i++)
		deep = image_type(
			&bench.maker, "a",
			(struct jem_image_type){
				.kind = JEM_TYPE_ARRAY, .size = 4, .target = deep, .count = 1 });
	CHECK_STR(bench_one(&bench, deep, (int[]){ 5 }, 4),
		  "[[[[[[[[[[[[[[[[{\"missing\":\"truncated\"}]]]]]]]]]]]]]]]]");
	bench_end(&bench);
}

/* A type that has itself twice by value would be endless. */
CASE(ends_with_types_that_hold_themselves)
{
	struct value_bench bench;
	uint32_t self;

	bench_begin(&bench);
	self = (uint32_t)(bench.maker.sections[JEM_IMAGE_TYPES].len /
			  sizeof(struct jem_image_type));
	type_of(&bench, "Self", JEM_TYPE_STRUCT, 8, 0);
	image_member(&bench.maker, "a", (struct jem_image_member){ .type = self });
	image_member(&bench.maker, "b", (struct jem_image_member){ .type = self });
	image_member(&bench.maker, "", (struct jem_image_member){ .type = self });
	bench_one(&bench, self, (int[]){ 5, 6 }, 8);
	CHECK_LE(bench.cbor.len, JEM_VALUE_BYTES_MAX + 2048);
	bench_end(&bench);
}

TESTS(T(hides_secrets), T(hides_what_functions_with_such_names_return), T(makes_names_well_formed),
      T(ends_within_its_bound), T(ends_with_types_that_hold_themselves))
