/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/image_maker.h"

#include <stdio.h>
#include <stdlib.h>

static const uint32_t element_bytes[JEM_IMAGE_SECTION_COUNT] = {
	[JEM_IMAGE_STRINGS] = 1,
	[JEM_IMAGE_FUNCTIONS] = sizeof(struct jem_image_function),
	[JEM_IMAGE_SITES] = sizeof(struct jem_image_site),
	[JEM_IMAGE_CALLSITES] = sizeof(struct jem_image_callsite),
	[JEM_IMAGE_CODE] = sizeof(struct jem_plan_op),
	[JEM_IMAGE_SLOTS] = sizeof(struct jem_image_slot),
	[JEM_IMAGE_TYPES] = sizeof(struct jem_image_type),
	[JEM_IMAGE_MEMBERS] = sizeof(struct jem_image_member),
};

static uint32_t count_of(const struct image_maker *maker, enum jem_image_section which)
{
	return (uint32_t)(maker->sections[which].len / element_bytes[which]);
}

static uint32_t add(struct image_maker *maker, enum jem_image_section which, const void *element)
{
	uint32_t index = count_of(maker, which);

	jem_buf_add(&maker->sections[which], element, element_bytes[which]);
	return index;
}

void image_maker_init(struct image_maker *maker)
{
	static const uint8_t none[64];

	*maker = (struct image_maker){ 0 };
	for (size_t i = 0; i < JEM_IMAGE_SECTION_COUNT; i++)
		jem_buf_init(&maker->sections[i], 0);
	add(maker, JEM_IMAGE_STRINGS, none);
	add(maker, JEM_IMAGE_FUNCTIONS, none);
	add(maker, JEM_IMAGE_TYPES, none);
	add(maker, JEM_IMAGE_SLOTS, &(struct jem_image_slot){ .role = JEM_SLOT_ARGUMENT });
}

void image_maker_deinit(struct image_maker *maker)
{
	for (size_t i = 0; i < JEM_IMAGE_SECTION_COUNT; i++)
		jem_buf_deinit(&maker->sections[i]);
}

uint32_t image_string(struct image_maker *maker, const char *text)
{
	uint32_t offset = (uint32_t)maker->sections[JEM_IMAGE_STRINGS].len;

	if (!*text)
		return 0;
	jem_buf_add(&maker->sections[JEM_IMAGE_STRINGS], text, strlen(text) + 1);
	return offset;
}

uint32_t image_function(struct image_maker *maker, const char *name, uint32_t flags)
{
	struct jem_image_function function = {
		.name = image_string(maker, name),
		.signature = image_string(maker, name),
		.file = image_string(maker, "/src/a.c"),
		.line = 7,
		.flags = flags,
	};

	return add(maker, JEM_IMAGE_FUNCTIONS, &function);
}

uint32_t image_type(struct image_maker *maker, const char *name, struct jem_image_type type)
{
	type.name = image_string(maker, name);
	if (!type.members)
		type.members = count_of(maker, JEM_IMAGE_MEMBERS);
	return add(maker, JEM_IMAGE_TYPES, &type);
}

void image_member(struct image_maker *maker, const char *name, struct jem_image_member member)
{
	struct jem_buf *types = &maker->sections[JEM_IMAGE_TYPES];
	struct jem_image_type *last =
		(struct jem_image_type *)(void *)(types->data + types->len - sizeof(*last));

	member.name = image_string(maker, name);
	add(maker, JEM_IMAGE_MEMBERS, &member);
	last->member_count++;
}

uint32_t image_slot(struct image_maker *maker, const char *name, struct jem_image_slot slot)
{
	slot.name = image_string(maker, name);
	return add(maker, JEM_IMAGE_SLOTS, &slot);
}

void image_op(struct image_maker *maker, struct jem_plan_op op)
{
	add(maker, JEM_IMAGE_CODE, &op);
}

void image_word(struct image_maker *maker, uint64_t word)
{
	add(maker, JEM_IMAGE_CODE, &word);
}

