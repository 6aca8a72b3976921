/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/check_observe.h"

#include "common/cleanup.h"
#include "daemon/sources/metrics/proc_events.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static void __attribute__((format(printf, 4, 5)))
say(FILE *out, const char *name, bool is_there, const char *format, ...)
{
	va_list args;

	fprintf(out, "%-18s %-3s  ", name, is_there ? "yes" : "no");
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fputc('\n', out);
}

/* The first line of a file under /proc, "?" when there is none. */
static const char *first_line(const char *path, char *ret, int size)
{
	auto_fclose FILE *file = fopen(path, "re");

	if (!file || !fgets(ret, size, file))
		snprintf(ret, (size_t)size, "?");
	ret[strcspn(ret, "\n")] = '\0';
	return ret;
}

/*
 * perf_event_open(2): the records of fork, comm and exit, without the kernel's own code; else the
 * proc connector.
 */
static void observe_processes(FILE *out)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.task = 1,
		.inherit = 1,
		.exclude_kernel = 1,
	};
	auto_close int fd =
		(int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	int error = errno;
	int events = fd < 0 ? jem_proc_events_open() : -1;
	char level[16];

	first_line("/proc/sys/kernel/perf_event_paranoid", level, sizeof(level));
	jem_proc_events_close(events);
	if (events >= 0)
		say(out, "every process", true,
		    "told by the proc connector however short it lives (perf_event_paranoid %s)",
		    level);
	else if (fd >= 0)
		say(out, "every process", true,
		    "told by the kernel however short it lives (perf_event_paranoid %s)", level);
	else
		say(out, "every process", false,
		    "perf_event_open: %s (perf_event_paranoid %s, 2 would do); short-lived "
		    "processes are seen through their parents' times",
		    strerror(error), level);
}

static void observe_scheduling(FILE *out)
{
	static const char path[] = "/sys/kernel/tracing/events/sched/sched_switch/format";

	if (access(path, R_OK) == 0)
		say(out, "scheduling events", true, "tracefs can be read");
	else
		say(out, "scheduling events", false, "%s: %s; root, or group access to tracefs",
		    "tracefs", strerror(errno));
}

static void observe_cgroup(FILE *out)
{
	char line[512];
	struct statfs fs;

	if (statfs("/sys/fs/cgroup", &fs) < 0) {
		say(out, "control group", false, "/sys/fs/cgroup: %s", strerror(errno));
		return;
	}
	first_line("/proc/self/cgroup", line, sizeof(line));
	say(out, "control group", true, "version %d, ours is %s",
	    fs.f_type == CGROUP2_SUPER_MAGIC ? 2 : 1, line);
}

static void observe_pressure(FILE *out)
{
	if (access("/proc/pressure/memory", R_OK) == 0)
		say(out, "pressure", true, "/proc/pressure (PSI)");
	else
		say(out, "pressure", false,
		    "/proc/pressure: %s; a kernel with CONFIG_PSI and psi=1", strerror(errno));
}

static void observe_files(FILE *out)
{
	auto_close int fd = inotify_init1(IN_CLOEXEC);
	char watches[32];
	char instances[32];

	first_line("/proc/sys/fs/inotify/max_user_watches", watches, sizeof(watches));
	first_line("/proc/sys/fs/inotify/max_user_instances", instances, sizeof(instances));
	if (fd >= 0)
		say(out, "file changes", true, "inotify, %s watches, %s instances a user", watches,
		    instances);
	else
		say(out, "file changes", false,
		    "inotify: %s (%s instances a user); files are polled instead", strerror(errno),
		    instances);
}

static void observe_memory(FILE *out)
{
	char scope[16];

	first_line("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof(scope));
	if (access("/proc/self/smaps_rollup", R_OK) == 0)
		say(out, "shared memory", true, "PSS by smaps_rollup (yama ptrace_scope %s)",
		    scope);
	else
		say(out, "shared memory", false, "smaps_rollup: %s; RSS only", strerror(errno));
}

static void observe_core(FILE *out)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) < 0)
		return;
	if (limit.rlim_max)
		say(out, "core files", true, "a job may leave one (ulimit -c)");
	else
		say(out, "core files", false, "the hard limit is 0 (ulimit -Hc)");
}

void jem_check_observe(FILE *out)
{
	observe_processes(out);
	observe_memory(out);
	observe_cgroup(out);
	observe_pressure(out);
	observe_scheduling(out);
	observe_files(out);
	observe_core(out);
}
