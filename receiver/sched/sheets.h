/* SPDX-License-Identifier: Apache-2.0 */
/* sheets: graphs of scheduling as files: PDF and HTML with a page each, SVG and PNG numbered. */
#ifndef JEM_RECEIVER_SCHED_SHEETS_H
#define JEM_RECEIVER_SCHED_SHEETS_H

#include "common/err.h"
#include "receiver/sched/sched_page.h"

enum jem_sheet_format {
	JEM_SHEET_PDF,
	JEM_SHEET_SVG,
	JEM_SHEET_PNG,
	JEM_SHEET_HTML,
};

/* The format that the suffix of a path asks for: 0, or -EINVAL with the reason. */
int jem_sheet_format(const char *path, enum jem_sheet_format *ret, struct jem_err *err);

/*
 * Draws the views; size and columns of each are set here where they are 0. With several views SVG
 * and PNG become STEM-1.svg, STEM-2.svg and so on. Returns how many files were written, or a negative
 * errno with the reason. `on_file` (may be NULL) is told each path.
 */
int jem_sheets_write(const char *path, const char *title, enum jem_sched_graph graph,
		     struct jem_sched_view *views, size_t count, void (*on_file)(const char *path),
		     struct jem_err *err);

#endif
