/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sched/select.h"

#include <math.h>
#include <string.h>

#define NS_PER_S 1e9

/*
 * The sleep of the traced command is born within the data; one that was asleep before belongs to somebody
 * else, and counts only where there is no other.
 */
static bool find_sleep(const struct jem_sched_model *model, int64_t *ret)
{
	int64_t best[2] = { INT64_MAX, INT64_MAX };

	for (size_t i = 0; i < model->task_count; i++) {
		const struct jem_sched_task *task = &model->tasks[i];
		int64_t *of_kind = &best[task->born_ns == INT64_MIN];

		if (task->died_ns < *of_kind && !strcmp(jem_sched_comm(model, task->comm), "sleep"))
			*of_kind = task->died_ns;
	}
	if (best[0] == INT64_MAX)
		best[0] = best[1];
	if (best[0] == INT64_MAX)
		return false;
	*ret = best[0];
	return true;
}

static int64_t at(const struct jem_sched_model *model, int64_t zero_ns, double seconds,
		  int64_t otherwise)
{
	double ns = (double)zero_ns + seconds * NS_PER_S;

	if (isnan(seconds))
		return otherwise;
	if (ns <= (double)model->begin_ns)
		return model->begin_ns;
	if (ns >= (double)model->end_ns)
		return model->end_ns;
	return zero_ns + llrint(seconds * NS_PER_S);
}

int jem_sched_select_window(const struct jem_sched_model *model,
			    const struct jem_sched_window *window, struct jem_sched_select *ret)
{
	int rc = 0;

	ret->zero_ns = model->begin_ns;
	if (window->after_sleep)
		rc = !find_sleep(model, &ret->zero_ns);
	ret->from_ns = at(model, ret->zero_ns, window->min_s, ret->zero_ns);
	ret->to_ns = at(model, ret->zero_ns, window->max_s, model->end_ns);
	if (ret->to_ns < ret->from_ns)
		ret->to_ns = ret->from_ns;
	return rc;
}

bool jem_sched_select_cpu(const struct jem_sched_select *select, uint16_t number)
{
	if (!select->cpus)
		return true;
	for (size_t i = 0; i < select->cpu_count; i++) {
		if (select->cpus[i] == number)
			return true;
	}
	return false;
}

bool jem_sched_select_task(const struct jem_sched_model *model,
			   const struct jem_sched_select *select, uint32_t task)
{
	return !select->only_forked || model->tasks[task].born_ns != INT64_MIN;
}

bool jem_sched_select_has(const struct jem_sched_model *model,
			  const struct jem_sched_select *select,
			  const struct jem_sched_slice *slice)
{
	return jem_sched_select_task(model, select, slice->task) &&
	       jem_sched_select_cpu(select, slice->cpu);
}

bool jem_sched_select_cut(const struct jem_sched_select *select, int64_t *from_ns, int64_t *to_ns)
{
	if (*from_ns < select->from_ns)
		*from_ns = select->from_ns;
	if (*to_ns > select->to_ns)
		*to_ns = select->to_ns;
	return *from_ns < *to_ns;
}
