/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of a recording whose every number is known: tasks, commands, latency, moves, episodes, JSON. */
#include "common/json_reader.h"
#include "common/sched/episodes.h"
#include "common/sched/latency.h"
#include "common/sched/stats.h"
#include "common/sched/stats_json.h"
#include "tests/unit/sched_bench.h"

static struct sched_bench b;

static struct jem_sched_select all(void)
{
	return (struct jem_sched_select){ .zero_ns = b.model.begin_ns,
					  .from_ns = b.model.begin_ns,
					  .to_ns = b.model.end_ns };
}

/*
 * The paper's figure 12 (RR-9498, section 3.4) in small: on core 68 a task wakes the one that was on core
 * 111, and it is placed on core 68, though core 111 is idle. Core 3 is busy, core 5 idle but for an end.
 */
static void fill_figure_12(void)
{
	sched_open(&b);
	sched_switch(&b, 0, 68, 0, 0, 4712);
	sched_switch(&b, 0, 111, 0, 0, 4711);
	sched_switch(&b, 0, 3, 0, 0, 4713);
	sched_switch(&b, 100, 111, 4711, SLEEPS, 0);
	sched_do(&b, JEM_SCHED_WAKING, 1000, 68, 4712, 4711, 111);
	sched_do(&b, JEM_SCHED_MIGRATE, 1000, 68, 4712, 4711, 111u << 16 | 68);
	sched_do(&b, JEM_SCHED_WAKEUP, 1000, 68, 4712, 4711, 68);
	sched_switch(&b, 5100, 68, 4712, RUNNABLE, 4711);
	sched_switch(&b, 6000, 68, 4711, SLEEPS, 4712);
	sched_switch(&b, 7000, 5, 0, 0, 4714);
	sched_finish(&b, 8000);
}

static void check_text(const struct jem_sched_episode *episode, const char *wanted)
{
	struct jem_buf buf;

	jem_buf_init(&buf, 0);
	jem_sched_episode_text(&b.model, episode, &buf);
	CHECK_STR(jem_buf_cstr(&buf), wanted);
	jem_buf_deinit(&buf);
}

CASE(tells_the_episode_of_the_papers_figure)
{
	struct jem_sched_episodes episodes;
	struct jem_sched_select select;

	fill_figure_12();
	select = all();
	CHECK_OK(jem_sched_episodes_make(&b.model, &select, &episodes));
	CHECK_EQ(episodes.count, 1);
	CHECK_EQ(episodes.violated_ns, 5000000);
	CHECK_EQ(episodes.worst[0].from_ns, 1000000);
	CHECK_EQ(episodes.worst[0].to_ns, 6000000);
	CHECK_EQ(episodes.worst[0].tasks, 2); /* 4712 waits in its turn */
	check_text(
		&episodes.worst[0],
		"2 tasks waited up to 4.1 ms on core 68 while cores 5,111 were idle; the longest "
		"was t4711 4711, woken by t4712 4712 on core 68");
	jem_sched_episodes_deinit(&episodes);
	sched_close(&b);
}

CASE(an_episode_ends_with_the_window_and_the_cores)
{
	static const uint16_t cpus[] = { 3, 68 };
	struct jem_sched_episodes episodes;
	struct jem_sched_select select;

	fill_figure_12();
	select = all();
	select.from_ns = 2000000;
	select.to_ns = 3000000;
	CHECK_OK(jem_sched_episodes_make(&b.model, &select, &episodes));
	CHECK_EQ(episodes.count, 1);
	CHECK_EQ(episodes.violated_ns, 1000000);
	check_text(&episodes.worst[0],
		   "1 task waited 4.1 ms on core 68 while cores 5,111 were idle: t4711 4711, woken "
		   "by t4712 4712 on core 68");
	jem_sched_episodes_deinit(&episodes);
	select = all();
	select.cpus = cpus;
	select.cpu_count = 2;
	CHECK_OK(jem_sched_episodes_make(&b.model, &select, &episodes));
	CHECK_EQ(episodes.count, 0); /* of these cores none was idle */
	CHECK_EQ(episodes.violated_ns, 0);
	jem_sched_episodes_deinit(&episodes);
	sched_close(&b);
}

