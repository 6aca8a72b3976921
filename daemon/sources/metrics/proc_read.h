/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc_read: what the kernel tells of one process (proc(5)).
 *
 * The name of a process is whatever it likes: blanks, brackets, newlines. In stat it ends at the
 * last `)` of the text, because every field after it is a letter or a number.
 */
#ifndef JEM_DAEMON_METRICS_PROC_READ_H
#define JEM_DAEMON_METRICS_PROC_READ_H

#include "daemon/sources/metrics/proc_file.h"

#define JEM_COMM_SIZE 64 /* 16 for a process; the kernel's own threads have longer ones */

struct jem_proc_stat {
	char comm[JEM_COMM_SIZE]; /* raw bytes, not UTF-8; NUL-terminated */
	char state;               /* R S D T t Z X I */
	pid_t pid;
	pid_t ppid;
	pid_t session;
	uint64_t minor_faults;       /* of all its threads */
	uint64_t child_minor_faults; /* of the children it has waited for, and theirs */
	uint64_t major_faults;
	uint64_t child_major_faults;
	uint64_t user_ticks;
	uint64_t system_ticks;
	uint64_t child_user_ticks;
	uint64_t child_system_ticks;
	uint64_t threads;
	uint64_t start_ticks; /* since boot; with the pid it names the process for good */
	uint64_t vsize_bytes;
	uint64_t rss_pages;
};

struct jem_proc_status {
	uint64_t vsize_bytes;
	uint64_t peak_rss_bytes; /* VmHWM: since the last exec */
	uint64_t rss_bytes;
	uint64_t anon_bytes;
	uint64_t file_bytes;
	uint64_t shmem_bytes;
	uint64_t swap_bytes;
	uint64_t voluntary_switches; /* of the main thread */
	uint64_t involuntary_switches;
	bool ignores_sigchld; /* its children are reaped by nobody and their times are lost */
};

struct jem_proc_io {
	uint64_t rchar;
	uint64_t wchar;
	uint64_t read_bytes;
	uint64_t write_bytes;
};

/* Each: 0, or -EBADMSG and the output untouched. */
int jem_proc_parse_stat(const char *text, size_t len, struct jem_proc_stat *ret);
int jem_proc_parse_status(const char *text, struct jem_proc_status *ret);
int jem_proc_parse_io(const char *text, struct jem_proc_io *ret);

/* Reads /proc/PID/stat: 0, -ENOENT or -ESRCH when there is no such process. */
int jem_proc_read_stat(const char *root, pid_t pid, struct jem_proc_stat *ret);

/* Whether /proc/PID/environ holds `assignment` (NAME=value); false when it cannot be read. */
bool jem_proc_has_environment(const char *root, pid_t pid, const char *assignment);

/* How many descriptors are open: a negative errno when that is not ours to know. */
int64_t jem_proc_open_files(const char *root, pid_t pid);

/* Where a sleeping process waits in the kernel, "" when unknown. */
void jem_proc_wchan(const char *root, pid_t pid, char *ret, size_t size);

#endif
