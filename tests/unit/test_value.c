/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"
#include "tests/unit/value_bench.h"

#include <float.h>
#include <math.h>

static uint32_t type_of(struct value_bench *bench, const char *name, enum jem_type_kind kind,
			uint32_t size, uint32_t target)
{
	return image_type(
		&bench->maker, name,
		(struct jem_image_type){ .kind = (uint8_t)kind, .size = size, .target = target });
}

#define ONE(bench, type, value) bench_one(bench, type, &(__typeof__(value)){ value }, sizeof(value))

CASE(shows_integers)
{
	struct value_bench bench;
	uint32_t i64;
	uint32_t i16;
	uint32_t i128;
	uint32_t u128;

	bench_begin(&bench);
	i64 = type_of(&bench, "long", JEM_TYPE_SIGNED, 8, 0);
	i16 = type_of(&bench, "short", JEM_TYPE_SIGNED, 2, 0);
	i128 = type_of(&bench, "__int128", JEM_TYPE_SIGNED, 16, 0);
	u128 = type_of(&bench, "unsigned __int128", JEM_TYPE_UNSIGNED, 16, 0);
	CHECK_STR(ONE(&bench, bench.types.int_, (int)-7), "-7");
	CHECK_STR(ONE(&bench, bench.types.uint, (unsigned)4000000000u), "4000000000");
	CHECK_STR(ONE(&bench, i16, (short)-32768), "-32768");
	CHECK_STR(ONE(&bench, i64, (long)(1L << 53)), "9007199254740992");
	CHECK_STR(ONE(&bench, i64, (long)((1L << 53) + 1)), "\"9007199254740993\"");
	CHECK_STR(ONE(&bench, i64, (long)(-(1L << 53) - 1)), "\"-9007199254740993\"");
	CHECK_STR(ONE(&bench, i64, (long)INT64_MIN), "\"-9223372036854775808\"");
	CHECK_STR(ONE(&bench, bench.types.ulong, (unsigned long)UINT64_MAX),
		  "\"18446744073709551615\"");
	CHECK_STR(ONE(&bench, i128, (__int128)-5), "-5");
	CHECK_STR(ONE(&bench, i128, (__int128)((__int128)1 << 100)),
		  "\"1267650600228229401496703205376\"");
	CHECK_STR(ONE(&bench, i128, (__int128)(-((__int128)1 << 100))),
		  "\"-1267650600228229401496703205376\"");
	CHECK_STR(ONE(&bench, u128, (__int128)-1), "\"340282366920938463463374607431768211455\"");
	bench_end(&bench);
}

CASE(shows_booleans_and_characters)
{
	struct value_bench bench;
	uint32_t u8, i8;
	uint32_t wide;
	uint32_t utf16;

	bench_begin(&bench);
	u8 = type_of(&bench, "uint8_t", JEM_TYPE_CHAR, 1, 0);
	i8 = type_of(&bench, "int8_t", JEM_TYPE_CHAR, 1, 0);
	wide = type_of(&bench, "wchar_t", JEM_TYPE_CHAR, 4, 0);
	utf16 = type_of(&bench, "char16_t", JEM_TYPE_CHAR, 2, 0);
	CHECK_STR(ONE(&bench, bench.types.bool_, (char)1), "true");
	CHECK_STR(ONE(&bench, bench.types.bool_, (char)0), "false");
	CHECK_STR(ONE(&bench, bench.types.bool_, (unsigned char)254), "254");
	CHECK_STR(ONE(&bench, bench.types.char_, (char)'A'), "\"A\"");
	CHECK_STR(ONE(&bench, bench.types.char_, (char)'\n'), "\"\\n\"");
	CHECK_STR(ONE(&bench, bench.types.char_, (unsigned char)0xe9), "233");
	CHECK_STR(ONE(&bench, u8, (char)'A'), "65");
	CHECK_STR(ONE(&bench, u8, (char)-3), "253");
	CHECK_STR(ONE(&bench, i8, (char)-3), "-3");
	CHECK_STR(ONE(&bench, wide, (uint32_t)0x1f600), "\"\xf0\x9f\x98\x80\"");
	CHECK_STR(ONE(&bench, wide, (uint32_t)0xd800), "55296");
	CHECK_STR(ONE(&bench, wide, (uint32_t)0xffffffff), "4294967295");
	CHECK_STR(ONE(&bench, utf16, (uint16_t)0x20ac), "\"\xe2\x82\xac\"");
	bench_end(&bench);
}

