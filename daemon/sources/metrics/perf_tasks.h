/* SPDX-License-Identifier: Apache-2.0 */
/*
 * perf_tasks: fork, name and exit of every process of the job, told by the kernel.
 *
 * Inherited perf events (perf_event_open(2), attr.task and attr.comm) write a record for each
 * process the job makes, however short it lives, into one ring a processor; an inherited task clock
 * counts their processor time to the nanosecond. An ordinary user may have them where
 * kernel.perf_event_paranoid is 2 or less (Debian's default is 3: not).
 *
 * What it costs the job: 1 us a process or thread and processor, 0.5 us a context switch. That
 * is why it is not used where the job may run on more than JEM_PERF_CPUS_MAX processors.
 *
 * Thread:    loop thread; drained each tick, and earlier when a ring is half full
 * Ownership: owns its descriptors and mappings
 * Invariant: records lost in a full ring are counted by the kernel and told by drain
 */
#ifndef JEM_DAEMON_METRICS_PERF_TASKS_H
#define JEM_DAEMON_METRICS_PERF_TASKS_H

#include <stdint.h>
#include <sys/types.h>

#define JEM_PERF_CPUS_MAX 16

enum jem_task_event_type {
	JEM_TASK_FORK, /* a process, never a thread */
	JEM_TASK_COMM,
	JEM_TASK_EXIT /* its main thread has ended */
};

struct jem_task_event {
	enum jem_task_event_type type;
	pid_t pid;
	pid_t ppid;       /* of FORK */
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	char comm[16];    /* of COMM; raw bytes, NUL-terminated */
};

typedef void (*jem_task_event_fn)(void *arg, const struct jem_task_event *event);

struct jem_perf_tasks;

/*
 * Watches what the threads `tids` and all they make will do. -EACCES, -EPERM (not allowed), -ENOSYS,
 * -E2BIG (too many processors or threads), -ESRCH, ... : nothing is watched.
 */
int jem_perf_tasks_open(const pid_t *tids, size_t count, struct jem_perf_tasks **ret);
void jem_perf_tasks_close(struct jem_perf_tasks *perf);

/* Hands on what the rings hold, in order of time; returns how many records were lost since. */
uint64_t jem_perf_tasks_drain(struct jem_perf_tasks *perf, jem_task_event_fn on_event, void *arg);

/* Processor time of all that was watched since open, in nanoseconds. */
uint64_t jem_perf_tasks_cpu_ns(const struct jem_perf_tasks *perf);

/* Readable when a ring is half full. Owned by us; poll it, then drain. */
int jem_perf_tasks_fd(const struct jem_perf_tasks *perf);

#endif
