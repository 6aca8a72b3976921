/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine makes of events that are missing, impossible or out of order. */
#include "tests/unit/sched_bench.h"
#include "tests/unit/sched_sim.h"

enum {
	SIM_EVENTS = 400000
};

static struct sched_bench b;

CASE(what_a_core_ran_at_first_is_told_by_its_first_event)
{
	sched_open(&b);
	sched_switch(&b, 100, 0, 0, 0, 9);
	sched_switch(&b, 150, 1, 7, SLEEPS, 0);
	sched_do(&b, JEM_SCHED_RENAME, 160, 2, 8, 8, 0);
	sched_finish(&b, 200);
	CHECK_SLICE(sched_slice(&b, 7, 0), 100, 50, 0, "sleep");
	CHECK_EQ(sched_slice(&b, 7, 0)->flags, JEM_SCHED_START_INFERRED | JEM_SCHED_WAIT_UNKNOWN);
	CHECK_SLICE(sched_slice(&b, 8, 0), 100, 100, 0, "open");
	CHECK_EQ(b.model.inferred, 2);
	sched_close(&b);
}

/* idle -> 7 is missing: an idle core takes at once what is woken for it. */
CASE(a_task_that_was_woken_ran_from_then)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 9, SLEEPS, 0);
	sched_wake(&b, 40, 0, 0, 7, 0);
	sched_switch(&b, 100, 0, 7, SLEEPS, 0);
	sched_finish(&b, 200);
	CHECK_SLICE(sched_slice(&b, 7, 0), 40, 60, 0, "sleep");
	CHECK_EQ(sched_slice(&b, 7, 0)->flags, JEM_SCHED_START_INFERRED);
	CHECK_EQ(b.model.inferred, 2); /* what came first, too */
	sched_close(&b);
}

/* 7 -> 8 is missing, 8 was woken at 40: the change was between 40 and 100. */
CASE(the_change_is_put_between_the_last_sign_and_the_first)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_wake(&b, 20, 0, 7, 9, 1);
	sched_wake(&b, 40, 0, 7, 8, 0);
	sched_switch(&b, 100, 0, 8, SLEEPS, 0);
	sched_finish(&b, 200);
	CHECK_SLICE(sched_slice(&b, 7, 0), 0, 70, 0, "unknown");
	CHECK_EQ(sched_slice(&b, 7, 0)->flags, JEM_SCHED_END_INFERRED | JEM_SCHED_WAIT_UNKNOWN);
	CHECK_SLICE(sched_slice(&b, 8, 0), 70, 30, 30, "sleep");
	CHECK_EQ(sched_slice(&b, 8, 0)->flags, JEM_SCHED_START_INFERRED);
	CHECK_EQ(b.model.inferred, 1);
	sched_close(&b);
}

/* 7 -> idle is missing, but 7 was woken at 20, and so was away by then: between 10 and 20. */
CASE(a_task_that_is_woken_has_left_before)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_switch(&b, 0, 1, 0, 0, 9);
	sched_do(&b, JEM_SCHED_RENAME, 10, 0, 7, 7, 0);
	sched_wake(&b, 20, 1, 9, 7, 0);
	sched_switch(&b, 5000, 0, 0, 0, 7);
	sched_switch(&b, 5010, 0, 7, SLEEPS, 0);
	sched_finish(&b, 6000);
	CHECK_SLICE(sched_slice(&b, 7, 0), 0, 15, 0, "unknown");
	CHECK_SLICE(sched_slice(&b, 7, 1), 5000, 10, 4980, "sleep");
	CHECK_EQ(sched_slice(&b, 7, 1)->waker, sched_slice(&b, 9, 0)->task);
	CHECK_EQ(b.model.inferred, 1);
	sched_close(&b);
}

/* An event that is no switch tells too what is on the core. */
CASE(any_event_tells_what_is_on_its_core)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_wake(&b, 40, 0, 8, 9, 1);
	sched_wake(&b, 80, 0, 0, 9, 1);
	sched_finish(&b, 100);
	CHECK_SLICE(sched_slice(&b, 7, 0), 0, 20, 0, "unknown");
	CHECK_SLICE(sched_slice(&b, 8, 0), 20, 40, 0, "unknown");
	CHECK_EQ(sched_slices(&b, 9), 1); /* and waits to the end */
	CHECK_SLICE(sched_slice(&b, 9, 0), 100, 0, 60, "open");
	CHECK_EQ(b.model.inferred, 2);
	sched_close(&b);
}

