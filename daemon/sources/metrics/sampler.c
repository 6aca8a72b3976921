/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/sampler.h"

#include "common/clock.h"
#include "daemon/sources/metrics/job_values.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OWN_FOLDERS = 3, /* work, tmp, home */
	ATTACH_MAX = 256,
};
static const uint64_t FOLDERS_WAIT_NS = 1000000;

static void clear(double values[JEM_METRIC_COUNT])
{
	for (int i = 0; i < JEM_METRIC_COUNT; i++)
		values[i] = NAN;
}

/* --- life ------------------------------------------------------------------------------------- */

static int create_folders(struct jem_sampler *sampler)
{
	const struct jem_sampler_options *options = &sampler->options;
	const char *paths[OWN_FOLDERS + JEM_FOLDERS_MAX] = { options->work, options->tmp,
							     options->home };
	int status;

	for (size_t i = 0; i < options->folder_count; i++)
		paths[OWN_FOLDERS + i] = options->folders[i];
	status = jem_folders_create(paths, OWN_FOLDERS + options->folder_count, &sampler->folders);
	if (!status)
		jem_folders_kick(sampler->folders);
	return status;
}

/* Threads of every process that is there already; one, while the launcher still holds the job. */
static size_t list_threads(const struct jem_procset *set, pid_t *tids)
{
	size_t count = 0;

	for (size_t i = 0; i < set->count; i++) {
		char path[64];
		DIR *dir;

		snprintf(path, sizeof(path), "/proc/%d/task", (int)set->list[i]->pid);
		dir = opendir(path);
		for (struct dirent *entry; dir && (entry = readdir(dir));)
			if (entry->d_name[0] != '.' && count < ATTACH_MAX)
				tids[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
		if (dir)
			closedir(dir);
	}
	return count;
}

static int open_perf(struct jem_sampler *sampler, const pid_t *tids, size_t count)
{
	int status = count < ATTACH_MAX ? jem_perf_tasks_open(tids, count, &sampler->perf) : -E2BIG;

	if (!status)
		sampler->records = JEM_TASK_RECORDS_PERF;
	return status;
}

static int open_connector(struct jem_sampler *sampler, const pid_t *tids, size_t count)
{
	sampler->events_fd = jem_proc_events_open();
	if (sampler->events_fd < 0)
		return sampler->events_fd;
	sampler->records = JEM_TASK_RECORDS_CONNECTOR;
	(void)jem_perf_tasks_open_clocks(tids, count, &sampler->perf);
	return 0;
}

/* On few processors perf, which tells of the job alone; on many the connector, which costs nothing. */
static int open_records(struct jem_sampler *sampler, const pid_t *tids, size_t count)
{
	enum jem_task_records asked = sampler->options.task_records;
	int perf_error = -ENOTSUP, error;

	if (*sampler->options.root || asked == JEM_TASK_RECORDS_OFF || !count)
		return -ENOTSUP;
	if (asked != JEM_TASK_RECORDS_CONNECTOR) {
		int cpus = jem_perf_tasks_cpus(tids[0]);

		if (asked == JEM_TASK_RECORDS_PERF || (cpus >= 0 && cpus <= JEM_PERF_CPUS_FEW))
			perf_error = open_perf(sampler, tids, count);
		if (!perf_error || asked == JEM_TASK_RECORDS_PERF)
			return perf_error;
	}
	error = open_connector(sampler, tids, count);
	if (error && asked == JEM_TASK_RECORDS_AUTO && perf_error == -ENOTSUP)
		perf_error = open_perf(sampler, tids, count);
	if (sampler->records != JEM_TASK_RECORDS_OFF)
		return 0;
	return asked == JEM_TASK_RECORDS_AUTO ? perf_error : error;
}

static void watch_tasks(struct jem_sampler *sampler)
{
	pid_t tids[ATTACH_MAX];
	size_t count = list_threads(&sampler->set, tids);

	sampler->records = JEM_TASK_RECORDS_OFF;
	sampler->records_error = open_records(sampler, tids, count);
	sampler->is_announced = sampler->records != JEM_TASK_RECORDS_OFF;
	for (size_t i = 0; i < sampler->set.count; i++) {
		struct jem_process *process = sampler->set.list[i];

		if (jem_process_read(process, &sampler->set.reader, NULL) < 0)
			continue;
		sampler->clock_base_ns += process->own.user_ns + process->own.system_ns +
					  process->children.user_ns + process->children.system_ns;
	}
}

static int create_job(struct jem_sampler *sampler)
{
	const struct jem_sampler_options *options = &sampler->options;
	struct jem_search search = { .now_ns = jem_now_ns() };
	int status =
		jem_procset_init(&sampler->set, options->root, options->job, options->launcher);

	if (status < 0)
		return status;
	status = jem_cgroup_create(options->root, options->job, &sampler->cgroup);
	if (status < 0)
		return status;
	if (!options->launcher)
		sampler->set.group_fd = jem_cgroup_open_procs(sampler->cgroup, getpid());
	sampler->start_ns = sampler->set.list[0]->start_ns;
	jem_procset_note_foreign(&sampler->set);
	jem_procset_search(&sampler->set, &search);
	watch_tasks(sampler);
	/* Those that were made between the search and the events. */
	sampler->set.walked_ns = 0;
	jem_procset_search(&sampler->set, &search);
	jem_job_sums_begin(&sampler->sums, &sampler->set);
	sampler->set.list[0]->inherited_rss_bytes = sampler->sums.launcher_peak_bytes;
	jem_pss_init(&sampler->pss, options->pss_stall_ns);
	return 0;
}

int jem_sampler_create(const struct jem_sampler_options *options, struct jem_sampler **ret)
{
	struct jem_sampler *sampler = calloc(1, sizeof(*sampler));
	int status;

	if (!sampler)
		return -ENOMEM;
	sampler->options = *options;
	sampler->set.group_fd = -1;
	sampler->events_fd = -1;
	if ((status = jem_node_create(options->root, &sampler->node)) < 0 ||
	    (status = create_folders(sampler)) < 0 ||
	    (options->job && (status = create_job(sampler)) < 0)) {
		jem_sampler_destroy(sampler);
		return status;
	}
	*ret = sampler;
	return 0;
}

void jem_sampler_destroy(struct jem_sampler *sampler)
{
	if (!sampler)
		return;
	jem_perf_tasks_close(sampler->perf);
	jem_proc_events_close(sampler->events_fd);
	jem_pss_deinit(&sampler->pss);
	jem_cgroup_destroy(sampler->cgroup);
	jem_procset_deinit(&sampler->set);
	jem_folders_destroy(sampler->folders);
	jem_node_destroy(sampler->node);
	free(sampler->extras);
	free(sampler);
}

/* --- node ------------------------------------------------------------------------------------- */

static void add_extra(struct jem_sampler *sampler, double value, const char *stem, unsigned number,
		      const char *unit)
{
	struct jem_extra *extra;

	if (sampler->extra_count == sampler->extra_cap) {
		size_t cap = sampler->extra_cap ? sampler->extra_cap * 2 : 16;
		struct jem_extra *larger = realloc(sampler->extras, cap * sizeof(*larger));

		if (!larger)
			return;
		sampler->extras = larger;
		sampler->extra_cap = cap;
	}
	extra = &sampler->extras[sampler->extra_count++];
	extra->value = value;
	snprintf(extra->name, sizeof(extra->name), "%s%u%s", stem, number, unit);
}

static void take_folders(struct jem_sampler *sampler)
{
	static const int metrics[OWN_FOLDERS][3] = {
		{ JEM_METRIC_work_free_bytes, JEM_METRIC_work_total_bytes,
		  JEM_METRIC_work_free_inodes },
		{ JEM_METRIC_tmp_free_bytes, JEM_METRIC_tmp_total_bytes,
		  JEM_METRIC_tmp_free_inodes },
		{ JEM_METRIC_home_free_bytes, JEM_METRIC_home_total_bytes,
		  JEM_METRIC_home_free_inodes },
	};
	struct jem_space space;

	jem_folders_wait(sampler->folders, FOLDERS_WAIT_NS);
	for (unsigned i = 0; i < OWN_FOLDERS + sampler->options.folder_count; i++) {
		jem_folders_read(sampler->folders, i, &space);
		if (!space.is_known)
			continue;
		if (i < OWN_FOLDERS) {
			sampler->node_values[metrics[i][0]] = space.free_bytes;
			sampler->node_values[metrics[i][1]] = space.total_bytes;
			sampler->node_values[metrics[i][2]] = space.free_inodes;
			continue;
		}
		add_extra(sampler, space.free_bytes, "folder", i - OWN_FOLDERS, "_free_bytes");
		add_extra(sampler, space.total_bytes, "folder", i - OWN_FOLDERS, "_total_bytes");
		add_extra(sampler, space.free_inodes, "folder", i - OWN_FOLDERS, "_free_inodes");
	}
}

static void take_node(struct jem_sampler *sampler)
{
	const struct jem_core *cores;
	size_t count;

	clear(sampler->node_values);
	sampler->extra_count = 0;
	jem_node_read(sampler->node, sampler->node_values);
	cores = jem_node_cores(sampler->node, &count);
	for (size_t i = 0; i < count; i++)
		add_extra(sampler, cores[i].busy_s, "core", cores[i].id, "_busy_s");
}

static void set_node_rate(struct jem_sampler *sampler, double elapsed_s)
{
	double cpu_s = sampler->node_values[JEM_METRIC_cpu_user_s] +
		       sampler->node_values[JEM_METRIC_cpu_system_s];

	if (elapsed_s > 0 && cpu_s >= sampler->last_node_cpu_s)
		sampler->node_values[JEM_METRIC_cpu_cores] =
			(cpu_s - sampler->last_node_cpu_s) / elapsed_s;
	sampler->last_node_cpu_s = cpu_s;
}

/* --- job -------------------------------------------------------------------------------------- */

static void end_process(struct jem_sampler *sampler, struct jem_process *process)
{
	if (process->is_gone)
		return;
	jem_job_sums_ended(&sampler->sums, &sampler->set, process);
	process->is_gone = true;
	process->is_present = false;
	process->state = 'X';
	if (!process->end_ns)
		process->end_ns = jem_now_ns();
	if (sampler->options.on_end)
		sampler->options.on_end(sampler->options.arg, process);
}

static void on_task_event(void *arg, const struct jem_task_event *event)
{
	struct jem_sampler *sampler = arg;
	struct jem_process *process = jem_procset_find(&sampler->set, event->pid);

	switch (event->type) {
	case JEM_TASK_FORK:
		if (event->pid == getpid())
			return;
		if (process && process->end_ns && event->time_ns > process->end_ns) {
			end_process(sampler, process); /* the pid is used again */
			jem_procset_sweep(&sampler->set);
			process = NULL;
		}
		if (!process)
			(void)jem_procset_add(&sampler->set, event->pid, event->ppid,
					      event->time_ns);
		return;
	case JEM_TASK_COMM:
		if (process)
			snprintf(process->comm, sizeof(process->comm), "%s", event->comm);
		return;
	case JEM_TASK_EXIT:
		if (process)
			process->end_ns = event->time_ns;
		return;
	}
}

/* Of any process of the node: only the job's are ours to know. */
static void on_node_event(void *arg, const struct jem_task_event *event)
{
	struct jem_sampler *sampler = arg;
	const struct jem_process *parent = jem_procset_find(&sampler->set, event->ppid);
	struct jem_process *process = jem_procset_find(&sampler->set, event->pid);

	if (event->type != JEM_TASK_FORK ||
	    (parent && (!parent->end_ns || event->time_ns < parent->end_ns))) {
		on_task_event(arg, event);
		return;
	}
	if (event->ppid == sampler->options.launcher)
		sampler->set.walked_ns = 0; /* CLONE_PARENT makes such a child of the launcher's */
	if (process && process->end_ns && event->time_ns > process->end_ns) {
		end_process(sampler, process); /* a stranger has its pid now */
		jem_procset_sweep(&sampler->set);
	}
}

static void take_task_events(struct jem_sampler *sampler)
{
	uint64_t lost = 0;

	if (sampler->records == JEM_TASK_RECORDS_PERF)
		lost = jem_perf_tasks_drain(sampler->perf, on_task_event, sampler);
	else if (sampler->records == JEM_TASK_RECORDS_CONNECTOR)
		lost = jem_proc_events_drain(sampler->events_fd, on_node_event, sampler);
	if (lost) { /* whom it was about is found by walking */
		sampler->records_lost += lost;
		sampler->set.walked_ns = 0;
	}
}

/* Those that came and went since the last look: there is nothing to read of them. */
static void end_short_lived(struct jem_sampler *sampler)
{
	for (size_t i = 0; i < sampler->set.count; i++)
		if (sampler->set.list[i]->end_ns && !sampler->set.list[i]->was_read)
			end_process(sampler, sampler->set.list[i]);
	jem_procset_sweep(&sampler->set);
}

void jem_sampler_drain(struct jem_sampler *sampler)
{
	take_task_events(sampler);
	end_short_lived(sampler);
}

int jem_sampler_records_fd(const struct jem_sampler *sampler)
{
	return sampler->records == JEM_TASK_RECORDS_PERF ? jem_perf_tasks_fd(sampler->perf)
							 : sampler->events_fd;
}

static void read_process(struct jem_sampler *sampler, struct jem_process *process)
{
	const struct jem_procset *set = &sampler->set;

	if (jem_process_read(process, &set->reader, jem_procset_find(set, process->ppid)) < 0)
		end_process(sampler, process);
	else if (process->state != 'Z' || process->threads > 1)
		process->end_ns = 0; /* only its main thread has ended */
}

/* The known ones first: how many threads they have now tells where to look for new ones. */
static void read_processes(struct jem_sampler *sampler, const struct jem_search *search)
{
	struct jem_procset *set = &sampler->set;
	size_t known = set->count;

	for (size_t i = 0; i < known; i++)
		read_process(sampler, set->list[i]);
	if (!sampler->has_ended)
		jem_procset_search(set, search);
	for (size_t i = known; i < set->count; i++)
		read_process(sampler, set->list[i]);
	jem_procset_sweep(set);
}

/* Processor time by the perf clocks, with what was used before they began; 0: no clocks. */
static uint64_t clock_ns(const struct jem_sampler *sampler)
{
	return sampler->perf ? sampler->clock_base_ns + jem_perf_tasks_cpu_ns(sampler->perf) : 0;
}

static void take_job(struct jem_sampler *sampler, uint64_t now_ns, double elapsed_s)
{
	double *values = sampler->job_values;
	double forks = sampler->node_values[JEM_METRIC_forks];
	struct jem_search search = {
		.now_ns = now_ns,
		.forks = isnan(forks) ? 0 : (uint64_t)forks,
		.last_pid = jem_node_last_pid(sampler->node),
		.is_announced = sampler->is_announced,
	};
	struct jem_tally *last = &sampler->last_total;
	double cores;

	clear(values);
	jem_sampler_drain(sampler);
	read_processes(sampler, &search);
	jem_job_sums_update(&sampler->sums, &sampler->set, clock_ns(sampler), now_ns);
	cores = elapsed_s > 0
			? (double)(sampler->sums.total.user_ns + sampler->sums.total.system_ns -
				   last->user_ns - last->system_ns) /
				  (elapsed_s * 1e9)
			: 0;
	if (sampler->options.reads_pss && !sampler->has_ended)
		jem_pss_step(&sampler->pss, &sampler->set, cores, now_ns);
	jem_job_values(sampler, now_ns, elapsed_s, values);
	jem_cgroup_read(sampler->cgroup, now_ns, values);
	jem_job_values_limit(sampler, values);
	*last = sampler->sums.total;
}

/* Until its launcher lets it go, the job is only a copy of the launcher. */
static bool runs(const struct jem_sampler *sampler)
{
	return sampler->options.job && (!sampler->options.launcher || sampler->set.exec_ns);
}

void jem_sampler_take(struct jem_sampler *sampler, struct jem_sample *ret)
{
	uint64_t now_ns;
	double elapsed_s;

	jem_folders_kick(sampler->folders);
	take_node(sampler);
	now_ns = jem_now_ns();
	elapsed_s = sampler->last_ns ? (double)(now_ns - sampler->last_ns) / 1e9 : 0;
	set_node_rate(sampler, elapsed_s);
	if (sampler->options.job)
		take_job(sampler, now_ns, elapsed_s);
	take_folders(sampler);
	*ret = (struct jem_sample){
		.mono_ns = now_ns,
		.wall_ns = jem_wall_ns(),
		.elapsed_s = elapsed_s,
		.has_job = runs(sampler),
		.is_final = sampler->has_ended,
		.node = sampler->node_values,
		.job = sampler->job_values,
		.extras = sampler->extras,
		.extra_count = sampler->extra_count,
	};
	sampler->last_ns = now_ns;
}

/* --- what the launcher tells ------------------------------------------------------------------ */

void jem_sampler_released(struct jem_sampler *sampler, uint64_t exec_ns)
{
	if (!sampler->options.job)
		return;
	jem_procset_released(&sampler->set, exec_ns);
	sampler->start_ns = exec_ns;
}

/* wait4 told the last word on a process that we may have in the set. */
static void take_reaped(struct jem_sampler *sampler, const struct jem_reaped *reaped,
			bool is_own_peak)
{
	struct jem_process *process = jem_procset_find(&sampler->set, reaped->pid);

	if (!process)
		return;
	/* Of a process with children it is the last word on all of them together. */
	if (!process->has_children) {
		jem_split_time(&process->own.user_ns, &process->own.system_ns, reaped->user_us,
			       reaped->system_us, (reaped->user_us + reaped->system_us) * 1000);
		process->has_reaped_times = true;
		if (is_own_peak)
			process->peak_rss_bytes = reaped->maxrss_kb << 10;
	}
	if (!process->end_ns)
		process->end_ns = reaped->mono_ns;
	end_process(sampler, process);
}

/* A peak beyond all we have seen: look again, a parent may have grown since and handed it down. */
static bool is_own_peak(struct jem_sampler *sampler, const struct jem_reaped *reaped)
{
	struct jem_procset *set = &sampler->set;

	if (!jem_job_sums_is_own_peak(&sampler->sums, reaped))
		return false;
	for (size_t i = 0; i < set->count; i++)
		jem_process_read_memory(set->list[i], &set->reader);
	jem_job_sums_see_peaks(&sampler->sums, set);
	return jem_job_sums_is_own_peak(&sampler->sums, reaped);
}

void jem_sampler_reaped(struct jem_sampler *sampler, const struct jem_reaped *reaped)
{
	bool is_own;

	if (!sampler->options.job || jem_procset_is_foreign(&sampler->set, reaped->pid))
		return;
	take_task_events(sampler); /* so that it is known by name, however short it lived */
	is_own = is_own_peak(sampler, reaped);
	jem_job_sums_reaped(&sampler->sums, &sampler->set, reaped);
	take_reaped(sampler, reaped, is_own);
	end_short_lived(sampler);
}

void jem_sampler_ended(struct jem_sampler *sampler, const struct jem_reaped *reaped)
{
	struct jem_process *job;

	if (sampler->has_ended)
		return;
	if (reaped && reaped->pid == sampler->options.job) {
		jem_sampler_reaped(sampler, reaped);
	} else {
		job = jem_procset_find(&sampler->set, sampler->options.job);
		if (job) { /* a zombie still tells */
			(void)jem_process_read(job, &sampler->set.reader, NULL);
			end_process(sampler, job);
			jem_procset_sweep(&sampler->set);
		}
	}
	sampler->has_ended = true;
}
