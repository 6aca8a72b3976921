/* SPDX-License-Identifier: Apache-2.0 */
/* An episode in words. */
#include "common/sched/episodes.h"

enum {
	RANGES_SHOWN = 4
};

static void add_time(struct jem_buf *buf, uint64_t ns)
{
	if (ns < 1000000)
		jem_buf_printf(buf, "%.1f us", (double)ns / 1e3);
	else if (ns < 1000000000)
		jem_buf_printf(buf, "%.1f ms", (double)ns / 1e6);
	else
		jem_buf_printf(buf, "%.2f s", (double)ns / 1e9);
}

void jem_sched_cpu_list(const uint16_t *cpus, size_t count, size_t ranges_max, struct jem_buf *ret)
{
	size_t ranges = 0;

	for (size_t i = 0; i < count; ranges++) {
		size_t last = i;

		if (ranges == ranges_max) {
			jem_buf_printf(ret, " and %zu more", count - i);
			return;
		}
		while (last + 1 < count && cpus[last + 1] == cpus[last] + 1)
			last++;
		jem_buf_printf(ret, "%s%u", i ? "," : "", cpus[i]);
		if (last > i)
			jem_buf_printf(ret, "-%u", cpus[last]);
		i = last + 1;
	}
}

static void add_cores(struct jem_buf *buf, const uint16_t *cpus, size_t count)
{
	jem_buf_add_str(buf, count == 1 ? "core " : "cores ");
	jem_sched_cpu_list(cpus, count, RANGES_SHOWN, buf);
}

/* "ua.C.x 4711"; the name is the job's own choice. */
static void add_task(const struct jem_sched_model *model, uint32_t task, uint32_t comm,
		     struct jem_buf *buf)
{
	for (const char *c = jem_sched_comm(model, comm); *c; c++)
		jem_buf_add_char(buf, (uint8_t)*c >= ' ' && (uint8_t)*c < 0x7f ? *c : '?');
	jem_buf_printf(buf, " %d", model->tasks[task].tid);
}

static void add_reason(const struct jem_sched_model *model, const struct jem_sched_slice *slice,
		       struct jem_buf *buf)
{
	if (slice->flags & JEM_SCHED_WAIT_PREEMPTED) {
		jem_buf_add_str(buf, ", which was preempted");
		return;
	}
	if (slice->waker_cpu == JEM_SCHED_NO_CPU)
		return;
	jem_buf_add_str(buf, ", woken by ");
	if (slice->waker == JEM_SCHED_NONE)
		jem_buf_add_str(buf, "an interrupt");
	else
		add_task(model, slice->waker, model->tasks[slice->waker].comm, buf);
	jem_buf_printf(buf, " on core %u", slice->waker_cpu);
}

void jem_sched_episode_text(const struct jem_sched_model *model,
			    const struct jem_sched_episode *episode, struct jem_buf *ret)
{
	jem_buf_printf(ret, "%u %s waited %s", episode->tasks,
		       episode->tasks == 1 ? "task" : "tasks", episode->tasks == 1 ? "" : "up to ");
	add_time(ret, episode->wait_max_ns);
	jem_buf_add_str(ret, " on ");
	add_cores(ret, episode->wait_cpus, episode->wait_cpu_count);
	jem_buf_add_str(ret, " while ");
	add_cores(ret, episode->idle_cpus, episode->idle_cpu_count);
	jem_buf_add_str(ret, episode->idle_cpu_count == 1 ? " was idle" : " were idle");
	jem_buf_add_str(ret, episode->tasks == 1 ? ": " : "; the longest was ");
	add_task(model, episode->worst.task, episode->worst.comm, ret);
	add_reason(model, &episode->worst, ret);
}
