/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/observing.h"

#include "common/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void publish(struct jem_batcher *batcher, const char *what, const char *level,
		    const char *text, const char *remedy)
{
	struct jem_record *record = jem_batcher_begin(batcher, JEM_KIND_status, jem_now_ns());

	jem_record_word(record, "state", "observing");
	jem_record_word(record, "what", what);
	jem_record_word(record, "level", level);
	jem_record_word(record, "text", text);
	if (remedy)
		jem_record_word(record, "remedy", remedy);
	jem_batcher_end(batcher, JEM_URGENT);
}

static const char *why_no_records(int error, const char **remedy)
{
	*remedy = NULL;
	switch (error) {
	case -ENOTSUP:
		*remedy = "set metrics.task_records = auto";
		return "task records are turned off";
	case -E2BIG:
		*remedy =
			"bind the job to the processors it may use (cpuset, taskset), or let the "
			"monitor hear the proc connector (Linux 6.6 or root, outside a container)";
		return "on so many processors task records of perf would cost the job more than "
		       "they "
		       "are worth";
	case -EACCES:
	case -EPERM:
		*remedy = "set kernel.perf_event_paranoid to 2 or less";
		break;
	default:
		break;
	}
	return strerror(-error);
}

static void publish_processes(struct jem_batcher *batcher, const struct jem_sampler *sampler)
{
	const char *beside = sampler->options.launcher
				     ? ""
				     : "; what leaves its parent and session within an interval, "
				       "and does not bear the job's identifier, is not seen";
	const char *remedy;
	const char *why;
	char text[512];

	if (sampler->records != JEM_TASK_RECORDS_OFF) {
		publish(batcher, "processes", "task records",
			sampler->records == JEM_TASK_RECORDS_PERF
				? "every process of the job is seen, however short it lives"
				: "every process of the job is seen, however short it lives, by "
				  "the "
				  "proc connector",
			NULL);
		return;
	}
	why = why_no_records(sampler->records_error, &remedy);
	snprintf(text, sizeof(text),
		 "processes shorter than the interval are seen by their parents' times only: %s%s",
		 why, beside);
	publish(batcher, "processes", "parents' times", text, remedy);
}

static void publish_times(struct jem_batcher *batcher, const struct jem_sampler *sampler)
{
	if (!sampler->options.launcher)
		publish(batcher, "cpu time", "sampled",
			"processor time of processes that the job leaves to others ends with their "
			"last sample",
			"start the job by jem run");
	else if (sampler->perf)
		publish(batcher, "cpu time", "reaped, and a clock",
			"processor time in all is what the kernel told when a process was reaped, "
			"by "
			"the launcher or by its parent; where a parent ignores SIGCHLD an "
			"inherited "
			"clock has counted its children's, to 1 %",
			NULL);
	else
		publish(batcher, "cpu time", "reaped",
			"processor time in all is what the kernel told when a process was reaped, "
			"by "
			"the launcher or by its parent; where a parent ignores SIGCHLD that of its "
			"children ends with their last sample",
			NULL);
}

static void publish_cgroup(struct jem_batcher *batcher, const struct jem_sampler *sampler)
{
	const char *path;
	enum jem_cgroup_version version = jem_cgroup_memory(sampler->cgroup, &path);

	if (version == JEM_CGROUP_NONE)
		publish(batcher, "control group", "none",
			"the job has no control group of its own: no limit, no OOM count, no "
			"throttling",
			"run the job in a group with the memory controller");
	else
		publish(batcher, "control group",
			version == JEM_CGROUP_V1 ? "version 1" : "version 2",
			"memory limit, anonymous memory, cache and OOM kills are of the job's "
			"control group",
			NULL);
}

static void publish_io(struct jem_batcher *batcher, const struct jem_sampler *sampler)
{
	if (!sampler->set.list[0]->has_io)
		publish(batcher, "I/O", "none",
			"I/O of the job's processes cannot be read: they belong to another user",
			"run the monitor as the job's user or as root");
}

static void publish_pressure(struct jem_batcher *batcher)
{
	if (access("/proc/pressure/cpu", R_OK))
		publish(batcher, "pressure", "none", "this kernel tells no pressure (PSI)",
			"boot with psi=1");
}

void jem_observing_publish(struct jem_batcher *batcher, const struct jem_sampler *sampler)
{
	publish_pressure(batcher);
	if (!sampler->options.job)
		return;
	publish_processes(batcher, sampler);
	publish_times(batcher, sampler);
	publish_cgroup(batcher, sampler);
	publish_io(batcher, sampler);
}
