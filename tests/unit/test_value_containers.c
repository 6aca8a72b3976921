/* SPDX-License-Identifier: Apache-2.0 */
/* Pointers, strings and containers: what stands in cells. */
#include "tests/unit/check.h"
#include "tests/unit/value_bench.h"

#define CELL JEM_SLOT_IN_CELL

static uint32_t pointer_to(struct value_bench *bench, uint32_t target)
{
	return image_type(
		&bench->maker, "T *",
		(struct jem_image_type){ .kind = JEM_TYPE_POINTER, .size = 8, .target = target });
}

static uint16_t in_cell(struct value_bench *bench, uint32_t type, uint32_t size)
{
	return bench_slot(
		bench, "x",
		(struct jem_image_slot){
			.type = type, .role = JEM_SLOT_ARGUMENT, .fixed = CELL, .size = size });
}

CASE(shows_pointers_with_what_they_point_to)
{
	struct value_bench bench;
	uint32_t intp;
	uint16_t x;
	uint16_t to;

	bench_begin(&bench);
	intp = pointer_to(&bench, bench.types.int_);
	x = bench_fixed(&bench, "x", intp, 8);
	to = bench_child(&bench, JEM_SLOT_POINTEE, x, 0, bench.types.int_);
	bench_record(&bench, 0);
	bench_word(&bench, 0x7f001234);
	bench_cell(&bench, to, JEM_CELL_OK, 0x7f001234, 4, (int[]){ 42 }, 4);
	CHECK_STR(bench_value(&bench), "{\"address\":\"0x7f001234\",\"to\":42}");
	bench_end(&bench);
}

static const char *pointer_case(struct value_bench *bench, uint64_t address, bool has_cell,
				enum jem_cell_status status)
{
	uint16_t x;
	uint16_t to;

	bench->slot_count = 0;
	bench->fixed_words = 0;
	x = bench_fixed(bench, "x", pointer_to(bench, bench->types.int_), 8);
	to = bench_child(bench, JEM_SLOT_POINTEE, x, 0, bench->types.int_);
	bench_record(bench, 0);
	bench_word(bench, address);
	if (has_cell)
		bench_cell(bench, to, status, address, 4, (int[]){ 42 },
			   status == JEM_CELL_OK ? 4 : 0);
	return bench_value(bench);
}

CASE(says_why_nothing_is_behind_a_pointer)
{
	struct value_bench bench;

	bench_begin(&bench);
	CHECK_STR(pointer_case(&bench, 0, false, 0), "null");
	CHECK_STR(pointer_case(&bench, 16, true, JEM_CELL_UNREADABLE),
		  "{\"address\":\"0x10\",\"to\":{\"missing\":\"unreadable\"}}");
	CHECK_STR(pointer_case(&bench, 16, true, JEM_CELL_BUDGET),
		  "{\"address\":\"0x10\",\"to\":{\"missing\":\"truncated\"}}");
	CHECK_STR(pointer_case(&bench, 16, false, 0),
		  "{\"address\":\"0x10\",\"to\":{\"missing\":\"truncated\"}}");
	/* Not followed: no slot for it. */
	CHECK_STR(bench_one(&bench, pointer_to(&bench, bench.types.int_),
			    (uint64_t[]){ 0xdeadbeef }, 8),
		  "{\"address\":\"0xdeadbeef\"}");
	CHECK_STR(bench_one(&bench, pointer_to(&bench, bench.types.int_), (uint32_t[]){ 1 }, 4),
		  "{\"missing\":\"truncated\"}");
	bench_end(&bench);
}

