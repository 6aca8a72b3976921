/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/png_encode.h"

#include "common/cleanup.h"
#include "receiver/graph/deflate.h"

#include <errno.h>
#include <stdint.h>
#include <zlib.h>

enum {
	COLOURS_MAX = 8192, /* distinct ones beyond which no palette is tried */
	SLOTS = 4 * COLOURS_MAX,
	PALETTE_MAX = 256,
	CLOSE_ENOUGH = 24, /* difference in a channel that nobody sees at an edge */
	EXACT = 160,       /* colours that are never changed: the ones used most */
	EDGES_PART = 32,   /* at most this part of the pixels may change at all */
	FILTER_NONE = 0,
	FILTER_SUB = 1,
	FILTER_UP = 2,
};

struct colour {
	uint32_t rgb;
	uint32_t pixels;
	uint8_t place; /* in the palette */
};

/* Every colour of the picture, found by hash. */
struct colours {
	struct colour list[COLOURS_MAX];
	uint32_t slots[SLOTS]; /* place in the list + 1, 0: free */
	uint32_t count;
	uint8_t palette[PALETTE_MAX * 3];
	uint32_t palette_count;
};

static void put_u32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

static void put_chunk(struct jem_buf *out, const char *type, const void *bytes, size_t len)
{
	uint8_t word[4];
	uLong crc = crc32(0, (const Bytef *)type, 4);

	put_u32(word, (uint32_t)len);
	jem_buf_add(out, word, 4);
	jem_buf_add(out, type, 4);
	jem_buf_add(out, bytes, len);
	put_u32(word, (uint32_t)(len ? crc32(crc, bytes, (uInt)len) : crc));
	jem_buf_add(out, word, 4);
}

static uint32_t rgb_at(const uint8_t *pixel)
{
	return (uint32_t)pixel[0] << 16 | (uint32_t)pixel[1] << 8 | pixel[2];
}

/* The entry of a colour, new if need be; NULL: too many. */
static struct colour *find(struct colours *colours, uint32_t rgb)
{
	uint32_t slot = (rgb * 2654435761u >> 8) % SLOTS;

	for (; colours->slots[slot]; slot = (slot + 1) % SLOTS)
		if (colours->list[colours->slots[slot] - 1].rgb == rgb)
			return &colours->list[colours->slots[slot] - 1];
	if (colours->count == COLOURS_MAX)
		return NULL;
	colours->list[colours->count] = (struct colour){ .rgb = rgb };
	colours->slots[slot] = ++colours->count;
	return &colours->list[colours->count - 1];
}

static bool count_colours(struct colours *colours, const uint8_t *rgb, size_t pixels)
{
	struct colour *colour = NULL;

	for (size_t i = 0; i < pixels; i++, rgb += 3) {
		uint32_t key = rgb_at(rgb);

		if (!colour || colour->rgb != key)
			colour = find(colours, key);
		if (!colour)
			return false;
		colour->pixels++;
	}
	return true;
}

static int by_use(const void *a, const void *b)
{
	const struct colour *left = *(const struct colour *const *)a;
	const struct colour *right = *(const struct colour *const *)b;

	if (left->pixels != right->pixels)
		return left->pixels > right->pixels ? -1 : 1;
	return left->rgb < right->rgb ? -1 : left->rgb > right->rgb;
}

static int distance(uint32_t a, uint32_t b)
{
	int most = 0;

	for (int shift = 0; shift <= 16; shift += 8) {
		int d = abs((int)(a >> shift & 0xff) - (int)(b >> shift & 0xff));

		most = d > most ? d : most;
	}
	return most;
}

/*
 * A palette in which each colour has one at most `tolerance` away, and those used most have
 * themselves: in order of use, a colour is taken in when nothing there is near enough. False when
 * that takes more than there is room for, or changes more than edges.
 */
static bool cover(struct colours *colours, struct colour *const *order, int tolerance)
{
	uint32_t chosen[PALETTE_MAX];
	uint64_t pixels = 0;
	uint64_t changed = 0;

	colours->palette_count = 0;
	for (uint32_t i = 0; i < colours->count; i++) {
		int best = 256;

		for (uint32_t k = 0; k < colours->palette_count && best; k++) {
			int d = distance(order[i]->rgb, chosen[k]);

			if (d < best) {
				best = d;
				order[i]->place = (uint8_t)k;
			}
		}
		pixels += order[i]->pixels;
		if (best <= tolerance && (!best || i >= EXACT)) {
			changed += best ? order[i]->pixels : 0;
			continue;
		}
		if (colours->palette_count == PALETTE_MAX)
			return false;
		order[i]->place = (uint8_t)colours->palette_count;
		chosen[colours->palette_count++] = order[i]->rgb;
	}
	if (changed > pixels / EDGES_PART)
		return false;
	for (uint32_t k = 0; k < colours->palette_count; k++)
		for (int i = 0; i < 3; i++)
			colours->palette[3 * k + (uint32_t)i] =
				(uint8_t)(chosen[k] >> (16 - 8 * i));
	return true;
}

