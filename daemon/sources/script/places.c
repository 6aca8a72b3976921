/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/script/places.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLOTS = 2 * JEM_PLACES_MAX
}; /* a power of two */

static const uint64_t WINDOW_NS = 1000000000;
/* Sums stay here: every reader of JSON holds them exactly. */
static const uint64_t NUMBER_MAX = (1ull << 53) - 1;

struct place {
	char *key;            /* owned: language, file, function of a call; NULL: free */
	const char *file;     /* into the key */
	const char *function; /* the same; "" of a command or line */
	uint64_t line;        /* of a call: where its first one was seen */
	bool has_moved, is_call;
	uint64_t calls, returns, recorded, total_ns, self_ns, min_ns, max_ns;
	uint64_t window_ns, window_count; /* since when, and how many passed since */
	uint64_t open_skipped;            /* calls that did not pass and have not returned */
};

struct jem_places {
	uint64_t limit;
	struct place *slots; /* owned */
	unsigned count;
	struct place rest; /* what finds no room */
};

int jem_places_create(uint64_t limit, struct jem_places **ret)
{
	struct jem_places *places = calloc(1, sizeof(*places));

	if (!places)
		return -ENOMEM;
	places->limit = limit;
	places->slots = calloc(SLOTS, sizeof(*places->slots));
	if (!places->slots) {
		free(places);
		return -ENOMEM;
	}
	*ret = places;
	return 0;
}

void jem_places_destroy(struct jem_places *places)
{
	if (!places)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		free(places->slots[i].key);
	free(places->slots);
	free(places);
}

static uint64_t hash(const char *key, size_t len)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)key[i]) * 1099511628211u;
	return h ^ h >> 32;
}

/* Of a call the function is the place, whatever the line: a return tells another one. */
static bool is_of_call(const struct jem_script_line *line)
{
	return line->event == JEM_SCRIPT_CALL || line->event == JEM_SCRIPT_RETURN ||
	       (line->event == JEM_SCRIPT_COUNT && line->is_call);
}

static struct place *find(struct jem_places *places, const struct jem_script_line *line)
{
	bool is_call = is_of_call(line);
	bool is_exception = line->event == JEM_SCRIPT_EXCEPTION;
	char key[sizeof(line->file) + sizeof(line->function) + 64];
	int file_at;
	int n = snprintf(key, sizeof(key), "%s %c%" PRIu64 " %n%s", line->lang,
			 is_call ? 'f' : (is_exception ? 'x' : 'l'), is_call ? 0 : line->line,
			 &file_at, line->file);
	struct place *place;

	/* The function behind the file's own end, so that both are texts within the key. */
	n += 1 + snprintf(key + n + 1, sizeof(key) - (size_t)n - 1, "%s",
			  is_call ? line->function : "");
	for (uint64_t i = hash(key, (size_t)n);; i++) {
		place = &places->slots[i % SLOTS];
		if (!place->key)
			break;
		if (!memcmp(place->key, key, (size_t)file_at) &&
		    !strcmp(place->file, key + file_at) &&
		    !strcmp(place->function, key + strlen(key) + 1))
			return place;
	}
	if (places->count == JEM_PLACES_MAX)
		return &places->rest;
	place->key = malloc((size_t)n + 1);
	if (!place->key)
		return &places->rest;
	memcpy(place->key, key, (size_t)n + 1);
	place->file = place->key + file_at;
	place->function = place->key + strlen(place->key) + 1;
	place->line = line->line;
	place->is_call = is_call;
	places->count++;
	return place;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return b > NUMBER_MAX - a ? NUMBER_MAX : a + b;
}

static void add_time(struct place *place, uint64_t total_ns, uint64_t self_ns, uint64_t min_ns,
		     uint64_t max_ns, uint64_t n)
{
	if (!place->returns || min_ns < place->min_ns)
		place->min_ns = min_ns;
	if (max_ns > place->max_ns)
		place->max_ns = max_ns;
	place->returns = sum(place->returns, n);
	place->total_ns = sum(place->total_ns, total_ns);
	place->self_ns = sum(place->self_ns, self_ns);
}

static bool is_within(const struct jem_places *places, struct place *place, uint64_t now_ns)
{
	if (!places->limit)
		return true;
	if (now_ns - place->window_ns >= WINDOW_NS || !place->window_ns) {
		place->window_ns = now_ns;
		place->window_count = 0;
	}
	return ++place->window_count <= places->limit;
}

bool jem_places_take(struct jem_places *places, const struct jem_script_line *line, uint64_t now_ns)
{
	struct place *place = find(places, line);
	bool may;

	place->has_moved = true;
	if (line->has_duration)
		add_time(place, line->duration_ns, line->self_ns, line->duration_ns,
			 line->duration_ns, 1);
	if (line->event == JEM_SCRIPT_RETURN) {
		if (!place->open_skipped)
			return true;
		place->open_skipped--;
		return false;
	}
	may = is_within(places, place, now_ns);
	place->calls = sum(place->calls, 1);
	place->recorded = sum(place->recorded, may);
	if (!may && line->event == JEM_SCRIPT_CALL)
		place->open_skipped++;
	return may;
}

void jem_places_add(struct jem_places *places, const struct jem_script_line *line)
{
	struct place *place = find(places, line);

	place->has_moved = true;
	place->calls = sum(place->calls, line->n);
	if (line->n)
		add_time(place, line->duration_ns, line->self_ns, line->min_ns, line->max_ns,
			 line->n);
}

static void publish(const struct place *place, struct jem_batcher *batcher, uint64_t mono_ns)
{
	struct jem_record *record = jem_batcher_begin(batcher, JEM_KIND_profile, mono_ns);
	char name[600];

	snprintf(name, sizeof(name), "%s:%" PRIu64, place->file, place->line);
	jem_record_word(record, "lang", *place->key == 'b' ? "bash" : "python");
	jem_record_str(record, "function", place->is_call ? place->function : name);
	if (*place->file)
		jem_record_str(record, "file", place->file);
	jem_record_u64(record, "line", place->line);
	jem_record_u64(record, "calls", place->calls);
	jem_record_u64(record, "returns", place->returns);
	jem_record_u64(record, "recorded", place->recorded);
	jem_record_u64(record, "total_ns", place->total_ns);
	jem_record_u64(record, "self_ns", place->self_ns);
	if (place->returns) {
		jem_record_u64(record, "min_ns", place->min_ns);
		jem_record_u64(record, "max_ns", place->max_ns);
	}
	jem_batcher_end(batcher, JEM_IN_TIME);
}

void jem_places_publish(struct jem_places *places, struct jem_batcher *batcher, uint64_t mono_ns)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct place *place = &places->slots[i];

		if (!place->key || !place->has_moved)
			continue;
		place->has_moved = false;
		publish(place, batcher, mono_ns);
	}
}
