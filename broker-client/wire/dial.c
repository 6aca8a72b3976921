/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/wire/dial.h"

#include "broker-client/wire/address.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct jem_dial {
	uv_timer_t start; /* so that nothing happens before jem_dial_start has returned */
	uv_getaddrinfo_t resolve;
	uv_connect_t connect;
	struct jem_url url;
	struct addrinfo *found; /* owned by libuv, given back by uv_freeaddrinfo */
	struct addrinfo *next;
	uv_tcp_t *tcp;    /* owned while it connects */
	int status;       /* of the last address */
	unsigned pending; /* handles and requests of libuv's that point here */
	bool is_resolving;
	bool is_done;
	jem_dial_fn on_done;
	void *arg;
};

static void try_next(struct jem_dial *dial);

static void free_stream(uv_handle_t *handle)
{
	free(handle);
}

void jem_dial_drop(uv_stream_t *stream)
{
	uv_close((uv_handle_t *)stream, free_stream);
}

uv_stream_t *jem_dial_stream(uv_loop_t *loop, int fd, bool is_unix)
{
	union {
		uv_tcp_t tcp;
		uv_pipe_t pipe;
		uv_stream_t stream;
	} *any = calloc(1, sizeof(*any));
	int rc;

	if (!any)
		return NULL;
	if (is_unix) {
		uv_pipe_init(loop, &any->pipe, 0);
		rc = uv_pipe_open(&any->pipe, fd);
	} else {
		uv_tcp_init(loop, &any->tcp);
		rc = uv_tcp_open(&any->tcp, fd);
		if (!rc)
			uv_tcp_nodelay(&any->tcp, 1);
	}
	if (!rc)
		return &any->stream;
	jem_dial_drop(&any->stream);
	return NULL;
}

/* Frees the dial once nothing of libuv's points at it. */
static void release(struct jem_dial *dial)
{
	if (--dial->pending)
		return;
	if (dial->found)
		uv_freeaddrinfo(dial->found);
	free(dial);
}

static void on_timer_closed(uv_handle_t *handle)
{
	release(handle->data);
}

static void finish(struct jem_dial *dial, uv_stream_t *stream, bool is_local, int status)
{
	dial->is_done = true;
	uv_close((uv_handle_t *)&dial->start, on_timer_closed);
	dial->on_done(dial->arg, stream, is_local, status);
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct jem_dial *dial = connect->data;
	uv_stream_t *stream = connect->handle;
	struct sockaddr_storage peer;
	int len = sizeof(peer);

	dial->tcp = NULL;
	if (dial->is_done) {
		/* jem_dial_cancel has dropped the stream */
	} else if (status < 0) {
		jem_dial_drop(stream);
		dial->status = status;
		try_next(dial);
	} else {
		uv_tcp_nodelay((uv_tcp_t *)stream, 1);
		status = uv_tcp_getpeername((uv_tcp_t *)stream, (struct sockaddr *)&peer, &len);
		finish(dial, stream, !status && jem_address_is_local((struct sockaddr *)&peer), 0);
	}
	release(dial);
}

static void try_next(struct jem_dial *dial)
{
	while (dial->next) {
		struct addrinfo *address = dial->next;

		dial->next = address->ai_next;
		dial->tcp = calloc(1, sizeof(*dial->tcp));
		if (!dial->tcp) {
			dial->status = UV_ENOMEM;
			break;
		}
		uv_tcp_init(dial->start.loop, dial->tcp);
		dial->status =
			uv_tcp_connect(&dial->connect, dial->tcp, address->ai_addr, on_connected);
		if (!dial->status) {
			dial->pending++;
			return;
		}
		jem_dial_drop((uv_stream_t *)dial->tcp);
		dial->tcp = NULL;
	}
	finish(dial, NULL, false, dial->status);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct jem_dial *dial = request->data;

	dial->is_resolving = false;
	dial->found = dial->next = found;
	dial->status = status < 0 ? status : UV_EAI_NODATA;
	if (!dial->is_done)
		try_next(dial);
	release(dial);
}

static void dial_unix(struct jem_dial *dial)
{
	int fd = jem_address_connect(dial->url.path);
	uv_stream_t *stream = fd < 0 ? NULL : jem_dial_stream(dial->start.loop, fd, true);

	if (fd >= 0 && !stream)
		close(fd);
	finish(dial, stream, true, fd < 0 ? fd : stream ? 0 : UV_ENOMEM);
}

static void on_start(uv_timer_t *timer)
{
	struct jem_dial *dial = timer->data;
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	char port[8];

	if (dial->url.is_unix) {
		dial_unix(dial);
		return;
	}
	snprintf(port, sizeof(port), "%u", dial->url.port);
	dial->status = uv_getaddrinfo(timer->loop, &dial->resolve, on_resolved, dial->url.host,
				      port, &hints);
	if (dial->status < 0) {
		finish(dial, NULL, false, dial->status);
		return;
	}
	dial->is_resolving = true;
	dial->pending++;
}

int jem_dial_start(uv_loop_t *loop, const struct jem_url *url, jem_dial_fn on_done, void *arg,
		   struct jem_dial **ret)
{
	struct jem_dial *dial = calloc(1, sizeof(*dial));

	if (!dial)
		return -ENOMEM;
	dial->url = *url;
	dial->on_done = on_done;
	dial->arg = arg;
	dial->resolve.data = dial->connect.data = dial->start.data = dial;
	dial->pending = 1;
	uv_timer_init(loop, &dial->start);
	uv_timer_start(&dial->start, on_start, 0, 0);
	*ret = dial;
	return 0;
}

void jem_dial_cancel(struct jem_dial *dial)
{
	if (dial->is_done)
		return;
	dial->is_done = true;
	if (dial->is_resolving)
		(void)uv_cancel((uv_req_t *)&dial->resolve); /* works while it is queued */
	if (dial->tcp)
		jem_dial_drop((uv_stream_t *)dial->tcp);
	uv_close((uv_handle_t *)&dial->start, on_timer_closed);
}
