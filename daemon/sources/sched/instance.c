/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/instance.h"

#include "common/cleanup.h"
#include "common/clock.h"
#include "daemon/sources/sched/keeper.h"
#include "tracer/sched/format.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	MEMORY_PART = 100, /* of the machine's memory, for all buffers */
	CORES_MAX = 4096,
	BUFFER_PERCENT = 25, /* full before a reader is woken: 1.7 million events/s without loss */
};

#define PREFIX "jem-"

static const char *const roots[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

/* --- names ------------------------------------------------------------------------------------ */

/* When a process started, in ticks since boot: with the pid its name for ever; 0: there is none. */
static uint64_t start_of(long pid)
{
	char path[64];
	char text[1024];
	const char *end;
	uint64_t start = 0;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (len <= 0)
		return 0;
	text[len] = '\0';
	end = strrchr(text, ')'); /* the name may hold anything */
	if (!end)
		return 0;
	/* Field 22 of proc(5), the 20th behind the name. */
	for (int field = 0; field < 20 && end; field++)
		end = strchr(end + 1, ' ');
	if (end)
		(void)sscanf(end, " %" SCNu64, &start);
	return start;
}

/* Whether the daemon that an instance is named for lives. */
static bool has_owner(const char *name)
{
	long pid = 0;
	uint64_t start = 0;

	if (sscanf(name, PREFIX "%ld-%" SCNu64, &pid, &start) != 2 || pid <= 0)
		return true; /* not a name of ours */
	return start_of(pid) == start;
}

unsigned jem_instance_reap(const char *root)
{
	char path[PATH_MAX];
	unsigned reaped = 0;

	snprintf(path, sizeof(path), "%s/instances", root);
	auto_closedir DIR *folder = opendir(path);

	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) || has_owner(entry->d_name))
			continue;
		/* EBUSY: it is read by somebody whom we do not see. */
		if (!unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR))
			reaped++;
	}
	return reaped;
}

int jem_instance_can_open(char root[64], struct jem_err *err)
{
	char path[PATH_MAX];
	int status = -ENOENT;

	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		snprintf(path, sizeof(path), "%s/instances", roots[i]);
		if (!faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS)) {
			snprintf(root, 64, "%s", roots[i]);
			return 0;
		}
		if (errno != ENOENT)
			status = -errno;
	}
	if (status == -ENOENT)
		return jem_err_set(err, status, "there is no tracefs at %s", roots[0]);
	return jem_err_set(err, status, "%s: %s", roots[0], strerror(-status));
}

/* --- files ------------------------------------------------------------------------------------ */

