/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/page/tables.h"

void jem_section_begin(struct jem_html *html, const char *id, const char *title)
{
	html_open(html, "section");
	html_attr(html, "id", id);
	html_text_in(html, "h2", title);
}

void jem_table_begin(struct jem_html *html, const char *label)
{
	html_open(html, "div");
	html_class(html, "scroll card");
	html_attr(html, "role", "region");
	html_attr(html, "aria-label", label);
	html_attr(html, "tabindex", "0");
	html_open(html, "table");
	html_open(html, "thead");
	html_open(html, "tr");
}

void jem_table_head(struct jem_html *html, const char *class, const char *text)
{
	html_open(html, "th");
	html_attr(html, "scope", "col");
	if (class)
		html_attr(html, "class", class);
	jem_html_text(html, text);
	jem_html_close(html);
}

void jem_table_rows(struct jem_html *html)
{
	jem_html_close(html); /* tr */
	jem_html_close(html); /* thead */
	html_open(html, "tbody");
}

void jem_table_end(struct jem_html *html)
{
	jem_html_close(html); /* tbody */
	jem_html_close(html); /* table */
	jem_html_close(html); /* div */
}

void jem_search_tools_begin(struct jem_html *html, const struct jem_search_tools *tools)
{
	html_open(html, "div");
	html_class(html, "tools noprint");
	html_attr(html, "hidden", ""); /* the script shows what needs it */
	html_open(html, "input");
	html_attr(html, "type", "search");
	jem_html_attr(html, "id", tools->id);
	jem_html_attr(html, "placeholder", tools->placeholder);
	jem_html_attr(html, "aria-label", tools->label);
	jem_html_close(html);
	html_open(html, "button");
	html_attr(html, "type", "button");
	jem_html_attr(html, "id", tools->button_id);
}
