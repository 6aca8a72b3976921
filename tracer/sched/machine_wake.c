/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/machine_internal.h"

/* Who wakes is who is on the core; on an idle one it is an interrupt. */
static uint32_t waker_of(const struct jem_sched_machine *m, const struct jem_sched_event *event)
{
	const struct core *core = &m->cores[event->cpu];

	return core->state == CORE_BUSY && core->tid == event->pid ? m->lives[core->slot].serial
								   : JEM_SCHED_NONE;
}

static void wait_from_now(struct jem_sched_machine *m, struct live *live,
			  const struct jem_sched_event *event)
{
	live->state = TASK_WAITING;
	live->since_ns = m->now_ns;
	live->waker = waker_of(m, event);
	live->waker_cpu = event->cpu;
	live->cpu = (uint16_t)event->detail;
	live->marks &= (uint8_t) ~(MARK_QUEUED | MARK_LEFT | MARK_PREEMPTED);
}

/*
 * sched_waking of a task that runs: either it has not gone to sleep yet and will not, which sched_wakeup
 * tells while it still runs; or it is just leaving, and the waker waits until it has left. The latter is
 * possible only from another core, and sched_wakeup follows after the switch.
 */
static void wake_running(struct jem_sched_machine *m, struct live *live,
			 const struct jem_sched_event *event)
{
	if (event->type == JEM_SCHED_WAKEUP) {
		live->marks &= (uint8_t)~MARK_WAKING;
		if (live->woken_ns != NO_TIME)
			return;
	} else if (event->cpu != live->cpu) {
		live->marks |= MARK_WAKING;
	}
	live->woken_ns = m->now_ns;
	live->next_waker = waker_of(m, event);
	live->next_waker_cpu = event->cpu;
}

static int wake_new(struct jem_sched_machine *m, const struct jem_sched_event *event)
{
	uint32_t slot = jem_machine_find(m, event->other);
	int rc = 0;

	if (slot != NO_SLOT && m->lives[slot].state != TASK_NEW) {
		rc = jem_machine_bury(m, slot);
		slot = NO_SLOT;
	}
	if (rc == 0 && slot == NO_SLOT) {
		rc = jem_machine_birth(m, event->other, m->now_ns, &slot);
		if (rc == 0)
			rc = jem_machine_tell(m, slot);
	}
	if (rc < 0)
		return rc;
	wait_from_now(m, &m->lives[slot], event);
	m->lives[slot].marks |= MARK_QUEUED;
	return jem_machine_rename(m, slot, event->comm);
}

int jem_machine_wake(struct jem_sched_machine *m, const struct jem_sched_event *event)
{
	uint32_t slot;
	struct live *live;
	int rc;

	m->tally.wakeups += event->type != JEM_SCHED_WAKING;
	m->sees_wakeups = true;
	if (event->type == JEM_SCHED_WAKEUP_NEW)
		return wake_new(m, event);
	rc = jem_machine_get(m, event->other, event->comm, &slot);
	if (rc < 0)
		return rc;
	live = &m->lives[slot];
	if (live->state == TASK_RUNNING) {
		wake_running(m, live, event);
		return 0;
	}
	/* A task that waits already is left where it is: it was preempted on its way to sleep. */
	if (live->state != TASK_WAITING || jem_machine_lost_sight(m, live))
		wait_from_now(m, live, event);
	if (event->type == JEM_SCHED_WAKEUP) {
		live->cpu = (uint16_t)event->detail;
		live->marks |= MARK_QUEUED;
	}
	return 0;
}

/* While it is being woken a task is placed, while it waits in a queue it is balanced. */
int jem_machine_move(struct jem_sched_machine *m, const struct jem_sched_event *event)
{
	uint32_t slot;
	struct live *live;
	int rc = jem_machine_get(m, event->other, event->comm, &slot);

	if (rc < 0)
		return rc;
	live = &m->lives[slot];
	if (event->type == JEM_SCHED_MOVE_NUMA) {
		live->next_move = JEM_SCHED_NUMA;
		return 0;
	}
	/* Only a task that is off its core can be moved. */
	if (live->state == TASK_RUNNING) {
		bool was_woken = live->woken_ns != NO_TIME;

		rc = jem_machine_evict(m, slot);
		live->marks |= was_woken ? 0 : MARK_QUEUED;
	}
	if (live->next_move != JEM_SCHED_NUMA)
		live->next_move = live->marks & MARK_QUEUED ? JEM_SCHED_BALANCED : JEM_SCHED_PLACED;
	if (live->state == TASK_WAITING && jem_machine_lost_sight(m, live)) {
		live->state = TASK_UNSURE;
		live->marks &= (uint8_t)~MARK_LEFT;
	}
	live->cpu = (uint16_t)event->detail;
	return rc;
}
