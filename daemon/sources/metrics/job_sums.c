/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/job_sums.h"

#include <string.h>
#include <unistd.h>

enum {
	BLOCK_BYTES = 512 /* of ru_inblock and ru_oublock */
};
static const uint64_t FORK_TO_EXEC_NS = 100000000; /* a copy this young may be about to exec */
static const uint64_t CLOCK_SLACK_NS = 50000000;   /* ticks of cutime that were rounded down */

static bool read_launcher_io(const struct jem_procset *set, struct jem_proc_io *ret)
{
	char text[512];

	return set->launcher &&
	       jem_proc_read(set->reader.root, text, sizeof(text), "/proc/%d/io",
			     (int)set->launcher) >= 0 &&
	       !jem_proc_parse_io(text, ret);
}

void jem_job_sums_begin(struct jem_job_sums *sums, const struct jem_procset *set)
{
	/* The job may be a child of ours: then we are what it was before its exec. */
	pid_t forked_by = set->launcher                    ? set->launcher
			  : set->list[0]->ppid == getpid() ? getpid()
							   : 0;
	struct jem_proc_status status;
	char text[4096];

	sums->has_launcher_io = read_launcher_io(set, &sums->launcher_before);
	if (forked_by &&
	    jem_proc_read(set->reader.root, text, sizeof(text), "/proc/%d/status",
			  (int)forked_by) >= 0 &&
	    !jem_proc_parse_status(text, &status))
		sums->launcher_peak_bytes = status.peak_rss_bytes;
}

static void lift(uint64_t *floor, uint64_t value)
{
	if (value > *floor)
		*floor = value;
}

/*
 * ru_maxrss is the highest of a process, of those it waited for, and of what it was before an exec:
 * straight after fork that is its parent. What the parent had, the job had; but only beyond what
 * any process of the job was seen to have is it certainly its own, beside what the others held.
 */
static void take_maxrss(struct jem_job_sums *sums, const struct jem_procset *set,
			const struct jem_reaped *reaped)
{
	uint64_t maxrss = reaped->maxrss_kb << 10;
	const struct jem_process *process = jem_procset_find(set, reaped->pid);
	uint64_t steady = sums->steady_rss_bytes;
	uint64_t own;

	if (maxrss <= sums->launcher_peak_bytes)
		return;
	lift(&sums->peak_rss_bytes, maxrss);
	if (!jem_job_sums_is_own_peak(sums, reaped))
		return;
	if (process) {
		own = process->memory.rss_bytes < process->before_rss_bytes
			      ? process->memory.rss_bytes
			      : process->before_rss_bytes;
		steady -= own < steady ? own : steady;
	}
	if (reaped->pid != set->job)
		lift(&sums->peak_rss_bytes, maxrss + steady);
	lift(&sums->highest_bytes, maxrss);
}

bool jem_job_sums_is_own_peak(const struct jem_job_sums *sums, const struct jem_reaped *reaped)
{
	uint64_t maxrss = reaped->maxrss_kb << 10;

	return maxrss > sums->highest_bytes && maxrss > sums->launcher_peak_bytes;
}

void jem_job_sums_see_peaks(struct jem_job_sums *sums, const struct jem_procset *set)
{
	for (size_t i = 0; i < set->count; i++)
		lift(&sums->highest_bytes, set->list[i]->memory.peak_rss_bytes);
}

void jem_job_sums_reaped(struct jem_job_sums *sums, struct jem_procset *set,
			 const struct jem_reaped *reaped)
{
	const struct jem_tally tally = {
		.user_ns = reaped->user_us * 1000,
		.system_ns = reaped->system_us * 1000,
		.minor_faults = reaped->minor_faults,
		.major_faults = reaped->major_faults,
		.voluntary_switches = reaped->voluntary_switches,
		.involuntary_switches = reaped->involuntary_switches,
		.io.read_bytes = reaped->in_blocks * BLOCK_BYTES,
		.io.write_bytes = reaped->out_blocks * BLOCK_BYTES,
	};

	jem_tally_add(&sums->reaped, &tally);
	take_maxrss(sums, set, reaped);
	if (!jem_procset_knows(set, reaped->pid))
		set->seen++;
}

void jem_job_sums_ended(struct jem_job_sums *sums, const struct jem_procset *set,
			const struct jem_process *process)
{
	const struct jem_process *parent = jem_procset_find(set, process->ppid);
	bool is_accounted = parent ? !parent->memory.ignores_sigchld : set->launcher != 0;

	if (is_accounted || !process->was_read)
		return;
	jem_tally_add(&sums->gone, &process->own);
	jem_tally_add(&sums->gone, &process->children);
	sums->processes_unreaped++;
}

