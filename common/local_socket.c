/* SPDX-License-Identifier: Apache-2.0 */
#include "common/local_socket.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

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

static int listen_there(int fd, const char *text, struct jem_err *err)
{
	struct sockaddr_un address;
	auto_close int folder = -1;
	int status = resolve(text, &address, &folder, err);
	mode_t before;

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
	return 0;
}

/* Gives the socket its name: never that of somebody else's. */
static int give_name(const char *hidden, const char *text, struct jem_err *err)
{
	int status = link(hidden, text) < 0 ? -errno : 0;

	/* Some file systems have no second names. */
	if ((status == -EPERM || status == -EOPNOTSUPP) && access(text, F_OK) < 0)
		return rename(hidden, text) < 0 ? jem_err_set(err, -errno, "cannot name %.150s: %s",
							      text, strerror(errno))
						: 0;
	(void)unlink(hidden);
	if (status == -EEXIST)
		status = -EADDRINUSE;
	if (status < 0)
		return jem_err_set(err, status, "cannot listen at %.150s: %s", text,
				   strerror(-status));
	return 0;
}

int jem_local_listen(const char *text, struct jem_err *err)
{
	auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char hidden[PATH_MAX];
	int status;

	if (fd < 0)
		return jem_err_set(err, -errno, "no socket: %s", strerror(errno));
	if (*text == '@') {
		status = listen_there(fd, text, err);
		return status < 0 ? status : jem_take_fd(&fd);
	}
	/* Between bind and listen a socket refuses: who sees the name must be able to connect. */
	if ((size_t)snprintf(hidden, sizeof(hidden), "%s~", text) >= sizeof(hidden))
		return jem_err_set(err, -ENAMETOOLONG, "the path of the socket is too long");
	(void)unlink(hidden); /* of a daemon that died just then */
	status = listen_there(fd, hidden, err);
	if (status == 0)
		status = give_name(hidden, text, err);
	return status < 0 ? status : jem_take_fd(&fd);
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
