/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/job_sums.h"

#include "tests/unit/check.h"
#include "tests/unit/tree.h"

#define MB (1000ull * 1000)
#define S  1000000000ull

static struct jem_procset set;
static struct jem_job_sums sums;

/* A launcher (50) of 2 MB that has read 100 bytes so far, and a job (100). */
static void open_job(void)
{
	tree_process(&(struct tree_process){
		.pid = 50, .ppid = 1, .rss_kb = 2000, .rchar = 100, .wchar = 10 });
	tree_process(&(struct tree_process){ .pid = 100, .ppid = 50, .start_ticks = 5 });
	CHECK_OK(jem_procset_init(&set, check_folder(), 100, 50));
	sums = (struct jem_job_sums){ 0 };
	jem_job_sums_begin(&sums, &set);
}

static void close_job(void)
{
	jem_procset_deinit(&set);
}

/* Reads all as a tick does. */
static void tick(uint64_t now_ns)
{
	for (size_t i = 0; i < set.count; i++) {
		struct jem_process *process = set.list[i];

		if (jem_process_read(process, &set.reader, jem_procset_find(&set, process->ppid)) <
		    0) {
			jem_job_sums_ended(&sums, &set, process);
			process->is_gone = true;
		}
	}
	jem_procset_sweep(&set);
	jem_job_sums_update(&sums, &set, 0, now_ns);
}

static void reap(const struct jem_reaped *reaped)
{
	struct jem_process *process = jem_procset_find(&set, reaped->pid);

	jem_job_sums_reaped(&sums, &set, reaped);
	if (process) {
		process->is_gone = true;
		process->is_present = false;
		jem_procset_sweep(&set);
	}
}

CASE(adds_up_living_processes_and_what_they_waited_for)
{
	open_job();
	tree_process(&(struct tree_process){ .pid = 100,
					     .ppid = 50,
					     .start_ticks = 5,
					     .user_ticks = 100,
					     .system_ticks = 50,
					     .child_user_ticks = 20,
					     .child_system_ticks = 10,
					     .rchar = 1000,
					     .write_bytes = 4096 });
	tree_process(&(struct tree_process){
		.pid = 101, .ppid = 100, .start_ticks = 6, .user_ticks = 7, .rchar = 50 });
	jem_procset_add(&set, 101, 100, 1);
	tick(10 * S);
	CHECK_EQ(sums.total.user_ns, 1270000000);
	CHECK_EQ(sums.total.system_ns, 600000000);
	CHECK_EQ(sums.total.io.rchar, 1050);
	CHECK_EQ(sums.total.io.write_bytes, 4096);
	close_job();
}

CASE(what_a_parent_accounts_for_is_not_counted_twice)
{
	open_job();
	tree_process(&(struct tree_process){
		.pid = 101, .ppid = 100, .start_ticks = 6, .user_ticks = 40, .wchar = 500 });
	jem_procset_add(&set, 101, 100, 1);
	tick(10 * S);
	CHECK_EQ(sums.total.user_ns, 400000000);
	/* it ends, and its parent waits for it: 10 ms more than we saw */
	tree_remove("/proc/101");
	tree_process(&(struct tree_process){
		.pid = 100, .ppid = 50, .start_ticks = 5, .child_user_ticks = 41, .wchar = 510 });
	tick(11 * S);
	CHECK_EQ(set.count, 1);
	CHECK_EQ(sums.total.user_ns, 410000000);
	CHECK_EQ(sums.total.io.wchar, 510);
	close_job();
}

CASE(keeps_what_nobody_accounts_for)
{
	open_job();
	tree_process(&(struct tree_process){
		.pid = 100, .ppid = 50, .start_ticks = 5, .sigignore = 0x10000 });
	tree_process(&(struct tree_process){
		.pid = 101, .ppid = 100, .start_ticks = 6, .user_ticks = 40, .wchar = 500 });
	jem_procset_add(&set, 101, 100, 1);
	tick(10 * S);
	tree_remove("/proc/101");
	tick(11 * S);
	tick(12 * S);
	CHECK_EQ(sums.total.user_ns, 400000000);
	CHECK_EQ(sums.total.io.wchar, 500);
	CHECK_EQ(sums.processes_unreaped, 1);
	close_job();
}

