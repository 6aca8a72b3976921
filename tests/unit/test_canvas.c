/* SPDX-License-Identifier: Apache-2.0 */
/* The three back ends, looked into without a viewer: structure, numbers, escapes, equal bytes. */
#include "common/cleanup.h"
#include "receiver/graph/canvas.h"
#include "receiver/graph/fixed.h"
#include "receiver/graph/raster.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <math.h>
#include <zlib.h>

static const char hostile[] = "a<b>&\"'\x01\x1b[31m\xff\xed\xa0\x80\xe2\x80\xae)(\\]]>--%s";

/* A drawing with everything in it. */
static void draw(struct jem_canvas *canvas)
{
	static const struct jem_xy points[] = { { 10, 10 }, { 30, 25.5 }, { 50, 12 }, { 90, 12 } };
	static const struct jem_rect rects[] = { { 5, 5, 10, 10 },
						 { 20.5, 5, 3, 4 },
						 { 40, 9, 1, 1 } };
	struct jem_pen pen = { jem_paint(JEM_COLOUR_C2), 1.5f, JEM_SOLID };
	struct jem_paint tint = jem_paint_tint(JEM_COLOUR_C1, 0.25);
	struct jem_paint rgb = { JEM_COLOUR_RGB, 0x123456, 0 };
	struct jem_font font = { .paint = jem_paint(JEM_COLOUR_ink), .size = 11 };
	const struct jem_fact fact = { "name", hostile };

	jem_canvas_page(canvas, 100, 60, hostile, hostile);
	jem_canvas_group_begin(canvas, hostile, &fact, 1);
	jem_canvas_rects(canvas, rects, 3, &tint);
	jem_canvas_clip_begin(canvas, 8, 8, 60, 30);
	jem_canvas_polyline(canvas, points, 4, &pen);
	pen.dash = JEM_DASHED;
	jem_canvas_polyline(canvas, points, 4, &pen);
	jem_canvas_clip_end(canvas);
	jem_canvas_polygon(canvas, points, 3, &rgb);
	jem_canvas_text(canvas, 50, 40, hostile, &font);
	font.is_upright = font.is_bold = true;
	font.anchor = JEM_END;
	jem_canvas_text(canvas, 12, 50, "upright \u20ac \u03b1", &font);
	jem_canvas_group_end(canvas);
}

enum format {
	SVG,
	INLINE,
	PDF,
	PNG,
};

static struct jem_canvas *create(enum format format, struct jem_buf *out)
{
	static const struct jem_svg_options in_page = { .is_inline = true };
	struct jem_canvas *canvas = NULL;

	jem_buf_init(out, 0);
	switch (format) {
	case SVG:
		CHECK_OK(jem_svg_create(out, NULL, &canvas));
		break;
	case INLINE:
		CHECK_OK(jem_svg_create(out, &in_page, &canvas));
		break;
	case PDF:
		CHECK_OK(jem_pdf_create(out, hostile, &canvas));
		break;
	case PNG:
		CHECK_OK(jem_png_create(out, 2, &canvas));
		break;
	}
	return canvas;
}

static void draw_to(enum format format, struct jem_buf *out)
{
	struct jem_canvas *canvas = create(format, out);

	draw(canvas);
	CHECK_OK(jem_canvas_finish(canvas));
	jem_canvas_destroy(canvas);
}

CASE(equal_calls_give_equal_bytes)
{
	for (enum format format = SVG; format <= PNG; format++) {
		struct jem_buf a;
		struct jem_buf b;

		draw_to(format, &a);
		draw_to(format, &b);
		CHECK_EQ(a.len, b.len);
		CHECK(!memcmp(a.data, b.data, a.len));
		jem_buf_deinit(&a);
		jem_buf_deinit(&b);
	}
}

CASE(svg_escapes_texts_everywhere)
{
	struct jem_buf out;

	for (enum format format = SVG; format <= INLINE; format++) {
		draw_to(format, &out);
		CHECK(!memchr(out.data, 0x01, out.len) && !memchr(out.data, 0x1b, out.len));
		CHECK(!strstr(jem_buf_cstr(&out), "\xe2\x80\xae"));
		CHECK(!strstr(out.data, "a<b>") && !strstr(out.data, "]]>"));
		CHECK_CONTAINS(out.data, "data-name=\"a&lt;b&gt;&amp;&quot;&#39;\u2401\u241b[31m");
		CHECK_CONTAINS(out.data, "<title>a&lt;b&gt;");
		CHECK_CONTAINS(out.data, "\ufffd");
		jem_buf_deinit(&out);
	}
}

