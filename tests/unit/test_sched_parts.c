/* SPDX-License-Identifier: Apache-2.0 */
/* What the live source of scheduling knows and sums up, with a /proc by hand where it reads one. */
#include "daemon/sources/sched/idle.h"
#include "daemon/sources/sched/known.h"
#include "daemon/sources/sched/sampling.h"
#include "daemon/sources/sched/summary.h"
#include "daemon/sources/sched/switches_ring.h"
#include "daemon/sources/sched/tree.h"

#include "tests/unit/check.h"

#include <errno.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

/* --- a /proc ---------------------------------------------------------------------------------- */

static void put(const char *path, const char *text)
{
	char whole[512];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s/%s", check_folder(), path);
	for (char *slash = whole + strlen(check_folder()) + 1; (slash = strchr(slash, '/'));
	     slash++) {
		*slash = '\0';
		mkdir(whole, 0700);
		*slash = '/';
	}
	file = fopen(whole, "w");
	CHECK(file);
	fputs(text, file);
	fclose(file);
}

static void put_process(int pid, int parent)
{
	char path[64];
	char text[128];

	snprintf(path, sizeof(path), "%d/status", pid);
	snprintf(text, sizeof(text), "Name:\tx\nUmask:\t0022\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\n",
		 pid, pid, parent);
	put(path, text);
}

/* --- known ------------------------------------------------------------------------------------ */

static struct jem_sched_task task_of(int32_t tid, int32_t pid, uint32_t parent)
{
	return (struct jem_sched_task){ .tid = tid,
					.pid = pid,
					.parent = parent,
					.comm = 0,
					.born_ns = INT64_MIN,
					.died_ns = INT64_MAX };
}

static enum jem_known_whose tell(struct jem_known *known, uint32_t index, int32_t tid, int32_t pid,
				 uint32_t parent)
{
	struct jem_sched_task task = task_of(tid, pid, parent);
	struct jem_known_task *told = jem_known_tell(known, index, &task, SECOND);

	CHECK(told);
	return told->whose;
}

CASE(children_of_the_job_are_the_jobs)
{
	struct jem_known known;

	CHECK_OK(jem_known_init(&known, check_folder(), 100, 0));
	CHECK_EQ(tell(&known, 0, 100, 100, JEM_SCHED_NONE), JEM_KNOWN_JOB);
	CHECK_EQ(tell(&known, 1, 101, 101, 0), JEM_KNOWN_JOB);
	CHECK_EQ(tell(&known, 2, 102, 101, 1), JEM_KNOWN_JOB);
	CHECK_EQ(tell(&known, 3, 200, 200, JEM_SCHED_NONE), JEM_KNOWN_FOREIGN);
	CHECK_EQ(tell(&known, 4, 201, 201, 3), JEM_KNOWN_FOREIGN);
	jem_known_deinit(&known);
}

CASE(forebears_in_proc_tell_where_the_birth_was_not_seen)
{
	struct jem_known known;

	put_process(100, 50);
	put_process(110, 100);
	put_process(120, 110);
	put_process(300, 1);
	CHECK_OK(jem_known_init(&known, check_folder(), 100, 0));
	CHECK_EQ(tell(&known, 0, 120, 0, JEM_SCHED_NONE), JEM_KNOWN_JOB);
	CHECK_EQ(jem_known_find(&known, 0)->pid, 120);
	CHECK_EQ(tell(&known, 1, 300, 0, JEM_SCHED_NONE), JEM_KNOWN_FOREIGN);
	CHECK_EQ(tell(&known, 2, 999, 0, JEM_SCHED_NONE), JEM_KNOWN_FOREIGN); /* gone */
	jem_known_deinit(&known);
}

CASE(what_was_handed_to_the_launcher_is_the_jobs_and_its_first_children_the_monitors)
{
	struct jem_known known;

	put_process(50, 1);
	put("50/task/50/children", "60 100 ");
	put_process(60, 50);
	put_process(100, 50);
	put_process(130, 50); /* its parent, of the job, has ended */
	CHECK_OK(jem_known_init(&known, check_folder(), 100, 50));
	CHECK_EQ(tell(&known, 0, 60, 0, JEM_SCHED_NONE), JEM_KNOWN_MONITOR);
	CHECK_EQ(tell(&known, 1, 130, 0, JEM_SCHED_NONE), JEM_KNOWN_JOB);
	CHECK_EQ(tell(&known, 2, 61, 61, 0), JEM_KNOWN_MONITOR);
	CHECK_EQ(tell(&known, 3, getpid(), 0, JEM_SCHED_NONE), JEM_KNOWN_FOREIGN); /* not in it */
	jem_known_deinit(&known);
}

