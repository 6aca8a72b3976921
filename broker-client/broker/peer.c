/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/broker/peer.h"

#include "common/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	ATTEMPTS = 3,
	ADDRESS_SIZE = 48
};

/* An address as /proc/net/tcp[6] prints it: words in the machine's order, then the port. */
static int format_address(const struct sockaddr_storage *address, char ret[ADDRESS_SIZE])
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	uint32_t words[4];

	if (address->ss_family == AF_INET) {
		snprintf(ret, ADDRESS_SIZE, "%08X:%04X", in->sin_addr.s_addr, ntohs(in->sin_port));
		return 0;
	}
	if (address->ss_family != AF_INET6)
		return -EAFNOSUPPORT;
	memcpy(words, &in6->sin6_addr, sizeof(words));
	snprintf(ret, ADDRESS_SIZE, "%08X%08X%08X%08X:%04X", words[0], words[1], words[2], words[3],
		 ntohs(in6->sin6_port));
	return 0;
}

static int search(const char *path, const char *local, const char *remote, uid_t *ret)
{
	auto_fclose FILE *file = fopen(path, "re");
	char line[512];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		char from[ADDRESS_SIZE];
		char to[ADDRESS_SIZE];
		unsigned state;
		unsigned uid;
		unsigned long inode;

		if (sscanf(line, " %*u: %47s %47s %x %*s %*s %*s %u %*u %lu", from, to, &state,
			   &uid, &inode) != 5)
			continue;
		/*
		 * A socket that its owner has closed is listed with uid 0 and no inode: only an
		 * established one with an inode says whose it is.
		 */
		if (state != TCP_ESTABLISHED || !inode || strcmp(from, local) != 0 ||
		    strcmp(to, remote) != 0)
			continue;
		*ret = uid;
		return 0;
	}
	return -ENOENT;
}

static int tcp_peer_uid(int fd, const struct sockaddr_storage *us, uid_t *ret)
{
	const char *path = us->ss_family == AF_INET6 ? "/proc/net/tcp6" : "/proc/net/tcp";
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	char local[ADDRESS_SIZE];
	char remote[ADDRESS_SIZE];
	int rc = -ENOENT;

	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
		return -ENOENT;
	rc = format_address(&peer, local);
	if (rc >= 0)
		rc = format_address(us, remote);
	if (rc < 0)
		return rc;
	/* The table changes while it is read, and an entry may be passed over: look again. */
	rc = -ENOENT;
	for (unsigned i = 0; i < ATTEMPTS && rc < 0; i++)
		rc = search(path, local, remote, ret);
	return rc;
}

int jem_peer_uid(int fd, uid_t *ret)
{
	struct sockaddr_storage us;
	socklen_t len = sizeof(us);
	struct ucred credentials;

	if (getsockname(fd, (struct sockaddr *)&us, &len) < 0)
		return -errno;
	if (us.ss_family != AF_UNIX)
		return tcp_peer_uid(fd, &us, ret);
	len = sizeof(credentials);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) < 0)
		return -errno;
	*ret = credentials.uid;
	return 0;
}

bool jem_peer_is_trusted(int fd)
{
	uid_t uid;

	return jem_peer_uid(fd, &uid) >= 0 && (uid == geteuid() || uid == 0);
}
