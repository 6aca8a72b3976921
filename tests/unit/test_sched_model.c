/* SPDX-License-Identifier: Apache-2.0 */
/* What a model takes and refuses, the window and the tasks of a selection, counts over time. */
#include "common/sched/counts.h"

#include "tests/unit/sched_bench.h"

#include <errno.h>
#include <math.h>

static struct sched_bench b;

static uint32_t add_task(int32_t tid, const char *name, int64_t born_ns, int64_t died_ns)
{
	struct jem_sched_task task = {
		.tid = tid, .parent = JEM_SCHED_NONE, .born_ns = born_ns, .died_ns = died_ns
	};
	uint32_t index;

	task.comm = sched_name(&b, name);
	CHECK_OK(jem_sched_model_task(&b.model, &task, &index));
	return index;
}

static struct jem_sched_slice slice_of(uint32_t task, uint16_t cpu, int64_t start, uint64_t run,
				       uint64_t wait)
{
	return (struct jem_sched_slice){ .start_ns = start,
					 .run_ns = run,
					 .wait_ns = wait,
					 .task = task,
					 .comm = b.model.tasks[task].comm,
					 .waker = JEM_SCHED_NONE,
					 .cpu = cpu,
					 .from_cpu = JEM_SCHED_NO_CPU,
					 .waker_cpu = JEM_SCHED_NO_CPU };
}

static void add(uint32_t task, uint16_t cpu, int64_t start, uint64_t run, uint64_t wait)
{
	struct jem_sched_slice slice = slice_of(task, cpu, start, run, wait);

	CHECK_OK(jem_sched_model_slice(&b.model, &slice));
}

CASE(slices_and_cores_come_in_any_order)
{
	const struct jem_sched_cpu *cpu;

	jem_sched_model_init(&b.model);
	add_task(7, "a", INT64_MIN, INT64_MAX);
	add(0, 300, 50, 10, 0);
	add(0, 2, 70, 10, 30);
	add(0, 300, 10, 20, 5);
	add(0, 2, 90, 10, 0);
	CHECK_OK(jem_sched_model_seal(&b.model));
	CHECK_EQ(b.model.cpu_count, 2);
	CHECK_EQ(b.model.cpus[0].number, 2);
	cpu = jem_sched_model_find_cpu(&b.model, 300);
	CHECK(cpu == &b.model.cpus[1]);
	CHECK_EQ(cpu->slices[0].start_ns, 10);
	CHECK_EQ(cpu->slices[1].start_ns, 50);
	CHECK(!jem_sched_model_find_cpu(&b.model, 3));
	CHECK(!jem_sched_model_find_cpu(&b.model, 60000));
	CHECK_EQ(b.model.begin_ns, 5);
	CHECK_EQ(b.model.end_ns, 100);
	CHECK_EQ(jem_sched_cpu_at(cpu, 0), 0);
	CHECK_EQ(jem_sched_cpu_at(cpu, 29), 0);
	CHECK_EQ(jem_sched_cpu_at(cpu, 30), 1);
	CHECK_EQ(jem_sched_cpu_at(cpu, 59), 1);
	CHECK_EQ(jem_sched_cpu_at(cpu, 60), 2);
	jem_sched_model_deinit(&b.model);
}

CASE(of_slices_that_overlap_the_first_is_cut)
{
	jem_sched_model_init(&b.model);
	add_task(7, "a", INT64_MIN, INT64_MAX);
	add(0, 0, 10, 100, 0);
	add(0, 0, 50, 10, 0);
	CHECK_OK(jem_sched_model_seal(&b.model));
	CHECK_EQ(b.model.cpus[0].slices[0].run_ns, 40);
	CHECK_EQ(b.model.cpus[0].slices[0].flags, JEM_SCHED_END_INFERRED);
	CHECK_EQ(b.model.cpus[0].slices[0].end, JEM_SCHED_UNKNOWN);
	CHECK_EQ(b.model.inferred, 1);
	jem_sched_model_deinit(&b.model);
}

