/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture URL PATTERN: writes every message of a subscription to standard output, as it came.
 *
 * {"ready":true}                         once, when the subscription stands
 * {"topic":...,"message_id":...,"content_type":...,"content_encoding":...,"creation_time_ms":...,
 *  "durable":...,"properties":{...},"len":N}
 * N bytes of the body and a newline
 *
 * Messages are accepted once they are written. It ends in order on SIGTERM.
 */
#include "broker-client/client.h"
#include "common/json_writer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	CLOSE_MS = 2000
};

struct state {
	uv_loop_t loop;
	uv_signal_t term;
	struct jem_client *client;
	struct jem_buf out;
	bool was_ready;
};

static void put_slice(struct jem_json *json, const char *key, struct jem_slice slice)
{
	jem_json_key(json, key);
	jem_json_text(json, slice.data, slice.len);
}

static void put_properties(struct jem_json *json, const struct jem_message *message)
{
	jem_json_key(json, "properties");
	jem_json_object_begin(json);
	for (size_t i = 0; i < message->property_count; i++) {
		const struct jem_property *property = &message->properties[i];

		jem_json_key_text(json, property->name.data, property->name.len);
		if (property->text.data)
			jem_json_text(json, property->text.data, property->text.len);
		else
			jem_json_i64(json, property->number);
	}
	jem_json_object_end(json);
}

static void write_out(struct state *state)
{
	if (state->out.failed ||
	    fwrite(state->out.data, 1, state->out.len, stdout) != state->out.len || fflush(stdout))
		exit(EXIT_FAILURE);
	jem_buf_clear(&state->out);
}

static void on_message(void *arg, const struct jem_message *message, jem_delivery_id delivery)
{
	struct state *state = arg;
	struct jem_json json = jem_json_to(&state->out);

	jem_json_object_begin(&json);
	put_slice(&json, "topic", message->topic);
	put_slice(&json, "message_id", message->message_id);
	put_slice(&json, "content_type", message->content_type);
	put_slice(&json, "content_encoding", message->content_encoding);
	jem_json_key(&json, "creation_time_ms");
	jem_json_i64(&json, message->creation_time_ms);
	jem_json_key(&json, "durable");
	jem_json_bool(&json, message->is_durable);
	put_properties(&json, message);
	jem_json_key(&json, "len");
	jem_json_u64(&json, message->body.len);
	jem_json_object_end(&json);
	jem_buf_add_char(&state->out, '\n');
	jem_buf_add(&state->out, message->body.data, message->body.len);
	jem_buf_add_char(&state->out, '\n');
	write_out(state);
	jem_client_settle(state->client, delivery, JEM_OUTCOME_ACCEPTED);
}

static void on_state(void *arg, enum jem_client_state client_state, const char *text)
{
	struct state *state = arg;

	if (client_state != JEM_CLIENT_OPEN || state->was_ready)
		return;
	state->was_ready = true;
	jem_buf_add_str(&state->out, "{\"ready\":true}\n");
	write_out(state);
}

static void on_closed(void *arg)
{
	struct state *state = arg;

	uv_close((uv_handle_t *)&state->term, NULL);
}

static void on_term(uv_signal_t *handle, int number)
{
	struct state *state = handle->data;

	uv_signal_stop(handle);
	jem_client_close(state->client, CLOSE_MS, on_closed);
}

int main(int argc, char **argv)
{
	struct state state = { .client = NULL };
	struct jem_err err = { "" };
	struct jem_client_options options = {
		.loop = &state.loop,
		.urls = (const char *const *)&argv[1],
		.url_count = 1,
		.subscribe = argc == 3 ? argv[2] : NULL,
		.access.idle_timeout_ms = 30000,
		.events = { .on_state = on_state, .on_message = on_message },
		.arg = &state,
	};

	if (argc != 3) {
		fprintf(stderr, "usage: capture URL PATTERN\n");
		return EXIT_FAILURE;
	}
	uv_loop_init(&state.loop);
	uv_signal_init(&state.loop, &state.term);
	state.term.data = &state;
	uv_signal_start(&state.term, on_term, SIGTERM);
	jem_buf_init(&state.out, 0);
	if (jem_client_create(&options, &state.client, &err) < 0) {
		fprintf(stderr, "capture: %s\n", err.text);
		return EXIT_FAILURE;
	}
	uv_run(&state.loop, UV_RUN_DEFAULT);
	jem_buf_deinit(&state.out);
	return uv_loop_close(&state.loop) ? EXIT_FAILURE : EXIT_SUCCESS;
}