CASE(takes_the_launchers_word_for_what_it_reaped)
{
	open_job();
	tree_process(&(struct tree_process){
		.pid = 101, .ppid = 50, .start_ticks = 6, .user_ticks = 40, .rchar = 700 });
	jem_procset_add(&set, 101, 50, 1);
	tick(10 * S);
	CHECK_EQ(sums.total.io.rchar, 700);
	reap(&(struct jem_reaped){ .pid = 101,
				   .user_us = 412345,
				   .system_us = 1000,
				   .minor_faults = 300,
				   .in_blocks = 8 });
	tree_remove("/proc/101");
	/* what it had read is the launcher's now */
	tree_process(&(struct tree_process){
		.pid = 50, .ppid = 1, .rss_kb = 2000, .rchar = 850, .wchar = 10 });
	tick(11 * S);
	CHECK_EQ(sums.total.user_ns + sums.total.system_ns, 413345000);
	CHECK_EQ(sums.total.io.rchar, 750);
	CHECK_EQ(sums.total.io.read_bytes, 4096);
	CHECK_EQ(set.seen, 2);
	/* and one that we never saw */
	reap(&(struct jem_reaped){ .pid = 102, .user_us = 1000 });
	tick(12 * S);
	CHECK_EQ(sums.total.user_ns + sums.total.system_ns, 414345000);
	CHECK_EQ(set.seen, 3);
	close_job();
}

CASE(no_sum_ever_falls)
{
	uint64_t before;

	open_job();
	tree_process(&(struct tree_process){
		.pid = 101, .ppid = 100, .start_ticks = 6, .user_ticks = 40, .system_ticks = 9 });
	jem_procset_add(&set, 101, 100, 1);
	tick(10 * S);
	before = sums.total.user_ns + sums.total.system_ns;
	tree_remove("/proc/101"); /* ended within the reading: its parent does not tell yet */
	tick(11 * S);
	CHECK_EQ(sums.total.user_ns + sums.total.system_ns, before);
	CHECK_EQ(sums.total.minor_faults, 200);
	close_job();
}

CASE(time_that_only_the_clock_saw_counts)
{
	open_job();
	tree_process(&(struct tree_process){
		.pid = 100, .ppid = 50, .start_ticks = 5, .user_ticks = 75, .system_ticks = 25 });
	tick(10 * S);
	jem_job_sums_update(&sums, &set, 1010000000, 10 * S); /* within what ticks round off */
	CHECK_EQ(sums.total.user_ns + sums.total.system_ns, S);
	jem_job_sums_update(&sums, &set, 2 * S, 10 * S);
	CHECK_EQ(sums.total.user_ns + sums.total.system_ns, 2 * S);
	CHECK_NEAR((double)sums.total.system_ns, 0.5e9, 1e3);
	close_job();
}

static void memory(pid_t pid, pid_t ppid, const char *comm, unsigned long rss_kb,
		   unsigned long peak_kb)
{
	tree_process(&(struct tree_process){ .pid = pid,
					     .ppid = ppid,
					     .comm = comm,
					     .start_ticks = 5,
					     .rss_kb = rss_kb,
					     .peak_kb = peak_kb });
}

CASE(a_peak_between_two_readings_is_beside_what_the_others_held)
{
	open_job();
	memory(100, 50, "main", 100 << 10, 100 << 10);
	memory(101, 100, "child", 10 << 10, 10 << 10);
	jem_procset_add(&set, 101, 100, 1);
	tick(10 * S);
	CHECK_EQ(sums.rss_bytes, 110ull << 20);
	CHECK_EQ(sums.peak_rss_bytes, 110ull << 20);
	memory(101, 100, "child", 10 << 10, 300 << 10);
	tick(11 * S);
	CHECK_EQ(sums.rss_bytes, 110ull << 20);
	CHECK_EQ(sums.peak_rss_bytes, 400ull << 20);
	close_job();
}

