/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello: a process of the job says that it is traced: one packet with its two files (ring.h).
 *
 * Flow:      connected socket -> packet and descriptors -> checked, mapped
 * Thread:    loop thread; never waits
 * Ownership: the result owns its mappings; descriptors are closed once mapped
 * Invariant: both files are memory files of ordinary pages that nobody can resize any more, so that
 *            touching them never faults; who sends is known from the kernel, not from the packet
 */
#ifndef JEM_DAEMON_SOURCES_CALLS_HELLO_H
#define JEM_DAEMON_SOURCES_CALLS_HELLO_H

#include "common/err.h"
#include "schemas/ring.h"

#include <stddef.h>
#include <sys/types.h>

#define JEM_HELLO_RINGS_MAX (2ull << 30)
#define JEM_HELLO_PLAN_MAX  (512ull << 20)

struct jem_hello_in {
	struct jem_hello hello; /* config_len is within bounds, config ends in a NUL */
	pid_t pid;              /* as we see it */
	uid_t uid;
	void *rings; /* owned mappings */
	size_t rings_bytes;
	void *plan;
	size_t plan_bytes;
};

/*
 * Reads a hello from a connected socket. -EAGAIN: nothing there yet; -ECONNRESET: the peer left
 * without a word; -EPROTO, -EPERM and the like with the reason: refused.
 */
int jem_hello_receive(int fd, struct jem_hello_in *ret, struct jem_err *err);
void jem_hello_deinit(struct jem_hello_in *in);

#endif
