/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	KEEP_MAX = 32,
	SCAN_MAX = 1 << 16 /* before Linux 5.9: descriptors above are not looked for */
};

int jem_fd_raise(int fd)
{
	int raised = -1;

	if (fd < 0)
		return fd;
	for (int floor = JEM_FD_FLOOR; raised < 0 && floor > 3; floor /= 2)
		raised = fcntl(fd, F_DUPFD_CLOEXEC, floor);
	if (raised < 0)
		raised = errno == EINVAL ? -EMFILE : -errno; /* the floor is above the limit */
	close(fd);
	return raised;
}

int jem_fd_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : jem_fd_raise(fd);
}

static int raise_pair(int fds[2], int ret[2])
{
	int first = jem_fd_raise(fds[0]);
	int second = jem_fd_raise(fds[1]);

	if (first < 0 || second < 0) {
		jem_fd_close(&first);
		jem_fd_close(&second);
		return -EMFILE;
	}
	ret[0] = first;
	ret[1] = second;
	return 0;
}

int jem_fd_pipe(int ret[2])
{
	int fds[2];

	return pipe2(fds, O_CLOEXEC) < 0 ? -errno : raise_pair(fds, ret);
}

int jem_fd_socketpair(int ret[2])
{
	int fds[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	rc = raise_pair(fds, ret);
	if (rc == 0)
		(void)fcntl(ret[0], F_SETFL, O_NONBLOCK);
	return rc;
}

void jem_fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_range_of(unsigned first, unsigned last)
{
	if (first > last || !syscall(SYS_close_range, first, last, 0))
		return;
	for (unsigned fd = first; fd <= last && fd < SCAN_MAX; fd++)
		close((int)fd);
}

void jem_fd_close_others(const int *keep, size_t count)
{
	int sorted[KEEP_MAX];
	size_t n = 0;
	unsigned first = 0;

	for (size_t i = 0; i < count && n < KEEP_MAX; i++) {
		size_t at = n;

		if (keep[i] < 0)
			continue;
		for (; at > 0 && sorted[at - 1] > keep[i]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = keep[i];
		n++;
	}
	for (size_t i = 0; i < n; i++) {
		if (sorted[i] > 0)
			close_range_of(first, (unsigned)sorted[i] - 1);
		first = (unsigned)sorted[i] + 1;
	}
	close_range_of(first, INT_MAX);
}
