/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/writer.h"

#include "tracer/symbols/image_file.h"
#include "tracer/symbols/writer_internal.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

JEM_RING_ASSERT(JEM_IMAGE_MARKS == JEM_PATTERN_MARKS, "a bit for each pattern");

static void fill_header(const struct jem_build *build, struct jem_image_header *header)
{
	const void *id = NULL;
	ssize_t len = dwelf_elf_gnu_build_id(build->debug->elf, &id);

	*header = (struct jem_image_header){ .flags = build->flags };
	if (len > 0 && len <= JEM_RING_BUILD_MAX) {
		header->build_id_len = (uint32_t)len;
		memcpy(header->build_id, id, (size_t)len);
	}
	memcpy(header->marks, build->marks, sizeof(header->marks));
	header->note = jem_strings_add(build->strings, build->note);
}

static int write_stage(struct jem_build *build, struct jem_image_file *file)
{
	struct jem_image_part parts[JEM_IMAGE_SECTION_COUNT];
	size_t type_count = jem_types_count(build->types);
	size_t member_count = jem_types_member_count(build->types);
	struct jem_image_type *types = calloc(type_count, sizeof(*types));
	struct jem_image_member *members =
		calloc(member_count ? member_count : 1, sizeof(*members));
	struct jem_image_header header;
	size_t len;
	int rc = -ENOMEM;

	if (types && members) {
		fill_header(build, &header);
		jem_types_copy(build->types, types, members);
		parts[JEM_IMAGE_STRINGS].bytes = jem_strings_bytes(build->strings, &len);
		parts[JEM_IMAGE_STRINGS].count = len;
		parts[JEM_IMAGE_FUNCTIONS] =
			(struct jem_image_part){ build->functions, build->function_count };
		parts[JEM_IMAGE_SITES] = (struct jem_image_part){ build->sites, build->site_count };
		parts[JEM_IMAGE_CALLSITES] =
			(struct jem_image_part){ build->callsites, build->callsite_count };
		parts[JEM_IMAGE_CODE] =
			(struct jem_image_part){ build->code.bytes.data,
						 build->code.bytes.len / build->code.size };
		parts[JEM_IMAGE_SLOTS] =
			(struct jem_image_part){ build->slots.bytes.data,
						 build->slots.bytes.len / build->slots.size };
		parts[JEM_IMAGE_TYPES] = (struct jem_image_part){ types, type_count };
		parts[JEM_IMAGE_MEMBERS] = (struct jem_image_part){ members, member_count };
		rc = jem_image_file_write(file, &header, parts);
	}
	free(types);
	free(members);
	return rc;
}

void jem_build_note(struct jem_build *build, uint32_t flags, const char *text)
{
	size_t len = strlen(build->note);

	build->flags |= flags;
	if (text[0] && !strstr(build->note, text))
		snprintf(build->note + len, sizeof(build->note) - len, "%s%s", len ? "; " : "",
			 text);
}

static void deinit(struct jem_build *build)
{
	jem_index_destroy(build->index);
	jem_types_destroy(build->types);
	jem_lines_destroy(build->lines);
	jem_strings_destroy(build->strings);
	jem_calls_deinit(&build->calls);
	free(build->hook_scopes);
	free(build->hook_functions);
	free(build->functions);
	free(build->sites);
	free(build->site_hooks);
	free(build->callsites);
	jem_pool_deinit(&build->code);
	jem_pool_deinit(&build->slots);
}

