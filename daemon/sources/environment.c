/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/environment.h"

#include "common/cleanup.h"
#include "daemon/sources/job_environ.h"
#include "daemon/sources/mounts.h"

#include <fnmatch.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

enum {
	VARIABLES_MAX = 400,
	VALUE_MAX = 4096,
	NAME_SIZE = 128
};

/* What tells where and how a job runs, never with whose rights. */
static const char *const allowed[] = {
	"PATH",
	"LD_LIBRARY_PATH",
	"HOME",
	"USER",
	"LOGNAME",
	"SHELL",
	"LANG",
	"LC_*",
	"TZ",
	"TMPDIR",
	"TMP",
	"TEMP",
	"PWD",
	"HOSTNAME",
	"SLURM_*",
	"PBS_*",
	"LSB_*",
	"_CONDOR_*",
	"CONDOR_*",
	"PANDA*",
	"Panda*",
	"PanDA*",
	"ATLAS*",
	"Atlas*",
	"CMT*",
	"CMS*",
	"LCG_*",
	"GLITE_*",
	"X509_*",
	"OMP_*",
	"MKL_*",
	"OPENBLAS_*",
	"MPI*",
	"OMPI_*",
	"CUDA_VISIBLE*",
	"PYTHON*",
	"ROOT*",
	"GAUDI*",
	"DYLD_*",
	"HARVESTER_*",
	"SINGULARITY_NAME",
	"APPTAINER_NAME",
	"VIRTUAL_ENV",
	"CONDA_*",
	"MALLOC_*",
	"JEM_JOB",
};

static const struct {
	int resource;
	const char *name;
} limits[] = {
	{ RLIMIT_CPU, "cpu_s" },
	{ RLIMIT_FSIZE, "file_bytes" },
	{ RLIMIT_DATA, "data_bytes" },
	{ RLIMIT_STACK, "stack_bytes" },
	{ RLIMIT_CORE, "core_bytes" },
	{ RLIMIT_RSS, "rss_bytes" },
	{ RLIMIT_NPROC, "processes" },
	{ RLIMIT_NOFILE, "open_files" },
	{ RLIMIT_MEMLOCK, "locked_bytes" },
	{ RLIMIT_AS, "address_space_bytes" },
	{ RLIMIT_LOCKS, "locks" },
	{ RLIMIT_SIGPENDING, "pending_signals" },
	{ RLIMIT_MSGQUEUE, "message_bytes" },
	{ RLIMIT_NICE, "nice" },
	{ RLIMIT_RTPRIO, "realtime_priority" },
};

bool jem_environment_allows(const char *name, size_t len)
{
	char text[NAME_SIZE];

	if (len >= sizeof(text))
		return false;
	memcpy(text, name, len);
	text[len] = '\0';
	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
		if (!fnmatch(allowed[i], text, 0))
			return true;
	return false;
}

/* The value of the first line `KEY separator value` of a small file, without quotes. */
static bool read_value(const char *root, const char *path, const char *key, const char *separator,
		       char *ret, size_t size)
{
	char full[PATH_MAX];
	auto_fclose FILE *file = NULL;
	auto_free char *line = NULL;
	size_t cap = 0;
	size_t len = strlen(key);

	snprintf(full, sizeof(full), "%s%s", root, path);
	file = fopen(full, "re");
	while (file && getline(&line, &cap, file) > 0) {
		char *value = line + len;

		if (strncmp(line, key, len) != 0 || !*value || !strchr(separator, *value))
			continue;
		value += strspn(value, separator);
		value[strcspn(value, "\n")] = '\0';
		if (*value == '"' && value[strlen(value) - 1] == '"' && value[1]) {
			value[strlen(value) - 1] = '\0';
			value++;
		}
		snprintf(ret, size, "%s", value);
		return true;
	}
	return false;
}

static uint64_t read_meminfo(const char *root, const char *key)
{
	char value[64];

	if (!read_value(root, "/proc/meminfo", key, ": \t", value, sizeof(value)))
		return 0;
	return strtoull(value, NULL, 10) * 1024;
}

static unsigned count_cpus(pid_t pid)
{
	cpu_set_t set;

	return sched_getaffinity(pid, sizeof(set), &set) ? 0 : (unsigned)CPU_COUNT(&set);
}

/* The parts that make the sentence, too. */
struct machine {
	char system[160];
	char cpu_model[160];
	struct utsname name;
	unsigned cpu_count;
	uint64_t memory_bytes;
};

static void read_machine(const struct jem_environment_options *options, struct machine *ret)
{
	const char *root = options->root;

	memset(ret, 0, sizeof(*ret));
	uname(&ret->name);
	if (!read_value(root, "/etc/os-release", "PRETTY_NAME", "=", ret->system,
			sizeof(ret->system)))
		snprintf(ret->system, sizeof(ret->system), "%s", ret->name.sysname);
	if (!read_value(root, "/proc/cpuinfo", "model name", ": \t", ret->cpu_model,
			sizeof(ret->cpu_model)) &&
	    !read_value(root, "/proc/cpuinfo", "Model", ": \t", ret->cpu_model,
			sizeof(ret->cpu_model)))
		snprintf(ret->cpu_model, sizeof(ret->cpu_model), "%s", ret->name.machine);
	ret->cpu_count = count_cpus(options->pid);
	ret->memory_bytes = read_meminfo(root, "MemTotal");
}

