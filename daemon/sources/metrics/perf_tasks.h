/* SPDX-License-Identifier: Apache-2.0 */
/*
 * perf_tasks: fork, name and exit of every process of the job, told by the kernel.
 *
 * Inherited perf events (perf_event_open(2), attr.task and attr.comm) write a record for each
 * process the job makes, however short it lives, into one ring a processor; an inherited task clock
 * counts their processor time to the nanosecond. An ordinary user may have them where
 * kernel.perf_event_paranoid is 2 or less (Debian's default is 3: not).
 *
 * What it costs the job: 1 us a process or thread and processor, and 1.2 KiB of the kernel's memory;
 * 0.5 us a context switch. That is why beyond JEM_PERF_CPUS_FEW processors proc_events is asked
 * first, and beyond JEM_PERF_CPUS_MAX this is not used.
 *
 * Thread:    loop thread; drained each tick, and earlier when a ring is half full
 * Ownership: owns its descriptors and mappings
 * Invariant: records lost in a full ring are counted by the kernel and told by drain
 */
#ifndef JEM_DAEMON_METRICS_PERF_TASKS_H
#define JEM_DAEMON_METRICS_PERF_TASKS_H

#include "daemon/sources/metrics/task_event.h"

#include <stddef.h>

#define JEM_PERF_CPUS_FEW 16 /* up to here they cost the job less than they tell */
#define JEM_PERF_CPUS_MAX 64

struct jem_perf_tasks;

/* On how many processors the thread may run; a negative errno, -E2BIG: on very many. */
int jem_perf_tasks_cpus(pid_t tid);

/*
 * Watches what the threads `tids` and all they make will do. -EACCES, -EPERM (not allowed), -ENOSYS,
 * -E2BIG (too many processors or threads), -ESRCH, ... : nothing is watched.
 */
int jem_perf_tasks_open(const pid_t *tids, size_t count, struct jem_perf_tasks **ret);

/* Only the clocks: no events, on any number of processors. */
int jem_perf_tasks_open_clocks(const pid_t *tids, size_t count, struct jem_perf_tasks **ret);
void jem_perf_tasks_close(struct jem_perf_tasks *perf);

/* Hands on what the rings hold, in order of time; returns how many records were lost since. */
uint64_t jem_perf_tasks_drain(struct jem_perf_tasks *perf, jem_task_event_fn on_event, void *arg);

/* Processor time of all that was watched since open, in nanoseconds. */
uint64_t jem_perf_tasks_cpu_ns(const struct jem_perf_tasks *perf);

/* Readable when a ring is half full, -1 without rings. Owned by us; poll it, then drain. */
int jem_perf_tasks_fd(const struct jem_perf_tasks *perf);

#endif
