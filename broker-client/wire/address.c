/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/wire/address.h"

#include "common/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

int jem_address_of_path(const char *path, struct sockaddr_un *ret, int *folder)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = NULL;
	auto_close int fd = -1;
	size_t len = strlen(path);

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*folder = -1;
	if (len < sizeof(ret->sun_path)) {
		memcpy(ret->sun_path, path, len + 1);
		return 0;
	}
	dir = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	if (!dir)
		return -ENOMEM;
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = (size_t)snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", fd,
			       slash ? slash + 1 : path);
	if (len >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	*folder = jem_take_fd(&fd);
	return 0;
}

int jem_address_connect(const char *path)
{
	struct sockaddr_un address;
	auto_close int folder = -1;
	auto_close int fd = -1;
	int rc = jem_address_of_path(path, &address, &folder);

	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return jem_take_fd(&fd);
}

bool jem_address_is_local(const struct sockaddr *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

	switch (address->sa_family) {
	case AF_UNIX:
		return true;
	case AF_INET:
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
		       (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) &&
			in6->sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
	default:
		return false;
	}
}
