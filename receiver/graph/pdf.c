/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdf: PDF 1.4 (Adobe PDF Reference, third edition). Text is Helvetica of the base 14 fonts in
 * WinAnsiEncoding (appendix D), so no font is embedded; what that encoding lacks becomes `?`.
 * Each page's content is one Flate stream. No date and no identifier: equal calls, equal bytes.
 */
#include "common/cleanup.h"
#include "receiver/graph/canvas.h"
#include "receiver/graph/deflate.h"
#include "receiver/graph/fixed.h"

#include <errno.h>
#include <math.h>

/* Numbers of the objects; three more for each page. */
enum {
	CATALOG = 1,
	PAGES,
	RESOURCES,
	REGULAR,
	BOLD,
	INFO,
	OUTLINES,
	FIRST_PAGE,
	PER_PAGE = 3, /* page, content, bookmark */
	PAGES_MAX = 10000,
	RECTS_PER_PATH = 4096,
	OPACITIES = 20, /* G1 to G20, in steps of a twentieth */
};

struct pdf {
	struct jem_canvas canvas; /* first: the ops cast back */
	struct jem_buf content;   /* of the page that is drawn */
	char *title;              /* owned; of the document */
	size_t *offsets;          /* owned; of each object in the file */
	size_t start;             /* of the file in the buffer */
	char **page_titles;       /* owned, and each */
	unsigned page_count;
	/* What the content stream has set; -1: not known. */
	long fill_rgb;
	long stroke_rgb;
	int opacity;
	int dash;
	float dash_width;
	float width;
};

static struct pdf *pdf_of(struct jem_canvas *canvas)
{
	return (struct pdf *)canvas;
}

static void forget_state(struct pdf *pdf)
{
	pdf->fill_rgb = pdf->stroke_rgb = -1;
	pdf->opacity = pdf->dash = -1;
	pdf->width = pdf->dash_width = -1;
}

static void begin_object(struct pdf *pdf, unsigned number)
{
	pdf->offsets[number] = pdf->canvas.out->len - pdf->start;
	jem_buf_printf(pdf->canvas.out, "%u 0 obj\n", number);
}

static void end_object(struct pdf *pdf)
{
	jem_buf_add_str(pdf->canvas.out, "\nendobj\n");
}

/* A text string in UTF-16BE with its mark (section 3.8.1), in hexadecimal. */
static void put_unicode(struct jem_buf *out, const char *text)
{
	jem_buf_add_str(out, "<FEFF");
	while (*text) {
		uint32_t c = jem_text_next(&text);

		if (c >= 0x10000)
			jem_buf_printf(out, "%04X%04X", 0xd7c0u + (c >> 10), 0xdc00u | (c & 0x3ff));
		else
			jem_buf_printf(out, "%04X", c);
	}
	jem_buf_add_char(out, '>');
}

static void end_page(struct pdf *pdf)
{
	struct jem_buf *out = pdf->canvas.out;
	unsigned number = FIRST_PAGE + PER_PAGE * (pdf->page_count - 1);
	struct jem_buf packed;

	jem_buf_init(&packed, 0);
	if (pdf->content.failed || jem_deflate(&packed, pdf->content.data, pdf->content.len) < 0)
		pdf->canvas.error = -ENOMEM;
	begin_object(pdf, number);
	jem_buf_printf(out,
		       "<</Type/Page/Parent %d 0 R/Resources %d 0 R/Contents %u 0 R/MediaBox[0 0",
		       PAGES, RESOURCES, number + 1);
	jem_fixed_add(out, pdf->canvas.width, 100, false);
	jem_fixed_add(out, pdf->canvas.height, 100, false);
	/* Tints are blended as they are on a screen. */
	jem_buf_add_str(out, "]/Group<</S/Transparency/CS/DeviceRGB>>>>");
	end_object(pdf);
	begin_object(pdf, number + 1);
	jem_buf_printf(out, "<</Length %zu/Filter/FlateDecode>>stream\n", packed.len);
	jem_buf_add(out, packed.data, packed.len);
	jem_buf_add_str(out, "\nendstream");
	end_object(pdf);
	jem_buf_deinit(&packed);
}