CASE(shows_cycles)
{
	struct value_bench bench;
	struct {
		uint64_t value, next;
	} first = { 1, 0x2000 }, second = { 2, 0x1000 }, self = { 3, 0x1000 };
	uint32_t node;
	uint32_t nodep;
	uint16_t x;
	uint16_t a;
	uint16_t b;

	bench_begin(&bench);
	/* Node is the next type but one, its pointer the next. */
	node = (uint32_t)(bench.maker.sections[JEM_IMAGE_TYPES].len /
			  sizeof(struct jem_image_type)) +
	       1;
	nodep = pointer_to(&bench, node);
	CHECK_EQ(image_type(&bench.maker, "Node",
			    (struct jem_image_type){ .kind = JEM_TYPE_STRUCT, .size = 16 }),
		 node);
	image_member(&bench.maker, "value", (struct jem_image_member){ .type = bench.types.ulong });
	image_member(&bench.maker, "next", (struct jem_image_member){ .type = nodep, .offset = 8 });
	x = bench_fixed(&bench, "x", nodep, 8);
	a = bench_child(&bench, JEM_SLOT_POINTEE, x, 0, node);
	b = bench_child(&bench, JEM_SLOT_POINTEE, a, 8, node);
	bench_child(&bench, JEM_SLOT_POINTEE, b, 8, node);
	bench_record(&bench, 0);
	bench_word(&bench, 0x1000);
	bench_cell(&bench, a, JEM_CELL_OK, 0x1000, 16, &first, 16);
	bench_cell(&bench, b, JEM_CELL_OK, 0x2000, 16, &second, 16);
	CHECK_STR(bench_value(&bench), "{\"address\":\"0x1000\",\"to\":{\"value\":1,\"next\":{"
				       "\"address\":\"0x2000\",\"to\":{\"value\":2,"
				       "\"next\":{\"address\":\"0x1000\",\"cycle\":2}}}}}");
	bench.count = 2;
	bench_cell(&bench, a, JEM_CELL_OK, 0x1000, 16, &self, 16);
	CHECK_STR(bench_value(&bench), "{\"address\":\"0x1000\",\"to\":{\"value\":3,\"next\":{"
				       "\"address\":\"0x1000\",\"cycle\":1}}}");
	bench_end(&bench);
}

/* An object that is not behind a pointer, and points to itself. */
CASE(shows_objects_that_point_to_themselves)
{
	uint64_t object[2] = { 5, 0x1000 };
	struct value_bench bench;
	uint32_t node;
	uint32_t nodep;
	uint16_t x;

	bench_begin(&bench);
	node = (uint32_t)(bench.maker.sections[JEM_IMAGE_TYPES].len /
			  sizeof(struct jem_image_type)) +
	       1;
	nodep = pointer_to(&bench, node);
	image_type(&bench.maker, "Node",
		   (struct jem_image_type){ .kind = JEM_TYPE_STRUCT, .size = 16 });
	image_member(&bench.maker, "next", (struct jem_image_member){ .type = nodep, .offset = 8 });
	x = in_cell(&bench, node, 16);
	bench_child(&bench, JEM_SLOT_POINTEE, x, 8, node);
	bench_record(&bench, 0);
	bench_cell(&bench, x, JEM_CELL_OK, 0x1000, 16, object, 16);
	CHECK_STR(bench_value(&bench), "{\"next\":{\"address\":\"0x1000\",\"cycle\":1}}");
	bench_end(&bench);
}

CASE(shows_c_strings_as_text)
{
	struct value_bench bench;
	uint16_t x;
	uint16_t to;

	bench_begin(&bench);
	x = bench_fixed(&bench, "x", bench.types.charp, 8);
	to = bench_child(&bench, JEM_SLOT_STRING, x, 0, bench.types.char_);
	bench_record(&bench, 0);
	bench_word(&bench, 0x5000);
	bench_cell(&bench, to, JEM_CELL_OK, 0x5000, 5, "hello", 5);
	CHECK_STR(bench_value(&bench), "\"hello\"");
	bench.count = 2;
	bench_cell(&bench, to, JEM_CELL_OK, 0x5000, 0, "", 0);
	CHECK_STR(bench_value(&bench), "\"\"");
	bench.count = 2;
	/* Cut within a character. */
	bench_cell(&bench, to, JEM_CELL_TRUNCATED, 0x5000, 7, "caf\xc3\xa9\xe2\x82", 7);
	CHECK_STR(bench_value(&bench), "{\"text\":\"caf\xc3\xa9\",\"missing\":\"truncated\"}");
	bench.count = 2;
	bench_cell(&bench, to, JEM_CELL_OK, 0x5000, 3, "a\x80z", 3);
	CHECK_STR(bench_value(&bench), "\"a\xef\xbf\xbdz\"");
	bench.count = 2;
	bench_cell(&bench, to, JEM_CELL_UNREADABLE, 0x5000, 0, "", 0);
	CHECK_STR(bench_value(&bench),
		  "{\"address\":\"0x5000\",\"to\":{\"missing\":\"unreadable\"}}");
	bench.count = 2;
	bench_cell(&bench, to, JEM_CELL_OK, 0x5000, 30, "curl --password hunter2 http", 28);
	CHECK(!strstr(bench_value(&bench), "hunter2"));
	bench_end(&bench);
}

