/* SPDX-License-Identifier: Apache-2.0 */
/* plan_file_internal: what plan_file.c writes and plan_find.c looks up in. */
#ifndef JEM_TRACER_SYMBOLS_PLAN_FILE_INTERNAL_H
#define JEM_TRACER_SYMBOLS_PLAN_FILE_INTERNAL_H

#include "tracer/symbols/plan_file.h"
#include "tracer/symbols/plan_table.h"

/* A module's part of the file. Entries: its sites, then its call sites; ids count on through both. */
struct jem_plan_module {
	const struct jem_image *image; /* borrowed */
	uint64_t bias;
	uint32_t number;
	uint32_t first_site; /* id */
	uint32_t first_function;
	bool is_open; /* closed with `buckets`: its entries lie in the table without their keys */
	struct jem_plan_area code;
	uint32_t *buckets; /* owned: of each entry */
};

struct jem_plan_file {
	uint8_t *bytes; /* borrowed: the mapping, written only */
	size_t len;
	struct jem_plan_settings settings;
	struct jem_plan_space space;
	struct jem_plan_table table;
	struct jem_plan_area functions;
	uint32_t function_count; /* ids given, the unused 0 too */
	uint32_t next_site;
	uint32_t generation;
	struct jem_plan_module *modules; /* owned; by first_site */
	uint32_t module_count, module_cap;
	jem_plan_select_fn select;
	void *user;
};

static inline uint32_t jem_plan_entry_count(const struct jem_image *image)
{
	return (uint32_t)(image->site_count + image->callsite_count);
}

#endif
