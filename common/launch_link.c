/* SPDX-License-Identifier: Apache-2.0 */
#include "common/launch_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MESSAGE_MAX = 4096,
	MESSAGES_PER_PASS = 256
};

struct jem_link {
	int fd; /* owned */
	struct jem_link_events events;
	void *arg;
	uv_poll_t poll;
	bool is_closing;
};

static void on_readable(uv_poll_t *poll, int status, int what)
{
	struct jem_link *link = poll->data;
	char message[MESSAGE_MAX + 1];

	(void)what;
	for (int i = 0; i < MESSAGES_PER_PASS && !link->is_closing; i++) {
		ssize_t n = recv(link->fd, message, MESSAGE_MAX, MSG_DONTWAIT);

		if (n > 0) {
			message[n] = '\0';
			link->events.on_message(link->arg, message);
			continue;
		}
		if (n < 0 && (errno == EAGAIN || errno == EINTR) && !status)
			return;
		uv_poll_stop(poll);
		link->events.on_gone(link->arg);
		return;
	}
}

int jem_link_open(uv_loop_t *loop, int fd, const struct jem_link_events *events, void *arg,
		  struct jem_link **ret)
{
	struct jem_link *link = calloc(1, sizeof(*link));
	int status;

	if (!link)
		return -ENOMEM;
	link->fd = fd;
	link->events = *events;
	link->arg = arg;
	link->poll.data = link;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	status = uv_poll_init(loop, &link->poll, fd);
	if (status < 0) {
		free(link);
		return status;
	}
	uv_poll_start(&link->poll, UV_READABLE | UV_DISCONNECT, on_readable);
	*ret = link;
	return 0;
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct jem_link *link = handle->data;

	close(link->fd);
	free(link);
}

void jem_link_close(struct jem_link *link)
{
	if (!link || link->is_closing)
		return;
	link->is_closing = true;
	uv_close((uv_handle_t *)&link->poll, on_poll_closed);
}

int jem_link_send(struct jem_link *link, const char *format, ...)
{
	char message[MESSAGE_MAX];
	va_list args;
	int len;

	if (!link)
		return 0;
	va_start(args, format);
	len = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (len < 0)
		return -EINVAL;
	if ((size_t)len >= sizeof(message))
		len = sizeof(message) - 1;
	if (send(link->fd, message, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

bool jem_link_is(const char *message, const char *verb)
{
	size_t len = strlen(verb);

	return !strncmp(message, verb, len) && (message[len] == ' ' || !message[len]);
}

int jem_link_number(const char *message, const char *key, int64_t *ret)
{
	size_t len = strlen(key);

	for (const char *at = strchr(message, ' '); at; at = strchr(at, ' ')) {
		at++;
		if (!strncmp(at, key, len) && at[len] == '=') {
			char *end;
			long long value = strtoll(at + len + 1, &end, 10);

			if (end == at + len + 1 || (*end && *end != ' '))
				return -ENOENT;
			*ret = value;
			return 0;
		}
	}
	return -ENOENT;
}
