/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/script/python/send.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* High, so that the job's own descriptors have the numbers that they have without us. */
#define HIGHEST 1000
#define PACKET  60000 /* of those that the daemon takes */
/* At the end of the process, for what the daemon had no time to take: a socket holds as few as ten packets. */
#define END_NS 100000000u

static struct {
	struct sockaddr_un address;
	socklen_t address_length;
	bool is_on;
	int fd;
	dev_t device;
	ino_t inode;
	unsigned long long dropped;
	size_t used;
	char bytes[262144]; /* whole records, what the socket did not take yet */
} out = { .fd = -1 };

uint64_t jem_py_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int place_high(int fd)
{
	struct rlimit limit;
	int from = HIGHEST;
	int high;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= HIGHEST)
		from = limit.rlim_cur > 16 ? (int)limit.rlim_cur - 8 : 3;
	high = fcntl(fd, F_DUPFD_CLOEXEC, from);
	if (high < 0)
		return fd;
	close(fd);
	return high;
}

static int connect_now(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat stat;

	if (fd < 0)
		return -errno;
	fd = place_high(fd);
	if (connect(fd, (const struct sockaddr *)&out.address, out.address_length) < 0 ||
	    fstat(fd, &stat) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	out.fd = fd;
	out.device = stat.st_dev;
	out.inode = stat.st_ino;
	return 0;
}

static bool is_ours(void)
{
	struct stat stat;

	return out.fd >= 0 && fstat(out.fd, &stat) == 0 && S_ISSOCK(stat.st_mode) &&
	       stat.st_dev == out.device && stat.st_ino == out.inode;
}

int jem_py_send_open(const char *path)
{
	size_t length = strlen(path);
	int rc;

	if (length == 0 || length >= sizeof(out.address.sun_path))
		return -ENAMETOOLONG;
	out.address.sun_family = AF_UNIX;
	memcpy(out.address.sun_path, path, length + 1);
	out.address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
	if (path[0] == '@') {
		out.address.sun_path[0] = '\0';
		out.address_length--;
	}
	rc = connect_now();
	out.is_on = rc == 0;
	return rc;
}

/* As much as the socket takes; records stay whole. */
static void flush(void)
{
	size_t at = 0;

	while (at < out.used) {
		size_t n = out.used - at;
		ssize_t sent;

		if (n > PACKET) {
			const char *end = memrchr(out.bytes + at, '\n', PACKET);

			n = (size_t)(end - (out.bytes + at)) + 1;
		}
		sent = send(out.fd, out.bytes + at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR &&
		    errno != ENOBUFS) {
			/* Nobody listens any more. */
			out.is_on = false;
			break;
		}
		if (sent < 0)
			break;
		at += n;
	}
	out.used -= at;
	memmove(out.bytes, out.bytes + at, out.used);
}

static bool keep(const char *bytes, size_t length)
{
	if (length + 1 > sizeof(out.bytes) - out.used || length + 1 > PACKET)
		return false;
	memcpy(out.bytes + out.used, bytes, length);
	out.bytes[out.used + length] = '\n';
	out.used += length + 1;
	return true;
}

/* What was lost is told before what follows it. */
static bool keep_loss(void)
{
	char text[160];
	int n = snprintf(
		text, sizeof(text),
		"{\"lang\":\"python\",\"event\":\"lost\",\"t\":%llu,\"pid\":%d,\"n\":%llu}",
		(unsigned long long)jem_py_now(), (int)getpid(), out.dropped);

	if (!keep(text, (size_t)n))
		return false;
	out.dropped = 0;
	return true;
}

static bool is_connected(void)
{
	if (out.is_on && !is_ours()) {
		/* Not closed: the number is somebody else's by now, or nobody's. */
		out.fd = -1;
		out.is_on = connect_now() == 0;
	}
	return out.is_on;
}

void jem_py_send(const char *bytes, size_t length)
{
	int saved = errno;

	if (is_connected()) {
		if ((out.dropped && !keep_loss()) || !keep(bytes, length))
			out.dropped++;
		flush();
	}
	errno = saved;
}

void jem_py_send_lost(unsigned long long count)
{
	out.dropped += count;
}

void jem_py_send_end(void)
{
	int saved = errno;
	uint64_t until = jem_py_now() + END_NS;

	if (out.dropped && is_connected())
		keep_loss();
	while (out.used && is_connected() && jem_py_now() < until) {
		struct pollfd ready = { .fd = out.fd, .events = POLLOUT };

		if (poll(&ready, 1, END_NS / 1000000 / 4) < 0 && errno != EINTR)
			break;
		flush();
	}
	errno = saved;
}

void jem_py_send_forked(void)
{
	if (out.fd >= 0 && is_ours())
		close(out.fd);
	out.fd = -1;
	out.used = 0;
	out.dropped = 0;
}
