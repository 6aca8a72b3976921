/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/listener.h"

#include "common/cleanup.h"
#include "common/local_socket.h"
#include "daemon/sources/metrics/job_peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	ACCEPTS_PER_PASS = 32
};

struct peer {
	struct jem_listener *listener; /* borrowed: it outlives us */
	struct peer *next;
	uv_poll_t poll;
	int fd; /* owned */
	pid_t pid;
};

struct jem_listener {
	struct jem_listener_events events;
	char *path; /* owned: to be removed; NULL of an abstract socket */
	pid_t job;
	int fd; /* owned */
	uv_poll_t poll;
	struct peer *peers; /* owned, youngest first */
	unsigned peer_count;
	unsigned open_handles;
};

/* --- peers ------------------------------------------------------------------------------------ */

static void maybe_free(struct jem_listener *listener)
{
	if (--listener->open_handles)
		return;
	free(listener->path);
	free(listener);
}

static void on_peer_closed(uv_handle_t *handle)
{
	struct peer *peer = handle->data;
	struct jem_listener *listener = peer->listener;

	close(peer->fd);
	free(peer);
	maybe_free(listener);
}

static void drop_peer(struct peer *peer)
{
	struct peer **at = &peer->listener->peers;

	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	peer->listener->peer_count--;
	uv_close((uv_handle_t *)&peer->poll, on_peer_closed);
}

static void on_peer_readable(uv_poll_t *poll, int status, int events)
{
	struct peer *peer = poll->data;
	const struct jem_listener_events *told = &peer->listener->events;
	struct jem_hello_in in;
	struct jem_err err = { "" };
	int rc = status < 0 ? -ECONNRESET : jem_hello_receive(peer->fd, &in, &err);

	(void)events;
	if (rc == -EAGAIN)
		return;
	if (rc == 0)
		told->on_hello(told->arg, &in);
	else if (rc != -ECONNRESET)
		told->on_refused(told->arg, peer->pid, err.text);
	drop_peer(peer);
}

static void add_peer(struct jem_listener *listener, int fd)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	uid_t uid;

	if (!peer || jem_local_peer(fd, &peer->pid, &uid) < 0) {
		free(peer);
		close(fd);
		return;
	}
	if (!jem_job_peer_is_allowed(peer->pid, uid, listener->job)) {
		listener->events.on_refused(listener->events.arg, peer->pid,
					    "it belongs to another user");
		free(peer);
		close(fd);
		return;
	}
	if (listener->peer_count == JEM_LISTENER_PEERS) {
		struct peer *oldest = listener->peers;

		while (oldest->next)
			oldest = oldest->next;
		drop_peer(oldest);
	}
	peer->listener = listener;
	peer->fd = fd;
	uv_poll_init(uv_handle_get_loop((uv_handle_t *)&listener->poll), &peer->poll, fd);
	peer->poll.data = peer;
	peer->next = listener->peers;
	listener->peers = peer;
	listener->peer_count++;
	listener->open_handles++;
	uv_poll_start(&peer->poll, UV_READABLE | UV_DISCONNECT, on_peer_readable);
	/* As a rule the packet is there already, and its process may be gone soon. */
	on_peer_readable(&peer->poll, 0, UV_READABLE);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	struct jem_listener *listener = poll->data;

	(void)events;
	for (int i = 0; status >= 0 && i < ACCEPTS_PER_PASS; i++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		add_peer(listener, fd);
	}
}

/* --- life ------------------------------------------------------------------------------------- */

int jem_listener_open(uv_loop_t *loop, const char *address, pid_t job,
		      const struct jem_listener_events *events, struct jem_listener **ret,
		      struct jem_err *err)
{
	struct jem_listener *listener = calloc(1, sizeof(*listener));
	int fd;

	if (!listener)
		return jem_err_set(err, -ENOMEM, "no memory");
	fd = jem_local_listen(address, err);
	if (fd < 0) {
		free(listener);
		return fd;
	}
	listener->events = *events;
	listener->job = job;
	listener->fd = fd;
	listener->path = *address == '@' ? NULL : strdup(address);
	listener->open_handles = 1;
	uv_poll_init(loop, &listener->poll, fd);
	listener->poll.data = listener;
	uv_poll_start(&listener->poll, UV_READABLE, on_connection);
	*ret = listener;
	return 0;
}

void jem_listener_take(struct jem_listener *listener)
{
	on_connection(&listener->poll, 0, UV_READABLE);
	for (struct peer *peer = listener->peers, *next; peer; peer = next) {
		next = peer->next;
		on_peer_readable(&peer->poll, 0, UV_READABLE);
	}
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct jem_listener *listener = handle->data;

	close(listener->fd);
	maybe_free(listener);
}

void jem_listener_close(struct jem_listener *listener)
{
	if (!listener)
		return;
	while (listener->peers)
		drop_peer(listener->peers);
	if (listener->path)
		unlink(listener->path);
	uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
}
