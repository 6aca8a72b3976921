/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"
#include "tracer/sched/merge.h"

static void push(struct jem_sched_merge *merge, size_t lane, const int64_t *ns, size_t count)
{
	struct jem_sched_event *room = jem_sched_merge_room(merge, lane, count);

	CHECK(room != NULL);
	for (size_t i = 0; i < count; i++)
		room[i] = (struct jem_sched_event){ .ns = ns[i], .cpu = (uint16_t)lane };
	jem_sched_merge_push(merge, lane, count);
}

static size_t next(struct jem_sched_merge *merge, const struct jem_sched_event **events)
{
	size_t wants = 0;

	return jem_sched_merge_next(merge, events, &wants);
}

static size_t wants(struct jem_sched_merge *merge)
{
	const struct jem_sched_event *events;
	size_t lane = 0;

	CHECK_EQ(jem_sched_merge_next(merge, &events, &lane), 0);
	return lane;
}

CASE(asks_for_the_lane_that_holds_it_up)
{
	const struct jem_sched_event *events;
	struct jem_sched_merge *merge;

	CHECK_OK(jem_sched_merge_create(2, &merge));
	CHECK_EQ(wants(merge), 0);
	push(merge, 0, (int64_t[]){ 10, 20 }, 2);
	CHECK_EQ(wants(merge), 1);
	push(merge, 1, (int64_t[]){ 15 }, 1);
	CHECK_EQ(next(merge, &events), 1);
	CHECK_EQ(events->ns, 10);
	CHECK_EQ(jem_sched_merge_held(merge), 2);
	CHECK_EQ(next(merge, &events), 1);
	CHECK_EQ(events->ns, 15);
	CHECK_EQ(wants(merge), 1); /* it may still have one before 20 */
	jem_sched_merge_watermark(merge, 1, INT64_MAX);
	CHECK_EQ(next(merge, &events), 1);
	CHECK_EQ(events->ns, 20);
	CHECK_EQ(wants(merge), 0);
	jem_sched_merge_watermark(merge, 0, INT64_MAX);
	CHECK_EQ(wants(merge), SIZE_MAX);
	CHECK_EQ(jem_sched_merge_held(merge), 0);
	CHECK_EQ(jem_sched_merge_late(merge), 0);
	jem_sched_merge_destroy(merge);
}

CASE(goes_on_up_to_the_watermark_of_idle_lanes)
{
	const struct jem_sched_event *events;
	struct jem_sched_merge *merge;

	CHECK_OK(jem_sched_merge_create(3, &merge));
	push(merge, 1, (int64_t[]){ 10, 20, 30, 40 }, 4);
	jem_sched_merge_watermark(merge, 0, 30);
	jem_sched_merge_watermark(merge, 2, 30);
	/* Lane 0 may still tell of 30, and would go first; lane 2 would go after. */
	CHECK_EQ(next(merge, &events), 2);
	CHECK_EQ(events[1].ns, 20);
	CHECK_EQ(wants(merge), 0);
	jem_sched_merge_watermark(merge, 0, 31);
	CHECK_EQ(next(merge, &events), 1);
	CHECK_EQ(events->ns, 30);
	CHECK_EQ(wants(merge), 2);
	jem_sched_merge_destroy(merge);
}

CASE(settles_equal_times_by_lane_then_sequence)
{
	const struct jem_sched_event *events;
	struct jem_sched_merge *merge;
	static const uint16_t lanes[] = { 0, 0, 1, 1, 2, 2 };
	size_t at = 0;

	CHECK_OK(jem_sched_merge_create(3, &merge));
	for (size_t lane = 3; lane-- > 0;) {
		push(merge, lane, (int64_t[]){ 5, 5 }, 2);
		jem_sched_merge_watermark(merge, lane, INT64_MAX);
	}
	while (at < 6) {
		size_t count = next(merge, &events);

		CHECK_GE(count, 1);
		for (size_t i = 0; i < count; i++)
			CHECK_EQ(events[i].cpu, lanes[at++]);
	}
	CHECK_EQ(wants(merge), SIZE_MAX);
	jem_sched_merge_destroy(merge);
}

