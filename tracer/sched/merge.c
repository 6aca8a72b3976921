/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tournament of losers (Knuth, The Art of Computer Programming 3, 5.4.1): a node keeps the lane that lost
 * there, so that a step compares once a level. The winner goes on without a step while its next event is
 * before the best of those that lost to it.
 */
#include "tracer/sched/merge.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	LANES_MAX = 65536
};

struct lane {
	struct jem_sched_event *events; /* owned */
	size_t first, count, cap;       /* those that wait are at first, ... */
	int64_t watermark;
};

struct jem_sched_merge {
	struct lane *lanes; /* owned */
	int64_t *keys;      /* owned; of the lane's first event, or its watermark */
	uint32_t *losers;   /* owned; of the inner nodes, from 1 */
	size_t lane_count;
	size_t width; /* leaves, a power of two */
	uint32_t winner;
	size_t taken; /* events of the winner that were lent */
	bool is_stale;
	size_t held;
	int64_t out_ns;
	uint64_t late;
};

static bool is_before(const struct jem_sched_merge *merge, uint32_t a, uint32_t b)
{
	int64_t left = merge->keys[a];
	int64_t right = merge->keys[b];

	return left < right || (left == right && a < b);
}

static void set_key(struct jem_sched_merge *merge, size_t lane)
{
	const struct lane *at = &merge->lanes[lane];

	merge->keys[lane] = at->count ? at->events[at->first].ns : at->watermark;
}

/* Plays the lane's matches on its way up. */
static void replay(struct jem_sched_merge *merge, uint32_t lane)
{
	uint32_t winner = lane;

	for (size_t node = (merge->width + lane) / 2; node > 0; node /= 2) {
		uint32_t loser = merge->losers[node];

		if (is_before(merge, loser, winner)) {
			merge->losers[node] = winner;
			winner = loser;
		}
	}
	merge->winner = winner;
}

static uint32_t play(struct jem_sched_merge *merge, size_t node)
{
	uint32_t left, right;

	if (node >= merge->width)
		return (uint32_t)(node - merge->width);
	left = play(merge, 2 * node);
	right = play(merge, 2 * node + 1);
	if (is_before(merge, left, right)) {
		merge->losers[node] = right;
		return left;
	}
	merge->losers[node] = left;
	return right;
}

/* The best of those that lost to the winner: the winner goes on up to there. */
static uint32_t second(const struct jem_sched_merge *merge)
{
	size_t node = (merge->width + merge->winner) / 2;
	uint32_t best = merge->losers[node];

	for (node /= 2; node > 0; node /= 2)
		if (is_before(merge, merge->losers[node], best))
			best = merge->losers[node];
	return best;
}

int jem_sched_merge_create(size_t lanes, struct jem_sched_merge **ret)
{
	struct jem_sched_merge *merge;
	size_t width = 2;

	if (lanes > LANES_MAX)
		return -E2BIG;
	while (width < lanes)
		width *= 2;
	merge = calloc(1, sizeof(*merge));
	if (!merge)
		return -ENOMEM;
	merge->lane_count = lanes;
	merge->width = width;
	merge->lanes = calloc(width, sizeof(*merge->lanes));
	merge->keys = calloc(width, sizeof(*merge->keys));
	merge->losers = calloc(width, sizeof(*merge->losers));
	if (!merge->lanes || !merge->keys || !merge->losers) {
		jem_sched_merge_destroy(merge);
		return -ENOMEM;
	}
	for (size_t i = 0; i < width; i++) {
		merge->lanes[i].watermark = i < lanes ? INT64_MIN : INT64_MAX;
		set_key(merge, i);
	}
	merge->out_ns = INT64_MIN;
	merge->is_stale = true;
	*ret = merge;
	return 0;
}

void jem_sched_merge_destroy(struct jem_sched_merge *merge)
{
	if (!merge)
		return;
	for (size_t i = 0; merge->lanes && i < merge->width; i++)
		free(merge->lanes[i].events);
	free(merge->lanes);
	free(merge->keys);
	free(merge->losers);
	free(merge);
}

