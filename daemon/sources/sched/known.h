/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known: the tasks that the live source has seen, and whose they are: the job's, the monitor's, others'.
 *
 * A task is the job's when the task that made it is. Of one whose making was not seen (it is older than
 * us, or the event was lost) /proc is asked once: its process's forebears lead to the job, or not.
 *
 * Thread:    one
 * Ownership: owns its table; pointers into it are valid until the next task is told
 * Bound:     living tasks, and the dead of the last KEEP_NS; JEM_KNOWN_MAX together, further ones are not
 *            taken. /proc is asked LOOKS_MAX times a second
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_KNOWN_H
#define JEM_DAEMON_SOURCES_SCHED_KNOWN_H

#include "daemon/sources/sched/slice_rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define JEM_KNOWN_MAX     (1u << 18)
#define JEM_KNOWN_OWN_MAX 16

enum jem_known_whose {
	JEM_KNOWN_FOREIGN,
	JEM_KNOWN_JOB,
	JEM_KNOWN_MONITOR,
};

struct jem_known_task {
	uint32_t task; /* its index in slices; JEM_SCHED_NONE: a free place */
	int32_t tid, pid;
	uint32_t comm;   /* its last name */
	int64_t died_ns; /* INT64_MAX: it lives */
	uint8_t whose;   /* enum jem_known_whose */
	bool is_told;    /* in a row of its own, as it is now */
	struct jem_slice_place place, waker_place;
};

struct jem_known {
	const char *proc;             /* "/proc", or a folder in its place; borrowed */
	pid_t job;                    /* 0: none */
	pid_t launcher;               /* whose later children are the job's too; 0: none */
	pid_t own[JEM_KNOWN_OWN_MAX]; /* processes of the monitor */
	size_t own_count;
	struct jem_known_task *slots; /* owned; a power of two */
	uint32_t slot_count;
	uint32_t count, dead;
	uint64_t refused;
	int64_t looks_since_ns;
	unsigned looks;
};

/* `launcher` 0: none. Its present children but the job are the monitor's, as we are. */
int jem_known_init(struct jem_known *known, const char *proc, pid_t job, pid_t launcher);
void jem_known_deinit(struct jem_known *known);

/* A task is seen first, or has changed. The task, or NULL: there is no room. */
struct jem_known_task *jem_known_tell(struct jem_known *known, uint32_t task,
				      const struct jem_sched_task *now, int64_t now_ns);
struct jem_known_task *jem_known_find(const struct jem_known *known, uint32_t task);

/* Forgets the long dead, where there are many. */
void jem_known_sweep(struct jem_known *known, int64_t now_ns);

#endif
