/* SPDX-License-Identifier: Apache-2.0 */
/* child: how a child of ours ended (prmon -- COMMAND); it stays for main to wait for. */
#ifndef JEM_DAEMON_CHILD_H
#define JEM_DAEMON_CHILD_H

#include "daemon/job.h"

#include <sys/types.h>

/* Fills in what is known; leaves `reaped` as it is while it runs, or where it is no child of ours. */
void jem_child_peek(pid_t pid, struct jem_reaped *reaped);

#endif