#if LDBL_MANT_DIG == 64
/* valgrind computes with 64 bits where the processor has 80. */
static bool has_long_range(void)
{
	volatile long double largest = LDBL_MAX;

	return largest / 2 != largest;
}
#endif

CASE(shows_floating_point)
{
	struct value_bench bench;
	uint32_t f32;
	uint32_t x87;
	uint32_t complex_;
	uint32_t half;

	bench_begin(&bench);
	f32 = type_of(&bench, "float", JEM_TYPE_FLOAT, 4, 0);
	x87 = type_of(&bench, "long double", JEM_TYPE_FLOAT, 16, 0);
	complex_ = type_of(&bench, "complex double", JEM_TYPE_COMPLEX, 16, 0);
	half = type_of(&bench, "_Float16", JEM_TYPE_FLOAT, 2, 0);
	CHECK_STR(ONE(&bench, bench.types.double_, (double)0.1), "0.1");
	CHECK_STR(ONE(&bench, bench.types.double_, (double)-1e300), "-1e+300");
	CHECK_STR(ONE(&bench, bench.types.double_, (double)NAN), "\"nan\"");
	CHECK_STR(ONE(&bench, bench.types.double_, (double)-INFINITY), "\"-inf\"");
	CHECK_STR(ONE(&bench, f32, (float)1.5f), "1.5");
	CHECK_STR(ONE(&bench, f32, (float)INFINITY), "\"inf\"");
	CHECK_STR(ONE(&bench, half, (short)1), "{\"missing\":\"unsupported\"}");
	CHECK_STR(bench_one(&bench, complex_, (double[]){ 1.5, -2 }, 16),
		  "{\"real\":1.5,\"imag\":-2}");
#if LDBL_MANT_DIG == 64
	CHECK_STR(ONE(&bench, x87, (long double)0.1L), "0.1");
	CHECK_STR(ONE(&bench, x87, (long double)-3.25L), "-3.25");
	CHECK_STR(ONE(&bench, x87, (long double)0), "0");
	CHECK_STR(ONE(&bench, x87, (long double)-INFINITY), "\"-inf\"");
	CHECK_STR(ONE(&bench, x87, (long double)NAN), "\"nan\"");
	if (has_long_range()) {
		CHECK_STR(ONE(&bench, x87, (long double)1e4000L), "\"1e+4000\"");
		CHECK_STR(ONE(&bench, x87, (long double)-1e-4000L), "\"-1e-4000\"");
	}
#else
	(void)x87;
#endif
	bench_end(&bench);
}

#ifdef __SIZEOF_FLOAT128__
CASE(shows_binary128)
{
	struct value_bench bench;
	uint32_t f128;

	bench_begin(&bench);
	f128 = type_of(&bench, "_Float128", JEM_TYPE_FLOAT128, 16, 0);
	CHECK_STR(ONE(&bench, f128, (__float128)0.5), "0.5");
	CHECK_STR(ONE(&bench, f128, (__float128)-1e300), "-1e+300");
	CHECK_STR(ONE(&bench, f128, (__float128)0), "0");
	CHECK_STR(ONE(&bench, f128, (__float128)(double)INFINITY), "\"inf\"");
	bench_end(&bench);
}
#else
CASE(shows_binary128)
{
	check_skip("the compiler has no __float128");
}
#endif

CASE(shows_enumerators_and_flags)
{
	struct value_bench bench;
	uint32_t color;
	uint32_t mode;
	uint32_t sign;

	bench_begin(&bench);
	color = type_of(&bench, "Color", JEM_TYPE_ENUM, 4, bench.types.uint);
	image_member(&bench.maker, "RED", (struct jem_image_member){ .value = 0 });
	image_member(&bench.maker, "GREEN", (struct jem_image_member){ .value = 5 });
	mode = type_of(&bench, "Mode", JEM_TYPE_ENUM, 4, bench.types.uint);
	image_member(&bench.maker, "READ", (struct jem_image_member){ .value = 1 });
	image_member(&bench.maker, "WRITE", (struct jem_image_member){ .value = 2 });
	image_member(&bench.maker, "BOTH", (struct jem_image_member){ .value = 3 });
	image_member(&bench.maker, "HIGH", (struct jem_image_member){ .value = 0x80000000 });
	sign = type_of(&bench, "Sign", JEM_TYPE_ENUM, 4, bench.types.int_);
	image_member(&bench.maker, "MINUS", (struct jem_image_member){ .value = -1 });
	CHECK_STR(ONE(&bench, color, (int)0), "\"RED\"");
	CHECK_STR(ONE(&bench, color, (int)5), "\"GREEN\"");
	CHECK_STR(ONE(&bench, color, (int)4), "4");
	CHECK_STR(ONE(&bench, mode, (int)3), "\"BOTH\"");
	CHECK_STR(ONE(&bench, mode, (unsigned)0x80000001), "\"READ|HIGH\"");
	CHECK_STR(ONE(&bench, mode, (int)5), "5");
	CHECK_STR(ONE(&bench, mode, (int)0), "0");
	CHECK_STR(ONE(&bench, sign, (int)-1), "\"MINUS\"");
	CHECK_STR(ONE(&bench, sign, (int)-2), "-2");
	bench_end(&bench);
}

