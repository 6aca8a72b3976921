/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/hue.h"

enum {
	HUES = 7, /* C1 to C7 of the palette, told apart by colour-blind readers */
	TINTS = 4,
};

size_t jem_call_scope(const char *function)
{
	size_t end = strcspn(function, "(<");
	size_t len = 0;

	for (size_t i = 0; i + 1 < end; i++)
		if (function[i] == ':' && function[i + 1] == ':')
			len = i;
	return len ? len : end;
}

static uint32_t hash(const char *text, size_t len)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * 16777619u;
	return h ^ h >> 15;
}

struct jem_paint jem_call_paint(const char *function)
{
	uint32_t hue = hash(function, jem_call_scope(function)) % HUES;
	uint32_t tint = hash(function, strlen(function)) % TINTS;

	return jem_paint_tint(JEM_COLOUR_C1 + hue, 0.26 + 0.06 * tint);
}
