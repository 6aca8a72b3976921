/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/run.h"

#include "tools/run/fd.h"
#include "tools/run/launch.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void make_folder(struct jem_launch *launch)
{
	const struct jem_run_options *options = &launch->options;
	struct jem_err err;

	jem_run_folder_init(&launch->folder);
	if (options->has_broker && !options->out)
		return;
	if (jem_run_folder_make(&launch->folder, options->out, &options->id, &err) < 0)
		jem_voice_fault(&launch->voice, "%s; the job runs without a report", err.text);
}

static void prepare_tee(struct jem_launch *launch)
{
	uint64_t max = jem_config_u64(launch->options.config, JEM_OPTION_report_max_bytes) / 4;
	int rc;

	jem_tee_init(&launch->tee);
	if (!launch->options.is_tee)
		return;
	rc = launch->folder.fd < 0 ? -ENOTDIR : jem_tee_prepare(&launch->tee, &launch->folder, max);
	if (rc < 0)
		jem_voice_fault(&launch->voice, "--tee: %s; the streams are left as they are",
				rc == -ENOTDIR ? "it needs a report folder (--out)"
					       : strerror(-rc));
}

static void prepare_calls(struct jem_launch *launch)
{
	struct jem_run_calls *calls = &launch->calls;

	jem_run_calls_prepare(calls, launch->options.config, &launch->folder,
			      launch->options.command[0]);
	if (calls->is_wanted && calls->why != JEM_DEAD_END_COUNT)
		jem_voice_fault(&launch->voice, "calls are not traced: %s; %s",
				jem_dead_ends[calls->why].text, jem_dead_ends[calls->why].remedy);
}

static void prepare_scripts(struct jem_launch *launch)
{
	struct jem_run_scripts *scripts = &launch->scripts;

	jem_run_scripts_prepare(scripts, launch->options.config, &launch->folder);
	if (scripts->why)
		jem_voice_fault(&launch->voice, "scripts are not followed: %s", scripts->why);
	else if (scripts->why_python)
		jem_voice_fault(&launch->voice, "Python is not followed: %s", scripts->why_python);
}

/* What the job has open must not stay open with us: its readers wait for the end of the stream. */
static void let_go(struct jem_launch *launch)
{
	const struct jem_tee *tee = &launch->tee;
	const int keep[] = {
		STDERR_FILENO,           launch->signals,     launch->sentinel.orders,
		launch->sentinel.status, launch->job.hold,    launch->job.result,
		launch->folder.fd,       launch->folder.lock, launch->folder.socket,
		launch->folder.log,      tee->streams[0].in,  tee->streams[0].out,
		tee->streams[0].copy,    tee->streams[1].in,  tee->streams[1].out,
		tee->streams[1].copy,
	};

	jem_fd_close(&launch->tee.given[0]);
	jem_fd_close(&launch->tee.given[1]);
	jem_fd_close_others(keep, sizeof(keep) / sizeof(*keep));
}

/* Signals that reached the group between the forks of sentinel and job. */
static void make_up(struct jem_launch *launch)
{
	uint64_t missed = jem_sentinel_missed_by(&launch->sentinel, launch->job.pid);

	for (int sig = 1; sig <= 64; sig++)
		if (missed >> (sig - 1) & 1)
			kill(launch->job.pid, sig);
}

static int fork_job(struct jem_launch *launch)
{
	struct jem_run_job_plan plan = {
		.command = launch->options.command,
		.inherited = &launch->inherited,
		.name = launch->options.id.name,
		.folder = launch->folder.fd >= 0 ? launch->folder.path : NULL,
		.calls = &launch->calls,
		.scripts = &launch->scripts,
		.streams = { launch->tee.given[0], launch->tee.given[1] },
	};
	int rc;

	launch->signals = jem_signals_open();
	rc = launch->signals;
	if (rc >= 0) {
		(void)jem_sentinel_start(&launch->sentinel);
		rc = jem_run_job_fork(&launch->job, &plan);
	}
	if (rc >= 0)
		return 0;
	jem_sentinel_stop(&launch->sentinel);
	jem_voice_fault(&launch->voice, "cannot watch the job: %s; it runs on its own",
			strerror(-rc));
	if (launch->options.is_strict)
		return JEM_EXIT_NOT_RUN;
	plan.folder = NULL;
	plan.calls = NULL;
	plan.scripts = NULL;
	rc = jem_run_job_become(&plan);
	jem_voice_fail("cannot run %s: %s", plan.command[0], strerror(rc));
	return rc == ENOENT ? JEM_EXIT_NOT_FOUND : JEM_EXIT_NOT_RUNNABLE;
}

static void start_monitors(struct jem_launch *launch)
{
	struct jem_monitors_plan plan = {
		.options = &launch->options,
		.folder = &launch->folder,
		.calls = &launch->calls,
		.scripts = &launch->scripts,
		.copies = { jem_tee_copy(&launch->tee, 0), jem_tee_copy(&launch->tee, 1) },
		.job = launch->job.pid,
	};

	/* Neither report nor broker: there is nobody to watch the job for. The fault has been told. */
	if (launch->folder.socket >= 0 || launch->options.has_broker)
		jem_monitors_start(&launch->monitors, &plan, &launch->voice);
	/* Only now: the monitors must not fall to us when their intermediate parent ends. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static int launch_job(struct jem_launch *launch)
{
	int status;

	jem_monitors_init(&launch->monitors);
	launch->sentinel.orders = launch->sentinel.status = -1;
	make_folder(launch);
	prepare_tee(launch);
	prepare_calls(launch);
	prepare_scripts(launch);
	if (launch->options.is_strict && launch->voice.fault_count) {
		jem_voice_fail("--strict: the job is not started");
		return JEM_EXIT_NOT_RUN;
	}
	status = fork_job(launch);
	if (status)
		return status;
	make_up(launch);
	let_go(launch);
	jem_tee_start(&launch->tee);
	start_monitors(launch);
	jem_loop_run(launch);
	if (launch->is_refused)
		jem_run_job_abandon(&launch->job);
	jem_sentinel_stop(&launch->sentinel);
	jem_ending_say_end(launch);
	return jem_ending_status(launch);
}

int jem_run_main(int argc, char **argv)
{
	struct jem_launch launch;
	int rc;

	memset(&launch, 0, sizeof(launch));
	jem_inherited_take(&launch.inherited);
	rc = jem_run_options_parse(&launch.options, argc, argv, &launch.voice);
	if (rc == 0)
		rc = launch_job(&launch);
	else
		rc = rc < 0 ? JEM_EXIT_NOT_RUN : 0;
	jem_run_options_deinit(&launch.options);
	return rc;
}
