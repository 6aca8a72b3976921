/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/machine.h"
#include "tracer/sched/machine_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* While it switches, a core's current task is the one that leaves, for events of the switch itself. */
#define SETTLE_NS 20000

static const char *const linux_4_14_states[] = { "S", "D", "T", "t", "X", "Z", "P", "I", NULL };

static uint8_t end_of_letter(const char *letter)
{
	switch (letter[0]) {
	case 'D':
		return JEM_SCHED_BLOCKED;
	case 'T':
	case 't':
		return JEM_SCHED_STOPPED;
	case 'X':
	case 'x':
	case 'Z':
		return JEM_SCHED_EXIT;
	default:
		return JEM_SCHED_SLEEP;
	}
}

static void learn_states(struct jem_sched_machine *m, const char *const *names)
{
	size_t i;

	for (i = 0; i < STATE_BITS && names[i]; i++)
		m->ends[i] = end_of_letter(names[i]);
	for (; i < STATE_BITS; i++)
		m->ends[i] = JEM_SCHED_PREEMPTED;
}

/* Old kernels set more than one bit: that which says most counts, killable (K) is a kind of blocked. */
static enum jem_sched_end end_of(const struct jem_sched_machine *m, uint32_t state)
{
	static const uint8_t weight[JEM_SCHED_END_COUNT] = {
		[JEM_SCHED_SLEEP] = 1,
		[JEM_SCHED_BLOCKED] = 2,
		[JEM_SCHED_STOPPED] = 3,
		[JEM_SCHED_EXIT] = 4,
	};
	uint8_t end = JEM_SCHED_PREEMPTED;

	for (; state; state &= state - 1) {
		uint8_t one = m->ends[__builtin_ctz(state)];

		if (weight[one] > weight[end])
			end = one;
	}
	return (enum jem_sched_end)end;
}

int jem_sched_machine_create(const struct jem_sched_sink *sink, const char *const *state_names,
			     struct jem_sched_machine **ret)
{
	struct jem_sched_machine *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->sink = *sink;
	m->now_ns = NO_TIME;
	learn_states(m, state_names ? state_names : linux_4_14_states);
	m->pids = calloc(PID_LIMIT, sizeof(*m->pids));
	if (!m->pids) {
		jem_sched_machine_destroy(m);
		return -ENOMEM;
	}
	*ret = m;
	return 0;
}

void jem_sched_machine_destroy(struct jem_sched_machine *m)
{
	if (!m)
		return;
	free(m->cores);
	free(m->pids);
	free(m->lives);
	free(m->tasks);
	free(m->free_slots);
	free(m);
}

const struct jem_sched_tally *jem_sched_machine_tally(const struct jem_sched_machine *m)
{
	return &m->tally;
}

static void set_time(struct jem_sched_machine *m, int64_t ns)
{
	if (ns < 0)
		ns = 0;
	if (ns > JEM_SCHED_TIME_MAX)
		ns = JEM_SCHED_TIME_MAX;
	if (m->now_ns == NO_TIME) {
		m->tally.begin_ns = ns;
	} else if (ns < m->now_ns) {
		m->tally.back_in_time++;
		ns = m->now_ns;
	}
	m->now_ns = ns;
	m->tally.end_ns = ns;
}

int jem_sched_machine_seed(struct jem_sched_machine *m, const struct jem_sched_task *task,
			   uint16_t cpu, int64_t ns)
{
	uint32_t slot;
	int rc;

	if (task->tid <= 0 || task->tid >= PID_LIMIT)
		return -EINVAL;
	set_time(m, ns);
	rc = jem_machine_get(m, task->tid, JEM_SCHED_NONE, &slot);
	if (rc < 0)
		return rc;
	m->tasks[slot].pid = task->pid;
	m->tasks[slot].parent = task->parent;
	m->tasks[slot].comm = task->comm;
	m->lives[slot].comm = task->comm;
	m->lives[slot].cpu = cpu;
	m->lives[slot].state = cpu == JEM_SCHED_NO_CPU ? TASK_ASLEEP : TASK_UNSURE;
	return jem_machine_tell(m, slot);
}

