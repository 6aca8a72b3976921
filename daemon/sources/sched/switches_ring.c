/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/switches_ring.h"

#include <sched.h>
#include <string.h>

/* sample_id: what every record but FORK and EXIT needs, at its end. */
struct stamp {
	uint32_t pid, tid;
	uint64_t ns;
};

enum {
	STATE_RUNNABLE = 0,
	STATE_DEAD = 0x10, /* as Linux 4.14 and later number them */
	STATE_SLEEP = 1,   /* TASK_INTERRUPTIBLE; whether it can be interrupted is not told */
};

static struct jem_sched_event event_of(struct jem_switches_ring *ring, enum jem_sched_type type,
				       uint64_t ns, int32_t pid, int32_t other)
{
	struct jem_sched_event event = {
		.ns = ns > INT64_MAX ? INT64_MAX : (int64_t)ns,
		.pid = pid,
		.other = other,
		.comm = JEM_SCHED_NONE,
		.pid_comm = JEM_SCHED_NONE,
		.cpu = ring->cpu,
		.type = (uint8_t)type,
	};

	/* Of a child before it runs, the parent's core may tell later what happened first. */
	if (event.ns < ring->last_ns)
		event.ns = ring->last_ns;
	ring->last_ns = event.ns;
	return event;
}

static size_t take_switch(struct jem_switches_ring *ring, uint16_t misc, const struct stamp *stamp,
			  struct jem_sched_event *ret)
{
	int32_t tid = (int32_t)stamp->tid;

	if (misc & PERF_RECORD_MISC_SWITCH_OUT) {
		ret[0] = event_of(ring, JEM_SCHED_SWITCH, stamp->ns, tid, 0);
		ret[0].detail =
			misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT ? STATE_RUNNABLE : STATE_SLEEP;
		return 1;
	}
	/* What was there before was not the job's, or the machine sees the contradiction. */
	ret[0] = event_of(ring, JEM_SCHED_SWITCH, stamp->ns, 0, tid);
	return 1;
}

/* PERF_RECORD_FORK and _EXIT: pid, ppid, tid, ptid, time. */
static size_t take_task(struct jem_switches_ring *ring, uint32_t type, const char *body, size_t len,
			struct jem_sched_event *ret)
{
	struct {
		uint32_t pid, ppid, tid, ptid;
		uint64_t ns;
	} task;

	if (len < sizeof(task))
		return 0;
	memcpy(&task, body, sizeof(task));
	if (type == PERF_RECORD_EXIT) {
		/* Its last switch is not told: the event is gone before it. */
		ret[0] = event_of(ring, JEM_SCHED_DEATH, task.ns, (int32_t)task.tid,
				  (int32_t)task.tid);
		ret[1] = event_of(ring, JEM_SCHED_SWITCH, task.ns, (int32_t)task.tid, 0);
		ret[1].detail = STATE_DEAD;
		return 2;
	}
	ret[0] = event_of(ring, JEM_SCHED_NEWTASK, task.ns, (int32_t)task.ptid, (int32_t)task.tid);
	ret[0].detail = task.pid == task.tid ? 0 : CLONE_THREAD;
	ret[1] = event_of(ring, JEM_SCHED_FORK, task.ns, (int32_t)task.ptid, (int32_t)task.tid);
	return 2;
}

/* PERF_RECORD_COMM: pid, tid, name padded with NUL, and the stamp. */
static size_t take_comm(struct jem_switches_ring *ring, const char *body, size_t len,
			const struct stamp *stamp, struct jem_sched_names *names,
			struct jem_sched_event *ret)
{
	char name[JEM_SCHED_COMM_BYTES] = "";
	uint32_t ids[2];
	size_t room;

	if (len < sizeof(ids) + sizeof(*stamp) + 1)
		return 0;
	memcpy(ids, body, sizeof(ids));
	room = len - sizeof(ids) - sizeof(*stamp);
	memcpy(name, body + sizeof(ids), room < sizeof(name) - 1 ? room : sizeof(name) - 1);
	ret[0] = event_of(ring, JEM_SCHED_RENAME, stamp->ns, (int32_t)ids[1], (int32_t)ids[1]);
	ret[0].comm = jem_sched_names_add(names, name);
	return 1;
}

static size_t take_lost(struct jem_switches_ring *ring, const char *body, size_t len,
			const struct stamp *stamp, struct jem_sched_event *ret, uint64_t *lost)
{
	uint64_t told[2]; /* id, number */

	if (len < sizeof(told) + sizeof(*stamp))
		return 0;
	memcpy(told, body, sizeof(told));
	*lost += told[1];
	ret[0] = event_of(ring, JEM_SCHED_LOST, stamp->ns, -1, -1);
	ret[0].detail = told[1] > UINT32_MAX ? UINT32_MAX : (uint32_t)told[1];
	return 1;
}

size_t jem_switches_take(struct jem_switches_ring *ring, const struct perf_event_header *header,
			 const char *body, size_t len, struct jem_sched_names *names,
			 struct jem_sched_event *ret, uint64_t *lost)
{
	struct stamp stamp = { 0 };

	if (len >= sizeof(stamp))
		memcpy(&stamp, body + len - sizeof(stamp), sizeof(stamp));
	switch (header->type) {
	case PERF_RECORD_SWITCH:
		return len < sizeof(stamp) ? 0 : take_switch(ring, header->misc, &stamp, ret);
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		return take_task(ring, header->type, body, len, ret);
	case PERF_RECORD_COMM:
		return take_comm(ring, body, len, &stamp, names, ret);
	case PERF_RECORD_LOST:
		return take_lost(ring, body, len, &stamp, ret, lost);
	default:
		return 0;
	}
}