CASE(the_dead_are_forgotten_and_the_living_are_not)
{
	struct jem_known known;

	CHECK_OK(jem_known_init(&known, check_folder(), 1, 0));
	for (uint32_t i = 0; i < 20000; i++) {
		struct jem_sched_task task = task_of((int32_t)i + 10, (int32_t)i + 10, 0);

		CHECK(jem_known_tell(&known, i, &task, SECOND));
		if (i % 10 == 0)
			continue;
		task.died_ns = SECOND;
		CHECK(jem_known_tell(&known, i, &task, SECOND));
	}
	CHECK_EQ(known.count, 20000);
	jem_known_sweep(&known, 2 * SECOND); /* they may still be asked for */
	CHECK_EQ(known.count, 20000);
	jem_known_sweep(&known, 4 * SECOND);
	CHECK_EQ(known.count, 2000);
	CHECK_EQ(jem_known_find(&known, 40)->tid, 50);
	CHECK(!jem_known_find(&known, 41));
	jem_known_deinit(&known);
}

/* --- sums ------------------------------------------------------------------------------------- */

static struct jem_sched_slice waited(uint64_t wait_ns, uint8_t flags)
{
	return (struct jem_sched_slice){ .wait_ns = wait_ns, .run_ns = 10, .flags = flags };
}

CASE(latencies_are_of_wakeups_and_to_an_eighth)
{
	static struct jem_sched_summary summary;

	for (uint64_t i = 1; i <= 1000; i++) {
		struct jem_sched_slice slice = waited(i * 1000, 0);

		jem_sched_summary_add(&summary, &slice, 0);
	}
	for (int i = 0; i < 5000; i++) { /* none of these is one */
		static const uint8_t flags[] = { JEM_SCHED_WAIT_PREEMPTED, JEM_SCHED_WAIT_UNKNOWN,
						 JEM_SCHED_WAIT_ONLY };
		struct jem_sched_slice slice = waited(99000000, flags[i % 3]);

		jem_sched_summary_add(&summary, &slice, 0);
	}
	CHECK_EQ(summary.wakeups, 1000);
	CHECK_GE(jem_sched_summary_latency(&summary, 0.5), 500000);
	CHECK_LE(jem_sched_summary_latency(&summary, 0.5), 500000 * 9 / 8);
	CHECK_GE(jem_sched_summary_latency(&summary, 0.99), 990000);
	CHECK_LE(jem_sched_summary_latency(&summary, 0.99), 1000000);
	CHECK_EQ(summary.latency_max_ns, 1000000);
	CHECK_EQ(jem_sched_summary_latency(&summary, 1), 1000000);
}

CASE(every_latency_is_counted_where_it_belongs)
{
	for (uint64_t ns = 0; ns < UINT64_MAX / 3; ns += ns / 7 + 1) {
		static struct jem_sched_summary summary;
		struct jem_sched_slice slice = waited(ns, 0);
		struct jem_sched_slice more = waited(UINT64_MAX, 0);

		memset(&summary, 0, sizeof(summary));
		jem_sched_summary_add(&summary, &slice, 0);
		jem_sched_summary_add(&summary, &more, 0);
		CHECK_GE(jem_sched_summary_latency(&summary, 0.5), ns);
		CHECK_LE(jem_sched_summary_latency(&summary, 0.5) - ns, ns / 8);
	}
}

CASE(what_goes_on_is_one_slice)
{
	static struct jem_sched_summary summary;
	struct jem_sched_slice first = waited(500, 0);
	struct jem_sched_slice rest = waited(0, JEM_SCHED_CONTINUED);

	jem_sched_summary_add(&summary, &first, 0);
	jem_sched_summary_add(&summary, &rest, 0);
	CHECK_EQ(summary.slices, 1);
	CHECK_EQ(summary.wakeups, 1);
	CHECK_EQ(summary.run_ns, 20);
}

