/* SPDX-License-Identifier: Apache-2.0 */
/* What events tell when all is well: slices, waits, wakers, moves, names and lives of tasks. */
#include "tests/unit/sched_bench.h"

static struct sched_bench b;

CASE(a_slice_runs_from_switch_to_switch)
{
	sched_open(&b);
	sched_switch(&b, 100, 0, 0, 0, 7);
	sched_switch(&b, 150, 0, 7, SLEEPS, 0);
	sched_finish(&b, 200);
	CHECK_EQ(sched_slices(&b, 7), 1);
	CHECK_SLICE(sched_slice(&b, 7, 0), 100, 50, 0, "sleep");
	CHECK_EQ(sched_slice(&b, 7, 0)->flags, JEM_SCHED_WAIT_UNKNOWN);
	CHECK_STR(jem_sched_comm(&b.model, sched_slice(&b, 7, 0)->comm), "t7");
	CHECK_EQ(b.model.events, 2);
	CHECK_EQ(b.model.switches, 2);
	CHECK_EQ(b.model.inferred, 0);
	CHECK_EQ(b.model.begin_ns, 100000);
	CHECK_EQ(b.model.end_ns, 200000);
	CHECK_EQ(b.tally.unknown_waits, 1);
	sched_close(&b);
}

CASE(a_wait_begins_when_the_task_is_woken)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_switch(&b, 10, 0, 7, BLOCKS, 8);
	sched_do(&b, JEM_SCHED_WAKING, 20, 0, 8, 7, 0);
	sched_do(&b, JEM_SCHED_WAKEUP, 22, 0, 8, 7, 0);
	sched_switch(&b, 50, 0, 8, SLEEPS, 7);
	sched_finish(&b, 60);
	CHECK_SLICE(sched_slice(&b, 7, 0), 0, 10, 0, "blocked");
	CHECK_SLICE(sched_slice(&b, 7, 1), 50, 10, 30, "open");
	CHECK_EQ(sched_slice(&b, 7, 1)->flags, 0);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 8, 0))->tid, 8);
	CHECK_EQ(sched_slice(&b, 7, 1)->waker, sched_slice(&b, 8, 0)->task);
	CHECK_EQ(sched_slice(&b, 7, 1)->waker_cpu, 0);
	CHECK_EQ(sched_slice(&b, 7, 1)->move, JEM_SCHED_STAYED);
	CHECK_EQ(b.tally.wakeups, 1);
	CHECK_EQ(b.model.inferred, 0);
	sched_close(&b);
}

CASE(an_interrupt_on_an_idle_core_is_no_waker)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 7, SLEEPS, 0);
	sched_wake(&b, 20, 0, 0, 7, 0);
	sched_switch(&b, 25, 0, 0, 0, 7);
	sched_finish(&b, 60);
	CHECK_EQ(sched_slice(&b, 7, 1)->waker, JEM_SCHED_NONE);
	CHECK_EQ(sched_slice(&b, 7, 1)->waker_cpu, 0);
	CHECK_SLICE(sched_slice(&b, 7, 1), 25, 35, 5, "open");
	sched_close(&b);
}

CASE(a_preempted_task_waits_from_its_preemption)
{
	static const uint32_t states[] = { RUNNABLE, PREEMPTED };

	for (size_t i = 0; i < 2; i++) {
		sched_open(&b);
		sched_switch(&b, 0, 0, 0, 0, 7);
		sched_switch(&b, 10, 0, 7, states[i], 8);
		sched_switch(&b, 40, 0, 8, SLEEPS, 7);
		sched_finish(&b, 50);
		CHECK_SLICE(sched_slice(&b, 7, 0), 0, 10, 0, "preempted");
		CHECK_SLICE(sched_slice(&b, 7, 1), 40, 10, 30, "open");
		CHECK_EQ(sched_slice(&b, 7, 1)->flags, JEM_SCHED_WAIT_PREEMPTED);
		CHECK_EQ(sched_slice(&b, 7, 1)->waker, JEM_SCHED_NONE);
		sched_close(&b);
	}
}

