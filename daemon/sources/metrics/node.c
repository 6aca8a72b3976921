/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/node.h"

#include "common/cleanup.h"
#include "daemon/sources/metrics/node_devices.h"
#include "daemon/sources/metrics/proc_file.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum {
	TEXT_INITIAL = 8 << 10,
	TEXT_MAX = 1 << 20, /* /proc/stat of a thousand cores has its interrupts in it */
	CORES_MAX = 4096,
};

enum node_file {
	FILE_STAT,
	FILE_LOADAVG,
	FILE_MEMINFO,
	FILE_VMSTAT,
	FILE_PSI_CPU,
	FILE_PSI_MEMORY,
	FILE_PSI_IO,
	FILE_DISKSTATS,
	FILE_NET_DEV,
	FILE_COUNT
};

static const char *const paths[FILE_COUNT] = {
	[FILE_STAT] = "/proc/stat",
	[FILE_LOADAVG] = "/proc/loadavg",
	[FILE_MEMINFO] = "/proc/meminfo",
	[FILE_VMSTAT] = "/proc/vmstat",
	[FILE_PSI_CPU] = "/proc/pressure/cpu",
	[FILE_PSI_MEMORY] = "/proc/pressure/memory",
	[FILE_PSI_IO] = "/proc/pressure/io",
	[FILE_DISKSTATS] = "/proc/diskstats",
	[FILE_NET_DEV] = "/proc/net/dev",
};

struct jem_node {
	const char *root; /* borrowed, outlives us */
	int fds[FILE_COUNT];
	char *text; /* owned; the file being parsed */
	size_t text_size;
	struct jem_core *cores; /* owned */
	size_t core_count;
	size_t core_cap;
	struct jem_devices disks;
	struct jem_devices interfaces;
	pid_t last_pid;
	double ticks_per_s;
	double page_bytes;
};

int jem_node_create(const char *root, struct jem_node **ret)
{
	struct jem_node *node = calloc(1, sizeof(*node));

	if (!node)
		return -ENOMEM;
	for (int i = 0; i < FILE_COUNT; i++)
		node->fds[i] = -1;
	node->root = root;
	node->text_size = TEXT_INITIAL;
	node->text = malloc(node->text_size);
	node->ticks_per_s = (double)sysconf(_SC_CLK_TCK);
	node->page_bytes = (double)sysconf(_SC_PAGESIZE);
	jem_devices_init(&node->disks, root, JEM_DEVICES_DISKS);
	jem_devices_init(&node->interfaces, root, JEM_DEVICES_INTERFACES);
	if (!node->text) {
		jem_node_destroy(node);
		return -ENOMEM;
	}
	*ret = node;
	return 0;
}

void jem_node_destroy(struct jem_node *node)
{
	if (!node)
		return;
	for (int i = 0; i < FILE_COUNT; i++)
		if (node->fds[i] >= 0)
			close(node->fds[i]);
	jem_devices_deinit(&node->disks);
	jem_devices_deinit(&node->interfaces);
	free(node->cores);
	free(node->text);
	free(node);
}

/* The text of a file, or NULL; a file that outgrows the buffer is read again into a larger one. */
static const char *read_file(struct jem_node *node, enum node_file file)
{
	for (;;) {
		ssize_t len = jem_proc_read_kept(&node->fds[file], node->root, node->text,
						 node->text_size, paths[file]);
		char *larger;

		if (len < 0)
			return NULL;
		if ((size_t)len < node->text_size - 1 || node->text_size >= TEXT_MAX)
			return node->text;
		larger = realloc(node->text, node->text_size * 2);
		if (!larger)
			return node->text;
		node->text = larger;
		node->text_size *= 2;
	}
}

static const char *next_line(const char *at)
{
	at = strchr(at, '\n');
	return at && at[1] ? at + 1 : NULL;
}

/* user nice system idle iowait irq softirq steal; guest times are in user and nice already. */
enum {
	USER,
	NICE,
	SYSTEM,
	IDLE,
	IOWAIT,
	IRQ,
	SOFTIRQ,
	STEAL,
	TIMES
};

static void parse_times(const char *at, double ticks_per_s, double times[TIMES])
{
	for (int i = 0; i < TIMES; i++) {
		uint64_t ticks;

		times[i] = jem_proc_next(&at, &ticks) ? (double)ticks / ticks_per_s : 0;
	}
}

static void add_core(struct jem_node *node, const char *at)
{
	double times[TIMES];
	uint64_t id;

	if (!jem_proc_next(&at, &id) || node->core_count >= CORES_MAX)
		return;
	if (node->core_count == node->core_cap) {
		size_t cap = node->core_cap ? node->core_cap * 2 : 16;
		struct jem_core *larger = realloc(node->cores, cap * sizeof(*larger));

		if (!larger)
			return;
		node->cores = larger;
		node->core_cap = cap;
	}
	parse_times(at, node->ticks_per_s, times);
	node->cores[node->core_count++] = (struct jem_core){
		.id = (unsigned)id,
		.busy_s = times[USER] + times[NICE] + times[SYSTEM] + times[IRQ] + times[SOFTIRQ],
	};
}

