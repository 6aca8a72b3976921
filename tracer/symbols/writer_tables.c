/* SPDX-License-Identifier: Apache-2.0 */
/* writer_tables: functions, sites and call sites of an image. */
#include "tracer/symbols/writer_internal.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_method(Dwarf_Die *root)
{
	Dwarf_Die child;

	return dwarf_child(root, &child) == 0 && dwarf_tag(&child) == DW_TAG_formal_parameter &&
	       dwarf_hasattr(&child, DW_AT_artificial);
}

/* The image's number of a function, given when it is first spoken of; 0: no memory. */
static uint32_t number_of(struct jem_build *build, uint32_t id)
{
	struct jem_function *function = id ? jem_index_function(build->index, id) : NULL;

	if (!function || function->number)
		return function ? function->number : 0;
	if (build->function_count >= build->function_room) {
		size_t room = build->function_room ? 2 * build->function_room : 256;
		struct jem_image_function *list = realloc(build->functions, room * sizeof(*list));

		if (!list)
			return 0;
		build->functions = list;
		build->function_room = room;
	}
	if (!build->function_count)
		build->functions[build->function_count++] =
			(struct jem_image_function){ .name = 0 };
	function->number = (uint32_t)build->function_count;
	build->functions[build->function_count++] = (struct jem_image_function){
		.name = function->name,
		.linkage_name = function->linkage_name,
		.file = function->file,
		.line = function->line,
		.flags = function->root.addr ? 0 : JEM_FUNCTION_NO_DEBUG,
		.address = function->address,
	};
	return function->number;
}

static void decide(struct jem_build *build, struct jem_function *function)
{
	const struct jem_patterns *patterns = build->options->patterns;
	const char *name = jem_strings_get(build->strings, function->name);
	struct jem_pattern_subject subject = { .name = name, .module = build->options->path };
	struct jem_buf call;

	jem_buf_init(&call, 0);
	if (function->file)
		subject.file = jem_strings_get(build->strings, function->file);
	if (function->root.addr && jem_patterns_need_parameters(patterns)) {
		jem_types_signature(build->types, &function->root, name, false, &call);
		subject.call = jem_buf_cstr(&call);
	}
	function->is_included = jem_patterns_take(patterns, &subject);
	jem_patterns_mark(patterns, &subject, build->marks);
	jem_buf_deinit(&call);
}

static void describe(struct jem_build *build, struct jem_function *function)
{
	struct jem_image_function *image = &build->functions[function->number];
	struct jem_buf text;

	if (function->is_included)
		image->flags |= JEM_FUNCTION_INCLUDED;
	if (!function->root.addr)
		return;
	if (is_method(&function->root))
		image->flags |= JEM_FUNCTION_METHOD;
	if (!function->is_included)
		return;
	jem_buf_init(&text, 0);
	jem_types_signature(build->types, &function->root,
			    jem_strings_get(build->strings, function->name), true, &text);
	image->signature = jem_strings_add(build->strings, jem_buf_cstr(&text));
	image->return_type = jem_types_of(build->types, &function->root);
	jem_buf_deinit(&text);
}

/* Which function each hook is of, and which functions are traced. */
int jem_build_functions(struct jem_build *build)
{
	const struct jem_hooks *hooks = build->hooks;
	size_t room = hooks->count ? hooks->count : 1;

	build->functions = calloc(1, sizeof(*build->functions));
	build->function_count = build->function_room = 1;
	build->hook_scopes = calloc(room, sizeof(*build->hook_scopes));
	build->hook_functions = calloc(room, sizeof(*build->hook_functions));
	if (!build->functions || !build->hook_scopes || !build->hook_functions)
		return -ENOMEM;
	for (size_t i = 0; i < hooks->count; i++) {
		uint32_t scope = jem_index_find(build->index, hooks->list[i].inside);

		build->hook_scopes[i] = scope;
		build->hook_functions[i] =
			scope ? jem_index_scope(build->index, scope)->function
			      : jem_index_symbol(build->index, hooks->list[i].inside);
	}
	if (jem_patterns_need_files(build->options->patterns)) {
		if (jem_index_ask_files(build->index, build->lines) < 0)
			return -ENOMEM;
		jem_lines_resolve(build->lines, build->debug, build->strings);
	}
	for (size_t i = 0; i < hooks->count; i++) {
		struct jem_function *function;

		if (!build->hook_functions[i])
			continue;
		function = jem_index_function(build->index, build->hook_functions[i]);
		if (function->number)
			continue;
		decide(build, function);
		if (!number_of(build, build->hook_functions[i]))
			return -ENOMEM;
		describe(build, function);
	}
	return 0;
}

