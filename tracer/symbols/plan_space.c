/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/plan_space.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int make_room(struct jem_plan_space *space)
{
	size_t cap = space->cap ? space->cap * 2 : 16;
	struct jem_plan_free *list;

	if (space->count < space->cap)
		return 0;
	list = realloc(space->list, cap * sizeof(*list));
	if (!list)
		return -ENOMEM;
	space->list = list;
	space->cap = cap;
	return 0;
}

int jem_plan_space_init(struct jem_plan_space *space, uint64_t from, uint64_t to)
{
	uint64_t unit = JEM_PLAN_SPACE_UNIT;

	*space = (struct jem_plan_space){ 0 };
	if (make_room(space) < 0)
		return -ENOMEM;
	from = (from + unit - 1) / unit * unit;
	to = to / unit * unit;
	if (from < to)
		jem_plan_space_give(space, (struct jem_plan_area){ from, to - from }, 0);
	return 0;
}

void jem_plan_space_deinit(struct jem_plan_space *space)
{
	free(space->list);
	*space = (struct jem_plan_space){ 0 };
}

/* Neighbours that are both ready become one. */
static void join(struct jem_plan_space *space, uint64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 1; i < space->count; i++) {
		struct jem_plan_free *last = &space->list[kept];
		struct jem_plan_free *next = &space->list[i];

		if (last->area.offset + last->area.bytes == next->area.offset &&
		    last->ready_ns <= now_ns && next->ready_ns <= now_ns)
			last->area.bytes += next->area.bytes;
		else
			space->list[++kept] = *next;
	}
	if (space->count)
		space->count = kept + 1;
}

int jem_plan_space_take(struct jem_plan_space *space, uint64_t bytes, uint64_t now_ns,
			struct jem_plan_area *ret)
{
	uint64_t unit = JEM_PLAN_SPACE_UNIT;

	if (!bytes) {
		*ret = (struct jem_plan_area){ 0, 0 };
		return 0;
	}
	if (bytes > UINT64_MAX - unit)
		return -ENOSPC;
	bytes = (bytes + unit - 1) / unit * unit;
	join(space, now_ns);
	for (size_t i = 0; i < space->count; i++) {
		struct jem_plan_free *free_one = &space->list[i];

		if (free_one->ready_ns > now_ns || free_one->area.bytes < bytes)
			continue;
		*ret = (struct jem_plan_area){ free_one->area.offset, bytes };
		free_one->area.offset += bytes;
		free_one->area.bytes -= bytes;
		if (!free_one->area.bytes) {
			space->count--;
			memmove(free_one, free_one + 1, (space->count - i) * sizeof(*free_one));
		}
		return 0;
	}
	return -ENOSPC;
}

void jem_plan_space_give(struct jem_plan_space *space, struct jem_plan_area area, uint64_t ready_ns)
{
	size_t at = 0;

	if (!area.bytes || make_room(space) < 0)
		return;
	while (at < space->count && space->list[at].area.offset < area.offset)
		at++;
	memmove(&space->list[at + 1], &space->list[at], (space->count - at) * sizeof(*space->list));
	space->list[at] = (struct jem_plan_free){ area, ready_ns };
	space->count++;
}

uint64_t jem_plan_space_free_bytes(const struct jem_plan_space *space)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < space->count; i++)
		sum += space->list[i].area.bytes;
	return sum;
}
