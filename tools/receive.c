/* SPDX-License-Identifier: Apache-2.0 */
/* jem receive: the receiver, fed by a broker: one folder per job and a page of all. */
#include "broker-client/client.h"
#include "broker-client/settings.h"
#include "common/clock.h"
#include "common/log.h"
#include "receiver/receiver.h"
#include "tools/live.h"
#include "tools/tool.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
	CLOSE_MS = 2000,
	DRAW_MS = 60000, /* at the end; jem report draws what is left */
	URLS_MAX = 16,
	WINDOW = 1024, /* messages on their way: a subscription through a distant broker */
};

struct receive_options {
	const char *job;
};

struct receiving {
	uv_loop_t loop;
	struct jem_client *client;     /* owned */
	struct jem_receiver *receiver; /* owned */
	uv_signal_t signals[2];
	bool is_connected;
	bool is_told;
	bool is_ending;
};

static void on_message(void *arg, const struct jem_message *message, jem_delivery_id delivery)
{
	struct receiving *receiving = arg;

	jem_receiver_accept(receiving->receiver, message, delivery);
}

static void on_settle(void *arg, uint64_t ticket, enum jem_outcome outcome)
{
	struct receiving *receiving = arg;

	if (receiving->client)
		jem_client_settle(receiving->client, ticket, outcome);
}

/* Told when it changes, not at every attempt. */
static void on_state(void *arg, enum jem_client_state state, const char *text)
{
	struct receiving *receiving = arg;

	if (state == JEM_CLIENT_OPEN)
		log_info("receiving from %s", text);
	else if (state == JEM_CLIENT_WAITING && (receiving->is_connected || !receiving->is_told))
		log_warning("no broker: %s, retrying", text);
	receiving->is_told |= state == JEM_CLIENT_WAITING;
	receiving->is_connected = state == JEM_CLIENT_OPEN;
}

static void on_receiver_closed(void *arg)
{
	struct receiving *receiving = arg;

	for (size_t i = 0; i < sizeof(receiving->signals) / sizeof(*receiving->signals); i++)
		uv_close((uv_handle_t *)&receiving->signals[i], NULL);
}

static void on_client_closed(void *arg)
{
	struct receiving *receiving = arg;

	receiving->client = NULL;
	jem_receiver_close(receiving->receiver, on_receiver_closed, receiving);
}

/* What came is written and settled first, while the connection is there to say so. */
static void finish(struct receiving *receiving)
{
	struct jem_receiver_stats stats;
	size_t undrawn;

	receiving->is_ending = true;
	undrawn = jem_receiver_finish(receiving->receiver, jem_now_ns() + DRAW_MS * 1000000ull);
	stats = jem_receiver_stats(receiving->receiver);
	if (undrawn)
		log_warning("no time to draw %zu jobs; jem report draws them", undrawn);
	log_info("%" PRIu64 " batches in: %" PRIu64 " written with %" PRIu64 " records, %" PRIu64
		 " duplicates, %" PRIu64 " refused",
		 stats.batches, stats.written, stats.records, stats.duplicates, stats.invalid);
	jem_client_close(receiving->client, CLOSE_MS, on_client_closed);
}

/* The first signal ends it in order, a second one at once. */
static void on_signal(uv_signal_t *handle, int number)
{
	struct receiving *receiving = handle->data;

	if (receiving->is_ending) {
		signal(number, SIG_DFL);
		raise(number);
		return;
	}
	finish(receiving);
}

static void watch_signals(struct receiving *receiving)
{
	static const int numbers[] = { SIGTERM, SIGINT };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		uv_signal_init(&receiving->loop, &receiving->signals[i]);
		receiving->signals[i].data = receiving;
		uv_signal_start(&receiving->signals[i], on_signal, numbers[i]);
	}
}

