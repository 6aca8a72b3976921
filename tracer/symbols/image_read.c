/* SPDX-License-Identifier: Apache-2.0 */
/* image_read: opens an image (image.h) and finds in it. It comes from a process that read hostile data. */
#include "tracer/symbols/image.h"

#include <errno.h>
#include <string.h>

enum {
	SLOTS_OF_A_PLAN_MAX = 256
};

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

static uint32_t last_serial;

static int bad(struct jem_err *err, const char *what, size_t index)
{
	return jem_err_set(err, -EBADMSG, "image: %s %zu is not sound", what, index);
}

static int check_header(const struct jem_image_header *header, size_t len, struct jem_err *err)
{
	if (len < sizeof(*header) || memcmp(header->magic, JEM_IMAGE_MAGIC, sizeof(header->magic)))
		return jem_err_set(err, -EBADMSG, "not an image of debug data");
	if (header->version != JEM_IMAGE_VERSION)
		return jem_err_set(err, -EBADMSG, "an image of version %u, this program reads %u",
				   header->version, JEM_IMAGE_VERSION);
	if (header->file_bytes > len)
		return jem_err_set(err, -EBADMSG, "an image cut to %zu bytes of %llu", len,
				   (unsigned long long)header->file_bytes);
	if (header->build_id_len > sizeof(header->build_id))
		return jem_err_set(err, -EBADMSG, "a build-id of %u bytes", header->build_id_len);
	for (size_t i = 0; i < JEM_IMAGE_SECTION_COUNT; i++) {
		uint64_t offset = header->sections[i].offset;
		uint64_t count = header->sections[i].count;

		/* Indexes have 32 bits. */
		if (offset % 8 || offset > header->file_bytes || count > UINT32_MAX ||
		    count > (header->file_bytes - offset) / element_bytes[i])
			return bad(err, "section", i);
	}
	return 0;
}

/* An index of which 0 means none. */
static bool is_index(uint32_t index, size_t count)
{
	return !index || index < count;
}

static bool is_range(uint32_t first, uint32_t count, size_t whole)
{
	return first <= whole && count <= whole - first;
}

static bool is_string(const struct jem_image *image, uint32_t offset)
{
	return offset < image->string_bytes;
}

static int check_functions(const struct jem_image *image, struct jem_err *err)
{
	for (size_t i = 0; i < image->function_count; i++) {
		const struct jem_image_function *function = &image->functions[i];

		if (!is_string(image, function->name) || !is_string(image, function->signature) ||
		    !is_string(image, function->linkage_name) ||
		    !is_string(image, function->file) ||
		    !is_index(function->return_type, image->type_count))
			return bad(err, "function", i);
	}
	return 0;
}

static int check_types(const struct jem_image *image, struct jem_err *err)
{
	for (size_t i = 0; i < image->type_count; i++) {
		const struct jem_image_type *type = &image->types[i];

		if (!is_string(image, type->name) || type->kind >= JEM_TYPE_COUNT ||
		    !is_index(type->target, image->type_count) ||
		    !is_range(type->members, type->member_count, image->member_count))
			return bad(err, "type", i);
	}
	for (size_t i = 0; i < image->member_count; i++) {
		const struct jem_image_member *member = &image->members[i];

		if (!is_string(image, member->name) || !is_index(member->type, image->type_count))
			return bad(err, "member", i);
	}
	return 0;
}

static int check_slots(const struct jem_image *image, struct jem_err *err)
{
	for (size_t i = 0; i < image->slot_count; i++) {
		const struct jem_image_slot *slot = &image->slots[i];

		if (!is_string(image, slot->name) || !is_index(slot->type, image->type_count) ||
		    slot->role < JEM_SLOT_ARGUMENT || slot->role > JEM_SLOT_NODE ||
		    slot->missing >= JEM_MISSING_COUNT)
			return bad(err, "slot", i);
	}
	return 0;
}

/* Ops that a linear walk finds whole, so that they can be relocated. The machine checks the rest. */
static int check_code(const struct jem_image *image, struct jem_err *err)
{
	for (size_t i = 0; i < image->code_count; i++) {
		const struct jem_plan_op *op = &image->code[i];

		if (op->op >= JEM_OP_COUNT)
			return bad(err, "op", i);
		if (jem_plan_op_words(op->op) == 2 && ++i == image->code_count)
			return bad(err, "op", i - 1);
	}
	return 0;
}

