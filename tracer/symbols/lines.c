/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/lines.h"

#include <dwarf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	LINE_ZERO_STEPS = 16
};

struct question {
	Dwarf_CU *unit;
	uint64_t pc; /* 0: a file by its number */
	uint32_t file;
	uint32_t *file_out;
	uint32_t *line_out;
};

struct jem_lines {
	struct question *list; /* owned */
	size_t count, room;
	Dwarf *view;      /* owned; NULL until needed */
	size_t view_rows; /* decoded in it */
};

/* The tables of one unit. */
struct unit_tables {
	Dwarf_Die die;
	Dwarf_Lines *rows;
	size_t row_count;
	Dwarf_Files *files;
	size_t file_count;
	const char *folder;
	const char *last; /* path, and what it became: questions of one file come together */
	uint32_t last_string;
};

int jem_lines_create(struct jem_lines **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

static void drop_view(struct jem_lines *lines)
{
	if (lines->view)
		dwarf_end(lines->view);
	lines->view = NULL;
	lines->view_rows = 0;
}

void jem_lines_destroy(struct jem_lines *lines)
{
	if (!lines)
		return;
	drop_view(lines);
	free(lines->list);
	free(lines);
}

static int ask(struct jem_lines *lines, Dwarf_Die *die, struct question question)
{
	if (lines->count == lines->room) {
		size_t room = lines->room ? 2 * lines->room : 256;
		struct question *list = realloc(lines->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		lines->list = list;
		lines->room = room;
	}
	question.unit = die->cu;
	lines->list[lines->count++] = question;
	return 0;
}

int jem_lines_ask_file(struct jem_lines *lines, Dwarf_Die *die, uint32_t file, uint32_t *file_out)
{
	return ask(lines, die, (struct question){ .file = file, .file_out = file_out });
}

int jem_lines_ask_pc(struct jem_lines *lines, Dwarf_Die *die, uint64_t pc, uint32_t *file_out,
		     uint32_t *line_out)
{
	return ask(lines, die,
		   (struct question){ .pc = pc, .file_out = file_out, .line_out = line_out });
}

static int by_unit(const void *a, const void *b)
{
	const struct question *x = a, *y = b;

	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	return x->file < y->file ? -1 : x->file > y->file;
}

/* The unit's entry, in a view that is thrown away where it is of the main file. */
static bool open_unit(struct jem_lines *lines, const struct jem_debug *debug, Dwarf_CU *unit,
		      Dwarf_Die *ret)
{
	Dwarf_Half version;
	uint8_t type;
	Dwarf_Die own;

	if (dwarf_cu_info(unit, &version, &type, ret, NULL, NULL, NULL, NULL) < 0)
		return false;
	if (dwarf_cu_getdwarf(unit) != debug->dwarf || (version < 5 && type == DW_UT_type))
		return true;
	if (lines->view_rows > JEM_LINES_VIEW)
		drop_view(lines);
	if (!lines->view)
		lines->view = jem_debug_dwarf_again(debug);
	if (lines->view && dwarf_offdie(lines->view, dwarf_dieoffset(ret), &own))
		*ret = own;
	return true;
}

static void read_tables(struct jem_lines *lines, struct unit_tables *tables)
{
	Dwarf_Attribute folder;

	if (dwarf_getsrclines(&tables->die, &tables->rows, &tables->row_count) < 0)
		tables->row_count = 0;
	if (dwarf_getsrcfiles(&tables->die, &tables->files, &tables->file_count) < 0)
		tables->file_count = 0;
	tables->folder = dwarf_formstring(dwarf_attr(&tables->die, DW_AT_comp_dir, &folder));
	lines->view_rows += tables->row_count;
}

static uint32_t add_path(struct unit_tables *tables, const char *path, struct jem_strings *strings)
{
	char full[PATH_MAX];

	if (!path || !path[0])
		return 0;
	if (path == tables->last)
		return tables->last_string;
	tables->last = path;
	if (path[0] == '/' || !tables->folder || tables->folder[0] != '/' ||
	    snprintf(full, sizeof(full), "%s/%s", tables->folder, path) >= (int)sizeof(full))
		return tables->last_string = jem_strings_add(strings, path);
	return tables->last_string = jem_strings_add(strings, full);
}

/* The row that covers `pc`: the last one at or before it, unless a sequence ends there. */
static Dwarf_Line *find_row(const struct unit_tables *tables, uint64_t pc)
{
	size_t from = 0, to = tables->row_count;
	Dwarf_Addr address;

	while (from < to) {
		size_t middle = (from + to) / 2;

		if (dwarf_lineaddr(dwarf_onesrcline(tables->rows, middle), &address) < 0)
			return NULL;
		if (address <= pc)
			from = middle + 1;
		else
			to = middle;
	}
	/* Line 0 is code of no line: it belongs to what is before it. */
	for (size_t steps = 0; from > 0 && steps < LINE_ZERO_STEPS; steps++) {
		Dwarf_Line *row = dwarf_onesrcline(tables->rows, --from);
		bool is_end = true;
		int number = 0;

		if (dwarf_lineendsequence(row, &is_end) < 0 || is_end)
			return NULL;
		if (dwarf_lineno(row, &number) == 0 && number > 0)
			return row;
	}
	return NULL;
}

static void answer(struct unit_tables *tables, const struct question *question,
		   struct jem_strings *strings)
{
	Dwarf_Line *row;
	int number = 0;

	if (!question->pc) {
		if (question->file < tables->file_count)
			*question->file_out = add_path(
				tables, dwarf_filesrc(tables->files, question->file, NULL, NULL),
				strings);
		return;
	}
	row = find_row(tables, question->pc);
	if (!row || dwarf_lineno(row, &number) < 0)
		return;
	*question->line_out = (uint32_t)number;
	*question->file_out = add_path(tables, dwarf_linesrc(row, NULL, NULL), strings);
}

void jem_lines_resolve(struct jem_lines *lines, const struct jem_debug *debug,
		       struct jem_strings *strings)
{
	Dwarf_CU *unit = NULL;
	struct unit_tables tables = { .rows = NULL };

	if (lines->count)
		qsort(lines->list, lines->count, sizeof(*lines->list), by_unit);
	for (size_t i = 0; i < lines->count; i++) {
		if (lines->list[i].unit != unit) {
			unit = lines->list[i].unit;
			tables = (struct unit_tables){ .rows = NULL };
			if (open_unit(lines, debug, unit, &tables.die))
				read_tables(lines, &tables);
		}
		answer(&tables, &lines->list[i], strings);
	}
	drop_view(lines);
	free(lines->list);
	lines->list = NULL;
	lines->count = lines->room = 0;
}