CASE(svg_is_small_and_exact)
{
	static const struct jem_xy level[] = {
		{ 0, 5 }, { 1, 5 }, { 2, 5 }, { 3, 5 }, { 4, 6.25 }
	};
	static const struct jem_rect rects[] = { { 1, 2, 3, 4 }, { 1.5, 2.125, .25, 4 } };
	struct jem_pen pen = { jem_paint(JEM_COLOUR_C1), 1, JEM_SOLID };
	struct jem_paint paint = jem_paint(JEM_COLOUR_C3);
	struct jem_buf out;
	struct jem_canvas *canvas = create(INLINE, &out);

	jem_canvas_page(canvas, 10, 10, "t", "d");
	jem_canvas_polyline(canvas, level, 5, &pen);
	jem_canvas_rects(canvas, rects, 2, &paint);
	CHECK_OK(jem_canvas_finish(canvas));
	jem_canvas_destroy(canvas);
	CHECK_CONTAINS(jem_buf_cstr(&out),
		       "<path fill=\"none\" class=\"sC1\" d=\"M0 5l3 0 1 1.2\"/>");
	CHECK_CONTAINS(out.data, "<path class=\"fC3\" d=\"M1 2h3v4h-3zm.5 .12h.25v4h-.25z\"/>");
	jem_buf_deinit(&out);
}

CASE(numbers_take_as_few_characters_as_can_be)
{
	static const struct {
		double value;
		int per_unit;
		const char *text;
	} numbers[] = {
		{ 0, 10, "0" },           { -0.04, 10, "0" }, { 0.5, 10, ".5" },
		{ -0.5, 10, "-.5" },      { 12, 100, "12" },  { 12.3, 100, "12.3" },
		{ 12.05, 100, "12.05" },  { NAN, 10, "0" },   { -1234.567, 1000, "-1234.567" },
		{ 1e300, 1, "10000000" },
	};
	struct jem_buf out;

	jem_buf_init(&out, 0);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		jem_buf_clear(&out);
		jem_fixed_add(&out, numbers[i].value, numbers[i].per_unit, true);
		CHECK_STR(jem_buf_cstr(&out), numbers[i].text);
	}
	jem_buf_deinit(&out);
}

CASE(a_second_page_is_for_pdf_only)
{
	for (enum format format = SVG; format <= PNG; format++) {
		struct jem_buf out;
		struct jem_canvas *canvas = create(format, &out);

		draw(canvas);
		draw(canvas);
		CHECK_EQ(jem_canvas_finish(canvas), format == PDF ? 0 : -ENOTSUP);
		jem_canvas_destroy(canvas);
		jem_buf_deinit(&out);
	}
}

static size_t find(const struct jem_buf *buf, const char *text, size_t from)
{
	char *at = from < buf->len ? memmem(buf->data + from, buf->len - from, text, strlen(text))
				   : NULL;

	return at ? (size_t)(at - buf->data) : 0;
}

CASE(pdf_has_a_true_table_of_objects)
{
	struct jem_buf out;
	struct jem_canvas *canvas = create(PDF, &out);
	unsigned objects;
	size_t xref;
	size_t at;

	for (int i = 0; i < 3; i++)
		draw(canvas);
	CHECK_OK(jem_canvas_finish(canvas));
	jem_canvas_destroy(canvas);
	CHECK(!memcmp(out.data, "%PDF-1.4\n", 9));
	at = find(&out, "startxref\n", 0);
	CHECK(at);
	xref = strtoul(out.data + at + 10, NULL, 10);
	CHECK_EQ(sscanf(out.data + xref, "xref\n0 %u\n", &objects), 1);
	CHECK_EQ(objects, 8 + 3 * 3);
	at = find(&out, "f \n", xref) + 3;
	for (unsigned i = 1; i < objects; i++, at += 20) {
		char wanted[32];
		size_t offset = strtoul(out.data + at, NULL, 10);

		snprintf(wanted, sizeof(wanted), "%u 0 obj\n", i);
		if (strncmp(out.data + offset, wanted, strlen(wanted)) != 0)
			check_fail(__FILE__, __LINE__, "object %u is not at %zu", i, offset);
	}
	jem_buf_deinit(&out);
}

