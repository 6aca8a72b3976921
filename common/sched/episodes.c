/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sched/episodes.h"
#include "common/sched/edges.h"
#include "common/sched/episodes_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	RUN_BEGINS,
	RUN_ENDS,
	WAIT_BEGINS,
	WAIT_ENDS,
	BOUND_BEGINS,
	BOUND_ENDS,
	GAP_BEGINS,
	GAP_ENDS,
};

struct core {
	uint32_t running, waiting, bound, gaps;
};

struct sweep {
	const struct jem_sched_model *model;   /* borrowed */
	const struct jem_sched_select *select; /* borrowed */
	int64_t at_ns;                         /* up to when it has come */
	struct core *cores;                    /* owned; by index in the model */
	uint32_t idle;        /* cores that run nothing and for which nothing waits */
	uint64_t overloading; /* tasks that wait on busy cores */
	struct jem_sched_episode now;
	bool is_open;
	struct jem_sched_episodes *result; /* borrowed */
};

/* "kworker/3:1H" and "migration/3" on core 3; "kworker/u8:3" runs anywhere. */
static bool bears_number(const char *comm, uint16_t cpu)
{
	const char *slash = strrchr(comm, '/');
	char *end;
	unsigned long number;

	if (!slash || slash[1] < '0' || slash[1] > '9')
		return false;
	number = strtoul(slash + 1, &end, 10);
	return number == cpu && (!*end || *end == ':');
}

bool jem_sched_wait_of(const struct jem_sched_model *model, const struct jem_sched_select *select,
		       const struct jem_sched_slice *slice, struct jem_sched_wait *ret)
{
	bool was_queued = slice->move == JEM_SCHED_BALANCED || slice->move == JEM_SCHED_NUMA;

	ret->from_ns = slice->start_ns - (int64_t)slice->wait_ns;
	ret->to_ns = slice->start_ns;
	if (!jem_sched_select_cut(select, &ret->from_ns, &ret->to_ns))
		return false;
	ret->cpu = slice->cpu;
	if (was_queued && jem_sched_model_find_cpu(model, slice->from_cpu) &&
	    jem_sched_select_cpu(select, slice->from_cpu))
		ret->cpu = slice->from_cpu;
	ret->is_bound = !jem_sched_select_task(model, select, slice->task) ||
			bears_number(jem_sched_comm(model, slice->comm), ret->cpu);
	return true;
}

static unsigned intervals_of(void *context, size_t cpu, const struct jem_sched_slice *slice,
			     struct jem_sched_interval *ret)
{
	const struct sweep *sweep = context;
	int64_t from = slice->start_ns;
	int64_t to = from + (int64_t)slice->run_ns;
	struct jem_sched_wait wait;
	unsigned count = 0;

	if (jem_sched_select_cut(sweep->select, &from, &to))
		ret[count++] = (struct jem_sched_interval){ from, to, (uint16_t)cpu, RUN_BEGINS };
	if (slice->wait_ns && jem_sched_wait_of(sweep->model, sweep->select, slice, &wait)) {
		ret[count++] = (struct jem_sched_interval){
			wait.from_ns, wait.to_ns, (uint16_t)(sweep->model->cpu_index[wait.cpu] - 1),
			wait.is_bound ? BOUND_BEGINS : WAIT_BEGINS
		};
	}
	return count;
}

/* Gaps of the selection; `ret` has room for all. */
static size_t gaps_of(const struct jem_sched_model *model, const struct jem_sched_select *select,
		      struct jem_sched_interval *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < model->gap_count; i++) {
		const struct jem_sched_gap *gap = &model->gaps[i];
		int64_t from = gap->from_ns;
		int64_t to = gap->to_ns;

		if (jem_sched_select_cpu(select, gap->cpu) &&
		    jem_sched_select_cut(select, &from, &to))
			ret[count++] = (struct jem_sched_interval){
				from, to, (uint16_t)(model->cpu_index[gap->cpu] - 1), GAP_BEGINS
			};
	}
	return count;
}

static void weigh(struct sweep *sweep, const struct core *core, int sign)
{
	if (core->running)
		sweep->overloading += (uint64_t)(sign * (int64_t)core->waiting);
	else if (!core->waiting && !core->bound && !core->gaps)
		sweep->idle += (uint32_t)sign;
}

static void take(struct sweep *sweep, const struct jem_sched_edge *edge)
{
	struct core *core = &sweep->cores[edge->cpu];
	uint32_t *const counts[] = { &core->running, &core->waiting, &core->bound, &core->gaps };
	uint32_t *count = counts[edge->kind / 2];

	weigh(sweep, core, -1);
	*count += edge->kind % 2 ? UINT32_MAX : 1;
	weigh(sweep, core, 1);
}