CASE(tells_why_a_task_leaves)
{
	static const struct {
		uint32_t state;
		const char *how;
	} ends[] = { { SLEEPS, "sleep" }, { BLOCKS, "blocked" }, { STOPS, "stopped" },
		     { 8, "stopped" },    { IDLES, "sleep" },    { 0x40, "sleep" },
		     { DEAD, "exit" },    { ZOMBIE, "exit" },    { 0x101, "sleep" } };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		sched_open(&b);
		sched_switch(&b, 0, 0, 0, 0, 7);
		sched_switch(&b, 10, 0, 7, ends[i].state, 0);
		sched_finish(&b, 20);
		CHECK_SLICE(sched_slice(&b, 7, 0), 0, 10, 0, ends[i].how);
		sched_close(&b);
	}
}

/* Before Linux 4.14 X and Z were the other way round, and more than one bit could be set. */
CASE(takes_the_names_of_states_from_the_format)
{
	static const char *const names[] = { "S", "D", "T", "t", "Z", "X",
					     "x", "K", "W", "P", "N", NULL };
	static const struct {
		uint32_t state;
		const char *how;
	} ends[] = { { 0x20, "exit" },  { 0x40, "exit" },     { 0x82, "blocked" },
		     { 0x81, "sleep" }, { 0x104, "stopped" }, { 0x800, "preempted" },
		     { 0, "preempted" } };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct jem_sched_sink sink = jem_sched_model_sink(&b.model);

		jem_sched_model_init(&b.model);
		CHECK_OK(jem_sched_machine_create(&sink, names, &b.machine));
		sched_switch(&b, 0, 0, 0, 0, 7);
		sched_switch(&b, 10, 0, 7, ends[i].state, 0);
		sched_finish(&b, 20);
		CHECK_SLICE(sched_slice(&b, 7, 0), 0, 10, 0, ends[i].how);
		sched_close(&b);
	}
}

CASE(a_task_woken_while_it_leaves_waits_from_then)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_switch(&b, 0, 1, 0, 0, 9);
	sched_do(&b, JEM_SCHED_WAKING, 10, 1, 9, 7, 0); /* 7 has just begun to leave */
	sched_switch(&b, 11, 0, 7, SLEEPS, 8);
	sched_do(&b, JEM_SCHED_WAKEUP, 12, 1, 9, 7, 0);
	sched_switch(&b, 30, 0, 8, SLEEPS, 7);
	sched_finish(&b, 40);
	CHECK_SLICE(sched_slice(&b, 7, 0), 0, 11, 0, "sleep");
	CHECK_SLICE(sched_slice(&b, 7, 1), 30, 10, 19, "open");
	CHECK_EQ(sched_slice(&b, 7, 1)->waker, sched_slice(&b, 9, 0)->task);
	CHECK_EQ(sched_slice(&b, 7, 1)->waker_cpu, 1);
	CHECK_EQ(b.model.inferred, 0);
	sched_close(&b);
}

CASE(a_task_woken_before_it_could_leave_does_not_wait)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_switch(&b, 0, 1, 0, 0, 9);
	sched_wake(&b, 10, 1, 9, 7, 0); /* and never left */
	sched_switch(&b, 20, 0, 7, SLEEPS, 0);
	sched_wake(&b, 30, 1, 9, 7, 0);
	sched_switch(&b, 33, 0, 0, 0, 7);
	sched_finish(&b, 40);
	CHECK_EQ(sched_slices(&b, 7), 2);
	CHECK_SLICE(sched_slice(&b, 7, 0), 0, 20, 0, "sleep");
	CHECK_SLICE(sched_slice(&b, 7, 1), 33, 7, 3, "open");
	sched_close(&b);
}

