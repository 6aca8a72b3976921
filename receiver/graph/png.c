/* SPDX-License-Identifier: Apache-2.0 */
/*
 * png: the canvas as pixels. Shapes by raster.c, text by FreeType from the font that is built in,
 * the file by png_encode.c. Glyphs are not hinted: they look the same at every scale and place.
 */
#include "common/cleanup.h"
#include "receiver/graph/canvas.h"
#include "receiver/graph/embed.h"
#include "receiver/graph/png_encode.h"
#include "receiver/graph/raster.h"

#include <errno.h>
#include <math.h>

#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_OUTLINE_H

JEM_EMBED(jem_font_file, JEM_FONT_FILE);

enum {
	CLIPS_MAX = 16,
	JOIN_SIDES = 12,
};

struct png {
	struct jem_canvas canvas; /* first: the ops cast back */
	struct jem_raster raster;
	unsigned scale;
	FT_Library library;
	FT_Face face;
	int clips[CLIPS_MAX][4];
	unsigned clip_count;
};

static struct png *png_of(struct jem_canvas *canvas)
{
	return (struct png *)canvas;
}

static void page(struct jem_canvas *canvas, const char *title, const char *description)
{
	struct png *png = png_of(canvas);
	int rc = -ENOTSUP;

	if (canvas->pages == 1)
		rc = jem_raster_init(&png->raster, (unsigned)ceil(canvas->width * png->scale),
				     (unsigned)ceil(canvas->height * png->scale));
	if (rc < 0 && !canvas->error)
		canvas->error = rc;
}

static bool is_ready(const struct jem_canvas *canvas)
{
	return canvas->pages && !canvas->error;
}

/* The rectangle around a segment, and a round join at its end. */
static void add_segment(struct jem_raster *raster, const struct jem_xy *from,
			const struct jem_xy *to, double half, bool has_join)
{
	double length = hypot(to->x - from->x, to->y - from->y);
	double dx = length > 0 ? (to->x - from->x) / length * half : 0;
	double dy = length > 0 ? (to->y - from->y) / length * half : 0;
	struct jem_xy corners[JOIN_SIDES] = {
		{ from->x - dy, from->y + dx },
		{ from->x + dy, from->y - dx },
		{ to->x + dy, to->y - dx },
		{ to->x - dy, to->y + dx },
	};

	for (int i = 0; length > 0 && i < 4; i++)
		jem_raster_edge(raster, corners[i].x, corners[i].y, corners[(i + 1) % 4].x,
				corners[(i + 1) % 4].y);
	if (!has_join)
		return;
	for (int i = 0; i < JOIN_SIDES; i++) {
		double angle = 2 * M_PI * i / JOIN_SIDES;

		corners[i].x = to->x + half * cos(angle);
		corners[i].y = to->y + half * sin(angle);
	}
	for (int i = 0; i < JOIN_SIDES; i++)
		jem_raster_edge(raster, corners[i].x, corners[i].y, corners[(i + 1) % JOIN_SIDES].x,
				corners[(i + 1) % JOIN_SIDES].y);
}

/* The strokes of a dashed line; `at` is how far the pattern has come. */
static void add_dashes(struct jem_raster *raster, const struct jem_xy *from,
		       const struct jem_xy *to, double half, const double dash[2], double *at)
{
	double length = hypot(to->x - from->x, to->y - from->y);
	double period = dash[0] + dash[1];

	for (double done = 0; done < length;) {
		double phase = fmod(*at, period);
		bool is_on = phase < dash[0];
		double step = fmin((is_on ? dash[0] : period) - phase, length - done);
		double a = done / length;
		double b;

		step = fmax(step, 1e-6);
		b = fmin(1, (done + step) / length);
		if (is_on) {
			struct jem_xy ends[] = {
				{ from->x + a * (to->x - from->x),
				  from->y + a * (to->y - from->y) },
				{ from->x + b * (to->x - from->x),
				  from->y + b * (to->y - from->y) },
			};

			add_segment(raster, &ends[0], &ends[1], half, false);
		}
		done += step;
		*at += step;
	}
}

