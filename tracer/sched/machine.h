/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine: events of all cores in order of time -> slices, by what each task and each core is known to do.
 *
 * Flow:      merge (live or file) -> jem_sched_machine_event -> sink
 * Thread:    one
 * Ownership: owns its tables; the sink is borrowed
 * Bound:     live tasks only: one that is gone leaves the table once its last slice is out. Numbers are
 *            taken up to the kernel's own bound (4 Mi); events beyond are counted as bad and left out
 * Invariant: a task is unknown, sleeping, waiting or running on one core, a core runs one task or none.
 *            An event that contradicts this ends what cannot be, marked inferred and counted; it never
 *            leaves a count wrong for longer than to the next event of that task or core.
 *
 * A switch that is missing shows when an event tells that another task is on a core than was thought. It
 * is put between the last sign of the one and the first of the other: half-way, but not before the other
 * was woken nor after the first was, if that is known. An idle core takes what is woken for it as long after
 * as it mostly does.
 *
 * A wait begins with sched_waking (sched_wakeup where that is not traced), but not before the task left its
 * core, or with preemption. Time goes forward: an event from before the last counts as at its time.
 */
#ifndef JEM_TRACER_SCHED_MACHINE_H
#define JEM_TRACER_SCHED_MACHINE_H

#include "common/sched/slice.h"
#include "tracer/sched/event.h"

/* Where results go. Each returns 0 or a negative errno, which ends the event with it. */
struct jem_sched_sink {
	void *context;
	/* A task is first seen, or something of it has changed. `task` is its index from then on. */
	int (*task)(void *context, uint32_t task, const struct jem_sched_task *now);
	int (*slice)(void *context, const struct jem_sched_slice *slice);
	int (*gap)(void *context, const struct jem_sched_gap *gap);
};

/* `inferred`: switches that must have been and were not told, the first of each core, and losses. */
struct jem_sched_tally {
	uint64_t events, switches, lost_events, inferred, wakeups;
	uint64_t bad;             /* of which an event is left out: no such task or core */
	uint64_t back_in_time;    /* came after one that was later */
	uint64_t unknown_waits;   /* slices of which it is not known since when they waited */
	int64_t begin_ns, end_ns; /* of the first and last event; no event: 0 */
};

struct jem_sched_machine;

/*
 * `state_names` as the format of sched_switch lists its flags, "S", "D", ... by bit up to a NULL; NULL: of
 * Linux 4.14 on. A bit beyond them means that the task could have gone on.
 */
int jem_sched_machine_create(const struct jem_sched_sink *sink, const char *const *state_names,
			     struct jem_sched_machine **ret);
void jem_sched_machine_destroy(struct jem_sched_machine *machine);

/*
 * What is known before the first event (live: from /proc). Core JEM_SCHED_NO_CPU: it sleeps; else it runs or
 * waits there, which the first event will tell. -EINVAL for a number that no task has.
 */
int jem_sched_machine_seed(struct jem_sched_machine *machine, const struct jem_sched_task *task,
			   uint16_t cpu, int64_t ns);
int jem_sched_machine_event(struct jem_sched_machine *machine, const struct jem_sched_event *event);
/*
 * Live: slices that have been open for `age_ns` are told so far, as open, and go on as JEM_SCHED_CONTINUED.
 * No event from before now_ns comes any more.
 */
int jem_sched_machine_flush(struct jem_sched_machine *machine, int64_t now_ns, int64_t age_ns);
/* The data end: open slices and waits are told. Then nothing but destroy and tally. */
int jem_sched_machine_finish(struct jem_sched_machine *machine, int64_t end_ns);

const struct jem_sched_tally *jem_sched_machine_tally(const struct jem_sched_machine *machine);

#endif
