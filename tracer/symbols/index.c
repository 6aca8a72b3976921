/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/index.h"

#include "tracer/symbols/index_internal.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int jem_spans_add(struct spans *spans, struct span span)
{
	if (spans->count == spans->room) {
		size_t room = spans->room ? 2 * spans->room : 1024;
		struct span *list = realloc(spans->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		spans->list = list;
		spans->room = room;
	}
	spans->list[spans->count++] = span;
	return 0;
}

/* Outer ones before those in them. */
static int by_place(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	if (x->high != y->high)
		return x->high > y->high ? -1 : 1;
	return x->depth < y->depth ? -1 : x->depth > y->depth;
}

void jem_spans_sort(struct spans *spans)
{
	if (spans->count)
		qsort(spans->list, spans->count, sizeof(*spans->list), by_place);
}

static int walk_hooked(struct jem_index *index)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < index->body_spans.count; i++) {
		const struct span *span = &index->body_spans.list[i];

		if (jem_sites_between(index->hooks, span->low, span->high))
			rc = jem_index_walk_body(index, span->of);
	}
	return rc ? rc : jem_index_finish(index);
}

static bool knows_all(struct jem_index *index)
{
	for (size_t i = 0; i < index->hooks->count; i++)
		if (!jem_index_find(index, index->hooks->list[i].inside))
			return false;
	return true;
}

/* Bodies stand in bodies and classes too, whose owners may have no hook or no code of their own. */
static int walk_nested(struct jem_index *index)
{
	size_t first = index->body_count;
	int rc = jem_index_find_nested(index);

	for (size_t i = 0; !rc && i < index->body_spans.count; i++) {
		const struct span *span = &index->body_spans.list[i];

		if (span->of >= first && jem_sites_between(index->hooks, span->low, span->high) &&
		    !jem_index_find(index, span->low))
			rc = jem_index_walk_body(index, span->of);
	}
	return rc ? rc : jem_index_finish(index);
}

int jem_index_create(const struct jem_debug *debug, const struct jem_hooks *hooks,
		     const struct jem_symtab *symtab, struct jem_scopes *scopes,
		     struct jem_strings *strings, struct jem_index **ret)
{
	struct jem_index *index = calloc(1, sizeof(*index));
	int rc = 0;

	if (!index)
		return -ENOMEM;
	*index = (struct jem_index){ .debug = debug,
				     .hooks = hooks,
				     .symtab = symtab,
				     .scopes = scopes,
				     .strings = strings,
				     .key_mask = 1023,
				     .note = "" };
	jem_buf_init(&index->text, JEM_STRING_MAX);
	index->keys = calloc(index->key_mask + 1, sizeof(*index->keys));
	if (!index->keys)
		rc = -ENOMEM;
	if (!rc && debug->dwarf)
		rc = jem_index_find_bodies(index);
	if (!rc)
		rc = walk_hooked(index);
	if (!rc && debug->dwarf && !knows_all(index))
		rc = walk_nested(index);
	if (rc < 0) {
		jem_index_destroy(index);
		return rc;
	}
	*ret = index;
	return 0;
}

void jem_index_destroy(struct jem_index *index)
{
	if (!index)
		return;
	free(index->bodies);
	free(index->body_spans.list);
	free(index->scope_list);
	free(index->scope_spans.list);
	free(index->segments.list);
	free(index->functions);
	free(index->keys);
	jem_buf_deinit(&index->text);
	free(index);
}

/* The last span that begins at or before `pc`; count if none does. */
static size_t find_span(const struct spans *spans, uint64_t pc)
{
	size_t from = 0, to = spans->count;

	while (from < to) {
		size_t middle = (from + to) / 2;

		if (spans->list[middle].low <= pc)
			from = middle + 1;
		else
			to = middle;
	}
	return from ? from - 1 : spans->count;
}

int jem_index_walk_at(struct jem_index *index, uint64_t pc)
{
	size_t at = find_span(&index->body_spans, pc);

	if (at == index->body_spans.count || pc >= index->body_spans.list[at].high)
		return 0;
	return jem_index_walk_body(index, index->body_spans.list[at].of);
}

struct open_span {
	uint64_t high;
	uint32_t scope;
};

enum {
	OPEN_MAX = 256
};

static int emit(struct jem_index *index, uint64_t low, uint64_t high, uint32_t scope)
{
	if (high <= low)
		return 0;
	return jem_spans_add(&index->segments, (struct span){ low, high, scope, 0 });
}

/* Ends open spans up to `until`; `pos` is up to where segments have been made. */
static int close_spans(struct jem_index *index, struct open_span *open, size_t *count,
		       uint64_t *pos, uint64_t until)
{
	while (*count && open[*count - 1].high <= until) {
		if (emit(index, *pos, open[*count - 1].high, open[*count - 1].scope) < 0)
			return -ENOMEM;
		*pos = open[--*count].high;
	}
	return 0;
}

