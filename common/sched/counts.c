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

struct sums {
	const struct jem_sched_model *model;   /* borrowed */
	const struct jem_sched_select *select; /* borrowed */
	struct jem_sched_counts counts;
	size_t cap; /* of its steps */
	uint32_t running, waiting;
};

static unsigned intervals_of(void *context, size_t cpu, const struct jem_sched_slice *slice,
			     struct jem_sched_interval *ret)
{
	const struct sums *sums = context;
	int64_t from = slice->start_ns;
	int64_t to = from + (int64_t)slice->run_ns;
	unsigned count = 0;

	if (!jem_sched_select_task(sums->model, sums->select, slice->task))
		return 0;
	if (jem_sched_select_cut(sums->select, &from, &to))
		ret[count++] = (struct jem_sched_interval){ from, to, (uint16_t)cpu, RUN_BEGINS };
	from = slice->start_ns - (int64_t)slice->wait_ns;
	to = slice->start_ns;
	if (jem_sched_select_cut(sums->select, &from, &to))
		ret[count++] = (struct jem_sched_interval){ from, to, (uint16_t)cpu, WAIT_BEGINS };
	return count;
}

static int add_step(struct sums *sums, int64_t at_ns)
{
	struct jem_sched_counts *counts = &sums->counts;
	struct jem_sched_step *last = counts->count ? &counts->steps[counts->count - 1] : NULL;
	uint32_t runnable = sums->running + sums->waiting;

	if (last && last->running == sums->running && last->runnable == runnable)
		return 0;
	if (last && last->at_ns == at_ns) { /* the first step: the window begins with a task */
		counts->count = 0;
	} else if (last) {
		uint64_t ns = (uint64_t)(at_ns - last->at_ns);

		counts->run_ns += ns * last->running;
		counts->wait_ns += ns * (last->runnable - last->running);
	}
	if (sums->running > counts->running_max)
		counts->running_max = sums->running;
	if (runnable > counts->runnable_max)
		counts->runnable_max = runnable;
	if (counts->count == sums->cap) {
		size_t cap = sums->cap ? sums->cap + sums->cap / 2 : 256;
		struct jem_sched_step *steps = reallocarray(counts->steps, cap, sizeof(*steps));

		if (!steps)
			return -ENOMEM;
		counts->steps = steps;
		sums->cap = cap;
	}
	counts->steps[counts->count++] = (struct jem_sched_step){ at_ns, sums->running, runnable };
	return 0;
}

static int on_edges(void *context, const struct jem_sched_edge *edges, size_t count)
{
	struct sums *sums = context;
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0;) {
		int64_t at_ns = edges[i].at_ns;

		/* All of one time together: a switch is no moment without a task. */
		for (; i < count && edges[i].at_ns == at_ns; i++) {
			sums->running +=
				(edges[i].kind == RUN_BEGINS) - (edges[i].kind == RUN_ENDS);
			sums->waiting +=
				(edges[i].kind == WAIT_BEGINS) - (edges[i].kind == WAIT_ENDS);
		}
		rc = add_step(sums, at_ns);
	}
	return rc;
}

int jem_sched_counts_make(const struct jem_sched_model *model,
			  const struct jem_sched_select *select, struct jem_sched_counts *ret)
{
	struct sums sums = { .model = model, .select = select };
	struct jem_sched_edges edges = { .model = model,
					 .select = select,
					 .context = &sums,
					 .intervals = intervals_of,
					 .edges = on_edges };
	int rc = add_step(&sums, select->from_ns);

	if (rc == 0)
		rc = jem_sched_edges_each(&edges);
	if (rc < 0)
		jem_sched_counts_deinit(&sums.counts);
	else
		*ret = sums.counts;
	return rc;
}

void jem_sched_counts_deinit(struct jem_sched_counts *counts)
{
	free(counts->steps);
	*counts = (struct jem_sched_counts){ 0 };
}
