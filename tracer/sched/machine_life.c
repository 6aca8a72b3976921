/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/machine_internal.h"

int jem_machine_bury(struct jem_sched_machine *m, uint32_t slot)
{
	int rc = 0;

	m->tally.inferred += !(m->lives[slot].marks & MARK_DYING);
	if (m->lives[slot].state == TASK_RUNNING)
		rc = jem_machine_evict(m, slot);
	return rc < 0 ? rc : jem_machine_death(m, slot, m->lives[slot].since_ns);
}

/*
 * task_newtask and sched_process_fork tell of the same birth, in this order and before the task is woken
 * for the first time (kernel/fork.c, kernel_clone); either may be missing.
 */
static int on_birth(struct jem_sched_machine *m, const struct jem_sched_event *event)
{
	uint32_t slot = jem_machine_find(m, event->other);
	uint32_t parent = NO_SLOT;
	struct jem_sched_task *task;
	int rc = 0;

	if (event->other == event->pid)
		return 0;
	if (slot != NO_SLOT && m->lives[slot].state != TASK_NEW) {
		rc = jem_machine_bury(m, slot);
		slot = NO_SLOT;
	}
	if (rc == 0 && event->pid)
		rc = jem_machine_get(m, event->pid, event->pid_comm, &parent);
	if (rc == 0 && slot == NO_SLOT)
		rc = jem_machine_birth(m, event->other, m->now_ns, &slot);
	if (rc < 0)
		return rc;
	m->lives[slot].state = TASK_NEW;
	task = &m->tasks[slot];
	if (parent != NO_SLOT)
		task->parent = m->lives[parent].serial;
	if (event->type == JEM_SCHED_NEWTASK) {
		if (!(event->detail & CLONE_THREAD_FLAG))
			task->pid = task->tid;
		else if (parent != NO_SLOT)
			task->pid = m->tasks[parent].pid;
	}
	if (event->comm != JEM_SCHED_NONE)
		m->lives[slot].comm = task->comm = event->comm;
	else if (task->comm == JEM_SCHED_NONE && parent != NO_SLOT)
		m->lives[slot].comm = task->comm = m->lives[parent].comm;
	return jem_machine_tell(m, slot);
}

/* A program is run by a whole process: all other threads have gone, and the number is the leader's. */
static int on_exec(struct jem_sched_machine *m, const struct jem_sched_event *event)
{
	uint32_t slot = jem_machine_find(m, event->other);
	uint32_t leader = jem_machine_find(m, event->pid);
	int rc = 0;

	if (event->other == event->pid || slot == NO_SLOT) {
		rc = slot == NO_SLOT ? jem_machine_get(m, event->pid, event->comm, &slot) : 0;
		if (rc < 0)
			return rc;
		m->tasks[slot].pid = event->pid;
		return jem_machine_tell(m, slot);
	}
	/* By its new number it is on the core already, where an event came between: one task, seen as two. */
	if (leader != NO_SLOT && m->lives[leader].state == TASK_RUNNING) {
		m->tasks[leader].pid = event->pid;
		return jem_machine_bury(m, slot);
	}
	if (leader != NO_SLOT)
		rc = jem_machine_death(m, leader, m->now_ns);
	return rc < 0 ? rc : jem_machine_renumber(m, slot, event->pid);
}

static int on_death(struct jem_sched_machine *m, const struct jem_sched_event *event)
{
	uint32_t slot;
	int rc = jem_machine_get(m, event->other, event->comm, &slot);

	if (rc == 0)
		m->lives[slot].marks |= MARK_DYING;
	return rc;
}

/*
 * The number may have been given to a new task before: it is free when the task is reaped, but this event
 * comes a grace period of RCU later (kernel/exit.c, delayed_put_task_struct).
 */
static int on_free(struct jem_sched_machine *m, const struct jem_sched_event *event)
{
	uint32_t slot = jem_machine_find(m, event->other);
	uint32_t *entry = &m->pids[event->other];
	int rc = 0;

	if (*entry & PID_FREE_DUE) {
		*entry &= ~(uint32_t)PID_FREE_DUE;
		return 0;
	}
	if (slot != NO_SLOT) {
		rc = jem_machine_bury(m, slot);
		*entry &= ~(uint32_t)PID_FREE_DUE;
	}
	return rc;
}

int jem_machine_life(struct jem_sched_machine *m, const struct jem_sched_event *event)
{
	uint32_t slot;

	switch (event->type) {
	case JEM_SCHED_FORK:
	case JEM_SCHED_NEWTASK:
		return on_birth(m, event);
	case JEM_SCHED_EXEC:
		return on_exec(m, event);
	case JEM_SCHED_RENAME:
		return jem_machine_get(m, event->other, event->comm, &slot);
	case JEM_SCHED_DEATH:
		return on_death(m, event);
	default:
		return on_free(m, event);
	}
}