/* Nested spans to disjoint ones, each with the innermost scope. */
int jem_index_finish(struct jem_index *index)
{
	struct open_span open[OPEN_MAX];
	size_t count = 0;
	uint64_t pos = 0;

	/* each walk adds spans */
	if (index->finished_count == index->scope_spans.count && index->finished_count)
		return 0;
	index->segments.count = 0;
	jem_spans_sort(&index->scope_spans);
	index->finished_count = index->scope_spans.count;
	for (size_t i = 0; i < index->scope_spans.count; i++) {
		struct span span = index->scope_spans.list[i];

		if (close_spans(index, open, &count, &pos, span.low) < 0)
			return -ENOMEM;
		if (count && emit(index, pos, span.low, open[count - 1].scope) < 0)
			return -ENOMEM;
		pos = span.low;
		/* what reaches out of the span around it is damage: the outer one ends it */
		if (count && span.high > open[count - 1].high)
			span.high = open[count - 1].high;
		if (count == OPEN_MAX) {
			index->is_cut = true;
			continue;
		}
		open[count++] = (struct open_span){ span.high, span.of };
	}
	return close_spans(index, open, &count, &pos, UINT64_MAX);
}

void jem_index_seal(struct jem_index *index)
{
	struct span *smaller;

	free(index->bodies);
	free(index->body_spans.list);
	free(index->scope_spans.list);
	index->bodies = NULL;
	index->body_spans = (struct spans){ NULL };
	index->scope_spans = (struct spans){ NULL };
	smaller = realloc(index->segments.list,
			  (index->segments.count + 1) * sizeof(*index->segments.list));
	if (smaller) {
		index->segments.list = smaller;
		index->segments.room = index->segments.count + 1;
	}
}

static bool has_pc(const struct spans *spans, size_t at, uint64_t pc)
{
	return at < spans->count && spans->list[at].low <= pc && pc < spans->list[at].high;
}

uint32_t jem_index_find(struct jem_index *index, uint64_t pc)
{
	size_t at = index->last_segment;

	if (!has_pc(&index->segments, at, pc) && !has_pc(&index->segments, ++at, pc))
		at = find_span(&index->segments, pc);
	if (!has_pc(&index->segments, at, pc))
		return 0;
	index->last_segment = at;
	return index->segments.list[at].of;
}

size_t jem_index_scope_count(const struct jem_index *index)
{
	return index->scope_count;
}

const struct jem_scope *jem_index_scope(const struct jem_index *index, uint32_t scope)
{
	return &index->scope_list[scope];
}

uint32_t jem_index_physical(const struct jem_index *index, uint32_t scope)
{
	while (scope && index->scope_list[scope].parent)
		scope = index->scope_list[scope].parent;
	return scope;
}

Dwarf_Die jem_index_die(const struct jem_index *index, uint32_t scope)
{
	const struct jem_scope *there = &index->scope_list[scope];

	return (Dwarf_Die){ .addr = (void *)there->die, .cu = there->unit };
}

size_t jem_index_function_count(const struct jem_index *index)
{
	return index->function_count;
}

struct jem_function *jem_index_function(const struct jem_index *index, uint32_t function)
{
	return &index->functions[function];
}

const char *jem_index_note(const struct jem_index *index)
{
	return index->is_cut ? "the program has more functions than are looked at" : index->note;
}

bool jem_index_part(const struct jem_index *index, uint32_t physical, uint64_t pc, uint64_t *low,
		    uint64_t *high)
{
	Dwarf_Die die = jem_index_die(index, physical);
	Dwarf_Addr base, from, to;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(&die, at, &base, &from, &to)) > 0) {
		if (pc < from || pc >= to)
			continue;
		*low = from;
		*high = to;
		return true;
	}
	return false;
}

static size_t key_slot(const struct jem_index *index, uint64_t key)
{
	size_t at = (key * 0x9e3779b97f4a7c15ull >> 24) & index->key_mask;

	while (index->keys[at].key && index->keys[at].key != key)
		at = (at + 1) & index->key_mask;
	return at;
}

static bool add_key(struct jem_index *index, uint64_t key, uint32_t function)
{
	struct function_key *old = index->keys;
	size_t old_mask = index->key_mask;

	if (++index->key_count * 2 > old_mask) {
		struct function_key *keys = calloc(2 * old_mask + 2, sizeof(*keys));

		if (!keys)
			return false;
		index->keys = keys;
		index->key_mask = 2 * old_mask + 1;
		for (size_t i = 0; i <= old_mask; i++)
			if (old[i].key)
				index->keys[key_slot(index, old[i].key)] = old[i];
		free(old);
	}
	index->keys[key_slot(index, key)] = (struct function_key){ key, function };
	return true;
}

/* Strings and entries share the table: strings are small numbers, entries are addresses. */
static uint32_t known_as(const struct jem_index *index, uint64_t key)
{
	return key ? index->keys[key_slot(index, key)].function : 0;
}

