/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fd: the launcher's own descriptors, which the job must not notice.
 *
 * They are close-on-exec and numbered from 200 on (lower only where RLIMIT_NOFILE leaves no
 * choice), so that the numbers the job's own files get are those it would get without us.
 */
#ifndef JEM_TOOLS_RUN_FD_H
#define JEM_TOOLS_RUN_FD_H

#include <stddef.h>

#define JEM_FD_FLOOR 200

/* Moves fd up, close-on-exec. Takes a negative errno through; else the new number, or -errno. */
int jem_fd_raise(int fd);

/* open(2), moved up: the descriptor or a negative errno. */
int jem_fd_open(const char *path, int flags);

/* pipe2(2) with O_CLOEXEC, both ends moved up. */
int jem_fd_pipe(int ret[2]);

/* socketpair(2) of SOCK_SEQPACKET, both ends moved up, not blocking at our end ret[0]. */
int jem_fd_socketpair(int ret[2]);

void jem_fd_close(int *fd);

/* Closes every descriptor except those in `keep` (negative ones are skipped). */
void jem_fd_close_others(const int *keep, size_t count);

#endif