static void check_episodes(uint64_t count, uint64_t violated_us)
{
	struct jem_sched_select select = all();
	struct jem_sched_episodes episodes;

	CHECK_OK(jem_sched_episodes_make(&b.model, &select, &episodes));
	CHECK_EQ(episodes.count, count);
	CHECK_EQ(episodes.violated_ns, violated_us * 1000);
	jem_sched_episodes_deinit(&episodes);
}

CASE(to_wait_for_a_core_that_comes_out_of_idle_is_no_violation)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_switch(&b, 0, 1, 9, SLEEPS, 0);
	sched_wake(&b, 10, 0, 7, 9, 1);
	sched_switch(&b, 15, 1, 0, 0, 9);
	sched_finish(&b, 20);
	check_episodes(0, 0);
	sched_close(&b);
}

CASE(a_kernel_thread_of_its_core_could_not_run_elsewhere)
{
	static const struct {
		const char *name;
		uint64_t episodes, us;
	} threads[] = { { "ksoftirqd/0", 0, 0 },
			{ "kworker/0:1H", 0, 0 },
			{ "kworker/u8:0", 1, 20 },
			{ "kworker/1:0", 1, 20 }, /* not of this core */
			{ "a/b", 1, 20 } };

	for (size_t i = 0; i < sizeof(threads) / sizeof(*threads); i++) {
		uint32_t name;

		sched_open(&b);
		name = sched_name(&b, threads[i].name);
		sched_switch(&b, 0, 0, 0, 0, 7);
		sched_switch(&b, 0, 1, 9, SLEEPS, 0);
		sched_wake(&b, 20, 0, 7, 5, 0);
		sched_event(&b, (struct jem_sched_event){ 40000, 7, 5, SLEEPS, name, JEM_SCHED_NONE,
							  0, JEM_SCHED_SWITCH });
		sched_finish(&b, 50);
		check_episodes(threads[i].episodes, threads[i].us);
		sched_close(&b);
	}
}

CASE(a_core_of_which_events_are_lost_is_not_idle)
{
	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_switch(&b, 0, 1, 9, SLEEPS, 0);
	sched_do(&b, JEM_SCHED_LOST, 30, 1, 0, 0, 3);
	sched_wake(&b, 30, 1, 0, 9, 1);
	sched_switch(&b, 30, 1, 0, 0, 9);
	sched_wake(&b, 20, 0, 7, 8, 0);
	sched_switch(&b, 60, 1, 9, SLEEPS, 0);
	sched_switch(&b, 70, 0, 7, SLEEPS, 8);
	sched_finish(&b, 80);
	check_episodes(1, 10); /* from 60 to 70 only */
	sched_close(&b);
}

/* Of two that are 50 us apart and one that is 200 us away: two, and the longer one first. */
CASE(joins_what_is_close_and_ranks_by_waste)
{
	struct jem_sched_episodes episodes;
	struct jem_sched_select select;

	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_switch(&b, 0, 1, 9, SLEEPS, 0);
	sched_wake(&b, 100, 0, 7, 8, 0);
	sched_switch(&b, 110, 0, 7, SLEEPS, 8);
	sched_wake(&b, 310, 0, 8, 7, 0);
	sched_switch(&b, 330, 0, 8, SLEEPS, 7);
	sched_wake(&b, 380, 0, 7, 8, 0);
	sched_wake(&b, 390, 0, 7, 6, 0);
	sched_switch(&b, 400, 0, 7, SLEEPS, 8);
	sched_switch(&b, 410, 0, 8, SLEEPS, 6);
	sched_finish(&b, 1000);
	select = all();
	CHECK_OK(jem_sched_episodes_make(&b.model, &select, &episodes));
	CHECK_EQ(episodes.count, 2);
	CHECK_EQ(episodes.violated_ns, 60000);
	CHECK_EQ(episodes.wasted_ns, 60000); /* one core is idle, however many wait */
	CHECK_EQ(episodes.worst[0].from_ns, 310000);
	CHECK_EQ(episodes.worst[0].to_ns, 410000);
	CHECK_EQ(episodes.worst[0].violated_ns, 50000);
	CHECK_EQ(episodes.worst[0].tasks, 3);
	CHECK_EQ(episodes.worst[0].wait_max_ns, 20000);
	CHECK_EQ(episodes.worst[1].from_ns, 100000);
	CHECK_EQ(episodes.worst[1].tasks, 1);
	jem_sched_episodes_deinit(&episodes);
	sched_close(&b);
}

