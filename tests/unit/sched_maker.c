/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sched_maker.h"

#include "tests/unit/check.h"

struct making {
	const struct sched_maker *maker;
	struct jem_sched_model *model;
	uint32_t random;
	uint32_t app, worker, sleeper; /* names */
	uint32_t *task_on;             /* by core: the application's */
	uint32_t *worker_on;
	uint32_t first_app;
};

static uint32_t draw(struct making *making, uint32_t below)
{
	making->random ^= making->random << 13;
	making->random ^= making->random >> 17;
	making->random ^= making->random << 5;
	return making->random % below;
}

static uint32_t add_task(struct making *making, int32_t tid, uint32_t comm, uint32_t parent,
			 int64_t born_ns)
{
	struct jem_sched_task task = { .tid = tid,
				       .pid = tid,
				       .parent = parent,
				       .comm = comm,
				       .born_ns = born_ns,
				       .died_ns = INT64_MAX };
	uint32_t index;

	CHECK_OK(jem_sched_model_task(making->model, &task, &index));
	return index;
}

static void add_slice(struct making *making, unsigned core, uint32_t task, int64_t start_ns,
		      int64_t end_ns, uint64_t wait_ns, bool is_preempted)
{
	unsigned step = making->maker->number_step ? making->maker->number_step : 1;
	unsigned waker = draw(making, making->maker->cores);
	bool is_woken = wait_ns && !is_preempted;
	struct jem_sched_slice slice = {
		.start_ns = start_ns,
		.run_ns = (uint64_t)(end_ns - start_ns),
		.wait_ns = wait_ns,
		.task = task,
		.comm = making->model->tasks[task].comm,
		.waker = is_woken ? making->task_on[waker] : JEM_SCHED_NONE,
		.cpu = (uint16_t)(core * step),
		.from_cpu = JEM_SCHED_NO_CPU,
		.waker_cpu = is_woken ? (uint16_t)(waker * step) : JEM_SCHED_NO_CPU,
		.end = is_preempted ? JEM_SCHED_PREEMPTED : JEM_SCHED_SLEEP,
		.flags = wait_ns && is_preempted ? JEM_SCHED_WAIT_PREEMPTED : 0,
	};

	if (draw(making, 2000) == 0)
		slice.flags |= JEM_SCHED_END_INFERRED;
	CHECK_OK(jem_sched_model_slice(making->model, &slice));
	making->model->switches++;
	making->model->inferred += slice.flags & JEM_SCHED_END_INFERRED ? 1 : 0;
}

static bool is_lost(const struct making *making, unsigned core, int64_t from_ns, int64_t to_ns)
{
	int64_t span = (int64_t)(making->maker->span_s * 1e9);

	return making->maker->has_gap && core == 1 && to_ns > span * 12 / 20 &&
	       from_ns < span * 13 / 20;
}

/* Two tasks take turns on the core, each waiting while the other runs. */
static void share(struct making *making, unsigned core, int64_t from_ns, int64_t to_ns)
{
	unsigned other = making->maker->cores > 2 ? 2 : 0;
	uint32_t tasks[] = { making->task_on[core], making->task_on[other] };
	int64_t turn = (to_ns - from_ns) / 8;

	for (int i = 0; i < 8; i++)
		add_slice(making, core, tasks[i % 2], from_ns + i * turn, from_ns + (i + 1) * turn,
			  i ? (uint64_t)turn : 0, true);
}

