/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"
#include "tests/unit/image_maker.h"

#include <errno.h>

struct example {
	uint8_t *bytes;
	size_t len;
	struct jem_image image;
};

/* Two functions, three sites, one call site, a struct, a slot with a child. */
static void example_init(struct example *example)
{
	struct image_maker maker;
	struct image_types types;
	uint32_t pair;

	image_maker_init(&maker);
	maker.note = image_string(&maker, "all is well");
	types = image_basic_types(&maker);
	pair = image_type(&maker, "Pair",
			  (struct jem_image_type){ .kind = JEM_TYPE_STRUCT, .size = 8 });
	image_member(&maker, "a", (struct jem_image_member){ .type = types.int_ });
	image_member(&maker, "b", (struct jem_image_member){ .type = types.int_, .offset = 4 });
	image_function(&maker, "f", JEM_FUNCTION_INCLUDED);
	image_function(&maker, "g", 0);
	image_slot(&maker, "p",
		   (struct jem_image_slot){
			   .type = types.charp, .role = JEM_SLOT_ARGUMENT, .words = 1, .size = 8 });
	image_slot(&maker, "",
		   (struct jem_image_slot){ .type = types.char_,
					    .role = JEM_SLOT_STRING,
					    .parent = 1,
					    .fixed = JEM_SLOT_IN_CELL });
	image_op(&maker, (struct jem_plan_op){ .op = JEM_OP_CONST64, .a = 20, .b = 1 });
	image_word(&maker, 0x4000);
	image_op(&maker, (struct jem_plan_op){ .op = JEM_OP_END });
	image_site(&maker,
		   (struct jem_image_site){ .pc = 0x1000, .function = 1, .fixed_words = 1 });
	image_site(&maker,
		   (struct jem_image_site){ .pc = 0x1100, .function = 1, .flags = JEM_SITE_EXIT });
	image_site(&maker, (struct jem_image_site){ .pc = 0x2000, .function = 2 });
	image_slot(&maker, "pair",
		   (struct jem_image_slot){
			   .type = pair, .role = JEM_SLOT_CALLER_LOCAL, .words = 1, .size = 8 });
	image_callsite(&maker, (struct jem_image_callsite){
				       .pc = 0x1050, .function = 1, .fixed_words = 1 });
	example->bytes = image_make(&maker, &example->len, &example->image);
	image_maker_deinit(&maker);
}

static void example_deinit(struct example *example)
{
	free(example->bytes);
}

/* The image with one change is refused, and the reason names what is wrong. */
static void check_refused(struct example *example, const char *part)
{
	struct jem_image image;
	struct jem_err err = { "" };

	CHECK_EQ(jem_image_open(&image, example->bytes, example->len, &err), -EBADMSG);
	CHECK_CONTAINS(err.text, part);
}

#define REFUSED(table, index, field, value, part)                                                  \
	do {                                                                                       \
		void *at_ = (void *)(uintptr_t)&example.image.table[index].field;                  \
		size_t len_ = sizeof(example.image.table[index].field);                            \
		uint64_t new_ = (value);                                                           \
		uint64_t was_;                                                                     \
                                                                                                   \
		memcpy(&was_, at_, len_);                                                          \
		memcpy(at_, &new_, len_);                                                          \
		check_refused(&example, part);                                                     \
		memcpy(at_, &was_, len_);                                                          \
	} while (0)

CASE(opens_what_is_sound)
{
	struct example example;

	example_init(&example);
	CHECK_EQ(example.image.site_count, 3);
	CHECK_EQ(example.image.function_count, 3);
	CHECK_STR(jem_image_string(&example.image, example.image.header->note), "all is well");
	CHECK_STR(jem_image_string(&example.image, example.image.functions[1].name), "f");
	CHECK_EQ(example.image.sites[0].slot_count, 2);
	CHECK_EQ(example.image.sites[0].code_count, 3);
	CHECK_EQ(example.image.sites[1].slot_count, 0);
	example_deinit(&example);
}

CASE(finds_sites_by_their_exact_address)
{
	struct example example;

	example_init(&example);
	CHECK(jem_image_find_site(&example.image, 0x1100) == &example.image.sites[1]);
	CHECK(jem_image_find_site(&example.image, 0x1000) == &example.image.sites[0]);
	CHECK(jem_image_find_site(&example.image, 0x2000) == &example.image.sites[2]);
	CHECK(!jem_image_find_site(&example.image, 0x1101));
	CHECK(!jem_image_find_site(&example.image, 0));
	CHECK(!jem_image_find_site(&example.image, UINT64_MAX));
	CHECK(jem_image_find_callsite(&example.image, 0x1050) == &example.image.callsites[0]);
	CHECK(!jem_image_find_callsite(&example.image, 0x1000));
	example_deinit(&example);
}