/* The most exact palette that fits, if nobody sees the difference. */
static bool make_palette(struct colours *colours)
{
	auto_free struct colour **order = malloc(COLOURS_MAX * sizeof(*order));

	if (!order)
		return false;
	for (uint32_t i = 0; i < colours->count; i++)
		order[i] = &colours->list[i];
	qsort(order, colours->count, sizeof(*order), by_use);
	for (int tolerance = 0; tolerance <= CLOSE_ENOUGH; tolerance += 6)
		if (cover(colours, order, tolerance))
			return true;
	return false;
}

/* Rows of places in the palette, each after its filter byte. */
static void fill_places(struct colours *colours, const uint8_t *rgb, unsigned width,
			unsigned height, uint8_t *rows)
{
	const struct colour *colour = &colours->list[0];

	for (unsigned y = 0; y < height; y++) {
		*rows++ = FILTER_NONE;
		for (unsigned x = 0; x < width; x++, rgb += 3) {
			if (colour->rgb != rgb_at(rgb))
				colour = find(colours, rgb_at(rgb));
			*rows++ = colour->place;
		}
	}
}

/* Rows of differences to the pixel above or to the left, whichever has the smaller ones (12.8). */
static void fill_rgb(const uint8_t *rgb, unsigned width, unsigned height, uint8_t *rows)
{
	size_t len = (size_t)width * 3;

	for (unsigned y = 0; y < height; y++, rgb += len, rows += len + 1) {
		uint64_t sub = 0;
		uint64_t up = 0;

		for (size_t i = 0; i < len; i++) {
			sub += (uint64_t)abs((int8_t)(rgb[i] - (i < 3 ? 0 : rgb[i - 3])));
			up += (uint64_t)abs((int8_t)(rgb[i] - (y ? rgb[i - len] : 0)));
		}
		rows[0] = sub < up ? FILTER_SUB : FILTER_UP;
		for (size_t i = 0; i < len; i++) {
			uint8_t before = 0;

			if (rows[0] == FILTER_SUB)
				before = i < 3 ? 0 : rgb[i - 3];
			else if (y)
				before = rgb[i - len];
			rows[i + 1] = (uint8_t)(rgb[i] - before);
		}
	}
}

int jem_png_encode(struct jem_buf *out, const uint8_t *rgb, unsigned width, unsigned height,
		   unsigned scale)
{
	auto_free struct colours *colours = calloc(1, sizeof(*colours));
	auto_free uint8_t *rows = malloc(((size_t)width * 3 + 1) * height);
	uint8_t header[13] = { [8] = 8 };
	uint8_t size[9] = { [8] = 1 };
	struct jem_buf packed;
	bool has_palette;
	int rc;

	if (!colours || !rows)
		return -ENOMEM;
	has_palette = count_colours(colours, rgb, (size_t)width * height) && make_palette(colours);
	if (has_palette)
		fill_places(colours, rgb, width, height, rows);
	else
		fill_rgb(rgb, width, height, rows);
	jem_buf_init(&packed, 0);
	rc = jem_deflate(&packed, rows, ((size_t)width * (has_palette ? 1 : 3) + 1) * height);
	put_u32(header, width);
	put_u32(header + 4, height);
	header[9] = has_palette ? 3 : 2;
	put_u32(size, scale * 2835); /* 72 points an inch, in pixels a metre */
	put_u32(size + 4, scale * 2835);
	jem_buf_add(out, "\x89PNG\r\n\x1a\n", 8);
	put_chunk(out, "IHDR", header, sizeof(header));
	put_chunk(out, "pHYs", size, sizeof(size));
	if (has_palette)
		put_chunk(out, "PLTE", colours->palette, 3 * colours->palette_count);
	put_chunk(out, "IDAT", packed.data, packed.len);
	put_chunk(out, "IEND", NULL, 0);
	jem_buf_deinit(&packed);
	return rc < 0 || out->failed ? -ENOMEM : 0;
}
