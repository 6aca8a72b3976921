/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"
#include "daemon/sources/metrics/procset.h"

#include "tests/unit/check.h"
#include "tests/unit/tree.h"

#include <errno.h>
#include <unistd.h>

enum {
	LAUNCHER = 50,
	JOB = 100
};

static unsigned long ticks_now(void)
{
	return (unsigned long)(jem_clock_read_ns(CLOCK_BOOTTIME) / 10000000);
}

static void add(pid_t pid, pid_t ppid, const char *children)
{
	tree_process(&(struct tree_process){
		.pid = pid, .ppid = ppid, .start_ticks = ticks_now(), .children = children });
}

/* A launcher with its monitor (60) and the job it holds. */
static void open_launched(struct jem_procset *set)
{
	add(LAUNCHER, 1, "60 100 ");
	add(60, LAUNCHER, "");
	add(JOB, LAUNCHER, "");
	CHECK_OK(jem_procset_init(set, check_folder(), JOB, LAUNCHER));
	jem_procset_note_foreign(set);
}

static void release(struct jem_procset *set)
{
	jem_procset_released(set, jem_now_ns());
}

static void search(struct jem_procset *set, uint64_t forks, pid_t last_pid)
{
	struct jem_search hints = { .now_ns = jem_now_ns(), .forks = forks, .last_pid = last_pid };

	jem_procset_search(set, &hints);
}

CASE(finds_children_of_any_thread)
{
	struct jem_procset set;

	open_launched(&set);
	release(&set);
	tree_process(&(struct tree_process){
		.pid = JOB, .ppid = LAUNCHER, .start_ticks = 1, .threads = 3 });
	tree_write("/proc/100/task/101/children", "200 ");
	tree_write("/proc/100/task/102/children", "201 202 ");
	add(200, JOB, "300 ");
	add(201, JOB, "");
	add(202, JOB, "");
	add(300, 200, "");
	set.list[0]->threads = 3;
	search(&set, 1, 1000);
	CHECK_EQ(set.count, 5);
	CHECK(jem_procset_find(&set, 300));
	CHECK(jem_procset_find(&set, 202));
	CHECK(!jem_procset_find(&set, 60));
	CHECK_EQ(set.seen, 5);
	for (size_t i = 1; i < set.count; i++) { /* parents before children */
		const struct jem_process *parent = jem_procset_find(&set, set.list[i]->ppid);
		size_t at = 0;

		while (set.list[at] != parent)
			at++;
		CHECK_LE(at, i - 1);
	}
	jem_procset_deinit(&set);
}

CASE(takes_orphans_that_the_launcher_got_but_no_monitors)
{
	struct jem_procset set;

	open_launched(&set);
	add(70, LAUNCHER, ""); /* came after we looked, but before the job was released */
	add(LAUNCHER, 1, "60 70 100 ");
	search(&set, 1, 100);
	CHECK_EQ(set.count, 1);
	usleep(25000); /* start times are in ticks of 10 ms */
	release(&set);
	usleep(25000);
	add(400, LAUNCHER, "");
	add(LAUNCHER, 1, "60 70 100 400 ");
	set.walked_ns = 0;
	search(&set, 2, 400);
	CHECK_EQ(set.count, 2);
	CHECK(jem_procset_find(&set, 400));
	CHECK(jem_procset_is_foreign(&set, 60));
	CHECK(jem_procset_is_foreign(&set, getpid()));
	jem_procset_deinit(&set);
}

CASE(looks_at_nothing_when_nothing_was_made)
{
	struct jem_procset set;

	open_launched(&set);
	release(&set);
	search(&set, 7, 100);
	add(200, JOB, "");
	add(JOB, LAUNCHER, "200 ");
	search(&set, 7, 100);
	CHECK_EQ(set.count, 1);
	search(&set, 8, 200);
	CHECK_EQ(set.count, 2);
	jem_procset_deinit(&set);
}

CASE(looks_at_few_new_pids_one_by_one)
{
	struct jem_procset set;

	open_launched(&set);
	release(&set);
	search(&set, 7, 190);
	search(&set, 7, 195);
	/* not in any list of children: only who looks at 196 to 205 finds it */
	add(200, JOB, "");
	add(203, 200, "");
	add(204, 1, "");
	search(&set, 12, 205);
	CHECK_EQ(set.count, 3);
	CHECK(jem_procset_find(&set, 203));
	CHECK(!jem_procset_find(&set, 204));
	/* a pid that was given before the last search, and showed only now */
	add(198, JOB, "");
	search(&set, 13, 206);
	CHECK(jem_procset_find(&set, 198));
	jem_procset_deinit(&set);
}

CASE(walks_when_too_many_were_made)
{
	struct jem_procset set;

	open_launched(&set);
	release(&set);
	search(&set, 7, 190);
	search(&set, 7, 195);
	add(200, JOB, "");
	add(30000, JOB, "");
	add(JOB, LAUNCHER, "30000 ");
	search(&set, 9000, 31000);
	CHECK(jem_procset_find(&set, 30000));
	CHECK(!jem_procset_find(&set, 200)); /* in no list: nobody's child */
	search(&set, 9001, 500);             /* pids began anew */
	jem_procset_deinit(&set);
}