CASE(a_copy_before_its_exec_does_not_double_the_memory)
{
	open_job();
	memory(100, 50, "main", 100 << 10, 100 << 10);
	memory(101, 100, "main", 100 << 10, 100 << 10);
	jem_procset_add(&set, 101, 100, 10 * S);
	tick(10 * S + 1000000);
	CHECK_EQ(sums.rss_bytes, 100ull << 20);
	CHECK_EQ(sums.peak_rss_bytes, 100ull << 20);
	tick(11 * S); /* it did not exec: then it holds them too */
	CHECK_EQ(sums.rss_bytes, 200ull << 20);
	close_job();
}

CASE(exec_forgets_the_parents_peak_but_not_its_own)
{
	struct jem_process *child;

	open_job();
	memory(100, 50, "main", 100 << 10, 150 << 10);
	memory(101, 100, "main", 100 << 10, 100 << 10);
	child = jem_procset_add(&set, 101, 100, 1);
	tick(10 * S);
	CHECK_EQ(child->peak_rss_bytes, 100ull << 20);
	memory(101, 100, "small", 2 << 10, 3 << 10); /* exec: VmHWM begins anew */
	tick(11 * S);
	CHECK_EQ(child->peak_rss_bytes, 3ull << 20);
	memory(101, 100, "small", 2 << 10, 500 << 10);
	tick(12 * S);
	memory(101, 100, "other", 1 << 10, 1 << 10); /* this peak was its own */
	tick(13 * S);
	CHECK_EQ(child->peak_rss_bytes, 500ull << 20);
	close_job();
}

CASE(ru_maxrss_counts_beyond_what_fork_hands_down)
{
	open_job();
	memory(100, 50, "main", 100 << 10, 200 << 10);
	tick(10 * S);
	tick(11 * S);
	CHECK_EQ(sums.peak_rss_bytes, 200ull << 20);
	/* the launcher's own 2 MB, from before the exec */
	CHECK(!jem_job_sums_is_own_peak(&sums,
					&(struct jem_reaped){ .pid = 7, .maxrss_kb = 2000 }));
	/* may be main's, handed down: the job had it, but not beside main */
	reap(&(struct jem_reaped){ .pid = 101, .maxrss_kb = 200 << 10 });
	CHECK_EQ(sums.peak_rss_bytes, 200ull << 20);
	/* nobody had so much: its own, beside the 100 MB that main held */
	reap(&(struct jem_reaped){ .pid = 102, .maxrss_kb = 300 << 10 });
	CHECK_EQ(sums.peak_rss_bytes, 400ull << 20);
	/* of the job itself it is its own and its children's: it stands alone */
	reap(&(struct jem_reaped){ .pid = 100, .maxrss_kb = 350 << 10 });
	CHECK_EQ(sums.peak_rss_bytes, 400ull << 20);
	close_job();
}

CASE(splits_a_total_without_either_part_falling)
{
	uint64_t user = 0, system = 0;
	uint64_t before_user = 0, before_system = 0;

	for (uint64_t total = 0; total < 1000; total += 7) {
		uint64_t share = total * 31 % 100;

		jem_split_time(&user, &system, share, 100 - share, total);
		CHECK_EQ(user + system, total);
		CHECK_GE(user, before_user);
		CHECK_GE(system, before_system);
		before_user = user;
		before_system = system;
	}
	jem_split_time(&user, &system, 1, 1, 5);
	CHECK_EQ(user, before_user);
	CHECK_EQ(system, before_system);
}

TESTS(T(adds_up_living_processes_and_what_they_waited_for),
      T(what_a_parent_accounts_for_is_not_counted_twice), T(keeps_what_nobody_accounts_for),
      T(takes_the_launchers_word_for_what_it_reaped), T(no_sum_ever_falls),
      T(time_that_only_the_clock_saw_counts),
      T(a_peak_between_two_readings_is_beside_what_the_others_held),
      T(a_copy_before_its_exec_does_not_double_the_memory),
      T(exec_forgets_the_parents_peak_but_not_its_own),
      T(ru_maxrss_counts_beyond_what_fork_hands_down),
      T(splits_a_total_without_either_part_falling))
