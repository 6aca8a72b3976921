/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/launch.h"

#include "tools/run/core_flag.h"
#include "tools/run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

void jem_ending_say_start(const struct jem_launch *launch)
{
	const struct jem_run_options *options = &launch->options;

	if (!jem_run_link_is_open(&launch->monitors.daemon))
		return; /* the fault has been told */
	if (launch->folder.fd >= 0)
		jem_voice_say(&launch->voice,
			      "job %s, report in %s/index.html, watch with: jem watch %s",
			      options->id.name, launch->folder.shown, launch->folder.shown);
	else
		jem_voice_say(&launch->voice, "job %s, published to %s", options->id.name,
			      jem_config_list_at(options->config, JEM_OPTION_broker_url, 0));
}

static void describe_end(const struct jem_launch *launch, char *text, size_t size)
{
	int status = launch->end.status;
	double wall_s = (double)(launch->end.mono_ns - launch->job.released_ns) * 1e-9;
	const char *name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;

	if (WIFSIGNALED(status) && name)
		snprintf(text, size, "was ended by SIG%s%s after %.1f s", name,
			 WCOREDUMP(status) ? " (core dumped)" : "", wall_s);
	else if (WIFSIGNALED(status))
		snprintf(text, size, "was ended by signal %d after %.1f s", WTERMSIG(status),
			 wall_s);
	else
		snprintf(text, size, "ended with exit status %d after %.1f s", WEXITSTATUS(status),
			 wall_s);
}

static void say_where(const struct jem_launch *launch, const char *end)
{
	const char *name = launch->options.id.name;
	const char *folder = launch->folder.shown;

	const char *left = launch->monitors.daemon.left;

	if (left[0])
		jem_voice_say(&launch->voice, "job %s %s; %s", name, end, left);
	else if (launch->folder.fd < 0)
		jem_voice_say(&launch->voice, "job %s %s%s", name, end,
			      launch->is_cut_short ? "; not everything was delivered" : "");
	else if (launch->is_cut_short || !jem_run_folder_has(&launch->folder, "index.html"))
		jem_voice_say(&launch->voice,
			      "job %s %s; the report is not finished, draw it with: "
			      "jem report %s",
			      name, end, folder);
	else
		jem_voice_say(&launch->voice, "job %s %s; report in %s/index.html", name, end,
			      folder);
}

static void say_lines(const struct jem_launch *launch)
{
	const struct jem_run_link *links[] = { &launch->monitors.daemon,
					       &launch->monitors.collector };
	unsigned left = JEM_LINK_LINES_MAX;

	if (!isatty(STDERR_FILENO))
		return;
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < links[i]->line_count && left; k++, left--)
			jem_voice_say(&launch->voice, "%s", links[i]->lines[k]);
}

void jem_ending_say_end(const struct jem_launch *launch)
{
	bool was_monitored = launch->monitors.daemon.is_ready;
	char end[128];

	if (!was_monitored || launch->exec_error || launch->is_refused)
		return;
	describe_end(launch, end, sizeof(end));
	say_where(launch, end);
	say_lines(launch);
}

static const char *scratch_of(const struct jem_launch *launch)
{
	const char *folder = getenv("TMPDIR");

	if (launch->folder.fd >= 0)
		return launch->folder.path;
	return folder && *folder == '/' ? folder : "/tmp";
}

int jem_ending_status(const struct jem_launch *launch)
{
	struct rlimit no_core = { 0, 0 };
	int status = launch->end.status;

	if (launch->is_refused)
		return JEM_EXIT_NOT_RUN;
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	if (!WCOREDUMP(status) || jem_core_flag_arm(scratch_of(launch)) < 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		/* A core_pattern with a pipe pays no heed to the limit: core(5). */
		prctl(PR_SET_DUMPABLE, 0);
	}
	jem_signal_suffer(WTERMSIG(status));
	return 128 + WTERMSIG(status); /* as process 1 of a container we survive it */
}