static int add_page(struct pdf *pdf, const char *title)
{
	size_t objects = FIRST_PAGE + PER_PAGE * (size_t)(pdf->page_count + 1);
	size_t *offsets = realloc(pdf->offsets, objects * sizeof(*offsets));
	char **titles;

	if (!offsets)
		return -ENOMEM;
	pdf->offsets = offsets;
	titles = realloc(pdf->page_titles, (pdf->page_count + 1) * sizeof(*titles));
	if (!titles)
		return -ENOMEM;
	pdf->page_titles = titles;
	titles[pdf->page_count] = strdup(title);
	if (!titles[pdf->page_count])
		return -ENOMEM;
	pdf->page_count++;
	return 0;
}

static void page(struct jem_canvas *canvas, const char *title, const char *description)
{
	struct pdf *pdf = pdf_of(canvas);

	if (canvas->error)
		return;
	if (pdf->page_count == 0) {
		pdf->start = canvas->out->len;
		/* The second line tells transports that this is not text (section 3.4.1). */
		jem_buf_add_str(canvas->out, "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n");
	} else {
		end_page(pdf);
	}
	if (pdf->page_count == PAGES_MAX)
		canvas->error = -E2BIG;
	else if (add_page(pdf, title) < 0)
		canvas->error = -ENOMEM;
	jem_buf_clear(&pdf->content);
	forget_state(pdf);
	/* Our y grows downwards. */
	jem_buf_add_str(&pdf->content, "1 j 1 0 0 -1 0");
	jem_fixed_add(&pdf->content, canvas->height, 100, false);
	jem_buf_add_str(&pdf->content, " cm\n");
}

static void put_xy(struct pdf *pdf, double x, double y)
{
	jem_fixed_add(&pdf->content, x, 100, true);
	jem_fixed_add(&pdf->content, y, 100, false);
}

static void set_colour(struct pdf *pdf, const struct jem_paint *paint, bool is_stroke)
{
	long rgb = (long)jem_paint_rgb(paint);
	long *known = is_stroke ? &pdf->stroke_rgb : &pdf->fill_rgb;
	int opacity = (int)lrintf(jem_paint_opacity(paint) * OPACITIES);

	if (rgb != *known) {
		for (int shift = 16; shift >= 0; shift -= 8)
			jem_fixed_add(&pdf->content, (double)(rgb >> shift & 0xff) / 255, 1000,
				      shift == 16);
		jem_buf_add_str(&pdf->content, is_stroke ? " RG " : " rg ");
		*known = rgb;
	}
	if (opacity < 1)
		opacity = 1;
	if (opacity != pdf->opacity) {
		jem_buf_printf(&pdf->content, "/G%d gs ", opacity);
		pdf->opacity = opacity;
	}
}

static void set_pen(struct pdf *pdf, const struct jem_pen *pen)
{
	static const double dashes[][2] = { [JEM_DASHED] = { 4, 3 }, [JEM_DOTTED] = { 1, 2 } };

	set_colour(pdf, &pen->paint, true);
	if (pen->width != pdf->width) {
		jem_fixed_add(&pdf->content, (double)pen->width, 100, true);
		jem_buf_add_str(&pdf->content, " w ");
		pdf->width = pen->width;
	}
	if ((int)pen->dash == pdf->dash &&
	    (pen->dash == JEM_SOLID || pen->width == pdf->dash_width))
		return;
	jem_buf_add_char(&pdf->content, '[');
	if (pen->dash != JEM_SOLID)
		put_xy(pdf, dashes[pen->dash][0] * (double)pen->width,
		       dashes[pen->dash][1] * (double)pen->width);
	jem_buf_add_str(&pdf->content, "] 0 d ");
	pdf->dash = (int)pen->dash;
	pdf->dash_width = pen->width;
}

static void put_path(struct pdf *pdf, const struct jem_xy *points, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		put_xy(pdf, points[i].x, points[i].y);
		jem_buf_add_str(&pdf->content, i ? " l " : " m ");
	}
}

static void polyline(struct jem_canvas *canvas, const struct jem_xy *points, size_t count,
		     const struct jem_pen *pen)
{
	struct pdf *pdf = pdf_of(canvas);

	set_pen(pdf, pen);
	put_path(pdf, points, count);
	jem_buf_add_str(&pdf->content, "S\n");
}

static void polygon(struct jem_canvas *canvas, const struct jem_xy *points, size_t count,
		    const struct jem_paint *paint)
{
	struct pdf *pdf = pdf_of(canvas);

	set_colour(pdf, paint, false);
	put_path(pdf, points, count);
	jem_buf_add_str(&pdf->content, "f\n");
}

