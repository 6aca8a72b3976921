/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_machine: what an event costs on its way from the merge to slices, and a slice to numbers.
 *
 * Events of a simulated machine, made beforehand; CPU time of one core, the median of five rounds.
 */
#include "common/clock.h"
#include "common/sched/counts.h"
#include "common/sched/episodes.h"
#include "common/sched/stats.h"
#include "tests/unit/sched_sim.h"
#include "tracer/sched/model_sink.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	ROUNDS = 5,
	EVENTS = 3500000,
};

struct figures {
	double machine, model;          /* ns an event */
	double counts, stats, episodes; /* ns a slice */
	double bytes;                   /* of the model, an event */
	size_t slices;
};

static void must(int rc)
{
	if (rc < 0) {
		fprintf(stderr, "sched_machine: error %d\n", rc);
		exit(1);
	}
}

static double cpu_ns(void)
{
	return (double)jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

static int drop_task(void *context, uint32_t task, const struct jem_sched_task *now)
{
	(void)context, (void)task, (void)now;
	return 0;
}

static int drop_slice(void *context, const struct jem_sched_slice *slice)
{
	*(uint64_t *)context += slice->run_ns;
	return 0;
}

static int drop_gap(void *context, const struct jem_sched_gap *gap)
{
	(void)context, (void)gap;
	return 0;
}

static struct jem_sched_machine *feed(const struct jem_sched_sink *sink,
				      const struct jem_sched_event *events)
{
	struct jem_sched_machine *machine;

	must(jem_sched_machine_create(sink, NULL, &machine));
	for (size_t i = 0; i < EVENTS; i++)
		must(jem_sched_machine_event(machine, &events[i]));
	must(jem_sched_machine_finish(machine, events[EVENTS - 1].ns));
	return machine;
}

static double machine_alone(const struct jem_sched_event *events)
{
	uint64_t sum = 0;
	struct jem_sched_sink sink = { &sum, drop_task, drop_slice, drop_gap };
	double start = cpu_ns();

	jem_sched_machine_destroy(feed(&sink, events));
	return (cpu_ns() - start) / EVENTS;
}

static size_t model_bytes(const struct jem_sched_model *model)
{
	size_t bytes = model->task_cap * sizeof(*model->tasks);

	for (size_t i = 0; i < model->cpu_count; i++)
		bytes += model->cpus[i].cap * sizeof(*model->cpus[i].slices);
	return bytes;
}

static void numbers(const struct jem_sched_model *model, struct figures *figures)
{
	struct jem_sched_window window = { false, NAN, NAN };
	struct jem_sched_select select = { 0 };
	struct jem_sched_counts counts;
	struct jem_sched_stats stats;
	struct jem_sched_episodes episodes;
	double slices = (double)figures->slices;
	double start;

	must(jem_sched_select_window(model, &window, &select));
	start = cpu_ns();
	must(jem_sched_counts_make(model, &select, &counts));
	figures->counts = (cpu_ns() - start) / slices;
	start = cpu_ns();
	must(jem_sched_stats_make(model, &select, &stats));
	figures->stats = (cpu_ns() - start) / slices;
	start = cpu_ns();
	must(jem_sched_episodes_make(model, &select, &episodes));
	figures->episodes = (cpu_ns() - start) / slices;
	jem_sched_counts_deinit(&counts);
	jem_sched_stats_deinit(&stats);
	jem_sched_episodes_deinit(&episodes);
}

static struct figures one_round(const struct jem_sched_event *events)
{
	struct figures figures = { .machine = machine_alone(events) };
	struct jem_sched_model model;
	struct jem_sched_sink sink = jem_sched_model_sink(&model);
	struct jem_sched_machine *machine;
	uint32_t name;
	double start;

	jem_sched_model_init(&model);
	must(jem_sched_model_name(&model, "work", &name));
	start = cpu_ns();
	machine = feed(&sink, events);
	must(jem_sched_model_complete(&model, machine));
	figures.model = (cpu_ns() - start) / EVENTS;
	for (size_t i = 0; i < model.cpu_count; i++)
		figures.slices += model.cpus[i].count;
	figures.bytes = (double)model_bytes(&model) / EVENTS;
	numbers(&model, &figures);
	jem_sched_machine_destroy(machine);
	jem_sched_model_deinit(&model);
	return figures;
}

static int by_machine(const void *a, const void *b)
{
	double x = ((const struct figures *)a)->machine;
	double y = ((const struct figures *)b)->machine;

	return x < y ? -1 : x > y;
}

static void row(unsigned cores, unsigned tasks)
{
	struct jem_sched_event *events = calloc(EVENTS, sizeof(*events));
	struct sched_sim *sim = sched_sim_open(cores, tasks, 1);
	struct figures rounds[ROUNDS];
	const struct figures *median = &rounds[ROUNDS / 2];

	if (!events)
		exit(1);
	for (size_t i = 0; i < EVENTS; i++)
		events[i] = sched_sim_next(sim);
	sched_sim_close(sim);
	for (int i = 0; i < ROUNDS; i++)
		rounds[i] = one_round(events);
	qsort(rounds, ROUNDS, sizeof(*rounds), by_machine);
	printf("%5u %6u %8.0f %14.0f %12.1f %10zu %8.0f %8.0f %8.0f\n", cores, tasks,
	       median->machine, median->model, median->bytes, median->slices, median->counts,
	       median->stats, median->episodes);
	fflush(stdout);
	free(events);
}

int main(void)
{
	printf("%5s %6s %8s %14s %12s %10s %8s %8s %8s\n", "", "", "ns/event", "ns/event", "bytes",
	       "", "ns/slice", "ns/slice", "ns/slice");
	printf("%5s %6s %8s %14s %12s %10s %8s %8s %8s\n", "cores", "tasks", "machine",
	       "with its model", "/event", "slices", "counts", "stats", "episodes");
	row(2, 8);
	row(16, 64);
	row(128, 512);
	row(512, 2048);
	return 0;
}
