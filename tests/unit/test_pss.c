/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"
#include "daemon/sources/metrics/pss.h"

#include "tests/unit/check.h"
#include "tests/unit/tree.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1ull << 20)
#define S   1000000000ull

/* A child that holds `bytes` in `pieces` mappings until it is killed. */
static pid_t start_holder(size_t bytes, size_t pieces)
{
	int fds[2];
	pid_t pid;
	char byte;

	CHECK_OK(pipe(fds));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed check leaves nobody behind */
		for (size_t i = 0; i < pieces; i++) {
			char *memory = mmap(NULL, bytes / pieces + 4096, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (memory == MAP_FAILED)
				_exit(1);
			memset(memory, 1, bytes / pieces);
			mprotect(memory + bytes / pieces, 4096, PROT_NONE); /* keeps them apart */
		}
		if (write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	close(fds[1]);
	return pid;
}

static void end_holder(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static uint64_t truth(pid_t pid)
{
	char text[4096];

	CHECK_OK(jem_proc_read("", text, sizeof(text), "/proc/%d/smaps_rollup", (int)pid));
	return jem_proc_field(text, "Pss:", 0) << 10;
}

static void check_reading(size_t bytes, size_t pieces)
{
	pid_t pid = start_holder(bytes, pieces);
	struct jem_procset set;
	uint64_t now = jem_now_ns();
	uint64_t cpu_ns = jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t value;

	CHECK_OK(jem_procset_init(&set, "", pid, getpid()));
	CHECK_OK(jem_pss_read("", set.list[0], now));
	CHECK_NEAR((double)set.list[0]->pss.bytes, (double)truth(pid), 256 << 10);
	CHECK_GE(set.list[0]->pss.bytes, bytes);
	CHECK_EQ(set.list[0]->pss.read_ns, now);
	CHECK_GE(set.list[0]->pss.cost_ns, 1);
	/* What others did meanwhile is not paid for: the budget is of our processor time. */
	CHECK_LE(set.list[0]->pss.cost_ns, jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns);
	CHECK(jem_pss_value(&set, set.list[0], &value));
	CHECK_EQ(value, set.list[0]->pss.bytes);
	end_holder(pid);
	jem_procset_deinit(&set);
}

CASE(reads_small_processes_in_one_go)
{
	check_reading(20 * MIB, 4);
}

CASE(reads_large_ones_mapping_by_mapping)
{
	check_reading(100 * MIB, 50);
}

CASE(holds_no_lock_longer_than_for_one_mapping)
{
	pid_t pid = start_holder(256 * MIB, 64);
	struct jem_procset set;
	uint64_t best = 100;

	CHECK_OK(jem_procset_init(&set, "", pid, getpid()));
	/* A busy machine may take us off the processor within one: the best of 300 counts. */
	for (int i = 0; i < 300 && best > 25; i++) {
		CHECK_OK(jem_pss_read("", set.list[0], 1));
		if (set.list[0]->pss.stall_ns * 100 / set.list[0]->pss.cost_ns < best)
			best = set.list[0]->pss.stall_ns * 100 / set.list[0]->pss.cost_ns;
	}
	CHECK_LE(best, 25); /* percent; a sixty-fourth is in each mapping */
	end_holder(pid);
	jem_procset_deinit(&set);
}

/* A job of `count` processes of `rss_kb` in a recorded tree, each PSS half of it. */
static void open_tree(struct jem_procset *set, int count, unsigned long rss_kb)
{
	for (int i = 0; i < count; i++) {
		pid_t pid = 100 + i;
		char path[64];

		tree_process(&(struct tree_process){ .pid = pid,
						     .ppid = i ? 100 : 50,
						     .start_ticks = 1,
						     .rss_kb = rss_kb,
						     .anon_kb = rss_kb / 2 });
		snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
		tree_write(path, "Rss: %lu kB\nPss: %lu kB\n", rss_kb, rss_kb / 2);
		snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
		tree_write(path, "1000-2000 rw-p 0 0:0 0 /a Pss: 9 kB\nPss: %lu kB\nPss: 0 kB\n",
			   rss_kb / 2);
		if (i)
			jem_procset_add(set, pid, 100, 1);
		else
			CHECK_OK(jem_procset_init(set, check_folder(), pid, 50));
		CHECK_OK(jem_process_read(set->list[i], &set->reader, NULL));
	}
}

CASE(reads_everybody_once_and_then_only_who_changed)
{
	struct jem_procset set;
	struct jem_pss pss;

	open_tree(&set, 5, 8 << 10);
	jem_pss_init(&pss, 2000000);
	jem_pss_step(&pss, &set, 1, 100 * S);
	CHECK_EQ(pss.readings, 5);
	jem_pss_step(&pss, &set, 1, 101 * S);
	CHECK_EQ(pss.readings, 5);
	set.list[3]->memory.rss_bytes += 50 * MIB;
	jem_pss_step(&pss, &set, 1, 102 * S);
	CHECK_EQ(pss.readings, 6);
	CHECK_EQ(set.list[3]->pss.read_ns, 102 * S);
	CHECK_EQ(set.list[2]->pss.read_ns, 100 * S);
	jem_procset_deinit(&set);
}

CASE(spends_no_more_than_its_share)
{
	struct jem_procset set;
	struct jem_pss pss;

	open_tree(&set, 5, 8 << 10);
	jem_pss_init(&pss, 2000000);
	pss.credit_ns = -(int64_t)S; /* a second owed: four thousand seconds of a processor */
	jem_pss_step(&pss, &set, 1, 100 * S);
	CHECK_EQ(pss.readings, 0);
	jem_pss_step(&pss, &set, 1, 2000 * S);
	CHECK_EQ(pss.readings, 0);
	jem_pss_step(&pss, &set, 1, 4200 * S);
	CHECK_EQ(pss.readings, 5);
	jem_procset_deinit(&set);
}

CASE(stalls_nobody_for_more_than_a_thousandth)
{
	struct jem_process *large;
	struct jem_procset set;
	struct jem_pss pss;

	open_tree(&set, 1, 1 << 20);
	large = set.list[0];
	large->start_ns = 100 * S;
	jem_pss_init(&pss, 2000000);
	/* one mapping of 1 GiB: 6 ms predicted, so not within the first 6 s */
	tree_write("/proc/100/maps", "10000000-50000000 rw-p 00000000 00:00 0 \n");
	jem_pss_step(&pss, &set, 1, 103 * S);
	CHECK_EQ(pss.readings, 0);
	jem_pss_step(&pss, &set, 1, 107 * S);
	CHECK_EQ(pss.readings, 1);
	CHECK_EQ(large->pss.bytes, 512 * MIB);
	/* it turned out to stall for 20 ms: not again within 20 s, however it changes */
	large->pss.smaps_ns = 20000000;
	large->memory.rss_bytes += MIB * 100;
	pss.credit_ns = 50000000;
	jem_pss_step(&pss, &set, 1, 120 * S);
	CHECK_EQ(pss.readings, 1);
	jem_pss_step(&pss, &set, 1, 130 * S);
	CHECK_EQ(pss.readings, 2);
	jem_procset_deinit(&set);
}

/* The page table of one mapping from 256 MiB on, as pagemap gives it: `own` pages, then shared. */
static void write_pagemap(pid_t pid, size_t pages, size_t own)
{
	uint64_t *entries = calloc(pages, sizeof(*entries));
	char path[256];
	FILE *file;

	for (size_t i = 0; i < pages; i++)
		entries[i] = UINT64_C(1) << 63 | (i < own ? UINT64_C(1) << 56 : 0);
	snprintf(path, sizeof(path), "%s/proc/%d/pagemap", check_folder(), (int)pid);
	file = fopen(path, "w");
	CHECK(file);
	CHECK_OK(fseek(file, (256 << 20) / 4096 * 8, SEEK_SET));
	CHECK_EQ(fwrite(entries, sizeof(*entries), pages, file), pages);
	CHECK_OK(fclose(file));
	free(entries);
}

/* Until the scan that the first step begins is through, however slow the machine. */
static void step_through(struct jem_pss *pss, struct jem_procset *set, uint64_t now_ns)
{
	do
		jem_pss_step(pss, set, 1, now_ns);
	while (pss->is_scanning);
}

CASE(counts_pages_where_smaps_would_stall)
{
	struct jem_process *large;
	struct jem_procset set;
	struct jem_pss pss;
	uint64_t value;

	open_tree(&set, 1, 1 << 20);
	large = set.list[0];
	large->start_ns = 100 * S;
	tree_remove("/proc/100/smaps");
	/* The name of a file may be longer than what is read at a time. */
	tree_write("/proc/100/maps",
		   "1000-2000 ---p 00000000 00:00 0 /%05000d\n"
		   "10000000-50000000 rw-p 00000000 00:00 0 \n"
		   "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n",
		   0);
	write_pagemap(100, 262144, 262144 - 2560);
	jem_pss_init(&pss, 2000000);
	step_through(&pss, &set, 101 * S);
	CHECK_EQ(pss.readings, 1);
	CHECK(jem_pss_value(&set, large, &value));
	CHECK_EQ(value, 1024 * MIB - 5 * MIB); /* of 10 MiB shared, at most a half */
	CHECK_EQ(jem_pss_error(large), 5 * MIB);
	large->memory.rss_bytes = 0; /* it has ended */
	CHECK_EQ(jem_pss_error(large), 0);
	CHECK_EQ(large->pss.read_ns, 101 * S); /* the age counts from its start */
	jem_pss_deinit(&pss);
	jem_procset_deinit(&set);
}

CASE(invents_nothing_where_much_is_shared)
{
	struct jem_procset set;
	struct jem_pss pss;

	open_tree(&set, 1, 1 << 20);
	set.list[0]->start_ns = 100 * S;
	tree_write("/proc/100/maps", "10000000-50000000 rw-p 00000000 00:00 0 \n");
	write_pagemap(100, 262144, 131072);
	jem_pss_init(&pss, 2000000);
	step_through(&pss, &set, 101 * S);
	CHECK(!set.list[0]->pss.is_known);
	CHECK_EQ(jem_pss_error(set.list[0]), 1024 * MIB);
	/* by smaps, when 6 ms are a thousandth of its life */
	pss.credit_ns = 50000000;
	jem_pss_step(&pss, &set, 1, 107 * S);
	CHECK(set.list[0]->pss.is_known);
	CHECK_EQ(set.list[0]->pss.bytes, 512 * MIB);
	CHECK_EQ(jem_pss_error(set.list[0]), 0);
	jem_pss_deinit(&pss);
	jem_procset_deinit(&set);
}

CASE(gives_up_a_scan_when_the_process_ends_or_is_too_sparse)
{
	struct jem_procset set;
	struct jem_pss pss;

	open_tree(&set, 1, 1 << 20);
	tree_write("/proc/100/maps", "10000000-50000000 rw-p 00000000 00:00 0 \n");
	write_pagemap(100, 262144, 262144);
	jem_pss_init(&pss, 2000000);
	CHECK_OK(jem_pss_scan_open(&pss.scan, check_folder(), 100, 1024 * MIB));
	CHECK_EQ(jem_pss_scan_step(&pss.scan, 0), 0);
	CHECK_EQ(pss.scan.own_bytes, 2 * MIB); /* in slices */
	pss.is_scanning = true;
	pss.scan.start_ticks = 77; /* of an earlier process with this number */
	pss.credit_ns = -(int64_t)S;
	jem_pss_step(&pss, &set, 1, 100 * S);
	CHECK(!pss.is_scanning);
	CHECK(!set.list[0]->pss.is_known);
	CHECK_OK(jem_pss_scan_open(&pss.scan, check_folder(), 100, 1023 * MIB));
	CHECK_EQ(jem_pss_scan_step(&pss.scan, S), -E2BIG);
	jem_pss_scan_close(&pss.scan);
	jem_procset_deinit(&set);
}

CASE(scans_a_real_process_without_holding_it_up)
{
	pid_t pid = start_holder(512 * MIB, 1);
	struct jem_procset set;
	struct jem_process *process;
	struct jem_pss pss;

	CHECK_OK(jem_procset_init(&set, "", pid, getpid()));
	process = set.list[0];
	CHECK_OK(jem_process_read(process, &set.reader, NULL));
	jem_pss_init(&pss, 1000000); /* smaps would take 3 ms for the one mapping */
	step_through(&pss, &set, process->start_ns + 1000 * S);
	CHECK(process->pss.is_known);
	CHECK_EQ(process->pss.smaps_rss, process->memory.rss_bytes); /* predicted, not learnt */
	CHECK_LE(process->pss.bytes - jem_pss_error(process), truth(pid) + MIB);
	CHECK_GE(process->pss.bytes + MIB, truth(pid));
	/* What the kernel locks at a time is a page of the table, however large the mapping. */
	CHECK_OK(jem_pss_scan_open(&pss.scan, "", pid, UINT64_MAX));
	for (uint64_t before = 0, now; jem_pss_scan_step(&pss.scan, 0) == 0; before = now) {
		now = pss.scan.own_bytes + pss.scan.shared_bytes;
		CHECK_LE(now - before, 2 * MIB);
	}
	CHECK_GE(pss.scan.own_bytes, 512 * MIB);
	jem_pss_scan_close(&pss.scan);
	end_holder(pid);
	jem_procset_deinit(&set);
}

CASE(moves_with_anonymous_memory_between_readings)
{
	struct jem_process *process;
	struct jem_procset set;
	struct jem_pss pss;
	uint64_t value;

	open_tree(&set, 2, 8 << 10);
	process = set.list[0];
	jem_pss_init(&pss, 2000000);
	jem_pss_step(&pss, &set, 1, 100 * S);
	process->memory.rss_bytes += 64 << 10;
	process->memory.anon_bytes += 64 << 10;
	CHECK(jem_pss_value(&set, process, &value));
	CHECK_EQ(value, 4 * MIB + (64 << 10));
	process->memory.anon_bytes = 0;
	CHECK(jem_pss_value(&set, process, &value));
	CHECK_EQ(value, 0); /* half of it was shared: never below nothing */
	/* a copy that was never read shares its pages: its parent counts them */
	set.list[1]->pss = (struct jem_pss_reading){ 0 };
	CHECK(jem_pss_value(&set, set.list[1], &value));
	CHECK_EQ(value, 0);
	strcpy(set.list[1]->comm, "other");
	CHECK(jem_pss_value(&set, set.list[1], &value));
	CHECK_EQ(value, 4 * MIB);
	jem_procset_deinit(&set);
}

CASE(what_may_not_be_read_is_not_known)
{
	struct jem_procset set;
	struct jem_pss pss;
	uint64_t value;

	open_tree(&set, 1, 8 << 10);
	tree_remove("/proc/100/smaps_rollup");
	tree_remove("/proc/100/smaps");
	jem_pss_init(&pss, 2000000);
	jem_pss_step(&pss, &set, 1, 100 * S);
	CHECK(!jem_pss_value(&set, set.list[0], &value));
	jem_procset_deinit(&set);
}

TESTS(T(reads_small_processes_in_one_go), T(reads_large_ones_mapping_by_mapping),
      T(holds_no_lock_longer_than_for_one_mapping),
      T(reads_everybody_once_and_then_only_who_changed), T(spends_no_more_than_its_share),
      T(stalls_nobody_for_more_than_a_thousandth), T(counts_pages_where_smaps_would_stall),
      T(invents_nothing_where_much_is_shared),
      T(gives_up_a_scan_when_the_process_ends_or_is_too_sparse),
      T(scans_a_real_process_without_holding_it_up),
      T(moves_with_anonymous_memory_between_readings), T(what_may_not_be_read_is_not_known))
