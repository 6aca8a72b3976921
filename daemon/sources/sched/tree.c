/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/tree.h"

#include "common/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int add(struct jem_sched_tree *tree, pid_t pid, pid_t tid)
{
	if (tree->count == JEM_SCHED_TREE_MAX) {
		tree->is_cut = true;
		return 0;
	}
	if (tree->count == tree->cap) {
		size_t cap = tree->cap ? tree->cap * 2 : 64;
		pid_t *tids = reallocarray(tree->tids, cap, sizeof(*tids));
		pid_t *pids;

		if (!tids)
			return -ENOMEM;
		tree->tids = tids;
		pids = reallocarray(tree->pids, cap, sizeof(*pids));
		if (!pids)
			return -ENOMEM;
		tree->pids = pids;
		tree->cap = cap;
	}
	tree->tids[tree->count] = tid;
	tree->pids[tree->count++] = pid;
	return 0;
}

/* All threads of a process. */
static int add_process(const char *proc, pid_t pid, struct jem_sched_tree *tree)
{
	char path[128];
	int status = 0;

	snprintf(path, sizeof(path), "%s/%d/task", proc, (int)pid);
	auto_closedir DIR *folder = opendir(path);

	for (struct dirent *entry; folder && status == 0 && (entry = readdir(folder));) {
		pid_t tid = atoi(entry->d_name);

		if (tid > 0)
			status = add(tree, pid, tid);
	}
	return status;
}

static int add_children(const char *proc, pid_t pid, pid_t tid, struct jem_sched_tree *tree)
{
	char path[128];
	int child;
	int status = 0;

	snprintf(path, sizeof(path), "%s/%d/task/%d/children", proc, (int)pid, (int)tid);
	auto_fclose FILE *file = fopen(path, "re");

	while (file && status == 0 && fscanf(file, "%d", &child) == 1)
		status = add_process(proc, child, tree);
	return status;
}

int jem_sched_tree_walk(const char *proc, pid_t job, struct jem_sched_tree *ret)
{
	int status;

	*ret = (struct jem_sched_tree){ 0 };
	status = add_process(proc, job, ret);
	/* What is found is looked at too, until nothing more is found. */
	for (size_t i = 0; i < ret->count && status == 0; i++)
		status = add_children(proc, ret->pids[i], ret->tids[i], ret);
	if (status == 0 && !ret->count)
		status = -ESRCH;
	return status;
}

void jem_sched_tree_deinit(struct jem_sched_tree *tree)
{
	free(tree->tids);
	free(tree->pids);
	*tree = (struct jem_sched_tree){ 0 };
}
