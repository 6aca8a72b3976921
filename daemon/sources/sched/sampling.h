/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sampling: how long the job's tasks ran and waited, from /proc/PID/task/TID/schedstat, and the pressure
 * on the node's cores (PSI). What is left where the kernel tells no events; it works for everybody.
 *
 * A task that came and went between two readings is not in it.
 *
 * Thread:    the drain's
 * Ownership: owns its table of tasks
 * Bound:     JEM_SCHED_TREE_MAX tasks
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_SAMPLING_H
#define JEM_DAEMON_SOURCES_SCHED_SAMPLING_H

#include "daemon/sources/sched/feed.h"

struct jem_sampling;

/* `job` 0: only the node's pressure. */
int jem_sampling_create(const char *proc, pid_t job, struct jem_sampling **ret);
void jem_sampling_destroy(struct jem_sampling *sampling);

/* What was since the last call. 0 or -ENOMEM. */
int jem_sampling_take(struct jem_sampling *sampling, int64_t now_ns, struct jem_sched_sampled *ret);

#endif
