/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/hue.h"

enum {
	HUES = 7, /* C1 to C7 of the palette, told apart by colour-blind readers */
	TINTS = 4,
};

/* Arguments begin at a parenthesis, unless it is that of (anonymous namespace). */
static bool begins_arguments(const char *at)
{
	return *at == '(' && strncmp(at, "(anonymous", 10) != 0;
}

size_t jem_call_scope(const char *function)
{
	int depth = 0; /* of template arguments */
	size_t len = 0;
	size_t i;

	for (i = 0; function[i] && !(depth <= 0 && begins_arguments(function + i)); i++) {
		if (!strncmp(function + i, "operator", 8)) /* may be one of < and > */
			break;
		if (function[i] == '<')
			depth++;
		else if (function[i] == '>')
			depth--;
		else if (depth <= 0 && function[i] == ':' && function[i + 1] == ':')
			len = i;
	}
	return len ? len : i;
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
