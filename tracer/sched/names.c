/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/names.h"

#include <stdlib.h>
#include <string.h>

enum {
	NAMES_MAX = 1 << 20,
	SLOTS_FIRST = 1024
};

struct words {
	uint64_t low, high;
};

static uint32_t hash(struct words name)
{
	uint64_t mixed = (name.low ^ (name.high * 0x9e3779b97f4a7c15u)) * 0xff51afd7ed558ccdu;

	return (uint32_t)(mixed >> 32);
}

/* The bytes of a word before its first NUL; all ones if it has none. */
static uint64_t mask_of(uint64_t word)
{
	uint64_t zeros = (word - 0x0101010101010101u) & ~word & 0x8080808080808080u;

	return zeros ? ((zeros & -zeros) >> 7) - 1 : UINT64_MAX;
}

static struct words words_of(const void *bytes)
{
	struct words name;
	uint64_t mask;

	memcpy(&name, bytes, sizeof(name));
	mask = mask_of(name.low);
	name.low &= mask;
	name.high &= mask == UINT64_MAX ? mask_of(name.high) : 0;
	name.high &= UINT64_MAX >> 8; /* the end */
	return name;
}

static int grow(struct jem_sched_names *names)
{
	uint32_t slot_count = names->slot_count ? names->slot_count * 2 : SLOTS_FIRST;
	uint32_t *slots;

	if (!names->text)
		names->text = malloc(NAMES_MAX * sizeof(*names->text));
	slots = names->text ? calloc(slot_count, sizeof(*slots)) : NULL;
	if (!slots)
		return -1;
	for (uint32_t i = 0; i < names->count; i++) {
		uint32_t at = hash(words_of(names->text[i])) & (slot_count - 1);

		while (slots[at])
			at = (at + 1) & (slot_count - 1);
		slots[at] = i + 1;
	}
	free(names->slots);
	names->slots = slots;
	names->slot_count = slot_count;
	return 0;
}

static uint32_t *slot_of(const struct jem_sched_names *names, struct words name)
{
	uint32_t at = hash(name) & (names->slot_count - 1);

	while (names->slots[at] && memcmp(names->text[names->slots[at] - 1], &name, sizeof(name)))
		at = (at + 1) & (names->slot_count - 1);
	return &names->slots[at];
}

uint32_t jem_sched_names_add(struct jem_sched_names *names, const void *bytes)
{
	struct words name = words_of(bytes);
	uint32_t *slot = names->slot_count ? slot_of(names, name) : NULL;

	if (slot && *slot)
		return *slot - 1;
	if (names->count >= NAMES_MAX ||
	    (names->count >= names->slot_count / 2 && grow(names) < 0)) {
		names->refused++;
		return JEM_SCHED_NONE;
	}
	slot = slot_of(names, name);
	memcpy(names->text[names->count], &name, sizeof(name));
	*slot = ++names->count;
	return names->count - 1;
}

void jem_sched_names_deinit(struct jem_sched_names *names)
{
	free(names->text);
	free(names->slots);
	*names = (struct jem_sched_names){ 0 };
}
