/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/machine_internal.h"

#include <errno.h>
#include <stdlib.h>

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int jem_machine_core(struct jem_sched_machine *m, uint16_t cpu, struct core **ret)
{
	size_t count = (size_t)cpu + 1;
	struct core *cores;

	if (cpu < m->core_count) {
		*ret = &m->cores[cpu];
		return 0;
	}
	if (count < 2 * m->core_count)
		count = 2 * m->core_count;
	cores = reallocarray(m->cores, count, sizeof(*cores));
	if (!cores)
		return -ENOMEM;
	for (size_t i = m->core_count; i < count; i++) {
		cores[i] = (struct core){ .since_ns = NO_TIME,
					  .last_ns = NO_TIME,
					  .gap_ns = NO_TIME,
					  .tid = -1,
					  .left_tid = -1,
					  .slot = NO_SLOT };
	}
	m->cores = cores;
	m->core_count = count;
	*ret = &cores[cpu];
	return 0;
}

/* What happened to a task that waited on a core while events of that core were lost is not known. */
bool jem_machine_lost_sight(const struct jem_sched_machine *m, const struct live *live)
{
	return live->cpu < m->core_count && live->since_ns < m->cores[live->cpu].gap_ns;
}

/*
 * A task that left its core without a word, and runs again though nobody woke it, has waited all the time:
 * it was preempted. That holds only where wake-ups are told at all.
 */
static bool has_waited(const struct jem_sched_machine *m, const struct live *live)
{
	if (live->state == TASK_WAITING)
		return !jem_machine_lost_sight(m, live);
	return live->state == TASK_UNSURE && live->marks & MARK_LEFT && m->sees_wakeups &&
	       !jem_machine_lost_sight(m, live);
}

int jem_machine_start(struct jem_sched_machine *m, uint16_t cpu, uint32_t slot, int64_t ns,
		      uint8_t flags)
{
	struct live *live = &m->lives[slot];
	struct core *core = &m->cores[cpu];

	live->wait_ns = 0;
	if (has_waited(m, live)) {
		live->wait_ns = ns > live->since_ns ? (uint64_t)(ns - live->since_ns) : 0;
		if (live->state == TASK_UNSURE || live->marks & MARK_PREEMPTED)
			flags |= JEM_SCHED_WAIT_PREEMPTED;
	} else {
		flags |= JEM_SCHED_WAIT_UNKNOWN;
		m->tally.unknown_waits++;
	}
	if (live->state != TASK_WAITING || flags & JEM_SCHED_WAIT_UNKNOWN) {
		live->waker = JEM_SCHED_NONE;
		live->waker_cpu = JEM_SCHED_NO_CPU;
	}
	if (live->marks & MARK_BORN)
		flags |= JEM_SCHED_FIRST;
	live->move = JEM_SCHED_STAYED;
	if (live->last_cpu != JEM_SCHED_NO_CPU && live->last_cpu != cpu)
		live->move = live->next_move ? live->next_move : JEM_SCHED_MOVED;
	live->next_move = JEM_SCHED_STAYED;
	live->from_cpu = live->last_cpu;
	live->last_cpu = cpu;
	live->cpu = cpu;
	live->state = TASK_RUNNING;
	live->since_ns = ns;
	live->woken_ns = NO_TIME;
	live->flags = flags;
	live->marks &= MARK_DYING;
	core->state = CORE_BUSY;
	core->since_ns = ns;
	core->tid = live->tid;
	core->slot = slot;
	return 0;
}

/* Leaves task and core unsure: the caller knows more. */
int jem_machine_stop(struct jem_sched_machine *m, struct core *core, int64_t ns,
		     enum jem_sched_end end, uint8_t flags)
{
	struct live *live = &m->lives[core->slot];
	struct jem_sched_slice slice = {
		.start_ns = live->since_ns,
		.run_ns = ns > live->since_ns ? (uint64_t)(ns - live->since_ns) : 0,
		.wait_ns = live->wait_ns,
		.task = live->serial,
		.comm = live->comm,
		.waker = live->waker,
		.cpu = live->cpu,
		.from_cpu = live->from_cpu,
		.waker_cpu = live->waker_cpu,
		.end = (uint8_t)end,
		.move = live->move,
		.flags = live->flags | flags,
	};

	live->state = TASK_UNSURE;
	live->since_ns = slice.start_ns + (int64_t)slice.run_ns;
	live->waker = JEM_SCHED_NONE;
	live->waker_cpu = JEM_SCHED_NO_CPU;
	core->state = CORE_UNSURE;
	core->since_ns = live->since_ns;
	core->left_tid = core->tid;
	core->tid = -1;
	core->slot = NO_SLOT;
	return m->sink.slice(m->sink.context, &slice);
}

/* Not before its last sign on the core; and if it was woken after that, it had left by then. */
static int64_t latest_leave(const struct jem_sched_machine *m, const struct live *live,
			    int64_t earliest_ns)
{
	return live->woken_ns >= earliest_ns ? live->woken_ns : m->now_ns;
}

static int64_t middle(int64_t from, int64_t to)
{
	return to > from ? from + (to - from) / 2 : from;
}