CASE(classes_moves)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_switch(&b, 10, 0, 7, SLEEPS, 0);
	sched_do(&b, JEM_SCHED_WAKING, 20, 0, 0, 7, 0);
	sched_do(&b, JEM_SCHED_MIGRATE, 20, 0, 0, 7, 0u << 16 | 1);
	sched_do(&b, JEM_SCHED_WAKEUP, 21, 0, 0, 7, 1);
	sched_switch(&b, 22, 1, 0, 0, 7); /* placed */
	sched_switch(&b, 30, 1, 7, RUNNABLE, 8);
	sched_do(&b, JEM_SCHED_MIGRATE, 35, 2, 0, 7, 1u << 16 | 2);
	sched_switch(&b, 36, 2, 0, 0, 7); /* balanced */
	sched_do(&b, JEM_SCHED_MOVE_NUMA, 40, 2, 7, 7, 2u << 16 | 3);
	sched_switch(&b, 41, 2, 7, PREEMPTED, 9);
	sched_do(&b, JEM_SCHED_MIGRATE, 42, 2, 9, 7, 2u << 16 | 3);
	sched_switch(&b, 43, 3, 0, 0, 7); /* to its memory */
	sched_switch(&b, 50, 3, 7, SLEEPS, 0);
	sched_wake(&b, 60, 0, 0, 7, 0);
	sched_switch(&b, 61, 0, 0, 0, 7); /* nobody says how */
	sched_switch(&b, 70, 0, 7, SLEEPS, 0);
	sched_wake(&b, 80, 0, 0, 7, 0);
	sched_switch(&b, 81, 0, 0, 0, 7);
	sched_finish(&b, 90);
	CHECK_EQ(sched_slice(&b, 7, 0)->move, JEM_SCHED_STAYED);
	CHECK_EQ(sched_slice(&b, 7, 0)->from_cpu, JEM_SCHED_NO_CPU);
	CHECK_EQ(sched_slice(&b, 7, 1)->move, JEM_SCHED_PLACED);
	CHECK_EQ(sched_slice(&b, 7, 1)->from_cpu, 0);
	CHECK_EQ(sched_slice(&b, 7, 2)->move, JEM_SCHED_BALANCED);
	CHECK_EQ(sched_slice(&b, 7, 2)->from_cpu, 1);
	CHECK_SLICE(sched_slice(&b, 7, 2), 36, 5, 6, "preempted");
	CHECK_EQ(sched_slice(&b, 7, 3)->move, JEM_SCHED_NUMA);
	CHECK_EQ(sched_slice(&b, 7, 3)->from_cpu, 2);
	CHECK_EQ(sched_slice(&b, 7, 4)->move, JEM_SCHED_MOVED);
	CHECK_EQ(sched_slice(&b, 7, 4)->from_cpu, 3);
	CHECK_EQ(sched_slice(&b, 7, 5)->move, JEM_SCHED_STAYED);
	CHECK_EQ(sched_slice(&b, 7, 5)->from_cpu, 0);
	CHECK_EQ(b.model.inferred, 0);
	sched_close(&b);
}

CASE(a_fork_makes_a_task_with_parent_and_process)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 100);
	sched_do(&b, JEM_SCHED_EXEC, 1, 0, 100, 100, 0);
	sched_do(&b, JEM_SCHED_NEWTASK, 10, 0, 100, 101, 0x50000 | 0x10000);
	sched_do(&b, JEM_SCHED_FORK, 11, 0, 100, 101, 0);
	sched_do(&b, JEM_SCHED_WAKEUP_NEW, 12, 0, 100, 101, 1);
	sched_switch(&b, 15, 1, 0, 0, 101);
	sched_do(&b, JEM_SCHED_NEWTASK, 20, 0, 100, 102, 0x1200000);
	sched_do(&b, JEM_SCHED_FORK, 21, 0, 100, 102, 0);
	sched_do(&b, JEM_SCHED_WAKEUP_NEW, 22, 0, 100, 102, 0);
	sched_switch(&b, 25, 0, 100, SLEEPS, 102);
	sched_finish(&b, 30);
	CHECK_EQ(b.model.task_count, 3);
	CHECK_SLICE(sched_slice(&b, 101, 0), 15, 15, 3, "open");
	CHECK_EQ(sched_slice(&b, 101, 0)->flags, JEM_SCHED_FIRST);
	CHECK_EQ(sched_slice(&b, 101, 0)->waker, sched_slice(&b, 100, 0)->task);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 101, 0))->parent, sched_slice(&b, 100, 0)->task);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 101, 0))->pid, 100);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 101, 0))->born_ns, 10000);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 102, 0))->pid, 102);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 102, 0))->born_ns, 20000);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 102, 0))->died_ns, INT64_MAX);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 100, 0))->born_ns, INT64_MIN);
	sched_close(&b);
}

