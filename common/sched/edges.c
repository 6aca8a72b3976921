/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sched/edges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK_SLICES = 4096,
	FIRST_CAP = 1024,
	DIGIT_BITS = 11, /* counters of a pass stay in the first cache */
	DIGITS = 1 << DIGIT_BITS,
};

struct list {
	struct jem_sched_edge *edges; /* owned */
	size_t count, cap;
};

struct stream {
	const struct jem_sched_edges *what; /* borrowed */
	unsigned chunk_shift; /* a chunk is a power of two nanoseconds: no division an edge */
	size_t chunk_count;
	size_t *next;    /* owned; by core: its first slice of the chunks to come */
	struct list far; /* edges in another chunk than the start of their slice */
	struct list chunk;
	struct list sorted; /* room for one pass of a sort */
	size_t far_next;
};

static int reserve(struct list *list, size_t count)
{
	size_t cap = list->cap ? list->cap : FIRST_CAP;
	struct jem_sched_edge *edges;

	if (count <= list->cap)
		return 0;
	while (cap < count)
		cap += cap / 2;
	edges = reallocarray(list->edges, cap, sizeof(*edges));
	if (!edges)
		return -ENOMEM;
	list->edges = edges;
	list->cap = cap;
	return 0;
}

static int add(struct list *list, int64_t at_ns, uint16_t cpu, unsigned kind)
{
	if (list->count == list->cap && reserve(list, list->count + 1) < 0)
		return -ENOMEM;
	list->edges[list->count++] = (struct jem_sched_edge){ at_ns, cpu, (uint8_t)kind };
	return 0;
}

/* One pass of a radix sort, stable. */
static void sort_by_digit(const struct list *from, struct list *to, int64_t base, unsigned shift)
{
	size_t starts[DIGITS] = { 0 };
	size_t sum = 0;

	for (size_t i = 0; i < from->count; i++)
		starts[((uint64_t)(from->edges[i].at_ns - base) >> shift) % DIGITS]++;
	for (size_t d = 0; d < DIGITS; d++) {
		size_t here = starts[d];

		starts[d] = sum;
		sum += here;
	}
	for (size_t i = 0; i < from->count; i++) {
		const struct jem_sched_edge *edge = &from->edges[i];

		to->edges[starts[((uint64_t)(edge->at_ns - base) >> shift) % DIGITS]++] = *edge;
	}
	to->count = from->count;
}

static int sort(struct list *list, struct list *room)
{
	int64_t least = INT64_MAX;
	int64_t most = 0;

	for (size_t i = 0; i < list->count; i++) {
		least = list->edges[i].at_ns < least ? list->edges[i].at_ns : least;
		most = list->edges[i].at_ns > most ? list->edges[i].at_ns : most;
	}
	if (!list->count)
		return 0;
	if (reserve(room, list->count) < 0)
		return -ENOMEM;
	for (unsigned shift = 0; shift < 64 && (uint64_t)(most - least) >> shift;
	     shift += DIGIT_BITS) {
		struct list swap = *list;

		sort_by_digit(list, room, least, shift);
		*list = *room;
		*room = swap;
	}
	return 0;
}

static size_t chunk_of(const struct stream *stream, int64_t ns)
{
	return (size_t)(ns - stream->what->select->from_ns) >> stream->chunk_shift;
}

/* The chunk of the slice's start, or of the side of the window where that is outside. */
static size_t home_of(const struct stream *stream, const struct jem_sched_slice *slice)
{
	const struct jem_sched_select *select = stream->what->select;
	int64_t ns = slice->start_ns;

	if (ns < select->from_ns)
		ns = select->from_ns;
	if (ns > select->to_ns)
		ns = select->to_ns;
	return chunk_of(stream, ns);
}

/* Those edges of an interval that are in the chunk, or those that are not. */
static int add_edges(const struct stream *stream, struct list *list, size_t home, bool wants_home,
		     const struct jem_sched_interval *one)
{
	int rc = 0;

	if ((chunk_of(stream, one->from_ns) == home) == wants_home)
		rc = add(list, one->from_ns, one->cpu, one->kind);
	if (rc == 0 && (chunk_of(stream, one->to_ns) == home) == wants_home)
		rc = add(list, one->to_ns, one->cpu, one->kind + 1u);
	return rc;
}