CASE(shows_references_as_their_value)
{
	struct value_bench bench;
	uint32_t ref;
	uint16_t x;
	uint16_t to;

	bench_begin(&bench);
	ref = image_type(&bench.maker, "int &",
			 (struct jem_image_type){ .kind = JEM_TYPE_REFERENCE,
						  .size = 8,
						  .target = bench.types.int_ });
	x = bench_fixed(&bench, "x", ref, 8);
	to = bench_child(&bench, JEM_SLOT_POINTEE, x, 0, bench.types.int_);
	bench_record(&bench, 0);
	bench_word(&bench, 0x5000);
	bench_cell(&bench, to, JEM_CELL_OK, 0x5000, 4, (int[]){ -3 }, 4);
	CHECK_STR(bench_value(&bench), "-3");
	bench.count = 2;
	bench_cell(&bench, to, JEM_CELL_UNREADABLE, 0x5000, 4, "", 0);
	CHECK_STR(bench_value(&bench), "{\"missing\":\"unreadable\"}");
	CHECK_STR(bench_one(&bench, ref, (uint64_t[]){ 0x99 }, 8), "{\"address\":\"0x99\"}");
	bench_end(&bench);
}

static const char *name_at(void *user, uint64_t address)
{
	CHECK(user != NULL);
	return address == 0x401000 ? "ns::f" : NULL;
}

CASE(names_functions)
{
	struct value_bench bench;
	uint32_t function;
	uint32_t method;
	uint32_t member;

	bench_begin(&bench);
	bench.config.function_name = name_at;
	bench.config.user = &bench;
	function = pointer_to(&bench,
			      image_type(&bench.maker, "void (int)",
					 (struct jem_image_type){ .kind = JEM_TYPE_FUNCTION }));
	method = image_type(&bench.maker, "void (T::*)()",
			    (struct jem_image_type){ .kind = JEM_TYPE_MEMBER_POINTER, .size = 16 });
	member = image_type(&bench.maker, "int T::*",
			    (struct jem_image_type){ .kind = JEM_TYPE_MEMBER_POINTER, .size = 8 });
	CHECK_STR(bench_one(&bench, function, (uint64_t[]){ 0x401000 }, 8),
		  "{\"address\":\"0x401000\",\"to\":\"ns::f\"}");
	CHECK_STR(bench_one(&bench, function, (uint64_t[]){ 0x402000 }, 8),
		  "{\"address\":\"0x402000\"}");
	CHECK_STR(bench_one(&bench, function, (uint64_t[]){ 0 }, 8), "null");
	CHECK_STR(bench_one(&bench, method, (uint64_t[]){ 0x401000, 0 }, 16),
		  "{\"address\":\"0x401000\",\"to\":\"ns::f\"}");
	CHECK_STR(bench_one(&bench, method, (uint64_t[]){ 17, 0 }, 16), "{\"virtual\":16}");
	CHECK_STR(bench_one(&bench, method, (uint64_t[]){ 0, 0 }, 16), "null");
	CHECK_STR(bench_one(&bench, member, (uint64_t[]){ 24 }, 8), "{\"offset\":24}");
	CHECK_STR(bench_one(&bench, member, (uint64_t[]){ UINT64_MAX }, 8), "null");
	bench_end(&bench);
}

/* libstdc++: {pointer, length, 16 bytes in place}. */
static uint32_t std_string(struct value_bench *bench)
{
	return image_type(&bench->maker, "std::string",
			  (struct jem_image_type){ .kind = JEM_TYPE_STRING,
						   .size = 32,
						   .target = bench->types.char_ });
}

