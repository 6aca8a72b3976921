/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local_socket: unix sockets of packets (SOCK_SEQPACKET) between processes of this node.
 *
 * An address is a path, however long, or @name of an abstract socket (unix(7)). Nobody but us may
 * connect to a path; an abstract one has no rights, so both ends look who the other is. libc only.
 */
#ifndef JEM_COMMON_LOCAL_SOCKET_H
#define JEM_COMMON_LOCAL_SOCKET_H

#include "common/err.h"

#include <sys/types.h>

/* Where the daemon of a job without a folder listens for `jem control`: user and job. */
#define JEM_CONTROL_ABSTRACT "@jem-control-%u-%s"

/* A listening socket, not blocking, close-on-exec; or a negative errno with the reason. */
int jem_local_listen(const char *address, struct jem_err *err);

/* A connected socket, blocking, close-on-exec; or a negative errno with the reason. */
int jem_local_connect(const char *address, struct jem_err *err);

/* Who is at the other end, by the kernel. */
int jem_local_peer(int fd, pid_t *pid, uid_t *uid);

#endif