/* While it switches, the core's task is still the one that leaves. */
CASE(an_event_of_the_switch_itself_is_no_contradiction)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_switch(&b, 50, 0, 7, SLEEPS, 8);
	sched_wake(&b, 51, 0, 7, 9, 1);
	sched_switch(&b, 100, 0, 8, SLEEPS, 0);
	sched_finish(&b, 100);
	CHECK_SLICE(sched_slice(&b, 8, 0), 50, 50, 0, "sleep");
	CHECK_EQ(b.model.inferred, 0);
	sched_close(&b);
}

CASE(a_task_runs_on_one_core_only)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_switch(&b, 100, 1, 0, 0, 7);
	sched_switch(&b, 150, 0, 0, 0, 9);
	sched_switch(&b, 180, 1, 7, SLEEPS, 0);
	sched_finish(&b, 200);
	CHECK_SLICE(sched_slice(&b, 7, 0), 0, 50, 0, "unknown");
	CHECK_SLICE(sched_slice(&b, 7, 1), 100, 80, 0, "sleep");
	CHECK_SLICE(sched_slice(&b, 9, 0), 150, 50, 0, "open");
	CHECK_EQ(b.model.inferred, 1);
	sched_close(&b);
}

/* Nobody woke it, so it has waited since it lost the core. */
CASE(a_task_that_runs_again_unwoken_was_preempted)
{
	sched_open(&b);
	sched_wake(&b, 0, 0, 0, 6, 0);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_switch(&b, 100, 0, 8, SLEEPS, 7);
	sched_switch(&b, 150, 0, 7, SLEEPS, 0);
	sched_finish(&b, 200);
	CHECK_SLICE(sched_slice(&b, 7, 0), 0, 50, 0, "unknown");
	CHECK_SLICE(sched_slice(&b, 7, 1), 100, 50, 50, "sleep");
	CHECK_EQ(sched_slice(&b, 7, 1)->flags, JEM_SCHED_WAIT_PREEMPTED);
	sched_close(&b);
}

CASE(nothing_is_drawn_over_lost_events)
{
	const struct jem_sched_gap *gap;

	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_wake(&b, 10, 0, 7, 8, 0);
	sched_switch(&b, 20, 1, 0, 0, 9);
	sched_do(&b, JEM_SCHED_LOST, 60, 0, 0, 0, 17);
	sched_switch(&b, 70, 0, 6, SLEEPS, 8);
	sched_finish(&b, 100);
	CHECK_EQ(b.model.gap_count, 1);
	gap = &b.model.gaps[0];
	CHECK_EQ(gap->from_ns, 10000);
	CHECK_EQ(gap->to_ns, 60000);
	CHECK_EQ(gap->lost, 17);
	CHECK_EQ(gap->cpu, 0);
	CHECK_EQ(b.model.lost_events, 17);
	CHECK_SLICE(sched_slice(&b, 7, 0), 0, 10, 0, "unknown");
	CHECK_SLICE(sched_slice(&b, 6, 0), 60, 10, 0, "sleep");
	/* 8 waited when the loss began, and may have run since. */
	CHECK_SLICE(sched_slice(&b, 8, 0), 70, 30, 0, "open");
	CHECK_EQ(sched_slice(&b, 8, 0)->flags, JEM_SCHED_WAIT_UNKNOWN);
	CHECK_SLICE(sched_slice(&b, 9, 0), 20, 80, 0, "open");
	CHECK_EQ(b.model.inferred, 2);
	CHECK_EQ(b.model.events, 5);
	sched_close(&b);
}

CASE(what_waits_over_a_loss_is_not_told_to_wait)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_wake(&b, 10, 0, 7, 8, 0);
	sched_wake(&b, 12, 0, 7, 9, 0);
	sched_do(&b, JEM_SCHED_LOST, 60, 0, 0, 0, 0);
	sched_wake(&b, 70, 1, 5, 9, 0); /* so it must have slept again */
	sched_finish(&b, 100);
	CHECK_EQ(sched_slices(&b, 8), 0);
	CHECK_SLICE(sched_slice(&b, 9, 0), 100, 0, 30, "open");
	sched_close(&b);
}