static int write_text(int folder, const char *name, const char *text)
{
	auto_close int fd = openat(folder, name, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

static int write_number(int folder, const char *name, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	return write_text(folder, name, text);
}

int jem_instance_read(const struct jem_instance *instance, const char *path, char *text,
		      size_t size)
{
	auto_close int fd = openat(instance->folder, path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t got = read(fd, text + len, size - len);

		if (got < 0)
			return -errno;
		if (!got)
			return (int)len;
		len += (size_t)got;
		if (len == size)
			return -E2BIG;
	}
}

static uint64_t buffer_kb(uint64_t bytes, size_t cores)
{
	uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t most = pages / MEMORY_PART / (cores ? cores : 1);

	return (bytes < most ? bytes : most) / 1024;
}

/* --- cores ------------------------------------------------------------------------------------ */

static int open_cpu(struct jem_instance *instance, unsigned number)
{
	struct jem_instance_cpu *cpu = &instance->cpus[instance->cpu_count];
	char path[64];

	*cpu = (struct jem_instance_cpu){ .number = (uint16_t)number, .raw = -1, .stats = -1 };
	instance->cpu_count++;
	snprintf(path, sizeof(path), "per_cpu/cpu%u/trace_pipe_raw", number);
	cpu->raw = openat(instance->folder, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	snprintf(path, sizeof(path), "per_cpu/cpu%u/stats", number);
	cpu->stats = openat(instance->folder, path, O_RDONLY | O_CLOEXEC);
	return cpu->raw < 0 || cpu->stats < 0 ? -errno : 0;
}

/* Folders of per_cpu/ are of possible cores; a core's number may be anything. */
static int count_cores(const struct jem_instance *instance)
{
	int fd = openat(instance->folder, "per_cpu", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_closedir DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	int count = 0;

	if (!folder)
		return -errno;
	for (struct dirent *entry; (entry = readdir(folder));)
		count += !strncmp(entry->d_name, "cpu", 3);
	return count;
}

static int open_cpus(struct jem_instance *instance, int count)
{
	int fd = openat(instance->folder, "per_cpu", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_closedir DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	int status = 0;

	if (!folder)
		return -errno;
	instance->cpus = calloc((size_t)count, sizeof(*instance->cpus));
	if (!instance->cpus)
		return -ENOMEM;
	for (struct dirent *entry; status == 0 && (entry = readdir(folder));) {
		unsigned number;

		if (sscanf(entry->d_name, "cpu%u", &number) == 1 && number < UINT16_MAX &&
		    instance->cpu_count < (size_t)count)
			status = open_cpu(instance, number);
	}
	return status;
}

static uint64_t number_behind(const char *text, const char *label)
{
	const char *at = strstr(text, label);
	uint64_t number = 0;

	if (at)
		(void)sscanf(at + strlen(label), "%" SCNu64, &number);
	return number;
}

uint64_t jem_instance_lost(struct jem_instance *instance, struct jem_instance_cpu *cpu)
{
	char text[1024];
	ssize_t len = pread(cpu->stats, text, sizeof(text) - 1, 0);
	uint64_t lost;
	uint64_t before = cpu->lost;

	(void)instance;
	if (len <= 0)
		return 0;
	text[len] = '\0';
	/* Overwritten; nested too deep; not taken while the buffer did not overwrite. */
	lost = number_behind(text, "\noverrun: ") + number_behind(text, "\ncommit overrun: ") +
	       number_behind(text, "\ndropped events: ");
	cpu->lost = lost;
	return lost > before ? lost - before : 0;
}

/* --- life ------------------------------------------------------------------------------------- */

/* Events that this kernel lacks are missing without more; sched_switch is checked by the decoder. */
static int enable_events(const struct jem_instance *instance)
{
	static const char *const events[] = {
#define SCHED_EVENT(type, system, event, pid, other, detail, low, comm, pid_comm)                  \
	"events/" system "/" event "/enable",
#include "tracer/sched/events.def"
#undef SCHED_EVENT
	};

	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		int status = write_text(instance->folder, events[i], "1");

		if (status < 0 && status != -ENOENT)
			return status;
	}
	return 0;
}

static int set_up(struct jem_instance *instance, uint64_t buffer_bytes, struct jem_err *err)
{
	const char *what = "tracing_on";
	int folder = instance->folder;
	int cores = 0;
	int status;

	instance->tracing_on = openat(folder, what, O_WRONLY | O_CLOEXEC);
	status = instance->tracing_on < 0 ? -errno : jem_instance_stop(instance);
	if (status == 0)
		status = write_text(folder, what = "trace_clock", "mono");
	if (status == 0) {
		status = cores = count_cores(instance);
		what = "per_cpu";
	}
	if (status > CORES_MAX)
		status = -E2BIG;
	if (status >= 0)
		status = write_number(folder, what = "buffer_size_kb",
				      buffer_kb(buffer_bytes, (size_t)cores));
	/* Before Linux 5.0 there is none: then readers are woken for the first event. */
	if (status == 0 &&
	    (status = write_number(folder, "buffer_percent", BUFFER_PERCENT)) == -ENOENT)
		status = 0;
	if (status == 0)
		status = open_cpus(instance, cores);
	if (status == 0) {
		what = "events";
		status = enable_events(instance);
	}
	return status < 0 ? jem_err_set(err, status, "%s/instances/%s/%s: %s", instance->root,
					instance->name, what, strerror(-status))
			  : 0;
}

static int make_folder(struct jem_instance *instance, struct jem_err *err)
{
	char path[PATH_MAX];
	int status;

	/* The last part: an earlier one of this process may still be on its way out. */
	snprintf(instance->name, sizeof(instance->name), PREFIX "%ld-%" PRIu64 "-%" PRIx64,
		 (long)getpid(), start_of((long)getpid()), jem_now_ns());
	snprintf(path, sizeof(path), "%s/instances/%s", instance->root, instance->name);
	status = jem_keeper_start(path, &instance->keeper);
	if (status < 0)
		return jem_err_set(err, status, "cannot start the keeper of %s: %s", path,
				   strerror(-status));
	if (mkdir(path, 0700) < 0)
		return jem_err_set(err, -errno, "%s: %s", path, strerror(errno));
	instance->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (instance->folder < 0)
		return jem_err_set(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

int jem_instance_open(uint64_t buffer_bytes, struct jem_instance **ret, struct jem_err *err)
{
	struct jem_instance *instance = calloc(1, sizeof(*instance));
	int status;

	if (!instance)
		return jem_err_set(err, -ENOMEM, "no memory");
	instance->folder = instance->tracing_on = instance->keeper = -1;
	status = jem_instance_can_open(instance->root, err);
	if (status == 0) {
		jem_instance_reap(instance->root);
		status = make_folder(instance, err);
	}
	if (status == 0)
		status = set_up(instance, buffer_bytes, err);
	if (status < 0) {
		jem_instance_close(instance);
		return status;
	}
	*ret = instance;
	return 0;
}

int jem_instance_start(struct jem_instance *instance)
{
	return write(instance->tracing_on, "1", 1) < 0 ? -errno : 0;
}

int jem_instance_stop(struct jem_instance *instance)
{
	return write(instance->tracing_on, "0", 1) < 0 ? -errno : 0;
}

void jem_instance_close(struct jem_instance *instance)
{
	if (!instance)
		return;
	for (size_t i = 0; i < instance->cpu_count; i++) {
		if (instance->cpus[i].raw >= 0)
			close(instance->cpus[i].raw);
		if (instance->cpus[i].stats >= 0)
			close(instance->cpus[i].stats);
	}
	if (instance->tracing_on >= 0)
		close(instance->tracing_on);
	if (instance->folder >= 0)
		close(instance->folder);
	/* Last: with a file open the folder would be busy. */
	jem_keeper_end(instance->keeper);
	free(instance->cpus);
	free(instance);
}
