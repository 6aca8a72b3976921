/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/metrics_source.h"

#include "common/cleanup.h"
#include "daemon/sources/metrics/metric_records.h"
#include "daemon/sources/metrics/observing.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <sys/timerfd.h>

enum {
	ENDS_A_TICK =
		250, /* processes that ended, published one by one in a tick; more are counted */
	CONNECTOR_PAUSE_MS = 50,
};

_Static_assert(JEM_METRICS_FOLDERS_MAX == JEM_FOLDERS_MAX, "the sampler takes as many folders");

struct jem_metrics_source {
	struct jem_batcher *batcher; /* borrowed, outlives us; or NULL */
	struct jem_sampler *sampler; /* owned */
	struct jem_process_rule rule;
	jem_sample_fn on_sample;
	void *arg;
	uv_loop_t *loop; /* borrowed, outlives us */
	uint64_t interval_ns;
	uint64_t next_ns; /* the deadline of the next tick */
	struct jem_metrics_ticks ticks;
	unsigned ends; /* published since the last tick */
	bool is_running;
	int timer_fd;
	uv_poll_t timer;
	uv_poll_t tasks; /* the task records' rings are half full, or there are events */
	uv_timer_t pause;
	bool has_tasks;
	unsigned open_handles;
	char work[PATH_MAX];
	char tmp[PATH_MAX];
	char home[PATH_MAX];
};

static enum jem_task_records records_of(const char *word)
{
	if (word && !strcmp(word, "off"))
		return JEM_TASK_RECORDS_OFF;
	if (word && !strcmp(word, "perf"))
		return JEM_TASK_RECORDS_PERF;
	if (word && !strcmp(word, "connector"))
		return JEM_TASK_RECORDS_CONNECTOR;
	return JEM_TASK_RECORDS_AUTO;
}

void jem_metrics_settings_load(const struct jem_config *config, struct jem_metrics_settings *ret)
{
	size_t count = jem_config_list_size(config, JEM_OPTION_metrics_folders);
	const char *pss = jem_config_str(config, JEM_OPTION_metrics_pss);

	*ret = (struct jem_metrics_settings){
		.interval_ns = jem_config_ns(config, JEM_OPTION_metrics_interval),
		.process_change =
			(double)jem_config_u64(config, JEM_OPTION_metrics_process_change) / 100,
		.process_every_ns = jem_config_ns(config, JEM_OPTION_metrics_process_every),
		.task_records = records_of(jem_config_str(config, JEM_OPTION_metrics_task_records)),
		.reads_pss = !pss || strcmp(pss, "off"),
		.pss_stall_ns = jem_config_ns(config, JEM_OPTION_metrics_pss_stall),
	};
	for (size_t i = 0; i < count && i < JEM_METRICS_FOLDERS_MAX; i++)
		ret->folders[ret->folder_count++] =
			jem_config_list_at(config, JEM_OPTION_metrics_folders, i);
}

/* --- a tick ----------------------------------------------------------------------------------- */

static void publish_processes(struct jem_metrics_source *source, uint64_t now_ns)
{
	struct jem_procset *set = &source->sampler->set;

	for (size_t i = 0; i < set->count; i++) {
		struct jem_process *process = set->list[i];

		if (process->is_present &&
		    jem_process_has_moved(set, process, &source->rule, now_ns))
			jem_metric_records_process(source->batcher, set, process, now_ns);
	}
}

static void on_end(void *arg, const struct jem_process *process)
{
	struct jem_metrics_source *source = arg;
	struct jem_process last = *process;

	if (!source->batcher)
		return;
	if (source->ends++ < ENDS_A_TICK)
		jem_metric_records_process(source->batcher, &source->sampler->set, &last,
					   jem_now_ns());
	else
		jem_batcher_drop(source->batcher, JEM_KIND_metric, JEM_CAUSE_rate_limited, 1);
}

void jem_metrics_source_sample(struct jem_metrics_source *source)
{
	uint64_t cpu_ns = jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	struct jem_sample sample;

	jem_sampler_take(source->sampler, &sample);
	if (source->batcher) {
		jem_metric_records_sample(source->batcher, &sample);
		if (sample.has_job)
			publish_processes(source, sample.mono_ns);
		jem_batcher_flush(source->batcher, JEM_KIND_metric);
	}
	source->ends = 0;
	source->ticks.taken++;
	if (source->on_sample)
		source->on_sample(source->arg, &sample);
	source->ticks.cost_s = (double)(jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns) / 1e9;
}