CASE(a_number_that_comes_back_unburied_is_another_task)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_switch(&b, 50, 1, 0, 0, 9);
	sched_do(&b, JEM_SCHED_NEWTASK, 100, 1, 9, 7, 0);
	sched_do(&b, JEM_SCHED_WAKEUP_NEW, 101, 1, 9, 7, 1);
	sched_switch(&b, 110, 1, 9, SLEEPS, 7);
	sched_do(&b, JEM_SCHED_WAKEUP_NEW, 150, 0, 0, 7, 0); /* and again: only this is told */
	sched_switch(&b, 160, 0, 0, 0, 7);
	sched_finish(&b, 200);
	CHECK_EQ(sched_slices(&b, 7), 3);
	CHECK_SLICE(sched_slice(&b, 7, 0), 0, 50, 0, "unknown");
	CHECK_SLICE(sched_slice(&b, 7, 1), 110, 20, 9, "unknown");
	CHECK_SLICE(sched_slice(&b, 7, 2), 160, 40, 10, "open");
	CHECK(sched_slice(&b, 7, 0)->task != sched_slice(&b, 7, 1)->task);
	CHECK(sched_slice(&b, 7, 1)->task != sched_slice(&b, 7, 2)->task);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 7, 0))->died_ns, 50000);
	sched_close(&b);
}

CASE(time_goes_forward_only)
{
	sched_open(&b);
	sched_switch(&b, 100, 0, 0, 0, 7);
	sched_switch(&b, 50, 0, 7, SLEEPS, 8);
	sched_switch(&b, 120, 0, 8, SLEEPS, 0);
	sched_finish(&b, 10);
	CHECK_SLICE(sched_slice(&b, 7, 0), 100, 0, 0, "sleep");
	CHECK_SLICE(sched_slice(&b, 8, 0), 100, 20, 0, "sleep");
	CHECK_EQ(b.tally.back_in_time, 1);
	CHECK_EQ(b.model.end_ns, 120000);
	sched_close(&b);
}

CASE(leaves_out_what_no_kernel_writes)
{
	static const struct {
		enum jem_sched_type type;
		uint16_t cpu;
		int32_t pid, other;
	} bad[] = { { JEM_SCHED_SWITCH, JEM_SCHED_NO_CPU, 1, 2 },
		    { JEM_SCHED_SWITCH, 0, -1, 2 },
		    { JEM_SCHED_SWITCH, 0, 1, INT32_MAX },
		    { JEM_SCHED_SWITCH, 0, 1 << 22, 2 },
		    { JEM_SCHED_WAKING, 0, 1, 0 },
		    { JEM_SCHED_EXEC, 0, 0, 1 },
		    { JEM_SCHED_TYPE_COUNT, 0, 1, 2 } };

	sched_open(&b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		sched_do(&b, bad[i].type, 10, bad[i].cpu, bad[i].pid, bad[i].other, 0);
	sched_finish(&b, 200);
	CHECK_EQ(b.tally.bad, sizeof(bad) / sizeof(*bad));
	CHECK_EQ(b.model.events, 0);
	CHECK_EQ(b.model.task_count, 0);
	sched_close(&b);
}

struct sums {
	uint64_t run_ns, wait_ns, marked;
};

static struct sums sum(void)
{
	struct sums sums = { 0 };

	for (size_t c = 0; c < b.model.cpu_count; c++) {
		for (size_t i = 0; i < b.model.cpus[c].count; i++) {
			const struct jem_sched_slice *slice = &b.model.cpus[c].slices[i];

			sums.run_ns += slice->run_ns;
			sums.wait_ns += slice->wait_ns;
			sums.marked += !!(slice->flags & JEM_SCHED_START_INFERRED);
			sums.marked += !!(slice->flags & JEM_SCHED_END_INFERRED);
		}
	}
	return sums;
}

enum damage {
	NO_DAMAGE,
	ANY_SWITCH,    /* a thousandth of all */
	OUT_OF_IDLE_1, /* nine tenths of those by which core 1 comes out of idle */
};

static bool is_missing(const struct jem_sched_event *event, enum damage damage, uint64_t *random)
{
	if (event->type != JEM_SCHED_SWITCH || damage == NO_DAMAGE)
		return false;
	if (damage == ANY_SWITCH)
		return sched_sim_random(random) % 1000 == 0;
	return event->cpu == 1 && !event->pid && sched_sim_random(random) % 10;
}

/* Returns how many events were left out. */
static uint64_t simulate(unsigned cores, unsigned tasks, uint64_t seed, enum damage damage,
			 struct sums *truth)
{
	struct sched_sim *sim = sched_sim_open(cores, tasks, seed);
	uint64_t random = seed + 99;
	uint64_t deleted = 0;
	int64_t last_ns = 0;

	sched_open(&b);
	sched_name(&b, "work");
	for (size_t i = 0; i < SIM_EVENTS; i++) {
		struct jem_sched_event event = sched_sim_next(sim);

		last_ns = event.ns;
		if (is_missing(&event, damage, &random))
			deleted++;
		else
			sched_event(&b, event);
	}
	sched_sim_truth(sim, &truth->run_ns, &truth->wait_ns);
	sched_sim_close(sim);
	sched_finish(&b, last_ns / 1000 + 1);
	return deleted;
}

static void check_share(uint64_t is, uint64_t wanted, double tolerance)
{
	CHECK_NEAR((double)is / (double)wanted, 1, tolerance);
}

CASE(a_whole_recording_is_told_exactly)
{
	struct sums truth, is;

	CHECK_EQ(simulate(16, 40, 1, NO_DAMAGE, &truth), 0);
	is = sum();
	/* But for what 40 tasks did in the last microseconds, which one of the two has seen. */
	CHECK_NEAR((double)is.run_ns, (double)truth.run_ns, 16 * 4000);
	CHECK_NEAR((double)is.wait_ns, (double)truth.wait_ns, 40 * 4000);
	CHECK_EQ(is.marked, 0);
	CHECK_EQ(b.model.inferred, 0);
	CHECK_EQ(b.model.events, SIM_EVENTS);
	sched_close(&b);
}

/* The goal: integrals within 1 %, every inference counted. Little load, much, and more than the cores. */
CASE(a_thousandth_of_the_switches_may_be_missing)
{
	static const struct {
		unsigned cores, tasks;
	} loads[] = { { 2, 1 }, { 2, 3 }, { 16, 8 }, { 16, 40 }, { 128, 400 } };

	for (size_t i = 0; i < sizeof(loads) / sizeof(*loads); i++) {
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct sums truth, is;
			uint64_t deleted =
				simulate(loads[i].cores, loads[i].tasks, seed, ANY_SWITCH, &truth);

			is = sum();
			printf("# %u cores, %u tasks: %" PRIu64 " deleted, %" PRIu64
			       " inferred, run %+.3f %%, wait %+.3f %%\n",
			       loads[i].cores, loads[i].tasks, deleted, b.model.inferred,
			       100.0 * ((double)is.run_ns / (double)truth.run_ns - 1),
			       100.0 * ((double)is.wait_ns / (double)truth.wait_ns - 1));
			CHECK_GE(deleted, 50);
			/* Two that follow each other on a core may show as one, or not at all. */
			CHECK_GE(b.model.inferred, deleted * 9 / 10);
			CHECK_LE(b.model.inferred, deleted * 12 / 10 + loads[i].cores);
			CHECK_LE(is.marked, 2 * b.model.inferred);
			CHECK_GE(is.marked, b.model.inferred);
			check_share(is.run_ns, truth.run_ns, 0.01);
			check_share(is.wait_ns, truth.wait_ns, 0.01);
			sched_close(&b);
		}
	}
}

