/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/hello.h"

#include "common/cleanup.h"
#include "common/local_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum {
	FDS = 2,
	FDS_ROOM = 8 /* more than we want, so that a surplus is seen and closed */
};

/* The descriptors of all control messages; at most FDS_ROOM come. */
static int take_fds(struct msghdr *message, int fds[FDS_ROOM])
{
	int count = 0;

	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control;
	     control = CMSG_NXTHDR(message, control)) {
		size_t len = control->cmsg_len - CMSG_LEN(0);

		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < len / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
			if (count < FDS_ROOM)
				fds[count++] = fd;
			else
				close(fd);
		}
	}
	return count;
}

static int check_packet(struct jem_hello *hello, ssize_t len, int flags, int fd_count,
			struct jem_err *err)
{
	const size_t fixed = offsetof(struct jem_hello, config);

	if (flags & (MSG_TRUNC | MSG_CTRUNC) || len < (ssize_t)fixed || fd_count != FDS)
		return jem_err_set(err, -EPROTO, "%zd bytes and %d files are no hello", len,
				   fd_count);
	if (hello->magic != JEM_HELLO_MAGIC || hello->version != JEM_RING_VERSION)
		return jem_err_set(err, -EPROTO,
				   "version %u of the tracer is not ours (%u); use libjemtrace.so "
				   "of this jem",
				   hello->version, JEM_RING_VERSION);
	if (hello->config_len >= JEM_HELLO_CONFIG || fixed + hello->config_len > (size_t)len)
		return jem_err_set(err, -EPROTO, "a configuration of %u bytes is not there",
				   hello->config_len);
	memset(hello->config + hello->config_len, 0, JEM_HELLO_CONFIG - hello->config_len);
	return 0;
}

/*
 * A memory file of ordinary pages, not to be resized: reading it cannot fault, whatever its owner does.
 * Files on disk and huge pages can run out.
 */
static int map(int fd, size_t least, uint64_t most, const char *what, void **ret, size_t *ret_bytes,
	       struct jem_err *err)
{
	const int wanted = F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = fcntl(fd, F_GET_SEALS);
	struct statfs fs;
	struct stat st;
	void *bytes;

	if (seals < 0 || (seals & wanted) != wanted || (seals & F_SEAL_WRITE))
		return jem_err_set(err, -EPERM, "the %s are not sealed against resizing", what);
	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != TMPFS_MAGIC ||
	    fs.f_bsize != sysconf(_SC_PAGESIZE))
		return jem_err_set(err, -EPERM, "the %s are not in a memory file", what);
	if (st.st_size < (off_t)least || (uint64_t)st.st_size > most)
		return jem_err_set(err, -EFBIG, "%lld bytes of %s, %zu to %llu are taken",
				   (long long)st.st_size, what, least, (unsigned long long)most);
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return jem_err_set(err, -errno, "cannot map the %s: %s", what, strerror(errno));
	*ret = bytes;
	*ret_bytes = (size_t)st.st_size;
	return 0;
}

static int map_both(const int fds[FDS], struct jem_hello_in *ret, struct jem_err *err)
{
	int status = map(fds[0], sizeof(struct jem_ring_header), JEM_HELLO_RINGS_MAX, "rings",
			 &ret->rings, &ret->rings_bytes, err);

	if (status < 0)
		return status;
	status = map(fds[1], sizeof(struct jem_plan_header), JEM_HELLO_PLAN_MAX, "plans",
		     &ret->plan, &ret->plan_bytes, err);
	if (status < 0)
		jem_hello_deinit(ret);
	return status;
}

int jem_hello_receive(int fd, struct jem_hello_in *ret, struct jem_err *err)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_ROOM * sizeof(int))];
	} control;
	struct iovec part = { .iov_base = &ret->hello, .iov_len = sizeof(ret->hello) };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	int fds[FDS_ROOM];
	ssize_t len;
	int count;
	int status;

	memset(ret, 0, sizeof(*ret));
	do
		len = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return errno == EAGAIN ? -EAGAIN : -ECONNRESET;
	count = take_fds(&message, fds);
	status = len == 0 && !count ? -ECONNRESET
				    : check_packet(&ret->hello, len, message.msg_flags, count, err);
	if (status == 0)
		status = jem_local_peer(fd, &ret->pid, &ret->uid);
	if (status == 0)
		status = map_both(fds, ret, err);
	for (int i = 0; i < count; i++)
		close(fds[i]);
	return status;
}

void jem_hello_deinit(struct jem_hello_in *in)
{
	if (in->rings)
		munmap(in->rings, in->rings_bytes);
	if (in->plan)
		munmap(in->plan, in->plan_bytes);
	in->rings = in->plan = NULL;
}