static void on_timer(uv_poll_t *poll, int status, int events)
{
	struct jem_metrics_source *source = poll->data;
	uint64_t expired = 0;

	(void)status, (void)events;
	if (read(source->timer_fd, &expired, sizeof(expired)) != sizeof(expired) || !expired)
		return;
	source->ticks.missed += expired - 1;
	source->next_ns += expired * source->interval_ns;
	source->ticks.late_s =
		(double)(int64_t)(jem_now_ns() - (source->next_ns - source->interval_ns)) / 1e9;
	jem_metrics_source_sample(source);
}

static void on_tasks(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
	struct jem_metrics_source *source = timer->data;

	uv_poll_start(&source->tasks, UV_READABLE, on_tasks);
}

static void on_tasks(uv_poll_t *poll, int status, int events)
{
	struct jem_metrics_source *source = poll->data;

	(void)status, (void)events;
	jem_sampler_drain(source->sampler);
	if (source->sampler->records != JEM_TASK_RECORDS_CONNECTOR)
		return;
	/* It wakes us for every process of the node: not more often than we need to keep up. */
	uv_poll_stop(&source->tasks);
	uv_timer_start(&source->pause, on_pause_over, CONNECTOR_PAUSE_MS, 0);
}

/* --- where the job is ------------------------------------------------------------------------- */

/* A variable of the job's environment, else of ours, else `otherwise`. */
static void find_folder(const char *root, pid_t job, const char *name, const char *otherwise,
			char ret[PATH_MAX])
{
	int fd = job ? jem_proc_open(root, "/proc/%d/environ", (int)job) : -1;
	auto_fclose FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	auto_free char *variable = NULL;
	size_t len = strlen(name);
	size_t size = 0;
	const char *value = getenv(name);

	if (!value || !*value)
		value = otherwise;
	while (file && getdelim(&variable, &size, '\0', file) > 0) {
		if (strncmp(variable, name, len) || variable[len] != '=')
			continue;
		value = variable + len + 1;
		break;
	}
	snprintf(ret, PATH_MAX, "%s", value && *value == '/' ? value : "");
}

static void find_folders(struct jem_metrics_source *source,
			 const struct jem_metrics_options *options)
{
	char link[PATH_MAX];
	ssize_t len;

	find_folder(options->root, options->job, "TMPDIR", "/tmp", source->tmp);
	find_folder(options->root, options->job, "HOME", NULL, source->home);
	if (options->work) {
		snprintf(source->work, sizeof(source->work), "%s", options->work);
	} else if (options->job) {
		snprintf(link, sizeof(link), "%s/proc/%d/cwd", options->root, (int)options->job);
		len = readlink(link, source->work, sizeof(source->work) - 1);
		source->work[len < 0 ? 0 : len] = '\0';
	}
}

/* --- life ------------------------------------------------------------------------------------- */

static int open_handles(struct jem_metrics_source *source)
{
	int status;

	source->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (source->timer_fd < 0)
		return -errno;
	status = uv_poll_init(source->loop, &source->timer, source->timer_fd);
	if (status < 0)
		return status;
	source->timer.data = source;
	source->open_handles++;
	if (jem_sampler_records_fd(source->sampler) >= 0 &&
	    !uv_poll_init(source->loop, &source->tasks, jem_sampler_records_fd(source->sampler))) {
		uv_timer_init(source->loop, &source->pause);
		source->tasks.data = source->pause.data = source;
		source->open_handles += 2;
		source->has_tasks = true;
	}
	return 0;
}

static int create_sampler(struct jem_metrics_source *source,
			  const struct jem_metrics_options *options)
{
	const struct jem_metrics_settings *settings = options->settings;
	struct jem_sampler_options of_sampler = {
		.root = options->root,
		.job = options->job,
		.launcher = options->launcher,
		.work = *source->work ? source->work : NULL,
		.tmp = *source->tmp ? source->tmp : NULL,
		.home = *source->home ? source->home : NULL,
		.folder_count = settings->folder_count,
		.task_records = settings->task_records,
		.reads_pss = settings->reads_pss,
		.pss_stall_ns = settings->pss_stall_ns,
		.on_end = on_end,
		.arg = source,
	};

	memcpy(of_sampler.folders, settings->folders, sizeof(settings->folders));
	return jem_sampler_create(&of_sampler, &source->sampler);
}

