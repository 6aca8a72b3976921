/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/cgroup.h"

#include "common/cleanup.h"
#include "common/clock.h"
#include "daemon/sources/metrics/cgroup_path.h"
#include "daemon/sources/metrics/proc_file.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum {
	TEXT = 16 << 10,
	DEPTH_MAX = 32,
};
static const uint64_t LOOK_UP_NS = 30000000000u; /* path and limits */
static const uint64_t DEAR_NS = 300000;          /* a memory.stat this dear is read seldom */
static const uint64_t DEAR_EVERY_NS = 10000000000u;
static const uint64_t V1_UNLIMITED = 1ull << 60; /* PAGE_COUNTER_MAX, rounded by page size */

enum group_file {
	FILE_USAGE,
	FILE_PEAK,
	FILE_STAT,
	FILE_SWAP,
	FILE_OOM,
	FILE_CPU_USAGE,
	FILE_CPU_STAT,
	FILE_PSI_CPU,
	FILE_PSI_MEMORY,
	FILE_PSI_IO,
	FILE_COUNT
};

struct file_name {
	enum jem_controller controller;
	const char *name; /* NULL: this version has none */
};

static const struct file_name names_v1[FILE_COUNT] = {
	[FILE_USAGE] = { JEM_CONTROLLER_MEMORY, "memory.usage_in_bytes" },
	[FILE_PEAK] = { JEM_CONTROLLER_MEMORY, "memory.max_usage_in_bytes" },
	[FILE_STAT] = { JEM_CONTROLLER_MEMORY, "memory.stat" },
	[FILE_OOM] = { JEM_CONTROLLER_MEMORY, "memory.oom_control" },
	[FILE_CPU_USAGE] = { JEM_CONTROLLER_CPUACCT, "cpuacct.usage" },
	[FILE_CPU_STAT] = { JEM_CONTROLLER_CPU, "cpu.stat" },
};

static const struct file_name names_v2[FILE_COUNT] = {
	[FILE_USAGE] = { JEM_CONTROLLER_MEMORY, "memory.current" },
	[FILE_PEAK] = { JEM_CONTROLLER_MEMORY, "memory.peak" },
	[FILE_STAT] = { JEM_CONTROLLER_MEMORY, "memory.stat" },
	[FILE_SWAP] = { JEM_CONTROLLER_MEMORY, "memory.swap.current" },
	[FILE_OOM] = { JEM_CONTROLLER_MEMORY, "memory.events" },
	[FILE_CPU_STAT] = { JEM_CONTROLLER_CPU, "cpu.stat" },
	[FILE_PSI_CPU] = { JEM_CONTROLLER_CPU, "cpu.pressure" },
	[FILE_PSI_MEMORY] = { JEM_CONTROLLER_MEMORY, "memory.pressure" },
	[FILE_PSI_IO] = { JEM_CONTROLLER_CPU, "io.pressure" },
};

struct jem_cgroup {
	const char *root; /* borrowed, outlives us */
	pid_t pid;
	struct jem_cgroup_paths paths;
	int fds[FILE_COUNT];      /* -1: not open */
	bool is_gone[FILE_COUNT]; /* could not be opened: not tried again until the next look-up */
	uint64_t looked_up_ns;
	uint64_t limit_bytes;    /* UINT64_MAX: none */
	double oom_kills_before; /* of the group, when it was first read; NAN: not yet */
	double stat[4];          /* anon, shmem, cache, swap as last read */
	uint64_t stat_ns;
	uint64_t stat_cost_ns;
};

int jem_cgroup_create(const char *root, pid_t pid, struct jem_cgroup **ret)
{
	struct jem_cgroup *cgroup = calloc(1, sizeof(*cgroup));

	if (!cgroup)
		return -ENOMEM;
	cgroup->root = root;
	cgroup->pid = pid;
	cgroup->limit_bytes = UINT64_MAX;
	cgroup->oom_kills_before = NAN;
	for (int i = 0; i < FILE_COUNT; i++)
		cgroup->fds[i] = -1;
	(void)jem_cgroup_paths_find(root, pid, &cgroup->paths);
	*ret = cgroup;
	return 0;
}

static void close_files(struct jem_cgroup *cgroup)
{
	for (int i = 0; i < FILE_COUNT; i++) {
		if (cgroup->fds[i] >= 0)
			close(cgroup->fds[i]);
		cgroup->fds[i] = -1;
		cgroup->is_gone[i] = false;
	}
}

void jem_cgroup_destroy(struct jem_cgroup *cgroup)
{
	if (!cgroup)
		return;
	close_files(cgroup);
	free(cgroup);
}