/* A copy that has not become another program yet: its memory is its parent's. */
static bool is_fresh_copy(const struct jem_procset *set, const struct jem_process *process,
			  uint64_t now_ns)
{
	const struct jem_process *parent = jem_procset_find(set, process->ppid);

	return parent && now_ns - process->start_ns < FORK_TO_EXEC_NS &&
	       !strcmp(parent->comm, process->comm);
}

static void update_memory(struct jem_job_sums *sums, const struct jem_procset *set, uint64_t now_ns)
{
	uint64_t steady = 0;
	uint64_t rss = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct jem_process *process = set->list[i];
		uint64_t now = process->memory.rss_bytes;

		if (!process->is_present || is_fresh_copy(set, process, now_ns))
			continue;
		rss += now;
		steady += now < process->before_rss_bytes ? now : process->before_rss_bytes;
		lift(&sums->peak_rss_bytes, process->peak_rss_bytes);
	}
	jem_job_sums_see_peaks(sums, set);
	lift(&sums->peak_rss_bytes, rss);
	/* A peak that came and went between two readings, beside what the others held throughout. */
	for (size_t i = 0; i < set->count; i++) {
		const struct jem_process *process = set->list[i];
		uint64_t now = process->memory.rss_bytes;
		uint64_t before = process->before_rss_bytes;
		uint64_t own = now < before ? now : before;

		if (process->is_present && process->before_peak_bytes &&
		    !is_fresh_copy(set, process, now_ns) &&
		    process->peak_rss_bytes > process->before_peak_bytes)
			lift(&sums->peak_rss_bytes, steady - own + process->peak_rss_bytes);
	}
	sums->rss_bytes = rss;
	sums->steady_rss_bytes = steady;
}

/*
 * What a reaped process read and wrote is the launcher's now (its own is a few lines). rusage has
 * blocks that reached storage, but not these.
 */
static void add_launcher_io(const struct jem_job_sums *sums, const struct jem_procset *set,
			    struct jem_tally *sum)
{
	struct jem_proc_io io;

	if (!sums->has_launcher_io || !read_launcher_io(set, &io))
		return;
	sum->io.rchar += io.rchar - sums->launcher_before.rchar;
	sum->io.wchar += io.wchar - sums->launcher_before.wchar;
}

/* Time that nobody accounts for (children of a parent that ignores SIGCHLD): the clock saw it. */
static void add_unaccounted(struct jem_tally *sum, uint64_t clock_ns)
{
	uint64_t known = sum->user_ns + sum->system_ns;

	if (clock_ns < known + known / 100 + CLOCK_SLACK_NS)
		return;
	sum->system_ns += (uint64_t)((double)(clock_ns - known) * (double)sum->system_ns /
				     (double)(known + 1));
	sum->user_ns = clock_ns - sum->system_ns;
}

void jem_job_sums_update(struct jem_job_sums *sums, const struct jem_procset *set,
			 uint64_t clock_ns, uint64_t now_ns)
{
	struct jem_tally sum = sums->reaped;

	jem_tally_add(&sum, &sums->gone);
	for (size_t i = 0; i < set->count; i++) {
		if (!set->list[i]->is_present)
			continue; /* its parent's or the launcher's to tell */
		jem_tally_add(&sum, &set->list[i]->own);
		jem_tally_add(&sum, &set->list[i]->children);
	}
	add_launcher_io(sums, set, &sum);
	add_unaccounted(&sum, clock_ns);
	jem_split_time(&sums->total.user_ns, &sums->total.system_ns, sum.user_ns, sum.system_ns,
		       sum.user_ns + sum.system_ns);
	lift(&sums->total.minor_faults, sum.minor_faults);
	lift(&sums->total.major_faults, sum.major_faults);
	lift(&sums->total.voluntary_switches, sum.voluntary_switches);
	lift(&sums->total.involuntary_switches, sum.involuntary_switches);
	lift(&sums->total.io.rchar, sum.io.rchar);
	lift(&sums->total.io.wchar, sum.io.wchar);
	lift(&sums->total.io.read_bytes, sum.io.read_bytes);
	lift(&sums->total.io.write_bytes, sum.io.write_bytes);
	update_memory(sums, set, now_ns);
}
