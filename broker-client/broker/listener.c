/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/broker/broker_internal.h"
#include "broker-client/wire/address.h"
#include "broker-client/wire/dial.h"
#include "broker-client/wire/url.h"
#include "common/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
	BACKLOG = 128,
	LOCK_ATTEMPTS = 50,
	LOCK_WAIT_US = 10000
};

static void on_refused(uv_handle_t *handle)
{
	free(handle);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct jem_listener *listener = server->data;
	union {
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} *client = status < 0 ? NULL : calloc(1, sizeof(*client));

	if (!client)
		return;
	if (listener->is_unix)
		uv_pipe_init(server->loop, &client->pipe, 0);
	else
		uv_tcp_init(server->loop, &client->tcp);
	if (uv_accept(server, &client->stream) < 0) {
		uv_close((uv_handle_t *)&client->stream, on_refused);
		return;
	}
	if (!listener->is_unix)
		uv_tcp_nodelay(&client->tcp, 1);
	jem_connection_accept(listener->broker, &client->stream, listener->is_tls);
}

static char *format_tcp_url(const struct sockaddr_storage *address, bool is_tls)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	bool is_v6 = address->ss_family == AF_INET6;
	char host[INET6_ADDRSTRLEN];
	char *url = NULL;
	int rc;

	if (!inet_ntop(address->ss_family, is_v6 ? (void *)&in6->sin6_addr : (void *)&in->sin_addr,
		       host, sizeof(host)))
		return NULL;
	rc = asprintf(&url, is_v6 ? "%s://[%s]:%u" : "%s://%s:%u", is_tls ? "amqps" : "amqp", host,
		      ntohs(is_v6 ? in6->sin6_port : in->sin_port));
	return rc < 0 ? NULL : url;
}

static char *url_of_socket(int fd, const char *path, bool is_tls)
{
	struct sockaddr_storage address = { 0 };
	const struct sockaddr_un *un = (const struct sockaddr_un *)&address;
	socklen_t len = sizeof(address);
	char *url = NULL;

	if (!path && getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return NULL;
	if (!path && address.ss_family != AF_UNIX)
		return format_tcp_url(&address, is_tls);
	return asprintf(&url, "unix:%s", path ? path : un->sun_path) < 0 ? NULL : url;
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct jem_listener *listener = handle->data;
	struct jem_broker *broker = listener->broker;
	struct jem_listener **at = &broker->listeners;

	while (*at && *at != listener)
		at = &(*at)->next;
	if (*at)
		*at = listener->next;
	free(listener->url);
	free(listener->path);
	free(listener);
	jem_broker_part_closed(broker);
}

/* Takes over the listening socket and the path; on failure the socket is closed as well. */
static int add_listener(struct jem_broker *broker, int fd, char *path, bool is_tls,
			struct jem_err *err)
{
	struct jem_listener *listener = calloc(1, sizeof(*listener));
	struct jem_listener **at = &broker->listeners;
	char *url = url_of_socket(fd, path, is_tls);
	int rc = -ENOMEM;

	if (!listener || !url) {
		close(fd);
		free(listener);
		free(url);
		free(path);
		return jem_err_set(err, rc, "out of memory");
	}
	listener->broker = broker;
	listener->is_unix = !strncmp(url, "unix:", 5);
	listener->is_tls = is_tls;
	listener->url = url;
	listener->path = path;
	listener->socket.stream.data = listener;
	if (listener->is_unix) {
		uv_pipe_init(broker->options.loop, &listener->socket.pipe, 0);
		rc = uv_pipe_open(&listener->socket.pipe, fd);
	} else {
		uv_tcp_init(broker->options.loop, &listener->socket.tcp);
		rc = uv_tcp_open(&listener->socket.tcp, fd);
	}
	broker->open_handles++;
	if (rc < 0)
		close(fd);
	else
		rc = uv_listen(&listener->socket.stream, BACKLOG, on_connection);
	if (rc < 0) {
		uv_close((uv_handle_t *)&listener->socket.stream, on_listener_closed);
		return jem_err_set(err, rc, "%s: %s", url, uv_strerror(rc));
	}
	while (*at)
		at = &(*at)->next;
	*at = listener;
	return 0;
}

static void remember_file(struct jem_broker *broker, const char *path)
{
	struct jem_listener *listener = broker->listeners;
	struct stat st;

	while (listener->next)
		listener = listener->next;
	if (lstat(path, &st) < 0)
		return;
	listener->device = st.st_dev;
	listener->inode = st.st_ino;
}

/* A socket file on which nobody listens is left over from a broker that was killed. */
static int remove_stale(const char *path, struct jem_err *err)
{
	struct stat st;
	auto_close int fd = -1;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return jem_err_set(err, -EEXIST, "a file is in the way of the socket unix:%s",
				   path);
	fd = jem_address_connect(path);
	if (fd >= 0 || fd == -EAGAIN)
		return jem_err_set(err, -EADDRINUSE, "a broker is listening already at unix:%s",
				   path);
	if (fd != -ECONNREFUSED)
		return jem_err_set(err, fd, "%s: unix:%s", strerror(-fd), path);
	return unlink(path) < 0 ? -errno : 0;
}

/* Held while looking, removing and binding, so that two brokers do not do it at once. */
static int lock_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	/* Anybody may lock a folder like /tmp: do not wait for ever. */
	for (unsigned i = 0; fd >= 0 && i < LOCK_ATTEMPTS && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
		usleep(LOCK_WAIT_US);
	return fd;
}

static int listen_unix(struct jem_broker *broker, const char *path, struct jem_err *err)
{
	struct sockaddr_un address;
	auto_close int lock __attribute__((unused)) = lock_folder(path); /* held to the end */
	auto_close int folder = -1;
	auto_close int fd = -1;
	char *copy;
	int rc;

	rc = remove_stale(path, err);
	if (rc < 0)
		return rc;
	rc = jem_address_of_path(path, &address, &folder);
	if (rc < 0)
		return jem_err_set(err, rc, "%s: unix:%s", strerror(-rc), path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* On Linux the file takes the mode of the socket: it is never open to others (unix(7)). */
	if (fd < 0 || fchmod(fd, 0600) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return jem_err_set(err, -errno, "%s: unix:%s", strerror(errno), path);
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	rc = add_listener(broker, jem_take_fd(&fd), copy, false, err);
	if (rc >= 0)
		remember_file(broker, path);
	else
		(void)unlink(path);
	return rc;
}

static int parse_address(const struct jem_url *url, struct sockaddr_storage *ret, socklen_t *len)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
	const char *host = strcmp(url->host, "localhost") ? url->host : "127.0.0.1";

	*ret = (struct sockaddr_storage){ 0 };
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(url->port);
		*len = sizeof(*in);
	} else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(url->port);
		*len = sizeof(*in6);
	} else {
		return -EACCES;
	}
	return 0;
}

