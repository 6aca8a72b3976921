/* SPDX-License-Identifier: Apache-2.0 */
/* job_peer: which processes may report to the daemon of a job over its local sockets. */
#ifndef JEM_DAEMON_SOURCES_METRICS_JOB_PEER_H
#define JEM_DAEMON_SOURCES_METRICS_JOB_PEER_H

#include <stdbool.h>
#include <sys/types.h>

/* Our own user's, root's, and, where we are root, those that descend from the job's first process. */
bool jem_job_peer_is_allowed(pid_t pid, uid_t uid, pid_t job);

#endif