CASE(refuses_indexes_out_of_their_table)
{
	struct example example;

	example_init(&example);
	REFUSED(functions, 1, name, 1u << 20, "function 1");
	REFUSED(functions, 2, return_type, 1000, "function 2");
	REFUSED(types, 1, kind, JEM_TYPE_COUNT, "type 1");
	REFUSED(types, 1, target, 1000, "type 1");
	REFUSED(types, 8, member_count, 3, "type 8");
	REFUSED(types, 8, members, UINT32_MAX, "type 8");
	REFUSED(members, 1, type, 1000, "member 1");
	REFUSED(slots, 1, role, 0, "slot 1");
	REFUSED(slots, 1, role, 9, "slot 1");
	REFUSED(slots, 1, missing, JEM_MISSING_COUNT, "slot 1");
	REFUSED(slots, 1, type, 1000, "slot 1");
	REFUSED(sites, 0, function, 3, "site 0");
	REFUSED(sites, 0, caller, 3, "site 0");
	REFUSED(sites, 0, caller_file, 1u << 20, "site 0");
	REFUSED(sites, 0, code_count, 4, "site 0");
	REFUSED(sites, 0, code, UINT32_MAX, "site 0");
	REFUSED(sites, 0, slot_count, 4, "site 0");
	REFUSED(sites, 0, fixed_words, 65, "site 0");
	REFUSED(callsites, 0, file, 1u << 20, "call site 0");
	example_deinit(&example);
}

CASE(refuses_slots_that_are_not_of_their_plan)
{
	struct example example;

	example_init(&example);
	REFUSED(sites, 0, fixed_words, 0, "site 0"); /* the slot's word is not there */
	REFUSED(slots, 1, size, 9, "site 0");        /* more than its words */
	REFUSED(slots, 1, fixed, 1, "site 0");       /* beyond the words */
	REFUSED(slots, 1, shift, 1, "site 0");       /* its end is */
	REFUSED(slots, 1, parent, 1, "site 0");      /* its own parent */
	REFUSED(slots, 2, parent, 2, "site 0");      /* its own parent */
	REFUSED(callsites, 0, fixed_words, 0, "call site 0");
	example_deinit(&example);
}

CASE(refuses_code_that_cannot_be_relocated)
{
	struct example example;

	example_init(&example);
	REFUSED(code, 0, op, JEM_OP_COUNT, "op 0");
	REFUSED(code, 2, op, JEM_OP_CONST64, "op 2"); /* its word is beyond the end */
	REFUSED(code, 2, op, JEM_OP_UNWIND, "op 2");
	example_deinit(&example);
}

CASE(refuses_addresses_out_of_order)
{
	struct example example;

	example_init(&example);
	REFUSED(sites, 1, pc, 0xfff, "site 1");
	REFUSED(sites, 1, pc, 0x2001, "site 2");
	example_deinit(&example);
}

CASE(refuses_other_headers)
{
	struct example example;
	struct jem_image_header *header;
	struct jem_image image;
	struct jem_err err;

	example_init(&example);
	header = (struct jem_image_header *)(void *)example.bytes;
	header->magic[0] = 'X';
	check_refused(&example, "not an image");
	header->magic[0] = 'J';
	header->version++;
	check_refused(&example, "version 3");
	header->version--;
	header->build_id_len = 33;
	check_refused(&example, "build-id of 33");
	header->build_id_len = 0;
	header->note = 1u << 30;
	check_refused(&example, "note");
	header->note = 0;
	for (size_t i = 0; i < JEM_IMAGE_SECTION_COUNT; i++) {
		uint64_t offset = header->sections[i].offset;
		uint64_t count = header->sections[i].count;

		header->sections[i].offset = header->file_bytes + 8;
		check_refused(&example, "section");
		header->sections[i].offset = UINT64_MAX - 7;
		check_refused(&example, "section");
		header->sections[i].offset = offset + 1;
		check_refused(&example, "section");
		header->sections[i].offset = offset;
		header->sections[i].count = UINT64_MAX;
		check_refused(&example, "section");
		header->sections[i].count = header->file_bytes;
		check_refused(&example, "section");
		header->sections[i].count = count;
	}
	for (size_t len = 0; len < example.len; len++)
		CHECK_EQ(jem_image_open(&image, example.bytes, len, &err), -EBADMSG);
	CHECK_EQ(jem_image_open(&image, example.bytes, example.len, &err), 0);
	example_deinit(&example);
}

CASE(refuses_strings_without_an_end)
{
	struct example example;
	char *strings;

	example_init(&example);
	strings = (char *)(uintptr_t)example.image.strings;
	strings[example.image.string_bytes - 1] = 'x';
	check_refused(&example, "strings without an end");
	strings[example.image.string_bytes - 1] = '\0';
	strings[0] = 'x';
	check_refused(&example, "strings without an end");
	example_deinit(&example);
}

TESTS(T(opens_what_is_sound), T(finds_sites_by_their_exact_address),
      T(refuses_indexes_out_of_their_table), T(refuses_slots_that_are_not_of_their_plan),
      T(refuses_code_that_cannot_be_relocated), T(refuses_addresses_out_of_order),
      T(refuses_other_headers), T(refuses_strings_without_an_end))
