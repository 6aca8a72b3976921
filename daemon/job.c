/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/job.h"

#include "common/cleanup.h"
#include "common/launch_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

enum {
	COMMAND_MAX = 16 << 10,
	NOTE_MAX = 200
};

struct jem_job {
	struct jem_batcher *batcher; /* borrowed, outlives us */
	pid_t pid;
	uint64_t start_ns;
	bool has_ended;
	struct jem_reaped end;
	struct jem_job_totals totals;
	int worst; /* index in severities, -1: no alert */
	char worst_text[NOTE_MAX + 1];
	char error_line[NOTE_MAX + 1];
};

static const char *const severities[] = { "info", "warning", "critical" };

int jem_reaped_parse(const char *message, struct jem_reaped *ret)
{
	struct jem_reaped reaped = { .status = -1 };
	int64_t value;
	struct {
		const char *key;
		uint64_t *to;
	} fields[] = {
		{ "utime_us", &reaped.user_us },
		{ "stime_us", &reaped.system_us },
		{ "maxrss_kb", &reaped.maxrss_kb },
		{ "minflt", &reaped.minor_faults },
		{ "majflt", &reaped.major_faults },
		{ "inblock", &reaped.in_blocks },
		{ "oublock", &reaped.out_blocks },
		{ "nvcsw", &reaped.voluntary_switches },
		{ "nivcsw", &reaped.involuntary_switches },
		{ "mono_ns", &reaped.mono_ns },
	};

	if (jem_link_number(message, "pid", &value) < 0 || value <= 0)
		return -EBADMSG;
	reaped.pid = (pid_t)value;
	if (jem_link_number(message, "status", &value) == 0)
		reaped.status = (int)value;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (jem_link_number(message, fields[i].key, &value) == 0 && value >= 0)
			*fields[i].to = (uint64_t)value;
	*ret = reaped;
	return 0;
}

int jem_job_create(struct jem_batcher *batcher, pid_t pid, struct jem_job **ret)
{
	struct jem_job *job = calloc(1, sizeof(*job));

	if (!job)
		return -ENOMEM;
	job->batcher = batcher;
	job->pid = pid;
	job->start_ns = jem_now_ns();
	job->worst = -1;
	*ret = job;
	return 0;
}

void jem_job_destroy(struct jem_job *job)
{
	free(job);
}

static struct jem_record *begin(struct jem_job *job, const char *state, const char *text,
				uint64_t mono_ns)
{
	struct jem_record *record = jem_batcher_begin(job->batcher, JEM_KIND_status, mono_ns);

	jem_record_word(record, "state", state);
	jem_record_str(record, "text", text);
	if (job->pid > 0)
		jem_record_i64(record, "pid", job->pid);
	return record;
}

static void end(struct jem_job *job)
{
	jem_batcher_end(job->batcher, JEM_URGENT);
}

void jem_job_starting(struct jem_job *job)
{
	begin(job, "starting", "the monitor is ready", jem_now_ns());
	end(job);
}

/* The words of /proc/PID/cmdline as one line a person could type. */
static void add_command(struct jem_job *job, struct jem_record *record)
{
	char path[64];
	auto_free char *text = malloc(COMMAND_MAX);
	struct jem_buf line;
	auto_close int fd = -1;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)job->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 || !text ? -1 : read(fd, text, COMMAND_MAX - 1);
	if (len <= 0)
		return;
	text[len] = '\0';
	jem_buf_init(&line, 4 * COMMAND_MAX);
	for (const char *word = text; word < text + len; word += strlen(word) + 1) {
		bool quote = !*word || strpbrk(word, " \t\n'\"\\$&|;<>()*?[]#~`!{}");

		if (line.len)
			jem_buf_add_char(&line, ' ');
		if (quote)
			jem_buf_add_char(&line, '\'');
		for (const char *c = word; *c; c++)
			if (quote && *c == '\'')
				jem_buf_add_str(&line, "'\\''");
			else
				jem_buf_add_char(&line, *c);
		if (quote)
			jem_buf_add_char(&line, '\'');
	}
	jem_record_text(record, "command", line.data ? line.data : "", line.len);
	jem_buf_deinit(&line);
}

static void add_folder(struct jem_job *job, struct jem_record *record)
{
	char path[64];
	char folder[4096];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)job->pid);
	len = readlink(path, folder, sizeof(folder));
	if (len > 0)
		jem_record_text(record, "folder", folder, (size_t)len);
}

void jem_job_running(struct jem_job *job, uint64_t mono_ns)
{
	struct jem_record *record = begin(job, "running", "the job runs", mono_ns);

	job->start_ns = mono_ns;
	add_command(job, record);
	add_folder(job, record);
	end(job);
}

void jem_job_not_started(struct jem_job *job, int error)
{
	struct jem_record *record;
	char text[128];

	if (job->has_ended)
		return;
	snprintf(text, sizeof(text), "the command could not be run: %s", strerror(error));
	job->has_ended = true;
	job->end = (struct jem_reaped){ .status = -1, .mono_ns = jem_now_ns() };
	job->totals = (struct jem_job_totals){ -1, -1, -1, -1, -1 };
	record = begin(job, "ended", text, job->end.mono_ns);
	jem_record_i64(record, "exit_code", error == ENOENT ? 127 : 126); /* as env(1) */
	end(job);
}

