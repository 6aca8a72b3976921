/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/link.h"

#include "tools/run/fd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	MESSAGE_MAX = 1024,
	MESSAGES_MAX = 1000,
	MESSAGES_PER_PASS = 64,
	DRAIN_MS_MAX = 600000
};

void jem_run_link_init(struct jem_run_link *link)
{
	link->fd = -1;
	link->drain_ms = -1;
}

int jem_run_link_open(struct jem_run_link *link, int *peer)
{
	int ends[2];
	int rc = jem_fd_socketpair(ends);

	if (rc < 0)
		return rc;
	link->fd = ends[0];
	*peer = ends[1];
	return 0;
}

void jem_run_link_close(struct jem_run_link *link)
{
	jem_fd_close(&link->fd);
}

int jem_run_link_send(struct jem_run_link *link, const char *format, ...)
{
	char message[MESSAGE_MAX];
	va_list args;
	int len;

	if (link->fd < 0)
		return -EPIPE;
	va_start(args, format);
	len = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (len < 0 || len >= MESSAGE_MAX)
		return -EMSGSIZE;
	if (send(link->fd, message, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

/* What follows the verb, or NULL for another one. */
static const char *text_of(const char *message, const char *verb)
{
	size_t len = strlen(verb);

	if (strncmp(message, verb, len) || (message[len] && message[len] != ' '))
		return NULL;
	return message[len] ? message + len + 1 : "";
}

static long number_of(const char *text, long max)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	return errno || end == text || *end || value < 0 || value > max ? -1 : value;
}

static void take(struct jem_run_link *link, const char *message,
		 void (*on_fault)(void *arg, const char *text), void *arg)
{
	const char *text;

	if (text_of(message, "ready")) {
		link->is_ready = true;
	} else if (text_of(message, "done")) {
		link->is_done = true;
	} else if ((text = text_of(message, "fault"))) {
		on_fault(arg, text);
	} else if ((text = text_of(message, "line"))) {
		if (link->line_count < JEM_LINK_LINES_MAX)
			snprintf(link->lines[link->line_count++], JEM_LINK_LINE_SIZE, "%s", text);
	} else if ((text = text_of(message, "left"))) {
		snprintf(link->left, sizeof(link->left), "%s", text);
	} else if ((text = text_of(message, "set"))) {
		if (!strncmp(text, "drain_ms=", 9))
			link->drain_ms = number_of(text + 9, DRAIN_MS_MAX);
	} else if ((text = text_of(message, "pid"))) {
		link->pid = (pid_t)number_of(text, 1L << 30);
	} /* verbs of a later version are passed over */
}

void jem_run_link_receive(struct jem_run_link *link, void (*on_fault)(void *arg, const char *text),
			  void *arg)
{
	char message[MESSAGE_MAX + 1];

	for (int i = 0; i < MESSAGES_PER_PASS && link->fd >= 0; i++) {
		ssize_t n = recv(link->fd, message, MESSAGE_MAX, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			jem_run_link_close(link);
			return;
		}
		message[n] = '\0';
		take(link, message, on_fault, arg);
		if (++link->taken == MESSAGES_MAX) {
			link->is_cut_off = true;
			jem_run_link_close(link);
		}
	}
}