CASE(keeps_the_worst_and_counts_all)
{
	struct jem_sched_episodes episodes;
	struct jem_sched_select select;
	int64_t us = 0;

	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	sched_switch(&b, 0, 1, 9, SLEEPS, 0);
	for (int i = 1; i <= 2 * JEM_SCHED_EPISODES; i++) {
		us += 1000;
		sched_wake(&b, us, 0, 7, 8, 0);
		us += i;
		sched_switch(&b, us, 0, 7, SLEEPS, 8);
		sched_wake(&b, us + 200, 0, 8, 7, 1);
		sched_switch(&b, us + 201, 1, 0, 0, 7);
		sched_switch(&b, us + 300, 0, 8, SLEEPS, 0);
		sched_switch(&b, us + 301, 1, 7, SLEEPS, 0);
		sched_wake(&b, us + 400, 1, 0, 7, 0);
		sched_switch(&b, us + 401, 0, 0, 0, 7);
	}
	sched_finish(&b, us + 1000);
	select = all();
	CHECK_OK(jem_sched_episodes_make(&b.model, &select, &episodes));
	CHECK_EQ(episodes.count, 2 * JEM_SCHED_EPISODES);
	CHECK_EQ(episodes.worst_count, JEM_SCHED_EPISODES);
	for (int i = 0; i < JEM_SCHED_EPISODES; i++)
		CHECK_EQ(episodes.worst[i].violated_ns, (2 * JEM_SCHED_EPISODES - i) * 1000);
	jem_sched_episodes_deinit(&episodes);
	sched_close(&b);
}

CASE(lists_cores_as_ranges)
{
	static const uint16_t cpus[] = { 0, 1, 2, 5, 7, 8, 10, 12, 13 };
	struct jem_buf buf;

	jem_buf_init(&buf, 0);
	jem_sched_cpu_list(cpus, 9, 9, &buf);
	CHECK_STR(jem_buf_cstr(&buf), "0-2,5,7-8,10,12-13");
	jem_buf_clear(&buf);
	jem_sched_cpu_list(cpus, 9, 2, &buf);
	CHECK_STR(jem_buf_cstr(&buf), "0-2,5 and 5 more");
	jem_buf_deinit(&buf);
}

/* Two tasks of one name, one that changes its name, one of before; on two cores. */
static void fill_commands(void)
{
	uint32_t one, two;

	sched_open(&b);
	one = sched_name(&b, "one");
	two = sched_name(&b, "two\"\x1b");
	sched_switch(&b, 0, 0, 0, 0, 50);
	sched_do(&b, JEM_SCHED_FORK, 10, 0, 50, 51, 0);
	sched_do(&b, JEM_SCHED_FORK, 10, 0, 50, 52, 0);
	sched_do(&b, JEM_SCHED_WAKEUP_NEW, 10, 0, 50, 51, 0);
	sched_do(&b, JEM_SCHED_WAKEUP_NEW, 12, 0, 50, 52, 1);
	sched_event(&b, (struct jem_sched_event){ 20000, 0, 52, 0, one, JEM_SCHED_NONE, 1,
						  JEM_SCHED_SWITCH });
	sched_event(&b, (struct jem_sched_event){ 100000, 50, 51, SLEEPS, one, JEM_SCHED_NONE, 0,
						  JEM_SCHED_SWITCH });
	sched_switch(&b, 150, 1, 52, SLEEPS, 0);
	sched_wake(&b, 160, 0, 51, 52, 1);
	sched_event(&b, (struct jem_sched_event){ 170000, 51, 52, RUNNABLE, two, JEM_SCHED_NONE, 0,
						  JEM_SCHED_SWITCH });
	sched_do(&b, JEM_SCHED_MIGRATE, 180, 1, 0, 51, 0u << 16 | 1);
	sched_event(&b, (struct jem_sched_event){ 190000, 0, 51, 0, one, JEM_SCHED_NONE, 1,
						  JEM_SCHED_SWITCH });
	sched_finish(&b, 200);
}

