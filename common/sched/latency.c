/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sched/latency.h"

enum {
	NO_LATENCY = JEM_SCHED_WAIT_PREEMPTED | JEM_SCHED_WAIT_ONLY | JEM_SCHED_CONTINUED,
	NOT_TOLD = JEM_SCHED_WAIT_UNKNOWN | JEM_SCHED_START_INFERRED,
};

typedef void each_fn(void *context, const struct jem_sched_slice *slice);

static void each_start(const struct jem_sched_model *model, const struct jem_sched_select *select,
		       each_fn *each, void *context)
{
	for (size_t c = 0; c < model->cpu_count; c++) {
		const struct jem_sched_cpu *cpu = &model->cpus[c];

		if (!jem_sched_select_cpu(select, cpu->number))
			continue;
		for (size_t i = jem_sched_cpu_at(cpu, select->from_ns - 1); i < cpu->count; i++) {
			const struct jem_sched_slice *slice = &cpu->slices[i];

			if (slice->start_ns >= select->to_ns)
				break;
			if (slice->start_ns >= select->from_ns &&
			    jem_sched_select_task(model, select, slice->task))
				each(context, slice);
		}
	}
}

static void add_latency(void *context, const struct jem_sched_slice *slice)
{
	struct jem_sched_latency *latency = context;

	if (slice->flags & NO_LATENCY)
		return;
	if (slice->flags & NOT_TOLD) {
		latency->unknown++;
		return;
	}
	latency->buckets[slice->wait_ns ? 64 - __builtin_clzll(slice->wait_ns) : 0]++;
	latency->sum_ns += slice->wait_ns;
	if (!latency->count++ || slice->wait_ns > latency->max_ns) {
		latency->max_ns = slice->wait_ns;
		latency->worst = *slice;
	}
}

void jem_sched_latency_make(const struct jem_sched_model *model,
			    const struct jem_sched_select *select, struct jem_sched_latency *ret)
{
	*ret = (struct jem_sched_latency){ 0 };
	each_start(model, select, add_latency, ret);
}

uint64_t jem_sched_latency_quantile(const struct jem_sched_latency *latency, double share)
{
	uint64_t seen = 0;

	if (!latency->count)
		return 0;
	for (unsigned i = 0; i < JEM_SCHED_LATENCIES; i++) {
		uint64_t end = i ? (uint64_t)1 << i : 0;

		seen += latency->buckets[i];
		if ((double)seen >= share * (double)latency->count)
			return end < latency->max_ns ? end : latency->max_ns;
	}
	return latency->max_ns;
}

struct moving {
	const struct jem_topology *topology; /* borrowed */
	struct jem_sched_moves *moves;       /* borrowed */
};

static void add_move(void *context, const struct jem_sched_slice *slice)
{
	struct moving *moving = context;

	if (slice->flags & (JEM_SCHED_WAIT_ONLY | JEM_SCHED_CONTINUED) ||
	    slice->from_cpu == JEM_SCHED_NO_CPU || slice->from_cpu == slice->cpu)
		return;
	moving->moves->counts[slice->move][jem_topology_distance(moving->topology, slice->from_cpu,
								 slice->cpu)]++;
}

void jem_sched_moves_make(const struct jem_sched_model *model,
			  const struct jem_sched_select *select,
			  const struct jem_topology *topology, struct jem_sched_moves *ret)
{
	struct moving moving = { .topology = topology };

	*ret = (struct jem_sched_moves){ 0 };
	moving.moves = ret;
	each_start(model, select, add_move, &moving);
}

const char *jem_sched_move_name(enum jem_sched_move move)
{
	static const char *const names[] = { "stayed", "placed", "balanced", "numa", "moved" };

	return names[move];
}