/* Why it leaves is told, and so is what it does next. */
static int leave(struct jem_sched_machine *m, struct core *core,
		 const struct jem_sched_event *event)
{
	enum jem_sched_end end = end_of(m, event->detail);
	uint32_t slot = core->slot;
	struct live *live = &m->lives[slot];
	int rc = jem_machine_rename(m, slot, event->pid_comm);

	if (rc == 0)
		rc = jem_machine_stop(m, core, m->now_ns, end, 0);
	if (rc < 0)
		return rc;
	if (end == JEM_SCHED_EXIT)
		return jem_machine_death(m, slot, m->now_ns);
	if (end == JEM_SCHED_PREEMPTED) {
		live->state = TASK_WAITING;
		live->marks |= MARK_PREEMPTED | MARK_QUEUED;
	} else if (live->marks & MARK_WAKING) {
		live->state = TASK_WAITING;
		live->waker = live->next_waker;
		live->waker_cpu = live->next_waker_cpu;
	} else {
		live->state = TASK_ASLEEP;
	}
	live->marks &= (uint8_t)~MARK_WAKING;
	return 0;
}

/* A mean that forgets: for the cores that come out of idle without a word. */
static void learn_idle_exit(struct jem_sched_machine *m, const struct live *live, int64_t idle_ns)
{
	int64_t from_ns = live->since_ns > idle_ns ? live->since_ns : idle_ns;

	/* What was fetched from another core's queue was not woken for this one. */
	if (live->state == TASK_WAITING && !(live->marks & MARK_PREEMPTED) &&
	    live->next_move != JEM_SCHED_BALANCED)
		m->idle_exit_ns += (m->now_ns - from_ns - m->idle_exit_ns) / 16;
}

static int on_switch(struct jem_sched_machine *m, const struct jem_sched_event *event)
{
	struct core *core = &m->cores[event->cpu];
	int64_t since_ns;
	uint32_t slot;
	int rc = 0;

	m->tally.switches++;
	if (core->tid != event->pid)
		rc = jem_machine_correct(m, event->cpu, event->pid, event->pid_comm);
	since_ns = core->since_ns;
	if (rc == 0 && core->state == CORE_BUSY)
		rc = leave(m, core, event);
	if (rc < 0)
		return rc;
	core->left_tid = event->pid;
	core->since_ns = m->now_ns;
	if (!event->other) {
		core->state = CORE_IDLE;
		core->tid = 0;
		return 0;
	}
	rc = jem_machine_get(m, event->other, event->comm, &slot);
	if (rc == 0 && m->lives[slot].state == TASK_RUNNING)
		rc = jem_machine_evict(m, slot);
	if (rc < 0)
		return rc;
	if (!event->pid)
		learn_idle_exit(m, &m->lives[slot], since_ns);
	return jem_machine_start(m, event->cpu, slot, m->now_ns, 0);
}

static bool is_known(int32_t tid)
{
	return tid >= 0 && tid < PID_LIMIT;
}

/* The idle tasks, one of each core, have number 0 and are none of ours. */
static bool is_possible(const struct jem_sched_event *event)
{
	if (event->cpu == JEM_SCHED_NO_CPU || event->type >= JEM_SCHED_TYPE_COUNT)
		return false;
	if (event->type == JEM_SCHED_LOST)
		return true;
	if (!is_known(event->pid) || !is_known(event->other))
		return false;
	if (event->type == JEM_SCHED_EXEC && !event->pid)
		return false;
	return event->other || event->type == JEM_SCHED_SWITCH;
}

/* Whatever the event is about, its task was on the core. */
static int confirm(struct jem_sched_machine *m, const struct core *core,
		   const struct jem_sched_event *event)
{
	if (core->tid == event->pid)
		return 0;
	if (event->type == JEM_SCHED_EXEC && event->other == core->tid)
		return 0;
	if (event->pid == core->left_tid && m->now_ns - core->since_ns < SETTLE_NS)
		return 0;
	return jem_machine_correct(m, event->cpu, event->pid, JEM_SCHED_NONE);
}

static int dispatch(struct jem_sched_machine *m, const struct jem_sched_event *event)
{
	switch (event->type) {
	case JEM_SCHED_WAKING:
	case JEM_SCHED_WAKEUP:
	case JEM_SCHED_WAKEUP_NEW:
		return jem_machine_wake(m, event);
	case JEM_SCHED_MIGRATE:
	case JEM_SCHED_MOVE_NUMA:
		return jem_machine_move(m, event);
	default:
		return jem_machine_life(m, event);
	}
}

