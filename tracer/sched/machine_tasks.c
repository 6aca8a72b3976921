/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/machine_internal.h"

#include <errno.h>
#include <stdlib.h>

enum {
	FIRST_SLOTS = 256
};

int jem_machine_tell(struct jem_sched_machine *m, uint32_t slot)
{
	return m->sink.task(m->sink.context, m->lives[slot].serial, &m->tasks[slot]);
}

/* The caller has checked the number. */
uint32_t jem_machine_find(const struct jem_sched_machine *m, int32_t tid)
{
	uint32_t entry = m->pids[tid] & PID_SLOT;

	return entry ? entry - 1 : NO_SLOT;
}

static int grow(struct jem_sched_machine *m)
{
	uint32_t cap = m->slot_cap ? 2 * m->slot_cap : FIRST_SLOTS;
	struct live *lives = reallocarray(m->lives, cap, sizeof(*lives));
	struct jem_sched_task *tasks;
	uint32_t *free_slots;

	if (!lives)
		return -ENOMEM;
	m->lives = lives;
	tasks = reallocarray(m->tasks, cap, sizeof(*tasks));
	if (!tasks)
		return -ENOMEM;
	m->tasks = tasks;
	free_slots = reallocarray(m->free_slots, cap, sizeof(*free_slots));
	if (!free_slots)
		return -ENOMEM;
	m->free_slots = free_slots;
	m->slot_cap = cap;
	return 0;
}

static int take_slot(struct jem_sched_machine *m, uint32_t *ret)
{
	if (m->free_count) {
		*ret = m->free_slots[--m->free_count];
		return 0;
	}
	if (m->slot_count == m->slot_cap) {
		int rc = grow(m);

		if (rc < 0)
			return rc;
	}
	*ret = m->slot_count++;
	return 0;
}

int jem_machine_birth(struct jem_sched_machine *m, int32_t tid, int64_t ns, uint32_t *ret)
{
	uint32_t slot;
	int rc;

	if (m->serial_next == JEM_SCHED_NONE)
		return -E2BIG;
	rc = take_slot(m, &slot);
	if (rc < 0)
		return rc;
	m->lives[slot] = (struct live){
		.since_ns = ns == NO_TIME ? m->tally.begin_ns : ns,
		.woken_ns = NO_TIME,
		.serial = m->serial_next++,
		.tid = tid,
		.comm = JEM_SCHED_NONE,
		.waker = JEM_SCHED_NONE,
		.next_waker = JEM_SCHED_NONE,
		.waker_cpu = JEM_SCHED_NO_CPU,
		.next_waker_cpu = JEM_SCHED_NO_CPU,
		.cpu = JEM_SCHED_NO_CPU,
		.last_cpu = JEM_SCHED_NO_CPU,
		.from_cpu = JEM_SCHED_NO_CPU,
		.marks = ns == NO_TIME ? 0 : MARK_BORN,
	};
	m->tasks[slot] = (struct jem_sched_task){
		.tid = tid,
		.parent = JEM_SCHED_NONE,
		.comm = JEM_SCHED_NONE,
		.born_ns = ns == NO_TIME ? INT64_MIN : ns,
		.died_ns = INT64_MAX,
	};
	m->pids[tid] = (m->pids[tid] & ~(uint32_t)PID_SLOT) | (slot + 1);
	*ret = slot;
	return 0;
}

/* The task of a number, seen for the first time perhaps. A number whose task has ended is a new task's. */
int jem_machine_get(struct jem_sched_machine *m, int32_t tid, uint32_t comm, uint32_t *ret)
{
	uint32_t slot = jem_machine_find(m, tid);
	int rc;

	if (slot != NO_SLOT) {
		*ret = slot;
		return jem_machine_rename(m, slot, comm);
	}
	rc = jem_machine_birth(m, tid, m->pids[tid] & PID_DIED ? m->now_ns : NO_TIME, &slot);
	if (rc < 0)
		return rc;
	m->lives[slot].comm = comm;
	m->tasks[slot].comm = comm;
	*ret = slot;
	return jem_machine_tell(m, slot);
}

/* It must not be on a core. */
int jem_machine_death(struct jem_sched_machine *m, uint32_t slot, int64_t ns)
{
	struct live *live = &m->lives[slot];
	uint32_t *entry = &m->pids[live->tid];
	int rc;

	m->tasks[slot].died_ns = ns;
	rc = jem_machine_tell(m, slot);
	if ((*entry & PID_SLOT) == slot + 1)
		*entry &= ~(uint32_t)PID_SLOT;
	*entry |= PID_DIED | PID_FREE_DUE;
	live->tid = -1;
	m->free_slots[m->free_count++] = slot;
	return rc;
}

int jem_machine_rename(struct jem_sched_machine *m, uint32_t slot, uint32_t comm)
{
	struct live *live = &m->lives[slot];

	if (comm == JEM_SCHED_NONE || comm == live->comm)
		return 0;
	live->comm = comm;
	m->tasks[slot].comm = comm;
	return jem_machine_tell(m, slot);
}

/* A thread that runs a program takes the number of its process (fs/exec.c, exchange_tids). */
int jem_machine_renumber(struct jem_sched_machine *m, uint32_t slot, int32_t tid)
{
	struct live *live = &m->lives[slot];
	uint32_t *entry = &m->pids[live->tid];

	if ((*entry & PID_SLOT) == slot + 1)
		*entry = (*entry & ~(uint32_t)PID_SLOT) | PID_DIED;
	m->pids[tid] = (m->pids[tid] & ~(uint32_t)PID_SLOT) | (slot + 1);
	live->tid = tid;
	live->marks &= (uint8_t)~MARK_DYING;
	if (live->state == TASK_RUNNING && m->cores[live->cpu].slot == slot)
		m->cores[live->cpu].tid = tid;
	m->tasks[slot].tid = tid;
	m->tasks[slot].pid = tid;
	return jem_machine_tell(m, slot);
}
