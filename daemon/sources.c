/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources.h"

#include "common/log.h"
#include "daemon/prmon.h"
#include "daemon/rules/threshold.h"
#include "daemon/sources/calls/calls_source.h"
#include "daemon/sources/credential.h"
#include "daemon/sources/environment.h"
#include "daemon/sources/log/log_source.h"
#include "daemon/sources/metrics/metrics_source.h"
#include "daemon/sources/metrics/proc_read.h"
#include "daemon/sources/sched/sched_source.h"
#include "daemon/sources/script/script_source.h"
#include "daemon/sources/self.h"
#include "daemon/sources/wall_clock.h"

#include <errno.h>
#include <stdlib.h>

/* Between two samples where nothing else is asked for, as prmon has it. */
static const uint64_t PRMON_INTERVAL_NS = 30000000000u;

/* Each is owned, and NULL where it could not be created. */
struct jem_sources {
	struct jem_sources_options options;
	struct jem_threshold_rules *rules;
	struct jem_prmon_files *prmon; /* NULL too where none is asked for */
	struct jem_metrics_source *metrics;
	struct jem_log_source *logs;
	struct jem_calls_source *calls;    /* NULL too where none is asked for */
	struct jem_sched_source *sched;    /* the same */
	struct jem_script_source *scripts; /* the same */
	struct jem_credential_source *credentials;
	struct jem_self_source *self;
	struct jem_wall_clock_source *wall_clock;
	uint64_t settle_ns; /* until then; and who waits for it */
	void (*on_settled)(void *arg);
	void *settled_arg;
	bool is_stopped;
};

static void check_created(const char *what, int status)
{
	if (status < 0)
		log_warning("no %s: %s, ignoring", what, strerror(-status));
}

static void on_sample(void *arg, const struct jem_sample *sample)
{
	struct jem_sources *sources = arg;

	if (sources->rules)
		jem_threshold_rules_sample(sources->rules, sample);
	if (sources->prmon)
		jem_prmon_sample(sources->prmon, sample);
}

/* The files are what prmon is called for: without them there is nothing to do. */
static int open_prmon(struct jem_sources *sources)
{
	const struct jem_sources_options *given = &sources->options;
	struct jem_err err;
	int status;

	if (!given->prmon_text && !given->prmon_json)
		return 0;
	status = jem_prmon_open(given->prmon_text, given->prmon_json, &sources->prmon, &err);
	if (status < 0)
		log_error("%s", err.text);
	return status;
}

static void finish_prmon(struct jem_sources *sources)
{
	int status = jem_prmon_finish(sources->prmon);

	if (status < 0)
		log_error("cannot write %s: %s", sources->options.prmon_json, strerror(-status));
	sources->prmon = NULL;
}

static int open_metrics(struct jem_sources *sources)
{
	const struct jem_sources_options *given = &sources->options;
	struct jem_metrics_settings settings;
	struct jem_proc_stat job;
	struct jem_metrics_options options = {
		.loop = given->loop,
		.batcher = given->batcher,
		.settings = &settings,
		.job = given->pid,
		.root = "",
		.on_sample = on_sample,
		.arg = sources,
	};

	jem_metrics_settings_load(given->config, &settings);
	if (sources->prmon && !jem_config_is_set(given->config, JEM_OPTION_metrics_interval))
		settings.interval_ns = PRMON_INTERVAL_NS;
	if (given->is_launched && !jem_proc_read_stat("", options.job, &job))
		options.launcher = job.ppid;
	return jem_metrics_source_create(&options, &sources->metrics);
}

/* Names of files are meant from the job's folder, which is ours where we were launched. */
static int open_logs(struct jem_sources *sources)
{
	const struct jem_sources_options *given = &sources->options;
	const struct jem_log_options options = {
		.loop = given->loop,
		.batcher = given->batcher,
		.redactor = given->redactor,
		.job = given->job,
		.config = given->config,
		.exclude = getenv("JEM_FOLDER"),
		.offsets_path = jem_config_str(given->config, JEM_OPTION_log_offsets),
	};

	return jem_log_source_create(&options, &sources->logs);
}