CASE(shows_std_strings)
{
	struct {
		uint64_t pointer, length;
		char inside[16];
	} string = { 0x1010, 5, "short" };
	struct value_bench bench;
	uint32_t type;
	uint16_t x;
	uint16_t text;

	bench_begin(&bench);
	type = std_string(&bench);
	x = in_cell(&bench, type, 32);
	text = bench_child(&bench, JEM_SLOT_STRING, x, 0, bench.types.char_);
	bench_record(&bench, 0);
	/* In place, known by its address; without a cell of its own. */
	bench_cell(&bench, x, JEM_CELL_OK, 0x1000, 32, &string, 32);
	CHECK_STR(bench_value(&bench), "\"short\"");
	/* On the heap. */
	bench.count = 1;
	string.pointer = 0x9000;
	string.length = 30;
	bench_cell(&bench, x, JEM_CELL_OK, 0x1000, 32, &string, 32);
	bench_cell(&bench, text, JEM_CELL_TRUNCATED, 0x9000, 30, "a longer te", 11);
	CHECK_STR(bench_value(&bench),
		  "{\"text\":\"a longer te\",\"missing\":\"truncated\",\"length\":30}");
	bench.count = 1;
	string.length = 3;
	bench_cell(&bench, x, JEM_CELL_OK, 0x1000, 32, &string, 32);
	bench_cell(&bench, text, JEM_CELL_OK, 0x9000, 3, "abc", 3);
	CHECK_STR(bench_value(&bench), "\"abc\"");
	bench.count = 1;
	bench_cell(&bench, x, JEM_CELL_OK, 0x1000, 32, &string, 32);
	bench_cell(&bench, text, JEM_CELL_UNREADABLE, 0x9000, 3, "", 0);
	CHECK_STR(bench_value(&bench), "{\"missing\":\"unreadable\"}");
	/* Not followed. */
	bench.count = 1;
	bench_cell(&bench, x, JEM_CELL_OK, 0x1000, 32, &string, 32);
	CHECK_STR(bench_value(&bench), "{\"text\":\"\",\"missing\":\"truncated\",\"length\":3}");
	/* Never built: rubbish for a length. */
	bench.count = 1;
	string.length = 1ull << 63;
	string.pointer = 0x1010;
	bench_cell(&bench, x, JEM_CELL_OK, 0x1000, 32, &string, 32);
	CHECK_STR(bench_value(&bench),
		  "{\"text\":\"\",\"missing\":\"truncated\",\"length\":\"9223372036854775808\"}");
	bench_end(&bench);
}

CASE(shows_views_and_wide_strings)
{
	struct value_bench bench;
	uint32_t char16;
	uint32_t type;
	uint16_t x;
	uint16_t text;

	bench_begin(&bench);
	char16 = image_type(&bench.maker, "char16_t",
			    (struct jem_image_type){ .kind = JEM_TYPE_CHAR, .size = 2 });
	type = image_type(
		&bench.maker, "std::u16string_view",
		(struct jem_image_type){
			.kind = JEM_TYPE_STRING_VIEW, .size = 16, .target = char16, .where = 8 });
	x = bench_fixed(&bench, "x", type, 16);
	text = bench_child(&bench, JEM_SLOT_STRING, x, 0, char16);
	bench_record(&bench, 0);
	bench_word(&bench, 4);
	bench_word(&bench, 0x7000);
	bench_cell(&bench, text, JEM_CELL_OK, 0x7000, 4, u"a\u20ac\U0001f600", 8);
	CHECK_STR(bench_value(&bench), "\"a\xe2\x82\xac\xf0\x9f\x98\x80\"");
	bench_end(&bench);
}

static uint32_t vector_of(struct value_bench *bench, uint32_t element)
{
	return image_type(
		&bench->maker, "std::vector<T>",
		(struct jem_image_type){ .kind = JEM_TYPE_VECTOR, .size = 24, .target = element });
}

CASE(shows_vectors)
{
	struct value_bench bench;
	uint16_t x;
	uint16_t elements;

	bench_begin(&bench);
	x = bench_fixed(&bench, "x", vector_of(&bench, bench.types.int_), 24);
	elements = bench_child(&bench, JEM_SLOT_ELEMENTS, x, 0, bench.types.int_);
	bench_record(&bench, 0);
	bench_word(&bench, 0x5000);
	bench_word(&bench, 0x500c);
	bench_word(&bench, 0x5010);
	bench_cell(&bench, elements, JEM_CELL_OK, 0x5000, 3, (int[]){ 1, 2, 3 }, 12);
	CHECK_STR(bench_value(&bench), "[1,2,3]");
	bench.count = 4;
	bench_cell(&bench, elements, JEM_CELL_TRUNCATED, 0x5000, 300, (int[]){ 1, 2, 3 }, 12);
	CHECK_STR(bench_value(&bench), "[1,2,3,{\"missing\":\"truncated\"}]");
	bench.count = 4;
	bench_cell(&bench, elements, JEM_CELL_UNREADABLE, 0x5000, 300, "", 0);
	CHECK_STR(bench_value(&bench), "{\"missing\":\"unreadable\"}");
	bench.count = 4;
	CHECK_STR(bench_value(&bench), "[{\"missing\":\"truncated\"}]");
	bench.words[2] = 0x5000;
	CHECK_STR(bench_value(&bench), "[]");
	bench_end(&bench);
}