/* Measured on a virtual machine: most switches out of idle of one core never arrived, without a mark. */
CASE(most_switches_out_of_idle_of_a_core_may_be_missing)
{
	static const unsigned tasks[] = { 1, 3, 8 };

	for (size_t i = 0; i < sizeof(tasks) / sizeof(*tasks); i++) {
		struct sums truth, is;
		uint64_t deleted = simulate(2, tasks[i], 5, OUT_OF_IDLE_1, &truth);

		is = sum();
		printf("# %u tasks: %" PRIu64 " deleted, %" PRIu64
		       " inferred, run %+.3f %%, wait %+.3f %%\n",
		       tasks[i], deleted, b.model.inferred,
		       100.0 * ((double)is.run_ns / (double)truth.run_ns - 1),
		       100.0 * ((double)is.wait_ns / (double)truth.wait_ns - 1));
		CHECK_GE(deleted, 1000);
		CHECK_GE(b.model.inferred, deleted * 9 / 10);
		check_share(is.run_ns, truth.run_ns, 0.01);
		check_share(is.wait_ns, truth.wait_ns, 0.01);
		sched_close(&b);
	}
}

TESTS(T(what_a_core_ran_at_first_is_told_by_its_first_event),
      T(a_task_that_was_woken_ran_from_then),
      T(the_change_is_put_between_the_last_sign_and_the_first),
      T(a_task_that_is_woken_has_left_before), T(any_event_tells_what_is_on_its_core),
      T(an_event_of_the_switch_itself_is_no_contradiction), T(a_task_runs_on_one_core_only),
      T(a_task_that_runs_again_unwoken_was_preempted), T(nothing_is_drawn_over_lost_events),
      T(what_waits_over_a_loss_is_not_told_to_wait),
      T(a_number_that_comes_back_unburied_is_another_task), T(time_goes_forward_only),
      T(leaves_out_what_no_kernel_writes), T(a_whole_recording_is_told_exactly),
      T(a_thousandth_of_the_switches_may_be_missing),
      T(most_switches_out_of_idle_of_a_core_may_be_missing))