CASE(stays_with_a_process_whose_parent_is_gone)
{
	struct jem_procset set;

	open_launched(&set);
	release(&set);
	add(JOB, LAUNCHER, "200 ");
	add(200, JOB, "300 ");
	add(300, 200, "");
	search(&set, 1, 300);
	CHECK_EQ(set.count, 3);
	jem_procset_find(&set, 200)->is_gone = true;
	jem_procset_sweep(&set);
	CHECK_EQ(set.count, 2);
	CHECK(jem_procset_find(&set, 300));
	CHECK(!jem_procset_find(&set, 200));
	CHECK(jem_procset_knows(&set, 200));
	add(300, 1, "301 ");
	add(301, 300, "");
	search(&set, 2, 90000);
	CHECK(jem_procset_find(&set, 301));
	jem_procset_deinit(&set);
}

CASE(tells_a_pid_that_is_used_again)
{
	struct jem_procset set;

	open_launched(&set);
	CHECK_OK(jem_process_read(set.list[0], &set.reader, NULL));
	tree_process(&(struct tree_process){ .pid = JOB, .ppid = 1, .start_ticks = 5 });
	CHECK_EQ(jem_process_read(set.list[0], &set.reader, NULL), -ESRCH);
	CHECK(!set.list[0]->is_present);
	tree_remove("/proc/100");
	CHECK_EQ(jem_process_read(set.list[0], &set.reader, NULL), -ESRCH);
	jem_procset_deinit(&set);
}

CASE(finds_sessions_of_a_job_beside_us)
{
	struct jem_procset set;

	tree_write("/proc/100/environ", "PATH=/bin");
	tree_process(
		&(struct tree_process){ .pid = JOB, .ppid = 9, .session = 9, .children = "200 " });
	tree_process(&(struct tree_process){ .pid = 200, .ppid = JOB, .session = 200 });
	CHECK_OK(jem_procset_init(&set, check_folder(), JOB, 0));
	search(&set, 1, 200);
	CHECK_EQ(set.count, 2);
	/* orphans: one of the session that 200 made, one of the session the job was born in */
	tree_process(&(struct tree_process){ .pid = 201, .ppid = 1, .session = 200 });
	tree_process(&(struct tree_process){ .pid = 202, .ppid = 1, .session = 9 });
	set.scanned_ns = 0;
	search(&set, 2, 202);
	CHECK(jem_procset_find(&set, 201));
	CHECK(!jem_procset_find(&set, 202));
	jem_procset_deinit(&set);
}

static void write_environment(pid_t pid, const char *variable)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	tree_write(path, "A=1%c%s%c", 0, variable, 0);
}

CASE(finds_who_carries_the_jobs_identifier)
{
	struct jem_procset set;

	unsetenv("PandaID");
	add(JOB, 9, "");
	add(9, 1, "");
	write_environment(JOB, "PandaID=12345");
	write_environment(9, "PandaID=");
	add(300, 1, "");
	write_environment(300, "PandaID=12345");
	add(301, 1, "");
	write_environment(301, "PandaID=123456");
	CHECK_OK(jem_procset_init(&set, check_folder(), JOB, 0));
	search(&set, 1, 400);
	CHECK_EQ(set.count, 2);
	CHECK(jem_procset_find(&set, 300));
	jem_procset_deinit(&set);
	/* The job's parent carries it too: then the pilot and all its jobs would be this job. */
	write_environment(9, "PandaID=12345");
	CHECK_OK(jem_procset_init(&set, check_folder(), JOB, 0));
	search(&set, 1, 400);
	CHECK_EQ(set.count, 1);
	jem_procset_deinit(&set);
}

CASE(knows_thousands_by_their_pid)
{
	struct jem_procset set;

	open_launched(&set);
	for (pid_t pid = 1000; pid < 1000 + 3 * JEM_PROCESSES_MAX; pid += 3)
		(void)jem_procset_add(&set, pid, JOB, 1);
	CHECK_EQ(set.count, JEM_PROCESSES_MAX);
	CHECK_EQ(set.refused, 1);
	for (size_t i = 0; i < set.count; i++) {
		CHECK(jem_procset_find(&set, set.list[i]->pid) == set.list[i]);
		set.list[i]->is_gone = i % 2;
	}
	CHECK(!jem_procset_find(&set, 1001));
	jem_procset_sweep(&set);
	CHECK_EQ(set.count, JEM_PROCESSES_MAX / 2);
	for (size_t i = 0; i < set.count; i++)
		CHECK(jem_procset_find(&set, set.list[i]->pid) == set.list[i]);
	jem_procset_deinit(&set);
}

CASE(a_job_that_is_gone_is_no_job)
{
	struct jem_procset set;

	CHECK_EQ(jem_procset_init(&set, check_folder(), 4711, 0), -ESRCH);
}

TESTS(T(finds_children_of_any_thread), T(takes_orphans_that_the_launcher_got_but_no_monitors),
      T(looks_at_nothing_when_nothing_was_made), T(looks_at_few_new_pids_one_by_one),
      T(walks_when_too_many_were_made), T(stays_with_a_process_whose_parent_is_gone),
      T(tells_a_pid_that_is_used_again), T(finds_sessions_of_a_job_beside_us),
      T(finds_who_carries_the_jobs_identifier), T(knows_thousands_by_their_pid),
      T(a_job_that_is_gone_is_no_job))