/* The end of the last range of two sections: what has come since is the next one's. */
static void take_rest(const struct image_maker *maker, uint32_t *code, uint32_t *code_count,
		      uint32_t *slot, uint32_t *slot_count)
{
	const struct jem_image_site *site = (const void *)maker->sections[JEM_IMAGE_SITES].data;
	const struct jem_image_callsite *callsite =
		(const void *)maker->sections[JEM_IMAGE_CALLSITES].data;
	uint32_t code_from = 0;
	uint32_t slot_from = 1;

	for (uint32_t i = 0; i < count_of(maker, JEM_IMAGE_SITES); i++) {
		if (site[i].code + site[i].code_count > code_from)
			code_from = site[i].code + site[i].code_count;
		if (site[i].slot + site[i].slot_count > slot_from)
			slot_from = site[i].slot + site[i].slot_count;
	}
	for (uint32_t i = 0; i < count_of(maker, JEM_IMAGE_CALLSITES); i++) {
		if (callsite[i].code + callsite[i].code_count > code_from)
			code_from = callsite[i].code + callsite[i].code_count;
		if (callsite[i].slot + callsite[i].slot_count > slot_from)
			slot_from = callsite[i].slot + callsite[i].slot_count;
	}
	*code = code_from;
	*code_count = count_of(maker, JEM_IMAGE_CODE) - code_from;
	*slot = slot_from;
	*slot_count = count_of(maker, JEM_IMAGE_SLOTS) - slot_from;
}

void image_site(struct image_maker *maker, struct jem_image_site site)
{
	take_rest(maker, &site.code, &site.code_count, &site.slot, &site.slot_count);
	add(maker, JEM_IMAGE_SITES, &site);
}

void image_callsite(struct image_maker *maker, struct jem_image_callsite callsite)
{
	take_rest(maker, &callsite.code, &callsite.code_count, &callsite.slot,
		  &callsite.slot_count);
	add(maker, JEM_IMAGE_CALLSITES, &callsite);
}

uint8_t *image_make(struct image_maker *maker, size_t *len, struct jem_image *ret)
{
	struct jem_image_header header = { .version = JEM_IMAGE_VERSION, .note = maker->note };

	/* every pattern takes something */
	memset(header.marks, 0xff, sizeof(header.marks));
	struct jem_err err = { "" };
	size_t at = sizeof(header);
	uint8_t *bytes;

	memcpy(header.magic, JEM_IMAGE_MAGIC, sizeof(header.magic));
	for (size_t i = 0; i < JEM_IMAGE_SECTION_COUNT; i++) {
		header.sections[i].offset = at;
		header.sections[i].count = count_of(maker, (enum jem_image_section)i);
		at += (maker->sections[i].len + 7) / 8 * 8;
	}
	header.file_bytes = at;
	bytes = calloc(1, at);
	if (!bytes)
		abort();
	memcpy(bytes, &header, sizeof(header));
	for (size_t i = 0; i < JEM_IMAGE_SECTION_COUNT; i++)
		if (maker->sections[i].len)
			memcpy(bytes + header.sections[i].offset, maker->sections[i].data,
			       maker->sections[i].len);
	*len = at;
	if (ret && jem_image_open(ret, bytes, at, &err) < 0) {
		fprintf(stderr, "image_make: %s\n", err.text);
		abort();
	}
	return bytes;
}

static uint32_t scalar(struct image_maker *maker, const char *name, enum jem_type_kind kind,
		       uint32_t size)
{
	return image_type(maker, name,
			  (struct jem_image_type){ .kind = (uint8_t)kind, .size = size });
}

struct image_types image_basic_types(struct image_maker *maker)
{
	struct image_types types = {
		.int_ = scalar(maker, "int", JEM_TYPE_SIGNED, 4),
		.uint = scalar(maker, "unsigned int", JEM_TYPE_UNSIGNED, 4),
		.ulong = scalar(maker, "unsigned long", JEM_TYPE_UNSIGNED, 8),
		.char_ = scalar(maker, "char", JEM_TYPE_CHAR, 1),
		.bool_ = scalar(maker, "bool", JEM_TYPE_BOOL, 1),
		.double_ = scalar(maker, "double", JEM_TYPE_FLOAT, 8),
	};

	types.charp =
		image_type(maker, "char *",
			   (struct jem_image_type){
				   .kind = JEM_TYPE_POINTER, .size = 8, .target = types.char_ });
	return types;
}
