/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/job_peer.h"

#include "daemon/sources/metrics/proc_read.h"

#include <unistd.h>

enum {
	PARENTS_MAX = 64
};

static bool belongs_to_job(pid_t pid, pid_t job)
{
	for (int i = 0; i < PARENTS_MAX && pid > 1 && job > 0; i++) {
		struct jem_proc_stat stat;

		if (pid == job)
			return true;
		if (jem_proc_read_stat("", pid, &stat) < 0)
			return false;
		pid = stat.ppid;
	}
	return false;
}

bool jem_job_peer_is_allowed(pid_t pid, uid_t uid, pid_t job)
{
	if (uid == geteuid() || uid == 0)
		return true;
	return geteuid() == 0 && belongs_to_job(pid, job);
}
