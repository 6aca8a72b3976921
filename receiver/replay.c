/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/replay.h"

#include "receiver/data_file.h"
#include "receiver/lines.h"
#include "receiver/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A line that waits in the heap. */
struct waiting {
	struct jem_data_line at;
	uint64_t number; /* of its arrival here: equal times keep their order */
	char *line;      /* owned */
	uint32_t len;
	uint8_t kind;
};

struct source {
	struct jem_data_file file; /* only to know the segments */
	uint32_t segment;          /* that is read next */
	struct jem_lines *lines;   /* owned; NULL between segments, and of columns */
	struct jem_rows *rows;     /* owned; of columns */
	size_t bytes;              /* of its lines in the heap */
	bool is_at_end;
};

struct jem_replay {
	int data; /* borrowed */
	uint64_t since_us;
	struct source sources[JEM_KIND_COUNT];
	unsigned live;        /* sources that are not at their end */
	struct waiting *heap; /* owned; the earliest first */
	size_t count;
	size_t cap;
	uint64_t number;
	uint64_t damaged;
	char *given; /* owned; the line given out last */
};

int jem_replay_open(int data, uint32_t kinds, uint64_t since_us, struct jem_replay **ret)
{
	struct jem_replay *replay = calloc(1, sizeof(*replay));

	if (!replay)
		return -ENOMEM;
	replay->data = data;
	replay->since_us = since_us;
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		struct source *source = &replay->sources[kind];
		int status;

		jem_data_file_init_kind(&source->file, (enum jem_kind)kind, NULL);
		source->is_at_end = !(kinds & 1u << kind);
		if (source->is_at_end)
			continue;
		status = jem_data_file_look(&source->file, data);
		if (status < 0) {
			jem_replay_close(replay);
			return status;
		}
		source->segment = source->file.oldest;
		replay->live++;
	}
	*ret = replay;
	return 0;
}

void jem_replay_close(struct jem_replay *replay)
{
	if (!replay)
		return;
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		jem_lines_close(replay->sources[kind].lines);
		jem_rows_close(replay->sources[kind].rows);
		jem_data_file_deinit(&replay->sources[kind].file);
	}
	for (size_t i = 0; i < replay->count; i++)
		free(replay->heap[i].line);
	free(replay->heap);
	free(replay->given);
	free(replay);
}

void jem_replay_keep_last(struct jem_replay *replay, uint64_t bytes)
{
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		struct source *source = &replay->sources[kind];
		uint64_t kept = jem_data_file_bytes(&source->file);

		while (!source->is_at_end && kept > bytes &&
		       source->segment < source->file.current) {
			kept -= jem_data_file_segment_bytes(&source->file, replay->data,
							    source->segment);
			source->segment++;
		}
	}
}

/* The heap */

static bool is_earlier(const struct waiting *a, const struct waiting *b)
{
	if (a->at.t_us != b->at.t_us)
		return a->at.t_us < b->at.t_us;
	return a->number < b->number;
}

static void swap(struct waiting *a, struct waiting *b)
{
	struct waiting c = *a;

	*a = *b;
	*b = c;
}

static int push(struct jem_replay *replay, const struct waiting *entry)
{
	size_t i = replay->count;

	if (replay->count == replay->cap) {
		size_t cap = replay->cap ? replay->cap * 2 : 1024;
		struct waiting *heap = realloc(replay->heap, cap * sizeof(*heap));

		if (!heap)
			return -ENOMEM;
		replay->heap = heap;
		replay->cap = cap;
	}
	replay->heap[replay->count++] = *entry;
	for (; i && is_earlier(&replay->heap[i], &replay->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&replay->heap[i], &replay->heap[(i - 1) / 2]);
	return 0;
}

static struct waiting pop(struct jem_replay *replay)
{
	struct waiting first = replay->heap[0];
	size_t i = 0;

	replay->heap[0] = replay->heap[--replay->count];
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < replay->count; child++)
			if (is_earlier(&replay->heap[child], &replay->heap[least]))
				least = child;
		if (least == i)
			return first;
		swap(&replay->heap[i], &replay->heap[least]);
		i = least;
	}
}

/* Reading */

/* Opens the next segment that is there: 1; 0 when there is none; negative errno. */
static int open_next(struct jem_replay *replay, struct source *source)
{
	while (source->segment <= source->file.current) {
		bool is_columns = !strcmp(source->file.ext, "cbors.zst");
		char name[64];
		int status;

		jem_data_file_name(&source->file, replay->data, source->segment++, name);
		if (!*name)
			continue;
		status = is_columns ? jem_rows_open(replay->data, name, &source->rows)
				    : jem_lines_open(replay->data, name, 0, &source->lines);
		if (status != -ENOENT) /* it has just made room for another */
			return status < 0 ? status : 1;
	}
	return 0;
}

static void close_segment(struct jem_replay *replay, struct source *source)
{
	if (source->lines)
		replay->damaged += jem_lines_too_long(source->lines);
	if (source->rows)
		replay->damaged += jem_rows_damaged(source->rows);
	jem_lines_close(source->lines);
	jem_rows_close(source->rows);
	source->lines = NULL;
	source->rows = NULL;
}

/* The next line of a source: 1; 0 at its end; negative errno. */
static int read_line(struct jem_replay *replay, struct source *source, const char **line,
		     size_t *len)
{
	for (;;) {
		int status = 1;

		if (!source->lines && !source->rows)
			status = open_next(replay, source);
		if (status <= 0)
			return status;
		status = source->rows ? jem_rows_next(source->rows, line, len)
				      : jem_lines_next(source->lines, line, len);
		if (status > 0)
			return status;
		close_segment(replay, source);
		if (status < 0)
			return status;
	}
}

/* Brings one more line of a source into the heap. */
static int fetch(struct jem_replay *replay, int kind)
{
	struct source *source = &replay->sources[kind];
	struct waiting entry = { .kind = (uint8_t)kind };
	const char *line;
	size_t len;
	int status = read_line(replay, source, &line, &len);

	if (status <= 0) {
		source->is_at_end = true;
		replay->live--;
		return status;
	}
	if (jem_data_line_read(line, len, &entry.at) < 0) {
		replay->damaged++;
		return 0;
	}
	if (entry.at.t_us < replay->since_us)
		return 0;
	entry.line = malloc(len + 1);
	if (!entry.line)
		return -ENOMEM;
	memcpy(entry.line, line, len);
	entry.line[len] = '\0';
	entry.len = (uint32_t)len;
	entry.number = replay->number++;
	status = push(replay, &entry);
	if (status < 0)
		free(entry.line);
	else
		source->bytes += len + sizeof(entry);
	return status;
}

static int fill(struct jem_replay *replay)
{
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		struct source *source = &replay->sources[kind];

		while (!source->is_at_end && source->bytes < JEM_REPLAY_BYTES / replay->live) {
			int status = fetch(replay, kind);

			if (status < 0)
				return status;
		}
	}
	return 0;
}

int jem_replay_next(struct jem_replay *replay, struct jem_replay_record *ret)
{
	struct waiting entry;
	int status = fill(replay);

	if (status < 0)
		return status;
	if (!replay->count)
		return 0;
	entry = pop(replay);
	replay->sources[entry.kind].bytes -= entry.len + sizeof(entry);
	free(replay->given);
	replay->given = entry.line;
	*ret = (struct jem_replay_record){ .kind = (enum jem_kind)entry.kind,
					   .at = entry.at,
					   .line = entry.line,
					   .len = entry.len };
	return 1;
}

uint64_t jem_replay_damaged(const struct jem_replay *replay)
{
	return replay->damaged;
}
