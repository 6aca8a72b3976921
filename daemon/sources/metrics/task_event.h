/* SPDX-License-Identifier: Apache-2.0 */
/* task_event: what the kernel tells of processes, by perf records or by the proc connector. */
#ifndef JEM_DAEMON_METRICS_TASK_EVENT_H
#define JEM_DAEMON_METRICS_TASK_EVENT_H

#include <stdint.h>
#include <sys/types.h>

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

/* Where they come from. */
enum jem_task_records {
	JEM_TASK_RECORDS_AUTO,
	JEM_TASK_RECORDS_OFF,
	JEM_TASK_RECORDS_PERF,
	JEM_TASK_RECORDS_CONNECTOR
};

typedef void (*jem_task_event_fn)(void *arg, const struct jem_task_event *event);

#endif