static void put_rect(struct pdf *pdf, const struct jem_rect *rect)
{
	put_xy(pdf, rect->x, rect->y);
	jem_fixed_add(&pdf->content, rect->w, 100, false);
	jem_fixed_add(&pdf->content, rect->h, 100, false);
	jem_buf_add_str(&pdf->content, " re\n");
}

static void rects(struct jem_canvas *canvas, const struct jem_rect *rects, size_t count,
		  const struct jem_paint *paint)
{
	struct pdf *pdf = pdf_of(canvas);

	set_colour(pdf, paint, false);
	for (size_t i = 0; i < count; i++) {
		put_rect(pdf, &rects[i]);
		/* Viewers are slow with very long paths. */
		if (i % RECTS_PER_PATH == RECTS_PER_PATH - 1)
			jem_buf_add_str(&pdf->content, "f\n");
	}
	if (count % RECTS_PER_PATH)
		jem_buf_add_str(&pdf->content, "f\n");
}

/* WinAnsiEncoding of a code point, 0 if it has none. */
static unsigned char win_ansi(uint32_t c)
{
	static const uint16_t high[32] = {
		0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
		0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017d, 0,
		0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
		0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178,
	};

	if (c == 0x2009 || c == 0x202f)
		return 0xa0; /* thin spaces */
	if ((c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c <= 0xff))
		return (unsigned char)c;
	for (unsigned i = 0; i < 32; i++)
		if (c && high[i] == c)
			return (unsigned char)(0x80 + i);
	return 0;
}

static void put_string(struct jem_buf *out, const char *text)
{
	jem_buf_add_char(out, '(');
	while (*text) {
		unsigned char c = win_ansi(jem_text_next(&text));

		if (c == '(' || c == ')' || c == '\\')
			jem_buf_add_char(out, '\\');
		jem_buf_add_char(out, c ? (char)c : '?');
	}
	jem_buf_add_char(out, ')');
}

static double text_width(struct jem_canvas *canvas, const char *text, const struct jem_font *font)
{
	return jem_helvetica_width(text, font->is_bold) * 1e-3 * (double)font->size;
}

static void text(struct jem_canvas *canvas, double x, double y, const char *text,
		 const struct jem_font *font)
{
	static const double shares[] = { [JEM_START] = 0, [JEM_MIDDLE] = 0.5, [JEM_END] = 1 };
	struct pdf *pdf = pdf_of(canvas);
	double shift = shares[font->anchor] * text_width(canvas, text, font);

	set_colour(pdf, &font->paint, false);
	jem_buf_printf(&pdf->content, "BT/F%d", font->is_bold ? 2 : 1);
	jem_fixed_add(&pdf->content, (double)font->size, 100, false);
	/* The axes of the text in ours: to the right and up, or up and to the left. */
	jem_buf_add_str(&pdf->content, font->is_upright ? " Tf 0 -1 -1 0 " : " Tf 1 0 0 -1 ");
	if (font->is_upright)
		put_xy(pdf, x, y + shift);
	else
		put_xy(pdf, x - shift, y);
	jem_buf_add_str(&pdf->content, " Tm ");
	put_string(&pdf->content, text);
	jem_buf_add_str(&pdf->content, "Tj ET\n");
}

static void clip_begin(struct jem_canvas *canvas, const struct jem_rect *rect)
{
	struct pdf *pdf = pdf_of(canvas);

	jem_buf_add_str(&pdf->content, "q ");
	put_rect(pdf, rect);
	jem_buf_add_str(&pdf->content, "W n\n");
}

static void clip_end(struct jem_canvas *canvas)
{
	jem_buf_add_str(&pdf_of(canvas)->content, "Q\n");
	forget_state(pdf_of(canvas));
}

static void group_begin(struct jem_canvas *canvas, const char *tooltip,
			const struct jem_fact *facts, size_t fact_count)
{
}

static void group_end(struct jem_canvas *canvas)
{
}

static void put_catalog(struct pdf *pdf)
{
	struct jem_buf *out = pdf->canvas.out;

	begin_object(pdf, CATALOG);
	jem_buf_printf(out, "<</Type/Catalog/Pages %d 0 R/Outlines %d 0 R>>", PAGES, OUTLINES);
	end_object(pdf);
	begin_object(pdf, PAGES);
	jem_buf_printf(out, "<</Type/Pages/Count %u/Kids[", pdf->page_count);
	for (unsigned i = 0; i < pdf->page_count; i++)
		jem_buf_printf(out, "%u 0 R ", FIRST_PAGE + PER_PAGE * i);
	jem_buf_add_str(out, "]>>");
	end_object(pdf);
	begin_object(pdf, INFO);
	jem_buf_add_str(out, "<</Producer(jem)/Title");
	put_unicode(out, pdf->title);
	jem_buf_add_str(out, ">>");
	end_object(pdf);
}

