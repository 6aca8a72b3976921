/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/sampling.h"

#include "common/cleanup.h"
#include "daemon/sources/sched/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct task {
	pid_t tid;
	uint64_t run_ns, wait_ns; /* since it began */
};

struct jem_sampling {
	const char *proc; /* borrowed */
	pid_t job;
	struct task *tasks; /* owned; by tid */
	size_t count;
	uint64_t pressure_us; /* since the node started */
	int64_t pressure_ns;  /* when that was read; 0: not yet */
	bool has_begun;
};

int jem_sampling_create(const char *proc, pid_t job, struct jem_sampling **ret)
{
	struct jem_sampling *sampling = calloc(1, sizeof(*sampling));

	if (!sampling)
		return -ENOMEM;
	sampling->proc = proc;
	sampling->job = job;
	*ret = sampling;
	return 0;
}

void jem_sampling_destroy(struct jem_sampling *sampling)
{
	if (!sampling)
		return;
	free(sampling->tasks);
	free(sampling);
}

static bool read_text(const char *path, char *text, size_t size)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);

	text[len > 0 ? len : 0] = '\0';
	return len > 0;
}

static int by_tid(const void *a, const void *b)
{
	const struct task *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static struct task *read_tasks(const struct jem_sampling *sampling,
			       const struct jem_sched_tree *tree, size_t *count)
{
	struct task *tasks = calloc(tree->count + 1, sizeof(*tasks));
	char path[128];
	char text[128];

	*count = 0;
	for (size_t i = 0; tasks && i < tree->count; i++) {
		struct task *task = &tasks[*count];

		snprintf(path, sizeof(path), "%s/%d/task/%d/schedstat", sampling->proc,
			 (int)tree->pids[i], (int)tree->tids[i]);
		task->tid = tree->tids[i];
		if (read_text(path, text, sizeof(text)) &&
		    sscanf(text, "%" SCNu64 " %" SCNu64, &task->run_ns, &task->wait_ns) == 2)
			++*count;
	}
	if (tasks)
		qsort(tasks, *count, sizeof(*tasks), by_tid);
	return tasks;
}

/* A task that is new, or bears the number of one that is gone, began within this second. */
static void add_task(const struct jem_sampling *sampling, const struct task *task,
		     struct jem_sched_sampled *ret)
{
	static const struct task nothing;
	const struct task *before =
		sampling->count
			? bsearch(task, sampling->tasks, sampling->count, sizeof(*task), by_tid)
			: NULL;

	if (!before || before->run_ns > task->run_ns || before->wait_ns > task->wait_ns)
		before = &nothing;
	ret->run_ns += task->run_ns - before->run_ns;
	ret->wait_ns += task->wait_ns - before->wait_ns;
}

/* /proc/pressure/cpu, Documentation/accounting/psi.rst: some ... total=US. */
static double take_pressure(struct jem_sampling *sampling, int64_t now_ns)
{
	char path[128];
	char text[512];
	const char *total;
	uint64_t before = sampling->pressure_us;
	double span_us = (double)(now_ns - sampling->pressure_ns) / 1000;
	bool has_before = sampling->pressure_ns != 0;

	snprintf(path, sizeof(path), "%s/pressure/cpu", sampling->proc);
	if (!read_text(path, text, sizeof(text)) || !(total = strstr(text, "total=")) ||
	    sscanf(total, "total=%" SCNu64, &sampling->pressure_us) != 1)
		return -1;
	sampling->pressure_ns = now_ns;
	if (!has_before || span_us <= 0 || sampling->pressure_us < before)
		return -1;
	return (double)(sampling->pressure_us - before) / span_us * 100;
}

int jem_sampling_take(struct jem_sampling *sampling, int64_t now_ns, struct jem_sched_sampled *ret)
{
	struct jem_sched_tree tree = { 0 };
	struct task *tasks;
	size_t count;

	*ret = (struct jem_sched_sampled){ .pressure = take_pressure(sampling, now_ns) };
	if (!sampling->job)
		return 0;
	if (jem_sched_tree_walk(sampling->proc, sampling->job, &tree) == -ENOMEM) {
		jem_sched_tree_deinit(&tree);
		return -ENOMEM;
	}
	tasks = read_tasks(sampling, &tree, &count);
	jem_sched_tree_deinit(&tree);
	if (!tasks)
		return -ENOMEM;
	/* What was before the first reading was before us. */
	ret->has_tasks = count > 0 && sampling->has_begun;
	for (size_t i = 0; i < count && sampling->has_begun; i++)
		add_task(sampling, &tasks[i], ret);
	free(sampling->tasks);
	sampling->tasks = tasks;
	sampling->count = count;
	sampling->has_begun = true;
	return 0;
}
