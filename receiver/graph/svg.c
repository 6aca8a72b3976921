/* SPDX-License-Identifier: Apache-2.0 */
/*
 * svg: one path per call with relative coordinates in tenths of a point (rectangles: hundredths),
 * which is about a third of the size of absolute ones. Follows SVG 1.1, without identifiers, so
 * that any number of drawings fit into one page.
 */
#include "common/cleanup.h"
#include "receiver/graph/canvas.h"
#include "receiver/graph/escape.h"
#include "receiver/graph/fixed.h"

#include <errno.h>

struct svg {
	struct jem_canvas canvas; /* first: the ops cast back */
	struct jem_svg_options options;
};

static struct jem_buf *out_of(struct jem_canvas *canvas)
{
	return canvas->out;
}

static void put_pair(struct jem_buf *out, long x, long y, int per_point)
{
	jem_fixed_put(out, x, per_point, true);
	jem_fixed_put(out, y, per_point, false);
}

static void put_coordinate(struct jem_buf *out, const char *name, double value)
{
	jem_buf_printf(out, " %s=\"", name);
	jem_fixed_add(out, value, 100, true);
	jem_buf_add_char(out, '"');
}

static void put_escaped(struct jem_buf *out, const char *text)
{
	jem_escape_markup(out, text, strlen(text));
}

/* ` class="fink"` or ` fill="#123456"`, and the opacity. */
static void put_paint(struct jem_buf *out, const struct jem_paint *paint, bool is_stroke)
{
	if (paint->colour == JEM_COLOUR_RGB)
		jem_buf_printf(out, " %s=\"#%06x\"", is_stroke ? "stroke" : "fill",
			       paint->rgb & 0xffffff);
	else
		jem_buf_printf(out, " class=\"%c%s\"", is_stroke ? 's' : 'f',
			       jem_colour_name(paint->colour));
	if (jem_paint_opacity(paint) < 1)
		put_coordinate(out, "opacity", (double)jem_paint_opacity(paint));
}

static void page(struct jem_canvas *canvas, const char *title, const char *description)
{
	struct svg *svg = (struct svg *)canvas;
	struct jem_buf *out = out_of(canvas);

	if (canvas->pages > 1) {
		canvas->error = -ENOTSUP;
		return;
	}
	if (!svg->options.is_inline)
		jem_buf_add_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	jem_buf_add_str(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"");
	jem_buf_printf(out, " viewBox=\"0 0 %ld %ld\"", jem_fixed(canvas->width, 1),
		       jem_fixed(canvas->height, 1));
	if (svg->options.is_inline) {
		/* A label, no title: a title would follow the mouse over the whole graph. */
		jem_buf_add_str(out, " aria-label=\"");
		put_escaped(out, title);
		jem_buf_add_str(out, ". ");
		put_escaped(out, description);
		jem_buf_add_str(out, "\">");
	} else {
		put_coordinate(out, "width", canvas->width);
		put_coordinate(out, "height", canvas->height);
		jem_buf_add_str(out, " font-family=\"system-ui,-apple-system,'Segoe UI',Roboto,"
				     "'Helvetica Neue',Arial,'DejaVu Sans',sans-serif\">\n<title>");
		put_escaped(out, title);
		jem_buf_add_str(out, "</title>\n<desc>");
		put_escaped(out, description);
		jem_buf_add_str(out, "</desc>\n<style>");
		jem_palette_css_alone(out);
		jem_buf_add_str(out, "</style>\n");
	}
	jem_buf_add_str(out, "<g stroke-linejoin=\"round\">");
}

/* The path through the points, without those in the middle of a level stretch. */
static void put_path(struct jem_buf *out, const struct jem_xy *points, size_t count)
{
	long x = jem_fixed(points[0].x, 10);
	long y = jem_fixed(points[0].y, 10);
	bool is_open = false;

	jem_buf_add_char(out, 'M');
	put_pair(out, x, y, 10);
	for (size_t i = 1; i < count; i++) {
		long to_x = jem_fixed(points[i].x, 10);
		long to_y = jem_fixed(points[i].y, 10);

		if (i + 1 < count && to_y == y && jem_fixed(points[i + 1].y, 10) == y &&
		    points[i + 1].x >= points[i].x && to_x >= x)
			continue;
		if (to_x == x && to_y == y && count > 2)
			continue;
		if (!is_open)
			jem_buf_add_char(out, 'l');
		jem_fixed_put(out, to_x - x, 10, !is_open);
		jem_fixed_put(out, to_y - y, 10, false);
		is_open = true;
		x = to_x;
		y = to_y;
	}
}