CASE(refuses_what_is_out_of_bounds)
{
	struct jem_sched_gap gap = { .from_ns = 10, .to_ns = 9 };
	struct jem_sched_slice good, bad;
	struct jem_sched_cpu *cpu;

	jem_sched_model_init(&b.model);
	add_task(7, "a", INT64_MIN, INT64_MAX);
	good = slice_of(0, 0, 10, 10, 10);
#define REFUSED(field, value)                                                                      \
	bad = good;                                                                                \
	bad.field = value;                                                                         \
	CHECK_EQ(jem_sched_model_slice(&b.model, &bad), -EINVAL)
	REFUSED(task, 1);
	REFUSED(comm, 1);
	REFUSED(waker, 1);
	REFUSED(cpu, JEM_SCHED_NO_CPU);
	REFUSED(start_ns, -1);
	REFUSED(start_ns, INT64_MAX);
	REFUSED(wait_ns, 11);
	REFUSED(run_ns, UINT64_MAX);
	REFUSED(run_ns, INT64_MAX);
	REFUSED(end, JEM_SCHED_END_COUNT);
	REFUSED(move, JEM_SCHED_MOVED + 1);
	CHECK_EQ(jem_sched_model_gap(&b.model, &gap), -EINVAL);
	CHECK_EQ(jem_sched_model_cpu(&b.model, JEM_SCHED_NO_CPU, &cpu), -EINVAL);
	CHECK_OK(jem_sched_model_slice(&b.model, &good));
	CHECK_EQ(b.model.cpus[0].count, 1);
	CHECK_OK(jem_sched_model_seal(&b.model));
	jem_sched_model_deinit(&b.model);
}

CASE(a_name_is_kept_once_and_cut)
{
	char text[32];
	uint32_t index;

	jem_sched_model_init(&b.model);
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 2000; i++) {
			snprintf(text, sizeof(text), "name-%u", i);
			CHECK_OK(jem_sched_model_name(&b.model, text, &index));
			CHECK_EQ(index, i);
		}
	}
	CHECK_OK(jem_sched_model_name(&b.model, "a-name-that-is-too-long", &index));
	CHECK_STR(jem_sched_comm(&b.model, index), "a-name-that-is-");
	CHECK_STR(jem_sched_comm(&b.model, JEM_SCHED_NONE), "");
	jem_sched_model_deinit(&b.model);
}

static struct jem_sched_select window(bool after_sleep, double min_s, double max_s, int wanted)
{
	struct jem_sched_window window = { after_sleep, min_s, max_s };
	struct jem_sched_select select = { .zero_ns = -1 };

	CHECK_EQ(jem_sched_select_window(&b.model, &window, &select), wanted);
	return select;
}

CASE(the_axis_begins_at_the_start_or_after_a_sleep)
{
	const int64_t s = 1000000000;
	struct jem_sched_select select;

	jem_sched_model_init(&b.model);
	add_task(5, "cron", INT64_MIN, INT64_MAX);
	add(0, 0, 10 * s, (uint64_t)(20 * s), 0);
	CHECK_OK(jem_sched_model_seal(&b.model));
	select = window(false, NAN, NAN, 0);
	CHECK_EQ(select.zero_ns, 10 * s);
	CHECK_EQ(select.from_ns, 10 * s);
	select = window(true, NAN, NAN, 1);
	CHECK_EQ(select.zero_ns, 10 * s);
	CHECK_EQ(select.to_ns, 30 * s);
	add_task(6, "sleep", INT64_MIN, 12 * s);
	select = window(true, NAN, NAN, 0);
	CHECK_EQ(select.zero_ns, 12 * s);
	add_task(7, "sleep", 14 * s, 15 * s);
	add_task(8, "sleep", 14 * s, 16 * s);
	add_task(9, "sleepy", 11 * s, 13 * s);
	select = window(true, NAN, NAN, 0);
	CHECK_EQ(select.zero_ns, 15 * s);
	CHECK_EQ(select.from_ns, 15 * s);
	CHECK_EQ(select.to_ns, 30 * s);
	select = window(true, 3, 3.2, 0);
	CHECK_EQ(select.from_ns, 18 * s);
	CHECK_EQ(select.to_ns, 18200000000);
	select = window(true, -100, 1e30, 0);
	CHECK_EQ(select.from_ns, 10 * s);
	CHECK_EQ(select.to_ns, 30 * s);
	select = window(true, 3, 2, 0);
	CHECK_EQ(select.from_ns, select.to_ns);
	jem_sched_model_deinit(&b.model);
}