/* Keeps the worst; the array stays unsorted until the end. */
static void close_episode(struct sweep *sweep)
{
	struct jem_sched_episodes *result = sweep->result;
	struct jem_sched_episode *least = &result->worst[0];

	if (!sweep->is_open)
		return;
	sweep->is_open = false;
	result->count++;
	if (result->worst_count < JEM_SCHED_EPISODES) {
		result->worst[result->worst_count++] = sweep->now;
		return;
	}
	for (size_t i = 1; i < JEM_SCHED_EPISODES; i++) {
		if (result->worst[i].wasted_ns < least->wasted_ns)
			least = &result->worst[i];
	}
	if (sweep->now.wasted_ns > least->wasted_ns)
		*least = sweep->now;
}

static void pass_time(struct sweep *sweep, int64_t from_ns, int64_t to_ns)
{
	uint64_t ns = (uint64_t)(to_ns - from_ns);
	uint64_t wasted = sweep->idle < sweep->overloading ? sweep->idle : sweep->overloading;

	if (!wasted || !ns)
		return;
	if (sweep->is_open && from_ns - sweep->now.to_ns > JEM_SCHED_JOIN_NS)
		close_episode(sweep);
	if (!sweep->is_open) {
		sweep->now = (struct jem_sched_episode){ .from_ns = from_ns };
		sweep->is_open = true;
	}
	sweep->now.to_ns = to_ns;
	sweep->now.violated_ns += ns;
	sweep->now.wasted_ns += ns * wasted;
	sweep->result->violated_ns += ns;
	sweep->result->wasted_ns += ns * wasted;
}

static int on_edges(void *context, const struct jem_sched_edge *edges, size_t count)
{
	struct sweep *sweep = context;

	for (size_t i = 0; i < count;) {
		int64_t at_ns = edges[i].at_ns;

		pass_time(sweep, sweep->at_ns, at_ns);
		sweep->at_ns = at_ns;
		for (; i < count && edges[i].at_ns == at_ns; i++)
			take(sweep, &edges[i]);
	}
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct jem_sched_episode *x = a;
	const struct jem_sched_episode *y = b;

	return x->from_ns < y->from_ns ? -1 : x->from_ns > y->from_ns;
}

static int by_waste(const void *a, const void *b)
{
	const struct jem_sched_episode *x = a;
	const struct jem_sched_episode *y = b;

	if (x->wasted_ns != y->wasted_ns)
		return x->wasted_ns > y->wasted_ns ? -1 : 1;
	return by_time(a, b);
}

static int find(const struct jem_sched_model *model, const struct jem_sched_select *select,
		struct jem_sched_episodes *episodes)
{
	struct jem_sched_interval *gaps = calloc(model->gap_count + 1, sizeof(*gaps));
	struct sweep sweep = { .model = model,
			       .select = select,
			       .at_ns = select->from_ns,
			       .cores = calloc(model->cpu_count + 1, sizeof(*sweep.cores)),
			       .result = episodes };
	struct jem_sched_edges edges = { .model = model,
					 .select = select,
					 .others = gaps,
					 .context = &sweep,
					 .intervals = intervals_of,
					 .edges = on_edges };
	int rc = -ENOMEM;

	if (gaps && sweep.cores) {
		edges.other_count = gaps_of(model, select, gaps);
		for (size_t i = 0; i < model->cpu_count; i++)
			sweep.idle += jem_sched_select_cpu(select, model->cpus[i].number);
		rc = jem_sched_edges_each(&edges);
		close_episode(&sweep);
	}
	free(gaps);
	free(sweep.cores);
	return rc;
}

int jem_sched_episodes_make(const struct jem_sched_model *model,
			    const struct jem_sched_select *select, struct jem_sched_episodes *ret)
{
	int rc;

	*ret = (struct jem_sched_episodes){ 0 };
	rc = find(model, select, ret);
	if (rc < 0)
		return rc;
	qsort(ret->worst, ret->worst_count, sizeof(*ret->worst), by_time);
	rc = jem_sched_episodes_detail(model, select, ret);
	if (rc < 0) {
		jem_sched_episodes_deinit(ret);
		return rc;
	}
	qsort(ret->worst, ret->worst_count, sizeof(*ret->worst), by_waste);
	return 0;
}

void jem_sched_episodes_deinit(struct jem_sched_episodes *episodes)
{
	for (size_t i = 0; i < episodes->worst_count; i++) {
		free(episodes->worst[i].wait_cpus);
		free(episodes->worst[i].idle_cpus);
	}
	*episodes = (struct jem_sched_episodes){ 0 };
}
