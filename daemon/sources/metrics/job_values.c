/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/job_values.h"

#include <math.h>

/* The four of /proc/PID/io stand together in the table. */
_Static_assert(JEM_METRIC_write_bytes == JEM_METRIC_rchar_bytes + 3, "I/O metrics");

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static void set_tally(const struct jem_tally *tally, double *values)
{
	values[JEM_METRIC_cpu_user_s] = seconds(tally->user_ns);
	values[JEM_METRIC_cpu_system_s] = seconds(tally->system_ns);
	values[JEM_METRIC_minor_faults] = (double)tally->minor_faults;
	values[JEM_METRIC_major_faults] = (double)tally->major_faults;
	values[JEM_METRIC_voluntary_switches] = (double)tally->voluntary_switches;
	values[JEM_METRIC_involuntary_switches] = (double)tally->involuntary_switches;
	values[JEM_METRIC_rchar_bytes] = (double)tally->io.rchar;
	values[JEM_METRIC_wchar_bytes] = (double)tally->io.wchar;
	values[JEM_METRIC_read_bytes] = (double)tally->io.read_bytes;
	values[JEM_METRIC_write_bytes] = (double)tally->io.write_bytes;
}

static void set_rates(const struct jem_tally *now, const struct jem_tally *before, double elapsed_s,
		      double *values)
{
	if (elapsed_s <= 0)
		return;
	values[JEM_METRIC_cpu_cores] =
		seconds(now->user_ns + now->system_ns - before->user_ns - before->system_ns) /
		elapsed_s;
	values[JEM_METRIC_rchar_bytes_per_s] =
		(double)(now->io.rchar - before->io.rchar) / elapsed_s;
	values[JEM_METRIC_wchar_bytes_per_s] =
		(double)(now->io.wchar - before->io.wchar) / elapsed_s;
	values[JEM_METRIC_read_bytes_per_s] =
		(double)(now->io.read_bytes - before->io.read_bytes) / elapsed_s;
	values[JEM_METRIC_write_bytes_per_s] =
		(double)(now->io.write_bytes - before->io.write_bytes) / elapsed_s;
}

/* What living processes hold now. */
static void set_living(const struct jem_procset *set, double *values)
{
	double sums[8] = { 0 };
	bool has_files = false;

	for (size_t i = 0; i < set->count; i++) {
		const struct jem_process *process = set->list[i];

		if (!process->is_present || process->state == 'Z')
			continue;
		sums[0] += 1;
		sums[1] += (double)process->threads;
		sums[2] += process->state == 'D';
		sums[3] += (double)process->memory.anon_bytes;
		sums[4] += (double)process->memory.shmem_bytes;
		sums[5] += (double)process->memory.swap_bytes;
		sums[6] += (double)process->memory.vsize_bytes;
		if (process->open_files >= 0) {
			sums[7] += (double)process->open_files;
			has_files = true;
		}
	}
	values[JEM_METRIC_processes] = sums[0];
	values[JEM_METRIC_threads] = sums[1];
	values[JEM_METRIC_processes_blocked] = sums[2];
	values[JEM_METRIC_anon_bytes] = sums[3];
	values[JEM_METRIC_shmem_bytes] = sums[4];
	values[JEM_METRIC_swap_bytes] = sums[5];
	values[JEM_METRIC_vsize_bytes] = sums[6];
	if (has_files || !sums[0])
		values[JEM_METRIC_open_files] = sums[7];
}