CASE(shows_structs_with_bases_and_bit_fields)
{
	struct {
		int id;
		unsigned low : 3;
		int middle : 4;
		unsigned high : 25;
		double x;
	} bytes = { 7, 5, -3, 0x1abcdef, 2.5 };
	struct value_bench bench;
	uint32_t base;
	uint32_t empty;
	uint32_t derived;

	bench_begin(&bench);
	base = type_of(&bench, "Base", JEM_TYPE_STRUCT, 4, 0);
	image_member(&bench.maker, "id", (struct jem_image_member){ .type = bench.types.int_ });
	empty = type_of(&bench, "Empty", JEM_TYPE_STRUCT, 1, 0);
	derived = type_of(&bench, "Derived", JEM_TYPE_STRUCT, sizeof(bytes), 0);
	image_member(&bench.maker, "",
		     (struct jem_image_member){ .type = base, .flags = JEM_MEMBER_BASE });
	image_member(&bench.maker, "",
		     (struct jem_image_member){ .type = empty, .flags = JEM_MEMBER_BASE });
	image_member(&bench.maker, "_vptr.Derived",
		     (struct jem_image_member){ .type = bench.types.ulong });
	image_member(&bench.maker, "low",
		     (struct jem_image_member){ .type = bench.types.uint,
						.offset = 32,
						.bits = 3,
						.flags = JEM_MEMBER_BIT_FIELD });
	image_member(&bench.maker, "middle",
		     (struct jem_image_member){ .type = bench.types.int_,
						.offset = 35,
						.bits = 4,
						.flags = JEM_MEMBER_BIT_FIELD });
	image_member(&bench.maker, "high",
		     (struct jem_image_member){ .type = bench.types.uint,
						.offset = 39,
						.bits = 25,
						.flags = JEM_MEMBER_BIT_FIELD });
	image_member(&bench.maker, "x",
		     (struct jem_image_member){ .type = bench.types.double_, .offset = 8 });
	image_member(&bench.maker, "far",
		     (struct jem_image_member){
			     .type = base, .flags = JEM_MEMBER_BASE | JEM_MEMBER_VIRTUAL_BASE });
	CHECK_STR(bench_one(&bench, derived, &bytes, sizeof(bytes)),
		  "{\"Base\":{\"id\":7},\"low\":5,\"middle\":-3,\"high\":28036591,\"x\":2.5,"
		  "\"far\":{\"missing\":\"unsupported\"}}");
	/* Cut after the bit-fields. */
	CHECK_STR(bench_one(&bench, derived, &bytes, 8),
		  "{\"Base\":{\"id\":7},\"low\":5,\"middle\":-3,\"high\":28036591,"
		  "\"x\":{\"missing\":\"truncated\"},\"far\":{\"missing\":\"unsupported\"}}");
	bench_end(&bench);
}

/* 64 bits that do not begin at a byte take nine bytes. */
CASE(shows_bit_fields_over_nine_bytes)
{
	struct value_bench bench;
	uint64_t words[2] = { 0x123456789abcdef0, 0x5 };
	uint32_t type;

	bench_begin(&bench);
	type = type_of(&bench, "S", JEM_TYPE_STRUCT, 16, 0);
	image_member(&bench.maker, "a",
		     (struct jem_image_member){ .type = bench.types.ulong,
						.offset = 4,
						.bits = 64,
						.flags = JEM_MEMBER_BIT_FIELD });
	/* (5 << 60) | (words[0] >> 4) */
	CHECK_STR(bench_one(&bench, type, words, 16), "{\"a\":\"5846593052250721775\"}");
	CHECK_STR(bench_one(&bench, type, words, 8), "{\"a\":{\"missing\":\"truncated\"}}");
	bench_end(&bench);
}

