/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/canvas.h"

#include "common/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name;
	uint32_t light;
	uint32_t dark;
} palette[JEM_COLOUR_COUNT] = {
#define COLOUR(name, light, dark) [JEM_COLOUR_##name] = { #name, light, dark },
#include "receiver/graph/palette.def"
#undef COLOUR
};

/* Advance widths of 0x20 to 0x7e in thousandths, from the Adobe font metrics of the base 14. */
static const uint16_t helvetica[2][95] = {
	{ 278,  278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
	  556,  556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
	  1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
	  667,  778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
	  333,  556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
	  556,  556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584 },
	{ 278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278,
	  556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611,
	  975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778,
	  667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556,
	  333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611,
	  611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584 },
};

uint32_t jem_text_next(const char **text)
{
	const unsigned char *s = (const unsigned char *)*text;
	unsigned len = jem_utf8_char(s, strnlen(*text, 4));

	*text += len ? len : 1;
	switch (len) {
	case 1:
		return s[0];
	case 2:
		return (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
	case 3:
		return (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
	case 4:
		return (s[0] & 0x07u) << 18 | (s[1] & 0x3fu) << 12 | (s[2] & 0x3fu) << 6 |
		       (s[3] & 0x3fu);
	default:
		return 0xfffd;
	}
}

double jem_helvetica_width(const char *text, bool is_bold)
{
	double width = 0;

	while (*text) {
		uint32_t c = jem_text_next(&text);

		if (c >= 0x20 && c < 0x7f)
			width += helvetica[is_bold][c - 0x20];
		else if (c == 0xa0 || c == 0x2009 || c == 0x202f)
			width += helvetica[is_bold][0];
		else
			width += c >= 0x2e80 ? 1000 : 556; /* ideographs; all else is near an n */
	}
	return width;
}

uint32_t jem_paint_rgb(const struct jem_paint *paint)
{
	return paint->colour == JEM_COLOUR_RGB ? paint->rgb & 0xffffff
					       : palette[paint->colour].light;
}

const char *jem_colour_name(enum jem_colour colour)
{
	return colour < JEM_COLOUR_COUNT ? palette[colour].name : NULL;
}

void jem_palette_css_page(struct jem_buf *css)
{
	jem_buf_add_str(css, ":root{color-scheme:light dark;");
	for (int i = 0; i < JEM_COLOUR_COUNT; i++)
		jem_buf_printf(css, "--%s:#%06x;", palette[i].name, palette[i].light);
	jem_buf_add_str(css, "}@media screen and (prefers-color-scheme:dark){:root{");
	for (int i = 0; i < JEM_COLOUR_COUNT; i++)
		jem_buf_printf(css, "--%s:#%06x;", palette[i].name, palette[i].dark);
	jem_buf_add_str(css, "}}");
	for (int i = 0; i < JEM_COLOUR_COUNT; i++)
		jem_buf_printf(css, ".f%s{fill:var(--%s)}.s%s{stroke:var(--%s)}", palette[i].name,
			       palette[i].name, palette[i].name, palette[i].name);
}

static void add_rules(struct jem_buf *css, bool is_dark)
{
	for (int i = 0; i < JEM_COLOUR_COUNT; i++) {
		uint32_t rgb = is_dark ? palette[i].dark : palette[i].light;

		jem_buf_printf(css, ".f%s{fill:#%06x}.s%s{stroke:#%06x}", palette[i].name, rgb,
			       palette[i].name, rgb);
	}
}

void jem_palette_css_alone(struct jem_buf *css)
{
	add_rules(css, false);
	jem_buf_add_str(css, "@media screen and (prefers-color-scheme:dark){");
	add_rules(css, true);
	jem_buf_add_str(css, "}");
}

void jem_canvas_destroy(struct jem_canvas *canvas)
{
	if (canvas)
		canvas->ops->destroy(canvas);
}

int jem_canvas_finish(struct jem_canvas *canvas)
{
	if (!canvas->error)
		canvas->ops->finish(canvas);
	if (!canvas->error && canvas->out && canvas->out->failed)
		canvas->error = -ENOMEM;
	return canvas->error;
}

void jem_canvas_page(struct jem_canvas *canvas, double width, double height, const char *title,
		     const char *description)
{
	canvas->width = width;
	canvas->height = height;
	canvas->pages++;
	canvas->ops->page(canvas, title, description);
}

void jem_canvas_polyline(struct jem_canvas *canvas, const struct jem_xy *points, size_t count,
			 const struct jem_pen *pen)
{
	if (count >= 2)
		canvas->ops->polyline(canvas, points, count, pen);
}

void jem_canvas_line(struct jem_canvas *canvas, double x0, double y0, double x1, double y1,
		     const struct jem_pen *pen)
{
	const struct jem_xy points[] = { { x0, y0 }, { x1, y1 } };

	canvas->ops->polyline(canvas, points, 2, pen);
}

void jem_canvas_polygon(struct jem_canvas *canvas, const struct jem_xy *points, size_t count,
			const struct jem_paint *paint)
{
	if (count >= 3)
		canvas->ops->polygon(canvas, points, count, paint);
}

void jem_canvas_rects(struct jem_canvas *canvas, const struct jem_rect *rects, size_t count,
		      const struct jem_paint *paint)
{
	if (count)
		canvas->ops->rects(canvas, rects, count, paint);
}

void jem_canvas_rect(struct jem_canvas *canvas, double x, double y, double w, double h,
		     const struct jem_paint *paint)
{
	const struct jem_rect rect = { x, y, w, h };

	canvas->ops->rects(canvas, &rect, 1, paint);
}

void jem_canvas_bars(struct jem_canvas *canvas, const struct jem_bar *bars, size_t count,
		     double thickness, const struct jem_paint *paint)
{
	struct jem_rect rects[256];
	size_t n = 0;

	if (count && canvas->ops->bars) {
		canvas->ops->bars(canvas, bars, count, thickness, paint);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		rects[n++] = (struct jem_rect){ bars[i].x0, bars[i].y - thickness / 2,
						bars[i].x1 - bars[i].x0, thickness };
		if (n == sizeof(rects) / sizeof(*rects) || i + 1 == count) {
			canvas->ops->rects(canvas, rects, n, paint);
			n = 0;
		}
	}
}

void jem_canvas_text(struct jem_canvas *canvas, double x, double y, const char *text,
		     const struct jem_font *font)
{
	if (*text)
		canvas->ops->text(canvas, x, y, text, font);
}

double jem_canvas_text_width(struct jem_canvas *canvas, const char *text,
			     const struct jem_font *font)
{
	return canvas->ops->text_width(canvas, text, font);
}

void jem_canvas_fit_text(struct jem_canvas *canvas, const char *text, double width,
			 const struct jem_font *font, char *ret, size_t size)
{
	size_t len = jem_utf8_cut(text, strlen(text), size - sizeof("\u2026"));

	memcpy(ret, text, len);
	strcpy(ret + len, text[len] ? "\u2026" : "");
	while (len && jem_canvas_text_width(canvas, ret, font) > width) {
		len = jem_utf8_cut(text, len, len - 1);
		strcpy(ret + len, "\u2026");
	}
}

void jem_canvas_clip_begin(struct jem_canvas *canvas, double x, double y, double w, double h)
{
	const struct jem_rect rect = { x, y, w, h };

	canvas->ops->clip_begin(canvas, &rect);
}

void jem_canvas_clip_end(struct jem_canvas *canvas)
{
	canvas->ops->clip_end(canvas);
}

void jem_canvas_group_begin(struct jem_canvas *canvas, const char *tooltip,
			    const struct jem_fact *facts, size_t fact_count)
{
	canvas->ops->group_begin(canvas, tooltip, facts, fact_count);
}

void jem_canvas_group_end(struct jem_canvas *canvas)
{
	canvas->ops->group_end(canvas);
}
