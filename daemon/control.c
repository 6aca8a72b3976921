/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control.h"

#include "common/local_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
	struct jem_control *control; /* borrowed: it outlives us */
	struct peer *next;
	uv_poll_t poll;
	int fd; /* owned */
};

struct jem_control {
	jem_control_fn on_request;
	void *arg;
	char *path; /* owned: to be removed; NULL of an abstract socket */
	int fd;     /* owned */
	uv_poll_t poll;
	struct peer *peers; /* owned */
	unsigned peer_count;
	unsigned open_handles;
};

static void maybe_free(struct jem_control *control)
{
	if (--control->open_handles)
		return;
	free(control->path);
	free(control);
}

static void on_peer_closed(uv_handle_t *handle)
{
	struct peer *peer = handle->data;
	struct jem_control *control = peer->control;

	close(peer->fd);
	free(peer);
	maybe_free(control);
}

static void drop_peer(struct peer *peer)
{
	struct peer **at = &peer->control->peers;

	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	peer->control->peer_count--;
	uv_close((uv_handle_t *)&peer->poll, on_peer_closed);
}

static void answer(const struct peer *peer, const char *request, size_t len)
{
	const struct jem_control *control = peer->control;
	struct jem_err err = { "" };
	char text[sizeof(err) + 16];
	int status = -EINVAL;

	if (!len || request[len - 1])
		jem_err_set(&err, status, "not a request; use jem control of this version");
	else
		status = control->on_request(control->arg, request, len, &err);
	snprintf(text, sizeof(text), "%s%s%s", status < 0 ? "error" : "ok", *err.text ? " " : "",
		 err.text);
	/* Who does not listen any more has its answer lost. */
	(void)!send(peer->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void on_peer_readable(uv_poll_t *poll, int status, int events)
{
	struct peer *peer = poll->data;
	char request[JEM_CONTROL_REQUEST_MAX];
	ssize_t len = status < 0 ? 0 : recv(peer->fd, request, sizeof(request), MSG_DONTWAIT);

	(void)events;
	if (len < 0 && errno == EAGAIN)
		return;
	if (len > 0)
		answer(peer, request, (size_t)len);
	else
		drop_peer(peer);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	struct jem_control *control = poll->data;
	int fd = status < 0 ? -1 : accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct peer *peer;
	pid_t pid;
	uid_t uid;

	(void)events;
	if (fd < 0)
		return;
	peer = calloc(1, sizeof(*peer));
	if (!peer || control->peer_count == JEM_CONTROL_PEERS ||
	    jem_local_peer(fd, &pid, &uid) < 0 || (uid != geteuid() && uid != 0)) {
		free(peer);
		close(fd);
		return;
	}
	peer->control = control;
	peer->fd = fd;
	peer->next = control->peers;
	control->peers = peer;
	control->peer_count++;
	control->open_handles++;
	uv_poll_init(uv_handle_get_loop((uv_handle_t *)poll), &peer->poll, fd);
	peer->poll.data = peer;
	uv_poll_start(&peer->poll, UV_READABLE | UV_DISCONNECT, on_peer_readable);
}

int jem_control_open(uv_loop_t *loop, const char *address, jem_control_fn on_request, void *arg,
		     struct jem_control **ret, struct jem_err *err)
{
	struct jem_control *control = calloc(1, sizeof(*control));
	int fd;

	if (!control)
		return jem_err_set(err, -ENOMEM, "no memory");
	fd = jem_local_listen(address, err);
	if (fd < 0) {
		free(control);
		return fd;
	}
	control->on_request = on_request;
	control->arg = arg;
	control->fd = fd;
	control->path = *address == '@' ? NULL : strdup(address);
	control->open_handles = 1;
	uv_poll_init(loop, &control->poll, fd);
	control->poll.data = control;
	uv_poll_start(&control->poll, UV_READABLE, on_connection);
	*ret = control;
	return 0;
}

static void on_control_closed(uv_handle_t *handle)
{
	struct jem_control *control = handle->data;

	close(control->fd);
	maybe_free(control);
}

void jem_control_close(struct jem_control *control)
{
	if (!control)
		return;
	while (control->peers)
		drop_peer(control->peers);
	if (control->path)
		unlink(control->path);
	uv_close((uv_handle_t *)&control->poll, on_control_closed);
}
