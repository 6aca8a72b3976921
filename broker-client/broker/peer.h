/* SPDX-License-Identifier: Apache-2.0 */
/* peer: which user sits at the other end of a connection within this machine. */
#ifndef JEM_BROKER_CLIENT_BROKER_PEER_H
#define JEM_BROKER_CLIENT_BROKER_PEER_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * The uid of the peer of a connected socket: SO_PEERCRED on a unix socket, /proc/net/tcp[6] on
 * loopback. -ENOENT when it cannot be told (the peer has closed already, or is elsewhere).
 */
int jem_peer_uid(int fd, uid_t *ret);

/* Whether that user is ours. Root is: it could read our memory anyway. */
bool jem_peer_is_trusted(int fd);

#endif