/* A plan: its code, and slots whose parents come first and whose words are there. */
static bool is_plan(const struct jem_image *image, uint32_t code, uint32_t code_count,
		    uint32_t slot, uint32_t slot_count, uint32_t fixed_words)
{
	if (!is_range(code, code_count, image->code_count) ||
	    !is_range(slot, slot_count, image->slot_count) || slot_count > SLOTS_OF_A_PLAN_MAX ||
	    fixed_words > JEM_PLAN_FIXED_MAX)
		return false;
	for (uint32_t i = 0; i < slot_count; i++) {
		const struct jem_image_slot *one = &image->slots[slot + i];

		if (one->parent > i)
			return false;
		if (one->fixed != JEM_SLOT_IN_CELL && one->missing == JEM_MISSING_NONE &&
		    ((uint32_t)one->fixed + one->words > fixed_words || one->shift > 7 ||
		     one->shift + (uint64_t)one->size > 8u * one->words))
			return false;
	}
	return true;
}

static int check_sites(const struct jem_image *image, struct jem_err *err)
{
	for (size_t i = 0; i < image->site_count; i++) {
		const struct jem_image_site *site = &image->sites[i];

		if ((i && site->pc < site[-1].pc) ||
		    !is_index(site->function, image->function_count) ||
		    !is_index(site->caller, image->function_count) ||
		    !is_string(image, site->caller_file) ||
		    !is_plan(image, site->code, site->code_count, site->slot, site->slot_count,
			     site->fixed_words))
			return bad(err, "site", i);
	}
	for (size_t i = 0; i < image->callsite_count; i++) {
		const struct jem_image_callsite *site = &image->callsites[i];

		if ((i && site->pc < site[-1].pc) ||
		    !is_index(site->function, image->function_count) ||
		    !is_string(image, site->file) ||
		    !is_plan(image, site->code, site->code_count, site->slot, site->slot_count,
			     site->fixed_words))
			return bad(err, "call site", i);
	}
	return 0;
}

static const void *section(const struct jem_image_header *header, enum jem_image_section which)
{
	return (const uint8_t *)header + header->sections[which].offset;
}

int jem_image_open(struct jem_image *ret, const void *bytes, size_t len, struct jem_err *err)
{
	const struct jem_image_header *header = bytes;
	struct jem_image image;
	int status;

	if ((uintptr_t)bytes % 8)
		return jem_err_set(err, -EBADMSG, "an image that is not aligned");
	status = check_header(header, len, err);
	if (status < 0)
		return status;
	image = (struct jem_image){
		.header = header,
		.strings = section(header, JEM_IMAGE_STRINGS),
		.functions = section(header, JEM_IMAGE_FUNCTIONS),
		.sites = section(header, JEM_IMAGE_SITES),
		.callsites = section(header, JEM_IMAGE_CALLSITES),
		.code = section(header, JEM_IMAGE_CODE),
		.slots = section(header, JEM_IMAGE_SLOTS),
		.types = section(header, JEM_IMAGE_TYPES),
		.members = section(header, JEM_IMAGE_MEMBERS),
		.function_count = header->sections[JEM_IMAGE_FUNCTIONS].count,
		.site_count = header->sections[JEM_IMAGE_SITES].count,
		.callsite_count = header->sections[JEM_IMAGE_CALLSITES].count,
		.code_count = header->sections[JEM_IMAGE_CODE].count,
		.slot_count = header->sections[JEM_IMAGE_SLOTS].count,
		.type_count = header->sections[JEM_IMAGE_TYPES].count,
		.member_count = header->sections[JEM_IMAGE_MEMBERS].count,
		.string_bytes = header->sections[JEM_IMAGE_STRINGS].count,
	};
	/* With "" at 0 and a NUL at the end, every offset is a terminated string. */
	if (!image.string_bytes || image.strings[0] || image.strings[image.string_bytes - 1])
		return jem_err_set(err, -EBADMSG, "image: strings without an end");
	if (!is_string(&image, header->note))
		return bad(err, "note", header->note);
	if ((status = check_functions(&image, err)) < 0 ||
	    (status = check_types(&image, err)) < 0 || (status = check_slots(&image, err)) < 0 ||
	    (status = check_code(&image, err)) < 0 || (status = check_sites(&image, err)) < 0)
		return status;
	image.serial = __atomic_add_fetch(&last_serial, 1, __ATOMIC_RELAXED);
	*ret = image;
	return 0;
}

const struct jem_image_site *jem_image_find_site(const struct jem_image *image, uint64_t pc)
{
	size_t low = 0;
	size_t high = image->site_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (image->sites[middle].pc == pc)
			return &image->sites[middle];
		if (image->sites[middle].pc < pc)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct jem_image_callsite *jem_image_find_callsite(const struct jem_image *image, uint64_t pc)
{
	size_t low = 0;
	size_t high = image->callsite_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (image->callsites[middle].pc == pc)
			return &image->callsites[middle];
		if (image->callsites[middle].pc < pc)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