static int by_pc(const void *a, const void *b)
{
	const struct jem_image_site *x = a, *y = b;

	if (x->pc != y->pc)
		return x->pc < y->pc ? -1 : 1;
	/* of two with one key the one that has a return address stays */
	return (int)(x->flags & JEM_SITE_TAIL) - (int)(y->flags & JEM_SITE_TAIL);
}

static void add_site(struct jem_build *build, size_t hook, uint64_t pc)
{
	const struct jem_hook *there = &build->hooks->list[hook];
	struct jem_image_site *site = &build->sites[build->site_count++];
	uint32_t scope = build->hook_scopes[hook];
	const struct jem_scope *inner = scope ? jem_index_scope(build->index, scope) : NULL;

	site->pc = pc;
	site->function = number_of(build, build->hook_functions[hook]);
	/* which hook it is, until they are in order */
	site->code = (uint32_t)hook;
	site->flags = (there->is_exit ? JEM_SITE_EXIT : 0u) | (there->is_jump ? JEM_SITE_TAIL : 0u);
	if (!inner || !inner->parent)
		return;
	site->flags |= JEM_SITE_INLINED;
	site->caller = number_of(build, jem_index_scope(build->index, inner->parent)->function);
	site->caller_line = inner->call_line;
}

/* A hook that is jumped to is keyed by what it gets as the function: this body's address, or that of the
 * function that a clone was made of. */
static void add_jump(struct jem_build *build, size_t hook)
{
	uint32_t physical = jem_index_physical(build->index, build->hook_scopes[hook]);
	const struct jem_function *function;
	uint64_t entry = physical ? jem_index_scope(build->index, physical)->entry : 0;

	if (!build->hook_functions[hook])
		return; /* in no function: not an exit */
	function = jem_index_function(build->index, build->hook_functions[hook]);
	if (function->address)
		add_site(build, hook, function->address);
	if (entry && entry != function->address)
		add_site(build, hook, entry);
}

static int ask_caller_files(struct jem_build *build)
{
	for (size_t i = 0; i < build->site_count; i++) {
		struct jem_image_site *site = &build->sites[i];
		uint32_t scope = build->hook_scopes[build->site_hooks[i]];
		Dwarf_Die die;

		if (!(site->flags & JEM_SITE_INLINED) ||
		    !(build->functions[site->function].flags & JEM_FUNCTION_INCLUDED))
			continue;
		die = jem_index_die(build->index, scope);
		if (jem_lines_ask_file(build->lines, &die,
				       jem_index_scope(build->index, scope)->call_file,
				       &site->caller_file) < 0)
			return -ENOMEM;
	}
	return 0;
}

