/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_image: an image and the words of a record behind it, both any bytes. What is opened is followed
 * everywhere: strings, plans put into a plan file, every slot decoded; the CBOR is always well-formed.
 */
#include "common/cbor_json.h"
#include "tracer/symbols/plan_file.h"
#include "tracer/symbols/value.h"

#include <stdlib.h>

enum {
	PLAN_BYTES = 32768,
	SITES_MAX = 64,
	NAMES_MAX = 256
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *name_of(void *user, uint64_t address)
{
	(void)user;
	return address & 1 ? "name" : NULL;
}

static void check_item(struct jem_buf *cbor, size_t items)
{
	struct jem_cbor_reader reader = { .data = (const uint8_t *)cbor->data, .len = cbor->len };

	for (size_t i = 0; i < items; i++)
		if (jem_cbor_skip_json(&reader, NULL) < 0)
			abort();
	if (reader.pos != reader.len || cbor->len > items * (JEM_VALUE_BYTES_MAX + 16384))
		abort();
}

static void decode_part(struct jem_value_decoder *decoder, const struct jem_value_part *part)
{
	struct jem_value_request request = { .part = part, .entry = part, .frame = part };
	struct jem_buf cbor;

	jem_buf_init(&cbor, 0);
	for (unsigned role = JEM_SLOT_ARGUMENT; role <= JEM_SLOT_CALLER_LOCAL; role++)
		jem_value_list(decoder, &request, role, &cbor);
	jem_value_return(decoder, &request, &cbor);
	check_item(&cbor, 5);
	jem_buf_deinit(&cbor);
}

static void decode_all(const struct jem_image *image, const uint64_t *words, uint32_t count)
{
	struct jem_value_config config = { .function_name = name_of };
	struct jem_value_decoder *decoder;

	if (jem_redactor_create(NULL, 0, &config.redactor, NULL) < 0 ||
	    jem_value_create(&config, &decoder) < 0)
		abort();
	for (size_t i = 0; i < image->site_count && i < SITES_MAX; i++) {
		struct jem_value_part part =
			jem_value_part_of_site(image, &image->sites[i], words, count);

		decode_part(decoder, &part);
	}
	for (size_t i = 0; i < image->callsite_count && i < SITES_MAX; i++) {
		struct jem_value_part part =
			jem_value_part_of_callsite(image, &image->callsites[i], words, count);

		decode_part(decoder, &part);
	}
	jem_value_destroy(decoder);
	jem_redactor_destroy(config.redactor);
}

static void plan_all(const struct jem_image *image)
{
	const struct jem_plan_settings settings = { .state = JEM_PLAN_VALUES };
	struct jem_plan_file *file;
	struct jem_plan_found found;
	uint8_t *bytes = malloc(PLAN_BYTES);

	if (!bytes || jem_plan_file_create(bytes, PLAN_BYTES, &settings, &file) < 0)
		abort();
	jem_plan_file_add(file, 1, image, 0x555500000000, 0, NULL);
	jem_plan_file_select(file, NULL, NULL);
	jem_plan_file_remove(file, 1, 0);
	jem_plan_file_add(file, 2, image, 0x555500000000, 0, NULL);
	for (uint32_t id = 0; id < SITES_MAX; id++) {
		jem_plan_file_find_function(file, id, &found);
		if (jem_plan_file_find_site(file, id, &found) && found.image != image)
			abort();
	}
	jem_plan_file_destroy(file);
	free(bytes);
}

static size_t follow_names(const struct jem_image *image)
{
	size_t sum = strlen(jem_image_string(image, image->header->note));

	for (size_t i = 0; i < image->function_count && i < NAMES_MAX; i++)
		sum += strlen(jem_image_string(image, image->functions[i].signature));
	for (size_t i = 0; i < image->member_count && i < NAMES_MAX; i++)
		sum += strlen(jem_image_string(image, image->members[i].name));
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct jem_image_header *header = (const void *)data;
	struct jem_image image;
	struct jem_err err = { "" };

	if (jem_image_open(&image, data, size, &err) < 0) {
		if (!err.text[0])
			abort();
		return 0;
	}
	if (follow_names(&image) > size * 2 * NAMES_MAX)
		abort();
	plan_all(&image);
	/* Aligned, because the image is; the part's words begin where it ends. */
	if (header->file_bytes % 8 == 0 && size - header->file_bytes >= 8)
		decode_all(&image, (const uint64_t *)(const void *)(data + header->file_bytes),
			   (uint32_t)((size - header->file_bytes) / 8));
	return 0;
}
