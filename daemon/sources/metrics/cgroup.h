/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup: what the kernel accounts for the control group of the job, version 1 or 2.
 *
 * The group is found from /proc/PID/cgroup and /proc/self/mountinfo, each controller by itself
 * (hybrid machines have memory in version 1 beside an empty version 2), and looked up again now and
 * then, because batch systems and pilots move jobs. Anonymous memory, shared memory and page cache
 * are told apart: an alarm on all of it is a false one, cache is given back when needed.
 *
 * Ownership: owns its descriptors; the root is borrowed and outlives it
 * Invariant: what the group does not tell is NAN; the root group, which is the node, is no group
 */
#ifndef JEM_DAEMON_METRICS_CGROUP_H
#define JEM_DAEMON_METRICS_CGROUP_H

#include "common/metric.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct jem_cgroup;

enum jem_cgroup_version {
	JEM_CGROUP_NONE,
	JEM_CGROUP_V1,
	JEM_CGROUP_V2
};

int jem_cgroup_create(const char *root, pid_t pid, struct jem_cgroup **ret);
void jem_cgroup_destroy(struct jem_cgroup *cgroup);

/* Fills the JOB values that come from the group; leaves the others alone. */
void jem_cgroup_read(struct jem_cgroup *cgroup, uint64_t now_ns, double values[JEM_METRIC_COUNT]);

/* Which version accounts the job's memory, and the group's path as the kernel names it. */
enum jem_cgroup_version jem_cgroup_memory(const struct jem_cgroup *cgroup, const char **path);

/*
 * A descriptor of cgroup.procs when the group holds nothing but the job, for certain: it is not the
 * group of process `other` (us), nor above it. -ENOENT otherwise. The caller owns it.
 */
int jem_cgroup_open_procs(const struct jem_cgroup *cgroup, pid_t other);

#endif
