/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script_peers: the connections of shells and interpreters that report (JEM_SCRIPTS_SOCKET).
 *
 * Flow:      accept -> peer allowed? -> packet -> on_packet
 * Thread:    loop thread
 * Ownership: owns socket and connections
 * Bound:     JEM_SCRIPT_PEERS connections, a further one is refused; PACKETS_PER_PASS packets of a
 *            connection before the loop has another turn
 */
#ifndef JEM_DAEMON_SOURCES_SCRIPT_SCRIPT_PEERS_H
#define JEM_DAEMON_SOURCES_SCRIPT_SCRIPT_PEERS_H

#include "common/err.h"

#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

#define JEM_SCRIPT_PEERS 256u

struct jem_script_peers;

struct jem_script_peers_events {
	void (*on_packet)(void *arg, const char *text, size_t len);
	void (*on_refused)(void *arg, pid_t pid, const char *why);
	void *arg;
};

int jem_script_peers_open(uv_loop_t *loop, const char *address, pid_t job,
			  const struct jem_script_peers_events *events,
			  struct jem_script_peers **ret, struct jem_err *err);

/* Takes all that waits in the sockets now. */
void jem_script_peers_take(struct jem_script_peers *peers);

/* Memory is freed in the loop's next passes; the path is removed. Takes NULL. */
void jem_script_peers_close(struct jem_script_peers *peers);

#endif