int jem_metrics_source_create(const struct jem_metrics_options *options,
			      struct jem_metrics_source **ret)
{
	struct jem_metrics_source *source = calloc(1, sizeof(*source));
	int status;

	if (!source)
		return -ENOMEM;
	source->batcher = options->batcher;
	source->on_sample = options->on_sample;
	source->arg = options->arg;
	source->loop = options->loop;
	source->interval_ns = options->settings->interval_ns;
	source->rule = (struct jem_process_rule){ .change = options->settings->process_change,
						  .every_ns = options->settings->process_every_ns };
	source->timer_fd = -1;
	find_folders(source, options);
	if ((status = create_sampler(source, options)) < 0 || (status = open_handles(source)) < 0) {
		jem_metrics_source_destroy(source);
		return status;
	}
	if (source->batcher)
		jem_observing_publish(source->batcher, source->sampler);
	*ret = source;
	return 0;
}

void jem_metrics_source_start(struct jem_metrics_source *source)
{
	struct itimerspec when;

	if (source->is_running)
		return;
	source->is_running = true;
	source->next_ns = jem_now_ns() + source->interval_ns;
	when.it_value.tv_sec = (time_t)(source->next_ns / 1000000000);
	when.it_value.tv_nsec = (long)(source->next_ns % 1000000000);
	when.it_interval.tv_sec = (time_t)(source->interval_ns / 1000000000);
	when.it_interval.tv_nsec = (long)(source->interval_ns % 1000000000);
	timerfd_settime(source->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
	uv_poll_start(&source->timer, UV_READABLE, on_timer);
	if (source->has_tasks)
		uv_poll_start(&source->tasks, UV_READABLE, on_tasks);
	jem_metrics_source_sample(source);
}

void jem_metrics_source_stop(struct jem_metrics_source *source)
{
	if (!source->is_running)
		return;
	source->is_running = false;
	uv_poll_stop(&source->timer);
	if (source->has_tasks) {
		uv_poll_stop(&source->tasks);
		uv_timer_stop(&source->pause);
	}
}

static void free_source(struct jem_metrics_source *source)
{
	if (source->timer_fd >= 0)
		close(source->timer_fd);
	jem_sampler_destroy(source->sampler);
	free(source);
}

static void on_closed(uv_handle_t *handle)
{
	struct jem_metrics_source *source = handle->data;

	if (!--source->open_handles)
		free_source(source);
}

void jem_metrics_source_destroy(struct jem_metrics_source *source)
{
	if (!source)
		return;
	source->batcher = NULL;
	if (!source->open_handles) {
		free_source(source);
		return;
	}
	if (source->has_tasks) {
		uv_close((uv_handle_t *)&source->tasks, on_closed);
		uv_close((uv_handle_t *)&source->pause, on_closed);
	}
	uv_close((uv_handle_t *)&source->timer, on_closed);
}

/* --- what the launcher tells ------------------------------------------------------------------ */

void jem_metrics_source_on_exec(struct jem_metrics_source *source, uint64_t mono_ns)
{
	jem_sampler_released(source->sampler, mono_ns);
}

void jem_metrics_source_on_reap(struct jem_metrics_source *source, const struct jem_reaped *reaped)
{
	jem_sampler_reaped(source->sampler, reaped);
}

void jem_metrics_source_on_exit(struct jem_metrics_source *source, const struct jem_reaped *reaped)
{
	if (!source->sampler->options.job || source->sampler->has_ended)
		return;
	jem_sampler_ended(source->sampler, reaped);
	jem_metrics_source_stop(source);
	jem_metrics_source_sample(source);
}

static double known(double value)
{
	return isnan(value) ? -1 : value;
}

void jem_metrics_source_totals(const struct jem_metrics_source *source, struct jem_job_totals *ret)
{
	const double *job = source->sampler->job_values;

	*ret = (struct jem_job_totals){ -1, -1, -1, -1, -1 };
	if (!source->sampler->options.job || !source->ticks.taken)
		return;
	ret->cpu_user_s = known(job[JEM_METRIC_cpu_user_s]);
	ret->cpu_system_s = known(job[JEM_METRIC_cpu_system_s]);
	ret->peak_rss_bytes = known(job[JEM_METRIC_peak_rss_bytes]);
	ret->limit_bytes = known(job[JEM_METRIC_memory_limit_bytes]);
	ret->processes = known(job[JEM_METRIC_processes_seen]);
}

const struct jem_metrics_ticks *jem_metrics_source_ticks(const struct jem_metrics_source *source)
{
	return &source->ticks;
}