static void check_step(const struct jem_sched_counts *counts, size_t i, int64_t at,
		       uint32_t running, uint32_t runnable)
{
	CHECK_GE(counts->count, i + 1);
	CHECK_EQ(counts->steps[i].at_ns, at);
	CHECK_EQ(counts->steps[i].running, running);
	CHECK_EQ(counts->steps[i].runnable, runnable);
}

/* Three tasks, two cores: the first two run, the third waits on core 0 though core 1 is idle from 60. */
static void fill_overload(void)
{
	jem_sched_model_init(&b.model);
	add_task(1, "old", INT64_MIN, INT64_MAX);
	add_task(2, "new", 5, INT64_MAX);
	add_task(3, "new", 5, INT64_MAX);
	add(0, 0, 20, 60, 0);
	add(1, 1, 20, 40, 0);
	add(2, 0, 80, 20, 50);
	CHECK_OK(jem_sched_model_seal(&b.model));
}

CASE(counts_what_runs_and_what_waits)
{
	struct jem_sched_select select = { .from_ns = 0, .to_ns = 120 };
	struct jem_sched_counts counts;

	fill_overload();
	CHECK_OK(jem_sched_counts_make(&b.model, &select, &counts));
	CHECK_EQ(counts.count, 6);
	check_step(&counts, 0, 0, 0, 0);
	check_step(&counts, 1, 20, 2, 2);
	check_step(&counts, 2, 30, 2, 3);
	check_step(&counts, 3, 60, 1, 2);
	check_step(&counts, 4, 80, 1, 1); /* one goes and one comes at once: never none */
	check_step(&counts, 5, 100, 0, 0);
	CHECK_EQ(counts.run_ns, 60 + 40 + 20);
	CHECK_EQ(counts.wait_ns, 50);
	CHECK_EQ(counts.running_max, 2);
	CHECK_EQ(counts.runnable_max, 3);
	jem_sched_counts_deinit(&counts);
	jem_sched_model_deinit(&b.model);
}

CASE(counts_the_selection_only)
{
	static const uint16_t cpus[] = { 9, 0 };
	struct jem_sched_select select = { .from_ns = 40, .to_ns = 90, .only_forked = true };
	struct jem_sched_counts counts;

	fill_overload();
	CHECK_OK(jem_sched_counts_make(&b.model, &select, &counts));
	CHECK_EQ(counts.run_ns, 20 + 10);
	CHECK_EQ(counts.wait_ns, 40);
	check_step(&counts, 0, 40, 1, 2);
	jem_sched_counts_deinit(&counts);
	select = (struct jem_sched_select){
		.from_ns = 0, .to_ns = 120, .cpus = cpus, .cpu_count = 2
	};
	CHECK_OK(jem_sched_counts_make(&b.model, &select, &counts));
	CHECK_EQ(counts.run_ns, 60 + 20);
	jem_sched_counts_deinit(&counts);
	select = (struct jem_sched_select){ .from_ns = 110, .to_ns = 110 };
	CHECK_OK(jem_sched_counts_make(&b.model, &select, &counts));
	CHECK_EQ(counts.count, 1);
	CHECK_EQ(counts.run_ns, 0);
	jem_sched_counts_deinit(&counts);
	jem_sched_model_deinit(&b.model);
}

TESTS(T(slices_and_cores_come_in_any_order), T(of_slices_that_overlap_the_first_is_cut),
      T(refuses_what_is_out_of_bounds), T(a_name_is_kept_once_and_cut),
      T(the_axis_begins_at_the_start_or_after_a_sleep), T(counts_what_runs_and_what_waits),
      T(counts_the_selection_only))
