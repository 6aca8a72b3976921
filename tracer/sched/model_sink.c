/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/model_sink.h"

#include <errno.h>

/* The machine numbers tasks from 0, so its numbers are indices of the model. */
static int on_task(void *context, uint32_t task, const struct jem_sched_task *now)
{
	struct jem_sched_model *model = context;
	uint32_t index;

	if (task < model->task_count) {
		model->tasks[task] = *now;
		return 0;
	}
	if (task != model->task_count)
		return -EINVAL;
	return jem_sched_model_task(model, now, &index);
}

static int on_slice(void *context, const struct jem_sched_slice *slice)
{
	return jem_sched_model_slice(context, slice);
}

static int on_gap(void *context, const struct jem_sched_gap *gap)
{
	return jem_sched_model_gap(context, gap);
}

struct jem_sched_sink jem_sched_model_sink(struct jem_sched_model *model)
{
	return (struct jem_sched_sink){ model, on_task, on_slice, on_gap };
}

int jem_sched_model_complete(struct jem_sched_model *model, const struct jem_sched_machine *machine)
{
	const struct jem_sched_tally *tally = jem_sched_machine_tally(machine);

	model->events = tally->events;
	model->switches = tally->switches;
	model->lost_events = tally->lost_events;
	model->inferred = tally->inferred;
	if (tally->events) {
		model->begin_ns = tally->begin_ns;
		model->end_ns = tally->end_ns;
	}
	return jem_sched_model_seal(model);
}