static void add_machine(struct jem_record *record, const char *root, const struct machine *machine)
{
	jem_record_str(record, "system", machine->system);
	jem_record_str(record, "kernel", machine->name.release);
	jem_record_str(record, "machine", machine->name.machine);
	jem_record_str(record, "host", machine->name.nodename);
	jem_record_str(record, "cpu_model", machine->cpu_model);
	jem_record_u64(record, "cpu_count", machine->cpu_count);
	jem_record_u64(record, "memory_total_bytes", machine->memory_bytes);
	jem_record_u64(record, "swap_total_bytes", read_meminfo(root, "SwapTotal"));
}

static void add_limit(struct jem_record *record, const char *key, rlim_t value)
{
	if (value == RLIM_INFINITY)
		jem_record_word(record, key, "unlimited");
	else
		jem_record_u64(record, key, value);
}

static void add_limits(struct jem_record *record, pid_t pid)
{
	jem_record_array_begin(record, "limits");
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct rlimit limit;

		if (prlimit(pid, (enum __rlimit_resource)limits[i].resource, NULL, &limit))
			continue;
		jem_json_object_begin(&record->json);
		jem_record_word(record, "name", limits[i].name);
		add_limit(record, "soft", limit.rlim_cur);
		add_limit(record, "hard", limit.rlim_max);
		jem_json_object_end(&record->json);
	}
	jem_record_array_end(record);
}

static void add_folder(struct jem_record *record, const struct jem_environment_options *options,
		       const char *name, const char *path)
{
	struct jem_mount mount;

	if (!path || *path != '/' || jem_mount_find(options->root, options->pid, path, &mount))
		return;
	jem_json_object_begin(&record->json);
	jem_record_word(record, "name", name);
	jem_record_str(record, "path", path);
	jem_record_str(record, "mount", mount.point);
	jem_record_str(record, "type", mount.type);
	jem_record_str(record, "device", mount.device);
	jem_record_str(record, "options", mount.options);
	jem_json_object_end(&record->json);
}

static void add_folders(struct jem_record *record, const struct jem_environment_options *options,
			const struct jem_job_environ *variables)
{
	const char *tmp = jem_job_environ_get(variables, "TMPDIR");
	char link[PATH_MAX];
	char work[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "%s/proc/%d/cwd", options->root, (int)options->pid);
	len = readlink(link, work, sizeof(work) - 1);
	work[len < 0 ? 0 : len] = '\0';
	jem_record_array_begin(record, "folders");
	add_folder(record, options, "work", work);
	add_folder(record, options, "tmp", tmp && *tmp ? tmp : "/tmp");
	add_folder(record, options, "home", jem_job_environ_get(variables, "HOME"));
	jem_record_array_end(record);
}

static void add_variables(struct jem_record *record, const struct jem_job_environ *variables)
{
	unsigned count = 0;

	jem_record_object_begin(record, "variables");
	for (const char *at = NULL; (at = jem_job_environ_next(variables, at));) {
		size_t len = strcspn(at, "=");
		char name[NAME_SIZE];
		char value[VALUE_MAX];

		if (!at[len] || !len || !jem_environment_allows(at, len) || ++count > VARIABLES_MAX)
			continue;
		memcpy(name, at, len);
		name[len] = '\0';
		snprintf(value, sizeof(value), "%s", at + len + 1);
		jem_record_named(record, name, value);
	}
	jem_record_object_end(record);
}

void jem_environment_publish(const struct jem_environment_options *options)
{
	struct jem_environment_options of = *options;
	struct jem_job_environ variables;
	struct jem_record *record;
	struct machine machine;
	char text[640];

	if (!of.pid)
		of.pid = getpid();
	read_machine(&of, &machine);
	jem_job_environ_init(&variables, of.root, of.pid);
	snprintf(text, sizeof(text), "%s, %s %s, %u x %s, %.1f GiB of memory", machine.system,
		 machine.name.sysname, machine.name.release, machine.cpu_count, machine.cpu_model,
		 (double)machine.memory_bytes / (1 << 30));
	record = jem_batcher_begin(of.batcher, JEM_KIND_status, jem_now_ns());
	jem_record_word(record, "state", "environment");
	jem_record_str(record, "text", text);
	jem_record_object_begin(record, "fields");
	add_machine(record, of.root, &machine);
	add_limits(record, of.pid);
	add_folders(record, &of, &variables);
	if (options->pid)
		add_variables(record, &variables);
	jem_record_object_end(record);
	jem_batcher_end(of.batcher, JEM_IN_TIME);
	jem_job_environ_deinit(&variables);
}