static int open_calls(struct jem_sources *sources)
{
	const struct jem_sources_options *given = &sources->options;
	const struct jem_calls_options options = {
		.loop = given->loop,
		.batcher = given->batcher,
		.config = given->config,
		.pid = given->pid,
		.is_launched = given->is_launched,
		.address = getenv("JEM_CALLS_SOCKET"),
	};

	if (sources->prmon || (!options.address && !given->pid) ||
	    !jem_calls_source_is_wanted(given->config))
		return 0;
	return jem_calls_source_create(&options, &sources->calls);
}

static int open_sched(struct jem_sources *sources)
{
	const struct jem_sources_options *given = &sources->options;
	struct jem_proc_stat job;
	struct jem_sched_source_options options = {
		.loop = given->loop,
		.batcher = given->batcher,
		.config = given->config,
		.pid = given->pid,
	};

	if (sources->prmon || !jem_sched_source_is_wanted(given->config))
		return 0;
	if (given->is_launched && !jem_proc_read_stat("", given->pid, &job))
		options.launcher = job.ppid;
	return jem_sched_source_create(&options, &sources->sched);
}

static int open_scripts(struct jem_sources *sources)
{
	const struct jem_sources_options *given = &sources->options;
	const struct jem_script_options options = {
		.loop = given->loop,
		.batcher = given->batcher,
		.config = given->config,
		.address = given->is_launched ? getenv("JEM_SCRIPTS_SOCKET") : NULL,
		.pid = given->pid,
	};

	if (sources->prmon || !given->pid || !jem_script_source_is_wanted(given->config))
		return 0;
	return jem_script_source_create(&options, &sources->scripts);
}

static int open_credentials(struct jem_sources *sources)
{
	const struct jem_sources_options *given = &sources->options;
	const struct jem_credential_options options = {
		.loop = given->loop,
		.batcher = given->batcher,
		.warn_ns = jem_config_ns(given->config, JEM_OPTION_credential_warn),
		.pid = given->pid,
		.root = "",
	};

	return given->pid > 0 ? jem_credential_source_create(&options, &sources->credentials) : 0;
}

static bool read_calls(void *arg, struct jem_calls_account *ret)
{
	return jem_calls_source_account(arg, ret);
}

int jem_sources_create(const struct jem_sources_options *options, struct jem_sources **ret)
{
	struct jem_sources *sources = calloc(1, sizeof(*sources));
	int status;

	if (!sources)
		return -ENOMEM;
	sources->options = *options;
	status = open_prmon(sources);
	if (status < 0) {
		free(sources);
		return status;
	}
	check_created("threshold rules",
		      jem_threshold_rules_create(options->config, options->batcher, options->job,
						 &sources->rules));
	check_created("metrics", open_metrics(sources));
	check_created("logs", open_logs(sources));
	check_created("tracing of calls", open_calls(sources));
	check_created("scheduling", open_sched(sources));
	check_created("following of scripts", open_scripts(sources));
	check_created("watch on credentials", open_credentials(sources));
	check_created("self-metrics", jem_self_source_create(options->loop, options->batcher,
							     options->outlets, &sources->self));
	if (sources->self && sources->metrics)
		jem_self_source_add_ticks(sources->self,
					  jem_metrics_source_ticks(sources->metrics));
	if (sources->self && sources->calls)
		jem_self_source_add_calls(sources->self, read_calls, sources->calls);
	check_created("watch on the clock",
		      jem_wall_clock_source_create(options->loop, options->batcher, options->clock,
						   &sources->wall_clock));
	*ret = sources;
	return 0;
}

static void on_late_logs(void *arg, const char *body, size_t len)
{
	jem_log_source_note_spooled(arg, body, len);
}

void jem_sources_start(struct jem_sources *sources)
{
	const struct jem_environment_options environment = {
		.batcher = sources->options.batcher,
		.pid = sources->options.pid,
		.root = "",
	};

	jem_environment_publish(&environment);
	if (sources->credentials)
		jem_credential_source_start(sources->credentials);
	if (sources->logs) {
		jem_outlets_each_late(sources->options.outlets, JEM_KIND_log, on_late_logs,
				      sources->logs);
		jem_log_source_start(sources->logs);
		for (int stream = 1; stream <= 2 && sources->options.pid > 0; stream++)
			jem_log_source_add_stream(sources->logs, sources->options.pid, stream,
						  sources->options.copies[stream - 1]);
		if (sources->options.is_launched)
			jem_log_source_hold_streams(sources->logs);
	}
	if (sources->metrics)
		jem_metrics_source_start(sources->metrics);
}