static const struct jem_sched_task_stats *task_of(const struct jem_sched_stats *stats, int32_t tid)
{
	for (size_t i = 0; i < stats->task_count; i++) {
		if (b.model.tasks[stats->tasks[i].task].tid == tid)
			return &stats->tasks[i];
	}
	return NULL;
}

CASE(sums_tasks_and_commands)
{
	struct jem_sched_select select;
	struct jem_sched_stats stats;
	const struct jem_sched_task_stats *task;

	fill_commands();
	select = all();
	CHECK_OK(jem_sched_stats_make(&b.model, &select, &stats));
	CHECK_EQ(stats.task_count, 3);
	task = task_of(&stats, 51);
	CHECK_EQ(task->run_ns, 70000 + 10000);
	CHECK_EQ(task->wait_ns, 90000 + 20000);
	CHECK_EQ(task->slices, 2);
	CHECK_EQ(task->migrations, 1);
	task = task_of(&stats, 52);
	CHECK_EQ(task->run_ns, 130000 + 30000);
	CHECK_EQ(task->wait_ns, 8000 + 10000);
	CHECK_EQ(task->migrations, 1);
	CHECK(task == &stats.tasks[0]);
	CHECK_EQ(stats.command_count, 3);
	CHECK_STR(jem_sched_comm(&b.model, stats.commands[0].comm), "one");
	CHECK_EQ(stats.commands[0].run_ns, 130000 + 70000 + 10000);
	CHECK_EQ(stats.commands[0].switches, 3);
	CHECK_EQ(stats.commands[0].pids, 2);
	CHECK_EQ(stats.commands[0].first_ns, 20000);
	CHECK_EQ(stats.commands[0].last_ns, 200000);
	CHECK_EQ(stats.commands[2].run_ns, 30000);
	CHECK_EQ(stats.commands[2].pids, 1);
	jem_sched_stats_deinit(&stats);
	sched_close(&b);
}

CASE(sums_what_is_inside_the_window)
{
	struct jem_sched_select select;
	struct jem_sched_stats stats;
	const struct jem_sched_task_stats *task;

	fill_commands();
	select = all();
	select.from_ns = 140000;
	select.to_ns = 185000;
	select.only_forked = true;
	CHECK_OK(jem_sched_stats_make(&b.model, &select, &stats));
	CHECK_EQ(stats.task_count, 2);
	task = task_of(&stats, 51);
	CHECK_EQ(task->run_ns, 30000);
	CHECK_EQ(task->wait_ns, 15000);
	CHECK_EQ(task->slices, 1);
	CHECK_EQ(task->migrations, 0);
	CHECK_EQ(stats.command_count, 2);
	CHECK_EQ(stats.commands[0].run_ns, 30000 + 10000);
	CHECK_EQ(stats.commands[0].switches, 0);
	CHECK_EQ(stats.commands[0].pids, 2);
	CHECK_EQ(stats.commands[0].first_ns, 140000);
	CHECK_EQ(stats.commands[0].last_ns, 170000);
	CHECK_EQ(stats.commands[1].switches, 1);
	jem_sched_stats_deinit(&stats);
	sched_close(&b);
}