int jem_sched_machine_event(struct jem_sched_machine *m, const struct jem_sched_event *event)
{
	struct core *core;
	int rc;

	if (!is_possible(event)) {
		m->tally.bad++;
		return 0;
	}
	set_time(m, event->ns);
	rc = jem_machine_core(m, event->cpu, &core);
	if (rc < 0)
		return rc;
	if (event->type == JEM_SCHED_LOST) {
		rc = jem_machine_lose(m, event->cpu, event->detail);
	} else {
		m->tally.events++;
		if (event->type == JEM_SCHED_SWITCH) {
			rc = on_switch(m, event);
		} else {
			rc = confirm(m, core, event);
			if (rc == 0)
				rc = dispatch(m, event);
		}
	}
	m->cores[event->cpu].last_ns = m->now_ns;
	return rc;
}

int jem_sched_machine_flush(struct jem_sched_machine *m, int64_t now_ns, int64_t age_ns)
{
	if (m->now_ns == NO_TIME)
		return 0;
	if (now_ns > m->now_ns)
		set_time(m, now_ns);
	for (size_t i = 0; i < m->core_count; i++) {
		struct core *core = &m->cores[i];
		uint32_t slot = core->slot;
		struct live *live;
		int64_t last_ns = core->last_ns;
		int rc;

		if (core->state != CORE_BUSY || m->now_ns - m->lives[slot].since_ns < age_ns)
			continue;
		live = &m->lives[slot];
		rc = jem_machine_stop(m, core, m->now_ns, JEM_SCHED_OPEN, 0);
		if (rc < 0)
			return rc;
		live->wait_ns = 0;
		live->flags = JEM_SCHED_CONTINUED;
		live->move = JEM_SCHED_STAYED;
		live->from_cpu = (uint16_t)i;
		live->state = TASK_RUNNING;
		core->state = CORE_BUSY;
		core->tid = live->tid;
		core->slot = slot;
		core->last_ns = last_ns;
	}
	return 0;
}

static int tell_wait(struct jem_sched_machine *m, struct live *live)
{
	struct jem_sched_slice slice = {
		.start_ns = m->now_ns,
		.wait_ns = (uint64_t)(m->now_ns - live->since_ns),
		.task = live->serial,
		.comm = live->comm,
		.waker = live->waker,
		.cpu = live->cpu,
		.from_cpu = live->last_cpu,
		.waker_cpu = live->waker_cpu,
		.end = JEM_SCHED_OPEN,
		.move = JEM_SCHED_STAYED,
		.flags = JEM_SCHED_WAIT_ONLY,
	};

	if (live->last_cpu != JEM_SCHED_NO_CPU && live->last_cpu != live->cpu)
		slice.move = live->next_move ? live->next_move : JEM_SCHED_MOVED;
	if (live->marks & MARK_PREEMPTED)
		slice.flags |= JEM_SCHED_WAIT_PREEMPTED;
	if (live->marks & MARK_BORN)
		slice.flags |= JEM_SCHED_FIRST;
	live->state = TASK_UNSURE;
	return m->sink.slice(m->sink.context, &slice);
}

int jem_sched_machine_finish(struct jem_sched_machine *m, int64_t end_ns)
{
	int rc = 0;

	if (m->now_ns == NO_TIME)
		return 0;
	if (end_ns > m->now_ns)
		set_time(m, end_ns);
	for (size_t i = 0; i < m->core_count && rc == 0; i++) {
		if (m->cores[i].state == CORE_BUSY)
			rc = jem_machine_stop(m, &m->cores[i], m->now_ns, JEM_SCHED_OPEN, 0);
	}
	for (uint32_t i = 0; i < m->slot_count && rc == 0; i++) {
		struct live *live = &m->lives[i];

		if (live->tid >= 0 && live->state == TASK_WAITING &&
		    live->cpu != JEM_SCHED_NO_CPU && !jem_machine_lost_sight(m, live))
			rc = tell_wait(m, live);
	}
	return rc;
}
