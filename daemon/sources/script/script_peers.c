/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/script/script_peers.h"

#include "common/local_socket.h"
#include "daemon/sources/metrics/job_peer.h"
#include "daemon/sources/script/script_line.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ACCEPTS_PER_PASS = 32,
	PACKETS_PER_PASS = 64,
	PACKETS_AT_THE_END = 4096
};

struct peer {
	struct jem_script_peers *peers; /* borrowed: it outlives us */
	struct peer *next;
	uv_poll_t poll;
	int fd; /* owned */
};

struct jem_script_peers {
	struct jem_script_peers_events events;
	char *path; /* owned: to be removed; NULL of an abstract socket */
	pid_t job;
	int fd; /* owned */
	uv_poll_t poll;
	struct peer *first; /* owned, youngest first */
	unsigned count;
	unsigned open_handles;
	char packet[JEM_SCRIPT_PACKET_MAX];
};

static void maybe_free(struct jem_script_peers *peers)
{
	if (--peers->open_handles)
		return;
	free(peers->path);
	free(peers);
}

static void on_peer_closed(uv_handle_t *handle)
{
	struct peer *peer = handle->data;
	struct jem_script_peers *peers = peer->peers;

	close(peer->fd);
	free(peer);
	maybe_free(peers);
}

static void drop_peer(struct peer *peer)
{
	struct peer **at = &peer->peers->first;

	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	peer->peers->count--;
	uv_close((uv_handle_t *)&peer->poll, on_peer_closed);
}

/* Whether the connection is still open. */
static bool take_packets(struct peer *peer, int max)
{
	struct jem_script_peers *peers = peer->peers;

	for (int i = 0; i < max; i++) {
		ssize_t n = recv(peer->fd, peers->packet, sizeof(peers->packet), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		peers->events.on_packet(peers->events.arg, peers->packet, (size_t)n);
	}
	return true;
}

static void on_peer_readable(uv_poll_t *poll, int status, int events)
{
	struct peer *peer = poll->data;

	(void)events;
	if (status < 0 || !take_packets(peer, PACKETS_PER_PASS))
		drop_peer(peer);
}

static void refuse(struct jem_script_peers *peers, int fd, pid_t pid, const char *why)
{
	peers->events.on_refused(peers->events.arg, pid, why);
	close(fd);
}

static void add_peer(struct jem_script_peers *peers, int fd)
{
	struct peer *peer;
	pid_t pid;
	uid_t uid;

	if (jem_local_peer(fd, &pid, &uid) < 0) {
		close(fd);
		return;
	}
	if (!jem_job_peer_is_allowed(pid, uid, peers->job)) {
		refuse(peers, fd, pid, "it belongs to another user");
		return;
	}
	if (peers->count == JEM_SCRIPT_PEERS) {
		refuse(peers, fd, pid, "too many scripts run at a time");
		return;
	}
	peer = calloc(1, sizeof(*peer));
	if (!peer) {
		refuse(peers, fd, pid, "no memory");
		return;
	}
	peer->peers = peers;
	peer->fd = fd;
	uv_poll_init(uv_handle_get_loop((uv_handle_t *)&peers->poll), &peer->poll, fd);
	peer->poll.data = peer;
	peer->next = peers->first;
	peers->first = peer;
	peers->count++;
	peers->open_handles++;
	uv_poll_start(&peer->poll, UV_READABLE | UV_DISCONNECT, on_peer_readable);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	struct jem_script_peers *peers = poll->data;

	(void)events;
	for (int i = 0; status >= 0 && i < ACCEPTS_PER_PASS; i++) {
		int fd = accept4(peers->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		add_peer(peers, fd);
	}
}

int jem_script_peers_open(uv_loop_t *loop, const char *address, pid_t job,
			  const struct jem_script_peers_events *events,
			  struct jem_script_peers **ret, struct jem_err *err)
{
	struct jem_script_peers *peers = calloc(1, sizeof(*peers));
	int fd;

	if (!peers)
		return jem_err_set(err, -ENOMEM, "no memory");
	fd = jem_local_listen(address, err);
	if (fd < 0) {
		free(peers);
		return fd;
	}
	peers->events = *events;
	peers->job = job;
	peers->fd = fd;
	peers->path = *address == '@' ? NULL : strdup(address);
	peers->open_handles = 1;
	uv_poll_init(loop, &peers->poll, fd);
	peers->poll.data = peers;
	uv_poll_start(&peers->poll, UV_READABLE, on_connection);
	*ret = peers;
	return 0;
}

void jem_script_peers_take(struct jem_script_peers *peers)
{
	on_connection(&peers->poll, 0, UV_READABLE);
	for (struct peer *peer = peers->first; peer; peer = peer->next)
		(void)take_packets(peer, PACKETS_AT_THE_END);
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct jem_script_peers *peers = handle->data;

	close(peers->fd);
	maybe_free(peers);
}

void jem_script_peers_close(struct jem_script_peers *peers)
{
	if (!peers)
		return;
	while (peers->first)
		drop_peer(peers->first);
	if (peers->path)
		unlink(peers->path);
	uv_close((uv_handle_t *)&peers->poll, on_listener_closed);
}
