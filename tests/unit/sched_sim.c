/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sched_sim.h"

#include <stdbool.h>
#include <stdlib.h>

enum {
	OUT_MAX = 8,
	STEP_NS = 30000, /* of one core, on average, between two things that it does */
	SWITCH_NS = 1500,
	NOBODY = 0, /* tasks are numbered from 1 */
};

enum state {
	ASLEEP,
	WAITING,
	RUNNING,
};

struct task {
	int64_t since_ns;
	uint32_t next; /* in the queue of its core */
	uint16_t cpu;
	uint8_t state;
};

struct core {
	uint32_t current, first, last; /* of its queue */
};

struct sched_sim {
	uint64_t random;
	int64_t now_ns;
	unsigned core_count, task_count;
	struct core *cores;
	struct task *tasks;
	struct jem_sched_event out[OUT_MAX];
	unsigned out_first, out_count;
	uint64_t run_ns, wait_ns; /* of what has ended */
	uint32_t running, waiting;
	int64_t counted_ns; /* up to when */
};

uint64_t sched_sim_random(uint64_t *state)
{
	*state ^= *state << 13; /* xorshift64 */
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 2685821657736338717u >> 16;
}

static uint32_t below(struct sched_sim *sim, uint32_t bound)
{
	return (uint32_t)(sched_sim_random(&sim->random) % bound);
}

struct sched_sim *sched_sim_open(unsigned cores, unsigned tasks, uint64_t seed)
{
	struct sched_sim *sim = calloc(1, sizeof(*sim));

	if (!sim)
		abort();
	sim->random = seed * 2 + 1;
	sim->now_ns = 1000000;
	sim->counted_ns = sim->now_ns;
	sim->core_count = cores;
	sim->task_count = tasks;
	sim->cores = calloc(cores, sizeof(*sim->cores));
	sim->tasks = calloc(tasks + 1, sizeof(*sim->tasks));
	if (!sim->cores || !sim->tasks)
		abort();
	return sim;
}

void sched_sim_close(struct sched_sim *sim)
{
	free(sim->cores);
	free(sim->tasks);
	free(sim);
}

static void count(struct sched_sim *sim)
{
	uint64_t ns = (uint64_t)(sim->now_ns - sim->counted_ns);

	sim->run_ns += ns * sim->running;
	sim->wait_ns += ns * sim->waiting;
	sim->counted_ns = sim->now_ns;
}

void sched_sim_truth(const struct sched_sim *sim, uint64_t *run_ns, uint64_t *wait_ns)
{
	*run_ns = sim->run_ns;
	*wait_ns = sim->wait_ns;
}

static void put(struct sched_sim *sim, uint16_t cpu, enum jem_sched_type type, uint32_t pid,
		uint32_t other, uint32_t detail)
{
	sim->out[sim->out_count++] = (struct jem_sched_event){ .ns = sim->now_ns,
							       .pid = (int32_t)pid,
							       .other = (int32_t)other,
							       .detail = detail,
							       .comm = UINT32_MAX,
							       .pid_comm = UINT32_MAX,
							       .cpu = cpu,
							       .type = (uint8_t)type };
	if (type == JEM_SCHED_SWITCH)
		sim->out[sim->out_count - 1].comm = 0;
}

static void push(struct sched_sim *sim, uint16_t cpu, uint32_t task)
{
	struct core *core = &sim->cores[cpu];

	sim->tasks[task].next = NOBODY;
	sim->tasks[task].cpu = cpu;
	sim->tasks[task].state = WAITING;
	sim->waiting++;
	if (core->first)
		sim->tasks[core->last].next = task;
	else
		core->first = task;
	core->last = task;
}

static uint32_t pop(struct sched_sim *sim, uint16_t cpu)
{
	struct core *core = &sim->cores[cpu];
	uint32_t task = core->first;

	if (!task)
		return NOBODY;
	core->first = sim->tasks[task].next;
	sim->waiting--;
	return task;
}

/* state 0: it could go on. */
static void switch_core(struct sched_sim *sim, uint16_t cpu, uint32_t state)
{
	struct core *core = &sim->cores[cpu];
	uint32_t left = core->current;
	uint32_t next = pop(sim, cpu);

	if (left) {
		sim->running--;
		sim->tasks[left].state = ASLEEP;
		if (!state)
			push(sim, cpu, left);
	}
	put(sim, cpu, JEM_SCHED_SWITCH, left, next, state);
	core->current = next;
	if (next) {
		sim->tasks[next].state = RUNNING;
		sim->tasks[next].cpu = cpu;
		sim->running++;
	}
}

static void pass(struct sched_sim *sim, int64_t ns)
{
	sim->now_ns += ns;
	count(sim);
}

static void wake(struct sched_sim *sim, uint16_t cpu)
{
	uint32_t task = 1 + below(sim, sim->task_count);
	uint16_t target = (uint16_t)below(sim, sim->core_count);
	uint16_t before = sim->tasks[task].cpu;
	uint32_t waker = sim->cores[cpu].current;

	if (sim->tasks[task].state != ASLEEP)
		return;
	put(sim, cpu, JEM_SCHED_WAKING, waker, task, before);
	push(sim, target, task);
	if (target != before)
		put(sim, cpu, JEM_SCHED_MIGRATE, waker, task, (uint32_t)before << 16 | target);
	put(sim, cpu, JEM_SCHED_WAKEUP, waker, task, target);
	if (!sim->cores[target].current) {
		pass(sim, SWITCH_NS);
		switch_core(sim, target, 0);
	}
}

/* An idle core takes what waits elsewhere. */
static void balance(struct sched_sim *sim, uint16_t cpu)
{
	uint16_t from = (uint16_t)below(sim, sim->core_count);
	uint32_t task = from == cpu ? NOBODY : pop(sim, from);

	if (!task)
		return;
	put(sim, cpu, JEM_SCHED_MIGRATE, 0, task, (uint32_t)from << 16 | cpu);
	push(sim, cpu, task);
	pass(sim, SWITCH_NS);
	switch_core(sim, cpu, 0);
}

static void step(struct sched_sim *sim)
{
	uint16_t cpu = (uint16_t)below(sim, sim->core_count);
	struct core *core = &sim->cores[cpu];
	uint32_t dice = below(sim, 100);

	pass(sim, 1 + below(sim, 2 * STEP_NS / sim->core_count + 1));
	if (!core->current)
		dice < 50 ? balance(sim, cpu) : wake(sim, cpu);
	else if (dice < 45)
		wake(sim, cpu);
	else if (dice < 75)
		switch_core(sim, cpu, dice % 4 ? 1 : 2);
	else if (core->first)
		switch_core(sim, cpu, 0);
}

struct jem_sched_event sched_sim_next(struct sched_sim *sim)
{
	while (sim->out_first == sim->out_count) {
		sim->out_first = sim->out_count = 0;
		step(sim);
	}
	return sim->out[sim->out_first++];
}
