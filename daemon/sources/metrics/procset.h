/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procset: the exact set of the job's processes.
 *
 * A process belongs to the job when its parent does (whichever thread made it), when it was handed
 * to the sub-reaper (`jem run`), or, beside a job that we did not launch, when it is in a session
 * that the job made, in the job's own control group, or carries the job's identifier in its
 * environment. Once in the set it stays until it ends, whoever its parent is then.
 *
 * New ones are found without looking at every process of the node: task records tell of them
 * (perf_tasks); else, when the node's count of forks moved, the few pids made since are looked at, or
 * the children of every thread of the job. A full scan of /proc is made only beside a job that we did
 * not launch, at the start and every JEM_SCAN_NS.
 *
 * Ownership: owns its processes; their order is that of discovery, parents before children
 * Bound:     JEM_PROCESSES_MAX living; what is beyond is counted by `refused`
 */
#ifndef JEM_DAEMON_METRICS_PROCSET_H
#define JEM_DAEMON_METRICS_PROCSET_H

#include "daemon/sources/metrics/process.h"

#define JEM_PROCESSES_MAX 8192
#define JEM_SCAN_NS       60000000000u

struct jem_procset {
	struct jem_process_reader reader;
	struct jem_process **list; /* owned, each too */
	size_t count;
	size_t cap;
	uint32_t *slots; /* owned; hash of pids: index into list plus 1, 0: free */
	size_t slot_count;
	pid_t job;
	pid_t launcher;   /* the sub-reaper, 0: none */
	uint64_t exec_ns; /* the launcher's later children are the job's; 0: not yet */
	pid_t *foreign;   /* owned; children of the launcher that are not the job's */
	size_t foreign_count;
	pid_t *sessions; /* owned; made by processes of the job */
	size_t session_count;
	char *cookie;     /* owned; NAME=value in the job's environment, NULL: none */
	int group_fd;     /* cgroup.procs of a group that is the job's alone, -1: none */
	pid_t recent[64]; /* the last that were swept out */
	size_t recent_count;
	uint64_t seen;       /* processes ever in the set */
	uint64_t refused;    /* not taken in: too many */
	uint64_t seen_forks; /* of the node at the last search */
	pid_t seen_pid;      /* made last at the last search, and at the one before */
	pid_t seen_pid_before;
	uint64_t walked_ns;
	uint64_t scanned_ns;
};

/* Takes in the job's first process; -ESRCH when it is gone. */
int jem_procset_init(struct jem_procset *set, const char *root, pid_t job, pid_t launcher);
void jem_procset_deinit(struct jem_procset *set);

struct jem_process *jem_procset_find(const struct jem_procset *set, pid_t pid);

/* Whether it is in the set or was a moment ago. */
bool jem_procset_knows(const struct jem_procset *set, pid_t pid);

/* Takes in a process; NULL when there is no room. `start_ns` 0: not known. */
struct jem_process *jem_procset_add(struct jem_procset *set, pid_t pid, pid_t ppid,
				    uint64_t start_ns);

/* Takes out and frees all whose is_gone is set; the order of the others stays. */
void jem_procset_sweep(struct jem_procset *set);

/* Notes the launcher's present children as the monitor's: call before the job is released. */
void jem_procset_note_foreign(struct jem_procset *set);
bool jem_procset_is_foreign(const struct jem_procset *set, pid_t pid);

/* The job was released: from now on what is handed to the launcher is the job's. */
void jem_procset_released(struct jem_procset *set, uint64_t exec_ns);

/* procset_search.c */

struct jem_search {
	uint64_t now_ns;
	uint64_t forks;    /* of the node, 0: not known */
	pid_t last_pid;    /* made last on the node, 0: not known */
	bool is_announced; /* task records tell of every process */
};

/* Looks for new processes, as cheaply as the hints allow. */
void jem_procset_search(struct jem_procset *set, const struct jem_search *search);

#endif