static void polyline(struct jem_canvas *canvas, const struct jem_xy *points, size_t count,
		     const struct jem_pen *pen)
{
	static const double dashes[][2] = { [JEM_DASHED] = { 4, 3 }, [JEM_DOTTED] = { 1, 2 } };
	struct png *png = png_of(canvas);
	double scale = png->scale;
	double width = (double)pen->width * scale;
	double dash[2] = { dashes[pen->dash][0] * width, dashes[pen->dash][1] * width };
	double at = 0;

	if (!is_ready(canvas))
		return;
	for (size_t i = 0; i + 1 < count; i++) {
		struct jem_xy from = { points[i].x * scale, points[i].y * scale };
		struct jem_xy to = { points[i + 1].x * scale, points[i + 1].y * scale };

		if (pen->dash != JEM_SOLID && width > 0)
			add_dashes(&png->raster, &from, &to, width / 2, dash, &at);
		else
			add_segment(&png->raster, &from, &to, width / 2,
				    i + 2 < count && width > 1.5);
	}
	jem_raster_fill(&png->raster, jem_paint_rgb(&pen->paint), jem_paint_opacity(&pen->paint));
}

static void polygon(struct jem_canvas *canvas, const struct jem_xy *points, size_t count,
		    const struct jem_paint *paint)
{
	struct png *png = png_of(canvas);
	double scale = png->scale;

	if (!is_ready(canvas))
		return;
	for (size_t i = 0; i < count; i++) {
		const struct jem_xy *to = &points[(i + 1) % count];

		jem_raster_edge(&png->raster, points[i].x * scale, points[i].y * scale,
				to->x * scale, to->y * scale);
	}
	jem_raster_fill(&png->raster, jem_paint_rgb(paint), jem_paint_opacity(paint));
}

static void rects(struct jem_canvas *canvas, const struct jem_rect *rects, size_t count,
		  const struct jem_paint *paint)
{
	struct png *png = png_of(canvas);
	double scale = png->scale;

	if (!is_ready(canvas))
		return;
	for (size_t i = 0; i < count; i++)
		jem_raster_rect(&png->raster, rects[i].x * scale, rects[i].y * scale,
				(rects[i].x + rects[i].w) * scale,
				(rects[i].y + rects[i].h) * scale, jem_paint_rgb(paint),
				jem_paint_opacity(paint));
}

static bool set_size(struct png *png, const struct jem_font *font)
{
	FT_F26Dot6 size = (FT_F26Dot6)lrintf(font->size * (float)png->scale * 64);

	return FT_Set_Char_Size(png->face, 0, size, 72, 72) == 0;
}

static bool load(struct png *png, uint32_t c, const struct jem_font *font)
{
	if (FT_Load_Char(png->face, c, FT_LOAD_NO_HINTING | FT_LOAD_NO_BITMAP))
		return false;
	/* One font file is built in: bold is that one, thicker by 1/28 of its size. */
	if (font->is_bold && png->face->glyph->format == FT_GLYPH_FORMAT_OUTLINE)
		FT_Outline_Embolden(&png->face->glyph->outline,
				    png->face->size->metrics.y_ppem * 64 / 28);
	return true;
}

static double advance(const struct png *png, const struct jem_font *font)
{
	double bold = font->is_bold ? png->face->size->metrics.y_ppem / 28.0 : 0;

	return (double)png->face->glyph->linearHoriAdvance / 65536 + bold;
}

static double text_width(struct jem_canvas *canvas, const char *text, const struct jem_font *font)
{
	struct png *png = png_of(canvas);
	double width = 0;

	if (!set_size(png, font))
		return 0;
	while (*text)
		if (load(png, jem_text_next(&text), font))
			width += advance(png, font);
	return width / png->scale;
}