/* A stage's tables, from the debug data that `debug` has, perhaps none. */
static int init(struct jem_build *build, const struct jem_writer_options *options,
		const struct jem_debug *debug, const struct jem_hooks *hooks,
		const struct jem_symtab *symtab)
{
	size_t plan_bytes = options->memory_bytes / 8;
	int rc;

	memset(build, 0, sizeof(*build));
	build->options = options;
	build->debug = debug;
	build->hooks = hooks;
	build->symtab = symtab;
	build->flags = debug->flags;
	snprintf(build->note, sizeof(build->note), "%s", debug->note);
	jem_pool_init(&build->code, sizeof(struct jem_plan_op), plan_bytes);
	jem_pool_init(&build->slots, sizeof(struct jem_image_slot), plan_bytes);
	rc = jem_strings_create(&build->strings);
	if (!rc)
		rc = jem_types_create(build->strings, &build->types);
	if (!rc)
		rc = jem_lines_create(&build->lines);
	if (!rc)
		rc = jem_index_create(debug, hooks, symtab, jem_types_scopes(build->types),
				      build->strings, &build->index);
	if (!rc)
		rc = jem_build_functions(build);
	if (!rc)
		rc = jem_build_sites(build);
	if (!rc)
		rc = jem_build_callsites(build);
	if (!rc && jem_index_note(build->index)[0])
		jem_build_note(build, JEM_IMAGE_INCOMPLETE, jem_index_note(build->index));
	if (hooks->is_cut || build->is_cut)
		jem_build_note(build, JEM_IMAGE_INCOMPLETE, "more calls than are looked at");
	if (hooks->has_own && hooks->count)
		jem_build_note(build, 0,
			       "the module brings its own hooks: -finstrument-functions is "
			       "in other hands there");
	if (!hooks->count)
		jem_build_note(build, JEM_IMAGE_NOT_TRACED,
			       "not built with -finstrument-functions");
	return rc;
}

/* Names from the symbol table alone: what is left if the debug data ends the process. */
static int write_first(const struct jem_writer_options *options, const struct jem_debug *debug,
		       const struct jem_hooks *hooks, const struct jem_symtab *symtab,
		       struct jem_image_file *file)
{
	struct jem_debug plain = *debug;
	struct jem_build build;
	int rc;

	plain.dwarf = NULL;
	rc = init(&build, options, &plain, hooks, symtab);
	if (debug->dwarf && hooks->count)
		jem_build_note(&build, JEM_IMAGE_INCOMPLETE,
			       "the debug data could not be read to its end");
	if (!rc)
		rc = write_stage(&build, file);
	deinit(&build);
	return rc;
}

static int write_rest(const struct jem_writer_options *options, const struct jem_debug *debug,
		      const struct jem_hooks *hooks, const struct jem_symtab *symtab,
		      struct jem_image_file *file)
{
	struct jem_build build;
	uint32_t flags;
	int rc = init(&build, options, debug, hooks, symtab);

	flags = build.flags;
	if (!rc && options->compile)
		build.flags |= JEM_IMAGE_INCOMPLETE;
	if (!rc)
		rc = write_stage(&build, file);
	build.flags = flags;
	if (!rc && options->compile) {
		rc = jem_build_plans(&build);
		if (!rc)
			rc = write_stage(&build, file);
	}
	deinit(&build);
	return rc;
}

int jem_writer_run(const struct jem_writer_options *options, struct jem_err *err)
{
	struct jem_image_file file = { .fd = options->output_fd };
	struct jem_hooks hooks = { NULL };
	struct jem_symtab symtab = { NULL };
	struct jem_debug debug;
	int rc = jem_debug_open(&debug, options->module_fd, options->path, options->root, err);

	if (rc < 0)
		return rc;
	rc = jem_sites_find(&debug, &hooks);
	if (!rc)
		rc = jem_symtab_read(&debug, &symtab);
	if (!rc)
		rc = write_first(options, &debug, &hooks, &symtab, &file);
	if (!rc && debug.dwarf && hooks.count)
		rc = write_rest(options, &debug, &hooks, &symtab, &file);
	jem_symtab_deinit(&symtab);
	jem_sites_deinit(&hooks);
	jem_debug_close(&debug);
	if (rc == -ENOMEM && file.used)
		rc = 0; /* the stage that stands says that it is not all */
	return rc < 0 ? jem_err_set(err, rc, "%s", strerror(-rc)) : 0;
}