/* What was lent is used up. */
static void settle(struct jem_sched_merge *merge)
{
	struct lane *lane = &merge->lanes[merge->winner];

	if (!merge->taken)
		return;
	lane->first += merge->taken;
	lane->count -= merge->taken;
	merge->held -= merge->taken;
	merge->taken = 0;
	if (!lane->count)
		lane->first = 0;
	set_key(merge, merge->winner);
	if (!merge->is_stale)
		replay(merge, merge->winner);
}

struct jem_sched_event *jem_sched_merge_room(struct jem_sched_merge *merge, size_t lane,
					     size_t events)
{
	struct lane *at = &merge->lanes[lane];

	settle(merge);
	if (at->first && at->cap - at->first - at->count < events) {
		memmove(at->events, at->events + at->first, at->count * sizeof(*at->events));
		at->first = 0;
	}
	if (!at->cap || at->cap - at->first - at->count < events) {
		size_t want = at->count + events + 1;
		size_t cap = at->cap * 2 > want ? at->cap * 2 : want;
		struct jem_sched_event *grown = cap < SIZE_MAX / sizeof(*grown)
							? realloc(at->events, cap * sizeof(*grown))
							: NULL;

		if (!grown)
			return NULL;
		at->events = grown;
		at->cap = cap;
	}
	return at->events + at->first + at->count;
}

/* A lane's key has changed. Only the winner's way up can be played alone. */
static void changed(struct jem_sched_merge *merge, size_t lane)
{
	int64_t before = merge->keys[lane];

	set_key(merge, lane);
	if (merge->keys[lane] == before || merge->is_stale)
		return;
	if (lane == merge->winner)
		replay(merge, merge->winner);
	else
		merge->is_stale = true;
}

void jem_sched_merge_push(struct jem_sched_merge *merge, size_t lane, size_t events)
{
	struct lane *at = &merge->lanes[lane];
	int64_t last;

	settle(merge);
	if (!events)
		return;
	at->count += events;
	merge->held += events;
	last = at->events[at->first + at->count - 1].ns;
	if (last > at->watermark)
		at->watermark = last;
	changed(merge, lane);
}

void jem_sched_merge_watermark(struct jem_sched_merge *merge, size_t lane, int64_t ns)
{
	settle(merge);
	if (ns <= merge->lanes[lane].watermark)
		return;
	merge->lanes[lane].watermark = ns;
	changed(merge, lane);
}

size_t jem_sched_merge_next(struct jem_sched_merge *merge, const struct jem_sched_event **ret,
			    size_t *wants)
{
	const struct jem_sched_event *events;
	const struct lane *lane;
	uint32_t other;
	size_t count = 1;
	int64_t limit;

	settle(merge);
	if (merge->is_stale) {
		merge->winner = play(merge, 1);
		merge->is_stale = false;
	}
	lane = &merge->lanes[merge->winner];
	if (!lane->count) {
		*wants = merge->keys[merge->winner] == INT64_MAX ? SIZE_MAX : merge->winner;
		return 0;
	}
	other = second(merge);
	limit = merge->keys[other];
	if (limit > INT64_MIN && other < merge->winner)
		limit--; /* of equal times the lower lane's go first */
	events = lane->events + lane->first;
	while (count < lane->count && events[count].ns <= limit)
		count++;
	if (events[0].ns < merge->out_ns)
		merge->late += count;
	if (events[count - 1].ns > merge->out_ns)
		merge->out_ns = events[count - 1].ns;
	merge->taken = count;
	*ret = events;
	return count;
}

size_t jem_sched_merge_held(const struct jem_sched_merge *merge)
{
	return merge->held - merge->taken;
}

uint64_t jem_sched_merge_late(const struct jem_sched_merge *merge)
{
	return merge->late;
}
