/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/name_table.h"

#include "common/utf8.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const fixed[] = { "", "(other)" };

void jem_name_table_init(struct jem_name_table *names)
{
	*names = (struct jem_name_table){ 0 };
}

void jem_name_table_deinit(struct jem_name_table *names)
{
	for (uint32_t i = 0; i < names->count; i++)
		free(names->texts[i]);
	free(names->texts);
	free(names->slots);
	*names = (struct jem_name_table){ 0 };
}

/* FNV-1a, 32 bits. */
static uint32_t hash(const char *text, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * 16777619u;
	return h;
}

/* The slot of a text: where it is, or where it would be. The table is never full. */
static uint32_t *find(const struct jem_name_table *names, const char *text, size_t len)
{
	uint32_t mask = names->slot_count - 1;
	uint32_t i = hash(text, len) & mask;

	while (names->slots[i]) {
		const char *known = names->texts[names->slots[i] - 1];

		if (!strncmp(known, text, len) && !known[len])
			break;
		i = (i + 1) & mask;
	}
	return &names->slots[i];
}

static bool grow(struct jem_name_table *names)
{
	uint32_t cap = names->cap ? names->cap * 2 : 256;
	char **texts = realloc(names->texts, cap * sizeof(*texts));
	uint32_t *slots;

	if (!texts)
		return false;
	names->texts = texts;
	slots = calloc((size_t)cap * 2, sizeof(*slots));
	if (!slots)
		return false;
	free(names->slots);
	names->slots = slots;
	names->slot_count = cap * 2;
	names->cap = cap;
	for (uint32_t i = 0; i < names->count; i++)
		*find(names, names->texts[i], strlen(names->texts[i])) = i + 1;
	return true;
}

static uint32_t add(struct jem_name_table *names, const char *text, size_t len)
{
	char *copy;

	if (names->count == names->cap && !grow(names))
		return UINT32_MAX;
	copy = malloc(len + 1);
	if (!copy)
		return UINT32_MAX;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*find(names, copy, len) = names->count + 1;
	names->texts[names->count] = copy;
	names->bytes += len + 1;
	return names->count++;
}

static uint32_t leave_out(struct jem_name_table *names)
{
	names->left_out++;
	return JEM_NAME_OTHER;
}

uint32_t jem_name_table_get(struct jem_name_table *names, const char *text, size_t len)
{
	uint32_t number;

	if (!len)
		return JEM_NAME_NONE;
	while (names->count <= JEM_NAME_OTHER)
		if (add(names, fixed[names->count], strlen(fixed[names->count])) == UINT32_MAX)
			return leave_out(names);
	len = strnlen(text, jem_utf8_cut(text, len, JEM_NAME_TABLE_LENGTH));
	number = *find(names, text, len);
	if (number)
		return number - 1;
	if (names->count >= JEM_NAME_TABLE_MAX || names->bytes + len + 1 > JEM_NAME_TABLE_BYTES)
		return leave_out(names);
	number = add(names, text, len);
	return number == UINT32_MAX ? leave_out(names) : number;
}

const char *jem_name_table_at(const struct jem_name_table *names, uint32_t number)
{
	return number < names->count ? names->texts[number] : fixed[number == JEM_NAME_OTHER];
}