CASE(pdf_streams_inflate_to_balanced_drawings)
{
	static char text[65536];
	struct jem_buf out;
	uLongf len = sizeof(text) - 1;
	size_t start;
	size_t end;

	draw_to(PDF, &out);
	start = find(&out, "stream\n", 0) + 7;
	end = find(&out, "\nendstream", start);
	CHECK(start > 7 && end);
	CHECK_EQ(uncompress((Bytef *)text, &len, (const Bytef *)out.data + start, end - start),
		 Z_OK);
	text[len] = '\0';
	/* Parentheses and the backslash are escaped, what WinAnsi has not is a question mark. */
	CHECK_CONTAINS(text, "(a<b>&\"'??[31m?????\\)\\(\\\\]]>--%s)Tj");
	CHECK_CONTAINS(text, "(upright \x80 ?)Tj");
	CHECK_CONTAINS(text, " re\nW n\n");
	CHECK_CONTAINS(text, "Q\n");
	CHECK_CONTAINS(text, "[6 4.5] 0 d");
	CHECK_CONTAINS(text, "/G5 gs");
	jem_buf_deinit(&out);
}

static double coverage(const struct jem_raster *raster)
{
	double sum = 0;

	for (size_t i = 0; i < (size_t)raster->width * raster->height; i++)
		sum += (255 - raster->rgb[3 * i]) / 255.0;
	return sum;
}

static void add_polygon(struct jem_raster *raster, const double (*points)[2], int count)
{
	for (int i = 0; i < count; i++)
		jem_raster_edge(raster, points[i][0], points[i][1], points[(i + 1) % count][0],
				points[(i + 1) % count][1]);
}

CASE(rasters_cover_exactly_the_area_of_a_shape)
{
	static const double triangle[][2] = { { 3.25, 2.5 }, { 27.75, 8 }, { 9, 28.5 } };
	static const double rectangle[][2] = { { 4.5, 4.5 }, { 20, 4.5 }, { 20, 12 }, { 4.5, 12 } };
	struct jem_raster raster;

	CHECK_OK(jem_raster_init(&raster, 32, 32));
	add_polygon(&raster, triangle, 3);
	jem_raster_fill(&raster, 0, 1);
	/* Shoelace: 0.5 |24.5 * 26 - 5.75 * 5.5|; sixteen steps of coverage round off a little. */
	CHECK_NEAR(coverage(&raster), 302.6875, 1.5);
	jem_raster_deinit(&raster);
	CHECK_OK(jem_raster_init(&raster, 32, 32));
	add_polygon(&raster, rectangle, 4);
	jem_raster_fill(&raster, 0, 1);
	CHECK_NEAR(coverage(&raster), 15.5 * 7.5, 1.0);
	jem_raster_deinit(&raster);
	CHECK_OK(jem_raster_init(&raster, 32, 32));
	jem_raster_rect(&raster, 4.5, 4.5, 20, 12, 0, 1);
	CHECK_NEAR(coverage(&raster), 15.5 * 7.5, 0.5);
	jem_raster_deinit(&raster);
}