static int add_slice(struct stream *stream, struct list *list, size_t cpu, bool wants_home,
		     const struct jem_sched_slice *slice)
{
	struct jem_sched_interval intervals[JEM_SCHED_INTERVALS];
	const struct jem_sched_edges *what = stream->what;
	unsigned count = what->intervals(what->context, cpu, slice, intervals);
	size_t home = count ? home_of(stream, slice) : 0;
	int rc = 0;

	for (unsigned i = 0; i < count && rc == 0; i++)
		rc = add_edges(stream, list, home, wants_home, &intervals[i]);
	return rc;
}

static bool has_core(const struct stream *stream, size_t cpu)
{
	return jem_sched_select_cpu(stream->what->select, stream->what->model->cpus[cpu].number);
}

static int find_far(struct stream *stream)
{
	const struct jem_sched_edges *what = stream->what;
	int rc = 0;

	for (size_t c = 0; c < what->model->cpu_count; c++) {
		const struct jem_sched_cpu *cpu = &what->model->cpus[c];

		if (!has_core(stream, c)) {
			stream->next[c] = cpu->count;
			continue;
		}
		/* Of those that end before the window nothing is in it. */
		stream->next[c] = jem_sched_cpu_at(cpu, what->select->from_ns - 1);
		for (size_t i = stream->next[c]; i < cpu->count && rc == 0; i++)
			rc = add_slice(stream, &stream->far, c, false, &cpu->slices[i]);
	}
	for (size_t i = 0; i < what->other_count && rc == 0; i++) {
		/* They have no chunk of their own. */
		rc = add_edges(stream, &stream->far, SIZE_MAX, false, &what->others[i]);
	}
	return rc < 0 ? rc : sort(&stream->far, &stream->sorted);
}

static int run_chunk(struct stream *stream, size_t chunk)
{
	const struct jem_sched_edges *what = stream->what;
	struct list *list = &stream->chunk;
	int rc = 0;

	list->count = 0;
	for (size_t c = 0; c < what->model->cpu_count; c++) {
		const struct jem_sched_cpu *cpu = &what->model->cpus[c];
		size_t *next = &stream->next[c];

		for (; *next < cpu->count && home_of(stream, &cpu->slices[*next]) == chunk;
		     ++*next) {
			rc = add_slice(stream, list, c, true, &cpu->slices[*next]);
			if (rc < 0)
				return rc;
		}
	}
	while (stream->far_next < stream->far.count) {
		const struct jem_sched_edge *edge = &stream->far.edges[stream->far_next];

		if (chunk_of(stream, edge->at_ns) != chunk)
			break;
		rc = add(list, edge->at_ns, edge->cpu, edge->kind);
		if (rc < 0)
			return rc;
		stream->far_next++;
	}
	rc = sort(list, &stream->sorted);
	if (rc < 0 || !list->count)
		return rc;
	return what->edges(what->context, list->edges, list->count);
}

static void cut_time(struct stream *stream)
{
	const struct jem_sched_edges *what = stream->what;
	uint64_t window = (uint64_t)(what->select->to_ns - what->select->from_ns);
	size_t slices = 0;

	for (size_t c = 0; c < what->model->cpu_count; c++)
		slices += what->model->cpus[c].count;
	while (window >> stream->chunk_shift > slices / CHUNK_SLICES)
		stream->chunk_shift++;
	stream->chunk_count = (size_t)(window >> stream->chunk_shift) + 1;
}

int jem_sched_edges_each(const struct jem_sched_edges *what)
{
	struct stream stream = { .what = what };
	int rc = 0;

	stream.next = calloc(what->model->cpu_count + 1, sizeof(*stream.next));
	if (!stream.next)
		return -ENOMEM;
	cut_time(&stream);
	rc = find_far(&stream);
	for (size_t i = 0; i < stream.chunk_count && rc == 0; i++)
		rc = run_chunk(&stream, i);
	free(stream.next);
	free(stream.far.edges);
	free(stream.chunk.edges);
	free(stream.sorted.edges);
	return rc;
}