int jem_build_sites(struct jem_build *build)
{
	size_t kept = 0, jumps = 0, room;

	for (size_t i = 0; i < build->hooks->count; i++)
		jumps += build->hooks->list[i].is_jump;
	room = build->hooks->count + jumps + 1;
	build->sites = calloc(room, sizeof(*build->sites));
	build->site_hooks = calloc(room, sizeof(*build->site_hooks));
	if (!build->sites || !build->site_hooks)
		return -ENOMEM;
	for (size_t i = 0; i < build->hooks->count; i++) {
		if (build->hooks->list[i].is_jump)
			add_jump(build, i);
		else
			add_site(build, i, build->hooks->list[i].pc);
	}
	if (jumps) /* the others are in order */
		qsort(build->sites, build->site_count, sizeof(*build->sites), by_pc);
	for (size_t i = 0; i < build->site_count; i++)
		if (!kept || build->sites[kept - 1].pc != build->sites[i].pc)
			build->sites[kept++] = build->sites[i];
	build->site_count = kept;
	for (size_t i = 0; i < kept; i++) {
		build->site_hooks[i] = build->sites[i].code;
		build->sites[i].code = 0;
	}
	return ask_caller_files(build);
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Where the traced functions' bodies begin. */
static uint64_t *list_entries(const struct jem_build *build, size_t *count)
{
	size_t scopes = jem_index_scope_count(build->index);
	uint64_t *entries = calloc(scopes + build->function_count, sizeof(*entries));

	*count = 0;
	if (!entries)
		return NULL;
	for (uint32_t i = 1; i < scopes; i++) {
		const struct jem_scope *scope = jem_index_scope(build->index, i);

		if (!scope->parent && scope->entry && scope->function &&
		    jem_index_function(build->index, scope->function)->is_included)
			entries[(*count)++] = scope->entry;
	}
	for (size_t i = 1; i < build->function_count; i++)
		if (build->functions[i].flags & JEM_FUNCTION_INCLUDED &&
		    build->functions[i].address)
			entries[(*count)++] = build->functions[i].address;
	if (*count)
		qsort(entries, *count, sizeof(*entries), by_number);
	return entries;
}

static int find_calls(struct jem_build *build)
{
	size_t count, scopes = jem_index_scope_count(build->index);
	uint64_t *entries = list_entries(build, &count);
	int rc = entries ? jem_calls_find_direct(build->debug, entries, count, &build->calls)
			 : -ENOMEM;

	free(entries);
	/* the direct ones are never left out for those of which nobody knows where they go */
	for (uint32_t i = 1; !rc && count && i < scopes; i++) {
		const struct jem_scope *scope = jem_index_scope(build->index, i);
		uint64_t low, high;

		if (scope->has_hooks && jem_index_part(build->index, i, scope->entry, &low, &high))
			rc = jem_calls_find_indirect(build->debug, build->hooks, scope->entry, high,
						     &build->calls);
	}
	jem_calls_sort(&build->calls);

	for (size_t i = 0; !rc && i < build->calls.count; i++)
		rc = jem_index_walk_at(build->index, build->calls.list[i] - 1);
	return rc ? rc : jem_index_finish(build->index);
}

int jem_build_callsites(struct jem_build *build)
{
	int rc = find_calls(build);

	build->callsites = calloc(build->calls.count + 1, sizeof(*build->callsites));
	if (!build->callsites)
		return -ENOMEM;
	for (size_t i = 0; !rc && i < build->calls.count; i++) {
		uint64_t pc = build->calls.list[i];
		uint32_t scope = jem_index_find(build->index, pc - 1);
		struct jem_image_callsite *there = &build->callsites[build->callsite_count];
		uint32_t function = scope ? jem_index_scope(build->index, scope)->function
					  : jem_index_symbol(build->index, pc - 1);
		Dwarf_Die die;

		if (!function)
			continue;
		build->callsite_count++;
		there->pc = pc;
		there->function = number_of(build, function);
		if (!scope)
			continue;
		die = jem_index_die(build->index, scope);
		rc = jem_lines_ask_pc(build->lines, &die, pc - 1, &there->file, &there->line);
	}
	if (!rc)
		rc = jem_index_ask_files(build->index, build->lines);
	if (rc < 0)
		return rc;
	jem_lines_resolve(build->lines, build->debug, build->strings);
	for (size_t i = 1; i < jem_index_function_count(build->index); i++) {
		const struct jem_function *function = jem_index_function(build->index, (uint32_t)i);

		if (!function->number)
			continue;
		build->functions[function->number].file = function->file;
		build->functions[function->number].line = function->line;
		build->functions[function->number].address = function->address;
		if (is_method((Dwarf_Die *)&function->root))
			build->functions[function->number].flags |= JEM_FUNCTION_METHOD;
	}
	/* plans need the memory more */
	build->is_cut = build->calls.is_cut;
	jem_calls_deinit(&build->calls);
	jem_index_seal(build->index);
	return 0;
}