void jem_sources_on_exec(struct jem_sources *sources, uint64_t mono_ns, uint64_t from)
{
	if (sources->logs)
		jem_log_source_release_streams(sources->logs, from);
	if (sources->metrics)
		jem_metrics_source_on_exec(sources->metrics, mono_ns);
}

void jem_sources_on_program(struct jem_sources *sources, const char *path)
{
	if (sources->calls)
		jem_calls_source_program(sources->calls, path);
}

void jem_sources_on_untraced(struct jem_sources *sources, int64_t why)
{
	if (sources->calls && why >= 0)
		jem_calls_source_dead_end(sources->calls, (enum jem_dead_end)why);
}

int jem_sources_control(struct jem_sources *sources, const char *assignments, size_t len,
			struct jem_err *err)
{
	if (!sources->calls)
		return jem_err_set(err, -ENOTSUP,
				   "calls are not traced in this job; start it by jem run --calls "
				   "PATTERN");
	return jem_calls_source_control(sources->calls, assignments, len, err);
}

void jem_sources_on_reap(struct jem_sources *sources, const struct jem_reaped *reaped)
{
	if (sources->metrics)
		jem_metrics_source_on_reap(sources->metrics, reaped);
}

void jem_sources_on_exit(struct jem_sources *sources, const struct jem_reaped *reaped,
			 uint64_t deadline_ns, struct jem_job_totals *totals)
{
	*totals = (struct jem_job_totals){ -1, -1, -1, -1, -1 };
	if (sources->metrics) {
		jem_metrics_source_on_exit(sources->metrics, reaped->status < 0 ? NULL : reaped);
		jem_metrics_source_totals(sources->metrics, totals);
	}
	if (sources->logs)
		jem_log_source_flush(sources->logs, deadline_ns);
}

static void on_sched_settled(void *arg)
{
	struct jem_sources *sources = arg;

	if (sources->calls)
		jem_calls_source_settle(sources->calls, sources->settle_ns, sources->on_settled,
					sources->settled_arg);
	else
		sources->on_settled(sources->settled_arg);
}

/* One after the other: scheduling has nothing to wait for. */
void jem_sources_settle(struct jem_sources *sources, uint64_t deadline_ns,
			void (*on_settled)(void *arg), void *arg)
{
	sources->settle_ns = deadline_ns;
	sources->on_settled = on_settled;
	sources->settled_arg = arg;
	if (sources->scripts)
		jem_script_source_settle(sources->scripts);
	if (sources->sched)
		jem_sched_source_settle(sources->sched, deadline_ns, on_sched_settled, sources);
	else
		on_sched_settled(sources);
}

void jem_sources_stop(struct jem_sources *sources)
{
	if (sources->is_stopped)
		return;
	sources->is_stopped = true;
	if (sources->metrics && sources->prmon)
		jem_metrics_source_sample(sources->metrics); /* the summary is up to now */
	if (sources->metrics)
		jem_metrics_source_stop(sources->metrics);
	finish_prmon(sources);
	if (sources->logs)
		jem_log_source_stop(sources->logs);
	if (sources->calls)
		jem_calls_source_stop(sources->calls);
	if (sources->sched)
		jem_sched_source_stop(sources->sched);
	if (sources->scripts)
		jem_script_source_stop(sources->scripts);
	jem_credential_source_destroy(sources->credentials);
	sources->credentials = NULL;
	if (sources->self)
		jem_self_source_publish(sources->self);
}

void jem_sources_destroy(struct jem_sources *sources)
{
	if (!sources)
		return;
	jem_wall_clock_source_destroy(sources->wall_clock);
	jem_self_source_destroy(sources->self);
	jem_credential_source_destroy(sources->credentials);
	jem_script_source_destroy(sources->scripts);
	jem_sched_source_destroy(sources->sched);
	jem_calls_source_destroy(sources->calls);
	jem_log_source_destroy(sources->logs);
	jem_metrics_source_destroy(sources->metrics);
	jem_threshold_rules_destroy(sources->rules);
	free(sources);
}