/* It still switches after sched_process_exit, and its number comes back. */
CASE(a_number_that_comes_back_is_another_task)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_do(&b, JEM_SCHED_DEATH, 10, 0, 7, 7, 0);
	sched_switch(&b, 12, 0, 7, BLOCKS, 8);
	sched_wake(&b, 13, 0, 8, 7, 0);
	sched_switch(&b, 14, 0, 8, SLEEPS, 7);
	sched_switch(&b, 16, 0, 7, ZOMBIE, 9);
	sched_do(&b, JEM_SCHED_NEWTASK, 20, 0, 9, 7, 0);
	sched_do(&b, JEM_SCHED_WAKEUP_NEW, 21, 0, 9, 7, 0);
	sched_do(&b, JEM_SCHED_FREE, 22, 0, 9, 7, 0); /* of the first: late, as RCU has it */
	sched_switch(&b, 25, 0, 9, SLEEPS, 7);
	sched_switch(&b, 35, 0, 7, DEAD, 0);
	sched_do(&b, JEM_SCHED_FREE, 36, 0, 0, 7, 0);
	sched_switch(&b, 40, 0, 0, 0, 7); /* a third: seen by its switch only */
	sched_finish(&b, 50);
	CHECK_EQ(sched_slices(&b, 7), 4);
	CHECK_SLICE(sched_slice(&b, 7, 0), 0, 12, 0, "blocked");
	CHECK_SLICE(sched_slice(&b, 7, 1), 14, 2, 1, "exit");
	CHECK_SLICE(sched_slice(&b, 7, 2), 25, 10, 4, "exit");
	CHECK_SLICE(sched_slice(&b, 7, 3), 40, 10, 0, "open");
	CHECK_EQ(sched_slice(&b, 7, 0)->task, sched_slice(&b, 7, 1)->task);
	CHECK(sched_slice(&b, 7, 1)->task != sched_slice(&b, 7, 2)->task);
	CHECK(sched_slice(&b, 7, 2)->task != sched_slice(&b, 7, 3)->task);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 7, 1))->died_ns, 16000);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 7, 2))->born_ns, 20000);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 7, 2))->died_ns, 35000);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 7, 3))->born_ns, 40000);
	CHECK_EQ(b.model.inferred, 0);
	sched_close(&b);
}

CASE(a_slice_has_the_last_name_of_its_task)
{
	uint32_t sh, sleep, odd;

	sched_open(&b);
	sh = sched_name(&b, "sh");
	sleep = sched_name(&b, "sleep");
	odd = sched_name(&b, "odd");
	sched_event(&b, (struct jem_sched_event){ 0, 0, 7, 0, sh, JEM_SCHED_NONE, 0,
						  JEM_SCHED_SWITCH });
	sched_event(&b, (struct jem_sched_event){ 5000, 7, 7, 0, sleep, JEM_SCHED_NONE, 0,
						  JEM_SCHED_RENAME });
	sched_switch(&b, 10, 0, 7, SLEEPS, 0);
	sched_event(&b, (struct jem_sched_event){ 20000, 0, 7, 0, sleep, JEM_SCHED_NONE, 0,
						  JEM_SCHED_SWITCH });
	/* No rename is told; prev_comm of the switch is what shows it. */
	sched_event(&b, (struct jem_sched_event){ 30000, 7, 0, SLEEPS, JEM_SCHED_NONE, odd, 0,
						  JEM_SCHED_SWITCH });
	sched_finish(&b, 40);
	CHECK_STR(jem_sched_comm(&b.model, sched_slice(&b, 7, 0)->comm), "sleep");
	CHECK_STR(jem_sched_comm(&b.model, sched_slice(&b, 7, 1)->comm), "odd");
	CHECK_STR(jem_sched_comm(&b.model, sched_task(&b, sched_slice(&b, 7, 0))->comm), "odd");
	sched_close(&b);
}

