/* SPDX-License-Identifier: Apache-2.0 */
/* tree: recorded /proc and /sys trees in the folder of the case. */
#ifndef JEM_TESTS_UNIT_TREE_H
#define JEM_TESTS_UNIT_TREE_H

#include <sys/types.h>

/* Writes check_folder() + path, making the folders above it. */
void tree_write(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes a file or a whole folder of the tree away. */
void tree_remove(const char *path);

/* /proc/PID with stat, status, io and task/PID/children. */
struct tree_process {
	pid_t pid;
	pid_t ppid;
	const char *comm; /* NULL: "work" */
	char state;       /* 0: S */
	pid_t session;
	unsigned threads; /* 0: 1 */
	unsigned long start_ticks;
	unsigned long user_ticks;
	unsigned long system_ticks;
	unsigned long child_user_ticks;
	unsigned long child_system_ticks;
	unsigned long rss_kb;
	unsigned long peak_kb;
	unsigned long anon_kb;
	unsigned long rchar;
	unsigned long wchar;
	unsigned long read_bytes;
	unsigned long write_bytes;
	const char *children; /* of its main thread, "12 13 " */
	unsigned long sigignore;
};

void tree_process(const struct tree_process *process);

#endif
