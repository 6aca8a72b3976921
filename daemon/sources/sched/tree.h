/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree: the threads of a job that is there already, by /proc/PID/task/TID/children.
 *
 * Bound: JEM_SCHED_TREE_MAX threads; those beyond are not taken, and `is_cut` says so
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_TREE_H
#define JEM_DAEMON_SOURCES_SCHED_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define JEM_SCHED_TREE_MAX 16384u

struct jem_sched_tree {
	pid_t *tids; /* owned; a process's first thread first */
	pid_t *pids; /* owned; the process of each */
	size_t count, cap;
	bool is_cut;
};

/* -ESRCH: the job is gone. Whatever it returns, deinit frees. */
int jem_sched_tree_walk(const char *proc, pid_t job, struct jem_sched_tree *ret);
void jem_sched_tree_deinit(struct jem_sched_tree *tree);

#endif
