/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines: source files and lines, asked for all at once.
 *
 * libdw decodes the whole line table of a unit for any question about it, file names too, and keeps it. So
 * questions are collected, sorted by unit, and answered from views of the debug data that are thrown away
 * before they grow large.
 *
 * Ownership: owns its questions; where answers go is borrowed and must not move before jem_lines_resolve
 * Bound:     views are dropped after JEM_LINES_VIEW rows
 */
#ifndef JEM_TRACER_SYMBOLS_LINES_H
#define JEM_TRACER_SYMBOLS_LINES_H

#include "tracer/symbols/debug.h"
#include "tracer/symbols/strings.h"

#define JEM_LINES_VIEW 400000u

struct jem_lines;

int jem_lines_create(struct jem_lines **ret);
void jem_lines_destroy(struct jem_lines *lines);

/* Which file is number `file` (DW_AT_decl_file, DW_AT_call_file) in the unit of `die`? */
int jem_lines_ask_file(struct jem_lines *lines, Dwarf_Die *die, uint32_t file, uint32_t *file_out);

/* Which line does the instruction at `pc` belong to, in the unit of `die`? */
int jem_lines_ask_pc(struct jem_lines *lines, Dwarf_Die *die, uint64_t pc, uint32_t *file_out,
		     uint32_t *line_out);

/* Answers all questions and forgets them. What cannot be answered stays as it is. */
void jem_lines_resolve(struct jem_lines *lines, const struct jem_debug *debug,
		       struct jem_strings *strings);

#endif