static int open_client(struct receiving *receiving, const struct jem_config *config,
		       const char *pattern, struct jem_err *err)
{
	const char *urls[URLS_MAX];
	const char *queue = jem_config_str(config, JEM_OPTION_receiver_queue);
	char container[64];
	struct jem_client_options options = {
		.loop = &receiving->loop,
		.urls = urls,
		.container_id = container,
		.access = jem_broker_access(config),
		.subscribe = queue ? NULL : pattern,
		.queue = queue,
		.receive_window = WINDOW,
		.events = { .on_state = on_state, .on_message = on_message },
		.arg = receiving,
	};

	snprintf(container, sizeof(container), "jem-receive/%d/%llx", (int)getpid(),
		 (unsigned long long)uv_hrtime());
	while (options.url_count < URLS_MAX &&
	       options.url_count < jem_config_list_size(config, JEM_OPTION_broker_url)) {
		urls[options.url_count] =
			jem_config_list_at(config, JEM_OPTION_broker_url, options.url_count);
		options.url_count++;
	}
	return jem_client_create(&options, &receiving->client, err);
}

static int open_receiver(struct receiving *receiving, const struct jem_config *config,
			 struct jem_err *err)
{
	const struct jem_receiver_options options = {
		.loop = &receiving->loop,
		.config = config,
		.out = jem_config_str(config, JEM_OPTION_receiver_out),
		.is_live = !jem_config_str(config, JEM_OPTION_receiver_queue),
		.on_settle = on_settle,
		.arg = receiving,
	};

	return jem_receiver_create(&options, &receiving->receiver, err);
}

static int check_options(const struct jem_config *config)
{
	if (!jem_config_list_size(config, JEM_OPTION_broker_url))
		log_error("no broker is given; name one by --broker URL");
	else if (!jem_config_str(config, JEM_OPTION_receiver_out))
		log_error("no folder is given; name one by --out OUT");
	else
		return EX_OK;
	return EX_USAGE;
}

static int run(const struct jem_tool_args *args)
{
	const struct receive_options *options = args->options;
	struct receiving receiving = { 0 };
	char pattern[JEM_TOPIC_MAX] = "jem.#";
	struct jem_err err = { "" };
	int status = check_options(args->config);

	if (status != EX_OK)
		return status;
	if (options->job && jem_live_pattern(options->job, pattern, &err) < 0) {
		log_error("%s", err.text);
		return EX_USAGE;
	}
	uv_loop_init(&receiving.loop);
	watch_signals(&receiving);
	if (open_receiver(&receiving, args->config, &err) < 0) {
		log_error("%s", err.text);
		on_receiver_closed(&receiving);
		status = EX_CANTCREAT;
	} else if (open_client(&receiving, args->config, pattern, &err) < 0) {
		log_error("%s", err.text);
		jem_receiver_close(receiving.receiver, on_receiver_closed, &receiving);
		status = EX_USAGE;
	}
	uv_run(&receiving.loop, UV_RUN_DEFAULT);
	uv_loop_close(&receiving.loop);
	return status;
}

static const struct jem_flag flags[] = {
	{ "job", "PATTERN", "only this job: its name, or a pattern of topics (default: all jobs)",
	  'j' },
	{ 0 },
};

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct receive_options *options = arg;

	(void)flag;
	(void)err;
	options->job = value;
	return 0;
}

const struct jem_tool jem_tool_receive = {
	.name = "receive",
	.usage = "Usage: jem receive --broker URL [--job PATTERN] [--queue NAME] --out OUT\n\n"
		 "Records the jobs of a broker until SIGTERM or SIGINT: logs, data, graphs and "
		 "pages, one\n"
		 "folder OUT/<site>/<user>/<job> for each, and OUT/index.html for all.\n\n",
	.programs = JEM_FOR_RECEIVE | JEM_FOR_CLIENT,
	.flags = flags,
	.options_size = sizeof(struct receive_options),
	.on_flag = on_flag,
	.run = run,
};
