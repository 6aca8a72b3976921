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

static void publish_processes(struct jem_batcher *batcher, const struct jem_sampler *sampler)
{
	const char *what = "processes";
	const char *remedy = NULL;
	char text[256];

	if (sampler->perf) {
		publish(batcher, what, "task records",
			"every process of the job is seen, however short it lives", NULL);
		return;
	}
	if (sampler->perf_error == -ENOTSUP) {
		remedy = "set metrics.task_records = auto";
		snprintf(text, sizeof(text),
			 "processes shorter than the interval are seen by their parents' times "
			 "only: task records are turned off");
	} else if (sampler->perf_error == -E2BIG) {
		remedy = "bind the job to the processors it may use (cpuset, taskset)";
		snprintf(text, sizeof(text),
			 "processes shorter than the interval are seen by their parents' times "
			 "only: task records would cost the job more than they are worth on over "
			 "%d processors",
			 JEM_PERF_CPUS_MAX);
	} else {
		remedy = sampler->perf_error == -EACCES || sampler->perf_error == -EPERM
				 ? "set kernel.perf_event_paranoid to 2 or less"
				 : NULL;
		snprintf(text, sizeof(text),
			 "processes shorter than the interval are seen by their parents' times "
			 "only: no task records (%s)",
			 strerror(-sampler->perf_error));
	}
	publish(batcher, what, "parents' times", text, remedy);
}

static void publish_times(struct jem_batcher *batcher, const struct jem_sampler *sampler)
{
	if (sampler->options.launcher)
		publish(batcher, "cpu time", "exact",
			"processor time in all is exact: every process is reaped by the launcher "
			"or by its parent",
			NULL);
	else
		publish(batcher, "cpu time", "sampled",
			"processor time of processes that the job leaves to others ends with their "
			"last sample",
			"start the job by jem run");
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