CASE(idle_time_is_known_within_any_wait)
{
	struct jem_idle *idle;

	CHECK_OK(jem_idle_create(&idle));
	jem_idle_set(idle, 0, true, 1000000000);
	jem_idle_set(idle, 1, true, 1000400000); /* one is enough */
	jem_idle_set(idle, 0, false, 1001000000);
	jem_idle_set(idle, 1, false, 1002000000);
	jem_idle_set(idle, 0, true, 1005000000);
	CHECK_EQ(jem_idle_within(idle, 1000000000, 1002000000), 2000000);
	CHECK_EQ(jem_idle_within(idle, 1002000000, 1005000000), 0);
	CHECK_EQ(jem_idle_within(idle, 1001500000, 1004000000), 500000);
	CHECK_EQ(jem_idle_within(idle, 1004000000, 1006000000), 1000000); /* it still is */
	CHECK_EQ(jem_idle_within(idle, 5, 1000000000), 0);
	CHECK_EQ(jem_idle_within(idle, 1002000000, 1002000000), 0);
	jem_idle_destroy(idle);
}

CASE(idle_time_of_long_ago_is_bounded)
{
	struct jem_idle *idle;
	int64_t at = SECOND;

	CHECK_OK(jem_idle_create(&idle));
	for (int i = 0; i < 100000; i++, at += 50000)
		jem_idle_set(idle, 0, i % 2 == 0, at);
	/* Half of any time, however the points lie; before the oldest point none. */
	CHECK_NEAR((double)jem_idle_within(idle, at - SECOND / 2, at - SECOND / 4), SECOND / 8.0,
		   200000);
	CHECK_LE(jem_idle_within(idle, 0, at), SECOND * 5 / 2);
	jem_idle_destroy(idle);
}

/* --- sampling --------------------------------------------------------------------------------- */

CASE(sampling_sums_up_what_tasks_ran_and_waited)
{
	struct jem_sampling *sampling;
	struct jem_sched_sampled sampled;

	put("100/task/100/children", "101 ");
	put("100/task/100/schedstat", "5000 100 3\n");
	put("101/task/101/children", "");
	put("101/task/101/schedstat", "100 50 3\n");
	put("101/task/102/children", "");
	put("101/task/102/schedstat", "7 7 1\n");
	put("pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000\n");
	CHECK_OK(jem_sampling_create(check_folder(), 100, &sampling));
	CHECK_OK(jem_sampling_take(sampling, SECOND, &sampled));
	CHECK(!sampled.has_tasks); /* nothing to compare with */
	CHECK(sampled.pressure < 0);
	put("100/task/100/schedstat", "6000 300 4\n");
	put("101/task/101/schedstat", "30 20 1\n"); /* another task of the same number */
	put("pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=251000\n");
	CHECK_OK(jem_sampling_take(sampling, 2 * SECOND, &sampled));
	CHECK(sampled.has_tasks);
	CHECK_EQ(sampled.run_ns, 1030);
	CHECK_EQ(sampled.wait_ns, 220);
	CHECK_NEAR(sampled.pressure, 25, 1e-9);
	jem_sampling_destroy(sampling);
}

CASE(the_tree_has_every_thread_once)
{
	struct jem_sched_tree tree;

	put("7/task/7/children", "8 9 ");
	put("7/task/70/children", "10");
	put("8/task/8/children", "");
	put("9/task/9/children", "11");
	put("10/task/10/children", "");
	CHECK_OK(jem_sched_tree_walk(check_folder(), 7, &tree));
	CHECK_EQ(tree.count, 5); /* 11 is gone */
	CHECK(!tree.is_cut);
	jem_sched_tree_deinit(&tree);
	CHECK_EQ(jem_sched_tree_walk(check_folder(), 12, &tree), -ESRCH);
	jem_sched_tree_deinit(&tree);
}

/* --- records of perf -------------------------------------------------------------------------- */

struct stamped {
	uint32_t pid, tid;
	uint64_t ns;
};

static size_t take(struct jem_switches_ring *ring, uint32_t type, uint16_t misc, const void *body,
		   size_t len, struct jem_sched_event *ret, uint64_t *lost)
{
	static struct jem_sched_names names;
	const struct perf_event_header header = { .type = type,
						  .misc = misc,
						  .size = (uint16_t)(sizeof(header) + len) };

	return jem_switches_take(ring, &header, body, len, &names, ret, lost);
}

