/* SPDX-License-Identifier: Apache-2.0 */
/* tables: sections and tables of a page. */
#ifndef JEM_RECEIVER_PAGE_TABLES_H
#define JEM_RECEIVER_PAGE_TABLES_H

#include "receiver/page/html.h"

/* `id` and `title` are ours. The caller closes the element. */
void jem_section_begin(struct jem_html *html, const char *id, const char *title);

/* A table that scrolls by itself where the screen is too narrow, with its head open in a row. */
void jem_table_begin(struct jem_html *html, const char *label);
/* A cell of the head; `class` is ours, NULL: none. */
void jem_table_head(struct jem_html *html, const char *class, const char *text);
void jem_table_rows(struct jem_html *html);
void jem_table_end(struct jem_html *html);

/* What searches in something, and a button beside it; all texts are ours. The caller closes the element. */
struct jem_search_tools {
	const char *id;
	const char *placeholder;
	const char *label;
	const char *button_id;
};
void jem_search_tools_begin(struct jem_html *html, const struct jem_search_tools *tools);

#endif
