/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_path: where the files of a process's control groups are (cgroups(7)). */
#ifndef JEM_DAEMON_METRICS_CGROUP_PATH_H
#define JEM_DAEMON_METRICS_CGROUP_PATH_H

#include "daemon/sources/metrics/cgroup.h"

#define JEM_CGROUP_PATH_MAX 1024

enum jem_controller {
	JEM_CONTROLLER_MEMORY,
	JEM_CONTROLLER_CPU, /* in version 2 of the group itself: cpu.stat is always there */
	JEM_CONTROLLER_CPUACCT,
	JEM_CONTROLLER_COUNT
};

struct jem_cgroup_path {
	enum jem_cgroup_version version; /* NONE: no such controller, or the node's root group */
	size_t mount_len;                /* of `folder`, the part that is the mount point */
	char folder[JEM_CGROUP_PATH_MAX];
};

struct jem_cgroup_paths {
	struct jem_cgroup_path controllers[JEM_CONTROLLER_COUNT];
};

/* -ENOENT when there is no such process. */
int jem_cgroup_paths_find(const char *root, pid_t pid, struct jem_cgroup_paths *ret);

bool jem_cgroup_paths_equal(const struct jem_cgroup_paths *a, const struct jem_cgroup_paths *b);

#endif
