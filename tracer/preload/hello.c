/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/hello.h"

#include "tracer/preload/maps.h"
#include "tracer/preload/sys.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

int jem_hello_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	unsigned len = 0;
	int fd;
	long status;

	for (; path[len]; len++) {
		if (len == sizeof(address.sun_path) - 1)
			return -ENAMETOOLONG;
		address.sun_path[len] = path[len];
	}
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = (int)jem_sys3(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	fd = jem_maps_move_fd(fd);
	if (fd < 0)
		return fd;
	len += offsetof(struct sockaddr_un, sun_path) + (path[0] == '@' ? 0 : 1);
	status = jem_sys3(SYS_connect, fd, (long)&address, len);
	if (status < 0) {
		jem_sys_close(fd);
		return (int)status;
	}
	return fd;
}

int jem_hello_send(int socket, const struct jem_settings *settings, uint32_t parent, uint64_t ticks,
		   int rings_fd, int plan_fd)
{
	struct jem_hello hello = {
		.magic = JEM_HELLO_MAGIC,
		.version = JEM_RING_VERSION,
		.pid = jem_state.pid,
		.parent = parent,
		.ticks = ticks,
		.config_len = settings->config_len,
	};
	struct iovec part = { &hello, sizeof(hello) };
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.bytes),
	};
	int *descriptors = (int *)(void *)CMSG_DATA(&control.head);
	long status;

	for (uint32_t i = 0; i < settings->config_len; i++)
		hello.config[i] = settings->config[i];
	control.head.cmsg_len = CMSG_LEN(2 * sizeof(int));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	descriptors[0] = rings_fd;
	descriptors[1] = plan_fd;
	do
		status = jem_sys3(SYS_sendmsg, socket, (long)&message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (status == -EINTR);
	return status < 0 ? (int)status : 0;
}