/* It left without a word at `ns`. */
static int leave_unseen(struct jem_sched_machine *m, struct core *core, int64_t ns)
{
	uint32_t slot = core->slot;
	int rc = jem_machine_stop(m, core, ns, JEM_SCHED_UNKNOWN, JEM_SCHED_END_INFERRED);
	struct live *live = &m->lives[slot];

	if (live->woken_ns >= ns) {
		live->state = TASK_WAITING;
		live->since_ns = live->woken_ns;
		live->waker = live->next_waker;
		live->waker_cpu = live->next_waker_cpu;
	} else {
		live->marks |= MARK_LEFT;
	}
	live->marks &= (uint8_t)~MARK_WAKING;
	live->woken_ns = NO_TIME;
	return rc;
}

int jem_machine_evict(struct jem_sched_machine *m, uint32_t slot)
{
	struct live *live = &m->lives[slot];
	struct core *core = &m->cores[live->cpu];
	int64_t from_ns = later(core->last_ns, live->since_ns);

	m->tally.inferred++;
	return leave_unseen(m, core, middle(from_ns, latest_leave(m, live, from_ns)));
}

/*
 * The other threads of a process have ended because one of them runs a program, and this one goes on by
 * the number of the process: events bear it from some time before sched_process_exec.
 */
static int take_over(struct jem_sched_machine *m, struct core *core, int32_t tid)
{
	uint32_t slot = core->slot;
	uint32_t leader = jem_machine_find(m, tid);
	int rc;

	if (m->tasks[slot].pid != tid)
		return 0;
	if (leader != NO_SLOT) {
		if (!(m->lives[leader].marks & MARK_DYING) ||
		    m->lives[leader].state == TASK_RUNNING)
			return 0;
		rc = jem_machine_death(m, leader, m->now_ns);
		if (rc < 0)
			return rc;
	} else if (!(m->pids[tid] & PID_DIED)) {
		return 0;
	}
	rc = jem_machine_renumber(m, slot, tid);
	return rc < 0 ? rc : 1;
}

/* When the task came, and before it the core's last task went. */
static int64_t change_time(const struct jem_sched_machine *m, const struct core *core,
			   const struct live *comes)
{
	bool is_waiting = comes && comes->state == TASK_WAITING;
	int64_t from_ns = core->since_ns;

	if (core->state == CORE_UNSEEN)
		from_ns = m->tally.begin_ns;
	else if (core->state != CORE_UNSURE)
		from_ns = later(core->last_ns, core->since_ns);
	if (comes) /* till then it was seen elsewhere, or awake */
		from_ns = later(from_ns, comes->since_ns);
	if (core->state == CORE_BUSY)
		return middle(from_ns, latest_leave(m, &m->lives[core->slot], from_ns));
	if (core->state != CORE_IDLE)
		return from_ns;
	/* An idle core takes what is woken for it as soon as it is out of idle. */
	if (is_waiting && from_ns + m->idle_exit_ns < m->now_ns)
		return from_ns + m->idle_exit_ns;
	return middle(from_ns, m->now_ns);
}

static int replace(struct jem_sched_machine *m, uint16_t cpu, uint32_t slot)
{
	struct core *core = &m->cores[cpu];
	int64_t ns = change_time(m, core, slot == NO_SLOT ? NULL : &m->lives[slot]);
	bool was_known = core->state == CORE_IDLE || core->state == CORE_BUSY;
	uint32_t gone = core->state == CORE_BUSY ? core->slot : NO_SLOT;
	int rc = 0;

	if (was_known || slot != NO_SLOT)
		m->tally.inferred++;
	if (gone != NO_SLOT) {
		rc = leave_unseen(m, core, ns);
		if (rc == 0 && m->lives[gone].marks & MARK_DYING)
			rc = jem_machine_death(m, gone, ns);
	}
	if (rc < 0)
		return rc;
	if (slot != NO_SLOT)
		return jem_machine_start(m, cpu, slot, ns, JEM_SCHED_START_INFERRED);
	core->state = CORE_IDLE;
	core->since_ns = ns;
	core->tid = 0;
	return 0;
}

int jem_machine_correct(struct jem_sched_machine *m, uint16_t cpu, int32_t tid, uint32_t comm)
{
	struct core *core = &m->cores[cpu];
	uint32_t slot = NO_SLOT;
	int rc;

	if (core->state == CORE_BUSY && tid) {
		rc = take_over(m, core, tid);
		if (rc)
			return rc < 0 ? rc : 0;
	}
	if (tid) {
		rc = jem_machine_get(m, tid, comm, &slot);
		if (rc == 0 && m->lives[slot].state == TASK_RUNNING)
			rc = jem_machine_evict(m, slot);
		if (rc < 0)
			return rc;
	}
	return replace(m, cpu, slot);
}

int jem_machine_lose(struct jem_sched_machine *m, uint16_t cpu, uint64_t lost)
{
	struct core *core = &m->cores[cpu];
	struct jem_sched_gap gap = {
		.from_ns = m->tally.begin_ns, .to_ns = m->now_ns, .lost = lost, .cpu = cpu
	};
	int rc = 0;

	if (core->state != CORE_UNSEEN)
		gap.from_ns = later(core->last_ns, core->since_ns);
	m->tally.lost_events += lost;
	if (core->state == CORE_BUSY) {
		m->lives[core->slot].marks &= (uint8_t)~MARK_WAKING;
		m->tally.inferred++;
		rc = jem_machine_stop(m, core, gap.from_ns, JEM_SCHED_UNKNOWN,
				      JEM_SCHED_END_INFERRED);
	}
	core->state = CORE_UNSURE;
	core->since_ns = m->now_ns;
	core->gap_ns = m->now_ns;
	core->tid = -1;
	core->left_tid = -1;
	return rc < 0 ? rc : m->sink.gap(m->sink.context, &gap);
}
