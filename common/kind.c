/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kind.h"

#include <string.h>

const struct jem_kind_info jem_kinds[JEM_KIND_COUNT] = {
#define KIND(name_, encoding_, flush_ms_, human_, what_)                                           \
	[JEM_KIND_##name_] = {                                                                     \
		.name = #name_,                                                                    \
		.what = what_,                                                                     \
		.encoding = JEM_ENCODING_##encoding_,                                              \
		.flush_ms = flush_ms_,                                                             \
		.schema = 1,                                                                       \
		.is_human = human_,                                                                \
	},
#include "schemas/kinds.def"
#undef KIND
};

const char *const jem_causes[JEM_CAUSE_COUNT] = {
#define CAUSE(name, what) [JEM_CAUSE_##name] = #name,
#include "schemas/causes.def"
#undef CAUSE
};

int jem_kind_find(const char *name, size_t len)
{
	for (int i = 0; i < JEM_KIND_COUNT; i++)
		if (strlen(jem_kinds[i].name) == len && !memcmp(jem_kinds[i].name, name, len))
			return i;
	return -1;
}

int jem_cause_find(const char *name, size_t len)
{
	for (int i = 0; i < JEM_CAUSE_COUNT; i++)
		if (strlen(jem_causes[i]) == len && !memcmp(jem_causes[i], name, len))
			return i;
	return -1;
}
