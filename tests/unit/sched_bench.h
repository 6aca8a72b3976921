/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_bench: events by hand, through the machine, into a model. Times are in microseconds.
 *
 * A task is called "t<tid>" unless a test names it.
 */
#ifndef JEM_TESTS_UNIT_SCHED_BENCH_H
#define JEM_TESTS_UNIT_SCHED_BENCH_H

#include "tests/unit/check.h"
#include "tracer/sched/model_sink.h"

enum { /* prev_state of Linux 4.14 on */
	RUNNABLE = 0,
	SLEEPS = 1,
	BLOCKS = 2,
	STOPS = 4,
	ZOMBIE = 0x20,
	DEAD = 0x10,
	IDLES = 0x80,
	PREEMPTED = 0x100,
};

struct sched_bench {
	struct jem_sched_model model;
	struct jem_sched_machine *machine; /* NULL once finished */
	struct jem_sched_tally tally;      /* of the machine, once finished */
};

void sched_open(struct sched_bench *bench);
/* The data end, the model is sealed. */
void sched_finish(struct sched_bench *bench, int64_t us);
void sched_close(struct sched_bench *bench);

void sched_event(struct sched_bench *bench, struct jem_sched_event event);
/* SWITCH: `pid` leaves in state `detail`, `other` comes. Else as in tracer/sched/event.h. */
void sched_do(struct sched_bench *bench, enum jem_sched_type type, int64_t us, uint16_t cpu,
	      int32_t pid, int32_t other, uint32_t detail);
void sched_switch(struct sched_bench *bench, int64_t us, uint16_t cpu, int32_t prev, uint32_t state,
		  int32_t next);
/* sched_waking and sched_wakeup at the same time. */
void sched_wake(struct sched_bench *bench, int64_t us, uint16_t cpu, int32_t waker, int32_t task,
		uint16_t target);
uint32_t sched_name(struct sched_bench *bench, const char *name);

/* Of all tasks of a number, in order of start: the n-th slice; the case fails if there is none. */
const struct jem_sched_slice *sched_slice(const struct sched_bench *bench, int32_t tid, size_t n);
size_t sched_slices(const struct sched_bench *bench, int32_t tid);
const struct jem_sched_task *sched_task(const struct sched_bench *bench,
					const struct jem_sched_slice *slice);

/* start, run and wait in microseconds, and why it ended. */
#define CHECK_SLICE(slice, start_us, run_us, wait_us, how)                                         \
	do {                                                                                       \
		const struct jem_sched_slice *slice_ = (slice);                                    \
                                                                                                   \
		CHECK_EQ(slice_->start_ns, (start_us)*1000LL);                                     \
		CHECK_EQ(slice_->run_ns, (run_us)*1000LL);                                         \
		CHECK_EQ(slice_->wait_ns, (wait_us)*1000LL);                                       \
		CHECK_STR(jem_sched_end_name(slice_->end), how);                                   \
	} while (0)

#endif