/* One core from one barrier to the next. */
static void add_phase(struct making *making, unsigned core, int64_t from_ns, int64_t to_ns,
		      unsigned pieces)
{
	int64_t length = to_ns - from_ns;
	int64_t end = from_ns + length * (90 + (int64_t)draw(making, 9)) / 100;
	int64_t at = from_ns + (int64_t)draw(making, 1000 + (uint32_t)(length / 100));
	uint32_t woken = draw(making, 20000);

	for (unsigned i = 0; i < pieces && at < end; i++) {
		int64_t most = (end - at) / (pieces - i);
		int64_t stop =
			i + 1 == pieces
				? end
				: at + most / 2 + (int64_t)draw(making, (uint32_t)most + 1) / 2;

		if (is_lost(making, core, at, stop)) {
			at = stop;
			continue;
		}
		add_slice(making, core, making->task_on[core], at, stop, i ? 0 : woken, false);
		at = stop;
		if (i + 1 < pieces && draw(making, 3) == 0) {
			stop = at + 2000 + (int64_t)draw(making, 30000);
			if (stop < end) {
				add_slice(making, core, making->worker_on[core], at, stop, 0,
					  false);
				at = stop;
			}
		} else {
			at += (int64_t)draw(making, (uint32_t)(most / 10) + 2);
		}
	}
}

static void begin(struct making *making)
{
	const struct sched_maker *maker = making->maker;
	int64_t start = (int64_t)(maker->span_s * 1e9 / 40);
	uint32_t shell;

	CHECK_OK(jem_sched_model_name(making->model, "ua.C.x", &making->app));
	CHECK_OK(jem_sched_model_name(making->model, "kworker/u8:1", &making->worker));
	CHECK_OK(jem_sched_model_name(making->model, "sleep", &making->sleeper));
	shell = add_task(making, 900, making->sleeper, JEM_SCHED_NONE, 1000);
	making->model->tasks[shell].died_ns = start;
	making->task_on = calloc(maker->cores, sizeof(uint32_t));
	making->worker_on = calloc(maker->cores, sizeof(uint32_t));
	CHECK(making->task_on && making->worker_on);
	for (unsigned core = 0; core < maker->cores; core++) {
		making->task_on[core] = add_task(making, 1000 + (int32_t)core, making->app, shell,
						 start + 1000 * core);
		making->worker_on[core] = add_task(making, 20 + (int32_t)core, making->worker,
						   JEM_SCHED_NONE, INT64_MIN);
	}
	add_slice(making, 0, shell, 1000, 50000, 0, false);
	add_slice(making, 0, shell, start - 60000, start, 5000, false);
}

void sched_make(const struct sched_maker *maker, struct jem_sched_model *ret)
{
	struct making making = { .maker = maker, .model = ret, .random = maker->seed * 2 + 1 };
	int64_t span = (int64_t)(maker->span_s * 1e9);
	int64_t start = span / 40;
	size_t phases = 24;
	unsigned pieces = (unsigned)(maker->slices / maker->cores / phases * 3 / 4) + 1;

	jem_sched_model_init(ret);
	begin(&making);
	for (size_t phase = 0; phase < phases; phase++) {
		int64_t from = start + (span - start) * (int64_t)phase / (int64_t)phases;
		int64_t to = start + (span - start) * (int64_t)(phase + 1) / (int64_t)phases;

		for (unsigned core = 0; core < maker->cores; core++) {
			unsigned other = draw(&making, maker->cores);
			uint32_t moved = making.task_on[core];

			if (phase == 15 && core == 0) {
				share(&making, core, from, to);
				continue;
			}
			if (phase == 15 && core == 2)
				continue; /* its task is on core 0 */
			if (phase > 6 && draw(&making, 40) == 0) {
				making.task_on[core] = making.task_on[other];
				making.task_on[other] = moved;
			}
			add_phase(&making, core, from, to, pieces);
		}
	}
	if (maker->has_gap && maker->cores > 1) {
		struct jem_sched_gap gap = { span * 12 / 20, span * 13 / 20, 1234, 1 };

		CHECK_OK(jem_sched_model_gap(ret, &gap));
		ret->lost_events = gap.lost;
	}
	ret->begin_ns = 0;
	ret->end_ns = span;
	ret->events = ret->switches * 3;
	CHECK_OK(jem_sched_model_seal(ret));
	free(making.task_on);
	free(making.worker_on);
}
