/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed URL [CREDENTIALS]: publishes messages from standard input, as they are, and tells what became of each.
 *
 *	TOPIC LEN\n<LEN bytes>        on standard input, any number of times
 *	NUMBER accepted\n             on standard output; rejected; released (it is sent again then)
 *
 * Lost connections are made anew, as the daemon does. It ends once its input has ended and every
 * message is accepted or rejected, or on SIGTERM.
 */
#include "broker-client/client.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MESSAGES_MAX = 100000,
	CLOSE_MS = 2000
};

struct queued {
	char *topic;
	char *body;
	size_t len;
	bool is_waiting; /* to be sent (again) */
	bool is_done;
};

static struct state {
	uv_loop_t loop;
	uv_pipe_t input;
	uv_signal_t term;
	struct jem_client *client;
	struct queued queue[MESSAGES_MAX];
	size_t count;
	size_t done;
	size_t next; /* no message before it waits to be sent */
	char *text;
	size_t len;
	bool has_ended;
	bool is_closing;
} state;

static void on_closed(void *arg)
{
	(void)arg;
	uv_close((uv_handle_t *)&state.input, NULL);
	uv_close((uv_handle_t *)&state.term, NULL);
}

static void finish(void)
{
	if (state.is_closing)
		return;
	state.is_closing = true;
	jem_client_close(state.client, CLOSE_MS, on_closed);
}

static void send_all(void)
{
	for (; state.next < state.count; state.next++) {
		struct queued *entry = &state.queue[state.next];
		struct jem_message message = { .topic = { entry->topic, strlen(entry->topic) },
					       .content_type = { "application/json", 16 },
					       .body = { entry->body, entry->len } };

		if (!entry->is_waiting)
			continue;
		if (jem_client_send(state.client, &message, state.next) < 0)
			return;
		entry->is_waiting = false;
	}
}

static void on_writable(void *arg)
{
	(void)arg;
	send_all();
}

static void on_outcome(void *arg, uint64_t tag, enum jem_outcome outcome, const char *text)
{
	static const char *const names[] = { "accepted", "rejected", "released", "released" };
	struct queued *entry = &state.queue[tag];

	(void)arg;
	(void)text;
	printf("%llu %s\n", (unsigned long long)tag, names[outcome]);
	fflush(stdout);
	if (outcome == JEM_OUTCOME_RELEASED || outcome == JEM_OUTCOME_UNKNOWN) {
		entry->is_waiting = true;
		if (tag < state.next)
			state.next = tag;
		send_all();
	} else if (!entry->is_done) {
		entry->is_done = true;
		state.done++;
	}
	if (state.has_ended && state.done == state.count)
		finish();
}

static void on_state(void *arg, enum jem_client_state now, const char *text)
{
	(void)arg;
	fprintf(stderr, "feed: %d %s\n", (int)now, text);
}

/* Takes whole messages from the front of the text. */
static void take_messages(void)
{
	for (;;) {
		char *newline = memchr(state.text, '\n', state.len);
		char line[330] = "";
		char topic[300];
		unsigned long len;
		struct queued *entry = &state.queue[state.count];
		size_t head;

		if (!newline || newline - state.text >= (ptrdiff_t)sizeof(line))
			return;
		head = (size_t)(newline - state.text) + 1;
		memcpy(line, state.text, head - 1);
		if (sscanf(line, "%299s %lu", topic, &len) != 2)
			exit(2);
		if (state.len - head < len || state.count == MESSAGES_MAX)
			return;
		entry->topic = strdup(topic);
		entry->body = malloc(len + 1);
		entry->len = len;
		memcpy(entry->body, newline + 1, len);
		entry->is_waiting = true;
		state.count++;
		state.len -= head + len;
		memmove(state.text, newline + 1 + len, state.len);
	}
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	(void)handle;
	state.text = realloc(state.text, state.len + size);
	*buf = uv_buf_init(state.text + state.len, (unsigned)size);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	(void)buf;
	if (n > 0) {
		state.len += (size_t)n;
		take_messages();
		send_all();
		return;
	}
	if (n == 0)
		return;
	uv_read_stop(stream);
	state.has_ended = true;
	if (state.done == state.count)
		finish();
}

static void on_signal(uv_signal_t *handle, int number)
{
	(void)handle;
	(void)number;
	finish();
}

int main(int argc, char **argv)
{
	const char *urls[] = { argv[1] };
	struct jem_client_options options = {
		.loop = &state.loop,
		.urls = urls,
		.url_count = 1,
		.is_publisher = true,
		.access.idle_timeout_ms = 30000,
		.events = { on_state, on_writable, on_outcome, NULL },
	};
	struct jem_err err;

	if (argc != 2 && argc != 3)
		return 2;
	options.access.credentials = argv[2];
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&state.loop);
	if (jem_client_create(&options, &state.client, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	uv_signal_init(&state.loop, &state.term);
	uv_signal_start(&state.term, on_signal, SIGTERM);
	uv_pipe_init(&state.loop, &state.input, 0);
	uv_pipe_open(&state.input, 0);
	uv_read_start((uv_stream_t *)&state.input, on_alloc, on_read);
	uv_run(&state.loop, UV_RUN_DEFAULT);
	return 0;
}