static ssize_t read_group_file(struct jem_cgroup *cgroup, enum group_file file, char *text,
			       size_t size)
{
	const struct jem_cgroup_path *path;
	const struct file_name *name = &names_v1[file];
	ssize_t len;

	path = &cgroup->paths.controllers[name->controller];
	if (!name->name || path->version != JEM_CGROUP_V1) {
		name = &names_v2[file];
		path = &cgroup->paths.controllers[name->controller];
		if (!name->name || path->version != JEM_CGROUP_V2)
			return -ENOENT;
	}
	if (cgroup->is_gone[file])
		return -ENOENT;
	if (cgroup->fds[file] < 0)
		cgroup->fds[file] = jem_proc_open(cgroup->root, "%s/%s", path->folder, name->name);
	len = cgroup->fds[file] < 0 ? cgroup->fds[file]
				    : jem_proc_pread(cgroup->fds[file], text, size);
	if (len < 0)
		cgroup->is_gone[file] = true;
	return len;
}

static double number(const char *text)
{
	uint64_t value;

	return jem_proc_next(&text, &value) ? (double)value : NAN;
}

static double field(const char *text, const char *key)
{
	uint64_t value = jem_proc_field(text, key, UINT64_MAX);

	return value == UINT64_MAX ? NAN : (double)value;
}

/* The smallest limit of the group and of all above it that we can see. */
static uint64_t find_limit(const struct jem_cgroup *cgroup)
{
	const struct jem_cgroup_path *path = &cgroup->paths.controllers[JEM_CONTROLLER_MEMORY];
	const char *file = path->version == JEM_CGROUP_V1 ? "memory.limit_in_bytes" : "memory.max";
	char folder[PATH_MAX];
	uint64_t least = UINT64_MAX;

	if (path->version == JEM_CGROUP_NONE)
		return UINT64_MAX;
	strcpy(folder, path->folder);
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		const char *at;
		char text[64];
		uint64_t limit;
		char *slash;

		if (jem_proc_read(cgroup->root, text, sizeof(text), "%s/%s", folder, file) > 0) {
			at = text; /* "max" is no number */
			if (jem_proc_next(&at, &limit) && limit < least && limit < V1_UNLIMITED)
				least = limit;
		}
		slash = strrchr(folder, '/');
		if (!slash || (size_t)(slash - folder) < path->mount_len)
			break;
		*slash = '\0';
	}
	return least;
}

static void look_up(struct jem_cgroup *cgroup, uint64_t now_ns)
{
	struct jem_cgroup_paths paths;

	if (cgroup->looked_up_ns && now_ns - cgroup->looked_up_ns < LOOK_UP_NS)
		return;
	if (!jem_cgroup_paths_find(cgroup->root, cgroup->pid, &paths) &&
	    !jem_cgroup_paths_equal(&paths, &cgroup->paths)) {
		cgroup->paths = paths;
		cgroup->oom_kills_before = NAN;
		close_files(cgroup);
	}
	cgroup->looked_up_ns = now_ns;
	cgroup->limit_bytes = find_limit(cgroup);
}

static void read_memory_stat(struct jem_cgroup *cgroup, uint64_t now_ns, char *text)
{
	bool is_v1 = cgroup->paths.controllers[JEM_CONTROLLER_MEMORY].version == JEM_CGROUP_V1;
	uint64_t before = jem_now_ns();
	double *stat = cgroup->stat;

	/* The kernel gathers it from every processor and every group below: not for nothing. */
	if (cgroup->stat_cost_ns > DEAR_NS && now_ns - cgroup->stat_ns < DEAR_EVERY_NS)
		return;
	for (int i = 0; i < 4; i++)
		stat[i] = NAN;
	if (read_group_file(cgroup, FILE_STAT, text, TEXT) < 0)
		return;
	stat[0] = field(text, is_v1 ? "total_rss " : "anon ");
	stat[1] = field(text, is_v1 ? "total_shmem " : "shmem ");
	stat[2] = field(text, is_v1 ? "total_cache " : "file ") - stat[1];
	stat[3] = is_v1 ? field(text, "total_swap ") : NAN;
	cgroup->stat_ns = now_ns;
	cgroup->stat_cost_ns = jem_now_ns() - before;
}

/* The group may be older than the job: only what the job lived to see counts. */
static double since_begin(struct jem_cgroup *cgroup, double oom_kills)
{
	if (isnan(cgroup->oom_kills_before))
		cgroup->oom_kills_before = oom_kills;
	return oom_kills - cgroup->oom_kills_before;
}

