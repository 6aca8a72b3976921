/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_sim: a machine whose cores run, preempt, wake, place and balance tasks at random, as events, and
 * what really happened.
 */
#ifndef JEM_TESTS_UNIT_SCHED_SIM_H
#define JEM_TESTS_UNIT_SCHED_SIM_H

#include "tracer/sched/event.h"

#include <stddef.h>

struct sched_sim;

/* Tasks have the numbers 1 to `tasks`, all of them the name 0. */
struct sched_sim *sched_sim_open(unsigned cores, unsigned tasks, uint64_t seed);
void sched_sim_close(struct sched_sim *sim);
struct jem_sched_event sched_sim_next(struct sched_sim *sim);

/* How long the tasks have run and waited up to the last event that was given. */
void sched_sim_truth(const struct sched_sim *sim, uint64_t *run_ns, uint64_t *wait_ns);

uint64_t sched_sim_random(uint64_t *state);

#endif