/* Each element that points has children of its own, by their offset in the cell. */
CASE(shows_vectors_of_strings)
{
	struct value_bench bench;
	uint64_t strings[8] = { 0x9000, 20, 0, 0, 0x5030, 2, 0x6968 /* "hi" */, 0 };
	uint32_t string;
	uint16_t x;
	uint16_t elements;
	uint16_t first;
	uint16_t second;

	bench_begin(&bench);
	string = std_string(&bench);
	x = bench_fixed(&bench, "x", vector_of(&bench, string), 24);
	elements = bench_child(&bench, JEM_SLOT_ELEMENTS, x, 0, string);
	first = bench_child(&bench, JEM_SLOT_STRING, elements, 0, bench.types.char_);
	second = bench_child(&bench, JEM_SLOT_STRING, elements, 32, bench.types.char_);
	bench_record(&bench, 0);
	bench_word(&bench, 0x5000);
	bench_word(&bench, 0x5040);
	bench_word(&bench, 0x5040);
	bench_cell(&bench, elements, JEM_CELL_OK, 0x5000, 2, strings, 64);
	bench_cell(&bench, first, JEM_CELL_OK, 0x9000, 20, "long enough for heap", 20);
	CHECK_STR(bench_value(&bench), "[\"long enough for heap\",\"hi\"]");
	bench_cell(&bench, second, JEM_CELL_OK, 0x5030, 2, "ho", 2);
	CHECK_STR(bench_value(&bench), "[\"long enough for heap\",\"ho\"]");
	bench_end(&bench);
}

/* A cell a node; what they point to is told apart by its address. */
CASE(shows_maps_as_pairs)
{
	struct {
		uint64_t text;
		int value, pad;
	} nodes[3] = { { 0x100, 1, 0 }, { 0x200, 2, 0 }, { 0x300, 3, 0 } };
	uint64_t object[6] = { 0, 0, 0, 0, 0, 3 };
	struct value_bench bench;
	uint32_t pair;
	uint32_t map;
	uint16_t x;
	uint16_t node;
	uint16_t text;

	bench_begin(&bench);
	pair = image_type(&bench.maker, "pair",
			  (struct jem_image_type){ .kind = JEM_TYPE_STRUCT, .size = 16 });
	image_member(&bench.maker, "first", (struct jem_image_member){ .type = bench.types.charp });
	image_member(&bench.maker, "second",
		     (struct jem_image_member){ .type = bench.types.int_, .offset = 8 });
	map = image_type(&bench.maker, "std::map<char *, int>",
			 (struct jem_image_type){
				 .kind = JEM_TYPE_MAP, .size = 48, .target = pair, .where = 40 });
	x = in_cell(&bench, map, 48);
	node = bench_child(&bench, JEM_SLOT_NODE, x, 0, pair);
	text = bench_child(&bench, JEM_SLOT_STRING, node, 0, bench.types.char_);
	bench_record(&bench, 0);
	bench_cell(&bench, x, JEM_CELL_OK, 0x4000, 48, object, 48);
	bench_cell(&bench, node, JEM_CELL_OK, 0x8000, 16, &nodes[0], 16);
	bench_cell(&bench, text, JEM_CELL_OK, 0x100, 11, "one key fit", 11);
	bench_cell(&bench, node, JEM_CELL_OK, 0x8100, 16, &nodes[1], 16);
	bench_cell(&bench, text, JEM_CELL_OK, 0x200, 6, "my_key", 6);
	CHECK_STR(bench_value(&bench),
		  "[[\"one key fit\",1],[\"my_key\",{\"missing\":\"redacted\"}],{"
		  "\"missing\":\"truncated\"}]");
	bench_cell(&bench, node, JEM_CELL_OK, 0x8200, 16, &nodes[2], 16);
	CHECK_STR(bench_value(&bench),
		  "[[\"one key fit\",1],[\"my_key\",{\"missing\":\"redacted\"}],[{"
		  "\"address\":\"0x300\"},3]]");
	bench_cell(&bench, node, JEM_CELL_UNREADABLE, 0x8200, 16, "", 0);
	CHECK_CONTAINS(bench_value(&bench), ",3],{\"missing\":\"unreadable\"}]");
	bench_end(&bench);
}