/* What is cut off by a clip leaves the rest as it is, however far outside it goes. */
CASE(rasters_clip_without_a_trace)
{
	static const double wide[][2] = {
		{ -5000, 10 }, { 9000, 17 }, { 9000, 19 }, { -5000, 12 }
	};
	static const double tall[][2] = { { 10, -9e5 }, { 12, -9e5 }, { 12, 9e5 }, { 10, 9e5 } };
	static const double outside[][2] = { { 100, 5 }, { 200, 5 }, { 200, 15 }, { 100, 15 } };
	struct jem_raster raster;

	CHECK_OK(jem_raster_init(&raster, 32, 32));
	jem_raster_clip(&raster, 4, 4, 28, 28);
	add_polygon(&raster, wide, 4);
	jem_raster_fill(&raster, 0, 1);
	CHECK_NEAR(coverage(&raster), 24 * 2, 1.5);
	CHECK_EQ(raster.rgb[3 * (13 * 32 + 3)], 255);
	CHECK_EQ(raster.rgb[3 * (13 * 32 + 28)], 255);
	jem_raster_deinit(&raster);
	CHECK_OK(jem_raster_init(&raster, 32, 32));
	add_polygon(&raster, tall, 4);
	jem_raster_fill(&raster, 0, 1);
	CHECK_NEAR(coverage(&raster), 2 * 32, 0.5);
	add_polygon(&raster, outside, 4);
	jem_raster_edge(&raster, NAN, 0, 5, INFINITY);
	jem_raster_fill(&raster, 0, 1);
	jem_raster_rect(&raster, NAN, 0, 5, INFINITY, 0, 1);
	CHECK_NEAR(coverage(&raster), 2 * 32, 0.5);
	jem_raster_deinit(&raster);
	CHECK_EQ(jem_raster_init(&raster, 0, 5), -EINVAL);
	CHECK_EQ(jem_raster_init(&raster, 5, JEM_RASTER_SIDE + 1), -EINVAL);
}

struct png {
	unsigned width;
	unsigned height;
	unsigned type;
	uint8_t palette[768];
	uint8_t *rows; /* owned; each after its filter byte */
};