void jem_job_stopped(struct jem_job *job, int sig, uint64_t mono_ns)
{
	struct jem_record *record;
	char text[64];

	snprintf(text, sizeof(text), "stopped by %s", sigabbrev_np(sig) ? sigabbrev_np(sig) : "?");
	record = begin(job, "stopped", text, mono_ns);
	jem_record_i64(record, "signal", sig);
	end(job);
}

void jem_job_continued(struct jem_job *job, uint64_t mono_ns)
{
	begin(job, "continued", "the job goes on", mono_ns);
	end(job);
}

static void describe_end(const struct jem_job *job, char *text, size_t size)
{
	int status = job->end.status;

	if (status == -1)
		snprintf(text, size, "ended, exit status not known");
	else if (WIFSIGNALED(status))
		snprintf(text, size, "ended by signal %d (%s)%s", WTERMSIG(status),
			 sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?",
			 WCOREDUMP(status) ? ", core dumped" : "");
	else
		snprintf(text, size, "ended with exit status %d", WEXITSTATUS(status));
}

static double wall_s(const struct jem_job *job)
{
	return (double)(job->end.mono_ns - job->start_ns) * 1e-9;
}

static void add_known(struct jem_record *record, const char *key, double value)
{
	if (value >= 0)
		jem_record_real(record, key, value);
}

void jem_job_ended(struct jem_job *job, const struct jem_reaped *reaped,
		   const struct jem_job_totals *totals)
{
	struct jem_record *record;
	char text[96];

	if (job->has_ended)
		return;
	job->has_ended = true;
	job->end = *reaped;
	if (job->end.mono_ns < job->start_ns)
		job->end.mono_ns = jem_now_ns();
	job->totals = *totals;
	describe_end(job, text, sizeof(text));
	record = begin(job, "ended", text, job->end.mono_ns);
	if (reaped->status != -1 && WIFSIGNALED(reaped->status)) {
		jem_record_i64(record, "signal", WTERMSIG(reaped->status));
		jem_record_bool(record, "core", WCOREDUMP(reaped->status));
	} else if (reaped->status != -1) {
		jem_record_i64(record, "exit_code", WEXITSTATUS(reaped->status));
	}
	jem_record_real(record, "wall_s", wall_s(job));
	add_known(record, "cpu_user_s", totals->cpu_user_s);
	add_known(record, "cpu_system_s", totals->cpu_system_s);
	add_known(record, "peak_rss_bytes", totals->peak_rss_bytes);
	add_known(record, "memory_limit_bytes", totals->limit_bytes);
	add_known(record, "processes", totals->processes);
	end(job);
}

bool jem_job_has_ended(const struct jem_job *job)
{
	return job->has_ended;
}

static void keep(char note[NOTE_MAX + 1], const char *text, size_t len)
{
	size_t kept = len < NOTE_MAX ? len : NOTE_MAX;

	/* It ends on a terminal: no control characters. */
	for (size_t i = 0; i < kept; i++)
		note[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
	note[kept] = '\0';
}

void jem_job_note_alert(struct jem_job *job, const char *severity, const char *text, size_t len)
{
	for (int i = 0; i < (int)(sizeof(severities) / sizeof(*severities)); i++)
		if (!strcmp(severity, severities[i]) && i > job->worst) {
			job->worst = i;
			keep(job->worst_text, text, len);
		}
}

void jem_job_note_error_line(struct jem_job *job, const char *text, size_t len)
{
	keep(job->error_line, text, len);
}

static void format_bytes(double bytes, char *text, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	unsigned unit = 0;

	while (bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(*units)) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, size, unit && bytes < 100 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

static void summarise_memory(const struct jem_job *job, char *line, size_t size)
{
	char peak[32];
	char limit[32];

	if (job->totals.peak_rss_bytes < 0) {
		snprintf(line, size, "peak memory not known");
		return;
	}
	format_bytes(job->totals.peak_rss_bytes, peak, sizeof(peak));
	if (job->totals.limit_bytes <= 0) {
		snprintf(line, size, "peak memory %s, no limit", peak);
		return;
	}
	format_bytes(job->totals.limit_bytes, limit, sizeof(limit));
	snprintf(line, size, "peak memory %s of %s (%.0f %%)", peak, limit,
		 100 * job->totals.peak_rss_bytes / job->totals.limit_bytes);
}

void jem_job_summarise(const struct jem_job *job, void (*say)(void *arg, const char *line),
		       void *arg)
{
	char line[NOTE_MAX + 64];

	describe_end(job, line, sizeof(line));
	say(arg, line);
	if (job->totals.cpu_user_s >= 0) {
		double cpu_s = job->totals.cpu_user_s + job->totals.cpu_system_s;

		snprintf(line, sizeof(line),
			 "wall time %.1f s, CPU time %.1f s (user %.1f, system %.1f)", wall_s(job),
			 cpu_s, job->totals.cpu_user_s, job->totals.cpu_system_s);
		say(arg, line);
	}
	summarise_memory(job, line, sizeof(line));
	say(arg, line);
	if (job->worst >= 0) {
		snprintf(line, sizeof(line), "worst alert (%s): %s", severities[job->worst],
			 job->worst_text);
		say(arg, line);
	}
	if (job->error_line[0]) {
		snprintf(line, sizeof(line), "last error line: %s", job->error_line);
		say(arg, line);
	}
}