CASE(parts_of_a_slice_are_one_slice)
{
	struct jem_sched_select select;
	struct jem_sched_stats stats;

	sched_open(&b);
	sched_switch(&b, 0, 0, 0, 0, 7);
	CHECK_OK(jem_sched_machine_flush(b.machine, 50000, 0));
	CHECK_OK(jem_sched_machine_flush(b.machine, 80000, 0));
	sched_switch(&b, 100, 0, 7, SLEEPS, 0);
	sched_finish(&b, 100);
	select = all();
	CHECK_OK(jem_sched_stats_make(&b.model, &select, &stats));
	CHECK_EQ(stats.tasks[0].slices, 1);
	CHECK_EQ(stats.tasks[0].run_ns, 100000);
	CHECK_EQ(stats.commands[0].switches, 1);
	jem_sched_stats_deinit(&stats);
	sched_close(&b);
}

CASE(wakeup_latency_is_a_histogram_by_powers_of_two)
{
	struct jem_sched_select select;
	struct jem_sched_latency latency;

	fill_commands();
	select = all();
	jem_sched_latency_make(&b.model, &select, &latency);
	/* 90, 8 and 10 us; the first slice is not told, 20 us is after a preemption. */
	CHECK_EQ(latency.count, 3);
	CHECK_EQ(latency.unknown, 1);
	CHECK_EQ(latency.sum_ns, 108000);
	CHECK_EQ(latency.max_ns, 90000);
	CHECK_EQ(sched_task(&b, &latency.worst)->tid, 51);
	CHECK_EQ(latency.buckets[13], 1); /* 4096 to 8191 */
	CHECK_EQ(latency.buckets[14], 1);
	CHECK_EQ(latency.buckets[17], 1); /* 65536 to 131071 */
	CHECK_EQ(jem_sched_latency_quantile(&latency, 0.3), 8192);
	CHECK_EQ(jem_sched_latency_quantile(&latency, 0.5), 16384);
	CHECK_EQ(jem_sched_latency_quantile(&latency, 1), 90000);
	select.from_ns = 110000;
	jem_sched_latency_make(&b.model, &select, &latency);
	CHECK_EQ(latency.count, 1);
	select.from_ns = select.to_ns;
	jem_sched_latency_make(&b.model, &select, &latency);
	CHECK_EQ(latency.count, 0);
	CHECK_EQ(jem_sched_latency_quantile(&latency, 0.5), 0);
	sched_close(&b);
}

CASE(moves_are_told_by_how_and_how_far)
{
	struct jem_cpu_place places[] = { { 0, 0, 0, 0, 0 }, { 1, 1, 1, 1, 0 } };
	struct jem_topology topology = { places, 2 };
	struct jem_sched_select select;
	struct jem_sched_moves moves;

	fill_commands();
	select = all();
	jem_sched_moves_make(&b.model, &select, &topology, &moves);
	CHECK_EQ(moves.counts[JEM_SCHED_BALANCED][JEM_CPU_OTHER_SOCKET], 1);
	CHECK_EQ(moves.counts[JEM_SCHED_MOVED][JEM_CPU_OTHER_SOCKET], 1);
	jem_sched_moves_make(&b.model, &select, NULL, &moves);
	CHECK_EQ(moves.counts[JEM_SCHED_BALANCED][JEM_CPU_FAR_UNKNOWN], 1);
	CHECK_EQ(moves.counts[JEM_SCHED_BALANCED][JEM_CPU_OTHER_SOCKET], 0);
	sched_close(&b);
}

static uint32_t member(const struct jem_json_doc *doc, uint32_t object, const char *name)
{
	uint32_t token = jem_json_member(doc, object, name);

	if (!token)
		check_fail(__FILE__, __LINE__, "no member %s", name);
	return token;
}

static double number(const struct jem_json_doc *doc, uint32_t object, const char *name)
{
	double value;

	CHECK_OK(jem_json_get_real(doc, member(doc, object, name), &value));
	return value;
}