static uint32_t read_u32(const char *at)
{
	const uint8_t *u = (const uint8_t *)at;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* Reads a file of ours and checks every sum in it. */
static void read_png(const struct jem_buf *file, struct png *png)
{
	uLongf len;

	CHECK(file->len > 8 && !memcmp(file->data, "\x89PNG\r\n\x1a\n", 8));
	for (size_t at = 8; at < file->len; at += 12 + read_u32(file->data + at)) {
		const char *chunk = file->data + at;
		uint32_t size = read_u32(chunk);

		CHECK(at + 12 + size <= file->len);
		CHECK_EQ(crc32(0, (const Bytef *)chunk + 4, size + 4), read_u32(chunk + 8 + size));
		if (!memcmp(chunk + 4, "IHDR", 4)) {
			png->width = read_u32(chunk + 8);
			png->height = read_u32(chunk + 12);
			CHECK_EQ(chunk[16], 8);
			png->type = (uint8_t)chunk[17];
		} else if (!memcmp(chunk + 4, "PLTE", 4)) {
			CHECK_LE(size, sizeof(png->palette));
			memcpy(png->palette, chunk + 8, size);
		} else if (!memcmp(chunk + 4, "IDAT", 4)) {
			len = ((uLongf)png->width * (png->type == 3 ? 1 : 3) + 1) * png->height;
			png->rows = malloc(len);
			CHECK(png->rows);
			CHECK_EQ(uncompress(png->rows, &len, (const Bytef *)chunk + 8, size), Z_OK);
		}
	}
}

static uint32_t pixel(const struct png *png, unsigned x, unsigned y)
{
	const uint8_t *rgb = png->palette + 3 * png->rows[y * (png->width + 1) + 1 + x];

	CHECK_EQ(png->type, 3);
	return (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
}

CASE(png_has_the_pixels_that_were_drawn)
{
	struct jem_paint rgb = { JEM_COLOUR_RGB, 0x123456, 0 };
	struct jem_pen pen = { { JEM_COLOUR_RGB, 0xff0000, 0 }, 4, JEM_SOLID };
	struct jem_font font = { .paint = jem_paint(JEM_COLOUR_ink), .size = 20 };
	struct jem_buf out;
	struct png png = { 0 };
	struct jem_canvas *canvas = create(PNG, &out);
	unsigned inked = 0;

	jem_canvas_page(canvas, 60, 30, "t", "d");
	jem_canvas_rect(canvas, 1, 1, 10, 10, &rgb);
	jem_canvas_line(canvas, 20, 15, 20, 25, &pen);
	jem_canvas_text(canvas, 30, 25, "Hg", &font);
	CHECK_NEAR(jem_canvas_text_width(canvas, "Hg", &font), 27.7, 0.5);
	CHECK_OK(jem_canvas_finish(canvas));
	jem_canvas_destroy(canvas);
	read_png(&out, &png);
	CHECK_EQ(png.width, 120);
	CHECK_EQ(png.height, 60);
	CHECK_EQ(pixel(&png, 0, 0), 0xffffff);
	CHECK_EQ(pixel(&png, 2, 2), 0x123456);
	CHECK_EQ(pixel(&png, 21, 21), 0x123456);
	CHECK_EQ(pixel(&png, 22, 21), 0xffffff);
	CHECK_EQ(pixel(&png, 40, 40), 0xff0000);
	CHECK_EQ(pixel(&png, 40, 51), 0xffffff);
	for (unsigned y = 0; y < 60; y++)
		for (unsigned x = 60; x < 120; x++)
			inked += pixel(&png, x, y) == 0x1b2430;
	CHECK_GE(inked, 100);
	free(png.rows);
	jem_buf_deinit(&out);
}

CASE(png_keeps_many_colours_without_a_palette)
{
	struct jem_buf out;
	struct png png = { 0 };
	struct jem_canvas *canvas = create(PNG, &out);

	jem_canvas_page(canvas, 50, 50, "t", "d");
	for (unsigned i = 0; i < 2500; i++) {
		struct jem_paint paint = { JEM_COLOUR_RGB, i * 6700417u & 0xffffff, 0 };

		jem_canvas_rect(canvas, i % 50, i / 50, 1, 1, &paint);
	}
	CHECK_OK(jem_canvas_finish(canvas));
	jem_canvas_destroy(canvas);
	read_png(&out, &png);
	CHECK_EQ(png.type, 2);
	free(png.rows);
	jem_buf_deinit(&out);
}

CASE(texts_are_cut_to_fit)
{
	struct jem_font font = { .size = 10 };
	struct jem_buf out;
	struct jem_canvas *canvas = create(PDF, &out);
	char text[32];

	jem_canvas_fit_text(canvas, "short", 100, &font, text, sizeof(text));
	CHECK_STR(text, "short");
	jem_canvas_fit_text(canvas, "a long name that does not fit", 60, &font, text, sizeof(text));
	CHECK_CONTAINS(text, "\u2026");
	CHECK(jem_canvas_text_width(canvas, text, &font) <= 60);
	jem_canvas_fit_text(canvas, "\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac",
			    1000, &font, text, 16);
	CHECK_STR(text, "\u20ac\u20ac\u20ac\u20ac\u2026");
	jem_canvas_fit_text(canvas, "anything", 0, &font, text, sizeof(text));
	CHECK_STR(text, "\u2026");
	jem_canvas_destroy(canvas);
	jem_buf_deinit(&out);
}

/* A million rectangles are three buffers of text, not a million objects. */
CASE(very_many_rectangles_are_cheap)
{
	enum {
		COUNT = 200000
	};
	auto_free struct jem_rect *rects = malloc(COUNT * sizeof(*rects));

	CHECK(rects);
	for (int i = 0; i < COUNT; i++)
		rects[i] = (struct jem_rect){ i % 1000, i / 1000 * 2, 0.5, 1.5 };
	for (enum format format = SVG; format <= PNG; format++) {
		struct jem_paint paint = jem_paint(JEM_COLOUR_C1);
		struct jem_buf out;
		struct jem_canvas *canvas = create(format, &out);

		jem_canvas_page(canvas, 1000, 400, "t", "d");
		jem_canvas_rects(canvas, rects, COUNT, &paint);
		CHECK_OK(jem_canvas_finish(canvas));
		jem_canvas_destroy(canvas);
		CHECK_LE(out.len, 25 * COUNT);
		jem_buf_deinit(&out);
	}
}

TESTS(T(equal_calls_give_equal_bytes), T(svg_escapes_texts_everywhere), T(svg_is_small_and_exact),
      T(numbers_take_as_few_characters_as_can_be), T(a_second_page_is_for_pdf_only),
      T(pdf_has_a_true_table_of_objects), T(pdf_streams_inflate_to_balanced_drawings),
      T(rasters_cover_exactly_the_area_of_a_shape), T(rasters_clip_without_a_trace),
      T(png_has_the_pixels_that_were_drawn), T(png_keeps_many_colours_without_a_palette),
      T(texts_are_cut_to_fit), T(very_many_rectangles_are_cheap))
