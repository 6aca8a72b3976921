/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sched/counts.h"
#include "common/sched/edges.h"

#include <errno.h>
#include <stdlib.h>

enum kind {
	RUN_BEGINS,
	RUN_ENDS,
	WAIT_BEGINS,
	WAIT_ENDS,
};

static int add(struct jem_sched_edges *edges, const struct jem_sched_select *select, int64_t from,
	       int64_t to, enum kind begins)
{
	int rc;

	if (!jem_sched_select_cut(select, &from, &to))
		return 0;
	rc = jem_sched_edges_add(edges, from, 0, (uint8_t)begins);
	return rc < 0 ? rc : jem_sched_edges_add(edges, to, 0, (uint8_t)(begins + 1));
}

static int collect(const struct jem_sched_model *model, const struct jem_sched_select *select,
		   struct jem_sched_edges *edges)
{
	for (size_t c = 0; c < model->cpu_count; c++) {
		const struct jem_sched_cpu *cpu = &model->cpus[c];

		if (!jem_sched_select_cpu(select, cpu->number))
			continue;
		for (size_t i = 0; i < cpu->count; i++) {
			const struct jem_sched_slice *slice = &cpu->slices[i];
			int64_t start = slice->start_ns;
			int rc;

			if (!jem_sched_select_task(model, select, slice->task))
				continue;
			rc = add(edges, select, start, start + (int64_t)slice->run_ns, RUN_BEGINS);
			if (rc == 0)
				rc = add(edges, select, start - (int64_t)slice->wait_ns, start,
					 WAIT_BEGINS);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* Steps are no more than edges and one, so they are written without asking for room. */
static void add_step(struct jem_sched_counts *counts, int64_t at_ns, uint32_t running,
		     uint32_t waiting)
{
	struct jem_sched_step *last = counts->count ? &counts->steps[counts->count - 1] : NULL;
	uint32_t runnable = running + waiting;

	if (last && last->running == running && last->runnable == runnable)
		return;
	if (last) {
		uint64_t ns = (uint64_t)(at_ns - last->at_ns);

		counts->run_ns += ns * last->running;
		counts->wait_ns += ns * (last->runnable - last->running);
	}
	if (running > counts->running_max)
		counts->running_max = running;
	if (runnable > counts->runnable_max)
		counts->runnable_max = runnable;
	counts->steps[counts->count++] = (struct jem_sched_step){ at_ns, running, runnable };
}

static void sum(const struct jem_sched_edges *edges, struct jem_sched_counts *counts)
{
	uint32_t running = 0;
	uint32_t waiting = 0;

	for (size_t i = 0; i < edges->count;) {
		int64_t at_ns = edges->edges[i].at_ns;

		/* All of one time together: a switch is no moment without a task. */
		for (; i < edges->count && edges->edges[i].at_ns == at_ns; i++) {
			enum kind kind = (enum kind)edges->edges[i].kind;

			running += (kind == RUN_BEGINS) - (kind == RUN_ENDS);
			waiting += (kind == WAIT_BEGINS) - (kind == WAIT_ENDS);
		}
		add_step(counts, at_ns, running, waiting);
	}
}

int jem_sched_counts_make(const struct jem_sched_model *model,
			  const struct jem_sched_select *select, struct jem_sched_counts *ret)
{
	struct jem_sched_counts counts = { 0 };
	struct jem_sched_edges edges = { 0 };
	int rc = collect(model, select, &edges);

	if (rc == 0)
		rc = jem_sched_edges_sort(&edges);
	if (rc == 0) {
		counts.steps = calloc(edges.count + 1, sizeof(*counts.steps));
		rc = counts.steps ? 0 : -ENOMEM;
	}
	if (rc == 0) {
		if (!edges.count || edges.edges[0].at_ns > select->from_ns)
			add_step(&counts, select->from_ns, 0, 0);
		sum(&edges, &counts);
		*ret = counts;
	}
	jem_sched_edges_deinit(&edges);
	return rc;
}

void jem_sched_counts_deinit(struct jem_sched_counts *counts)
{
	free(counts->steps);
	*counts = (struct jem_sched_counts){ 0 };
}
