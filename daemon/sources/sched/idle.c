/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/idle.h"

#include <errno.h>
#include <stdlib.h>

#define POINT_NS 100000

int jem_idle_create(struct jem_idle **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void jem_idle_destroy(struct jem_idle *idle)
{
	free(idle);
}

static const struct jem_idle_point *point_at(const struct jem_idle *idle, uint64_t i)
{
	return &idle->points[i % JEM_IDLE_POINTS];
}

static void add_point(struct jem_idle *idle)
{
	if (idle->point_count &&
	    idle->now_ns - point_at(idle, idle->point_count - 1)->at_ns < POINT_NS)
		return;
	idle->points[idle->point_count++ % JEM_IDLE_POINTS] =
		(struct jem_idle_point){ idle->now_ns, idle->idle_ns };
}

void jem_idle_set(struct jem_idle *idle, uint16_t cpu, bool is_idle, int64_t ns)
{
	if (cpu >= JEM_IDLE_CORES || idle->is_idle[cpu] == is_idle)
		return;
	if (ns > idle->now_ns) {
		if (idle->idle_cores)
			idle->idle_ns += (uint64_t)(ns - idle->now_ns);
		idle->now_ns = ns;
	}
	add_point(idle);
	idle->is_idle[cpu] = is_idle;
	idle->idle_cores += is_idle ? 1u : -1u;
}

/* Idle time up to `ns`: between two points as if it were spread evenly, after the last exactly. */
static double idle_up_to(const struct jem_idle *idle, int64_t ns)
{
	uint64_t count = idle->point_count;
	uint64_t low = count > JEM_IDLE_POINTS ? count - JEM_IDLE_POINTS : 0;
	uint64_t high = count;
	struct jem_idle_point from;
	struct jem_idle_point to = { idle->now_ns, idle->idle_ns };

	if (ns >= idle->now_ns)
		return (double)idle->idle_ns + (idle->idle_cores ? (double)(ns - idle->now_ns) : 0);
	if (low == high || ns <= point_at(idle, low)->at_ns)
		return low == high ? 0 : (double)point_at(idle, low)->idle_ns;
	while (high - low > 1) { /* the last point that is not after ns */
		uint64_t middle = low + (high - low) / 2;

		if (point_at(idle, middle)->at_ns <= ns)
			low = middle;
		else
			high = middle;
	}
	from = *point_at(idle, low);
	if (low + 1 < count)
		to = *point_at(idle, low + 1);
	if (to.at_ns == from.at_ns)
		return (double)from.idle_ns;
	return (double)from.idle_ns + (double)(to.idle_ns - from.idle_ns) *
					      (double)(ns - from.at_ns) /
					      (double)(to.at_ns - from.at_ns);
}

uint64_t jem_idle_within(const struct jem_idle *idle, int64_t from_ns, int64_t to_ns)
{
	double within = idle_up_to(idle, to_ns) - idle_up_to(idle, from_ns);
	double most = (double)(to_ns - from_ns);

	if (within <= 0 || most <= 0)
		return 0;
	return (uint64_t)(within < most ? within : most);
}