CASE(shows_unions_and_members_without_names)
{
	struct value_bench bench;
	uint32_t either;
	uint32_t inner;
	uint32_t outer;

	bench_begin(&bench);
	either = type_of(&bench, "", JEM_TYPE_UNION, 4, 0);
	image_member(&bench.maker, "i", (struct jem_image_member){ .type = bench.types.int_ });
	image_member(&bench.maker, "c", (struct jem_image_member){ .type = bench.types.char_ });
	inner = type_of(&bench, "", JEM_TYPE_STRUCT, 8, 0);
	image_member(&bench.maker, "", (struct jem_image_member){ .type = either, .offset = 4 });
	outer = type_of(&bench, "Outer", JEM_TYPE_STRUCT, 12, 0);
	image_member(&bench.maker, "first", (struct jem_image_member){ .type = bench.types.int_ });
	image_member(&bench.maker, "", (struct jem_image_member){ .type = inner, .offset = 4 });
	CHECK_STR(bench_one(&bench, outer, (int[]){ 1, 2, 65 }, 12),
		  "{\"first\":1,\"i\":65,\"c\":\"A\"}");
	bench_end(&bench);
}

CASE(shows_arrays)
{
	struct value_bench bench;
	uint32_t row;
	uint32_t rows;
	uint32_t open;
	uint32_t text;

	bench_begin(&bench);
	row = image_type(&bench.maker, "int [2]",
			 (struct jem_image_type){ .kind = JEM_TYPE_ARRAY,
						  .size = 8,
						  .target = bench.types.int_,
						  .count = 2 });
	rows = image_type(&bench.maker, "int [3][2]",
			  (struct jem_image_type){
				  .kind = JEM_TYPE_ARRAY, .size = 24, .target = row, .count = 3 });
	open = image_type(
		&bench.maker, "int []",
		(struct jem_image_type){ .kind = JEM_TYPE_ARRAY, .target = bench.types.int_ });
	text = image_type(&bench.maker, "char [8]",
			  (struct jem_image_type){ .kind = JEM_TYPE_ARRAY,
						   .size = 8,
						   .target = bench.types.char_,
						   .count = 8 });
	CHECK_STR(bench_one(&bench, rows, (int[]){ 1, 2, 3, 4, 5, 6 }, 24), "[[1,2],[3,4],[5,6]]");
	CHECK_STR(bench_one(&bench, rows, (int[]){ 1, 2, 3, 4, 5, 6 }, 20),
		  "[[1,2],[3,4],{\"missing\":\"truncated\"}]");
	CHECK_STR(bench_one(&bench, open, (int[]){ 1, 2 }, 8), "[1,2]");
	CHECK_STR(bench_one(&bench, text, "abc\0xyz", 8), "\"abc\"");
	CHECK_STR(bench_one(&bench, text, "abcdefgh", 8), "\"abcdefgh\"");
	CHECK_STR(bench_one(&bench, text, "abcd", 4),
		  "{\"text\":\"abcd\",\"missing\":\"truncated\"}");
	CHECK_STR(bench_one(&bench, text, "\xff\xc3\xa9z\0\0\0", 8), "\"\xef\xbf\xbd\xc3\xa9z\"");
	bench_end(&bench);
}

CASE(says_why_a_value_is_missing)
{
	static const char *const words[] = { "optimised out", "unreadable",      "truncated",
					     "uninitialised", "not yet planned", "unsupported" };
	struct value_bench bench;

	for (uint8_t i = 0; i < 6; i++) {
		char wanted[64];

		bench_begin(&bench);
		bench_slot(&bench, "x",
			   (struct jem_image_slot){ .type = bench.types.int_,
						    .role = JEM_SLOT_ARGUMENT,
						    .missing = (uint8_t)(i + 1) });
		bench_record(&bench, 0);
		snprintf(wanted, sizeof(wanted), "{\"missing\":\"%s\"}", words[i]);
		CHECK_STR(bench_value(&bench), wanted);
		bench_end(&bench);
	}
	/* Marked in the mask; beyond the words of the record; of a type that nobody knows. */
	bench_begin(&bench);
	bench_fixed(&bench, "a", bench.types.int_, 4);
	bench_fixed(&bench, "b", bench.types.int_, 4);
	bench_fixed(&bench, "c", 0, 8);
	bench_fixed(&bench, "d", bench.types.int_, 4);
	bench_record(&bench, 1);
	bench_word(&bench, 1);
	bench_word(&bench, 2);
	bench_word(&bench, 3);
	CHECK_STR(bench_list(&bench, JEM_SLOT_ARGUMENT),
		  "[{\"name\":\"a\",\"type\":\"int\",\"value\":{\"missing\":\"unreadable\"}},"
		  "{\"name\":\"b\",\"type\":\"int\",\"value\":2},"
		  "{\"name\":\"c\",\"type\":\"\",\"value\":{\"missing\":\"unsupported\"}},"
		  "{\"name\":\"d\",\"type\":\"int\",\"value\":{\"missing\":\"truncated\"}}]");
	bench_end(&bench);
}