static void read_memory(struct jem_cgroup *cgroup, uint64_t now_ns, char *text, double *values)
{
	read_memory_stat(cgroup, now_ns, text);
	values[JEM_METRIC_cgroup_anon_bytes] = cgroup->stat[0];
	values[JEM_METRIC_cgroup_shmem_bytes] = cgroup->stat[1];
	values[JEM_METRIC_cgroup_cache_bytes] = cgroup->stat[2];
	values[JEM_METRIC_cgroup_swap_bytes] = cgroup->stat[3];
	if (read_group_file(cgroup, FILE_SWAP, text, TEXT) >= 0)
		values[JEM_METRIC_cgroup_swap_bytes] = number(text);
	if (read_group_file(cgroup, FILE_USAGE, text, TEXT) >= 0)
		values[JEM_METRIC_cgroup_usage_bytes] = number(text);
	if (read_group_file(cgroup, FILE_PEAK, text, TEXT) >= 0)
		values[JEM_METRIC_cgroup_peak_bytes] = number(text);
	if (read_group_file(cgroup, FILE_OOM, text, TEXT) >= 0)
		values[JEM_METRIC_oom_kills] = since_begin(cgroup, field(text, "oom_kill "));
	if (cgroup->limit_bytes != UINT64_MAX)
		values[JEM_METRIC_memory_limit_bytes] = (double)cgroup->limit_bytes;
}

static void read_cpu(struct jem_cgroup *cgroup, char *text, double *values)
{
	bool is_v1 = cgroup->paths.controllers[JEM_CONTROLLER_CPU].version == JEM_CGROUP_V1;

	if (read_group_file(cgroup, FILE_CPU_STAT, text, TEXT) >= 0) {
		values[JEM_METRIC_throttled_s] = is_v1 ? field(text, "throttled_time ") / 1e9
						       : field(text, "throttled_usec ") / 1e6;
		if (!is_v1)
			values[JEM_METRIC_cgroup_cpu_s] = field(text, "usage_usec ") / 1e6;
	}
	if (read_group_file(cgroup, FILE_CPU_USAGE, text, TEXT) >= 0)
		values[JEM_METRIC_cgroup_cpu_s] = number(text) / 1e9;
}

static void read_pressure(struct jem_cgroup *cgroup, char *text, double *values)
{
	if (read_group_file(cgroup, FILE_PSI_CPU, text, TEXT) >= 0)
		values[JEM_METRIC_cgroup_psi_cpu_some_s] = jem_proc_psi_s(text, "some ");
	if (read_group_file(cgroup, FILE_PSI_MEMORY, text, TEXT) >= 0) {
		values[JEM_METRIC_cgroup_psi_memory_some_s] = jem_proc_psi_s(text, "some ");
		values[JEM_METRIC_cgroup_psi_memory_full_s] = jem_proc_psi_s(text, "full ");
	}
	if (read_group_file(cgroup, FILE_PSI_IO, text, TEXT) >= 0) {
		values[JEM_METRIC_cgroup_psi_io_some_s] = jem_proc_psi_s(text, "some ");
		values[JEM_METRIC_cgroup_psi_io_full_s] = jem_proc_psi_s(text, "full ");
	}
}

void jem_cgroup_read(struct jem_cgroup *cgroup, uint64_t now_ns, double values[JEM_METRIC_COUNT])
{
	char text[TEXT];

	look_up(cgroup, now_ns);
	if (cgroup->paths.controllers[JEM_CONTROLLER_MEMORY].version != JEM_CGROUP_NONE)
		read_memory(cgroup, now_ns, text, values);
	read_cpu(cgroup, text, values);
	read_pressure(cgroup, text, values);
}

enum jem_cgroup_version jem_cgroup_memory(const struct jem_cgroup *cgroup, const char **path)
{
	const struct jem_cgroup_path *memory = &cgroup->paths.controllers[JEM_CONTROLLER_MEMORY];

	*path = memory->version == JEM_CGROUP_NONE ? "" : memory->folder + memory->mount_len;
	return memory->version;
}

int jem_cgroup_open_procs(const struct jem_cgroup *cgroup, pid_t other)
{
	struct jem_cgroup_paths theirs;

	if (jem_cgroup_paths_find(cgroup->root, other, &theirs) < 0)
		return -ENOENT;
	for (int c = 0; c < JEM_CONTROLLER_COUNT; c++) {
		const struct jem_cgroup_path *ours = &cgroup->paths.controllers[c];
		size_t len = strlen(ours->folder);

		if (ours->version == JEM_CGROUP_NONE ||
		    theirs.controllers[c].version == JEM_CGROUP_NONE)
			continue;
		if (strncmp(ours->folder, theirs.controllers[c].folder, len) ||
		    (theirs.controllers[c].folder[len] && theirs.controllers[c].folder[len] != '/'))
			return jem_proc_open(cgroup->root, "%s/cgroup.procs", ours->folder);
	}
	return -ENOENT;
}