static uint32_t add_function(struct jem_index *index, const struct jem_function *function)
{
	if (index->function_count >= index->function_room) {
		size_t room = index->function_room ? 2 * index->function_room : 256;
		struct jem_function *list = realloc(index->functions, room * sizeof(*list));

		if (!list)
			return 0;
		index->functions = list;
		index->function_room = room;
		if (!index->function_count) {
			memset(list, 0, sizeof(*list));
			index->function_count = 1;
		}
	}
	index->functions[index->function_count] = *function;
	return (uint32_t)index->function_count++;
}

static const char *string_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;

	return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

/*
 * The mangled name. Constructors and destructors have several bodies (C1, C2, D0, ...) of one function: where
 * their declaration does not say so, they are called by the number of the declaration.
 */
static uint32_t linkage_name(struct jem_index *index, Dwarf_Die *die, Dwarf_Die *root)
{
	static const char *const bodies[] = { "C1E", "C2E", "C3E", "D0E", "D1E", "D2E" };
	const char *name = string_of(root, DW_AT_linkage_name);
	const char *last = NULL;

	if (name)
		return jem_strings_add(index->strings, name);
	name = string_of(die, DW_AT_linkage_name);
	if (!name)
		return 0;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		const char *found = name;

		while ((found = strstr(found, bodies[i])))
			last = found > last ? found : last, found++;
	}
	jem_buf_clear(&index->text);
	jem_buf_add_str(&index->text, name);
	if (last && root->addr != die->addr && !index->text.failed)
		index->text.data[last - name + 1] = '4';
	return jem_strings_add(index->strings, jem_buf_cstr(&index->text));
}

uint32_t jem_index_function_of(struct jem_index *index, Dwarf_Die *die)
{
	struct jem_function function = { .line = 0 };
	Dwarf_Attribute attribute;
	Dwarf_Die place;
	uint32_t found, identity;
	bool is_external = false;
	int line = 0;

	if (!jem_scopes_root(die, &function.root))
		function.root = *die;
	found = known_as(index, (uintptr_t)function.root.addr);
	if (found)
		return found;
	function.linkage_name = linkage_name(index, die, &function.root);
	jem_buf_clear(&index->text);
	jem_scopes_name(index->scopes, &function.root, &index->text);
	function.name = jem_strings_add(index->strings, jem_buf_cstr(&index->text));
	if (dwarf_formflag(dwarf_attr_integrate(&function.root, DW_AT_external, &attribute),
			   &is_external) < 0)
		is_external = false;
	/* An external function is one, whatever unit tells of it; a mangled local name may be of several. */
	identity = !is_external ? 0 : function.linkage_name ? function.linkage_name : function.name;
	found = known_as(index, identity);
	if (!found) {
		/* Where it is defined, not where its class declares it (DWARF 5 section 2.14). */
		if (jem_scopes_who_says(die, DW_AT_decl_line, &place) &&
		    dwarf_decl_line(&place, &line) == 0 && line > 0)
			function.line = (uint32_t)line;
		if (!jem_scopes_who_says(die, DW_AT_decl_file, &function.place))
			function.place.addr = NULL;
		found = add_function(index, &function);
		if (found && identity && !add_key(index, identity, found))
			return 0;
	}
	if (found && !add_key(index, (uintptr_t)function.root.addr, found))
		return 0;
	return found;
}

uint32_t jem_index_symbol(struct jem_index *index, uint64_t pc)
{
	const struct jem_symbol *symbol = index->last_symbol;
	struct jem_function function = { .line = 0 };
	uint32_t found;

	if (symbol && pc - symbol->address < symbol->bytes)
		return index->last_function;
	symbol = jem_symtab_find(index->symtab, pc);
	if (!symbol)
		return 0;
	function.address = symbol->address;
	index->last_symbol = symbol;
	found = known_as(index, (uintptr_t)symbol->name);
	index->last_function = found;
	if (found)
		return found;
	jem_buf_clear(&index->text);
	jem_symbol_spell(symbol->name, &index->text);
	function.name = jem_strings_add(index->strings, jem_buf_cstr(&index->text));
	function.linkage_name = jem_strings_add(index->strings, symbol->name);
	found = add_function(index, &function);
	if (found && !add_key(index, (uintptr_t)symbol->name, found))
		found = 0;
	index->last_function = found;
	return found;
}

int jem_index_ask_files(struct jem_index *index, struct jem_lines *lines)
{
	for (size_t i = 1; i < index->function_count; i++) {
		struct jem_function *function = &index->functions[i];
		Dwarf_Attribute attribute;
		Dwarf_Word file;

		if (function->is_asked || !function->root.addr)
			continue;
		function->is_asked = true;
		if (function->place.addr &&
		    dwarf_attr(&function->place, DW_AT_decl_file, &attribute) &&
		    dwarf_formudata(&attribute, &file) == 0 && file <= UINT32_MAX) {
			if (jem_lines_ask_file(lines, &function->place, (uint32_t)file,
					       &function->file) < 0)
				return -ENOMEM;
		} else if (function->address) {
			/* what the compiler made: where its code says that it is */
			Dwarf_Die die = jem_index_die(index, function->body);

			if (jem_lines_ask_pc(lines, &die, function->address, &function->file,
					     &function->line) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}
