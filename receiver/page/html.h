/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html: a writer of HTML that escapes everything by construction.
 *
 * Names of elements and attributes are string literals (the macros take nothing else); every text
 * and every value of an attribute is escaped; links are relative paths, percent-encoded; drawings
 * come from a canvas, style and script from files that are part of the program. There is no way to
 * write markup from data.
 *
 * Invariant: open elements are closed in order; jem_html_end checks that none is left.
 */
#ifndef JEM_RECEIVER_PAGE_HTML_H
#define JEM_RECEIVER_PAGE_HTML_H

#include "common/buf.h"
#include "receiver/graph/canvas.h"

enum {
	JEM_HTML_DEPTH_MAX = 32
};

struct jem_html {
	struct jem_buf *buf; /* borrowed, outlives us */
	const char *open[JEM_HTML_DEPTH_MAX];
	unsigned depth;
	bool is_in_tag; /* attributes may still be added */
	bool is_broken; /* nested too deep: a fault of the caller, nothing more is written */
};

/* What stands in the head of every page of ours. */
struct jem_html_head {
	const char *title;
	const char *style; /* text of the one style element, ours */
	size_t style_len;
	const char *body_class; /* ours; NULL: none */
	const char *script;     /* and of the one script, at the end */
	size_t script_len;
	unsigned refresh_s;     /* 0: the page stays as it is */
	uint32_t icon_rgb;      /* colour of the dot that is the page's icon */
	unsigned long long now; /* wall clock in seconds, for the script */
};

/* Writes everything up to the open body; style and script are named by hash in the policy. */
void jem_html_begin(struct jem_html *html, struct jem_buf *buf, const struct jem_html_head *head);
/* Adds the script, closes the body: 0, or -EINVAL when elements are still open, -ENOMEM. */
int jem_html_end(struct jem_html *html, const struct jem_html_head *head);

#define html_open(html, tag)          jem_html_open(html, "" tag)
#define html_attr(html, name, value)  jem_html_attr(html, "" name, value)
#define html_class(html, value)       jem_html_attr(html, "class", "" value)
#define html_text_in(html, tag, text) jem_html_text_in(html, "" tag, NULL, text)
/* An element with a class of ours and a text. */
#define html_cell(html, tag, name, text) jem_html_text_in(html, "" tag, "" name, text)

void jem_html_open(struct jem_html *html, const char *tag);
/* Only right after the element was opened. */
void jem_html_attr(struct jem_html *html, const char *name, const char *value);
void jem_html_close(struct jem_html *html);
void jem_html_text_in(struct jem_html *html, const char *tag, const char *name, const char *text);

void jem_html_text(struct jem_html *html, const char *text);
void jem_html_textf(struct jem_html *html, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * The attribute href: a relative path. Every byte but [A-Za-z0-9._/-] is percent-encoded, and it
 * starts with ./ or ../, so it is never a scheme, a host or a fragment.
 */
void jem_html_href(struct jem_html *html, const char *path);

/* A canvas that draws into the page right here; the caller finishes and destroys it. */
int jem_html_canvas(struct jem_html *html, struct jem_canvas **ret);

#endif
