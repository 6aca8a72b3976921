/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sched_bench.h"

void sched_open(struct sched_bench *bench)
{
	struct jem_sched_sink sink = jem_sched_model_sink(&bench->model);

	jem_sched_model_init(&bench->model);
	CHECK_OK(jem_sched_machine_create(&sink, NULL, &bench->machine));
}

void sched_finish(struct sched_bench *bench, int64_t us)
{
	CHECK_OK(jem_sched_machine_finish(bench->machine, us * 1000));
	CHECK_OK(jem_sched_model_complete(&bench->model, bench->machine));
	bench->tally = *jem_sched_machine_tally(bench->machine);
	jem_sched_machine_destroy(bench->machine);
	bench->machine = NULL;
}

void sched_close(struct sched_bench *bench)
{
	jem_sched_machine_destroy(bench->machine);
	jem_sched_model_deinit(&bench->model);
}

void sched_event(struct sched_bench *bench, struct jem_sched_event event)
{
	CHECK_OK(jem_sched_machine_event(bench->machine, &event));
}

uint32_t sched_name(struct sched_bench *bench, const char *name)
{
	uint32_t index;

	CHECK_OK(jem_sched_model_name(&bench->model, name, &index));
	return index;
}

static bool is_named(enum jem_sched_type type)
{
	return type == JEM_SCHED_SWITCH || type == JEM_SCHED_NEWTASK || type == JEM_SCHED_FORK;
}

void sched_do(struct sched_bench *bench, enum jem_sched_type type, int64_t us, uint16_t cpu,
	      int32_t pid, int32_t other, uint32_t detail)
{
	char name[JEM_SCHED_COMM_BYTES];

	snprintf(name, sizeof(name), "t%d", other);
	sched_event(bench,
		    (struct jem_sched_event){ .ns = us * 1000,
					      .pid = pid,
					      .other = other,
					      .detail = detail,
					      .comm = is_named(type) ? sched_name(bench, name)
								     : JEM_SCHED_NONE,
					      .pid_comm = JEM_SCHED_NONE,
					      .cpu = cpu,
					      .type = (uint8_t)type });
}

void sched_switch(struct sched_bench *bench, int64_t us, uint16_t cpu, int32_t prev, uint32_t state,
		  int32_t next)
{
	sched_do(bench, JEM_SCHED_SWITCH, us, cpu, prev, next, state);
}

void sched_wake(struct sched_bench *bench, int64_t us, uint16_t cpu, int32_t waker, int32_t task,
		uint16_t target)
{
	sched_do(bench, JEM_SCHED_WAKING, us, cpu, waker, task, target);
	sched_do(bench, JEM_SCHED_WAKEUP, us, cpu, waker, task, target);
}

const struct jem_sched_task *sched_task(const struct sched_bench *bench,
					const struct jem_sched_slice *slice)
{
	return &bench->model.tasks[slice->task];
}

static int by_start(const void *a, const void *b)
{
	const struct jem_sched_slice *x = *(const struct jem_sched_slice *const *)a;
	const struct jem_sched_slice *y = *(const struct jem_sched_slice *const *)b;

	return x->start_ns < y->start_ns ? -1 : x->start_ns > y->start_ns;
}

static size_t collect(const struct sched_bench *bench, int32_t tid,
		      const struct jem_sched_slice **found, size_t room)
{
	size_t count = 0;

	for (size_t c = 0; c < bench->model.cpu_count; c++) {
		const struct jem_sched_cpu *cpu = &bench->model.cpus[c];

		for (size_t i = 0; i < cpu->count; i++) {
			if (sched_task(bench, &cpu->slices[i])->tid != tid)
				continue;
			if (count < room)
				found[count] = &cpu->slices[i];
			count++;
		}
	}
	return count;
}

size_t sched_slices(const struct sched_bench *bench, int32_t tid)
{
	return collect(bench, tid, NULL, 0);
}

const struct jem_sched_slice *sched_slice(const struct sched_bench *bench, int32_t tid, size_t n)
{
	const struct jem_sched_slice *found[64];
	size_t count = collect(bench, tid, found, 64);

	CHECK_LE(count, 64);
	qsort(found, count, sizeof(*found), by_start);
	if (n >= count)
		check_fail(__FILE__, __LINE__, "task %d has %zu slices, number %zu was wanted", tid,
			   count, n);
	return found[n];
}
