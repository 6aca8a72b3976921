/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice: what a core ran from one context switch to the next, and what the task waited before.
 *
 * The one unit of scheduling data: a trace.dat file, the live source and a recorded job folder all
 * become slices, and everything that is drawn or counted is computed from them. Counts of running and
 * waiting tasks come from slices, never from adding and subtracting events: real traces miss some.
 *
 * Times are nanoseconds on the clock of the data (live: CLOCK_MONOTONIC). A task waits from
 * start_ns - wait_ns to start_ns and runs from start_ns to start_ns + run_ns.
 */
#ifndef JEM_COMMON_SCHED_SLICE_H
#define JEM_COMMON_SCHED_SLICE_H

#include <stdint.h>

#define JEM_SCHED_NONE     UINT32_MAX /* no task, no name */
#define JEM_SCHED_NO_CPU   UINT16_MAX
#define JEM_SCHED_TIME_MAX (INT64_MAX / 2) /* times are from 0 to here: 146 years */

enum jem_sched_end {
#define SCHED_END(name, text, meaning) JEM_SCHED_##name,
#include "schemas/sched_ends.def"
#undef SCHED_END
	JEM_SCHED_END_COUNT,
};

/* How a task came to another core than that of its slice before. */
enum jem_sched_move {
	JEM_SCHED_STAYED,
	JEM_SCHED_PLACED,   /* chosen at wake-up */
	JEM_SCHED_BALANCED, /* moved while it waited in a run queue */
	JEM_SCHED_NUMA,     /* moved towards its memory */
	JEM_SCHED_MOVED,    /* no event says how */
};

enum jem_sched_flag {
	JEM_SCHED_START_INFERRED = 1, /* no event told when it got the core */
	JEM_SCHED_END_INFERRED = 2,   /* nor when it lost it */
	JEM_SCHED_WAIT_ONLY = 4, /* run_ns is 0: it waited and did not run before the data ended */
	JEM_SCHED_WAIT_UNKNOWN = 8,    /* when it became runnable is not known; wait_ns is 0 */
	JEM_SCHED_WAIT_PREEMPTED = 16, /* the wait began with its preemption, not with a wake-up */
	JEM_SCHED_FIRST = 32,          /* the first slice of a task that was born in the data */
	JEM_SCHED_CONTINUED =
		64, /* goes on from one that was told before its end: no switch between */
};

struct jem_sched_slice {
	int64_t start_ns;
	uint64_t run_ns;
	uint64_t wait_ns;
	uint32_t task; /* index in the table of tasks */
	uint32_t
		comm; /* its name then, the last if it changed meanwhile: index in the table of names */
	uint32_t waker; /* task that woke it for this slice, JEM_SCHED_NONE */
	uint16_t cpu;
	uint16_t from_cpu;  /* of its slice before, JEM_SCHED_NO_CPU */
	uint16_t waker_cpu; /* JEM_SCHED_NO_CPU */
	uint8_t end;        /* enum jem_sched_end */
	uint8_t move;       /* enum jem_sched_move */
	uint8_t flags;      /* of enum jem_sched_flag */
};

/* A life of a task: a number that is used again is another task. Idle tasks are none. */
struct jem_sched_task {
	int32_t tid;
	int32_t pid;     /* of its process; 0: not known */
	uint32_t parent; /* task that made it, JEM_SCHED_NONE */
	uint32_t comm;   /* its last name */
	int64_t born_ns; /* INT64_MIN: before the data begin */
	int64_t died_ns; /* INT64_MAX: it lives when they end */
};

/* Part of a core's time of which events were lost: nothing is drawn over it. */
struct jem_sched_gap {
	int64_t from_ns;
	int64_t to_ns;
	uint64_t lost; /* events, 0: not known how many */
	uint16_t cpu;
};

#endif
