/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canvas: one way to draw, whatever the file becomes.
 *
 * Back ends: SVG (one path per call, small), PDF 1.4 (own writer, several pages), PNG (own
 *            rasteriser), and in the tests a list of the calls. Equal calls give equal bytes.
 * Units:     points; the origin is the upper left corner, y grows downwards
 * Colours:   by role, so that a page can show them in the light, in the dark and on paper; or rgb
 * Ownership: a canvas appends to a buffer it borrows; texts and points are borrowed for the call
 * Errors:    kept, and returned by jem_canvas_finish: drawing code has nothing to check
 * Text:      hostile. It is escaped or mapped by each back end, never trusted.
 */
#ifndef JEM_RECEIVER_GRAPH_CANVAS_H
#define JEM_RECEIVER_GRAPH_CANVAS_H

#include "common/buf.h"

#include <stdint.h>

/* Roles. The eight of curves are Okabe and Ito's, told apart by colour-blind readers. */
enum jem_colour {
#define COLOUR(name, light, dark) JEM_COLOUR_##name,
#include "receiver/graph/palette.def"
#undef COLOUR
	JEM_COLOUR_COUNT,
	JEM_COLOUR_RGB = JEM_COLOUR_COUNT, /* the one in `rgb` */
};

struct jem_paint {
	enum jem_colour colour;
	uint32_t rgb;  /* 0xRRGGBB, for JEM_COLOUR_RGB */
	float opacity; /* 0: as 1, nothing has to be filled in */
};

enum jem_dash {
	JEM_SOLID,
	JEM_DASHED,
	JEM_DOTTED,
};

struct jem_pen {
	struct jem_paint paint;
	float width;
	enum jem_dash dash;
};

struct jem_xy {
	double x;
	double y;
};

struct jem_rect {
	double x;
	double y;
	double w;
	double h;
};

/* A level bar: from x0 to x1, its middle at y. */
struct jem_bar {
	double x0;
	double x1;
	double y;
};

enum jem_anchor {
	JEM_START,
	JEM_MIDDLE,
	JEM_END,
};

struct jem_font {
	struct jem_paint paint;
	float size;
	enum jem_anchor anchor;
	bool is_bold;
	bool is_upright; /* turned by 90 degrees, reading upwards */
};

/* Facts for scripts in a page, written by SVG as data-KEY="value". Keys are ours. */
struct jem_fact {
	const char *key;
	const char *value;
};

struct jem_canvas;

struct jem_canvas_ops {
	void (*page)(struct jem_canvas *canvas, const char *title, const char *description);
	void (*polyline)(struct jem_canvas *canvas, const struct jem_xy *points, size_t count,
			 const struct jem_pen *pen);
	void (*polygon)(struct jem_canvas *canvas, const struct jem_xy *points, size_t count,
			const struct jem_paint *paint);
	void (*rects)(struct jem_canvas *canvas, const struct jem_rect *rects, size_t count,
		      const struct jem_paint *paint);
	/* NULL: as rects. */
	void (*bars)(struct jem_canvas *canvas, const struct jem_bar *bars, size_t count,
		     double thickness, const struct jem_paint *paint);
	void (*text)(struct jem_canvas *canvas, double x, double y, const char *text,
		     const struct jem_font *font);
	double (*text_width)(struct jem_canvas *canvas, const char *text,
			     const struct jem_font *font);
	void (*clip_begin)(struct jem_canvas *canvas, const struct jem_rect *rect);
	void (*clip_end)(struct jem_canvas *canvas);
	void (*group_begin)(struct jem_canvas *canvas, const char *tooltip,
			    const struct jem_fact *facts, size_t fact_count);
	void (*group_end)(struct jem_canvas *canvas);
	void (*finish)(struct jem_canvas *canvas);
	void (*destroy)(struct jem_canvas *canvas); /* frees the canvas itself, too */
};

/* What every back end begins with. */
struct jem_canvas {
	const struct jem_canvas_ops *ops;
	struct jem_buf *out; /* borrowed, outlives us */
	double width;        /* of the page */
	double height;
	unsigned pages;
	int error; /* first one, negative errno */
};

struct jem_svg_options {
	bool is_inline;     /* for a page that has the styles of jem_palette_css: no XML frame */
	const char *script; /* of ours, for a file of its own; NULL: none. Without ]]> */
	size_t script_len;
};