/* Beyond loopback only under TLS, and to those who can show who they are. */
static int check_listen(const struct jem_broker *broker, const char *text,
			const struct jem_url *url, const struct sockaddr_storage *address,
			struct jem_err *err)
{
	bool is_local = jem_address_is_local((const struct sockaddr *)address);

	if (url->is_tls && !broker->tls)
		return jem_err_set(err, -EACCES,
				   "%s: TLS needs a certificate; name one by tls.cert and tls.key",
				   text);
	if (!is_local && !url->is_tls)
		return jem_err_set(err, -EACCES,
				   "%s: beyond loopback a broker needs TLS; listen on amqps://, "
				   "127.0.0.1, [::1] or unix:PATH",
				   text);
	if (!is_local && !broker->credentials && !broker->options.tls.wants_peer)
		return jem_err_set(err, -EACCES,
				   "%s: beyond loopback clients must show who they are; give "
				   "--credentials FILE or tls.clients = certificate",
				   text);
	return 0;
}

static int listen_tcp(struct jem_broker *broker, const char *text, const struct jem_url *url,
		      struct jem_err *err)
{
	struct sockaddr_storage address;
	socklen_t len;
	auto_close int fd = -1;
	const int yes = 1;
	int rc = parse_address(url, &address, &len);

	if (rc < 0)
		return jem_err_set(err, rc,
				   "%s: beyond loopback a broker needs TLS and an address in "
				   "numbers; listen on amqps://, 127.0.0.1, [::1] or unix:PATH",
				   text);
	rc = check_listen(broker, text, url, &address, err);
	if (rc < 0)
		return rc;
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    (address.ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) < 0))
		return jem_err_set(err, -errno, "%s: %s", text, strerror(errno));
	if (bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, BACKLOG) < 0)
		return jem_err_set(err, -errno, "%s: %s", text,
				   errno == EADDRINUSE
					   ? "another program listens there; choose another port"
					   : strerror(errno));
	return add_listener(broker, jem_take_fd(&fd), NULL, url->is_tls, err);
}

int jem_broker_listen(struct jem_broker *broker, const char *address, struct jem_err *err)
{
	struct jem_url url;
	int rc = jem_url_parse_listen(address, &url, err);

	if (rc < 0)
		return rc;
	return url.is_unix ? listen_unix(broker, url.path, err)
			   : listen_tcp(broker, address, &url, err);
}

int jem_broker_listen_fd(struct jem_broker *broker, int fd, struct jem_err *err)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return jem_err_set(err, -errno, "descriptor %d is no socket", fd);
	if (!jem_address_is_local((struct sockaddr *)&address)) {
		close(fd);
		return jem_err_set(err, -EACCES, "descriptor %d listens beyond loopback", fd);
	}
	return add_listener(broker, fd, NULL, false, err);
}

const char *jem_broker_url(const struct jem_broker *broker, size_t i)
{
	const struct jem_listener *listener = broker->listeners;

	while (listener && i--)
		listener = listener->next;
	return listener ? listener->url : NULL;
}

/* Only if it is still ours: somebody may have put another one in its place. */
static void remove_file(const struct jem_listener *listener)
{
	struct stat st;

	if (listener->path && !lstat(listener->path, &st) && st.st_dev == listener->device &&
	    st.st_ino == listener->inode)
		(void)unlink(listener->path);
}

void jem_listener_close_all(struct jem_broker *broker)
{
	for (struct jem_listener *listener = broker->listeners; listener;
	     listener = listener->next) {
		remove_file(listener);
		uv_close((uv_handle_t *)&listener->socket.stream, on_listener_closed);
	}
}