static void add_shared(struct value_bench *bench, const char *name, uint32_t type, unsigned fixed,
		       unsigned shift, unsigned size)
{
	bench_slot(bench, name,
		   (struct jem_image_slot){ .type = type,
					    .role = JEM_SLOT_ARGUMENT,
					    .fixed = (uint16_t)fixed,
					    .words = (uint8_t)((shift + size + 7) / 8),
					    .shift = (uint8_t)shift,
					    .size = size });
}

/* Words of a frame as they lie there: an int and a double over the end of a word, too. */
CASE(reads_values_that_share_words)
{
	static const struct {
		const char *name, *value;
		unsigned mask; /* of the words that it is in */
	} values[] = { { "low", "7", 1 },
		       { "high", "305463286", 1 },
		       { "both", "70196", 3 },
		       { "real", "2.5", 6 } };

	for (unsigned mask = 0; mask < 8; mask++) {
		struct value_bench bench;
		const char *text;

		bench_begin(&bench);
		add_shared(&bench, "low", bench.types.int_, 0, 0, 4);
		add_shared(&bench, "high", bench.types.int_, 0, 4, 4);
		add_shared(&bench, "both", bench.types.int_, 0, 6, 4);
		add_shared(&bench, "real", bench.types.double_, 1, 2, 8);
		bench.fixed_words = 3;
		bench_record(&bench, mask);
		bench_word(&bench, 0x1234fff600000007);
		bench_word(&bench, 0x0000000000000001);
		bench_word(&bench, 0x4004);
		text = bench_list(&bench, JEM_SLOT_ARGUMENT);
		for (unsigned i = 0; i < 4; i++) {
			char wanted[100];

			snprintf(wanted, sizeof(wanted),
				 "{\"name\":\"%s\",\"type\":\"%s\",\"value\":%s}", values[i].name,
				 i == 3 ? "double" : "int",
				 mask & values[i].mask ? "{\"missing\":\"unreadable\"}"
						       : values[i].value);
			if (!strstr(text, wanted))
				check_fail(__FILE__, __LINE__, "mask %u: no %s in %s", mask, wanted,
					   text);
		}
		bench_end(&bench);
	}
}

CASE(sorts_slots_by_role)
{
	struct value_bench bench;

	bench_begin(&bench);
	bench_fixed(&bench, "a", bench.types.int_, 4);
	bench_slot(&bench, "l",
		   (struct jem_image_slot){ .type = bench.types.int_,
					    .role = JEM_SLOT_LOCAL,
					    .fixed = 0,
					    .words = 1,
					    .size = 4 });
	bench_slot(&bench, "",
		   (struct jem_image_slot){ .type = bench.types.double_,
					    .role = JEM_SLOT_RETURN,
					    .fixed = 1,
					    .words = 1,
					    .size = 8 });
	bench.fixed_words = 2;
	bench_record(&bench, 0);
	bench_word(&bench, 4);
	bench_bytes(&bench, &(double){ 2.5 }, 8);
	CHECK_STR(bench_list(&bench, JEM_SLOT_ARGUMENT),
		  "[{\"name\":\"a\",\"type\":\"int\",\"value\":4}]");
	CHECK_STR(bench_list(&bench, JEM_SLOT_LOCAL),
		  "[{\"name\":\"l\",\"type\":\"int\",\"value\":4}]");
	CHECK_STR(bench_list(&bench, JEM_SLOT_CALLER_LOCAL), "[]");
	jem_buf_clear(&bench.cbor);
	CHECK(jem_value_return(bench.decoder, &bench.request, &bench.cbor));
	CHECK(!memcmp(bench.cbor.data,
		      "\xa2\x64type\x66"
		      "double\x65value\xfa\x40\x20\0\0",
		      24));
	bench.part.words = NULL;
	jem_buf_clear(&bench.cbor);
	CHECK(!jem_value_return(bench.decoder, &bench.request, &bench.cbor));
	CHECK_EQ(jem_value_list(bench.decoder, &bench.request, JEM_SLOT_ARGUMENT, &bench.cbor), 0);
	CHECK(bench.cbor.len == 2 && !memcmp(bench.cbor.data, "\xf6\xf6", 2));
	bench_end(&bench);
}