static void put_resources(struct pdf *pdf)
{
	struct jem_buf *out = pdf->canvas.out;

	begin_object(pdf, RESOURCES);
	jem_buf_printf(out, "<</Font<</F1 %d 0 R/F2 %d 0 R>>/ExtGState<<", REGULAR, BOLD);
	for (int i = 1; i <= OPACITIES; i++) {
		jem_buf_printf(out, "/G%d<</ca", i);
		jem_fixed_add(out, (double)i / OPACITIES, 100, false);
		jem_buf_add_str(out, "/CA");
		jem_fixed_add(out, (double)i / OPACITIES, 100, false);
		jem_buf_add_str(out, ">>");
	}
	jem_buf_add_str(out, ">>>>");
	end_object(pdf);
	for (int i = REGULAR; i <= BOLD; i++) {
		begin_object(pdf, (unsigned)i);
		jem_buf_printf(out,
			       "<</Type/Font/Subtype/Type1/BaseFont/Helvetica%s"
			       "/Encoding/WinAnsiEncoding>>",
			       i == BOLD ? "-Bold" : "");
		end_object(pdf);
	}
}

/* A bookmark for each page. */
static void put_outlines(struct pdf *pdf)
{
	struct jem_buf *out = pdf->canvas.out;
	unsigned first = FIRST_PAGE + 2;
	unsigned last = first + PER_PAGE * (pdf->page_count - 1);

	begin_object(pdf, OUTLINES);
	jem_buf_printf(out, "<</Type/Outlines/Count %u/First %u 0 R/Last %u 0 R>>", pdf->page_count,
		       first, last);
	end_object(pdf);
	for (unsigned number = first; number <= last; number += PER_PAGE) {
		begin_object(pdf, number);
		jem_buf_printf(out, "<</Parent %d 0 R/Dest[%u 0 R/Fit]", OUTLINES, number - 2);
		if (number > first)
			jem_buf_printf(out, "/Prev %u 0 R", number - PER_PAGE);
		if (number < last)
			jem_buf_printf(out, "/Next %u 0 R", number + PER_PAGE);
		jem_buf_add_str(out, "/Title");
		put_unicode(out, pdf->page_titles[(number - first) / PER_PAGE]);
		jem_buf_add_str(out, ">>");
		end_object(pdf);
	}
}

static void finish(struct jem_canvas *canvas)
{
	struct pdf *pdf = pdf_of(canvas);
	unsigned objects = FIRST_PAGE + PER_PAGE * pdf->page_count;
	size_t xref;

	if (!pdf->page_count)
		return;
	end_page(pdf);
	put_catalog(pdf);
	put_resources(pdf);
	put_outlines(pdf);
	xref = canvas->out->len - pdf->start;
	jem_buf_printf(canvas->out, "xref\n0 %u\n0000000000 65535 f \n", objects);
	for (unsigned i = 1; i < objects; i++)
		jem_buf_printf(canvas->out, "%010zu 00000 n \n", pdf->offsets[i]);
	jem_buf_printf(canvas->out,
		       "trailer\n<</Size %u/Root %d 0 R/Info %d 0 R>>\nstartxref\n%zu\n%%%%EOF\n",
		       objects, CATALOG, INFO, xref);
}

static void destroy(struct jem_canvas *canvas)
{
	struct pdf *pdf = pdf_of(canvas);

	for (unsigned i = 0; i < pdf->page_count; i++)
		free(pdf->page_titles[i]);
	free(pdf->page_titles);
	free(pdf->offsets);
	free(pdf->title);
	jem_buf_deinit(&pdf->content);
	free(pdf);
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

int jem_pdf_create(struct jem_buf *out, const char *title, struct jem_canvas **ret)
{
	struct pdf *pdf = calloc(1, sizeof(*pdf));

	if (!pdf)
		return -ENOMEM;
	pdf->title = strdup(title ? title : "");
	if (!pdf->title) {
		free(pdf);
		return -ENOMEM;
	}
	pdf->canvas.ops = &ops;
	pdf->canvas.out = out;
	jem_buf_init(&pdf->content, 0);
	*ret = &pdf->canvas;
	return 0;
}