int jem_svg_create(struct jem_buf *out, const struct jem_svg_options *options,
		   struct jem_canvas **ret);
/* `title` is the document's; may be NULL. */
int jem_pdf_create(struct jem_buf *out, const char *title, struct jem_canvas **ret);
/* `scale` pixels a point, 1 to 4. */
int jem_png_create(struct jem_buf *out, unsigned scale, struct jem_canvas **ret);

void jem_canvas_destroy(struct jem_canvas *canvas);

/* Ends the file: 0, or the first error: -ENOTSUP a second page in SVG or PNG, -ENOMEM, -E2BIG. */
int jem_canvas_finish(struct jem_canvas *canvas);

/* Begins a page; the description is for who cannot see it. Everything is drawn on a page. */
void jem_canvas_page(struct jem_canvas *canvas, double width, double height, const char *title,
		     const char *description);

/* A line through points; fewer than two draw nothing. Joins are round, ends are flat. */
void jem_canvas_polyline(struct jem_canvas *canvas, const struct jem_xy *points, size_t count,
			 const struct jem_pen *pen);
void jem_canvas_line(struct jem_canvas *canvas, double x0, double y0, double x1, double y1,
		     const struct jem_pen *pen);
/* A filled polygon, closed by itself, that does not cross itself. */
void jem_canvas_polygon(struct jem_canvas *canvas, const struct jem_xy *points, size_t count,
			const struct jem_paint *paint);
/* Any number of filled rectangles of one colour, cheap by the hundred thousand. */
void jem_canvas_rects(struct jem_canvas *canvas, const struct jem_rect *rects, size_t count,
		      const struct jem_paint *paint);
void jem_canvas_rect(struct jem_canvas *canvas, double x, double y, double w, double h,
		     const struct jem_paint *paint);
/* The same for level bars of one thickness, in half the bytes where the file can have that. */
void jem_canvas_bars(struct jem_canvas *canvas, const struct jem_bar *bars, size_t count,
		     double thickness, const struct jem_paint *paint);
/* One line of text; (x, y) is on its baseline, at its start, middle or end. */
void jem_canvas_text(struct jem_canvas *canvas, double x, double y, const char *text,
		     const struct jem_font *font);
/* As wide as it will be; in SVG, where the reader's font is not known, a careful guess. */
double jem_canvas_text_width(struct jem_canvas *canvas, const char *text,
			     const struct jem_font *font);
/* Cuts `text` with an ellipsis until it fits; `ret` has at least 8 bytes. */
void jem_canvas_fit_text(struct jem_canvas *canvas, const char *text, double width,
			 const struct jem_font *font, char *ret, size_t size);

/* What follows is cut at the rectangle; clips nest. */
void jem_canvas_clip_begin(struct jem_canvas *canvas, double x, double y, double w, double h);
void jem_canvas_clip_end(struct jem_canvas *canvas);

/* What belongs together; a tooltip (or NULL) and facts show up where the file can have them. */
void jem_canvas_group_begin(struct jem_canvas *canvas, const char *tooltip,
			    const struct jem_fact *facts, size_t fact_count);
void jem_canvas_group_end(struct jem_canvas *canvas);

/* The colour as 0xRRGGBB on light ground. */
uint32_t jem_paint_rgb(const struct jem_paint *paint);

static inline float jem_paint_opacity(const struct jem_paint *paint)
{
	return paint->opacity > 0 && paint->opacity < 1 ? paint->opacity : 1;
}

static inline struct jem_paint jem_paint(enum jem_colour colour)
{
	return (struct jem_paint){ .colour = colour };
}

static inline struct jem_paint jem_paint_tint(enum jem_colour colour, double opacity)
{
	return (struct jem_paint){ .colour = colour, .opacity = (float)opacity };
}

/*
 * CSS rules for the roles: .fNAME fills, .sNAME strokes. In a page they are custom properties
 * --NAME, too; an SVG file alone must do without, as not every viewer knows them.
 */
void jem_palette_css_page(struct jem_buf *css);
void jem_palette_css_alone(struct jem_buf *css);
/* Name of a role in those rules, NULL for JEM_COLOUR_RGB. */
const char *jem_colour_name(enum jem_colour colour);

/* Width of a text in Helvetica, in thousandths of its size. */
double jem_helvetica_width(const char *text, bool is_bold);

/* The character at *text as a code point, U+FFFD for bytes that are none; steps over it. */
uint32_t jem_text_next(const char **text);

#endif