CASE(takes_values_at_entry_from_the_enter_record)
{
	struct value_bench enter;
	struct value_bench leave;

	bench_begin(&enter);
	bench_fixed(&enter, "a", enter.types.int_, 4);
	bench_fixed(&enter, "b", enter.types.double_, 8);
	bench_record(&enter, 0);
	bench_word(&enter, 41);
	bench_bytes(&enter, &(double){ 1.5 }, 8);
	bench_list(&enter, JEM_SLOT_ARGUMENT);

	bench_begin(&leave);
	bench_slot(&leave, "b",
		   (struct jem_image_slot){ .type = leave.types.double_,
					    .role = JEM_SLOT_ARGUMENT,
					    .missing = JEM_MISSING_ENTRY_VALUE,
					    .entry = 1 });
	bench_record(&leave, 0);
	CHECK_STR(bench_value(&leave), "{\"missing\":\"optimised out\"}");
	leave.request.entry = &enter.part;
	CHECK_STR(bench_value(&leave), "1.5");
	bench_end(&leave);

	bench_begin(&leave);
	bench_slot(&leave, "a",
		   (struct jem_image_slot){ .type = leave.types.int_,
					    .role = JEM_SLOT_ARGUMENT,
					    .missing = JEM_MISSING_ENTRY_VALUE,
					    .entry = JEM_SLOT_ENTRY_OF_FRAME });
	bench_record(&leave, 0);
	leave.request.entry = NULL;
	CHECK_STR(bench_value(&leave), "{\"missing\":\"optimised out\"}");
	leave.request.frame = &enter.part;
	CHECK_STR(bench_value(&leave), "41");
	bench_end(&leave);

	bench_begin(&leave);
	bench_slot(&leave, "c",
		   (struct jem_image_slot){ .type = leave.types.int_,
					    .role = JEM_SLOT_ARGUMENT,
					    .missing = JEM_MISSING_ENTRY_VALUE,
					    .entry = 2 });
	bench_record(&leave, 0);
	leave.request.entry = &enter.part;
	CHECK_STR(bench_value(&leave), "{\"missing\":\"optimised out\"}");
	bench_end(&leave);
	bench_end(&enter);
}

CASE(knows_what_is_declared_after_the_call)
{
	struct value_bench bench;

	bench_begin(&bench);
	bench_slot(&bench, "x",
		   (struct jem_image_slot){ .type = bench.types.int_,
					    .role = JEM_SLOT_CALLER_LOCAL,
					    .words = 1,
					    .size = 4,
					    .line = 20 });
	bench.fixed_words = 1;
	bench_record(&bench, 0);
	bench_word(&bench, 9);
	bench.request.call_line = 19;
	CHECK_CONTAINS(bench_list(&bench, JEM_SLOT_CALLER_LOCAL), "uninitialised");
	bench.request.call_line = 21;
	CHECK_CONTAINS(bench_list(&bench, JEM_SLOT_CALLER_LOCAL), ":9}");
	bench.request.call_line = 0;
	CHECK_CONTAINS(bench_list(&bench, JEM_SLOT_CALLER_LOCAL), ":9}");
	bench_end(&bench);
}

TESTS(T(shows_integers), T(shows_booleans_and_characters), T(shows_floating_point),
      T(shows_binary128), T(shows_enumerators_and_flags),
      T(shows_structs_with_bases_and_bit_fields), T(shows_bit_fields_over_nine_bytes),
      T(shows_unions_and_members_without_names), T(shows_arrays), T(says_why_a_value_is_missing),
      T(reads_values_that_share_words), T(sorts_slots_by_role),
      T(takes_values_at_entry_from_the_enter_record), T(knows_what_is_declared_after_the_call))
