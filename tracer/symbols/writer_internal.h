/* SPDX-License-Identifier: Apache-2.0 */
/* writer_internal: the tables of an image while they are made. */
#ifndef JEM_TRACER_SYMBOLS_WRITER_INTERNAL_H
#define JEM_TRACER_SYMBOLS_WRITER_INTERNAL_H

#include "tracer/symbols/index.h"
#include "tracer/symbols/pool.h"
#include "tracer/symbols/writer.h"

struct jem_build {
	const struct jem_writer_options *options; /* borrowed, as the next four */
	const struct jem_debug *debug;
	const struct jem_hooks *hooks;
	const struct jem_symtab *symtab;
	struct jem_strings *strings; /* owned, as all that follows */
	struct jem_types *types;
	struct jem_lines *lines;
	struct jem_index *index;
	struct jem_calls calls;
	bool is_cut;                          /* not all calls are in it */
	uint32_t *hook_scopes;                /* of hooks->list */
	uint32_t *hook_functions;             /* the same: of the index */
	struct jem_image_function *functions; /* 0 unused */
	size_t function_count, function_room;
	struct jem_image_site *sites;
	uint32_t *site_hooks; /* of sites: place in hooks->list */
	size_t site_count;
	struct jem_image_callsite *callsites;
	size_t callsite_count;
	struct jem_pool code;             /* struct jem_plan_op */
	struct jem_pool slots;            /* struct jem_image_slot */
	uint8_t marks[JEM_PATTERN_MARKS]; /* include patterns that take something */
	uint32_t flags;
	char note[512];
};

void jem_build_note(struct jem_build *build, uint32_t flags, const char *text);

/* writer_tables.c */
int jem_build_functions(struct jem_build *build);
int jem_build_sites(struct jem_build *build);
int jem_build_callsites(struct jem_build *build);

/* writer_plans.c */
int jem_build_plans(struct jem_build *build);

#endif
