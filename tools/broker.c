/* SPDX-License-Identifier: Apache-2.0 */
/* jem broker: the embedded AMQP 1.0 broker as a program of its own. */
#include "broker-client/broker.h"
#include "broker-client/settings.h"
#include "common/log.h"
#include "tools/tool.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sysexits.h>
#include <uv.h>

enum {
	CLOSE_MS = 5000 /* for subscribers to take what waits for them */
};

struct state {
	uv_loop_t loop;
	uv_signal_t signals[2];
	struct jem_broker *broker; /* owned until it is closed */
	struct jem_broker_stats stats;
	bool is_closing;
};

static void on_broker_closed(void *arg)
{
	struct state *state = arg;

	state->broker = NULL;
	for (size_t i = 0; i < sizeof(state->signals) / sizeof(*state->signals); i++)
		uv_close((uv_handle_t *)&state->signals[i], NULL);
}

static void close_broker(struct state *state, uint64_t timeout_ms)
{
	state->is_closing = true;
	state->stats = jem_broker_stats(state->broker);
	jem_broker_close(state->broker, timeout_ms, on_broker_closed, state);
}

/* The first signal ends it in order, a second one at once. */
static void on_signal(uv_signal_t *handle, int number)
{
	struct state *state = handle->data;

	if (state->is_closing) {
		signal(number, SIG_DFL);
		raise(number);
	}
	close_broker(state, CLOSE_MS);
}

static void watch_signals(struct state *state)
{
	static const int numbers[] = { SIGTERM, SIGINT };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		uv_signal_init(&state->loop, &state->signals[i]);
		state->signals[i].data = state;
		uv_signal_start(&state->signals[i], on_signal, numbers[i]);
	}
}

/* Every address or none: a broker that listens on half of them would look well. */
static int listen_all(struct state *state, const struct jem_config *config)
{
	struct jem_err err;
	const char *url;

	for (size_t i = 0; i < jem_config_list_size(config, JEM_OPTION_listen_address); i++) {
		const char *address = jem_config_list_at(config, JEM_OPTION_listen_address, i);
		int rc = jem_broker_listen(state->broker, address, &err);

		if (rc >= 0)
			continue;
		log_error("%s", err.text);
		return rc == -EINVAL ? EX_USAGE : EX_UNAVAILABLE;
	}
	for (size_t i = 0; (url = jem_broker_url(state->broker, i)) != NULL; i++)
		puts(url);
	return fflush(stdout) ? EX_IOERR : EX_OK;
}

static int run_broker(const struct jem_tool_args *args)
{
	struct state state = { 0 };
	struct jem_err err = { "out of memory" };
	struct jem_broker_options options = {
		.loop = &state.loop,
		.queue_bytes = jem_config_u64(args->config, JEM_OPTION_listen_queue_bytes),
		.connections =
			(unsigned)jem_config_u64(args->config, JEM_OPTION_listen_connections),
		.credentials = jem_config_str(args->config, JEM_OPTION_broker_credentials),
		.tls = jem_broker_tls(args->config),
		.err = &err,
	};
	int status;

	uv_loop_init(&state.loop);
	if (jem_broker_create(&options, &state.broker) < 0) {
		log_error("%s", err.text);
		uv_loop_close(&state.loop);
		return EX_CONFIG;
	}
	watch_signals(&state);
	status = listen_all(&state, args->config);
	if (status != EX_OK)
		close_broker(&state, 0);
	uv_run(&state.loop, UV_RUN_DEFAULT);
	uv_loop_close(&state.loop);
	if (status == EX_OK)
		log_info("%" PRIu64 " messages in, %" PRIu64 " out, %" PRIu64 " dropped",
			 state.stats.messages_in, state.stats.messages_out,
			 state.stats.messages_dropped);
	return status;
}

const struct jem_tool jem_tool_broker = {
	.name = "broker",
	.usage = "Usage: jem broker [--listen HOST:PORT or unix:PATH]...\n"
		 "\n"
		 "Runs the embedded AMQP 1.0 broker until SIGTERM or SIGINT, and prints the URLs "
		 "it\n"
		 "listens on, one a line.\n",
	.programs = JEM_FOR_BROKER,
	.run = run_broker,
};