static void polyline(struct jem_canvas *canvas, const struct jem_xy *points, size_t count,
		     const struct jem_pen *pen)
{
	static const double dashes[][2] = { [JEM_DASHED] = { 4, 3 }, [JEM_DOTTED] = { 1, 2 } };
	struct jem_buf *out = out_of(canvas);
	double width = (double)pen->width;

	jem_buf_add_str(out, "<path fill=\"none\"");
	put_paint(out, &pen->paint, true);
	if (jem_fixed(width, 100) != 100)
		put_coordinate(out, "stroke-width", width);
	if (pen->dash != JEM_SOLID) {
		jem_buf_add_str(out, " stroke-dasharray=\"");
		jem_fixed_add(out, dashes[pen->dash][0] * width, 100, true);
		jem_fixed_add(out, dashes[pen->dash][1] * width, 100, false);
		jem_buf_add_char(out, '"');
	}
	jem_buf_add_str(out, " d=\"");
	put_path(out, points, count);
	jem_buf_add_str(out, "\"/>\n");
}

static void polygon(struct jem_canvas *canvas, const struct jem_xy *points, size_t count,
		    const struct jem_paint *paint)
{
	struct jem_buf *out = out_of(canvas);

	jem_buf_add_str(out, "<path");
	put_paint(out, paint, false);
	jem_buf_add_str(out, " d=\"");
	put_path(out, points, count);
	jem_buf_add_str(out, "z\"/>\n");
}

static void rects(struct jem_canvas *canvas, const struct jem_rect *rects, size_t count,
		  const struct jem_paint *paint)
{
	struct jem_buf *out = out_of(canvas);
	long x = 0;
	long y = 0;

	jem_buf_add_str(out, "<path");
	put_paint(out, paint, false);
	jem_buf_add_str(out, " d=\"");
	for (size_t i = 0; i < count; i++) {
		long x0 = jem_fixed(rects[i].x, 100);
		long y0 = jem_fixed(rects[i].y, 100);
		long w = jem_fixed(rects[i].x + rects[i].w, 100) - x0;
		long h = jem_fixed(rects[i].y + rects[i].h, 100) - y0;

		/* After z the current point is the corner, so `m` goes on from there. */
		jem_buf_add_char(out, i ? 'm' : 'M');
		put_pair(out, x0 - x, y0 - y, 100);
		jem_buf_add_char(out, 'h');
		jem_fixed_put(out, w, 100, true);
		jem_buf_add_char(out, 'v');
		jem_fixed_put(out, h, 100, true);
		jem_buf_add_char(out, 'h');
		jem_fixed_put(out, -w, 100, true);
		jem_buf_add_char(out, 'z');
		x = x0;
		y = y0;
	}
	jem_buf_add_str(out, "\"/>\n");
}

/* Strokes take nine bytes where a rectangle takes twenty. */
static void bars(struct jem_canvas *canvas, const struct jem_bar *bars, size_t count,
		 double thickness, const struct jem_paint *paint)
{
	struct jem_buf *out = out_of(canvas);
	long x = 0;
	long y = 0;

	jem_buf_add_str(out, "<path");
	put_paint(out, paint, true);
	put_coordinate(out, "stroke-width", thickness);
	jem_buf_add_str(out, " d=\"");
	for (size_t i = 0; i < count; i++) {
		long x0 = jem_fixed(bars[i].x0, 100);
		long y0 = jem_fixed(bars[i].y, 100);
		long w = jem_fixed(bars[i].x1, 100) - x0;

		w = w ? w : 1; /* without length there is no stroke */
		jem_buf_add_char(out, i ? 'm' : 'M');
		put_pair(out, x0 - x, y0 - y, 100);
		jem_buf_add_char(out, 'h');
		jem_fixed_put(out, w, 100, true);
		x = x0 + w;
		y = y0;
	}
	jem_buf_add_str(out, "\"/>\n");
}

