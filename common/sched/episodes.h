/* SPDX-License-Identifier: Apache-2.0 */
/*
 * episodes: when work was not conserved: tasks waited for a busy core while another core was idle.
 *
 * A core is idle when it runs nothing and nothing waits for it: one for which a woken task waits is on its
 * way out of idle, as it should be. A core of which events are lost is neither idle nor busy. Which cores
 * a task may use is not in the data, but a kernel thread that bears a core's number ("ksoftirqd/3") waits
 * for that core and no other, and is left out.
 *
 * A wait is where the task was queued. A task that was moved while it waited is taken to have waited on
 * the core that it came from, up to the moment when it ran.
 *
 * Bound: linear in slices; JEM_SCHED_EPISODES are kept, the worst, but all are counted
 */
#ifndef JEM_COMMON_SCHED_EPISODES_H
#define JEM_COMMON_SCHED_EPISODES_H

#include "common/buf.h"
#include "common/sched/select.h"

#define JEM_SCHED_JOIN_NS 100000 /* episodes no further apart than this are one */

enum {
	JEM_SCHED_EPISODES = 32
};

struct jem_sched_episode {
	int64_t from_ns, to_ns;
	uint64_t violated_ns; /* of it; less where episodes were joined */
	uint64_t wasted_ns;   /* core time: idle cores or waiting tasks, the fewer, by time */
	uint32_t tasks;       /* different ones that waited */
	uint64_t wait_max_ns; /* the longest wait that touches it, whole */
	struct jem_sched_slice worst; /* the slice before which that was */
	uint16_t wait_cpu;            /* where it waited */
	uint16_t *wait_cpus;          /* owned, sorted: where tasks waited */
	size_t wait_cpu_count;
	uint16_t *
		idle_cpus; /* owned, sorted: idle nine tenths of it; if none was, the one that was most */
	size_t idle_cpu_count;
};

struct jem_sched_episodes {
	struct jem_sched_episode worst[JEM_SCHED_EPISODES]; /* most wasted first */
	size_t worst_count;
	uint64_t count;       /* all of them */
	uint64_t violated_ns; /* time in which a task waited while a core was idle */
	uint64_t wasted_ns;
};

/* Waits of the selection, on all cores of the selection. 0 or -ENOMEM. */
int jem_sched_episodes_make(const struct jem_sched_model *model,
			    const struct jem_sched_select *select, struct jem_sched_episodes *ret);
void jem_sched_episodes_deinit(struct jem_sched_episodes *episodes);

/* One sentence for a person; what cannot be printed in names becomes "?". */
void jem_sched_episode_text(const struct jem_sched_model *model,
			    const struct jem_sched_episode *episode, struct jem_buf *ret);

/* "0-3,8", at most that many ranges and then "and N more". */
void jem_sched_cpu_list(const uint16_t *cpus, size_t count, size_t ranges_max, struct jem_buf *ret);

#endif