static void read_stat(struct jem_node *node, double *values)
{
	const char *at = read_file(node, FILE_STAT);
	double times[TIMES];
	uint64_t forks;

	node->core_count = 0;
	for (; at; at = next_line(at)) {
		if (!strncmp(at, "cpu ", 4)) {
			parse_times(at + 4, node->ticks_per_s, times);
			values[JEM_METRIC_cpu_user_s] = times[USER] + times[NICE];
			values[JEM_METRIC_cpu_system_s] =
				times[SYSTEM] + times[IRQ] + times[SOFTIRQ];
			values[JEM_METRIC_cpu_idle_s] = times[IDLE];
			values[JEM_METRIC_cpu_iowait_s] = times[IOWAIT];
			values[JEM_METRIC_cpu_steal_s] = times[STEAL];
		} else if (!strncmp(at, "cpu", 3)) {
			add_core(node, at + 3);
		} else if (!strncmp(at, "processes ", 10)) {
			at += 10;
			if (jem_proc_next(&at, &forks))
				values[JEM_METRIC_forks] = (double)forks;
			break;
		}
	}
	if (node->core_count)
		values[JEM_METRIC_cpu_count] = (double)node->core_count;
}

static void read_loadavg(struct jem_node *node, double *values)
{
	const char *text = read_file(node, FILE_LOADAVG);
	double load[3];
	unsigned runnable, tasks;
	int last_pid;

	node->last_pid = 0;
	if (!text || sscanf(text, "%lf %lf %lf %u/%u %d", &load[0], &load[1], &load[2], &runnable,
			    &tasks, &last_pid) != 6)
		return;
	values[JEM_METRIC_load1] = load[0];
	values[JEM_METRIC_load5] = load[1];
	values[JEM_METRIC_load15] = load[2];
	values[JEM_METRIC_tasks_runnable] = runnable;
	values[JEM_METRIC_tasks] = tasks;
	node->last_pid = last_pid;
}

static double kilobytes(const char *text, const char *key)
{
	uint64_t value = jem_proc_field(text, key, UINT64_MAX);

	return value == UINT64_MAX ? NAN : (double)value * 1024;
}

static void read_meminfo(struct jem_node *node, double *values)
{
	const char *text = read_file(node, FILE_MEMINFO);

	if (!text)
		return;
	values[JEM_METRIC_memory_total_bytes] = kilobytes(text, "MemTotal:");
	values[JEM_METRIC_memory_available_bytes] = kilobytes(text, "MemAvailable:");
	values[JEM_METRIC_memory_cached_bytes] = kilobytes(text, "Buffers:") +
						 kilobytes(text, "Cached:") +
						 kilobytes(text, "SReclaimable:");
	values[JEM_METRIC_memory_dirty_bytes] =
		kilobytes(text, "Dirty:") + kilobytes(text, "Writeback:");
	values[JEM_METRIC_swap_total_bytes] = kilobytes(text, "SwapTotal:");
	values[JEM_METRIC_swap_used_bytes] =
		kilobytes(text, "SwapTotal:") - kilobytes(text, "SwapFree:");
}

static double counter(const char *text, const char *key)
{
	uint64_t value = jem_proc_field(text, key, UINT64_MAX);

	return value == UINT64_MAX ? NAN : (double)value;
}

static void read_vmstat(struct jem_node *node, double *values)
{
	const char *text = read_file(node, FILE_VMSTAT);

	if (!text)
		return;
	values[JEM_METRIC_swap_in_bytes] = counter(text, "pswpin ") * node->page_bytes;
	values[JEM_METRIC_swap_out_bytes] = counter(text, "pswpout ") * node->page_bytes;
	values[JEM_METRIC_oom_kills] = counter(text, "oom_kill ");
}

static void read_pressure(struct jem_node *node, double *values)
{
	const char *text = read_file(node, FILE_PSI_CPU);

	if (text)
		values[JEM_METRIC_psi_cpu_some_s] = jem_proc_psi_s(text, "some ");
	text = read_file(node, FILE_PSI_MEMORY);
	if (text) {
		values[JEM_METRIC_psi_memory_some_s] = jem_proc_psi_s(text, "some ");
		values[JEM_METRIC_psi_memory_full_s] = jem_proc_psi_s(text, "full ");
	}
	text = read_file(node, FILE_PSI_IO);
	if (text) {
		values[JEM_METRIC_psi_io_some_s] = jem_proc_psi_s(text, "some ");
		values[JEM_METRIC_psi_io_full_s] = jem_proc_psi_s(text, "full ");
	}
}

void jem_node_read(struct jem_node *node, double values[JEM_METRIC_COUNT])
{
	const char *text;

	read_stat(node, values);
	read_loadavg(node, values);
	read_meminfo(node, values);
	read_vmstat(node, values);
	read_pressure(node, values);
	text = read_file(node, FILE_DISKSTATS);
	if (text)
		jem_devices_sum_disks(&node->disks, text, values);
	text = read_file(node, FILE_NET_DEV);
	if (text)
		jem_devices_sum_interfaces(&node->interfaces, text, values);
}

const struct jem_core *jem_node_cores(const struct jem_node *node, size_t *count)
{
	*count = node->core_count;
	return node->cores;
}

pid_t jem_node_last_pid(const struct jem_node *node)
{
	return node->last_pid;
}
