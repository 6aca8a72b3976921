/* SPDX-License-Identifier: Apache-2.0 */
#include "common/local_socket.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum {
	BACKLOG = 128,
	NAME_MAX_LEN = 64
};

/* unix(7) has room for 107 characters; through its folder's descriptor every path is short enough. */
static int through_folder(const char *path, struct sockaddr_un *ret, int *folder,
			  struct jem_err *err)
{
	const char *slash = strrchr(path, '/');
	char above[PATH_MAX];

	if (!slash || slash - path >= PATH_MAX || strlen(slash) > NAME_MAX_LEN)
		return jem_err_set(err, -ENAMETOOLONG, "the path of the socket is too long");
	snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path);
	*folder = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*folder < 0)
		return jem_err_set(err, -errno, "cannot open %.150s: %s", above, strerror(errno));
	snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d%.64s", *folder, slash);
	return 0;
}

/* The address's length, or a negative errno. `folder` has to stay open until it was used. */
static int resolve(const char *text, struct sockaddr_un *ret, int *folder, struct jem_err *err)
{
	size_t len = strlen(text);
	int status;

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (*text == '@') {
		if (len > sizeof(ret->sun_path))
			return jem_err_set(err, -ENAMETOOLONG, "the socket's name is too long");
		memcpy(ret->sun_path + 1, text + 1, len - 1);
		return (int)(offsetof(struct sockaddr_un, sun_path) + len);
	}
	if (len < sizeof(ret->sun_path)) {
		strcpy(ret->sun_path, text);
	} else {
		status = through_folder(text, ret, folder, err);
		if (status < 0)
			return status;
	}
	return (int)sizeof(*ret);
}

int jem_local_listen(const char *text, struct jem_err *err)
{
	struct sockaddr_un address;
	auto_close int folder = -1;
	auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t before;
	int status;

	if (fd < 0)
		return jem_err_set(err, -errno, "no socket: %s", strerror(errno));
	status = resolve(text, &address, &folder, err);
	if (status < 0)
		return status;
	before = umask(0177);
	status = bind(fd, (struct sockaddr *)&address, (socklen_t)status) < 0 ? -errno : 0;
	umask(before);
	if (status == 0 && listen(fd, BACKLOG) < 0)
		status = -errno;
	if (status < 0)
		return jem_err_set(err, status, "cannot listen at %.150s: %s", text,
				   strerror(-status));
	return jem_take_fd(&fd);
}

int jem_local_connect(const char *text, struct jem_err *err)
{
	struct sockaddr_un address;
	auto_close int folder = -1;
	auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int status;

	if (fd < 0)
		return jem_err_set(err, -errno, "no socket: %s", strerror(errno));
	status = resolve(text, &address, &folder, err);
	if (status < 0)
		return status;
	if (connect(fd, (struct sockaddr *)&address, (socklen_t)status) < 0)
		return jem_err_set(err, -errno, "cannot connect to %.150s: %s", text,
				   strerror(errno));
	return jem_take_fd(&fd);
}

int jem_local_peer(int fd, pid_t *pid, uid_t *uid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	*pid = peer.pid;
	*uid = peer.uid;
	return 0;
}
