/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address: socket addresses of unix paths of any length, and what is loopback.
 *
 * sun_path takes 107 bytes; job folders are often deeper. A longer path is named through a
 * descriptor of its folder: /proc/self/fd/N/NAME.
 */
#ifndef JEM_BROKER_CLIENT_WIRE_ADDRESS_H
#define JEM_BROKER_CLIENT_WIRE_ADDRESS_H

#include "common/err.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/*
 * `folder` (a descriptor, or -1 for a short path) must stay open while the address is in use; the
 * caller closes it. -ENAMETOOLONG for a last part of over 80 bytes, else errno of the folder.
 */
int jem_address_of_path(const char *path, struct sockaddr_un *ret, int *folder);

/* A connected non-blocking socket; or a negative errno. */
int jem_address_connect(const char *path);

/* 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104 and unix sockets. */
bool jem_address_is_local(const struct sockaddr *address);

#endif