CASE(switches_of_perf_become_switches_to_and_from_idle)
{
	struct jem_switches_ring ring = { .cpu = 3 };
	struct jem_sched_event events[JEM_SWITCHES_AT_ONCE];
	struct stamped stamp = { 40, 41, 1000 };
	uint64_t lost = 0;

	CHECK_EQ(take(&ring, PERF_RECORD_SWITCH, 0, &stamp, sizeof(stamp), events, &lost), 1);
	CHECK_EQ(events[0].pid, 0);
	CHECK_EQ(events[0].other, 41);
	CHECK_EQ(events[0].cpu, 3);
	stamp.ns = 2000;
	CHECK_EQ(take(&ring, PERF_RECORD_SWITCH,
		      PERF_RECORD_MISC_SWITCH_OUT | PERF_RECORD_MISC_SWITCH_OUT_PREEMPT, &stamp,
		      sizeof(stamp), events, &lost),
		 1);
	CHECK_EQ(events[0].pid, 41);
	CHECK_EQ(events[0].other, 0);
	CHECK_EQ(events[0].detail, 0); /* it could have gone on */
	stamp.ns = 1500;               /* never back */
	CHECK_EQ(take(&ring, PERF_RECORD_SWITCH, PERF_RECORD_MISC_SWITCH_OUT, &stamp, sizeof(stamp),
		      events, &lost),
		 1);
	CHECK_EQ(events[0].detail, 1);
	CHECK_EQ(events[0].ns, 2000);
}

CASE(records_of_perf_that_are_cut_are_none)
{
	struct jem_switches_ring ring = { .cpu = 0 };
	struct jem_sched_event events[JEM_SWITCHES_AT_ONCE];
	char body[64];
	uint64_t lost = 0;

	memset(body, 0xff, sizeof(body));
	for (uint32_t type = 0; type < 24; type++)
		for (size_t len = 0; len <= sizeof(body); len++)
			CHECK_LE(take(&ring, type, 0, body, len, events, &lost),
				 JEM_SWITCHES_AT_ONCE);
	CHECK_EQ(take(&ring, PERF_RECORD_SWITCH, 0, body, 15, events, &lost), 0);
}

CASE(births_names_deaths_and_losses_of_perf_are_told)
{
	struct jem_switches_ring ring = { .cpu = 0 };
	struct jem_sched_event events[JEM_SWITCHES_AT_ONCE];
	struct {
		uint32_t pid, ppid, tid, ptid;
		uint64_t ns;
	} task = { 50, 40, 51, 41, 100 };
	struct {
		uint32_t pid, tid;
		char name[8];
		struct stamped stamp;
	} comm = { 50, 51, "work", { 50, 51, 200 } };
	struct {
		uint64_t id, n;
		struct stamped stamp;
	} gap = { 1, 9, { 50, 51, 300 } };
	uint64_t lost = 0;

	CHECK_EQ(take(&ring, PERF_RECORD_FORK, 0, &task, sizeof(task), events, &lost), 2);
	CHECK_EQ(events[0].type, JEM_SCHED_NEWTASK);
	CHECK_EQ(events[0].detail, CLONE_THREAD);
	CHECK_EQ(events[1].pid, 41);
	CHECK_EQ(events[1].other, 51);
	CHECK_EQ(take(&ring, PERF_RECORD_COMM, 0, &comm, sizeof(comm), events, &lost), 1);
	CHECK_EQ(events[0].type, JEM_SCHED_RENAME);
	CHECK(events[0].comm != JEM_SCHED_NONE);
	CHECK_EQ(take(&ring, PERF_RECORD_LOST, 0, &gap, sizeof(gap), events, &lost), 1);
	CHECK_EQ(lost, 9);
	CHECK_EQ(take(&ring, PERF_RECORD_EXIT, 0, &task, sizeof(task), events, &lost), 2);
	CHECK_EQ(events[0].type, JEM_SCHED_DEATH);
	CHECK_EQ(events[1].type, JEM_SCHED_SWITCH);
}

TESTS(T(children_of_the_job_are_the_jobs), T(forebears_in_proc_tell_where_the_birth_was_not_seen),
      T(what_was_handed_to_the_launcher_is_the_jobs_and_its_first_children_the_monitors),
      T(the_dead_are_forgotten_and_the_living_are_not),
      T(latencies_are_of_wakeups_and_to_an_eighth), T(every_latency_is_counted_where_it_belongs),
      T(what_goes_on_is_one_slice), T(idle_time_is_known_within_any_wait),
      T(idle_time_of_long_ago_is_bounded), T(sampling_sums_up_what_tasks_ran_and_waited),
      T(the_tree_has_every_thread_once), T(switches_of_perf_become_switches_to_and_from_idle),
      T(records_of_perf_that_are_cut_are_none), T(births_names_deaths_and_losses_of_perf_are_told))
