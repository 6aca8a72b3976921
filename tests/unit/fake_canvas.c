/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_canvas.h"

#include "tests/unit/check.h"

static void put_paint(struct jem_buf *out, const struct jem_paint *paint)
{
	if (paint->colour == JEM_COLOUR_RGB)
		jem_buf_printf(out, " #%06x", paint->rgb);
	else
		jem_buf_printf(out, " %s", jem_colour_name(paint->colour));
	if (jem_paint_opacity(paint) < 1)
		jem_buf_printf(out, "/%.2f", (double)jem_paint_opacity(paint));
}

static void put_points(struct jem_buf *out, const struct jem_xy *points, size_t count)
{
	for (size_t i = 0; i < count; i++)
		jem_buf_printf(out, " %.1f,%.1f", points[i].x, points[i].y);
	jem_buf_add_char(out, '\n');
}

static void page(struct jem_canvas *canvas, const char *title, const char *description)
{
	jem_buf_printf(canvas->out, "page %.0f %.0f %s: %s\n", canvas->width, canvas->height, title,
		       description);
}

static void polyline(struct jem_canvas *canvas, const struct jem_xy *points, size_t count,
		     const struct jem_pen *pen)
{
	static const char *const dashes[] = { "", " dashed", " dotted" };

	jem_buf_add_str(canvas->out, "line");
	put_paint(canvas->out, &pen->paint);
	jem_buf_printf(canvas->out, " %.1f%s", (double)pen->width, dashes[pen->dash]);
	put_points(canvas->out, points, count);
}

static void polygon(struct jem_canvas *canvas, const struct jem_xy *points, size_t count,
		    const struct jem_paint *paint)
{
	jem_buf_add_str(canvas->out, "polygon");
	put_paint(canvas->out, paint);
	put_points(canvas->out, points, count);
}

static void rects(struct jem_canvas *canvas, const struct jem_rect *rects, size_t count,
		  const struct jem_paint *paint)
{
	jem_buf_add_str(canvas->out, "rects");
	put_paint(canvas->out, paint);
	for (size_t i = 0; i < count; i++)
		jem_buf_printf(canvas->out, " %.1f,%.1f+%.1fx%.1f", rects[i].x, rects[i].y,
			       rects[i].w, rects[i].h);
	jem_buf_add_char(canvas->out, '\n');
}

static void text(struct jem_canvas *canvas, double x, double y, const char *text,
		 const struct jem_font *font)
{
	static const char *const anchors[] = { "", " middle", " end" };

	jem_buf_add_str(canvas->out, "text");
	put_paint(canvas->out, &font->paint);
	jem_buf_printf(canvas->out, " %.0f%s%s%s %.1f,%.1f %s\n", (double)font->size,
		       anchors[font->anchor], font->is_bold ? " bold" : "",
		       font->is_upright ? " upright" : "", x, y, text);
}

static double text_width(struct jem_canvas *canvas, const char *text, const struct jem_font *font)
{
	double count = 0;

	for (; *text; count++)
		jem_text_next(&text);
	return count * 0.6 * (double)font->size;
}

static void clip_begin(struct jem_canvas *canvas, const struct jem_rect *rect)
{
	jem_buf_printf(canvas->out, "clip %.1f,%.1f+%.1fx%.1f\n", rect->x, rect->y, rect->w,
		       rect->h);
}

static void clip_end(struct jem_canvas *canvas)
{
	jem_buf_add_str(canvas->out, "unclip\n");
}

static void group_begin(struct jem_canvas *canvas, const char *tooltip,
			const struct jem_fact *facts, size_t fact_count)
{
	jem_buf_add_str(canvas->out, "group");
	for (size_t i = 0; i < fact_count; i++)
		jem_buf_printf(canvas->out, " %s=%s", facts[i].key, facts[i].value);
	jem_buf_printf(canvas->out, "%s%s\n", tooltip ? " tooltip " : "", tooltip ? tooltip : "");
}

static void group_end(struct jem_canvas *canvas)
{
	jem_buf_add_str(canvas->out, "end\n");
}

static void finish(struct jem_canvas *canvas)
{
	jem_buf_add_str(canvas->out, "finish\n");
}

static void destroy(struct jem_canvas *canvas)
{
	free(canvas);
}

struct jem_canvas *fake_canvas_create(struct jem_buf *out)
{
	static const struct jem_canvas_ops ops = {
		.page = page,
		.polyline = polyline,
		.polygon = polygon,
		.rects = rects,
		.text = text,
		.text_width = text_width,
		.clip_begin = clip_begin,
		.clip_end = clip_end,
		.group_begin = group_begin,
		.group_end = group_end,
		.finish = finish,
		.destroy = destroy,
	};
	struct jem_canvas *canvas = calloc(1, sizeof(*canvas));

	CHECK(canvas);
	canvas->ops = &ops;
	canvas->out = out;
	return canvas;
}
