/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event: one scheduling event of the kernel, whatever it was read from.
 *
 * Flow: pages of a ring buffer (live or of a file) -> decode -> merge over cores -> machine -> slices
 */
#ifndef JEM_TRACER_SCHED_EVENT_H
#define JEM_TRACER_SCHED_EVENT_H

#include <stdint.h>

enum jem_sched_type {
	JEM_SCHED_SWITCH, /* pid leaves with state `detail`, `other` comes, whose name is `comm` */
	JEM_SCHED_WAKING, /* pid wakes `other`, which is to run on core `detail` */
	JEM_SCHED_WAKEUP, /* `other` is in a run queue of core `detail` */
	JEM_SCHED_WAKEUP_NEW, /* the same for a new task */
	JEM_SCHED_MIGRATE,    /* `other` goes from core detail >> 16 to core detail & 0xffff */
	JEM_SCHED_MOVE_NUMA,  /* the same, towards its memory */
	JEM_SCHED_FORK,       /* pid makes `other` */
	JEM_SCHED_NEWTASK,    /* `other` is made with clone flags `detail`; its name is `comm` */
	JEM_SCHED_EXEC,       /* pid runs a program; before, its thread number was `other` */
	JEM_SCHED_RENAME,     /* `other` is now called `comm` */
	JEM_SCHED_DEATH,      /* `other` exits; it still switches once */
	JEM_SCHED_FREE,       /* `other` is gone: the number may be used again */
	JEM_SCHED_LOST, /* up to here `detail` events of this core were lost (0: unknown number) */
	JEM_SCHED_TYPE_COUNT,
};

struct jem_sched_event {
	int64_t ns;
	int32_t pid; /* task that was on the core: common_pid */
	int32_t other;
	uint32_t detail;
	uint32_t comm;     /* of `other`, in the decoder's names; JEM_SCHED_NONE: not told */
	uint32_t pid_comm; /* the same of `pid`: told by SWITCH and FORK */
	uint16_t cpu;
	uint8_t type;
};

#endif