static void set_pss(struct jem_sampler *sampler, uint64_t now_ns, double *values)
{
	const struct jem_procset *set = &sampler->set;
	uint64_t oldest = now_ns;
	uint64_t sum = 0;
	uint64_t error = 0;
	bool is_known = false;

	for (size_t i = 0; i < set->count; i++) {
		const struct jem_process *process = set->list[i];
		uint64_t since, bytes;

		if (!process->is_present)
			continue;
		error += jem_pss_error(process);
		if (!jem_pss_value(set, process, &bytes))
			continue;
		sum += bytes;
		since = process->pss.is_known ? process->pss.read_ns : process->start_ns;
		is_known |= process->pss.is_known;
		if (since < oldest && process->memory.rss_bytes)
			oldest = since;
	}
	if (sum > sampler->peak_pss_bytes && is_known)
		sampler->peak_pss_bytes = sum;
	if (sampler->peak_pss_bytes)
		values[JEM_METRIC_peak_pss_bytes] = (double)sampler->peak_pss_bytes;
	if (!is_known)
		return;
	values[JEM_METRIC_pss_bytes] = (double)sum;
	values[JEM_METRIC_pss_error_bytes] = (double)error;
	values[JEM_METRIC_pss_age_s] = seconds(now_ns - oldest);
}

void jem_job_values(struct jem_sampler *sampler, uint64_t now_ns, double elapsed_s,
		    double values[JEM_METRIC_COUNT])
{
	const struct jem_procset *set = &sampler->set;
	const struct jem_job_sums *sums = &sampler->sums;

	set_tally(&sums->total, values);
	set_rates(&sums->total, &sampler->last_total, elapsed_s, values);
	set_living(set, values);
	values[JEM_METRIC_rss_bytes] = (double)sums->rss_bytes;
	values[JEM_METRIC_peak_rss_bytes] = (double)sums->peak_rss_bytes;
	values[JEM_METRIC_processes_seen] = (double)set->seen;
	values[JEM_METRIC_wall_s] = seconds(now_ns - sampler->start_ns);
	if (sampler->options.reads_pss)
		set_pss(sampler, now_ns, values);
}

void jem_job_values_limit(const struct jem_sampler *sampler, double values[JEM_METRIC_COUNT])
{
	double total = sampler->node_values[JEM_METRIC_memory_total_bytes];
	double *limit = &values[JEM_METRIC_memory_limit_bytes];

	if (isnan(*limit) || *limit > total)
		*limit = total;
}

void jem_process_values(const struct jem_procset *set, const struct jem_process *process,
			uint64_t now_ns, double values[JEM_METRIC_COUNT])
{
	uint64_t end_ns = process->end_ns ? process->end_ns : now_ns;
	bool is_alive = process->is_present && process->state != 'Z';
	uint64_t pss;

	for (int i = 0; i < JEM_METRIC_COUNT; i++)
		values[i] = NAN;
	values[JEM_METRIC_wall_s] =
		seconds(end_ns > process->start_ns ? end_ns - process->start_ns : 0);
	if (!process->was_read && !process->has_reaped_times)
		return;
	set_tally(&process->own, values);
	if (!process->has_io)
		for (int i = JEM_METRIC_rchar_bytes; i <= JEM_METRIC_write_bytes; i++)
			values[i] = NAN;
	if (!process->was_read)
		return;
	values[JEM_METRIC_peak_rss_bytes] = (double)process->peak_rss_bytes;
	if (!is_alive)
		return;
	values[JEM_METRIC_rss_bytes] = (double)process->memory.rss_bytes;
	values[JEM_METRIC_anon_bytes] = (double)process->memory.anon_bytes;
	values[JEM_METRIC_shmem_bytes] = (double)process->memory.shmem_bytes;
	values[JEM_METRIC_swap_bytes] = (double)process->memory.swap_bytes;
	values[JEM_METRIC_vsize_bytes] = (double)process->memory.vsize_bytes;
	values[JEM_METRIC_threads] = (double)process->threads;
	if (process->open_files >= 0)
		values[JEM_METRIC_open_files] = (double)process->open_files;
	if (process->pss.is_known && jem_pss_value(set, process, &pss)) {
		values[JEM_METRIC_pss_bytes] = (double)pss;
		values[JEM_METRIC_pss_error_bytes] = (double)jem_pss_error(process);
		values[JEM_METRIC_pss_age_s] = seconds(now_ns - process->pss.read_ns);
	}
}
