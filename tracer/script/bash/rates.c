/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/script/bash/rates.h"

#include "tracer/script/bash/wire.h"

#include <stdio.h>
#include <string.h>

enum {
	PLACES = 512, /* a power of two */
	PROBES = 4,
	FILE_MAX = 256,
	NAME_MAX = 96
};

static const uint64_t WINDOW_NS = 1000000000;

struct rate_place {
	uint64_t key; /* 0: free */
	uint64_t window_ns, window_count;
	uint64_t n, total_ns, min_ns, max_ns; /* counted, and not told yet */
	int line;
	bool is_call;
	char file[FILE_MAX], function[NAME_MAX];
};

static struct {
	uint64_t limit, told_ns;
	bool has_counts;
	char file[FILE_MAX]; /* the last one, and its hash */
	uint64_t file_hash;
	struct rate_place places[PLACES];
} rates;

void rates_init(uint64_t limit)
{
	rates.limit = limit;
}

static uint64_t hash(const char *text)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 1099511628211u;
	return h;
}

static uint64_t key_of(const char *file, int line, const char *function, bool is_call)
{
	uint64_t key;

	if (!*rates.file || strcmp(rates.file, file)) {
		snprintf(rates.file, sizeof(rates.file), "%s", file);
		rates.file_hash = hash(file);
	}
	key = rates.file_hash ^
	      (is_call ? hash(function) * 31 : (uint64_t)line * 0x9e3779b97f4a7c15u);
	return key ? key : 1;
}

static void tell(struct rate_place *place, uint64_t now_ns)
{
	if (!place->n)
		return;
	wire_begin("count", now_ns);
	wire_text("file", place->file, FILE_MAX);
	wire_number("line", (uint64_t)place->line);
	if (place->is_call) {
		wire_text("function", place->function, NAME_MAX);
		wire_flag("is_call");
	}
	wire_number("n", place->n);
	wire_number("total_ns", place->total_ns);
	wire_number("min_ns", place->min_ns);
	wire_number("max_ns", place->max_ns);
	wire_end();
	place->n = place->total_ns = place->min_ns = place->max_ns = 0;
}

static struct rate_place *find(uint64_t key, uint64_t now_ns, bool *is_new)
{
	struct rate_place *oldest = NULL;

	*is_new = false;
	for (uint64_t i = 0; i < PROBES; i++) {
		struct rate_place *place = &rates.places[((key >> 7) + i) % PLACES];

		if (place->key == key)
			return place;
		if (!place->key) {
			oldest = place;
			break;
		}
		if (!oldest || place->window_ns < oldest->window_ns)
			oldest = place;
	}
	tell(oldest, now_ns);
	oldest->key = key;
	oldest->window_ns = now_ns;
	oldest->window_count = 0;
	*is_new = true;
	return oldest;
}

struct rate_place *rates_take(const char *file, int line, const char *function, bool is_call,
			      uint64_t now_ns)
{
	struct rate_place *place;
	bool is_new;

	if (!rates.limit)
		return NULL;
	place = find(key_of(file, line, function, is_call), now_ns, &is_new);
	if (is_new) {
		place->line = line;
		place->is_call = is_call;
		snprintf(place->file, sizeof(place->file), "%s", rates.file);
		snprintf(place->function, sizeof(place->function), "%s", function);
	}
	if (now_ns - place->window_ns >= WINDOW_NS) {
		place->window_ns = now_ns;
		place->window_count = 0;
	}
	return ++place->window_count <= rates.limit ? NULL : place;
}

void rates_count(struct rate_place *place, uint64_t duration_ns)
{
	if (!place->n || duration_ns < place->min_ns)
		place->min_ns = duration_ns;
	if (duration_ns > place->max_ns)
		place->max_ns = duration_ns;
	place->n++;
	place->total_ns += duration_ns;
	rates.has_counts = true;
}

void rates_tell(uint64_t now_ns, bool is_last)
{
	if (!rates.has_counts || (!is_last && now_ns - rates.told_ns < WINDOW_NS))
		return;
	rates.told_ns = now_ns;
	rates.has_counts = false;
	for (int i = 0; i < PLACES; i++)
		tell(&rates.places[i], now_ns);
}

void rates_forked(void)
{
	if (!rates.has_counts)
		return;
	rates.has_counts = false;
	for (int i = 0; i < PLACES; i++)
		rates.places[i].n = rates.places[i].total_ns = 0;
}
