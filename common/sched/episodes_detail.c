/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sched/episodes_internal.h"

#include <errno.h>
#include <stdlib.h>

enum {
	IDLE_PART = 10, /* a core that is named as idle may run this part of the episode */
};

/* What is collected for one episode. */
struct waiters {
	uint8_t *tasks; /* owned; a bit of each that waited */
	uint8_t *cpus;  /* owned; by index in the model: somebody waited there */
};

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Does the core of the wait run something meanwhile? */
static bool is_for_busy(const struct jem_sched_model *model, const struct jem_sched_slice *slice,
			uint16_t number, int64_t from_ns, int64_t to_ns)
{
	const struct jem_sched_cpu *cpu = jem_sched_model_find_cpu(model, number);
	size_t at;

	/* Mostly it is what ran before on the same core. */
	if (number == slice->cpu && slice > cpu->slices && slice[-1].start_ns < to_ns &&
	    slice[-1].start_ns + (int64_t)slice[-1].run_ns > from_ns)
		return true;
	at = jem_sched_cpu_at(cpu, from_ns);
	return at < cpu->count && cpu->slices[at].start_ns < to_ns;
}

static void add_wait(const struct jem_sched_model *model, const struct jem_sched_slice *slice,
		     const struct jem_sched_wait *wait, struct jem_sched_episode *episode,
		     struct waiters *waiters)
{
	uint8_t bit = (uint8_t)(1u << slice->task % 8);

	if (!is_for_busy(model, slice, wait->cpu, later(wait->from_ns, episode->from_ns),
			 sooner(wait->to_ns, episode->to_ns)))
		return;
	waiters->cpus[model->cpu_index[wait->cpu] - 1] = 1;
	if (!episode->tasks || slice->wait_ns > episode->wait_max_ns) {
		episode->wait_max_ns = slice->wait_ns;
		episode->worst = *slice;
		episode->wait_cpu = wait->cpu;
	}
	episode->tasks += !(waiters->tasks[slice->task / 8] & bit);
	waiters->tasks[slice->task / 8] |= bit;
}

/* Episodes are in order of time and apart. */
static void add_slice(const struct jem_sched_model *model, const struct jem_sched_select *select,
		      const struct jem_sched_slice *slice, struct jem_sched_episodes *episodes,
		      struct waiters *waiters)
{
	struct jem_sched_wait wait;
	size_t low = 0;
	size_t high = episodes->worst_count;

	if (!slice->wait_ns || !jem_sched_wait_of(model, select, slice, &wait) || wait.is_bound)
		return;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (episodes->worst[middle].to_ns > wait.from_ns)
			high = middle;
		else
			low = middle + 1;
	}
	for (; low < episodes->worst_count && episodes->worst[low].from_ns < wait.to_ns; low++)
		add_wait(model, slice, &wait, &episodes->worst[low], &waiters[low]);
}

static int settle_waiters(const struct jem_sched_model *model, const struct waiters *waiters,
			  struct jem_sched_episode *episode)
{
	episode->wait_cpus = calloc(model->cpu_count, sizeof(*episode->wait_cpus));
	if (!episode->wait_cpus)
		return -ENOMEM;
	for (size_t i = 0; i < model->cpu_count; i++) {
		if (waiters->cpus[i])
			episode->wait_cpus[episode->wait_cpu_count++] = model->cpus[i].number;
	}
	return 0;
}

/* Gaps are in order of core and begin. */
static bool lost_some(const struct jem_sched_model *model, uint16_t cpu,
		      const struct jem_sched_episode *episode)
{
	size_t low = 0;
	size_t high = model->gap_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (model->gaps[middle].cpu >= cpu)
			high = middle;
		else
			low = middle + 1;
	}
	for (; low < model->gap_count && model->gaps[low].cpu == cpu &&
	       model->gaps[low].from_ns < episode->to_ns;
	     low++) {
		if (model->gaps[low].to_ns > episode->from_ns)
			return true;
	}
	return false;
}

/* How long the core ran nothing; a core of which events were lost is not called idle. */
static int64_t idle_ns(const struct jem_sched_model *model, const struct jem_sched_cpu *cpu,
		       const struct jem_sched_episode *episode)
{
	int64_t idle = episode->to_ns - episode->from_ns;

	for (size_t i = jem_sched_cpu_at(cpu, episode->from_ns);
	     i < cpu->count && cpu->slices[i].start_ns < episode->to_ns; i++) {
		const struct jem_sched_slice *slice = &cpu->slices[i];

		idle -= sooner(slice->start_ns + (int64_t)slice->run_ns, episode->to_ns) -
			later(slice->start_ns, episode->from_ns);
	}
	return lost_some(model, cpu->number, episode) ? 0 : idle;
}

static int find_idle(const struct jem_sched_model *model, const struct jem_sched_select *select,
		     struct jem_sched_episode *episode)
{
	int64_t length = episode->to_ns - episode->from_ns;
	int64_t wanted = length - length / IDLE_PART;
	int64_t most = 0;

	episode->idle_cpus = calloc(model->cpu_count, sizeof(*episode->idle_cpus));
	if (!episode->idle_cpus)
		return -ENOMEM;
	for (size_t i = 0; i < model->cpu_count; i++) {
		const struct jem_sched_cpu *cpu = &model->cpus[i];
		int64_t idle;

		if (!jem_sched_select_cpu(select, cpu->number))
			continue;
		idle = idle_ns(model, cpu, episode);
		if (idle > most && most < wanted) /* better than the one so far */
			episode->idle_cpu_count = 0;
		if (idle >= wanted || idle > most)
			episode->idle_cpus[episode->idle_cpu_count++] = cpu->number;
		most = later(most, idle);
	}
	return 0;
}

static int fill(const struct jem_sched_model *model, const struct jem_sched_select *select,
		struct jem_sched_episodes *episodes, struct waiters *waiters)
{
	int rc = 0;

	for (size_t i = 0; i < episodes->worst_count; i++) {
		waiters[i].tasks = calloc(model->task_count / 8 + 1, 1);
		waiters[i].cpus = calloc(model->cpu_count, 1);
		if (!waiters[i].tasks || !waiters[i].cpus)
			return -ENOMEM;
	}
	for (size_t c = 0; c < model->cpu_count; c++) {
		const struct jem_sched_cpu *cpu = &model->cpus[c];

		if (!jem_sched_select_cpu(select, cpu->number))
			continue;
		for (size_t i = 0; i < cpu->count; i++)
			add_slice(model, select, &cpu->slices[i], episodes, waiters);
	}
	for (size_t i = 0; i < episodes->worst_count && rc == 0; i++) {
		rc = settle_waiters(model, &waiters[i], &episodes->worst[i]);
		if (rc == 0)
			rc = find_idle(model, select, &episodes->worst[i]);
	}
	return rc;
}

int jem_sched_episodes_detail(const struct jem_sched_model *model,
			      const struct jem_sched_select *select,
			      struct jem_sched_episodes *episodes)
{
	struct waiters waiters[JEM_SCHED_EPISODES] = { 0 };
	int rc = fill(model, select, episodes, waiters);

	for (size_t i = 0; i < JEM_SCHED_EPISODES; i++) {
		free(waiters[i].tasks);
		free(waiters[i].cpus);
	}
	return rc;
}
