/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sched/edges.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_CAP = 1024,
	DIGIT_BITS = 11, /* counters of a pass stay in the first cache */
	DIGITS = 1 << DIGIT_BITS,
};

int jem_sched_edges_add(struct jem_sched_edges *edges, int64_t at_ns, uint16_t cpu, uint8_t kind)
{
	if (edges->count == edges->cap) {
		size_t cap = edges->cap ? edges->cap + edges->cap / 2 : FIRST_CAP;
		struct jem_sched_edge *moved =
			reallocarray(edges->edges, cap, sizeof(*edges->edges));

		if (!moved)
			return -ENOMEM;
		edges->edges = moved;
		edges->cap = cap;
	}
	edges->edges[edges->count++] = (struct jem_sched_edge){ at_ns, cpu, kind };
	return 0;
}

void jem_sched_edges_deinit(struct jem_sched_edges *edges)
{
	free(edges->edges);
	*edges = (struct jem_sched_edges){ 0 };
}

/* One pass of a radix sort, stable. */
static void sort_by_digit(const struct jem_sched_edge *from, struct jem_sched_edge *to,
			  size_t count, int64_t base, unsigned shift)
{
	size_t starts[DIGITS] = { 0 };
	size_t sum = 0;

	for (size_t i = 0; i < count; i++)
		starts[((uint64_t)(from[i].at_ns - base) >> shift) % DIGITS]++;
	for (size_t d = 0; d < DIGITS; d++) {
		size_t here = starts[d];

		starts[d] = sum;
		sum += here;
	}
	for (size_t i = 0; i < count; i++)
		to[starts[((uint64_t)(from[i].at_ns - base) >> shift) % DIGITS]++] = from[i];
}

int jem_sched_edges_sort(struct jem_sched_edges *edges)
{
	struct jem_sched_edge *from = edges->edges;
	struct jem_sched_edge *to;
	int64_t least = INT64_MAX;
	int64_t most = INT64_MIN;
	bool is_sorted = true;

	for (size_t i = 0; i < edges->count; i++) {
		least = from[i].at_ns < least ? from[i].at_ns : least;
		is_sorted &= from[i].at_ns >= most;
		most = from[i].at_ns > most ? from[i].at_ns : most;
	}
	if (is_sorted)
		return 0;
	to = reallocarray(NULL, edges->count, sizeof(*to));
	if (!to)
		return -ENOMEM;
	for (unsigned shift = 0; shift < 64 && (uint64_t)(most - least) >> shift;
	     shift += DIGIT_BITS) {
		struct jem_sched_edge *swap = from;

		sort_by_digit(from, to, edges->count, least, shift);
		from = to;
		to = swap;
	}
	free(to);
	if (from != edges->edges)
		edges->cap = edges->count;
	edges->edges = from;
	return 0;
}