static void draw_glyph(struct png *png, double x, double y, const struct jem_font *font)
{
	FT_GlyphSlot slot = png->face->glyph;
	FT_Matrix upwards = { 0, -0x10000, 0x10000, 0 };
	uint32_t rgb = jem_paint_rgb(&font->paint);
	float opacity = jem_paint_opacity(&font->paint);

	if (font->is_upright)
		FT_Outline_Transform(&slot->outline, &upwards);
	/* FreeType's y grows upwards; a quarter of a pixel is as fine as the eye wants it. */
	FT_Outline_Translate(&slot->outline, (FT_Pos)lrint((x - floor(x)) * 4) * 16,
			     (FT_Pos)lrint((ceil(y) - y) * 4) * 16);
	if (FT_Render_Glyph(slot, FT_RENDER_MODE_NORMAL))
		return;
	for (unsigned row = 0; row < slot->bitmap.rows; row++)
		for (unsigned column = 0; column < slot->bitmap.width; column++) {
			unsigned gray =
				slot->bitmap.buffer[(int)row * slot->bitmap.pitch + (int)column];

			if (gray >> 4)
				jem_raster_blend(&png->raster,
						 (int)floor(x) + slot->bitmap_left + (int)column,
						 (int)ceil(y) - slot->bitmap_top + (int)row, rgb,
						 (float)(gray >> 4) / 15 * opacity);
		}
}

static void text(struct jem_canvas *canvas, double x, double y, const char *text,
		 const struct jem_font *font)
{
	static const double shares[] = { [JEM_START] = 0, [JEM_MIDDLE] = 0.5, [JEM_END] = 1 };
	struct png *png = png_of(canvas);
	double shift = shares[font->anchor] * text_width(canvas, text, font);

	if (!is_ready(canvas) || !set_size(png, font))
		return;
	x = (x - (font->is_upright ? 0 : shift)) * png->scale;
	y = (y + (font->is_upright ? shift : 0)) * png->scale;
	while (*text) {
		double step;

		if (!load(png, jem_text_next(&text), font))
			continue;
		step = advance(png, font);
		if (png->face->glyph->format == FT_GLYPH_FORMAT_OUTLINE)
			draw_glyph(png, x, y, font);
		if (font->is_upright)
			y -= step;
		else
			x += step;
	}
}

static void clip_begin(struct jem_canvas *canvas, const struct jem_rect *rect)
{
	struct png *png = png_of(canvas);
	int *before = png->raster.clip;
	double scale = png->scale;

	if (!is_ready(canvas))
		return;
	if (png->clip_count == CLIPS_MAX) {
		canvas->error = -E2BIG;
		return;
	}
	memcpy(png->clips[png->clip_count++], before, sizeof(png->raster.clip));
	jem_raster_clip(&png->raster, fmax(before[0], floor(rect->x * scale)),
			fmax(before[1], floor(rect->y * scale)),
			fmin(before[2], ceil((rect->x + rect->w) * scale)),
			fmin(before[3], ceil((rect->y + rect->h) * scale)));
}

static void clip_end(struct jem_canvas *canvas)
{
	struct png *png = png_of(canvas);

	if (is_ready(canvas) && png->clip_count)
		memcpy(png->raster.clip, png->clips[--png->clip_count], sizeof(png->raster.clip));
}

static void group_begin(struct jem_canvas *canvas, const char *tooltip,
			const struct jem_fact *facts, size_t fact_count)
{
}

static void group_end(struct jem_canvas *canvas)
{
}

static void finish(struct jem_canvas *canvas)
{
	struct png *png = png_of(canvas);

	if (canvas->pages)
		canvas->error = jem_png_encode(canvas->out, png->raster.rgb, png->raster.width,
					       png->raster.height, png->scale);
}

static void destroy(struct jem_canvas *canvas)
{
	struct png *png = png_of(canvas);

	jem_raster_deinit(&png->raster);
	if (png->face)
		FT_Done_Face(png->face);
	if (png->library)
		FT_Done_FreeType(png->library);
	free(png);
}

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

int jem_png_create(struct jem_buf *out, unsigned scale, struct jem_canvas **ret)
{
	struct png *png = calloc(1, sizeof(*png));

	if (!png)
		return -ENOMEM;
	png->canvas.ops = &ops;
	png->canvas.out = out;
	png->scale = scale < 1 ? 1 : scale > 4 ? 4 : scale;
	if (FT_Init_FreeType(&png->library) ||
	    FT_New_Memory_Face(png->library, (const FT_Byte *)jem_font_file,
			       jem_font_file_end - jem_font_file, 0, &png->face)) {
		destroy(&png->canvas);
		return -ENOMEM;
	}
	*ret = &png->canvas;
	return 0;
}
