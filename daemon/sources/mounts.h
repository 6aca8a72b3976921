/* SPDX-License-Identifier: Apache-2.0 */
/* mounts: which file system a path is on, from /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
#ifndef JEM_DAEMON_SOURCES_MOUNTS_H
#define JEM_DAEMON_SOURCES_MOUNTS_H

#include <sys/types.h>

struct jem_mount {
	char point[1024];
	char type[64];
	char device[512];
	char options[512];
};

/*
 * The mount that `path` is on by its text alone: the longest point above it, the last of equals.
 * -ENOENT: none. `root` stands before /proc.
 */
int jem_mount_find(const char *root, pid_t pid, const char *path, struct jem_mount *ret);

#endif