CASE(shows_lists)
{
	uint64_t object[3] = { 1, 1, 4 };
	struct value_bench bench;
	uint32_t list;
	uint32_t forward;
	uint16_t x;
	uint16_t node;

	bench_begin(&bench);
	list = image_type(&bench.maker, "std::deque<int>",
			  (struct jem_image_type){ .kind = JEM_TYPE_LIST,
						   .size = 24,
						   .target = bench.types.int_,
						   .where = 16 });
	x = bench_fixed(&bench, "x", list, 24);
	node = bench_child(&bench, JEM_SLOT_NODE, x, 0, bench.types.int_);
	bench_record(&bench, 0);
	bench_bytes(&bench, object, 24);
	bench_cell(&bench, node, JEM_CELL_OK, 0x100, 4, (int[]){ 1 }, 4);
	bench_cell(&bench, node, JEM_CELL_OK, 0x200, 12, (int[]){ 2, 3, 4 }, 12);
	CHECK_STR(bench_value(&bench), "[1,2,3,4]");
	bench.words[3] = 0;
	CHECK_STR(bench_value(&bench), "[]");
	bench_end(&bench);

	bench_begin(&bench);
	forward = image_type(&bench.maker, "std::forward_list<int>",
			     (struct jem_image_type){ .kind = JEM_TYPE_LIST,
						      .size = 8,
						      .target = bench.types.int_,
						      .where = UINT32_MAX });
	x = bench_fixed(&bench, "x", forward, 8);
	node = bench_child(&bench, JEM_SLOT_NODE, x, 0, bench.types.int_);
	bench_record(&bench, 0);
	bench_word(&bench, 0x100);
	CHECK_STR(bench_value(&bench), "[]");
	bench_cell(&bench, node, JEM_CELL_OK, 0x100, 4, (int[]){ 1 }, 4);
	CHECK_STR(bench_value(&bench), "[1]");
	bench_cell(&bench, node, JEM_CELL_OK, 0x200, 0, "", 0);
	CHECK_STR(bench_value(&bench), "[1,{\"missing\":\"truncated\"}]");
	bench_end(&bench);
}

CASE(shows_smart_pointers_and_optionals)
{
	struct value_bench bench;
	uint32_t unique;
	uint32_t optional;
	uint16_t x;
	uint16_t to;

	bench_begin(&bench);
	optional = image_type(&bench.maker, "std::optional<int>",
			      (struct jem_image_type){ .kind = JEM_TYPE_OPTIONAL,
						       .size = 8,
						       .target = bench.types.int_,
						       .where = 4 });
	CHECK_STR(bench_one(&bench, optional, (int[]){ 9, 1 }, 8), "9");
	CHECK_STR(bench_one(&bench, optional, (int[]){ 9, 0 }, 8), "null");
	CHECK_STR(bench_one(&bench, optional, (int[]){ 9 }, 4), "{\"missing\":\"truncated\"}");
	unique = image_type(&bench.maker, "std::shared_ptr<int>",
			    (struct jem_image_type){ .kind = JEM_TYPE_SMART_POINTER,
						     .size = 16,
						     .target = bench.types.int_,
						     .where = 8 });
	CHECK_STR(bench_one(&bench, unique, (uint64_t[]){ 1, 0 }, 16), "null");
	bench.slot_count = 0;
	bench.fixed_words = 0;
	x = bench_fixed(&bench, "x", unique, 16);
	to = bench_child(&bench, JEM_SLOT_POINTEE, x, 8, bench.types.int_);
	bench_record(&bench, 0);
	bench_word(&bench, 1);
	bench_word(&bench, 0x60);
	bench_cell(&bench, to, JEM_CELL_OK, 0x60, 4, (int[]){ 7 }, 4);
	CHECK_STR(bench_value(&bench), "{\"address\":\"0x60\",\"to\":7}");
	bench_end(&bench);
}

