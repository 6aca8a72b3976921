/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/strings.h"

#include "common/buf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

struct jem_strings {
	struct jem_buf bytes;
	uint32_t *slots; /* owned: offsets, 0 is free */
	size_t mask;
	size_t count;
};

enum {
	FIRST_SLOTS = 1024
};

int jem_strings_create(struct jem_strings **ret)
{
	struct jem_strings *strings = calloc(1, sizeof(*strings));

	if (!strings)
		return -ENOMEM;
	jem_buf_init(&strings->bytes, JEM_STRING_BYTES_MAX);
	jem_buf_add_char(&strings->bytes, '\0');
	strings->slots = calloc(FIRST_SLOTS, sizeof(*strings->slots));
	strings->mask = FIRST_SLOTS - 1;
	if (!strings->slots || strings->bytes.failed) {
		jem_strings_destroy(strings);
		return -ENOMEM;
	}
	*ret = strings;
	return 0;
}

void jem_strings_destroy(struct jem_strings *strings)
{
	if (!strings)
		return;
	jem_buf_deinit(&strings->bytes);
	free(strings->slots);
	free(strings);
}

/* FNV-1a. */
static uint32_t hash_of(const char *text, size_t len)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)text[i]) * 16777619u;
	return hash;
}

static bool grow(struct jem_strings *strings)
{
	size_t mask = strings->mask * 2 + 1;
	uint32_t *slots = calloc(mask + 1, sizeof(*slots));

	if (!slots)
		return false;
	for (size_t i = 0; i <= strings->mask; i++) {
		uint32_t offset = strings->slots[i];
		size_t at;

		if (!offset)
			continue;
		at = hash_of(strings->bytes.data + offset, strlen(strings->bytes.data + offset));
		for (at &= mask; slots[at]; at = (at + 1) & mask)
			;
		slots[at] = offset;
	}
	free(strings->slots);
	strings->slots = slots;
	strings->mask = mask;
	return true;
}

uint32_t jem_strings_add(struct jem_strings *strings, const char *text)
{
	size_t len = strnlen(text, JEM_STRING_MAX);
	size_t at = hash_of(text, len) & strings->mask;
	uint32_t offset;

	if (!len)
		return 0;
	for (; strings->slots[at]; at = (at + 1) & strings->mask) {
		const char *there = strings->bytes.data + strings->slots[at];

		if (!strncmp(there, text, len) && !there[len])
			return strings->slots[at];
	}
	offset = (uint32_t)strings->bytes.len;
	if (strings->bytes.failed || jem_buf_reserve(&strings->bytes, len + 1) < 0)
		return 0;
	jem_buf_add(&strings->bytes, text, len);
	jem_buf_add_char(&strings->bytes, '\0');
	strings->slots[at] = offset;
	if (++strings->count * 2 > strings->mask && !grow(strings))
		strings->bytes.failed = true; /* full enough: a probe must end */
	return offset;
}

const char *jem_strings_get(const struct jem_strings *strings, uint32_t offset)
{
	return offset < strings->bytes.len ? strings->bytes.data + offset : "";
}

const char *jem_strings_bytes(const struct jem_strings *strings, size_t *len)
{
	*len = strings->bytes.len;
	return strings->bytes.data;
}
