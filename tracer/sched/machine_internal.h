/* SPDX-License-Identifier: Apache-2.0 */
/* machine_internal: the tables of the machine, for its parts only. */
#ifndef JEM_TRACER_SCHED_MACHINE_INTERNAL_H
#define JEM_TRACER_SCHED_MACHINE_INTERNAL_H

#include "tracer/sched/machine.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	PID_LIMIT = 4 << 20, /* PID_MAX_LIMIT of 64-bit kernels */
	STATE_BITS = 32,
	CLONE_THREAD_FLAG = 0x10000,
};

#define NO_TIME INT64_MIN
#define NO_SLOT UINT32_MAX

enum task_state {
	TASK_UNSURE,  /* nothing tells */
	TASK_NEW,     /* made, not yet woken */
	TASK_ASLEEP,  /* it waits for something else than a core */
	TASK_WAITING, /* for a core */
	TASK_RUNNING, /* on core `cpu` */
};

enum task_mark {
	MARK_QUEUED = 1,     /* waits in a run queue; before that it is still being placed */
	MARK_WAKING = 2,     /* woken from another core while it runs: it is just leaving */
	MARK_DYING = 4,      /* has exited, but for its last switch */
	MARK_BORN = 8,       /* in the data, and has not run yet */
	MARK_LEFT = 16,      /* unsure since it left its core: no event tells why */
	MARK_PREEMPTED = 32, /* waits since its preemption */
};

/* What each event of a task touches: one cache line. */
struct live {
	int64_t since_ns; /* of its state */
	int64_t woken_ns; /* while it seems to run, or NO_TIME */
	uint64_t wait_ns; /* before the slice that runs */
	uint32_t serial;  /* what the sink knows it by */
	int32_t tid;      /* -1: a free slot */
	uint32_t comm;
	uint32_t waker;      /* serial; for the slice that runs or is waited for */
	uint32_t next_waker; /* of woken_ns */
	uint16_t waker_cpu, next_waker_cpu;
	uint16_t cpu;      /* where it runs or waits */
	uint16_t last_cpu; /* of its last slice */
	uint16_t from_cpu; /* of the slice before that which runs */
	uint8_t state;     /* enum task_state */
	uint8_t move;      /* enum jem_sched_move of the slice that runs */
	uint8_t next_move; /* of the next, as far as told */
	uint8_t flags;     /* of the slice that runs */
	uint8_t marks;
};
_Static_assert(sizeof(struct live) <= 64, "a task costs one cache line an event");

enum core_state {
	CORE_UNSEEN, /* no event yet: what it ran since the data began is told by the first */
	CORE_UNSURE, /* since since_ns */
	CORE_IDLE,
	CORE_BUSY,
};

struct core {
	int64_t since_ns; /* of its state */
	int64_t last_ns;  /* of its last event: then its state was true */
	int64_t gap_ns;   /* end of its last loss, or NO_TIME */
	int32_t tid;      /* on it: 0 idle, -1 not known */
	int32_t left_tid; /* what it ran before */
	uint32_t slot;    /* of tid, if CORE_BUSY */
	uint8_t state;    /* enum core_state */
};

/* What stands for each number of a task: the slot + 1, and what was of earlier tasks of that number. */
enum {
	PID_DIED = 1u << 31,     /* one has ended in the data */
	PID_FREE_DUE = 1u << 30, /* one has ended whose FREE is still to come */
	PID_SLOT = PID_FREE_DUE - 1,
};

struct jem_sched_machine {
	struct jem_sched_sink sink; /* borrowed context */
	struct jem_sched_tally tally;
	uint8_t ends[STATE_BITS]; /* by bit of prev_state */
	int64_t now_ns;           /* NO_TIME: no event yet */
	struct core *cores;       /* owned, by number */
	size_t core_count;
	uint32_t *pids;               /* owned, PID_LIMIT; untouched pages cost nothing */
	struct live *lives;           /* owned, by slot */
	struct jem_sched_task *tasks; /* owned, by slot: what the sink is told */
	uint32_t *free_slots;         /* owned; a stack */
	uint32_t slot_count, slot_cap, free_count;
	uint32_t serial_next;
	int64_t idle_exit_ns; /* from wake-up to run on an idle core, as it mostly is */
	bool sees_wakeups;
};

/* machine_tasks: the table of tasks. Codes are 0 or what the sink or memory says. */
int jem_machine_tell(struct jem_sched_machine *m, uint32_t slot);
uint32_t jem_machine_find(const struct jem_sched_machine *m, int32_t tid);
int jem_machine_get(struct jem_sched_machine *m, int32_t tid, uint32_t comm, uint32_t *ret);
int jem_machine_birth(struct jem_sched_machine *m, int32_t tid, int64_t ns, uint32_t *ret);
int jem_machine_death(struct jem_sched_machine *m, uint32_t slot, int64_t ns);
int jem_machine_rename(struct jem_sched_machine *m, uint32_t slot, uint32_t comm);
int jem_machine_renumber(struct jem_sched_machine *m, uint32_t slot, int32_t tid);

/* machine_cores: what runs where, and what must have been where an event is missing. */
int jem_machine_core(struct jem_sched_machine *m, uint16_t cpu, struct core **ret);
int jem_machine_start(struct jem_sched_machine *m, uint16_t cpu, uint32_t slot, int64_t ns,
		      uint8_t flags);
int jem_machine_stop(struct jem_sched_machine *m, struct core *core, int64_t ns,
		     enum jem_sched_end end, uint8_t flags);
/* The task cannot be on its core any more: it left between the core's last event and now. */
int jem_machine_evict(struct jem_sched_machine *m, uint32_t slot);
/* `tid` is on the core, which was not known. */
int jem_machine_correct(struct jem_sched_machine *m, uint16_t cpu, int32_t tid, uint32_t comm);
int jem_machine_lose(struct jem_sched_machine *m, uint16_t cpu, uint64_t lost);
/* It waited on a core while events of that core were lost. */
bool jem_machine_lost_sight(const struct jem_sched_machine *m, const struct live *live);

/* machine_wake: how a task comes to wait, and where. */
int jem_machine_wake(struct jem_sched_machine *m, const struct jem_sched_event *event);
int jem_machine_move(struct jem_sched_machine *m, const struct jem_sched_event *event);

/* machine_life: birth, exec, names and death. */
/* How it ended was not told, but its number is another's now: it ended when last heard of. */
int jem_machine_bury(struct jem_sched_machine *m, uint32_t slot);
int jem_machine_life(struct jem_sched_machine *m, const struct jem_sched_event *event);

#endif