CASE(shows_bits)
{
	struct value_bench bench;
	uint64_t object[5] = { 0x100, 0, 0x100, 11, 0 };
	uint32_t bitset;
	uint32_t bits;
	uint16_t x;
	uint16_t elements;

	bench_begin(&bench);
	bitset = image_type(&bench.maker, "std::bitset<5>",
			    (struct jem_image_type){ .kind = JEM_TYPE_BIT_VECTOR,
						     .size = 8,
						     .target = bench.types.bool_,
						     .count = 5 });
	CHECK_STR(bench_one(&bench, bitset, (uint64_t[]){ 0x15 }, 8),
		  "[true,false,true,false,true]");
	bits = image_type(&bench.maker, "std::vector<bool>",
			  (struct jem_image_type){ .kind = JEM_TYPE_BIT_VECTOR,
						   .size = 40,
						   .target = bench.types.bool_ });
	bench.slot_count = 0;
	bench.fixed_words = 0;
	x = bench_fixed(&bench, "x", bits, 40);
	elements = bench_child(&bench, JEM_SLOT_ELEMENTS, x, 0, bench.types.bool_);
	bench_record(&bench, 0);
	bench_bytes(&bench, object, 40);
	bench_cell(&bench, elements, JEM_CELL_OK, 0x100, 2, "\x03\x04", 2);
	CHECK_STR(bench_value(&bench),
		  "[true,true,false,false,false,false,false,false,false,false,true]");
	bench.count = 6;
	bench_cell(&bench, elements, JEM_CELL_TRUNCATED, 0x100, 2, "\x03", 1);
	CHECK_STR(bench_value(&bench),
		  "[true,true,false,false,false,false,false,false,{\"missing\":\"truncated\"}]");
	bench_end(&bench);
}

/* Cells that no machine writes: another slot, beyond the end, too many. */
CASE(takes_no_harm_from_cells_made_up)
{
	struct jem_ring_cell cell = { .slot = 1, .len = UINT32_MAX };
	struct value_bench bench;
	uint32_t intp;
	uint16_t x;
	uint16_t to;

	bench_begin(&bench);
	intp = pointer_to(&bench, bench.types.int_);
	x = bench_fixed(&bench, "x", intp, 8);
	to = bench_child(&bench, JEM_SLOT_POINTEE, x, 0, bench.types.int_);
	bench_record(&bench, 0);
	bench_word(&bench, 0x60);
	bench_cell(&bench, 100, JEM_CELL_OK, 0x60, 4, (int[]){ 1 }, 4);
	bench_cell(&bench, x, JEM_CELL_OK, 0x60, 4, (int[]){ 2 }, 4);
	bench_bytes(&bench, &cell, sizeof(cell));
	CHECK_STR(bench_value(&bench), "{\"address\":\"0x60\",\"to\":{\"missing\":\"truncated\"}}");
	bench.count = 2;
	bench_cell(&bench, to, 9, 0x60, 4, (int[]){ 3 }, 2);
	CHECK_STR(bench_value(&bench), "{\"address\":\"0x60\",\"to\":{\"missing\":\"truncated\"}}");
	for (unsigned i = 0; i < 300; i++)
		bench_cell(&bench, to, JEM_CELL_OK, i, 4, "", 0);
	CHECK_STR(bench_value(&bench), "{\"address\":\"0x60\",\"to\":{\"missing\":\"truncated\"}}");
	bench_end(&bench);
}

TESTS(T(shows_pointers_with_what_they_point_to), T(says_why_nothing_is_behind_a_pointer),
      T(shows_cycles), T(shows_objects_that_point_to_themselves), T(shows_c_strings_as_text),
      T(shows_references_as_their_value), T(names_functions), T(shows_std_strings),
      T(shows_views_and_wide_strings), T(shows_vectors), T(shows_vectors_of_strings),
      T(shows_maps_as_pairs), T(shows_lists), T(shows_smart_pointers_and_optionals), T(shows_bits),
      T(takes_no_harm_from_cells_made_up))
