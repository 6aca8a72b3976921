/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job: the life cycle of the watched job, as `status` records and closing lines.
 *
 * Flow:      launcher's messages or a watched pid -> state -> status record
 * Thread:    loop thread
 * Ownership: owns its strings; the batcher is borrowed and outlives it
 * Invariant: starting, then running at most once, then ended exactly once
 */
#ifndef JEM_DAEMON_JOB_H
#define JEM_DAEMON_JOB_H

#include "daemon/batcher.h"

#include <sys/types.h>

/* What wait4 told of a process, by the launcher. Absent numbers are 0. */
struct jem_reaped {
	pid_t pid;
	int status; /* as by wait(2); -1: not known */
	uint64_t user_us;
	uint64_t system_us;
	uint64_t maxrss_kb;
	uint64_t minor_faults;
	uint64_t major_faults;
	uint64_t in_blocks;
	uint64_t out_blocks;
	uint64_t voluntary_switches;
	uint64_t involuntary_switches;
	uint64_t mono_ns;
};

/* Reads a `reap` or `exit` message of the launcher: 0, or -EBADMSG. */
int jem_reaped_parse(const char *message, struct jem_reaped *ret);

/* The final figures of a whole job; a negative number is not known. */
struct jem_job_totals {
	double cpu_user_s;
	double cpu_system_s;
	double peak_rss_bytes;
	double limit_bytes;
	double processes;
};

struct jem_job;

int jem_job_create(struct jem_batcher *batcher, pid_t pid, struct jem_job **ret);
void jem_job_destroy(struct jem_job *job);

void jem_job_starting(struct jem_job *job);
/* The program runs: publishes its command line and folder as far as they may be read. */
void jem_job_running(struct jem_job *job, uint64_t mono_ns);
void jem_job_not_started(struct jem_job *job, int error);
void jem_job_stopped(struct jem_job *job, int sig, uint64_t mono_ns);
void jem_job_continued(struct jem_job *job, uint64_t mono_ns);
void jem_job_ended(struct jem_job *job, const struct jem_reaped *end,
		   const struct jem_job_totals *totals);
bool jem_job_has_ended(const struct jem_job *job);

/* What the closing lines should not leave out; the worst alert and the last error line stay. */
void jem_job_note_alert(struct jem_job *job, const char *severity, const char *text, size_t len);
void jem_job_note_error_line(struct jem_job *job, const char *text, size_t len);

/* Calls `say` for each closing line: end, times, memory, worst alert, last error line. */
void jem_job_summarise(const struct jem_job *job, void (*say)(void *arg, const char *line),
		       void *arg);

#endif