CASE(a_thread_that_runs_a_program_takes_the_number_of_its_process)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 100);
	sched_do(&b, JEM_SCHED_EXEC, 1, 0, 100, 100, 0);
	sched_do(&b, JEM_SCHED_NEWTASK, 2, 0, 100, 101, 0x10000);
	sched_do(&b, JEM_SCHED_WAKEUP_NEW, 3, 0, 100, 101, 1);
	sched_switch(&b, 4, 1, 0, 0, 101);
	sched_do(&b, JEM_SCHED_DEATH, 10, 0, 100, 100, 0);
	sched_switch(&b, 11, 0, 100, ZOMBIE, 0);
	sched_do(&b, JEM_SCHED_RENAME, 15, 1, 100, 100, 0); /* its new number, before EXEC */
	sched_do(&b, JEM_SCHED_EXEC, 16, 1, 100, 101, 0);
	sched_do(&b, JEM_SCHED_FREE, 18, 1, 100, 100, 0);
	sched_switch(&b, 20, 1, 100, SLEEPS, 0);
	sched_finish(&b, 30);
	CHECK_EQ(b.model.task_count, 2);
	CHECK_EQ(sched_slices(&b, 100), 2);
	CHECK_EQ(sched_slices(&b, 101), 0);
	CHECK_SLICE(sched_slice(&b, 100, 1), 4, 16, 1, "sleep");
	CHECK_EQ(sched_task(&b, sched_slice(&b, 100, 1))->pid, 100);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 100, 1))->died_ns, INT64_MAX);
	CHECK_EQ(sched_task(&b, sched_slice(&b, 100, 0))->died_ns, 11000);
	CHECK_EQ(b.model.inferred, 0);
	sched_close(&b);
}

CASE(what_waits_when_the_data_end_is_told)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_switch(&b, 10, 0, 7, RUNNABLE, 8);
	sched_finish(&b, 100);
	CHECK_SLICE(sched_slice(&b, 7, 1), 100, 0, 90, "open");
	CHECK_EQ(sched_slice(&b, 7, 1)->flags, JEM_SCHED_WAIT_ONLY | JEM_SCHED_WAIT_PREEMPTED);
	CHECK_SLICE(sched_slice(&b, 8, 0), 10, 90, 0, "open");
	sched_close(&b);
}

CASE(a_long_slice_is_told_in_parts)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	CHECK_OK(jem_sched_machine_flush(b.machine, 40000, 50000));
	CHECK_OK(jem_sched_machine_flush(b.machine, 60000, 50000));
	CHECK_OK(jem_sched_machine_flush(b.machine, 70000, 50000));
	sched_switch(&b, 80, 0, 7, SLEEPS, 0);
	sched_finish(&b, 100);
	CHECK_EQ(sched_slices(&b, 7), 2);
	CHECK_SLICE(sched_slice(&b, 7, 0), 0, 60, 0, "open");
	CHECK_SLICE(sched_slice(&b, 7, 1), 60, 20, 0, "sleep");
	CHECK_EQ(sched_slice(&b, 7, 1)->flags, JEM_SCHED_CONTINUED);
	CHECK_EQ(b.model.inferred, 0);
	sched_close(&b);
}

CASE(a_seeded_task_is_known_from_the_start)
{
	struct jem_sched_task task = { .tid = 7, .pid = 5, .parent = JEM_SCHED_NONE };

	sched_open(&b);
	task.comm = sched_name(&b, "before");
	CHECK_OK(jem_sched_machine_seed(b.machine, &task, JEM_SCHED_NO_CPU, 0));
	task.tid = 0;
	CHECK_EQ(jem_sched_machine_seed(b.machine, &task, JEM_SCHED_NO_CPU, 0), -22);
	sched_wake(&b, 10, 0, 0, 7, 0);
	sched_switch(&b, 12, 0, 0, 0, 7);
	sched_finish(&b, 20);
	CHECK_SLICE(sched_slice(&b, 7, 0), 12, 8, 2, "open");
	CHECK_EQ(sched_task(&b, sched_slice(&b, 7, 0))->pid, 5);
	CHECK_EQ(b.model.task_count, 1);
	sched_close(&b);
}

TESTS(T(a_slice_runs_from_switch_to_switch), T(a_wait_begins_when_the_task_is_woken),
      T(an_interrupt_on_an_idle_core_is_no_waker), T(a_preempted_task_waits_from_its_preemption),
      T(tells_why_a_task_leaves), T(takes_the_names_of_states_from_the_format),
      T(a_task_woken_while_it_leaves_waits_from_then),
      T(a_task_woken_before_it_could_leave_does_not_wait), T(classes_moves),
      T(a_fork_makes_a_task_with_parent_and_process), T(a_number_that_comes_back_is_another_task),
      T(a_slice_has_the_last_name_of_its_task),
      T(a_thread_that_runs_a_program_takes_the_number_of_its_process),
      T(what_waits_when_the_data_end_is_told), T(a_long_slice_is_told_in_parts),
      T(a_seeded_task_is_known_from_the_start))
