/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_client: our client as a program, for tests with brokers that are not ours.
 *
 *	wire_client publish URL TOPIC COUNT SIZE [CREDENTIALS]
 *	wire_client subscribe URL PATTERN COUNT [CREDENTIALS]
 *
 * SIZE `mixed`: one in four is 65000, the others 200. Prints a line for each state (`state TEXT`), at the end `done N accepted`, and each received body
 * up to 60 bytes (`body TEXT`). Released messages are sent again, as the daemon does. Ends on
 * standard input's end, too: then with `stopped`, the numbers, and `rss KB`. WIRE_IDLE_MS in the
 * environment is the idle time-out.
 */
#include "broker-client/client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct state {
	uv_loop_t loop;
	uv_pipe_t input;
	struct jem_client *client;
	const char *topic;
	char *body;
	size_t body_len;
	bool is_mixed;
	unsigned long wanted;
	unsigned long to_send; /* not sent yet, or released */
	unsigned long accepted;
	unsigned long received;
	int status;
};

static long rss_kb(void)
{
	char line[256];
	long kb = 0;
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb;
}

static void finish(struct state *state, const char *word)
{
	if (!state->client)
		return;
	printf("%s %lu accepted %lu received %zu in flight, rss %ld\n", word, state->accepted,
	       state->received, jem_client_in_flight_bytes(state->client), rss_kb());
	fflush(stdout);
	jem_client_close(state->client, 2000, NULL);
	state->client = NULL;
	uv_close((uv_handle_t *)&state->input, NULL);
}

static void send_more(struct state *state)
{
	struct jem_message message = { .topic = { state->topic, strlen(state->topic) },
				       .body = { state->body, state->body_len } };

	while (state->client && state->to_send) {
		if (state->is_mixed)
			message.body.len = state->to_send % 4 ? 200 : state->body_len;
		if (jem_client_send(state->client, &message, state->to_send))
			break;
		state->to_send--;
	}
}

static void on_state(void *arg, enum jem_client_state client_state, const char *text)
{
	(void)arg, (void)client_state;
	printf("state %s\n", text);
	fflush(stdout);
}

static void on_writable(void *arg)
{
	send_more(arg);
}

static void on_outcome(void *arg, uint64_t tag, enum jem_outcome outcome, const char *text)
{
	struct state *state = arg;

	(void)tag;
	if (outcome == JEM_OUTCOME_REJECTED) {
		printf("rejected %s\n", text);
		state->status = EXIT_FAILURE;
		finish(state, "failed");
	} else if (outcome != JEM_OUTCOME_ACCEPTED) {
		state->to_send++;
	} else if (++state->accepted == state->wanted) {
		finish(state, "done");
	}
}

static void on_message(void *arg, const struct jem_message *message, jem_delivery_id delivery)
{
	struct state *state = arg;

	if (message->body.len <= 60)
		printf("body %.*s\n", (int)message->body.len, message->body.data);
	fflush(stdout);
	jem_client_settle(state->client, delivery, JEM_OUTCOME_ACCEPTED);
	if (++state->received == state->wanted)
		finish(state, "done");
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	static char ignored[256];

	(void)handle, (void)suggested;
	*ret = uv_buf_init(ignored, sizeof(ignored));
}

static void on_input(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
	(void)buf;
	if (nread < 0)
		finish(stream->data, "stopped");
}

int main(int argc, char **argv)
{
	const char *idle_ms = getenv("WIRE_IDLE_MS");
	struct state state = { 0 };
	struct jem_client_options options = {
		.loop = &state.loop,
		.url_count = 1,
		.access.idle_timeout_ms = idle_ms ? strtoul(idle_ms, NULL, 10) : 30000,
		.events = { on_state, on_writable, on_outcome, on_message },
		.arg = &state,
	};
	struct jem_err err;

	if (argc < 5)
		return 64;
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&state.loop);
	options.urls = (const char *const *)&argv[2];
	state.topic = argv[3];
	state.wanted = strtoul(argv[4], NULL, 10);
	if (!strcmp(argv[1], "publish") && argc > 5) {
		options.is_publisher = true;
		state.to_send = state.wanted;
		state.is_mixed = !strcmp(argv[5], "mixed");
		state.body_len = state.is_mixed ? 65000 : strtoul(argv[5], NULL, 10);
		options.access.credentials = argc > 6 ? argv[6] : NULL;
	} else {
		options.subscribe = argv[3];
		options.access.credentials = argc > 5 ? argv[5] : NULL;
	}
	state.body = malloc(state.body_len + 1);
	if (!state.body)
		return EXIT_FAILURE;
	memset(state.body, 'x', state.body_len);
	if (jem_client_create(&options, &state.client, &err) < 0) {
		fprintf(stderr, "wire_client: %s\n", err.text);
		return EXIT_FAILURE;
	}
	uv_pipe_init(&state.loop, &state.input, 0);
	state.input.data = &state;
	uv_pipe_open(&state.input, 0);
	uv_read_start((uv_stream_t *)&state.input, on_alloc, on_input);
	uv_run(&state.loop, UV_RUN_DEFAULT);
	uv_loop_close(&state.loop);
	free(state.body);
	return state.status;
}