CASE(gives_late_events_at_once_and_counts_them)
{
	const struct jem_sched_event *events;
	struct jem_sched_merge *merge;

	CHECK_OK(jem_sched_merge_create(2, &merge));
	push(merge, 0, (int64_t[]){ 100 }, 1);
	jem_sched_merge_watermark(merge, 1, 200);
	CHECK_EQ(next(merge, &events), 1);
	push(merge, 1, (int64_t[]){ 50 }, 1);
	push(merge, 0, (int64_t[]){ 120 }, 1);
	CHECK_EQ(next(merge, &events), 1);
	CHECK_EQ(events->ns, 50);
	CHECK_EQ(jem_sched_merge_late(merge), 1);
	CHECK_EQ(next(merge, &events), 1);
	CHECK_EQ(events->ns, 120);
	jem_sched_merge_destroy(merge);
}

CASE(needs_no_lane)
{
	struct jem_sched_merge *merge;

	CHECK_OK(jem_sched_merge_create(0, &merge));
	CHECK_EQ(wants(merge), SIZE_MAX);
	jem_sched_merge_destroy(merge);
}

static uint32_t draw(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

/* Gives a lane some more events, or its end; how many. */
static size_t feed(struct jem_sched_merge *merge, size_t lane, int64_t *clock, size_t *left,
		   uint64_t *seed)
{
	size_t count = draw(seed) % 8;
	struct jem_sched_event *room;

	if (count > *left)
		count = *left;
	room = jem_sched_merge_room(merge, lane, count + 1);
	for (size_t i = 0; i < count; i++) {
		*clock += draw(seed) % 4;
		room[i] = (struct jem_sched_event){ .ns = *clock,
						    .cpu = (uint16_t)lane,
						    .detail = (uint32_t)(*left - i) };
	}
	jem_sched_merge_push(merge, lane, count);
	*left -= count;
	if (!*left)
		jem_sched_merge_watermark(merge, lane, INT64_MAX);
	return count;
}

static void merge_random(size_t lanes, uint64_t seed)
{
	enum {
		EACH = 300
	};
	int64_t clocks[300] = { 0 };
	size_t left[300];
	uint32_t seen[300];
	struct jem_sched_event last = { .ns = INT64_MIN };
	struct jem_sched_merge *merge;
	size_t in = 0;
	size_t out = 0;

	for (size_t i = 0; i < lanes; i++) {
		left[i] = EACH;
		seen[i] = EACH + 1;
	}
	CHECK_OK(jem_sched_merge_create(lanes, &merge));
	for (;;) {
		const struct jem_sched_event *events;
		size_t lane;
		size_t count = jem_sched_merge_next(merge, &events, &lane);

		if (!count && lane == SIZE_MAX)
			break;
		if (!count) {
			in += feed(merge, lane, &clocks[lane], &left[lane], &seed);
			continue;
		}
		for (size_t i = 0; i < count; i++) {
			CHECK(last.ns < events[i].ns ||
			      (last.ns == events[i].ns && last.cpu <= events[i].cpu));
			CHECK_EQ(events[i].detail, seen[events[i].cpu] - 1);
			seen[events[i].cpu]--;
			last = events[i];
		}
		out += count;
		CHECK_EQ(in, out + jem_sched_merge_held(merge));
	}
	CHECK_EQ(out, lanes * EACH);
	CHECK_EQ(jem_sched_merge_late(merge), 0);
	jem_sched_merge_destroy(merge);
}

CASE(keeps_the_order_of_many_lanes)
{
	static const size_t lanes[] = { 1, 2, 3, 7, 16, 33, 300 };

	for (size_t i = 0; i < sizeof(lanes) / sizeof(*lanes); i++)
		for (uint64_t seed = 1; seed <= 5; seed++)
			merge_random(lanes[i], seed);
}

TESTS(T(asks_for_the_lane_that_holds_it_up), T(goes_on_up_to_the_watermark_of_idle_lanes),
      T(settles_equal_times_by_lane_then_sequence), T(gives_late_events_at_once_and_counts_them),
      T(needs_no_lane), T(keeps_the_order_of_many_lanes))