CASE(prints_all_numbers_as_json)
{
	struct jem_sched_select select;
	struct jem_json_doc doc;
	struct jem_err err = { "" };
	struct jem_buf buf;
	struct jem_json json;
	uint32_t task, command, overload;
	char text[64];

	fill_commands();
	select = all();
	select.zero_ns = 10000;
	select.to_ns = 185000;
	jem_buf_init(&buf, 0);
	json = jem_json_to(&buf);
	CHECK_OK(
		jem_sched_stats_json(&json, &(struct jem_sched_stats_source){ .file = "a.dat",
									      .version = 7,
									      .cpus = 4,
									      .model = &b.model,
									      .select = &select }));
	jem_json_doc_init(&doc);
	if (jem_json_read(&doc, buf.data, buf.len, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s: %s", err.text, jem_buf_cstr(&buf));
	CHECK(jem_json_equals(&doc, member(&doc, 0, "file"), "a.dat"));
	CHECK_EQ(number(&doc, 0, "version"), 7);
	CHECK_EQ(number(&doc, 0, "cpus"), 4);
	CHECK_EQ(number(&doc, 0, "events"), 13);
	CHECK_EQ(number(&doc, 0, "switches"), 6);
	CHECK_EQ(number(&doc, 0, "lost_events"), 0);
	CHECK_EQ(number(&doc, 0, "inferred"), 0);
	CHECK_NEAR(number(&doc, 0, "start_s"), -10e-6, 1e-12);
	CHECK_NEAR(number(&doc, 0, "end_s"), 175e-6, 1e-12);
	task = jem_json_first(&doc, member(&doc, 0, "tasks"));
	CHECK_EQ(number(&doc, task, "pid"), 52);
	CHECK_EQ(number(&doc, task, "run_ns"), 130000 + 15000);
	CHECK_EQ(number(&doc, task, "wait_ns"), 18000);
	CHECK_EQ(number(&doc, task, "slices"), 2);
	CHECK_EQ(number(&doc, task, "migrations"), 1);
	CHECK_OK(jem_json_get_str(&doc, member(&doc, task, "comm"), text, sizeof(text)));
	CHECK_STR(text, "two\"\x1b");
	command = jem_json_first(&doc, member(&doc, 0, "commands"));
	CHECK(jem_json_equals(&doc, member(&doc, command, "comm"), "one"));
	CHECK_NEAR(number(&doc, command, "first_s"), 10e-6, 1e-12);
	CHECK_NEAR(number(&doc, command, "last_s"), 160e-6, 1e-12);
	CHECK_NEAR(number(&doc, command, "run_s"), 200e-6, 1e-12);
	CHECK_EQ(number(&doc, command, "switches"), 2);
	CHECK_EQ(number(&doc, command, "pids"), 2);
	overload = member(&doc, 0, "overload");
	/* Core 1 is idle while 51 waits on core 0 from 10 to 12, 52 from 160 to 170, 51 from 170 to 185. */
	CHECK_NEAR(number(&doc, overload, "runnable_while_idle_s"), 27e-6, 1e-12);
	CHECK_EQ(number(&doc, overload, "episodes"), 2);
	CHECK_EQ(number(&doc, member(&doc, 0, "wakeup_latency"), "count"), 3);
	CHECK_EQ(number(&doc, member(&doc, member(&doc, 0, "moves"), "moved"), "unknown"), 1);
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&buf);
	sched_close(&b);
}

TESTS(T(tells_the_episode_of_the_papers_figure), T(an_episode_ends_with_the_window_and_the_cores),
      T(to_wait_for_a_core_that_comes_out_of_idle_is_no_violation),
      T(a_kernel_thread_of_its_core_could_not_run_elsewhere),
      T(a_core_of_which_events_are_lost_is_not_idle), T(joins_what_is_close_and_ranks_by_waste),
      T(keeps_the_worst_and_counts_all), T(lists_cores_as_ranges), T(sums_tasks_and_commands),
      T(sums_what_is_inside_the_window), T(parts_of_a_slice_are_one_slice),
      T(wakeup_latency_is_a_histogram_by_powers_of_two), T(moves_are_told_by_how_and_how_far),
      T(prints_all_numbers_as_json))
