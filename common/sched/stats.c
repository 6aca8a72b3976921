/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sched/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NO_COMM_YET (JEM_SCHED_NONE - 1)

/* Which task bore which name: a task is noted when its name differs from that of its slice before. */
struct bearers {
	uint64_t *pairs; /* owned; name << 32 | task */
	size_t count, cap;
	uint32_t *last; /* owned; by task */
};

struct pass {
	const struct jem_sched_model *model;      /* borrowed */
	const struct jem_sched_select *select;    /* borrowed */
	struct jem_sched_task_stats *tasks;       /* owned; by task */
	struct jem_sched_command_stats *commands; /* owned; by name, the last of no name */
	struct bearers bearers;
};

static int note_bearer(struct bearers *bearers, uint32_t task, uint32_t comm)
{
	if (bearers->last[task] == comm)
		return 0;
	bearers->last[task] = comm;
	if (bearers->count == bearers->cap) {
		size_t cap = bearers->cap ? 2 * bearers->cap : 256;
		uint64_t *pairs = reallocarray(bearers->pairs, cap, sizeof(*pairs));

		if (!pairs)
			return -ENOMEM;
		bearers->pairs = pairs;
		bearers->cap = cap;
	}
	bearers->pairs[bearers->count++] = (uint64_t)comm << 32 | task;
	return 0;
}

static void add_wait(struct pass *pass, const struct jem_sched_slice *slice)
{
	int64_t from = slice->start_ns - (int64_t)slice->wait_ns;
	int64_t to = slice->start_ns;

	if (jem_sched_select_cut(pass->select, &from, &to))
		pass->tasks[slice->task].wait_ns += (uint64_t)(to - from);
}

static int add_run(struct pass *pass, const struct jem_sched_slice *slice)
{
	const struct jem_sched_select *select = pass->select;
	struct jem_sched_task_stats *task = &pass->tasks[slice->task];
	uint32_t comm = slice->comm < pass->model->name_count ? slice->comm
							      : (uint32_t)pass->model->name_count;
	struct jem_sched_command_stats *command = &pass->commands[comm];
	bool begins = slice->start_ns >= select->from_ns && slice->start_ns < select->to_ns &&
		      !(slice->flags & JEM_SCHED_CONTINUED);
	int64_t from = slice->start_ns;
	int64_t to = from + (int64_t)slice->run_ns;

	if (!jem_sched_select_cut(select, &from, &to) && !begins)
		return 0;
	if (to < from)
		to = from;
	task->run_ns += (uint64_t)(to - from);
	/* A part of a slice counts as one only where its beginning is not in the window. */
	task->slices += begins || slice->start_ns < select->from_ns;
	task->migrations +=
		begins && slice->from_cpu != JEM_SCHED_NO_CPU && slice->from_cpu != slice->cpu;
	command->run_ns += (uint64_t)(to - from);
	command->switches += begins;
	if (from < command->first_ns)
		command->first_ns = from;
	if (to > command->last_ns)
		command->last_ns = to;
	return note_bearer(&pass->bearers, slice->task, comm);
}

static int add_all(struct pass *pass)
{
	const struct jem_sched_model *model = pass->model;

	for (size_t c = 0; c < model->cpu_count; c++) {
		const struct jem_sched_cpu *cpu = &model->cpus[c];

		if (!jem_sched_select_cpu(pass->select, cpu->number))
			continue;
		for (size_t i = 0; i < cpu->count; i++) {
			const struct jem_sched_slice *slice = &cpu->slices[i];
			int rc = 0;

			if (!jem_sched_select_task(model, pass->select, slice->task))
				continue;
			add_wait(pass, slice);
			if (!(slice->flags & JEM_SCHED_WAIT_ONLY))
				rc = add_run(pass, slice);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void count_pids(struct pass *pass)
{
	struct bearers *bearers = &pass->bearers;

	if (bearers->count)
		qsort(bearers->pairs, bearers->count, sizeof(*bearers->pairs), by_value);
	for (size_t i = 0; i < bearers->count; i++) {
		if (!i || bearers->pairs[i] != bearers->pairs[i - 1])
			pass->commands[bearers->pairs[i] >> 32].pids++;
	}
}

static int by_run(const void *a, const void *b)
{
	const struct jem_sched_task_stats *x = a;
	const struct jem_sched_task_stats *y = b;

	if (x->run_ns != y->run_ns)
		return x->run_ns > y->run_ns ? -1 : 1;
	return x->task < y->task ? -1 : x->task > y->task;
}

static int commands_by_run(const void *a, const void *b, void *context)
{
	const struct jem_sched_command_stats *x = a;
	const struct jem_sched_command_stats *y = b;

	if (x->run_ns != y->run_ns)
		return x->run_ns > y->run_ns ? -1 : 1;
	return strcmp(jem_sched_comm(context, x->comm), jem_sched_comm(context, y->comm));
}

/* Leaves what is in the selection, in order. */
static void finish(struct pass *pass, struct jem_sched_stats *ret)
{
	size_t tasks = 0;
	size_t commands = 0;

	for (uint32_t i = 0; i < pass->model->task_count; i++) {
		pass->tasks[i].task = i;
		if (pass->tasks[i].slices || pass->tasks[i].wait_ns)
			pass->tasks[tasks++] = pass->tasks[i];
	}
	for (uint32_t i = 0; i <= pass->model->name_count; i++) {
		pass->commands[i].comm = i < pass->model->name_count ? i : JEM_SCHED_NONE;
		if (pass->commands[i].pids)
			pass->commands[commands++] = pass->commands[i];
	}
	if (tasks)
		qsort(pass->tasks, tasks, sizeof(*pass->tasks), by_run);
	if (commands)
		qsort_r(pass->commands, commands, sizeof(*pass->commands), commands_by_run,
			(void *)pass->model);
	*ret = (struct jem_sched_stats){ pass->tasks, tasks, pass->commands, commands };
	pass->tasks = NULL;
	pass->commands = NULL;
}

static int prepare(struct pass *pass)
{
	size_t tasks = pass->model->task_count;
	size_t names = pass->model->name_count;

	pass->tasks = calloc(tasks + 1, sizeof(*pass->tasks));
	pass->commands = calloc(names + 1, sizeof(*pass->commands));
	pass->bearers.last = reallocarray(NULL, tasks + 1, sizeof(*pass->bearers.last));
	if (!pass->tasks || !pass->commands || !pass->bearers.last)
		return -ENOMEM;
	for (size_t i = 0; i < tasks; i++)
		pass->bearers.last[i] = NO_COMM_YET;
	for (size_t i = 0; i <= names; i++) {
		pass->commands[i].first_ns = INT64_MAX;
		pass->commands[i].last_ns = INT64_MIN;
	}
	return 0;
}

int jem_sched_stats_make(const struct jem_sched_model *model, const struct jem_sched_select *select,
			 struct jem_sched_stats *ret)
{
	struct pass pass = { .model = model, .select = select };
	int rc = prepare(&pass);

	if (rc == 0)
		rc = add_all(&pass);
	if (rc == 0) {
		count_pids(&pass);
		finish(&pass, ret);
	}
	free(pass.tasks);
	free(pass.commands);
	free(pass.bearers.pairs);
	free(pass.bearers.last);
	return rc;
}

void jem_sched_stats_deinit(struct jem_sched_stats *stats)
{
	free(stats->tasks);
	free(stats->commands);
	*stats = (struct jem_sched_stats){ 0 };
}
