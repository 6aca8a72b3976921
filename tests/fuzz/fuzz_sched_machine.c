/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever events say: a core runs one task at a time, a task runs or waits at one place at a time, and
 * the numbers that are made of it agree with each other.
 */
#include "common/sched/counts.h"
#include "common/sched/stats_json.h"
#include "tracer/sched/model_sink.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	EVENT_BYTES = 8,
	CORES = 6,
	TIDS = 12,
	TASKS_MAX = 1 << 16,
	COMMS = 4,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct jem_sched_model model;
	struct jem_sched_sink sink;
	int64_t core_end_ns[UINT8_MAX + 1];
	int64_t *task_end_ns;
	uint64_t inferred; /* slices with an inferred begin or end, each counted */
};

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static int on_task(void *context, uint32_t task, const struct jem_sched_task *now)
{
	struct world *world = context;

	MUST(task < TASKS_MAX && task <= world->model.task_count);
	MUST(now->tid > 0 && now->died_ns >= now->born_ns);
	MUST(now->parent == JEM_SCHED_NONE || now->parent < world->model.task_count);
	return world->sink.task(&world->model, task, now);
}

static int on_slice(void *context, const struct jem_sched_slice *slice)
{
	struct world *world = context;
	int64_t end_ns = slice->start_ns + (int64_t)slice->run_ns;

	MUST(end_ns >= slice->start_ns);
	MUST(slice->start_ns - (int64_t)slice->wait_ns >= world->task_end_ns[slice->task]);
	world->task_end_ns[slice->task] = end_ns;
	if (!(slice->flags & JEM_SCHED_WAIT_ONLY)) {
		MUST(slice->start_ns >= world->core_end_ns[slice->cpu]);
		world->core_end_ns[slice->cpu] = end_ns;
	} else {
		MUST(!slice->run_ns);
	}
	MUST(!(slice->flags & JEM_SCHED_WAIT_UNKNOWN) || !slice->wait_ns);
	world->inferred += !!(slice->flags & JEM_SCHED_START_INFERRED);
	world->inferred += !!(slice->flags & JEM_SCHED_END_INFERRED);
	return world->sink.slice(&world->model, slice);
}

static int on_gap(void *context, const struct jem_sched_gap *gap)
{
	struct world *world = context;

	MUST(gap->from_ns >= world->core_end_ns[gap->cpu] && gap->to_ns >= gap->from_ns);
	world->core_end_ns[gap->cpu] = gap->to_ns;
	return world->sink.gap(&world->model, gap);
}

static struct jem_sched_event event_of(const uint8_t *data, int64_t *now_ns)
{
	static const uint32_t states[] = { 0, 1, 2, 4, 0x10, 0x20, 0x100, 0x80000000 };
	struct jem_sched_event event = { .type = data[0] % JEM_SCHED_TYPE_COUNT,
					 .cpu = data[1] % CORES,
					 .pid = data[2] % TIDS,
					 .other = data[3] % TIDS,
					 .comm = data[5] % COMMS,
					 .pid_comm = JEM_SCHED_NONE };

	/* Seldom what no kernel writes. */
	if (data[2] == UINT8_MAX)
		event.pid = -1;
	if (data[3] == UINT8_MAX)
		event.other = INT32_MAX;
	*now_ns += data[5] == UINT8_MAX ? -1000 : data[5] * 100;
	event.ns = data[5] == UINT8_MAX - 1 ? INT64_MAX - data[6] : *now_ns;
	event.detail = event.type == JEM_SCHED_SWITCH ? states[data[4] % 8] : data[4] % CORES;
	if (event.type == JEM_SCHED_MIGRATE || event.type == JEM_SCHED_NEWTASK)
		event.detail |= (uint32_t)data[6] % CORES << 16;
	if (data[6] == UINT8_MAX)
		event.detail = UINT32_MAX;
	return event;
}

/* Sums of runs and waits are the same by task and over time, and no more than there was time for. */
static void check_numbers(struct jem_sched_model *model)
{
	struct jem_sched_select select = { 0 };
	struct jem_sched_window window = { false, NAN, NAN };
	struct jem_sched_stats_source source = { "", 7, 0, model, &select, NULL };
	struct jem_sched_counts counts;
	struct jem_buf buf;
	struct jem_json json;
	unsigned __int128 run = 0, wait = 0, time;

	MUST(jem_sched_select_window(model, &window, &select) == 0);
	MUST(jem_sched_counts_make(model, &select, &counts) == 0);
	for (size_t c = 0; c < model->cpu_count; c++) {
		for (size_t i = 0; i < model->cpus[c].count; i++) {
			run += model->cpus[c].slices[i].run_ns;
			wait += model->cpus[c].slices[i].wait_ns;
		}
	}
	time = (unsigned __int128)(model->end_ns - model->begin_ns);
	MUST(counts.run_ns == (uint64_t)run && counts.wait_ns == (uint64_t)wait);
	MUST(counts.running_max <= model->cpu_count && counts.runnable_max <= model->task_count);
	MUST(run <= time * model->cpu_count && run + wait <= time * model->task_count);
	jem_sched_counts_deinit(&counts);
	jem_buf_init(&buf, 0);
	json = jem_json_to(&buf);
	MUST(jem_sched_stats_json(&json, &source) == 0);
	jem_buf_deinit(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	struct jem_sched_sink sink = { &world, on_task, on_slice, on_gap };
	struct jem_sched_machine *machine;
	int64_t now_ns = 1000;

	if (size > EVENT_BYTES * TASKS_MAX / 4)
		return 0;
	memset(&world, 0, sizeof(world));
	world.task_end_ns = calloc(TASKS_MAX, sizeof(*world.task_end_ns));
	MUST(world.task_end_ns);
	jem_sched_model_init(&world.model);
	world.sink = jem_sched_model_sink(&world.model);
	for (uint32_t i = 0; i < COMMS; i++) {
		char name[] = { (char)('a' + i), '/', (char)('0' + i), '\0' };
		uint32_t index;

		MUST(jem_sched_model_name(&world.model, name, &index) == 0);
	}
	MUST(jem_sched_machine_create(&sink, NULL, &machine) == 0);
	for (; size >= EVENT_BYTES; data += EVENT_BYTES, size -= EVENT_BYTES) {
		struct jem_sched_event event = event_of(data, &now_ns);

		MUST(jem_sched_machine_event(machine, &event) == 0);
		if (data[7] > 250) /* also ahead of events that come */
			MUST(jem_sched_machine_flush(machine, now_ns + 500, data[7]) == 0);
	}
	MUST(jem_sched_machine_finish(machine, now_ns) == 0);
	MUST(jem_sched_model_complete(&world.model, machine) == 0);
	MUST(world.inferred <= 2 * world.model.inferred);
	check_numbers(&world.model);
	jem_sched_machine_destroy(machine);
	jem_sched_model_deinit(&world.model);
	free(world.task_end_ns);
	return 0;
}