static void text(struct jem_canvas *canvas, double x, double y, const char *text,
		 const struct jem_font *font)
{
	static const char *const anchors[] = { NULL, "middle", "end" };
	struct jem_buf *out = out_of(canvas);

	jem_buf_add_str(out, "<text");
	put_coordinate(out, "x", x);
	put_coordinate(out, "y", y);
	put_coordinate(out, "font-size", (double)font->size);
	put_paint(out, &font->paint, false);
	if (font->anchor != JEM_START)
		jem_buf_printf(out, " text-anchor=\"%s\"", anchors[font->anchor]);
	if (font->is_bold)
		jem_buf_add_str(out, " font-weight=\"600\"");
	if (font->is_upright) {
		jem_buf_add_str(out, " transform=\"rotate(-90 ");
		put_pair(out, jem_fixed(x, 100), jem_fixed(y, 100), 100);
		jem_buf_add_str(out, ")\"");
	}
	jem_buf_add_char(out, '>');
	put_escaped(out, text);
	jem_buf_add_str(out, "</text>\n");
}

static double text_width(struct jem_canvas *canvas, const char *text, const struct jem_font *font)
{
	/* The widest font that readers are likely to have, DejaVu Sans, is this much wider. */
	return jem_helvetica_width(text, font->is_bold) * 1.15e-3 * (double)font->size;
}

/* An inner drawing cuts at its edges; a clip path would need an identifier. */
static void clip_begin(struct jem_canvas *canvas, const struct jem_rect *rect)
{
	struct jem_buf *out = out_of(canvas);

	jem_buf_add_str(out, "<svg");
	put_coordinate(out, "x", rect->x);
	put_coordinate(out, "y", rect->y);
	put_coordinate(out, "width", rect->w);
	put_coordinate(out, "height", rect->h);
	jem_buf_add_str(out, " viewBox=\"");
	put_pair(out, jem_fixed(rect->x, 100), jem_fixed(rect->y, 100), 100);
	jem_fixed_add(out, rect->w, 100, false);
	jem_fixed_add(out, rect->h, 100, false);
	jem_buf_add_str(out, "\">");
}

static void clip_end(struct jem_canvas *canvas)
{
	jem_buf_add_str(out_of(canvas), "</svg>\n");
}

static void group_begin(struct jem_canvas *canvas, const char *tooltip,
			const struct jem_fact *facts, size_t fact_count)
{
	struct jem_buf *out = out_of(canvas);

	jem_buf_add_str(out, "<g");
	for (size_t i = 0; i < fact_count; i++) {
		jem_buf_printf(out, " data-%s=\"", facts[i].key);
		put_escaped(out, facts[i].value);
		jem_buf_add_char(out, '"');
	}
	jem_buf_add_char(out, '>');
	if (!tooltip)
		return;
	jem_buf_add_str(out, "<title>");
	put_escaped(out, tooltip);
	jem_buf_add_str(out, "</title>");
}

static void group_end(struct jem_canvas *canvas)
{
	jem_buf_add_str(out_of(canvas), "</g>\n");
}

static void finish(struct jem_canvas *canvas)
{
	const struct jem_svg_options *options = &((struct svg *)canvas)->options;
	struct jem_buf *out = out_of(canvas);

	if (!canvas->pages)
		return;
	jem_buf_add_str(out, "</g>");
	if (options->script && !options->is_inline) {
		jem_buf_add_str(out, "<script><![CDATA[\n");
		jem_buf_add(out, options->script, options->script_len);
		jem_buf_add_str(out, "]]></script>\n");
	}
	jem_buf_add_str(out, "</svg>\n");
}

static void destroy(struct jem_canvas *canvas)
{
	free(canvas);
}

static const struct jem_canvas_ops ops = {
	.page = page,
	.polyline = polyline,
	.polygon = polygon,
	.rects = rects,
	.bars = bars,
	.text = text,
	.text_width = text_width,
	.clip_begin = clip_begin,
	.clip_end = clip_end,
	.group_begin = group_begin,
	.group_end = group_end,
	.finish = finish,
	.destroy = destroy,
};

int jem_svg_create(struct jem_buf *out, const struct jem_svg_options *options,
		   struct jem_canvas **ret)
{
	struct svg *svg = calloc(1, sizeof(*svg));

	if (!svg)
		return -ENOMEM;
	svg->canvas.ops = &ops;
	svg->canvas.out = out;
	if (options)
		svg->options = *options;
	*ret = &svg->canvas;
	return 0;
}
